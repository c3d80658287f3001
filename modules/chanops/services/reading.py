"""Reads the log: channels, days, the lines of a day, and those around one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from chanops.core.access import fold
from chanops.services.database import Database
from chanops.services.line_rows import Said, said_from, said_lines
from chanops.services.tables import EPOCH, channels, days, forgotten, lines, links, mentions, moment, seen, stamp

FIRST_DAY = EPOCH.date()
A_DAY = 86_400_000  # milliseconds
OLDEST_FIRST = lines.c.at, lines.c.id
NEWEST_FIRST = lines.c.at.desc(), lines.c.id.desc()


@dataclass(frozen=True)
class Channel:
    """A channel of which there is a log."""

    id: int
    network: str
    name: str


@dataclass(frozen=True)
class Day:
    """A UTC day on which something happened in a channel: how many lines were said, and what else happened."""

    day: date
    spoken: int
    events: int


class Reading:
    """Reads only. `everything` is for those who may see also what was said while the channel was private."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def channels(self) -> list[Channel]:
        """All channels, by network and name."""
        with self.database.read() as connection:
            rows = connection.execute(select(channels.c.id, channels.c.network, channels.c.name))
            return sorted((Channel(*row) for row in rows), key=lambda each: (each.network, fold(each.name)))

    def channel(self, network: str, name: str) -> Channel | None:
        """One channel, however its name is cased."""
        query = select(channels.c.id, channels.c.network, channels.c.name)
        query = query.where(channels.c.network == network, channels.c.folded == fold(name))
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return Channel(*row) if row else None

    def days(self, channel_id: int, everything: bool) -> list[Day]:
        """All days on which something happened, in their order."""
        query = select(days.c.day, func.sum(days.c.spoken), func.sum(days.c.events)).group_by(days.c.day)
        query = query.where(*of_days(channel_id, everything), days.c.spoken + days.c.events > 0)
        with self.database.read() as connection:
            return [
                Day(date_of(row[0]), int(row[1]), int(row[2])) for row in connection.execute(query.order_by(days.c.day))
            ]

    def version(self, channel_id: int, day: date, everything: bool) -> int:
        """What grows with each change of a day; 0 where there is nothing."""
        query = select(func.sum(days.c.version)).where(*of_days(channel_id, everything), days.c.day == number_of(day))
        with self.database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def day(self, channel_id: int, day: date, everything: bool) -> list[Said]:
        """All lines of a UTC day."""
        query = said_lines().where(*of_lines(channel_id, everything), at_day(day))
        return self.found(query.order_by(*OLDEST_FIRST))

    def between(
        self, channel_id: int, since: datetime, until: datetime, everything: bool, most: int = 10_000
    ) -> list[Said]:
        """The lines from one time to another, both included; the first of them where there are more."""
        query = said_lines().where(*of_lines(channel_id, everything), lines.c.at.between(stamp(since), stamp(until)))
        return self.found(query.order_by(*OLDEST_FIRST).limit(most))

    def neighbours(self, channel_id: int, day: date, everything: bool) -> tuple[date | None, date | None]:
        """The days before and behind one on which there is something."""
        there = (*of_days(channel_id, everything), days.c.spoken + days.c.events > 0)
        before = select(func.max(days.c.day)).where(*there, days.c.day < number_of(day))
        behind = select(func.min(days.c.day)).where(*there, days.c.day > number_of(day))
        with self.database.read() as connection:
            found = [connection.execute(query).scalar() for query in (before, behind)]
        first, second = (None if each is None else date_of(each) for each in found)
        return first, second

    def after(
        self, channel_id: int, line_id: int, everything: bool, most: int = 1000, day: date | None = None
    ) -> list[Said]:
        """The lines with greater numbers, all or those of a day: what whoever has seen that line has not seen."""
        of, later = of_lines(channel_id, everything), lines.c.id > line_id
        if day is None:
            return self.found(said_lines().where(*of, later).order_by(lines.c.id).limit(most))
        return self.found(said_lines().where(*of, at_day(day), later).order_by(*OLDEST_FIRST).limit(most))

    def known(self, channel_id: int, day: date, last: int, everything: bool) -> tuple[int, list[int]]:
        """How many lines of a day have numbers up to one, and which of all its lines were forgotten."""
        of = *of_lines(channel_id, everything), at_day(day)
        gone = select(lines.c.id).join(forgotten, forgotten.c.line == lines.c.id).where(*of).order_by(lines.c.id)
        with self.database.read() as connection:
            count = connection.execute(select(func.count(lines.c.id)).where(*of, lines.c.id <= last)).scalar()
            return int(count or 0), list(connection.execute(gone).scalars())

    def public(self, numbers: Sequence[int]) -> set[int]:
        """Those of these lines that were said in public, also where they were forgotten since."""
        found: set[int] = set()
        with self.database.read() as connection:
            for at in range(0, len(numbers), 500):
                some = lines.c.id.in_(numbers[at : at + 500])
                found |= set(connection.execute(select(lines.c.id).where(some, lines.c.public.is_(True))).scalars())
        return found

    def around(self, line: Said, before: int, behind: int, everything: bool) -> list[Said]:
        """A line with those around it."""
        of, at = of_lines(line.channel_id, everything), stamp(line.at)
        earlier = or_(lines.c.at < at, and_(lines.c.at == at, lines.c.id < line.id))
        later = or_(lines.c.at > at, and_(lines.c.at == at, lines.c.id > line.id))
        # The bounds are for the index, which an OR alone would not use.
        first = said_lines().where(*of, lines.c.at <= at, earlier).order_by(*NEWEST_FIRST).limit(before)
        last = said_lines().where(*of, lines.c.at >= at, later).order_by(*OLDEST_FIRST).limit(behind)
        return [*reversed(self.found(first)), line, *self.found(last)]

    def seen(self, channel_id: int, nick: str) -> Said | None:
        """The last that somebody did in a channel."""
        query = said_lines().join(seen, seen.c.line == lines.c.id)
        found = self.found(query.where(seen.c.channel_id == channel_id, seen.c.nick == fold(nick)))
        return found[0] if found else None

    def last(
        self,
        channel_id: int,
        nick: str = "",
        most: int = 1,
        spoken: Sequence[str] = ("message", "action"),
        everything: bool = True,
    ) -> list[Said]:
        """The last lines of a channel, or of somebody in it, newest first."""
        query = said_lines().where(*of_lines(channel_id, everything), lines.c.kind.in_(spoken))
        if nick:
            query = query.where(func.lower(lines.c.nick) == nick.lower())
        return self.found(query.order_by(*NEWEST_FIRST).limit(most))

    def links_of(
        self, numbers: Sequence[int], titles: tuple[ColumnElement[str], ColumnElement[str]]
    ) -> dict[int, list[tuple[str, str]]]:
        """The links that were said in these lines, or mentioned again, each with its title as far as that is seen."""
        found: dict[int, list[tuple[str, str]]] = {}
        of = links.c.address, *titles
        with self.database.read() as connection:
            for at in range(0, len(numbers), 500):
                some = numbers[at : at + 500]
                own = select(links.c.line, *of).where(links.c.line.in_(some))
                again = select(mentions.c.line, *of).join(links, mentions.c.link == links.c.id)
                for query in (own, again.where(mentions.c.line.in_(some))):
                    for line, address, title, fetched in connection.execute(query):
                        found.setdefault(line, []).append((address, title or fetched))
        return found

    def removals(self, numbers: Sequence[int]) -> dict[int, tuple[datetime, str]]:
        """When these lines were forgotten, and who had them be."""
        found: dict[int, tuple[datetime, str]] = {}
        with self.database.read() as connection:
            for at in range(0, len(numbers), 500):
                query = select(forgotten).where(forgotten.c.line.in_(numbers[at : at + 500]))
                found |= {row.line: (moment(row.at), row.by) for row in connection.execute(query)}
        return found

    def found(self, query: Select[Any]) -> list[Said]:
        with self.database.read() as connection:
            return [said_from(row) for row in connection.execute(query)]


def of_lines(channel_id: int, everything: bool) -> list[ColumnElement[bool]]:
    return [lines.c.channel_id == channel_id, *([] if everything else [lines.c.public.is_(True)])]


def of_days(channel_id: int, everything: bool) -> list[ColumnElement[bool]]:
    return [days.c.channel_id == channel_id, *([] if everything else [days.c.public.is_(True)])]


def at_day(day: date) -> ColumnElement[bool]:
    first = number_of(day) * A_DAY
    return lines.c.at.between(first, first + A_DAY - 1)


def number_of(day: date) -> int:
    """A day as the table has it."""
    return (day - FIRST_DAY).days


def date_of(number: int) -> date:
    """A day from the table."""
    return FIRST_DAY + timedelta(days=number)
