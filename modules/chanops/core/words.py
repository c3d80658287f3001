"""The words a person types: cut, quoted, and turned into values of a type."""

import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from chanops.core.address import parts
from chanops.core.errors import Problem
from chanops.core.text import UNSEEN_LETTERS, near, visible

LONGEST_ADDRESS = 2048
SHOWN = re.compile(rf'[^\s<>"{UNSEEN_LETTERS}]*\Z')
OPTION = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}\Z")
NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?\Z")
DURATION = re.compile(r"(?:[0-9]{1,6}(?:\.[0-9]{1,3})?(?:ms|[smhdw]))+\Z")
DURATION_PART = re.compile(r"([0-9.]+)(ms|[smhdw])")
SELECTOR = re.compile(r"(tag:|on:|id:)?[A-Za-z0-9*?\[][A-Za-z0-9*?\[\]!._-]*\Z")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
TRUE_WORDS = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}


@dataclass(frozen=True)
class Kind:
    """A kind of word that is a plain str to Python but more to a person."""

    name: str


@dataclass(frozen=True)
class Flag:
    """A bool that is switched on by a word of its own: dry: Annotated[bool, Flag("-n")] = False."""

    word: str


Url = Annotated[str, Kind("url")]
Rest = Annotated[str, Kind("rest")]
Arguments = Annotated[list[str], Kind("arguments")]


@dataclass(frozen=True)
class Targets:
    """Which machines: names, globs and tags, separated by commas: web1,db-*,tag:scraper,on:do,id:481."""

    selectors: tuple[str, ...]

    def matches(self, name: str, tags: tuple[str, ...] = (), on: str = "", id: str = "") -> bool:
        """Whether a machine of that name, with those tags, at that provider, is meant."""
        return any(self.unmatched(selector, name, tags, on, id) is False for selector in self.selectors)

    @staticmethod
    def unmatched(selector: str, name: str, tags: tuple[str, ...] = (), on: str = "", id: str = "") -> bool:
        """Whether one selector passes a machine by, so that what matched nothing can be said."""
        if selector.startswith("tag:"):
            return selector[4:] not in tags
        if selector.startswith("on:"):
            return selector[3:] != on
        if selector.startswith("id:"):
            return selector[3:] != id
        return not fnmatchcase(name, selector)

    def __str__(self) -> str:
        return ",".join(self.selectors)


@dataclass(frozen=True)
class Word:
    """One word as typed: its value without quotes, whether it was quoted, and where it stands."""

    value: str
    quoted: bool
    start: int
    end: int


def past_spaces(text: str, position: int) -> int:
    """The first position at or after this one that holds no space."""
    while position < len(text) and text[position] == " ":
        position += 1
    return position


def next_word(text: str, position: int = 0) -> Word:
    """The word that begins at or after a position.

    A quote opens only at the start of a word or after `name=`, so that "don't" needs none; within double
    quotes a backslash keeps the next character.
    """
    start = position = past_spaces(text, position)
    value, quoted = [], False
    while position < len(text) and text[position] != " ":
        letter = text[position]
        if letter in "\"'" and (position == start or OPTION.fullmatch(text, start, position)):
            piece, position = quoted_piece(text, position)
            value.append(piece)
            quoted = True
        else:
            value.append(letter)
            position += 1
    return Word("".join(value), quoted, start, position)


def quoted_piece(text: str, position: int) -> tuple[str, int]:
    """What stands between the quote at a position and its twin, and the position after that."""
    quote, at = text[position], position + 1
    piece: list[str] = []
    while at < len(text):
        letter = text[at]
        if letter == quote:
            return "".join(piece), at + 1
        if letter == "\\" and quote == '"' and at + 1 < len(text):
            at += 1
            letter = text[at]
        piece.append(letter)
        at += 1
    raise Problem(f"the quote {quote} in {visible(text[position : position + 20])} is not closed: type another {quote}")


def arguments(text: str) -> list[str]:
    """All words of a text: what stands in quotes is one word, and no word is an option."""
    found, position = list[str](), 0
    while (position := past_spaces(text, position)) < len(text):
        word = next_word(text, position)
        found.append(word.value)
        position = word.end
    return found


def whole_number(word: str) -> int:
    """An int; only the digits 0 to 9 count as digits."""
    if WHOLE_NUMBER.match(word):
        return int(word)
    raise Problem("a whole number")


def number(word: str) -> float:
    """A float, without exponent, infinity or nan."""
    if NUMBER.match(word):
        return float(word)
    raise Problem("a number")


def truth(word: str) -> bool:
    """A bool from yes, no, on, off, true, false."""
    if word.lower() in TRUE_WORDS:
        return TRUE_WORDS[word.lower()]
    raise Problem("yes or no")


def duration(word: str) -> timedelta:
    """A timedelta from 90s, 10m, 1h30m, 2d, 1w."""
    if DURATION.match(word):
        parts = DURATION_PART.findall(word)
        if len({unit for _, unit in parts}) == len(parts):
            return timedelta(seconds=sum(float(count) * SECONDS[unit] for count, unit in parts))
    raise Problem("a length of time such as 90s, 10m, 1h30m or 2d")


def web_address(word: str) -> str:
    """An http(s) address with a host, and no name or password in it."""
    if len(word) > LONGEST_ADDRESS or not SHOWN.match(word):
        raise Problem(f"an address of at most {LONGEST_ADDRESS} plain characters")
    found = parts(word)
    if found is None:
        raise Problem("an address that begins with http:// or https://")
    if found.user is not None:
        raise Problem("an address without a name and password in it: they would be shown to everybody")
    return word


def targets(word: str) -> Targets:
    """Targets from names, globs, tag:T and on:PROVIDER, separated by commas."""
    selectors = tuple(dict.fromkeys(filter(None, word.split(","))))
    if not selectors or not all(map(SELECTOR.match, selectors)):
        raise Problem("names, globs or tags, separated by commas: web1,db-*,tag:scraper")
    return Targets(selectors)


CONVERTERS: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: whole_number,
    float: number,
    bool: truth,
    timedelta: duration,
    Targets: targets,
    Url: web_address,
    Rest: str,
    Arguments: arguments,
}


def choice(word: str, choices: tuple[Any, ...]) -> Any:
    """One of the values of a Literal, by its text."""
    known = {str(value): value for value in choices}
    if word in known:
        return known[word]
    found = near(word, known)
    raise Problem(f"one of {', '.join(known)}" + (f" (did you mean {found}?)" if found else ""))


def converter(wanted: Any) -> Callable[[str], Any] | None:
    """The function that turns a word into that type, or None where no word can become one."""
    for known, convert in CONVERTERS.items():
        if wanted == known:  # not by hash: Annotated[str, []] has none
            return convert
    if flag_of(wanted) is not None:
        return truth
    if get_origin(wanted) is Literal:
        return lambda word: choice(word, get_args(wanted))
    if get_origin(wanted) in (Union, types.UnionType):
        inner = [each for each in get_args(wanted) if each is not type(None)]
        return converter(inner[0]) if len(inner) == 1 else None
    return None


def flag_of(wanted: Any) -> Flag | None:
    """The flag in Annotated[bool, Flag(…)]; None where there is none."""
    found = [each for each in getattr(wanted, "__metadata__", ()) if isinstance(each, Flag)]
    return found[0] if found and get_args(wanted)[0] is bool else None
