"""What somebody searches for, read from what they typed: anything that is no filter is just words."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from chanops.core.logged import LOGGED
from chanops.core.terms import LONGEST, terms_of

MOST_CHARACTERS, MOST_TERMS, SHORTEST_BEGINNING = 1000, 32, 2
# -word  "some words"  beginn*  filter:value  filter:"a value"
PART = re.compile(r'(?P<no>-(?!-))?(?:(?P<name>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)(?:"(?P<open>\*)?|$)|(?P<bare>\S+))')
MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?")


class Phrase(NamedTuple):
    """Words that follow each other; of the last, it may be only the beginning that is known."""

    words: tuple[str, ...]
    open: bool = False


@dataclass(frozen=True)
class Filters:
    """What is known of a line besides its words: any of each."""

    nicks: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    """#name, or NETWORK/#name."""
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """All of the phrases and filters, none of those without, within the times."""

    text: str = ""
    phrases: tuple[Phrase, ...] = ()
    without: tuple[Phrase, ...] = ()
    only: Filters = field(default_factory=Filters)
    never: Filters = field(default_factory=Filters)
    after: datetime | None = None
    """Not before this."""
    before: datetime | None = None
    """Earlier than this."""
    exact: tuple[str, ...] = ()
    """What the text has letter by letter; the words of it are among the phrases."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words as `terms_of` cuts them, for highlighting; one with a * is a beginning."""
        found = (word + "*" * (each.open and place == len(each.words)) for each, place, word in self.each_word())
        return tuple(dict.fromkeys(found))

    def each_word(self) -> list[tuple[Phrase, int, str]]:
        return [(each, place, word) for each in self.phrases for place, word in enumerate(each.words, 1)]

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return replace(self, text="") == NOTHING


NOTHING = Query()


def read(text: str) -> Query:
    """What is asked; whatever was typed asks something or nothing, and is no error."""
    query, left = Query(), MOST_TERMS
    for found in PART.finditer(text[:MOST_CHARACTERS]):
        query, left = with_part(query, left, found)
    return replace(query, text=text)


def with_part(query: Query, left: int, found: re.Match[str]) -> tuple[Query, int]:
    """The query with one more part, if there is room for it."""
    if not left:
        return query, 0
    bare, no, name = found["bare"], bool(found["no"]), (found["name"] or "").lower()
    value = found["quoted"] if bare is None else bare
    filtered = with_filter(query, name, value.strip(), no) if name else None
    if filtered is None and name:
        value = f"{name}:{value}"
    if filtered is not None and name != "exact":
        return filtered, left - 1
    words = tuple(terms_of(value))[:left]
    query = filtered or query
    if not words:
        return query, left - bool(filtered)
    beginning = bool(found["open"]) or (bare is not None and value.endswith("*"))
    # A beginning of one letter would be half of all words.
    phrase = Phrase(words, beginning and not filtered and len(words[-1]) >= SHORTEST_BEGINNING)
    if no:
        return replace(query, without=(*query.without, phrase)), left - len(words)
    return replace(query, phrases=(*query.phrases, phrase)), left - len(words)


def with_filter(query: Query, name: str, value: str, no: bool) -> Query | None:
    """The query with one more filter; None if there is no such filter, or no such value of it."""
    if not value:
        return None
    if name in ("nick", "channel", "kind"):
        return with_one_of(query, f"{name}s", value, no)
    if no:
        return None
    if name == "exact":
        return replace(query, exact=(*query.exact, value))
    at = beginning_of(value) if name in ("before", "after") else None
    if at is None:
        return None
    if name == "before":
        return replace(query, before=min(at, query.before or at))
    return replace(query, after=max(at, query.after or at))


def with_one_of(query: Query, name: str, value: str, no: bool) -> Query | None:
    """The query with one more nick, channel or kind."""
    if name == "kinds":
        value = value.lower()
        if value not in LOGGED:
            return None
    filters = query.never if no else query.only
    more = replace(filters, **{name: (*getattr(filters, name), value[: 2 * LONGEST])})
    return replace(query, never=more) if no else replace(query, only=more)


def no_days(text: str) -> list[str]:
    """The words that seem to ask for a time, and name none that is: they are words like any other."""
    asked = (word for word in text.split() if word.lower().startswith(("before:", "after:")))
    return [word for word in asked if beginning_of(word.partition(":")[2]) is None]


def beginning_of(text: str) -> datetime | None:
    """The beginning, UTC, of a year, a month, a day, or a time such as 2026-11-21T10:00; None if it is none."""
    try:
        if date := MONTH.fullmatch(text):
            return datetime(int(date[1]), int(date[2] or 1), int(date[3] or 1), tzinfo=UTC)
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
