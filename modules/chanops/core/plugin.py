"""What a plugin writes: marks on plain functions. A mark does nothing; the loader collects them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar, cast, dataclass_transform

from chanops.core.errors import Problem
from chanops.core.schedule import Schedule
from chanops.core.settings import section

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")
MARKS = "__chanops_marks__"


@dataclass(frozen=True)
class CommandMark:
    """Typed by a person after the prefix."""

    names: tuple[str, ...]
    role: str = ""
    confirm: str = ""


@dataclass(frozen=True)
class HearsMark:
    """A pattern found in what people say."""

    pattern: re.Pattern[str]
    replayed: bool = False


@dataclass(frozen=True)
class OnMark:
    """Something that happens: "join", "topic", "welcome", "332" …"""

    event: str


@dataclass(frozen=True)
class ScheduleMark:
    """A time at which the function runs; what it returns is said in `to`."""

    schedule: Schedule
    to: str = ""


@dataclass(frozen=True)
class SettingsMark:
    """A class that holds a section of the configuration."""

    section: str


Mark = CommandMark | HearsMark | OnMark | ScheduleMark | SettingsMark


def command(name: str, *aliases: str, role: str = "", confirm: bool | str = False) -> Callable[[F], F]:
    """Run the function when somebody types the prefix and this name.

    With `role`, only for accounts that the configuration gives that role. With `confirm`, the bot first
    says what would be done (the text given here, or the typed line) and waits for `.confirm CODE`.
    """
    names = (name, *aliases)
    for each in names:
        if not NAME.match(each):
            raise Problem(f"@command({each!r}): a name is lower-case letters, digits, - and _, a letter first")
    text = confirm if isinstance(confirm, str) else ("this runs it" if confirm else "")
    return marking(CommandMark(names, role, text))


def hears(pattern: str, *, replayed: bool = False) -> Callable[[F], F]:
    """Run the function for each place where the pattern is found in what somebody says.

    What stands before the function's `*` is filled by the pattern's groups, or by the whole find when it
    has none. With `replayed`, also for old lines that a server or bouncer plays back.
    """
    try:
        return marking(HearsMark(re.compile(pattern), replayed))
    except re.error as error:
        raise Problem(f"@hears({pattern!r}): not a regular expression: {error}") from None


def on(event: str) -> Callable[[F], F]:
    """Run the function when this happens: "join", "part", "topic", "kick", "welcome", "332", "start" …"""
    return marking(OnMark(event.lower()))


def every(interval: str, *, to: str = "") -> Callable[[F], F]:
    """Run the function again and again: @every("10m"). What it returns is said in `to`."""
    return marking(ScheduleMark(Schedule.every(interval), to))


def daily(time: str, *, to: str = "", zone: str = "") -> Callable[[F], F]:
    """Run the function once a day: @daily("09:00", to="#ops", zone="Europe/Paris")."""
    return marking(ScheduleMark(Schedule.daily(time, zone), to))


def cron(expression: str, *, to: str = "", zone: str = "") -> Callable[[F], F]:
    """Run the function by a crontab expression: @cron("*/15 9-17 * * 1-5")."""
    return marking(ScheduleMark(Schedule.cron(expression, zone), to))


@dataclass_transform(frozen_default=True, kw_only_default=True)
def settings(name: str) -> Callable[[C], C]:
    """Make the class a section of the configuration; a function that names it by type is handed its values."""
    if not NAME.match(name):
        raise Problem(f"@settings({name!r}): a section is lower-case letters, digits, - and _, a letter first")

    def make(cls: C) -> C:
        return cast(C, marking(SettingsMark(name))(section(cls)))

    return make


def marking(mark: Mark) -> Callable[[Any], Any]:
    """A decorator that leaves the mark on what it is given, and changes nothing else."""

    def leave(target: Any) -> Any:
        setattr(target, MARKS, (mark, *vars(target).get(MARKS, ())))
        return target

    return leave


def marks_of(module: ModuleType) -> Iterator[tuple[Any, Mark]]:
    """The marked functions and classes that a module itself defines, in their order, with each mark."""
    for thing in list({id(thing): thing for thing in vars(module).values()}.values()):
        if getattr(thing, "__module__", None) == module.__name__ and hasattr(thing, MARKS):
            for mark in vars(thing).get(MARKS, ()):
                yield thing, mark
