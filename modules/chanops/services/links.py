"""The links that people post, each with the line it was said in."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, not_, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from chanops.core.address import key_of
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.core.text import shorten
from chanops.services.database import Database
from chanops.services.history import LINE_COLUMNS, History, Said, said_from
from chanops.services.tables import lines, links, mentions, moment, stamp

ONCE_WITHIN = 86_400_000  # milliseconds
LONGEST_TITLE = 300
MOST_WAITING = 100_000
MOST_AT_ONCE = 250
SLOWER = 300
PAUSE = 0.5  # seconds that one mention waits at most for the writer to catch up
PATIENCE = 20.0  # seconds to wait for the writer; it waits for others for half of that


@dataclass(frozen=True)
class Link:
    """A link and the line in which it was said first."""

    id: int
    address: str
    title: str
    place: int
    changed: datetime
    said: Said

    @property
    def named(self) -> str:
        """The title, or what was said about it, or the address."""
        return self.title or shorten(self.said.plain.strip(), LONGEST_TITLE) or self.address


@dataclass(frozen=True)
class Kept:
    """What became of a link: new, or there already since somebody said it within the last day."""

    link: Link
    new: bool


class Recent(NamedTuple):
    """What must be known of a link to see that another is the same."""

    id: int
    title: str
    at: int


@dataclass
class Posted:
    """A link on its way into the database."""

    said: Message
    address: str
    title: str
    public: bool

    @cached_property
    def key(self) -> tuple[str, bool]:
        """By what two links are the same."""
        return key_of(self.address), self.public


class Links:
    """Keeps links, and finds them again."""

    def __init__(self, database: Database, history: History, settings: Callable[[], Settings]) -> None:
        self.database, self.history, self.settings = database, history, settings
        self.waiting: deque[Posted] = deque(maxlen=MOST_WAITING)
        self.scheduled = threading.Lock()
        self.room = threading.Event()

    def add(self, address: str, title: str, said: Message) -> Kept:
        """Keep a link with a title; returns once it is safe on disk."""
        if not said.channel:
            raise Problem("a link is kept with the line it was said in: say it in a channel")
        if not self.settings().channel(said.network, said.channel).links:
            raise Problem(f"links are not kept in {said.channel} (links = no)")
        posted = Posted(said, address, shorten(title.strip(), LONGEST_TITLE), self.is_public(said))
        return self.database.write(lambda connection: self.store_one(connection, posted)).result(PATIENCE)

    def mention(self, address: str, said: Message) -> None:
        """Keep a link that was mentioned; soon, with whatever else waits. Slows down who says too many."""
        channel = self.settings().channel(said.network, said.channel)
        if said.channel and channel.links:
            self.waiting.append(Posted(said, address, "", channel.feed))
            self.schedule()
            if len(self.waiting) > SLOWER:
                self.room.clear()
                self.room.wait(PAUSE)

    def schedule(self) -> None:
        """Have what waits stored, if that is not on its way already."""
        if not self.scheduled.acquire(blocking=False):
            return
        batch: list[Posted] = []

        def work(connection: Connection) -> None:
            if not batch:  # the writer may run this again, alone, if another task of its group failed
                self.scheduled.release()
                while self.waiting and len(batch) < MOST_AT_ONCE:
                    batch.append(self.waiting.popleft())
                if self.waiting:
                    self.schedule()
            self.store(connection, batch)
            if len(self.waiting) <= SLOWER // 2:
                self.room.set()

        def put_back(done: Future[None]) -> None:
            if done.exception() is not None:
                self.waiting.extendleft(reversed(batch))

        self.database.write(work).add_done_callback(put_back)

    def may_see(self, network: str, channel: str) -> bool:
        """Whether lines of a channel are for everybody's eyes."""
        return self.settings().channel(network, channel).feed

    def is_public(self, said: Message) -> bool:
        return self.may_see(said.network, said.channel)

    def store(self, connection: Connection, batch: Sequence[Posted]) -> list[tuple[int, bool]]:
        """Write links with their lines, in the writer's transaction: for each its number, and whether it is new."""
        numbers = self.history.keep(connection, [posted.said for posted in batch])
        recent = recent_links(connection, batch)
        next_id = (connection.execute(select(func.max(links.c.id))).scalar() or 0) + 1
        results, new, titled, noted = [], [], [], []
        places: Counter[int] = Counter()
        for posted, number in zip(batch, numbers, strict=True):
            at = stamp(posted.said.at)
            link = recent.get(posted.key)
            is_new = link is None or abs(link.at - at) >= ONCE_WITHIN
            if link is None or is_new:
                places[number] += 1
                link = Recent(next_id, posted.title, at)
                next_id += 1
                new.append(row_of(link, number, places[number], posted))
            elif posted.title and not link.title:
                link = link._replace(title=posted.title)
                titled.append({"of": link.id, "title": posted.title, "changed": at})
            recent[posted.key] = link
            if not is_new:
                noted.append({"link": link.id, "line": number})
            results.append((link.id, is_new))
        write_all(connection, new, titled, noted)
        return results

    def store_one(self, connection: Connection, posted: Posted) -> Kept:
        """Write one link, and read it as it is now."""
        [(number, is_new)] = self.store(connection, [posted])
        return Kept(link_of(connection.execute(joined().where(links.c.id == number)).one()), is_new)

    def newest(self, words: str = "", most: int = 5, channel: tuple[str, str] | None = None) -> list[Link]:
        """The newest links whose title, address or line has all the words; those of other channels only if public."""
        here = and_(lines.c.network == channel[0], lines.c.channel == channel[1]) if channel else None
        query = self.query(most, or_(self.visible(), here) if here is not None else self.visible())
        for word in words.split():
            query = query.where(
                or_(
                    *(
                        column.icontains(word, autoescape=True)
                        for column in (links.c.title, links.c.address, lines.c.text)
                    )
                )
            )
        return self.found(query)

    def in_feed(self, most: int) -> list[Link]:
        """The newest links for the feed."""
        return self.found(self.query(most, self.visible()))

    def stamp(self, connection: Connection) -> tuple[object, ...]:
        """What differs as soon as any link does: cheap to ask."""
        row = connection.execute(select(func.max(links.c.changed), func.max(links.c.id))).one()
        return (*row, tuple(sorted(self.hidden())))

    def hidden(self) -> list[str]:
        """The channels whose links are not to be seen elsewhere."""
        return [name for name, channel in self.settings().channels.items() if not channel.feed]

    def visible(self) -> ColumnElement[bool]:
        """The links that everybody may see: public when they were said, and public now."""
        shown: list[ColumnElement[bool]] = [links.c.public.is_(True)]
        for name in self.hidden():
            network, _, channel = name.rpartition("/")
            place = (
                and_(lines.c.network == network, lines.c.channel == channel) if network else lines.c.channel == channel
            )
            shown.append(not_(place))
        return and_(*shown)

    def query(self, most: int, where: ColumnElement[bool]) -> Select[Any]:
        return joined().where(where).order_by(links.c.id.desc()).limit(most)

    def found(self, query: Select[Any]) -> list[Link]:
        with self.database.read() as connection:
            return [link_of(row) for row in connection.execute(query)]


def recent_links(connection: Connection, batch: Sequence[Posted]) -> dict[tuple[str, bool], Recent]:
    """The newest link of each key that was said within a day of one in the batch."""
    earliest = stamp(min(posted.said.at for posted in batch)) - ONCE_WITHIN
    query = (
        select(links.c.key, links.c.public, links.c.id, links.c.title, links.c.at)
        .where(links.c.key.in_({posted.key[0] for posted in batch}), links.c.at > earliest)
        .order_by(links.c.id)
    )
    return {(key, public): Recent(number, title, at) for key, public, number, title, at in connection.execute(query)}


def write_all(
    connection: Connection, new: list[dict[str, Any]], titled: list[dict[str, Any]], noted: list[dict[str, Any]]
) -> None:
    """The rows of one batch."""
    if new:
        connection.execute(links.insert(), new)
    if titled:
        change = update(links).where(links.c.id == bindparam("of"))
        connection.execute(change.values(title=bindparam("title"), changed=bindparam("changed")), titled)
    if noted:
        connection.execute(insert(mentions).on_conflict_do_nothing(), noted)


def row_of(link: Recent, line: int, place: int, posted: Posted) -> dict[str, Any]:
    return {
        "id": link.id,
        "line": line,
        "place": place,
        "key": posted.key[0],
        "address": posted.address,
        "title": link.title,
        "public": posted.public,
        "at": link.at,
        "changed": link.at,
    }


def joined() -> Select[Any]:
    """Links with their lines, in the order that `link_of` reads."""
    own = (links.c.id, links.c.address, links.c.title, links.c.place, links.c.changed)
    return select(*own, *LINE_COLUMNS).join(lines, links.c.line == lines.c.id)


def link_of(row: Sequence[Any]) -> Link:
    """A link from a row of the joined tables."""
    return Link(row[0], row[1], row[2], row[3], moment(row[4]), said_from(row[5:]))
