"""The feed, as RSS and Atom: made once for each change, by feedgen, the same bytes each time."""

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from sqlalchemy import Connection

from chanops.core.sections import Settings
from chanops.core.text import xml_safe
from chanops.services.database import Database
from chanops.services.link_rows import Link
from chanops.services.links import Links
from chanops.services.pages import Pages

NOTHING_YET = datetime(2000, 1, 1, tzinfo=UTC)
RSS_TITLE = re.compile(rb"(?<=<title>)[^<]*(?=</title>)")
TYPES = {"rss": "application/rss+xml; charset=utf-8", "atom": "application/atom+xml; charset=utf-8"}


@dataclass(frozen=True)
class Rendered:
    """A feed's bytes, and by what a reader knows that it has them already."""

    body: bytes
    kind: str
    etag: str
    changed: datetime


class Feed:
    """Both forms of the feed, kept until a link changes."""

    def __init__(self, database: Database, links: Links, settings: Callable[[], Settings], pages: Pages) -> None:
        self.database, self.links, self.settings, self.pages = database, links, settings, pages
        # feedgen sets the whole process's locale while it writes dates: one thread at a time.
        self.lock = threading.Lock()
        self.made: dict[str, Rendered] = {}
        self.made_of: object = None
        self.watcher: Connection
        self.seen: tuple[object, Settings] | None = None

    def start(self) -> None:
        """Open the connection that sees when anybody has written to the database."""
        self.watcher = self.database.engine.connect()

    def stop(self) -> None:
        """Close it."""
        self.watcher.close()

    def rendered(self, form: str) -> Rendered:
        """The feed as "rss" or "atom"; from memory unless something has changed."""
        with self.lock:
            if self.stale():
                self.refresh()
            return self.made[form]

    def current(self, form: str) -> Rendered | None:
        """The feed from memory, if nothing has changed and nobody is making it; never waits."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            return None if self.stale() else self.made.get(form)
        finally:
            self.lock.release()

    def refresh(self) -> None:
        """Make the feed anew if a link has changed; takes note of it last, so that what fails is tried again."""
        seen = self.version()
        made_of = (self.links.stamp(self.watcher), self.settings().feed)
        if made_of != self.made_of:
            newest = self.links.in_feed(self.settings().feed.items)
            self.made = {each: self.render(each, newest) for each in TYPES}
        self.seen, self.made_of = seen, made_of

    def stale(self) -> bool:
        """Whether anything at all was written since the last look."""
        version, settings = self.version()
        return self.seen is None or self.seen[0] != version or self.seen[1] is not settings

    def version(self) -> tuple[object, Settings]:
        """SQLite's data_version, which differs for this connection once any other has written."""
        return self.watcher.exec_driver_sql("PRAGMA data_version").scalar(), self.settings()

    def render(self, form: str, newest: list[Link]) -> Rendered:
        """One form of the feed."""
        changed = max((link.changed for link in newest), default=NOTHING_YET).replace(microsecond=0)
        made = FeedGenerator()
        made.load_extension("dc")
        made.id(self.pages.feed(form))
        made.title(shown(self.settings().feed.title, self.pages.home))
        made.description("The links that were posted, and who said what about them.")
        made.link(href=self.pages.home, rel="alternate")
        made.link(href=self.pages.feed(form), rel="self", type=TYPES[form].partition(";")[0])
        made.generator("chanops")
        made.updated(changed)
        for link in newest:
            made.add_entry(self.entry(link), order="append")
        body = hex_titles(made.rss_str(pretty=True)) if form == "rss" else made.atom_str(pretty=True)
        return Rendered(body, TYPES[form], f'"{hashlib.sha256(body).hexdigest()[:32]}"', changed)

    def entry(self, link: Link) -> FeedEntry:
        """One link: who posted it, what they said, where and when."""
        made = FeedEntry()
        made.load_extension("dc")
        made.title(shown(link.named, xml_safe(link.address)))
        made.link(href=xml_safe(link.address))
        made.guid(self.guid(link), permalink=True)
        made.author(name=shown(link.said.nick, "?"))
        made.dc.dc_creator(shown(link.said.nick, "?"))
        made.published(link.said.at)
        made.updated(link.changed)
        made.content(self.body(link), type="html")
        return made

    def guid(self, link: Link) -> str:
        """The line's permanent address; a second link of the same line has its place behind it."""
        return self.pages.line(link.said.id) + (f"#{link.place}" if link.place > 1 else "")

    def body(self, link: Link) -> str:
        """What a reader shows, as HTML."""
        said = link.said
        where, when = escape(f"{said.channel} on {said.network}"), f"{said.at:%Y-%m-%d %H:%M} UTC"
        quote = f"&lt;{escape(said.nick)}&gt; {escape(said.plain)}"
        line = f'<a href="{escape(self.pages.line(said.id))}">{where}, {when}</a>'
        address = escape(link.address)
        return xml_safe(f'<p><a href="{address}">{address}</a></p><blockquote>{quote}</blockquote><p>{line}</p>')


def shown(text: str, otherwise: str) -> str:
    """The text as XML may hold it; what stands for it where nothing is left, since no part of a feed may be empty."""
    safe = xml_safe(text)
    return safe if safe.strip() else otherwise


def hex_titles(rss: bytes) -> bytes:
    """RSS titles with &#x26; and &#x3C;, which readers that take titles for HTML read right as well.

    https://www.rssboard.org/rss-profile#data-types-characterdata; lxml writes only &amp; and &lt;.
    """
    return RSS_TITLE.sub(lambda found: found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"), rss)
