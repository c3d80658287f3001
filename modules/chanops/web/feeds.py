"""The feeds over HTTP: those that have not changed are answered at once, and not at all to who has them."""

import asyncio
import re
from collections.abc import Mapping
from email.utils import format_datetime, parsedate_to_datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chanops.services.access import Access
from chanops.services.dialects import TooSlow
from chanops.services.feed import Feed, Rendered, Wanted
from chanops.services.feed_topics import LONGEST_WORD, OPML, TAG_WORD, TYPES, WHOLE, Topic
from chanops.web.frame import Frame
from chanops.web.segments import NameRoute

AT_ONCE = 4  # searches and the like that are looked for at the same time: the others' threads stay free
LATER = "60"
OPEN, PRIVATE = "public, max-age=60", "private, no-store"
PATHS = {
    "by": "/links/by/{network}/{word:path}",
    "tag": "/links/tag/{word:path}",
    "search": "/search",
}
WORD = re.compile(TAG_WORD)


class Feeds:
    """All there is, only links, only jobs; of all channels or one; of a person, with a tag, or found by a search."""

    def __init__(self, feed: Feed, frame: Frame) -> None:
        self.feed, self.frame = feed, frame
        self.access = Access(feed.database)
        self.few = asyncio.Semaphore(AT_ONCE)

    @property
    def routes(self) -> list[Route]:
        """Where they are; first those that are asked for most."""
        paths = [(which, f"/{which}") for which in WHOLE]
        paths += [(which, f"/log/{{network}}/{{channel:path}}/{which}") for which in WHOLE]
        forms = [(which, path, form) for which, path in [*paths, *PATHS.items()] for form in TYPES]
        return [self.route(*each) for each in [*forms, (OPML, "/feeds", OPML)]]

    def route(self, which: str, path: str, form: str) -> Route:
        async def answer(request: Request) -> Response:
            return await self.answer(request, which, form)

        return NameRoute(f"{path}.{form}", answer)

    async def answer(self, request: Request, which: str, form: str) -> Response:
        """A feed, or 304 to a reader that has it."""
        topic = topic_of(which, request.path_params, request.query_params.get("q", ""))
        if topic is None:
            return self.frame.missing(request)
        token = request.query_params.get("token")
        made = None if token is not None else self.feed.ready(Wanted(topic, form))
        if made is None and topic.lasting and token is None:
            made = await run_in_threadpool(self.feed.find, Wanted(topic, form))
        elif made is None:
            try:
                async with self.few:
                    made = await run_in_threadpool(self.found, topic, form, token)
            except TooSlow as error:
                return PlainTextResponse(str(error), 503, {"Retry-After": LATER, "Cache-Control": "no-store"})
        if made is None:
            return self.frame.missing(request)
        headers = {
            "ETag": made.etag,
            "Last-Modified": format_datetime(made.changed, usegmt=True),
            "Cache-Control": OPEN if token is None else PRIVATE,
        }
        if made.hub:
            headers["Link"] = f'<{made.hub}>; rel="hub", <{made.own}>; rel="self"'
        if has_it(request, made):
            return Response(status_code=304, headers=headers)
        return Response(made.body, media_type=made.kind, headers=headers)

    def found(self, topic: Topic, form: str, token: str | None) -> Rendered | None:
        """A feed for whoever has this token, or for everybody where none is given."""
        if token is None:
            return self.feed.find(Wanted(topic, form))
        viewer = self.access.viewer_by_feed(token)
        return self.feed.find(Wanted(topic, form, viewer, token)) if viewer is not None else None


def topic_of(which: str, path: Mapping[str, str], query: str) -> Topic | None:
    """What is asked for, in the one way in which it is written; None where that can be nothing."""
    network, channel = path.get("network", ""), path.get("channel", "")
    word = path.get("word", "") if which != "search" else " ".join(query.split())
    if which == "tag":
        word = word.lower()
        if not WORD.fullmatch(word) or word.isdecimal():
            return None
    if not all(path.values()) or not (word or which in (*WHOLE, OPML)):
        return None
    whole = f"{network}{channel}{word}"
    return None if len(whole) > LONGEST_WORD or "\0" in whole else Topic(which, network, channel, word)


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
