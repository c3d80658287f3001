"""What all pages share: the templates, the headers of safety, the answer where nothing is."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chanops.core.money import a_month, an_hour
from chanops.core.sections import Settings
from chanops.core.text import lines_of, plain, spoken, visible
from chanops.services.feed_topics import Topic, feeds_of
from chanops.services.line_rows import Said
from chanops.services.visibility import Seen
from chanops.web.said_view import Extras, Link, row

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"
OWN_SCRIPTS = "script-src 'self'"
SCRIPT_POLICY = f"{POLICY}; {OWN_SCRIPTS}"
LIVE_POLICY = f"{SCRIPT_POLICY}; connect-src 'self'"
SAFE = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
)
MOST_DIGITS = 18
# How a state looks; what it is, is always written as well.
MOODS = {
    "running": "good",
    "done": "good",
    "failed": "bad",
    "needs-attention": "bad",
    "off": "dim",
    "cancelled": "dim",
    "unknown": "dim",
    "gone": "dim",
    "waiting": "dim",
}


class Frame:
    """Renders templates."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self.settings, self.templates = settings, templates()

    def text(self, template: str, **values: Any) -> str:
        """A template with its values."""
        settings = self.settings()
        known = {
            "title": settings.feed.title,
            "machines_on": settings.web.machines,
            "now": datetime.now(UTC),
            "alternates": feeds_of(settings.feed.title),
        }
        return self.templates.get_template(template).render(known | values)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page from a template."""
        return HTMLResponse(self.text(template, **values), status_code=status)

    def of_channel(self, seen: Seen) -> dict[str, Any]:
        """What the templates of a channel's pages need of it."""
        network, channel = seen.channel.network, seen.channel.name
        topic = Topic("feed", network, channel)
        alternates = feeds_of(self.settings().feed.title, topic)
        return {"network": network, "channel": channel, "place": topic.home_path, "alternates": alternates}

    def missing(self, request: Request, _: Exception | None = None) -> HTMLResponse:
        """Nothing is here."""
        return self.page("missing.html", status=404)


@cache
def templates() -> Environment:
    """All templates; each is compiled once, when it is first shown."""
    made = Environment(
        loader=PackageLoader("chanops.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        visible=visible, told=told, lines=lines_of, spoken=spoken, an_hour=an_hour, a_month=a_month, mood=mood
    )
    made.globals["said_row"] = said_row
    return made


def said_row(said: Said, extras: Extras | None = None, links: Sequence[Link] = (), href: str = "") -> Markup:
    """A line of the log as an item of a list; `links` are those that were said in it."""
    return Markup(row(said, extras or Extras({said.id: links}, {}), href))  # noqa: S704  built of escaped text


def told(text: str) -> str:
    """A line of a cloud's, a person's or a job's: without formatting, and nothing in it unseen."""
    return visible(plain(text))


def mood(state: str) -> str:
    """The class of a state; whatever is under way has the same."""
    return MOODS.get(state, "busy")


def number_in(text: str) -> int:
    """A number from an address; 0 where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0


def with_headers(app: ASGIApp) -> ASGIApp:
    """The application with the headers that every page is to have, unless it has set one itself."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in SAFE if each[0] not in own)]
            await send(message)

        await app(scope, receive, sending)

    return wrapped
