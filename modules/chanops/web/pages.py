"""The site: every room of pages, put together; in front of them who counts, who checks the host, and the headers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from chanops.core.sections import Settings
from chanops.services.access import Access
from chanops.services.feed import Feed
from chanops.services.feed_hub import Hub
from chanops.services.feed_jobs import PublicJobs
from chanops.services.history import History
from chanops.services.line_rows import Said
from chanops.services.link_lists import LinkLists
from chanops.services.links import Links
from chanops.services.machines.service import Machines
from chanops.services.missed import Missed
from chanops.services.reading import Reading
from chanops.services.replies import Replies
from chanops.services.search import Search
from chanops.services.visibility import Visibility
from chanops.web.entry import Entry, with_host_check
from chanops.web.feeds import Feeds
from chanops.web.frame import Frame, with_headers
from chanops.web.health import Gauges, Health, Metrics
from chanops.web.job_pages import JobPages
from chanops.web.link_pages import LinkPages
from chanops.web.log_pages import Log, LogPages
from chanops.web.machine_pages import MachinePages
from chanops.web.missed_pages import MissedPages
from chanops.web.search_pages import SearchPages
from chanops.web.tags import with_tags

__all__ = ["Feed", "Gauges", "Hub", "PublicJobs", "Shown", "Site"]


@dataclass(frozen=True)
class Shown:
    """All that the pages show."""

    feed: Feed
    links: Links
    history: History
    replies: Replies
    jobs: PublicJobs
    machines: Machines
    settings: Callable[[], Settings]
    missed: Missed | None = None
    gauges: Gauges = field(default_factory=Gauges)


class Site:
    """The pages. What reads the database runs in a thread."""

    def __init__(self, shown: Shown) -> None:
        self.shown, database = shown, shown.feed.database
        self.frame = Frame(shown.settings)
        self.access = Access(database)
        self.jobs = JobPages(shown.jobs, self.frame)
        self.machines = MachinePages(shown.machines, self.frame)
        reading = Reading(database)
        visibility = Visibility(reading, shown.settings)
        self.log = LogPages(Log(reading, visibility, shown.history, shown.links.in_feed), self.frame)
        self.search = SearchPages(Search(database), reading, visibility, self.frame)
        self.links = LinkPages(LinkLists(database), visibility, self.frame)
        self.missed = MissedPages(shown.missed, visibility, self.frame).routes if shown.missed else []
        gauges = replace(shown.gauges, watchers=lambda: self.log.days.tail.count)
        self.metrics = Metrics(gauges)
        self.health = Health(gauges, self.metrics, self.frame)

    @property
    def app(self) -> ASGIApp:
        """The application that a server serves."""
        routes = [
            *Feeds(self.shown.feed, self.frame).routes,  # first: they are asked for most
            *self.log.routes,
            *self.search.routes,
            *self.links.routes,
            *self.missed,
            Route("/reply/{token}", self.reply),
            *self.machines.routes,
            *self.jobs.routes,
            *Entry(self.access, self.frame).routes,
            *self.health.routes,
            Mount("/static", StaticFiles(packages=[("chanops.web", "static")])),
        ]
        app = Starlette(routes=routes, exception_handlers={404: self.frame.missing})
        app.state.access = self.access
        # Else /feed.rss/ would lead to /feed.rss at whatever host the request named.
        app.router.redirect_slashes = False
        return with_headers(self.metrics.counting(with_host_check(with_tags(app), self.shown.settings)))

    def kept(self, new: Sequence[Said]) -> None:
        """Lines that were just written; from any thread."""
        self.metrics.kept(new)
        self.log.days.kept(new)

    def committed(self, seconds: float) -> None:
        """They took that long."""
        self.metrics.committed(seconds)

    def forgotten(self, channel: int, lines: Sequence[int]) -> None:
        """Lines that are not there any more; from any thread."""
        self.log.days.changed(channel, list(lines))

    def leave(self) -> None:
        """End what would go on: the streams of live pages."""
        self.jobs.live.stop()
        self.log.days.leave()

    def reply(self, request: Request) -> Response:
        """An answer that was too long for the channel."""
        found = self.shown.replies.find(request.path_params["token"])
        return self.frame.page("reply.html", reply=found) if found else self.frame.missing(request)
