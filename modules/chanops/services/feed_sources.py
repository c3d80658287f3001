"""Where the items of each feed come from, and for whose eyes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from chanops.core.query import read
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.feed_cache import Recent
from chanops.services.feed_items import Item, merged, of_job, of_line, of_link
from chanops.services.feed_jobs import Ended, PublicJobs
from chanops.services.feed_links import LinksOf
from chanops.services.feed_topics import OPML, WHOLE, Topic
from chanops.services.line_rows import SPOKEN, Said
from chanops.services.link_places import View
from chanops.services.link_rows import Link
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.tables import forgotten, lines, mentions
from chanops.services.visibility import EVERYBODY, Seen, Viewer, Visibility

BEFORE, AMONG = 3, 10  # lines that are shown before a link, and among how many they are looked for
MOST_CONTEXTS = 2000
MOST_FOUND = 50
AGAIN = select(func.max(mentions.c.line))


@dataclass(frozen=True)
class Source:
    """A feed, and the channels of which it tells this viewer; for jobs, whether it is of one channel."""

    topic: Topic
    seen: tuple[Seen, ...]
    viewer: Viewer


class Sources:
    """Knows which feeds there are for whom, and what is in them."""

    def __init__(
        self, database: Database, links: Links, jobs: PublicJobs, settings: Callable[[], Settings], pages: Pages
    ) -> None:
        self.database, self.links, self.jobs, self.settings, self.pages = database, links, jobs, settings, pages
        self.reading, self.search = Reading(database), Search(database)
        self.visibility = Visibility(self.reading, settings)
        self.links_of = LinksOf(database)
        self.contexts: Recent[tuple[object, int, bool], list[Said]] = Recent(MOST_CONTEXTS)
        self.forgotten: object = None
        self.removals = 0

    def find(self, topic: Topic, viewer: Viewer = EVERYBODY) -> Source | None:
        """A feed; None where there is none for this viewer, for whatever reason."""
        if topic.which == "jobs" and not self.jobs.on:
            return None
        if topic.channel:
            seen = self.visibility.of(viewer, topic.network, topic.channel)
            if seen is None:
                return None
            # The channel as it is called, however its name was cased in the address.
            return Source(topic._replace(channel=seen.channel.name), (seen,), viewer)
        found = tuple(self.visibility.channels(viewer))
        if topic.which == "by":
            found = tuple(each for each in found if each.channel.network == topic.network)
            if not found:
                return None
        return Source(topic, found, viewer)

    def items(self, source: Source) -> list[Item]:
        """What is in a feed now, newest first."""
        topic, seen, most = source.topic, source.seen, self.settings().feed.items
        if topic.which == "search":
            found = self.search.find(read(topic.word), seen, most=MOST_FOUND).lines
            return [of_line(each, self.pages, self.before(each, seen)) for each in found]
        view = View(seen, self.visibility.channels(source.viewer))
        if topic.which == "by":
            return self.of_links(self.links_of.by(view, topic.word, most), seen)
        if topic.which == "tag":
            return self.of_links(self.links_of.tagged(view, topic.word, most), seen)
        links = [] if topic.which == "jobs" else self.of_links(self.links_of.newest(view, most), seen)
        jobs = [] if topic.which == "links" else [of_job(each, self.pages) for each in self.ended(source, most)]
        return merged(links, jobs, most)

    def ended(self, source: Source, most: int) -> Sequence[Ended]:
        """The jobs of a feed."""
        whole = {(each.channel.network, each.channel.name) for each in source.seen if each.everything}
        place = (source.topic.network, source.topic.channel) if source.topic.channel else None
        return self.jobs.ended(most, place, whole)

    def of_links(self, found: Sequence[Link], seen: Sequence[Seen]) -> list[Item]:
        return [of_link(each, self.pages, self.before(each.said, seen)) for each in found]

    def before(self, said: Said, seen: Sequence[Seen]) -> list[Said]:
        """What was said there just before: never what came later, so that an item stays as it was."""
        everything = any(each.everything for each in seen if each.channel.id == said.channel_id)
        key = self.forgotten, said.id, everything
        known = self.contexts.get(key)
        if known is None:
            around = self.reading.around(said, AMONG, 0, everything)
            known = [each for each in around if each.id != said.id and each.kind in SPOKEN][-BEFORE:]
            self.contexts.put(key, known)
        return known

    def groups(self, viewer: Viewer) -> list[tuple[str, list[Topic]]]:
        """All feeds that a viewer can subscribe to, those of each channel together."""
        whole = [which for which in WHOLE if which != "jobs" or self.jobs.on]
        of_all = [("", [Topic(which) for which in whole])]
        channels = [each.channel for each in self.visibility.channels(viewer)]
        return of_all + [
            (f"{each.name} on {each.network}", [Topic(which, each.network, each.name) for which in whole])
            for each in channels
        ]

    def stamp(self, connection: Connection, topic: Topic) -> tuple[object, ...]:
        """What differs once anything in a feed does: cheap to ask."""
        marks = connection.execute(select(func.count(), func.max(forgotten.c.at))).one()
        gone = self.forgotten = (*marks, self.removals)
        settings = self.settings()
        ours = gone, settings.feed, settings.web, settings.channels
        if topic.which == "search":
            return *ours, connection.execute(select(func.max(lines.c.id))).scalar()
        if topic.which == OPML:
            return *ours, self.jobs.on, len(self.visibility.channels())
        # A link that is said again is no news, but where it is new: in another channel, of another person.
        again = connection.execute(AGAIN).scalar() if topic.channel or topic.which in ("by", "tag") else None
        return *ours, self.links.stamp(connection), again, self.jobs.stamp(), self.jobs.on
