"""The pretended shell's own words: what changes the shell itself."""

import itertools

from chanops.simulator.ssh_files import Folder, Link
from chanops.simulator.ssh_process import Exit, Leave
from chanops.simulator.ssh_shell import MISUSED
from chanops.simulator.ssh_tools import Call, leave, table, whole


def nothing(call: Call) -> int:
    return 0


def fail(call: Call) -> int:
    return 1


def exit_(call: Call) -> int:
    return leave(call, call.shell.status)


def change_folder(call: Call) -> int:
    shell = call.shell
    wanted = call.words[0] if call.words else shell.variables.get("HOME", "/")
    wanted = shell.variables.get("OLDPWD", shell.folder) if wanted == "-" else wanted
    try:
        found = call.disk.find(call.path(wanted))
    except OSError:
        found = None
    if not isinstance(found, Folder):
        shell.complain(f"cd: can't cd to {wanted}", call.streams)
        return MISUSED
    before, shell.folder = shell.folder, call.path(wanted)
    shell.variables |= {"OLDPWD": before, "PWD": shell.folder}
    return 0


def show_folder(call: Call) -> int:
    call.say(call.shell.folder)
    return 0


def export(call: Call) -> int:
    for word in call.words:
        name, equals, value = word.partition("=")
        if equals:
            call.shell.variables[name] = value
    return 0


def unset(call: Call) -> int:
    for word in call.words:
        call.shell.variables.pop(word, None)
    return 0


def set_(call: Call) -> int:
    """set -e -u -x (-o … is taken and does nothing), set -- WORDS."""
    words = list(call.words)
    while words:
        word = words.pop(0)
        if word == "--":
            call.shell.words = words
            return 0
        if word[:1] not in ("-", "+") or len(word) < 2:
            call.shell.words = [word, *words]
            return 0
        letters = set(word[1:])
        if "o" in letters:
            letters |= {{"errexit": "e", "nounset": "u", "xtrace": "x"}.get(words.pop(0) if words else "", "o")}
        call.shell.options = call.shell.options | letters if word[0] == "-" else call.shell.options - letters
    return 0


def shift(call: Call) -> int:
    count = whole(call.words[0]) if call.words else 1
    if count > len(call.shell.words):
        call.shell.complain("shift: can't shift that many", call.streams)
        raise Exit(MISUSED)
    del call.shell.words[:count]
    return 0


def read(call: Call) -> int:
    """One line, split into variables; the last gets the rest."""
    _, names = call.options("r")
    line = bytearray()
    while (here := call.streams.input.read(1)) not in (b"", b"\n"):
        line += here
    words = line.decode(errors="surrogateescape").strip().split(None, max(0, len(names) - 1))
    for name, word in itertools.zip_longest(names or ["REPLY"], words, fillvalue=""):
        call.shell.variables[name] = word
    return int(here == b"")


def trap(call: Call) -> int:
    """trap '' SIGNALS: they do nothing from now on; other actions are forgotten."""
    names = {each.upper().removeprefix("SIG") for each in call.words[1:]}
    ignored = call.shell.process.ignored
    if call.words and not call.words[0]:
        ignored |= names - {"KILL"}
    else:
        ignored -= names
    return 0


def wait(call: Call) -> int:
    for thread in list(call.shell.process.background):
        while thread.is_alive():
            thread.join(0.05)
            call.shell.process.check()
    return 0


def break_(call: Call) -> int:
    raise Leave(whole(call.words[0]) if call.words else 1, call.name == "continue")


def test(call: Call) -> int:
    words = list(call.words)
    if call.name == "[" and (not words or words.pop() != "]"):
        return call.complain("missing ]", MISUSED)
    try:
        return int(not _any(call, words))
    except (KeyError, ValueError):
        return call.complain("unexpected operator", MISUSED)


def _any(call: Call, words: list[str]) -> bool:
    """The words of test: -o joins what -a joins."""
    for operator, join in (("-o", any), ("-a", all)):
        if operator in words[1:-1]:
            at = words.index(operator, 1)
            return join([_any(call, words[:at]), _any(call, words[at + 1 :])])
    if words[:1] == ["!"]:
        return not _any(call, words[1:])
    if len(words) < 2:
        return bool(words and words[0])
    if len(words) == 2:
        return _one(call, *words)
    left, operator, right = words
    if operator in ("=", "==", "!="):
        return (left == right) == (operator != "!=")
    sign = (int(left) > int(right)) - (int(left) < int(right))
    return sign in {"-eq": (0,), "-ne": (-1, 1), "-lt": (-1,), "-le": (-1, 0), "-gt": (1,), "-ge": (0, 1)}[operator]


def _one(call: Call, operator: str, word: str) -> bool:
    if operator in ("-n", "-z"):
        return bool(word) == (operator == "-n")
    if operator == "-t":
        return False
    try:
        node = call.disk.find(call.path(word), follow=operator not in ("-L", "-h"))
    except OSError:
        return False
    kinds = {"-d": Folder, "-L": Link, "-h": Link}
    if operator in kinds:
        return isinstance(node, kinds[operator])
    if operator == "-x":
        return bool(node.mode & 0o111)
    if operator in ("-f", "-s"):
        return not isinstance(node, Folder | Link) and (operator == "-f" or bool(node.data))
    if operator in ("-e", "-r", "-w"):
        return True
    raise ValueError(operator)


BUILTINS = table(
    {
        ": true umask": nothing,
        "false": fail,
        "exit return": exit_,
        "cd": change_folder,
        "pwd": show_folder,
        "export readonly local": export,
        "unset": unset,
        "set": set_,
        "shift": shift,
        "read": read,
        "trap": trap,
        "wait": wait,
        "break continue": break_,
        "test [": test,
    }
)
