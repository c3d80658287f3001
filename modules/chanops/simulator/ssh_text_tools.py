"""The pretended machines' tools for text."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace

from chanops.simulator.ssh_process import encoded, reason
from chanops.simulator.ssh_streams import Input, reader
from chanops.simulator.ssh_tools import Call, Misused, table, whole

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "\\": "\\", "0": "\0"}
_BLOCK = 65536


def echo(call: Call) -> int:
    words, letters = list(call.words), set()
    while words and re.fullmatch(r"-[neE]+", words[0]):
        letters |= set(words.pop(0)[1:])
    text = " ".join(words)
    call.write(encoded(_unescaped(text) if "e" in letters else text) + (b"" if "n" in letters else b"\n"))
    return 0


def printf(call: Call) -> int:
    """The format with %s %d %x %c %% and a width; it comes again as long as there are words."""
    if not call.words:
        raise Misused("missing operand")
    pattern, words = _unescaped(call.words[0]), call.words[1:]
    while True:
        count = len(words)

        def one(found: re.Match[str]) -> str:
            if found[2] == "%":
                return "%"
            word = words.pop(0) if words else ""
            if found[2] in "dxo":
                return f"%{found[1]}{found[2]}" % (int(word) if re.fullmatch(r"-?\d{1,18}", word) else 0)
            return f"%{found[1]}s" % (word[:1] if found[2] == "c" else _unescaped(word) if found[2] == "b" else word)

        call.write(encoded(re.sub(r"%(-?\d{0,3})([%sdxocb])", one, pattern)))
        if not words or len(words) == count:
            return 0


def _unescaped(text: str) -> str:
    return re.sub(r"\\([ntrabe\\0])", lambda found: _ESCAPES[found[1]], text)


def head(call: Call) -> int:
    options, words = _lines(call).options("n:c:q")
    count = whole(options.get("c") or options.get("n", "10"))
    return _parts(call, words, lambda source: source.read(count) if "c" in options else _first(source, count))


def _first(source: Input, count: int) -> bytes:
    """The first lines, and no more is read than needed."""
    found = bytearray()
    while found.count(b"\n") < count and (data := source.read(_BLOCK)):
        found += data
    return bytes(found[: _begin(found, count)])


def tail(call: Call) -> int:
    options, words = _lines(call).options("n:c:fFq")
    asked = options.get("c") or options.get("n", "10")
    count = whole(asked.lstrip("+-"))

    def part(source: Input) -> bytes:
        data = source.read()
        if asked.startswith("+"):
            return data[max(0, count - 1) if "c" in options else _begin(data, count - 1) :]
        return data[max(0, len(data) - count) if "c" in options else _end(data, count) :]

    status = _parts(call, words, part)
    if status == 0 and {"f", "F"} & options.keys() and words:
        _follow(call, words[-1])
    return status


def _begin(data: bytes | bytearray, lines: int) -> int:
    """Where the lines end that the data begins with."""
    at = 0
    for _ in range(lines):
        at = data.find(b"\n", at) + 1
        if at == 0:
            return len(data)
    return at


def _end(data: bytes, lines: int) -> int:
    """Where the lines begin that the data ends with."""
    at = len(data) - data.endswith(b"\n")
    for _ in range(lines):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return 0
    return at + 1 if lines else len(data)


def _lines(call: Call) -> Call:
    """With -n 5 for -5."""
    return replace(call, words=[re.sub(r"^-(\d+)$", r"-n\1", each) for each in call.words])


def _follow(call: Call, word: str) -> None:
    """What is added to a file, for ever."""
    file = call.disk.file(call.path(word))
    at = len(file.data)
    while True:
        call.shell.process.sleep(0.1)
        at = min(at, len(file.data))
        if new := bytes(file.data[at:]):
            at += len(new)
            call.write(new)


def _parts(call: Call, words: list[str], part: Callable[[Input], bytes]) -> int:
    """A part of each file, below its name when there are several."""

    def act(word: str) -> None:
        data = part(call.streams.input if word == "-" else reader(call.disk, call.path(word)))
        if len(words) > 1:
            call.say(f"==> {word} <==")
        call.write(data)

    return call.each(words or ["-"], act)


def count(call: Call) -> int:
    options, words = call.options("lwcm")
    wanted = [each for each in "lwc" if each in options] or ["l", "w", "c"]

    def act(word: str) -> None:
        data = call.content(word)
        found = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
        width = 1 if len(wanted) == 1 else len(str(len(data))) if words else 7
        numbers = " ".join(f"{found[each]:>{width}}" for each in wanted)
        call.say(f"{numbers} {word}" if words else numbers)

    return call.each(words or ["-"], act)


def grep(call: Call) -> int:
    """-i -v -n -c -q -l -h -o -w, -E and -F, -r into folders; 1 when nothing was found."""
    options, words = call.options("ivncqlhowEFrRsHe:")
    text = options["e"] if "e" in options else words.pop(0) if words else None
    if text is None:
        raise Misused("a pattern is needed")
    pattern = _pattern(call, text, options)
    files = words or (["."] if {"r", "R"} & options.keys() else ["-"])
    if {"r", "R"} & options.keys():
        files = [each for word in files for each in _below(call, word)]
    several = len(files) > 1 and "h" not in options
    found = 0
    status = 1
    for word in files:
        try:
            lines = call.content(word).decode(errors="surrogateescape").splitlines()
        except OSError as error:
            status = call.complain(f"{word}: {reason(error)}", 2)
            continue
        hits = [
            (number, line) for number, line in enumerate(lines, 1) if bool(pattern.search(line)) != ("v" in options)
        ]
        found += len(hits)
        _show(call, options, pattern, f"{word}:" if several else "", word, hits)
    return 0 if found and status != 2 else status


def _show(
    call: Call, options: dict[str, str], pattern: re.Pattern[str], prefix: str, word: str, hits: list[tuple[int, str]]
) -> None:
    if "q" in options:
        return
    if "c" in options:
        call.say(f"{prefix}{len(hits)}")
    elif "l" in options:
        if hits:
            call.say(word)
    else:
        for number, line in hits:
            shown = [each[0] for each in pattern.finditer(line)] if "o" in options else [line]
            for each in shown:
                call.say(f"{prefix}{f'{number}:' if 'n' in options else ''}{each}")


def _pattern(call: Call, text: str, options: dict[str, str]) -> re.Pattern[str]:
    if "F" in options:
        text = re.escape(text)
    elif "E" not in options and call.name != "egrep":
        # In a basic pattern these characters are plain, and mean something after a backslash.
        text = re.sub(r"\\([+?|(){}])|([+?|(){}])", lambda found: found[1] or f"\\{found[2]}", text)
    text = text.replace("[[:space:]]", r"\s").replace("[[:digit:]]", r"\d")
    try:
        return re.compile(rf"\b(?:{text})\b" if "w" in options else text, re.IGNORECASE if "i" in options else 0)
    except re.error:
        raise Misused(f"the pattern {text!r} is invalid") from None


def _below(call: Call, word: str) -> list[str]:
    """All files in a folder and in those that are in it."""
    try:
        names = call.disk.names(call.path(word))
    except OSError:
        return [word]
    return [each for name in names for each in _below(call, f"{word.rstrip('/')}/{name}")]


def sort(call: Call) -> int:
    options, words = call.options("rnuhk:t:")
    lines = [line for word in words or ["-"] for line in call.content(word).splitlines()]
    lines = sorted(set(lines) if "u" in options else lines, key=_number if "n" in options else None)
    for line in reversed(lines) if "r" in options else lines:
        call.write(line + b"\n")
    return 0


def _number(line: bytes) -> tuple[float, bytes]:
    matched = re.match(rb"\s*(-?\d{1,18})", line)
    return (int(matched[1]) if matched else 0, line)


def sequence(call: Call) -> int:
    """seq LAST, seq FIRST LAST, seq FIRST STEP LAST."""
    numbers = [int(each) for each in call.words if re.fullmatch(r"-?\d{1,12}", each)]
    if len(numbers) != len(call.words) or not 1 <= len(numbers) <= 3:
        raise Misused("one to three numbers are needed")
    step = numbers[1] if len(numbers) == 3 else 1
    first = numbers[0] if len(numbers) > 1 else 1
    found = iter(range(first, numbers[-1] + (1 if step > 0 else -1), step or 1))
    while block := list(itertools.islice(found, 1000)):
        call.write("".join(f"{each}\n" for each in block).encode())
    return 0


TEXT = table(
    {
        "echo": echo,
        "printf": printf,
        "head": head,
        "tail": tail,
        "wc": count,
        "grep egrep fgrep": grep,
        "sort": sort,
        "seq": sequence,
    }
)
