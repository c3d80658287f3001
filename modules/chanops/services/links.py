"""The links that people post, each with the line it was said in."""

import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, not_, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import OperationalError

from chanops.core.address import parts
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.core.text import plain, shorten
from chanops.services.database import Database, insert_all
from chanops.services.history import LINE_COLUMNS, History, Said, said_from
from chanops.services.tables import lines, links, mentions, moment, stamp

INSERT, NOTE = links.insert(), insert(mentions).on_conflict_do_nothing()
# A batch's values in one parameter: else each number of them would be a statement of its own, and SQLite's driver keeps
# the last hundred, some megabytes.
GIVEN = func.json_each(bindparam("given")).table_valued("value")
# Each by itself: two in one query would be a look at every row.
NEWEST = select(*(select(func.max(column)).scalar_subquery() for column in (links.c.id, links.c.changed)))
PLACES = (
    select(links.c.line, func.max(links.c.place)).where(links.c.line.in_(select(GIVEN.c.value))).group_by(links.c.line)
)
ONCE_WITHIN = 86_400_000  # milliseconds
LONGEST_TITLE = 300
MOST_WAITING = 100_000
MOST_AT_ONCE = 250
SLOWER = 300
PAUSE = 0.5  # seconds that one mention waits at most for the writer to catch up


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


@dataclass(slots=True)
class Recent:
    """What must be known of a link to see that another is the same."""

    id: int
    line: int
    title: str
    at: int


@dataclass
class Posted:
    """A link on its way into the database."""

    said: Message
    address: str
    title: str
    key: tuple[str, bool]
    """By what two links are the same: the address, and whether everybody may see it."""


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
        channel = self.settings().channel(said.network, said.channel)
        if not channel.links:
            raise Problem(f"links are not kept in {said.channel} (links = no)")
        posted = to_store(said, address, shorten(plain(title).strip(), LONGEST_TITLE), channel.feed)
        return self.database.wait(lambda connection: self.store_one(connection, posted))

    def mention(self, address: str, said: Message) -> None:
        """Keep a link that was mentioned; soon, with whatever else waits. Slows down who says too many."""
        channel = self.settings().channel(said.network, said.channel)
        if said.channel and channel.links:
            self.waiting.append(to_store(said, address, "", channel.feed))
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
            self.store(connection, batch)
            if len(self.waiting) <= SLOWER // 2:
                self.room.set()

        def settle(done: Future[None]) -> None:
            error = done.exception()
            if isinstance(error, OperationalError):  # locked, disk full: it can pass; the next mention tries again
                self.waiting.extendleft(reversed(batch))
                return
            if error is not None:  # one of them cannot be stored, ever: it must not hold up the others
                for posted in batch:
                    self.database.write(partial(self.store, batch=[posted]))
            if self.waiting:
                self.schedule()

        self.database.write(work).add_done_callback(settle)

    def may_see(self, network: str, channel: str) -> bool:
        """Whether lines of a channel are for everybody's eyes."""
        return self.settings().channel(network, channel).feed

    def store(self, connection: Connection, batch: Sequence[Posted]) -> list[tuple[int, bool]]:
        """Write links with their lines, in the writer's transaction: for each its number, and whether it is new."""
        numbers = self.history.keep(connection, [posted.said for posted in batch])
        recent = recent_links(connection, batch)
        places = places_in(connection, numbers)
        last_id, changed = connection.execute(NEWEST).one()
        next_id, changed = (last_id or 0) + 1, changed or 0
        results, new, titled, noted = [], [], [], []
        for posted, number in zip(batch, numbers, strict=True):
            at = stamp(posted.said.at)
            link = next((each for each in reversed(recent[posted.key]) if abs(each.at - at) < ONCE_WITHIN), None)
            is_new = link is None
            if link is None:
                places[number] += 1
                link = Recent(next_id, number, posted.title, at)
                next_id, changed = next_id + 1, max(changed, at)
                recent[posted.key].append(link)
                new.append(row_of(link, places[number], posted))
            elif posted.title and not link.title:
                link.title = posted.title
                changed = max(changed + 1, at)  # so that `stamp` differs, whatever the clocks say
                titled.append({"of": link.id, "title": posted.title, "changed": changed})
            if link.line != number:
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
        row = connection.execute(NEWEST).one()
        return (*row, tuple(sorted(self.hidden())))

    def hidden(self) -> list[str]:
        """The channels whose links are not to be seen elsewhere."""
        return [name for name, channel in self.settings().channels.items() if not channel.feed]

    def visible(self) -> ColumnElement[bool]:
        """The links that everybody may see: public when they were said, and public now."""
        shown: list[ColumnElement[bool]] = [links.c.public.is_(True)]
        sections = [(*place_of(name), channel.feed) for name, channel in self.settings().channels.items()]
        for network, channel, _ in (each for each in sections if not each[2]):
            own = [name for name, its_channel, feed in sections if name and its_channel == channel and feed]
            where = lines.c.network == network if network else lines.c.network.not_in(own)
            shown.append(not_(and_(lines.c.channel == channel, where)))
        return and_(*shown)

    def query(self, most: int, where: ColumnElement[bool]) -> Select[Any]:
        return joined().where(where).order_by(links.c.id.desc()).limit(most)

    def found(self, query: Select[Any]) -> list[Link]:
        with self.database.read() as connection:
            return [link_of(row) for row in connection.execute(query)]


def to_store(said: Message, address: str, title: str, public: bool) -> Posted:
    """A link on its way. Raises Problem where it is none that a browser should follow."""
    found = parts(address)
    if found is None:
        raise Problem("a link begins with http:// or https://")
    return Posted(said, address, title, (found.key, public))


def given(values: Collection[int | str]) -> dict[str, str]:
    """The parameter of a statement with GIVEN."""
    return {"given": json.dumps(list(values))}


def place_of(name: str) -> tuple[str, str]:
    """The network, "" for any, and the channel that #CHANNEL or NETWORK/#CHANNEL means; a channel may have a slash."""
    network, _, channel = ("", "", name) if name[0] in "#&!+" else name.partition("/")
    return network, channel


def places_in(connection: Connection, numbers: Sequence[int]) -> Counter[int]:
    """How many links each of these lines has already."""
    return Counter({row[0]: row[1] for row in connection.execute(PLACES, given(set(numbers)))})


def recent_links(connection: Connection, batch: Sequence[Posted]) -> dict[tuple[str, bool], list[Recent]]:
    """The links of each key that were said within a day of one in the batch, in their order."""
    earliest = stamp(min(posted.said.at for posted in batch)) - ONCE_WITHIN
    query = (
        select(links.c.key, links.c.public, links.c.id, links.c.line, links.c.title, links.c.at)
        .where(links.c.key.in_(select(GIVEN.c.value)), links.c.at > earliest)
        .order_by(links.c.id)
    )
    found = defaultdict(list)
    keys = {posted.key[0] for posted in batch}
    for key, public, *rest in connection.execute(query, given(keys)):
        found[key, public].append(Recent(*rest))
    return found


def write_all(
    connection: Connection, new: list[dict[str, Any]], titled: list[dict[str, Any]], noted: list[dict[str, Any]]
) -> None:
    """The rows of one batch."""
    insert_all(connection, INSERT, new)
    if titled:
        change = update(links).where(links.c.id == bindparam("of"))
        connection.execute(change.values(title=bindparam("title"), changed=bindparam("changed")), titled)
    insert_all(connection, NOTE, noted)


def row_of(link: Recent, place: int, posted: Posted) -> dict[str, Any]:
    return {
        "id": link.id,
        "line": link.line,
        "place": place,
        "key": posted.key[0],
        "address": posted.address,
        "title": link.title,
        "public": posted.key[1],
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
