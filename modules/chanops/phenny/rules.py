"""What the attributes of a phenny function mean, as patterns. Pure."""

import re
from collections.abc import Iterator
from typing import Any

PRIORITIES = {"high": 0, "medium": 1, "low": 2}
NICK = ("$nickname", "$nick")


def is_phenny(function: Any) -> bool:
    """Whether something is a function as phenny binds it."""
    return callable(function) and (hasattr(function, "commands") or hasattr(function, "rule"))


def bind_defaults(function: Any) -> None:
    """Leave the defaults on the function, as phenny does: modules read them there."""
    for name, value in (("priority", "medium"), ("thread", True), ("event", "PRIVMSG")):
        if not hasattr(function, name):
            setattr(function, name, value)
    function.event = function.event.upper()
    if not hasattr(function, "name"):
        function.name = function.__name__


def filled(pattern: str, nick: str) -> str:
    """A pattern with the bot's nick in it; $nick stands for the nick and what follows it in an address."""
    return pattern.replace("$nickname", re.escape(nick)).replace("$nick", re.escape(nick) + "[,:] +")


def names_nick(function: Any) -> bool:
    """Whether a function's patterns differ from network to network."""
    rule = getattr(function, "rule", "")
    first = rule[0] if isinstance(rule, tuple | list) and rule else rule
    return isinstance(first, str) and any(name in first for name in NICK)


def rule_patterns(function: Any, nick: str, prefix: str) -> Iterator[re.Pattern[str]]:
    """The patterns of a function's `rule`, in whichever of its four forms."""
    rule = getattr(function, "rule", None)
    if isinstance(rule, str):
        yield re.compile(filled(rule, nick))
    elif isinstance(rule, tuple) and len(rule) == 2 and isinstance(rule[0], str):
        yield re.compile(filled(rule[0], nick) + rule[1])
    elif isinstance(rule, tuple) and len(rule) == 2:
        for command in rule[0]:
            yield re.compile(rf"{re.escape(prefix)}({command})\b(?: +(?:{rule[1]}))?")
    elif isinstance(rule, tuple) and len(rule) == 3:
        for command in rule[1]:
            yield re.compile(filled(rule[0], nick) + f"({command}) +{rule[2]}")


def command_pattern(command: str, prefix: str) -> re.Pattern[str]:
    """The pattern of one of a function's `commands`: group 1 is the command, group 2 the rest or None."""
    return re.compile(rf"^{re.escape(prefix)}({command})(?: +(.*))?$")
