"""What a line means: prefix, name, role, words; four small steps, and nothing is done yet."""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from chanops.core.access import Roles
from chanops.core.book import Book, Command
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.signature import Signature
from chanops.core.text import shorten, visible

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
LONGEST_SHOWN = 60


class Call(NamedTuple):
    """A function to be run for somebody: what it was given, and the moment it belongs to."""

    plugin: str
    function: Callable[..., Any]
    signature: Signature
    said: Message
    args: Sequence[Any] = ()
    options: Mapping[str, Any] = MappingProxyType({})
    moment: tuple[object, ...] = ()
    command: Command | None = None


@dataclass(frozen=True)
class Answer:
    """What is said at once to somebody whose line cannot be carried out; a `guess` only if nobody else heard it."""

    text: str
    guess: bool = False


@dataclass(frozen=True)
class Rules:
    """What holds in the place where a line was said."""

    prefix: str = "."
    allowed: Container[str] | None = None


def asked(said: Message, book: Book, roles: Roles, rules: Rules) -> Call | Answer | None:
    """The call that a line asks for, or why there is none; None where it is no command at all."""
    if said.event != "message" or said.replayed or said.bot or not said.text.startswith(rules.prefix):
        return None
    found = NAME.match(said.text, len(rules.prefix))
    if found is None:
        return None
    word = said.text[len(rules.prefix) :].partition(" ")[0]
    command = book.by_name.get(word.lower()) if word == found[0] else None
    if command is None:
        return unknown(book.near(found[0]), shorten(visible(word), LONGEST_SHOWN), said, rules)
    if rules.allowed is not None and not any(name in rules.allowed for name in command.names):
        return Answer(f"{rules.prefix}{command.name} is not for this channel")
    refusal = refused(command, said, roles)
    if refusal:
        return Answer(f"{rules.prefix}{command.name}: {refusal}")
    return bound(command, said.text[found.end() :], said, rules)


def unknown(nearest: str, name: str, said: Message, rules: Rules) -> Answer | None:
    """In a channel only a near miss is answered: other bots may share the prefix."""
    if nearest:
        return Answer(f"no {rules.prefix}{name}; did you mean {rules.prefix}{nearest}?", guess=True)
    return (
        None if said.channel else Answer(f"no {rules.prefix}{name}; {rules.prefix}help lists what there is", guess=True)
    )


def refused(command: Command, said: Message, roles: Roles) -> str:
    """Why somebody may not run a command, or ""."""
    if not command.role:
        return ""
    refusal = roles.refusal(command.role, said)
    if not refusal and not said.channel:
        return "this is done in a channel, where the others see it"
    if not refusal and (said.raw != said.text or visible(said.text) != said.text):
        return "the line has formatting or characters that nobody sees: type it plainly"
    return refusal


def bound(command: Command, rest: str, said: Message, rules: Rules) -> Call | Answer:
    """The call with its words turned into values."""
    try:
        args, options = command.signature.bind(rest.strip(" "))
    except Problem as problem:
        return Answer(f"{problem}. Usage: {command.usage(rules.prefix)}")
    return Call(command.plugin, command.function, command.signature, said, args, options, (said,), command)
