"""The routes: the first page, a line, a long answer, the feeds."""

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chanops.core.text import visible
from chanops.services.feed import Feed, Rendered
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.replies import Replies

SAFE = (
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
)
MOST_DIGITS = 18


@dataclass(frozen=True)
class Shown:
    """All that the pages show."""

    feed: Feed
    links: Links
    history: History
    replies: Replies
    pages: Pages
    title: Callable[[], str]


class Site:
    """The pages. What reads the database runs in a thread; feeds that have not changed are answered at once."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.templates = Environment(
            loader=PackageLoader("chanops.web"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters["visible"] = visible

    @property
    def app(self) -> ASGIApp:
        """The application that a server serves."""
        routes = [
            Route("/", self.home),
            Route("/line/{number}", self.line),
            Route("/reply/{token}", self.reply),
            Route("/feed.rss", self.rss),
            Route("/feed.atom", self.atom),
            Mount("/static", StaticFiles(packages=[("chanops.web", "static")])),
        ]
        app = Starlette(routes=routes, exception_handlers={404: self.missing})
        # Else /feed.rss/ would lead to /feed.rss at whatever host the request named.
        app.router.redirect_slashes = False
        return with_headers(app)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page from a template."""
        text = self.templates.get_template(template).render(title=self.shown.title(), pages=self.shown.pages, **values)
        return HTMLResponse(text, status_code=status)

    def home(self, request: Request) -> Response:
        """What this is, where the feeds are, and the newest links."""
        return self.page("home.html", links=self.shown.links.in_feed(20))

    def line(self, request: Request) -> Response:
        """One line, at its permanent address."""
        number = request.path_params["number"]
        found = None
        if number.isascii() and number.isdecimal() and len(number) <= MOST_DIGITS:
            found = self.shown.history.line(int(number))
        if found is None or not self.shown.links.may_see(found.network, found.channel):
            return self.missing(request)
        return self.page("line.html", line=found)

    def reply(self, request: Request) -> Response:
        """An answer that was too long for the channel."""
        found = self.shown.replies.find(request.path_params["token"])
        return self.page("reply.html", reply=found) if found else self.missing(request)

    async def rss(self, request: Request) -> Response:
        """The feed as RSS 2.0."""
        return await self.feed(request, "rss")

    async def atom(self, request: Request) -> Response:
        """The feed as Atom (RFC 4287)."""
        return await self.feed(request, "atom")

    async def feed(self, request: Request, form: str) -> Response:
        """The feed, or 304 to a reader that has it."""
        feed = self.shown.feed
        current = feed.current(form)
        made = current if current is not None else await run_in_threadpool(feed.rendered, form)
        headers = {
            "ETag": made.etag,
            "Last-Modified": format_datetime(made.changed, usegmt=True),
            "Cache-Control": "public, max-age=60",
        }
        if has_it(request, made):
            return Response(status_code=304, headers=headers)
        return Response(made.body, media_type=made.kind, headers=headers)

    def missing(self, request: Request, _: Exception | None = None) -> HTMLResponse:
        """Nothing is here."""
        return self.page("missing.html", status=404)


def has_it(request: Request, made: Rendered) -> bool:
    """Whether the reader has these very bytes: by ETag, else by date (RFC 9110, 13.1)."""
    tags = ",".join(request.headers.getlist("if-none-match"))
    if tags:
        return tags.strip() == "*" or made.etag in {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return made.changed <= parsedate_to_datetime(since)
    except (ValueError, TypeError, OverflowError):
        return False


def with_headers(app: ASGIApp) -> ASGIApp:
    """The application with the headers that every page is to have."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SAFE]
            await send(message)

        await app(scope, receive, sending)

    return wrapped
