"""The feeds over HTTP: those that have not changed are answered at once, and not at all to who has them."""

from email.utils import format_datetime, parsedate_to_datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chanops.services.feed import TYPES, Feed, Rendered
from chanops.web.frame import Frame


class Feeds:
    """All there is, only links, only jobs; each as RSS and as Atom."""

    def __init__(self, feed: Feed, frame: Frame) -> None:
        self.feed, self.frame = feed, frame

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [self.route(which, form) for which in ("feed", "links", "jobs") for form in TYPES]

    def route(self, which: str, form: str) -> Route:
        async def answer(request: Request) -> Response:
            return await self.answer(request, which, form)

        return Route(f"/{which}.{form}", answer)

    async def answer(self, request: Request, which: str, form: str) -> Response:
        """A feed, or 304 to a reader that has it."""
        if which == "jobs" and not self.frame.settings().web.machines:
            return self.frame.missing(request)
        current = self.feed.current(form, which)
        made = current if current is not None else await run_in_threadpool(self.feed.rendered, form, which)
        headers = {
            "ETag": made.etag,
            "Last-Modified": format_datetime(made.changed, usegmt=True),
            "Cache-Control": "public, max-age=60",
        }
        if has_it(request, made):
            return Response(status_code=304, headers=headers)
        return Response(made.body, media_type=made.kind, headers=headers)


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
