"""The links that people post, each with the line it was said in."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, bindparam, func, not_, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.core.text import shorten
from chanops.services.database import Database
from chanops.services.history import History, Said, said_from, text_of
from chanops.services.tables import lines, links, mentions, moment, stamp

ONCE_WITHIN = timedelta(days=1)
LONGEST_TITLE = 300
MOST_WAITING = 100_000
MOST_AT_ONCE = 2000
PORTS = {"http": 80, "https": 443}
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


@dataclass
class Posted:
    """A link on its way into the database."""

    said: Message
    address: str
    title: str
    public: bool

    @property
    def key(self) -> tuple[str, bool]:
        """By what two links are the same."""
        return key_of(self.address), self.public


class Links:
    """Keeps links, and finds them again."""

    def __init__(self, database: Database, history: History, settings: Callable[[], Settings]) -> None:
        self.database, self.history, self.settings = database, history, settings
        self.waiting: deque[Posted] = deque(maxlen=MOST_WAITING)
        self.scheduled = threading.Lock()

    def add(self, address: str, title: str, said: Message) -> Kept:
        """Keep a link with a title; returns once it is safe on disk."""
        if not said.channel:
            raise Problem("a link is kept with the line it was said in: say it in a channel")
        if not self.settings().channel(said.network, said.channel).links:
            raise Problem(f"links are not kept in {said.channel} (links = no)")
        posted = Posted(said, address, shorten(title.strip(), LONGEST_TITLE), self.is_public(said))
        return self.database.write(lambda connection: self.store(connection, [posted])[0]).result(PATIENCE)

    def mention(self, address: str, said: Message) -> None:
        """Keep a link that was mentioned; soon, with whatever else waits."""
        if said.channel and self.settings().channel(said.network, said.channel).links:
            self.waiting.append(Posted(said, address, "", self.is_public(said)))
            self.schedule()

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

        def put_back(done: Future[None]) -> None:
            if done.exception() is not None:
                self.waiting.extendleft(reversed(batch))

        self.database.write(work).add_done_callback(put_back)

    def may_see(self, network: str, channel: str) -> bool:
        """Whether lines of a channel are for everybody's eyes."""
        return self.settings().channel(network, channel).feed

    def is_public(self, said: Message) -> bool:
        return self.may_see(said.network, said.channel)

    def store(self, connection: Connection, batch: Sequence[Posted]) -> list[Kept]:
        """Write links with their lines; in the writer's transaction."""
        numbers = self.history.keep(connection, [posted.said for posted in batch])
        recent = recent_links(connection, batch)
        next_id = (connection.execute(select(func.max(links.c.id))).scalar() or 0) + 1
        kept, new, noted, titled = [], [], [], []
        places: Counter[int] = Counter()
        for posted, number in zip(batch, numbers, strict=True):
            link = recent.get(posted.key)
            is_new = link is None or abs(link.said.at - posted.said.at) >= ONCE_WITHIN
            if link is None or is_new:
                places[number] += 1
                link = link_from(next_id, number, places[number], posted)
                next_id += 1
                new.append(row_of(link, posted))
            elif posted.title and not link.title:
                link = replace(link, title=posted.title)
                titled.append({"of": link.id, "title": posted.title, "changed": stamp(posted.said.at)})
            recent[posted.key] = link
            noted.append({"link": link.id, "line": number})
            kept.append(Kept(link, is_new))
        write_all(connection, new, titled, noted)
        return kept

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
        columns = [links.c[name].label(f"link_{name}") for name in ("id", "address", "title", "place", "changed")]
        query = select(*columns, lines).join(lines, links.c.line == lines.c.id).where(where)
        return query.order_by(links.c.id.desc()).limit(most)

    def found(self, query: Select[Any]) -> list[Link]:
        with self.database.read() as connection:
            return [link_of(row) for row in connection.execute(query).mappings()]


def key_of(address: str) -> str:
    """The address as two people's spellings of it are the same."""
    parts = urlsplit(address)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    port = f":{parts.port}" if parts.port and parts.port != PORTS.get(scheme) else ""
    return urlunsplit((scheme, host + port, parts.path or "/", parts.query, parts.fragment))


def recent_links(connection: Connection, batch: Sequence[Posted]) -> dict[tuple[str, bool], Link]:
    """The newest link of each key that was said within a day of one in the batch."""
    earliest = min(posted.said.at for posted in batch) - ONCE_WITHIN
    query = (
        select(
            links.c.key,
            links.c.public,
            *(links.c[name].label(f"link_{name}") for name in ("id", "address", "title", "place", "changed")),
            lines,
        )
        .join(lines, links.c.line == lines.c.id)
        .where(links.c.key.in_({posted.key[0] for posted in batch}), links.c.at > stamp(earliest))
        .order_by(links.c.id)
    )
    return {(row["key"], row["public"]): link_of(row) for row in connection.execute(query).mappings()}


def write_all(
    connection: Connection, new: list[dict[str, Any]], titled: list[dict[str, Any]], noted: list[dict[str, Any]]
) -> None:
    """The rows of one batch."""
    if new:
        connection.execute(links.insert(), new)
    if titled:
        change = update(links).where(links.c.id == bindparam("of"))
        connection.execute(change.values(title=bindparam("title"), changed=bindparam("changed")), titled)
    connection.execute(insert(mentions).on_conflict_do_nothing(), noted)


def link_from(number: int, line: int, place: int, posted: Posted) -> Link:
    """A new link."""
    m = posted.said
    said = Said(line, m.network, m.channel, m.at, m.nick, m.account, m.event, text_of(m))
    return Link(number, posted.address, posted.title, place, m.at, said)


def row_of(link: Link, posted: Posted) -> dict[str, Any]:
    return {
        "id": link.id,
        "line": link.said.id,
        "place": link.place,
        "key": posted.key[0],
        "address": link.address,
        "title": link.title,
        "public": posted.public,
        "at": stamp(link.said.at),
        "changed": stamp(link.changed),
    }


def link_of(row: RowMapping) -> Link:
    """A link from a row of the joined tables."""
    return Link(
        row["link_id"],
        row["link_address"],
        row["link_title"],
        row["link_place"],
        moment(row["link_changed"]),
        said_from(row),
    )
