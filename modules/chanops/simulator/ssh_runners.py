"""The pretended machines' tools that run other words, or wait."""

import io
import re
import time
from dataclasses import replace

from chanops.simulator.ssh_grammar import parse
from chanops.simulator.ssh_process import Ended, Exit, encoded
from chanops.simulator.ssh_shell import MISUSED, NOT_FOUND, Shell
from chanops.simulator.ssh_tools import Call, Misused, table

# Whoever sends a script with its words has this shell store it and run it; here it is run at once.
STORES_A_SCRIPT = "chanops-script"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def shell(call: Call) -> int:
    """sh FILE WORDS, sh -c TEXT NAME WORDS, sh -s WORDS with the script on its input."""
    words, letters = list(call.words), set()
    while words and re.fullmatch(r"[-+][a-z]+", words[0]):
        letters |= set(words.pop(0)[1:])
    if words[:1] == ["--"]:
        words.pop(0)
    made = call.shell.child(call.streams)
    made.name, made.words, made.options = call.name, [], letters & set("eux")
    if "c" in letters:
        if not words:
            return call.complain("0: -c requires an argument", MISUSED)
        text, *rest = words
        if rest[:1] == [STORES_A_SCRIPT]:
            empty = replace(call.streams, input=io.BytesIO())
            return made.script(rest[0], call.streams.input.read(), rest[1:], empty)
        made.name, made.words = rest[0] if rest else call.name, rest[1:]
        return made.main(text)
    if words and "s" not in letters:
        made.name, made.words = words[0], words[1:]
        if not call.disk.has(call.path(words[0])):
            made.complain(f"cannot open {words[0]}: No such file", call.streams)
            return MISUSED
        return made.main(call.content(words[0]).decode(errors="surrogateescape"))
    made.words = words
    text = call.streams.input.read().decode(errors="surrogateescape")
    made.streams = replace(call.streams, input=io.BytesIO())
    return made.main(text)


def source(call: Call) -> int:
    if not call.words:
        return call.complain("filename argument required", MISUSED)
    try:
        text = call.content(call.words[0]).decode(errors="surrogateescape")
    except OSError:
        call.shell.complain(f".: {call.words[0]}: not found", call.streams)
        raise Exit(MISUSED) from None
    return _here(call, text)


def evaluate(call: Call) -> int:
    return _here(call, " ".join(call.words))


def _here(call: Call, text: str) -> int:
    """Run a text in the very shell."""
    before, call.shell.streams = call.shell.streams, call.streams
    try:
        return call.shell.run(parse(text))
    finally:
        call.shell.streams = before


def run(call: Call) -> int:
    """exec, nohup, nice, command, time: what follows, as if it stood alone."""
    words = list(call.words)
    if call.name == "command" and words[:1] in (["-v"], ["-V"]):
        return NOT_FOUND if which(replace(call, words=words[1:])) else 0
    while words and words[0].startswith("-"):
        words.pop(0)
    status = call.shell.call(words, call.streams) if words else 0
    if call.name == "exec" and words:
        raise Exit(status)
    return status


def which(call: Call) -> int:
    found = [each for each in call.words if each in call.shell.tools]
    for each in found:
        call.say(f"/usr/bin/{each}")
    return int(len(found) < len(call.words))


def sudo(call: Call) -> int:
    options, words = call.options("nHEikSu:", mixed=False)
    made: Shell = call.shell.child(call.streams, user=options.get("u", "root"))
    return made.call(words, call.streams) if words else call.complain("a command is needed")


def environment(call: Call) -> int:
    """env NAME=value … WORDS, or all variables."""
    made, words = call.shell.child(call.streams), list(call.words)
    while words and (words[0].startswith("-") or "=" in words[0]):
        name, equals, value = words.pop(0).partition("=")
        made.variables |= {name: value} if equals else {}
        made.variables = {} if name == "-i" else made.variables
    if words:
        if words[0] not in made.tools and "/" not in words[0]:
            return call.complain(f"'{words[0]}': No such file or directory", NOT_FOUND)
        return made.call(words, call.streams)
    for name, value in sorted(made.variables.items()):
        call.say(f"{name}={value}")
    return 0


def sleep(call: Call) -> int:
    if not call.words:
        raise Misused("missing operand")
    call.shell.process.sleep(sum(map(_seconds, call.words)))
    return 0


def _seconds(word: str) -> float:
    matched = re.fullmatch(r"(\d{0,8}\.?\d{1,8})([smhd]?)", word)
    if matched is None:
        raise Misused(f"invalid time interval '{word}'")
    return float(matched[1]) * _UNITS[matched[2]]


def timeout(call: Call) -> int:
    """timeout SECONDS WORDS: what sleeps or writes is cut short."""
    _, words = call.options("k:s:", mixed=False)
    if len(words) < 2:
        raise Misused("missing operand")
    made = call.shell.child(call.streams)
    made.process = made.process.until(time.monotonic() + _seconds(words[0]))
    try:
        return made.call(words[1:], call.streams)
    except Ended:
        call.shell.process.check()
        return 124


def endless(call: Call) -> int:
    """yes: until nobody reads any more."""
    block = encoded(f"{' '.join(call.words) or 'y'}\n")
    block *= max(1, 8192 // len(block))
    while True:
        call.write(block)


RUNNERS = table(
    {
        "sh bash dash": shell,
        ". source": source,
        "eval": evaluate,
        "exec nohup nice command time": run,
        "which": which,
        "sudo": sudo,
        "env": environment,
        "sleep": sleep,
        "timeout": timeout,
        "yes": endless,
    }
)
