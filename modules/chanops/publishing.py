"""The part of the bot that publishes: the port, the feeds, the pages."""

import logging
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from chanops.archive import Archive
from chanops.core.sections import Settings
from chanops.fleet import Fleet
from chanops.services.database import Database
from chanops.services.jobs.rows import states_of
from chanops.services.pages import Pages
from chanops.services.replies import Replies
from chanops.version import VERSION
from chanops.web.port import Port

log = logging.getLogger(__name__)


class Publishing:
    """Takes its port early, and serves late: the frameworks cost 0.1 s to read, and the networks come first."""

    def __init__(
        self,
        database: Database,
        archive: Archive,
        fleet: Fleet,
        settings: Callable[[], Settings],
        networks: Callable[[], Mapping[str, bool]],
    ) -> None:
        self.database, self.archive, self.fleet = database, archive, fleet
        self.settings, self.networks = settings, networks
        self.replies = Replies(database)
        self.port: Port | None = None
        self.web: Any = None
        self.feed: Any = None
        self.hub: Any = None

    def bind(self, settings: Settings) -> Pages:
        """Take the port: if it is not to be had, nothing has happened yet. Where the pages are."""
        if not settings.web.listen:
            return Pages("")
        self.port = Port(settings.web.listen)
        self.port.bind()
        return Pages(settings.web.url or f"http://{self.port.address}")

    def begin(self, pages: Callable[[], Pages], ready: Callable[[], None]) -> None:
        """Serve, in a thread; a bot without pages is better than none."""
        threading.Thread(target=self.serve_guarded, args=(pages, ready), daemon=True).start()

    def serve_guarded(self, pages: Callable[[], Pages], ready: Callable[[], None]) -> None:
        try:
            if self.port is not None:
                self.serve(self.port, pages())
        except Exception:
            log.exception("the pages cannot be served")
        ready()

    def serve(self, port: Port, pages: Pages) -> None:
        """Make the site of all that is shown, and serve it."""
        made = import_module("chanops.web.pages")
        jobs = made.PublicJobs(self.database, self.fleet.jobs, self.settings)
        self.feed = made.Feed(self.database, self.archive.links, jobs, self.settings, pages)
        self.feed.start()
        shown = made.Shown(
            self.feed,
            self.archive.links,
            self.archive.history,
            self.replies,
            jobs,
            self.fleet.machines,
            self.settings,
            self.archive.missed,
            self.gauges(made),
        )
        site = made.Site(shown)
        self.archive.scribe.on_kept.append(site.kept)
        self.archive.scribe.took = site.committed
        for told in (self.archive.forgetting.on_forgotten, self.archive.retention.on_removed):
            told.append(self.feed.forget)
            told.append(site.forgotten)
        self.hub = made.Hub(self.feed, self.settings)
        self.hub.start()
        for news in (
            self.archive.scribe.on_kept,
            self.archive.forgetting.on_forgotten,
            self.archive.retention.on_removed,
        ):
            news.append(self.hub.poke)
        self.web = import_module("chanops.web.server").WebServer(port)
        self.web.serve_with(site.app, site.leave)

    def gauges(self, made: Any) -> Any:
        """The figures of how the bot is."""
        scribe = self.archive.scribe
        return made.Gauges(
            networks=self.networks,
            trouble=scribe.health,
            lines_waiting=lambda: len(scribe.waiting),
            lines_lost=lambda: scribe.lost,
            writes_waiting=self.database.waiting,
            jobs=lambda: states_of(self.database),
            links=self.archive.links.count,
            titles=self.archive.titles.counts,
            version=VERSION,
        )

    def stop_serving(self) -> None:
        """End the pages; what they read is still there."""
        if self.web is not None:
            self.web.stop()
        if self.port is not None:
            self.port.close()

    def stop(self) -> None:
        """Let the rest go."""
        if self.hub is not None:
            self.hub.stop()
        if self.feed is not None:
            self.feed.stop()
