"""The feeds as bytes: made once for each change, the same bytes each time."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.dialects import Watch
from chanops.services.feed_cache import Recent
from chanops.services.feed_items import Head, Item, shown
from chanops.services.feed_jobs import PublicJobs
from chanops.services.feed_json import as_json
from chanops.services.feed_opml import as_opml
from chanops.services.feed_sources import Source, Sources
from chanops.services.feed_topics import OPML, OPML_TYPE, TYPES, Topic
from chanops.services.feed_xml import as_xml
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.visibility import EVERYBODY, Viewer

NOTHING_YET = datetime(2000, 1, 1, tzinfo=UTC)
MOST_KEPT = 200  # feeds of searches, persons, tags and tokens that are kept as bytes
MOST_LASTING = 2000
ADDRESS = "%:/?#[]@!$&'()*+,;="


@dataclass(frozen=True)
class Rendered:
    """A feed's bytes, and by what a reader knows that it has them already."""

    body: bytes
    kind: str
    etag: str
    changed: datetime
    own: str = ""
    hub: str = ""


@dataclass(frozen=True)
class Wanted:
    """A feed in one form, for one viewer; with the token by which he asks, which is then in its addresses."""

    topic: Topic
    form: str
    viewer: Viewer = EVERYBODY
    token: str = ""


@dataclass
class Shelf:
    """Feeds that were made, and what they were made of; one thread at a time makes what is to stand here."""

    made: Recent[Wanted, tuple[object, Rendered]]
    items: Recent[Source, tuple[object, list[Item]]]
    lock: threading.Lock


class Feed:
    """All feeds in all forms, kept until something in them changes."""

    def __init__(
        self, database: Database, links: Links, jobs: PublicJobs, settings: Callable[[], Settings], pages: Pages
    ) -> None:
        self.database, self.jobs, self.settings, self.pages = database, jobs, settings, pages
        self.sources = Sources(database, links, jobs, settings, pages)
        # A search that takes long holds up no feed that all readers have.
        self.lasting, self.others = (
            Shelf(Recent(most), Recent(most // 3), threading.Lock()) for most in (MOST_LASTING, MOST_KEPT)
        )
        self.watching = threading.Lock()
        self.watch: Watch
        self.seen: tuple[object, Settings] | None = None
        self.valid: dict[Wanted, Rendered] = {}

    def start(self) -> None:
        """Begin to see when anybody has written to the database."""
        self.watch = self.database.watch()

    def stop(self) -> None:
        """No more."""
        self.watch.close()

    def rendered(self, form: str, which: str = "feed") -> Rendered:
        """A feed of all there is, of links or of jobs, which exists whatever the settings."""
        found = self.find(Wanted(Topic(which), form))
        return found or self.render(Source(Topic(which), (), EVERYBODY), form, [])

    def find(self, wanted: Wanted) -> Rendered | None:
        """A feed, from memory unless something has changed; None where there is none for this viewer."""
        shelf = self.lasting if wanted.topic.lasting and not wanted.token else self.others
        with shelf.lock:
            version = self.look()
            source = self.sources.find(wanted.topic, wanted.viewer)
            if source is None:
                return None
            wanted = replace(wanted, topic=source.topic)
            with self.database.read() as connection:
                stamp = self.sources.stamp(connection, wanted.topic)
            kept = shelf.made.get(wanted)
            if kept is None or kept[0] != (source, stamp):
                made = self.make(shelf, source, wanted, stamp)
                kept = shelf.made.put(wanted, ((source, stamp), made))
        with self.watching:
            if self.seen is version and shelf is self.lasting:
                self.valid[wanted] = kept[1]
        return kept[1]

    def current(self, form: str, which: str = "feed") -> Rendered | None:
        """One that all may see, from memory."""
        return self.ready(Wanted(Topic(which), form))

    def ready(self, wanted: Wanted) -> Rendered | None:
        """A feed from memory, if nothing at all was written since it was looked at; never waits."""
        if not self.watch.instant or not self.watching.acquire(blocking=False):
            return None
        try:
            return None if self.stale() else self.valid.get(wanted)
        finally:
            self.watching.release()

    def forget(self, *_: object) -> None:
        """Something was removed from the log: make all anew."""
        self.sources.removals += 1
        with self.watching:
            self.seen = None

    def look(self) -> tuple[object, Settings]:
        """Take note of what was written so far; what is found from now on is at least as new."""
        with self.watching:
            if self.stale():
                self.seen, self.valid = self.version(), {}
            assert self.seen is not None
            return self.seen

    def stale(self) -> bool:
        """Whether anything at all was written since the last look."""
        version, settings = self.version()
        return self.seen is None or self.seen[0] != version or self.seen[1] is not settings

    def version(self) -> tuple[object, Settings]:
        """What differs once anybody has written, or the settings were read anew."""
        return self.watch.version(), self.settings()

    def make(self, shelf: Shelf, source: Source, wanted: Wanted, stamp: object) -> Rendered:
        """A feed's bytes, of items that its other forms have as well."""
        if source.topic.which == OPML:
            title = shown(self.settings().feed.title, self.pages.home)
            groups = self.sources.groups(source.viewer)
            return rendered(as_opml(title, self.pages.root, groups, wanted.token), OPML_TYPE, NOTHING_YET)
        kept = shelf.items.get(source)
        if kept is None or kept[0] != stamp:
            kept = shelf.items.put(source, (stamp, self.sources.items(source)))
        return self.render(source, wanted.form, kept[1], wanted.token)

    def render(self, source: Source, form: str, items: Sequence[Item], token: str = "") -> Rendered:
        """One feed in one form."""
        topic, settings = source.topic, self.settings()
        changed = max((item.changed for item in items), default=NOTHING_YET).replace(microsecond=0)
        head = Head(
            title=shown(topic.titled(shown(settings.feed.title, self.pages.home)), self.pages.home),
            description=topic.described,
            home=f"{self.pages.root}{topic.home_path}",
            own=topic.address(self.pages.root, form, token),
            # The hub is told of those only that are the same for all.
            hub=quote(settings.feed.hub, safe=ADDRESS) if topic.lasting and not token else "",
            changed=changed,
        )
        body = as_json(head, items) if form == "json" else as_xml(head, items, form)
        return rendered(body, TYPES[form], changed, head.own, head.hub)


def rendered(body: bytes, kind: str, changed: datetime, own: str = "", hub: str = "") -> Rendered:
    return Rendered(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"', changed, own, hub)
