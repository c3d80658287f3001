"""The feeds, as RSS and Atom: made once for each change, by feedgen, the same bytes each time."""

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from sqlalchemy import Connection

from chanops.core.sections import Settings
from chanops.core.text import xml_safe
from chanops.services.database import Database
from chanops.services.feed_items import Item, merged, of_job, of_link
from chanops.services.feed_jobs import PublicJobs
from chanops.services.links import Links
from chanops.services.pages import Pages

NOTHING_YET = datetime(2000, 1, 1, tzinfo=UTC)
RSS_TITLE = re.compile(rb"(?<=<title>)[^<]*(?=</title>)")
TYPES = {"rss": "application/rss+xml; charset=utf-8", "atom": "application/atom+xml; charset=utf-8"}

DESCRIPTIONS = {
    "feed": "The links that were posted, who said what about them, and what became of jobs with machines.",
    "links": "The links that were posted, and who said what about them.",
    "jobs": "What became of jobs with machines, and reports.",
}


@dataclass(frozen=True)
class Rendered:
    """A feed's bytes, and by what a reader knows that it has them already."""

    body: bytes
    kind: str
    etag: str
    changed: datetime


class Feed:
    """All feeds in both forms, kept until a link or a job changes."""

    def __init__(
        self, database: Database, links: Links, jobs: PublicJobs, settings: Callable[[], Settings], pages: Pages
    ) -> None:
        self.database, self.links, self.jobs, self.settings, self.pages = database, links, jobs, settings, pages
        # feedgen sets the whole process's locale while it writes dates: one thread at a time.
        self.lock = threading.Lock()
        self.held: dict[str, list[Item]] = {}
        self.made: dict[tuple[str, str], Rendered] = {}
        self.made_of: object = None
        self.watcher: Connection
        self.seen: tuple[object, Settings] | None = None

    def start(self) -> None:
        """Open the connection that sees when anybody has written to the database."""
        self.watcher = self.database.engine.connect()

    def stop(self) -> None:
        """Close it."""
        self.watcher.close()

    def rendered(self, form: str, which: str = "feed") -> Rendered:
        """A feed as "rss" or "atom"; from memory unless something has changed."""
        with self.lock:
            if self.stale():
                self.refresh()
            if (which, form) not in self.made:
                self.made[which, form] = self.render(which, form, self.held[which])
            return self.made[which, form]

    def current(self, form: str, which: str = "feed") -> Rendered | None:
        """A feed from memory, if nothing has changed and nobody is making it; never waits."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            return None if self.stale() else self.made.get((which, form))
        finally:
            self.lock.release()

    def refresh(self) -> None:
        """Read what is in the feeds if it changed; takes note of it last, so that what fails is tried again."""
        seen = self.version()
        settings = self.settings()
        made_of = (self.links.stamp(self.watcher), self.jobs.stamp(), self.jobs.on, settings.feed)
        if made_of != self.made_of:
            most = settings.feed.items
            links = [of_link(each, self.pages) for each in self.links.in_feed(most)]
            jobs = [of_job(each, self.pages) for each in self.jobs.ended(most)]
            self.held, self.made = {"feed": merged(links, jobs, most), "links": links, "jobs": jobs}, {}
        self.seen, self.made_of = seen, made_of

    def stale(self) -> bool:
        """Whether anything at all was written since the last look."""
        version, settings = self.version()
        return self.seen is None or self.seen[0] != version or self.seen[1] is not settings

    def version(self) -> tuple[object, Settings]:
        """SQLite's data_version, which differs for this connection once any other has written."""
        return self.watcher.exec_driver_sql("PRAGMA data_version").scalar(), self.settings()

    def render(self, which: str, form: str, items: Sequence[Item]) -> Rendered:
        """One feed in one form."""
        changed = max((item.changed for item in items), default=NOTHING_YET).replace(microsecond=0)
        title = shown(self.settings().feed.title, self.pages.home)
        made = FeedGenerator()
        made.load_extension("dc")
        made.id(self.pages.feed(form, which))
        made.title(title if which == "feed" else f"{title}: {which}")
        made.description(DESCRIPTIONS[which])
        made.link(href=self.pages.jobs if which == "jobs" else self.pages.home, rel="alternate")
        made.link(href=self.pages.feed(form, which), rel="self", type=TYPES[form].partition(";")[0])
        made.generator("chanops")
        made.updated(changed)
        for item in items:
            made.add_entry(entry(item), order="append")
        body = hex_titles(made.rss_str(pretty=True)) if form == "rss" else made.atom_str(pretty=True)
        return Rendered(body, TYPES[form], f'"{hashlib.sha256(body).hexdigest()[:32]}"', changed)


def entry(item: Item) -> FeedEntry:
    """One item as feedgen has it."""
    made = FeedEntry()
    made.load_extension("dc")
    made.title(shown(item.title, xml_safe(item.otherwise)))
    made.link(href=xml_safe(item.address))
    made.guid(item.guid, permalink=True)
    made.author(name=shown(item.author, "?"))
    made.dc.dc_creator(shown(item.author, "?"))
    made.published(item.at)
    made.updated(item.changed)
    made.content(xml_safe(item.body), type="html")
    return made


def shown(text: str, otherwise: str) -> str:
    """The text as XML may hold it; what stands for it where nothing is left, since no part of a feed may be empty."""
    safe = xml_safe(text)
    return safe if safe.strip() else otherwise


def hex_titles(rss: bytes) -> bytes:
    """RSS titles with &#x26; and &#x3C;, which readers that take titles for HTML read right as well.

    https://www.rssboard.org/rss-profile#data-types-characterdata; lxml writes only &amp; and &lt;.
    """
    return RSS_TITLE.sub(lambda found: found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"), rss)
