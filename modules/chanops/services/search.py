"""Search: which lines have these words, the newest first."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from chanops.core.access import fold
from chanops.core.query import Query
from chanops.core.terms import indexed, place_tag
from chanops.core.text import plain
from chanops.services.database import Database
from chanops.services.line_rows import A_SECOND, FORGOTTEN, LINK, Said, first_number
from chanops.services.search_sql import Language, Postgres, Sqlite, is_broad
from chanops.services.tables import EPOCH, MILLISECOND, stamp
from chanops.services.visibility import Seen

LAST = 1 << 62
MOST = 1000
FIRST_LOOK, LATER_LOOKS = 200, 2000  # lines in one statement
WITHIN = 2.0  # seconds
MOST_LOOKED_AT = 50_000  # lines in one search; the next page goes on from there
NOT_FOUND = (LINK, FORGOTTEN)
AN_HOUR = 3601 * A_SECOND


class Found(NamedTuple):
    """Lines, the newest first; more: what is `before` for the next page, 0 if there is none."""

    lines: list[Said]
    more: int


NOTHING = Found([], 0)


class Search:
    """Finds lines by their words; the writer's part is done in the transaction in which a line comes or goes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.merging = False

    def index(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take in lines: rows with id, text, nick, kind, channel_id, public."""
        if lines := terms_of_rows(rows):
            language(connection).index(connection, lines)

    def unindex(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take lines out: rows that are just as they were when they were taken in."""
        if lines := terms_of_rows(rows):
            self.merging = False
            language(connection).unindex(connection, lines)

    def purge(self, connection: Connection) -> bool:
        """Take what was taken out off the disk, a part at a time; whether there is more to do, after a commit."""
        begin, self.merging = not self.merging, True
        self.merging = language(connection).purge(connection, begin)
        return self.merging

    def find(self, query: Query, channels: Sequence[Seen], before: int = 0, most: int = 50) -> Found:
        """The newest lines that a query asks for, of what is seen of these channels, with numbers below `before`.

        Raises TooSlow.
        """
        if query.only.channels or query.never.channels:
            channels = [each for each in channels if within(query, each)]
        if query.empty or not channels:
            return NOTHING
        with self.database.read(WITHIN) as connection:
            return Hunt(connection, query, channels).found(
                before if 0 < before < LAST else LAST, max(1, min(most, MOST))
            )


class Hunt:
    """One search, look by look: most end with the first."""

    def __init__(self, connection: Connection, query: Query, channels: Sequence[Seen]) -> None:
        self.connection, self.query, self.channels = connection, query, channels
        self.language = language(connection)
        self.since = stamp(query.after) if query.after else None
        self.until = stamp(query.before) if query.before else None

    def found(self, before: int, most: int) -> Found:
        """Lines below a number."""
        first = first_number(self.query.after) if self.query.after else 0
        if self.query.before:
            before = min(before, self.end(self.query.before))
        lines: list[Said] = []
        looked_at = 0
        for match, look in self.looks():
            seen, before = self.look((match, first, before, look), lines, most)
            if len(lines) > most:
                return Found(lines[:most], lines[most - 1].id)
            if seen < look:
                return Found(lines, 0)
            looked_at += look
            if looked_at >= MOST_LOOKED_AT:
                break
        return Found(lines, before)

    def looks(self) -> Iterator[tuple[str, int]]:
        """What to look for, and in how many lines: at first in all channels, since mostly nearly all are seen."""
        query = self.query
        if not query.only.channels and not is_broad(query):
            yield self.language.match(query, ()), FIRST_LOOK
        tags = [place_tag(each.channel.id, True) for each in self.channels]
        tags += [place_tag(each.channel.id, False) for each in self.channels if each.everything]
        match = self.language.match(query, tags)
        while True:
            yield match, LATER_LOOKS

    def look(self, asked: tuple[str, int, int, int], lines: list[Said], most: int) -> tuple[int, int]:
        """Add what is to be seen to the lines, one more than wanted at most; how many were looked at, and the last."""
        places = {each.channel.id: (each.channel.network, each.channel.name, each.everything) for each in self.channels}
        strict = self.since is not None or self.until is not None or bool(self.query.exact)
        seen = number = 0
        result = self.connection.exec_driver_sql(self.language.find, asked)
        while len(lines) <= most and (rows := result.fetchmany(most + 1)):
            for number, channel, at, nick, account, kind, text, public in rows:
                seen += 1
                place = places.get(channel)
                if place is None or not (public or place[2]) or kind in NOT_FOUND:
                    continue
                if strict and not self.fits(at, text):
                    continue
                at = EPOCH + at * MILLISECOND
                lines.append(Said(number, place[0], place[1], at, nick, account, kind, text, bool(public), channel))
                if len(lines) > most:
                    break
        result.close()
        return seen, number

    def fits(self, at: int, text: str) -> bool:
        """Whether a line is of the right time, and exact."""
        if (self.since is not None and at < self.since) or (self.until is not None and at >= self.until):
            return False
        return all(each in plain(text) for each in self.query.exact)

    def end(self, at: datetime) -> int:
        """A number above those of all lines before a time; numbers run ahead of time, but rarely by an hour."""
        ahead = self.connection.exec_driver_sql(self.language.ahead, (stamp(at),)).scalar()
        return max(first_number(at) + AN_HOUR, (ahead or 0) + 1)


def language(connection: Connection) -> Language:
    """What the database speaks."""
    return POSTGRES if connection.dialect.name == "postgresql" else SQLITE


SQLITE, POSTGRES = Sqlite(), Postgres()


def within(query: Query, seen: Seen) -> bool:
    """Whether a query may look at a channel."""
    names = {fold(seen.channel.name), fold(f"{seen.channel.network}/{seen.channel.name}")}
    names |= {name.replace("#", "", 1) for name in names}
    only, never = map(fold, query.only.channels), map(fold, query.never.channels)
    return (not query.only.channels or not names.isdisjoint(only)) and names.isdisjoint(never)


def terms_of_rows(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, list[str]]]:
    """What each line is found by; a link whose line is not kept is none, nor is what is forgotten."""
    return [
        (row["id"], indexed(row["text"], row["nick"], row["kind"], row["channel_id"], bool(row["public"])))
        for row in rows
        if row["kind"] not in NOT_FOUND
    ]
