"""The links that people post, each with the line it was said in."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select, update

from chanops.core.address import parts
from chanops.core.errors import Problem
from chanops.core.logged import is_off
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.core.text import plain, shorten, storable
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.line_rows import FORGOTTEN, touch_days, touch_days_of
from chanops.services.link_queue import LinkQueue
from chanops.services.link_rows import (
    LONGEST_TITLE,
    NEWEST,
    ONCE_WITHIN,
    Link,
    Posted,
    Recent,
    Stored,
    homes_of,
    joined,
    link_of,
    recent_links,
    row_of,
    within,
    write_all,
)
from chanops.services.link_titles import titles_there
from chanops.services.reading import Reading
from chanops.services.tables import forgotten, lines, links, stamp
from chanops.services.visibility import Seen, Visibility

LONGEST_KEY = 600  # letters
MARKS = select(func.count(forgotten.c.line))


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
        self.queue = LinkQueue(database, self.store, self.tell)
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
        posted = to_store(said, address, named)
        kept = self.database.wait(lambda connection: self.store_one(connection, posted), durable=True)
        if kept is None:
            raise Problem("the line it was said in is forgotten: the link is not kept")
        self.on_kept(kept.link.id, posted, kept.new)
        return kept

    def mention(self, address: str, said: Message) -> None:
        """Keep a link that was mentioned; soon, with whatever else waits. Slows down who says too many."""
        channel = self.settings().channel(said.network, said.channel)
        wanted = said.channel and channel.links and not is_off(said.text)
        if wanted and self.history.mask(address) == address:
            self.queue.put(to_store(said, address, ""))

    def stop(self) -> None:
        """Store what waits."""
        self.queue.stop()

    def tell(self, stored: Stored, posted: Posted) -> None:
        """One that was mentioned is stored."""
        number, new = stored
        if number:
            self.on_kept(number, posted, new)

    def titled(self, number: int, address: str, title: str, line: int = 0) -> "Future[bool]":
        """Note what the page of a link calls itself; it is shown where nobody gave the link a title.

        Whether the link is still there, and that line too: its number may be another's by now.
        """
        posted_key, named = key_of(address), shorten(title, LONGEST_TITLE)

        def work(connection: Connection) -> bool:
            newest = connection.execute(NEWEST).one()[1] or 0
            query = select(links.c.line, links.c.fetched).where(links.c.id == number, links.c.key == posted_key)
            found = connection.execute(query).first()
            if found is None:
                return False
            if found.fetched != named:
                later = max(newest + 1, stamp(datetime.now(UTC)))
                change = update(links).where(links.c.id == number)
                connection.execute(change.values(fetched=named, changed=later))
                touch_days_of(connection, [number])
            there = select(lines.c.id).where(lines.c.id == (line or found.line), lines.c.kind != FORGOTTEN)
            return connection.execute(there).first() is not None

        return self.database.write(work)

    def may_see(self, network: str, channel: str) -> bool:
        """Whether lines of a channel are for everybody's eyes."""
        return self.settings().channel(network, channel).open

    def store(self, connection: Connection, batch: Sequence[Posted]) -> list[Stored]:
        """Write links with their lines, in the writer's transaction; not those whose lines are forgotten by then."""
        numbers = self.history.keep(connection, [posted.said for posted in batch])
        homes = homes_of(connection, numbers, self.may_see)
        recent = recent_links(connection, batch, self.may_see)
        last_id, changed = connection.execute(NEWEST).one()
        next_id, changed = (last_id or 0) + 1, changed or 0
        results, new, noted = [], [], []
        titled: list[dict[str, Any]] = []
        for posted, number in zip(batch, numbers, strict=True):
            at, home = stamp(posted.said.at), homes[number]
            posted.line = number
            if home.kind == FORGOTTEN:
                results.append((0, False))
                continue
            same = recent[posted.key, home.scope]
            link = next((each for each in reversed(same) if abs(each.at - at) < ONCE_WITHIN), None)
            is_new = link is None
            if link is None:
                home.places += 1
                link = Recent(next_id, number, posted.title, at)
                next_id, changed = next_id + 1, max(changed, at)
                same.append(link)
                new.append(row_of(link, home, posted))
            elif posted.title and not link.title:
                link.title = posted.title
                changed = max(changed + 1, at)  # so that `stamp` differs, whatever the clocks say
                titled.append({"of": link.id, "title": posted.title, "titled": number, "changed": changed})
            if link.line != number:
                noted.append({"link": link.id, "line": number})
            results.append((link.id, is_new))
        write_all(connection, new, titled, noted)
        # Their lines may be on pages already, without these links.
        touch_days(connection, lines.c.id.in_([each["line"] for each in (*new, *noted)]))
        touch_days_of(connection, [each["of"] for each in titled])
        return results

    def store_one(self, connection: Connection, posted: Posted) -> Kept | None:
        """Write one link, and read it as it is now; None if its line is forgotten."""
        [(number, is_new)] = self.store(connection, [posted])
        row = connection.execute(joined().where(links.c.id == number)).first()
        return Kept(link_of(row), is_new) if row else None

    def newest(self, words: str = "", most: int = 5, channel: tuple[str, str] | None = None) -> list[Link]:
        """The newest links whose title, address or line has all the words; those of other channels only if public."""
        seen = self.seen(channel)
        query, titles = self.query(most, seen), titles_there(seen)
        for word in words.split():
            texts = *titles, links.c.address, lines.c.text
            query = query.where(or_(*(column.icontains(word, autoescape=True) for column in texts)))
        return self.found(query)

    def in_feed(self, most: int) -> list[Link]:
        """The newest links for the feed."""
        return self.found(self.query(most, self.seen()))

    def stamp(self, connection: Connection) -> tuple[object, ...]:
        """What differs as soon as any link does: cheap to ask."""
        row = connection.execute(NEWEST).one()
        return (*row, connection.execute(MARKS).scalar(), tuple(sorted(self.hidden())))

    def count(self) -> int:
        """How many there are."""
        with self.database.read() as connection:
            return connection.execute(select(func.count(links.c.id))).scalar() or 0

    def hidden(self) -> list[str]:
        """The channels whose links are not to be seen elsewhere."""
        return [name for name, channel in self.settings().channels.items() if not channel.open]

    def seen(self, here: tuple[str, str] | None = None) -> list[Seen]:
        """What everybody may see: public when it was said, and public now; and all of one channel."""
        channel = self.visibility.reading.channel(*here) if here else None
        return [*self.visibility.channels(), *([Seen(channel, True)] if channel is not None else [])]

    def query(self, most: int, seen: Sequence[Seen]) -> Select[Any]:
        return joined(titles_there(seen)).where(within(seen)).order_by(links.c.id.desc()).limit(most)

    def found(self, query: Select[Any]) -> list[Link]:
        with self.database.read() as connection:
            return [link_of(row) for row in connection.execute(query)]


def to_store(said: Message, address: str, title: str) -> Posted:
    """A link on its way. Raises Problem where it is none that a browser should follow."""
    return Posted(said, address, title, key_of(address))


def key_of(address: str) -> str:
    """By what two addresses are the same. Raises Problem where it is none that a browser should follow."""
    found = parts(address)
    if found is None:
        raise Problem("a link begins with http:// or https://")
    return key_to_store(found.key)


def key_to_store(key: str) -> str:
    """By what an address is found again: an index of PostgreSQL's holds 2700 bytes."""
    key = storable(key)
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
