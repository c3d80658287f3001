"""The book of all that plugins brought: commands, listeners, times; made once, then only read."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.schedule import Schedule
from chanops.core.sections import NAMED, SINGLE
from chanops.core.signature import Signature
from chanops.core.text import near

SAID = ("message", "action")
ANY_EVENT = "*"
MOST_CHOSEN = 1000  # kinds of event to remember; a hostile server can make up any number


@dataclass(frozen=True)
class Command:
    """What a person can type after the prefix."""

    plugin: str
    names: tuple[str, ...]
    function: Callable[..., Any]
    signature: Signature
    doc: str = ""
    role: str = ""
    confirm: str = ""
    example: str = ""

    @property
    def name(self) -> str:
        """The name it is listed under; the others are aliases."""
        return self.names[0]

    def usage(self, prefix: str) -> str:
        """The command as it is typed: .url ADDRESS [TITLE…]."""
        return f"{prefix}{self.name} {self.signature.usage}".rstrip()

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.doc.strip().partition("\n")[0].strip()


@dataclass(frozen=True)
class Listener:
    """What runs by itself when something is said or happens."""

    plugin: str
    function: Callable[..., Any]
    signature: Signature
    events: tuple[str, ...] = SAID
    pattern: re.Pattern[str] | None = None
    replayed: bool = False
    raw: bool = False
    once: bool = False
    network: str = ""

    @cached_property
    def first(self) -> Callable[[str], re.Match[str] | None] | None:
        """A quick look whether a text can concern it at all; None where every text does."""
        return None if self.pattern is None or self.raw else self.pattern.search

    @cached_property
    def needle(self) -> str:
        """What each find has in it: to look for that first is six times as quick as to search for the pattern."""
        return "" if self.pattern is None or self.raw else literal_in(self.pattern)

    def finds(self, said: Message) -> Iterator[tuple[list[Any], tuple[object, ...]]]:
        """The arguments for each place where it is to run, and what else belongs to that moment."""
        if said.replayed and not self.replayed:
            return
        if self.network and self.network != said.network:
            return
        if self.pattern is None:
            yield [], (said,)
            return
        text = said.raw if self.raw else said.text
        found = [self.pattern.match(text)] if self.once else self.pattern.finditer(text)
        for match in filter(None, found):
            try:
                yield self.arguments(match), (said, match)
            except Problem:
                continue  # the pattern fitted but its groups are no words of the wanted type: not meant

    def arguments(self, match: re.Match[str]) -> list[Any]:
        """The pattern's groups as values of the parameters' types; the whole find where it has no groups."""
        groups = match.groups() or (match[0],)
        by_place = [each for each in self.signature.typed if not each.named_only]
        return [
            each.default if group is None else each.value(group) for each, group in zip(by_place, groups, strict=False)
        ]


def literal_in(pattern: re.Pattern[str]) -> str:
    """The longest text that stands in whatever the pattern finds, or "" where none is sure."""
    parser = getattr(re, "_parser", None)  # Python's own, and private: without it there is just no quick look
    if parser is None or pattern.flags & re.IGNORECASE:
        return ""
    pieces = "".join(
        chr(what) if str(kind) == "LITERAL" else "\0" for kind, what in parser.parse(pattern.pattern, pattern.flags)
    )
    return max(pieces.split("\0"), key=len)


@dataclass(frozen=True)
class Timed:
    """What runs at certain times."""

    plugin: str
    function: Callable[..., Any]
    signature: Signature
    schedule: Schedule
    to: str = ""


@dataclass(frozen=True)
class Plugin:
    """One plugin as it was found."""

    name: str
    origin: str
    doc: str = ""
    commands: tuple[Command, ...] = ()
    listeners: tuple[Listener, ...] = ()
    timed: tuple[Timed, ...] = ()
    sections: Mapping[str, type] = field(default_factory=dict)

    @property
    def signatures(self) -> Iterator[tuple[str, Signature]]:
        """Each function's name and signature, to check what it asks for."""
        everything: list[Command | Listener | Timed] = [*self.commands, *self.listeners, *self.timed]
        for each in everything:
            yield f"{self.name}.{each.function.__name__}", each.signature


@dataclass(frozen=True)
class Book:
    """All plugins."""

    plugins: tuple[Plugin, ...]

    @staticmethod
    def of(plugins: Iterable[Plugin]) -> "Book":
        """Raises Problem where two plugins, commands or sections have one name."""
        book = Book(tuple(plugins))
        seen = {f"section [{name}]": "chanops itself" for name in (*SINGLE, *NAMED, "roles")}
        for plugin in book.plugins:
            names = [f"plugin {plugin.name}", *(f"section [{name}]" for name in plugin.sections)]
            names += [f"command {name}" for command in plugin.commands for name in command.names]
            for name in names:
                if name in seen:
                    raise Problem(
                        f"{name} is in {seen[name]} and in {plugin.origin}: rename one, "
                        f"or leave a plugin out with `skip = …` under [bot]"
                    )
                seen[name] = plugin.origin
        return book

    @cached_property
    def by_name(self) -> dict[str, Command]:
        """Commands by each of their names."""
        return {name: command for plugin in self.plugins for command in plugin.commands for name in command.names}

    @cached_property
    def by_event(self) -> dict[str, tuple[Listener, ...]]:
        """Listeners by event."""
        every = [listener for plugin in self.plugins for listener in plugin.listeners]
        events = {event for listener in every for event in listener.events}
        return {event: tuple(each for each in every if event in each.events) for event in events}

    @property
    def timed(self) -> list[Timed]:
        """What runs at certain times."""
        return [timed for plugin in self.plugins for timed in plugin.timed]

    @cached_property
    def chosen(self) -> dict[tuple[str, str], tuple[Listener, ...]]:
        """What `listeners` has found before."""
        return {}

    def listeners(self, said: Message) -> tuple[Listener, ...]:
        """The listeners for what happened: by its event's name, by its number, or for anything."""
        key = (said.event, said.command)
        if key not in self.chosen:
            number = self.by_event.get(said.command, ()) if said.command.isdigit() else ()
            found = (*self.by_event.get(said.event, ()), *number, *self.by_event.get(ANY_EVENT, ()))
            if len(self.chosen) >= MOST_CHOSEN:
                return found
            self.chosen[key] = found
        return self.chosen[key]

    def near(self, name: str) -> str:
        """The nearest command's name, or ""."""
        return near(name, self.by_name)
