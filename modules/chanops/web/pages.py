"""The routes: the first page, a line, a long answer, the feeds; machines and jobs."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from chanops.core.sections import Settings
from chanops.services.feed import Feed
from chanops.services.feed_jobs import PublicJobs
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.machines.service import Machines
from chanops.services.replies import Replies
from chanops.web.feeds import Feeds
from chanops.web.frame import Frame, number_in, with_headers
from chanops.web.job_pages import JobPages
from chanops.web.machine_pages import MachinePages

__all__ = ["Feed", "PublicJobs", "Shown", "Site"]


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


class Site:
    """The pages. What reads the database runs in a thread."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.frame = Frame(shown.settings)
        self.jobs = JobPages(shown.jobs, self.frame)
        self.machines = MachinePages(shown.machines, self.frame)

    @property
    def app(self) -> ASGIApp:
        """The application that a server serves."""
        routes = [
            *Feeds(self.shown.feed, self.frame).routes,  # first: they are asked for most
            Route("/", self.home),
            Route("/line/{number}", self.line),
            Route("/reply/{token}", self.reply),
            *self.machines.routes,
            *self.jobs.routes,
            Mount("/static", StaticFiles(packages=[("chanops.web", "static")])),
        ]
        app = Starlette(routes=routes, exception_handlers={404: self.frame.missing})
        # Else /feed.rss/ would lead to /feed.rss at whatever host the request named.
        app.router.redirect_slashes = False
        return with_headers(app)

    def leave(self) -> None:
        """End what would go on: the streams of live pages."""
        self.jobs.live.stop()

    def home(self, request: Request) -> Response:
        """What this is, where the feeds are, and the newest links."""
        return self.frame.page("home.html", links=self.shown.links.in_feed(20))

    def line(self, request: Request) -> Response:
        """One line, at its permanent address."""
        number = number_in(request.path_params["number"])
        found = self.shown.history.line(number) if number else None
        if found is None or not self.shown.links.may_see(found.network, found.channel):
            return self.frame.missing(request)
        return self.frame.page("line.html", line=found)

    def reply(self, request: Request) -> Response:
        """An answer that was too long for the channel."""
        found = self.shown.replies.find(request.path_params["token"])
        return self.frame.page("reply.html", reply=found) if found else self.frame.missing(request)
