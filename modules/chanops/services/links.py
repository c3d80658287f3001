"""The links that people post, each with the line it was said in."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, update
from sqlalchemy.exc import OperationalError

from chanops.core.address import parts
from chanops.core.errors import Problem
from chanops.core.logged import is_off
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.core.text import plain, shorten, storable
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.line_rows import touch_day
from chanops.services.link_rows import (
    LONGEST_TITLE,
    NEWEST,
    ONCE_WITHIN,
    Link,
    Posted,
    Recent,
    joined,
    link_of,
    places_in,
    recent_links,
    row_of,
    within,
    write_all,
)
from chanops.services.reading import Reading
from chanops.services.tables import forgotten, lines, links, stamp
from chanops.services.visibility import Seen, Visibility

MOST_WAITING = 100_000
MOST_AT_ONCE = 250
SLOWER = 300
LONGEST_KEY = 600  # letters
FORGOTTEN = select(func.count(forgotten.c.line))
PAUSE = 0.5  # seconds that one mention waits at most for the writer to catch up


@dataclass(frozen=True)
class Kept:
    """What became of a link: new, or there already since somebody said it within the last day."""

    link: Link
    new: bool


class Links:
    """Keeps links, and finds them again."""

    def __init__(self, database: Database, history: History, settings: Callable[[], Settings]) -> None:
        self.database, self.history, self.settings = database, history, settings
        self.visibility = Visibility(Reading(database), settings)
        self.waiting: deque[Posted] = deque(maxlen=MOST_WAITING)
        self.scheduled = threading.Lock()
        self.room = threading.Event()
        self.on_kept: Callable[[int, Posted, bool], None] = lambda *_: None

    def add(self, address: str, title: str, said: Message) -> Kept:
        """Keep a link with a title; returns once it is safe on disk."""
        if not said.channel:
            raise Problem("a link is kept with the line it was said in: say it in a channel")
        channel = self.settings().channel(said.network, said.channel)
        if not channel.links:
            raise Problem(f"links are not kept in {said.channel} (links = no)")
        if self.history.mask(address) != address:
            raise Problem("there is a secret in that address: whoever has the link would have it; it is not kept")
        named = self.history.mask(shorten(plain(title).strip(), LONGEST_TITLE))
        posted = to_store(said, address, named, channel.open)
        kept = self.database.wait(lambda connection: self.store_one(connection, posted), durable=True)
        self.on_kept(kept.link.id, posted, kept.new)
        return kept

    def mention(self, address: str, said: Message) -> None:
        """Keep a link that was mentioned; soon, with whatever else waits. Slows down who says too many."""
        channel = self.settings().channel(said.network, said.channel)
        wanted = said.channel and channel.links and not is_off(said.text)
        if wanted and self.history.mask(address) == address:
            self.waiting.append(to_store(said, address, "", channel.open))
            self.schedule()
            if len(self.waiting) > SLOWER:
                self.room.clear()
                self.room.wait(PAUSE)

    def schedule(self) -> None:
        """Have what waits stored, if that is not on its way already."""
        if not self.scheduled.acquire(blocking=False):
            return
        batch: list[Posted] = []

        def work(connection: Connection) -> list[tuple[int, bool]]:
            if not batch:  # the writer may run this again, alone, if another task of its group failed
                self.scheduled.release()
                while self.waiting and len(batch) < MOST_AT_ONCE:
                    batch.append(self.waiting.popleft())
            results = self.store(connection, batch)
            if len(self.waiting) <= SLOWER // 2:
                self.room.set()
            return results

        def settle(done: Future[list[tuple[int, bool]]]) -> None:
            error = done.exception()
            if isinstance(error, OperationalError):  # locked, disk full: it can pass; the next mention tries again
                self.waiting.extendleft(reversed(batch))
                return
            if error is not None:  # one of them cannot be stored, ever: it must not hold up the others
                for posted in batch:
                    self.database.write(partial(self.store, batch=[posted]))
            else:
                for (number, new), posted in zip(done.result(), batch, strict=True):
                    self.on_kept(number, posted, new)
            if self.waiting:
                self.schedule()

        self.database.write(work).add_done_callback(settle)

    def titled(self, number: int, title: str) -> None:
        """Note what the page of a link calls itself; it is shown where nobody gave the link a title."""

        def work(connection: Connection) -> None:
            newest = connection.execute(NEWEST).one()[1] or 0
            found = connection.execute(select(links.c.line, links.c.fetched).where(links.c.id == number)).first()
            if found is None or found.fetched == title:
                return
            later = max(newest + 1, stamp(datetime.now(UTC)))
            values = {"fetched": shorten(title, LONGEST_TITLE), "changed": later}
            connection.execute(update(links).where(links.c.id == number).values(**values))
            touch_day(connection, found.line)

        self.database.write(work)

    def may_see(self, network: str, channel: str) -> bool:
        """Whether lines of a channel are for everybody's eyes."""
        return self.settings().channel(network, channel).open

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
        query = self.query(most, self.visible(channel))
        for word in words.split():
            query = query.where(
                or_(
                    *(
                        column.icontains(word, autoescape=True)
                        for column in (links.c.title, links.c.fetched, links.c.address, lines.c.text)
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
        return (*row, connection.execute(FORGOTTEN).scalar(), tuple(sorted(self.hidden())))

    def count(self) -> int:
        """How many there are."""
        with self.database.read() as connection:
            return connection.execute(select(func.count(links.c.id))).scalar() or 0

    def hidden(self) -> list[str]:
        """The channels whose links are not to be seen elsewhere."""
        return [name for name, channel in self.settings().channels.items() if not channel.open]

    def visible(self, here: tuple[str, str] | None = None) -> ColumnElement[bool]:
        """The links that everybody may see: public when they were said, and public now; and all of one channel."""
        seen = self.visibility.channels()
        channel = self.visibility.reading.channel(*here) if here else None
        return within([*seen, Seen(channel, True)] if channel is not None else seen)

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
    return Posted(said, address, title, (key_to_store(found.key), public))


def key_to_store(key: str) -> str:
    """By what an address is found again: an index of PostgreSQL's holds 2700 bytes."""
    key = storable(key)
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
