"""The links: by day, person, channel, word and tag."""

import asyncio
from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chanops.core.errors import Problem
from chanops.services.feed_topics import Topic, feeds_of
from chanops.services.link_lists import Asked, LinkLists, LinkPage, Listed
from chanops.services.visibility import EVERYBODY, Seen, Viewer, Visibility
from chanops.web.entry import FORM_POLICY, viewer_of
from chanops.web.frame import Frame, number_in
from chanops.web.hits import channel_path, line_path
from chanops.web.said_view import may_lead
from chanops.web.search_pages import asked

AT_ONCE, MOST_WAITING = 2, 20
MOST = 50
NAMES = ("q", "by", "in", "day", "tag")
NONE = LinkPage()


class LinkPages:
    """Lists links for whoever asks."""

    def __init__(self, lists: LinkLists, visibility: Visibility, frame: Frame) -> None:
        self.lists, self.visibility, self.frame = lists, visibility, frame
        self.places, self.waiting = asyncio.Semaphore(AT_ONCE), 0

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/links", self.answer)]

    async def answer(self, request: Request) -> Response:
        """The form, and the links that are asked for, for a few at a time."""
        given = {name: asked(request.query_params, name) for name in NAMES}
        if self.waiting >= MOST_WAITING:
            return self.sent(self.page(given, trouble="too many look for links just now: try again in a moment"), 503)
        self.waiting += 1
        try:
            async with self.places:
                if await request.is_disconnected():
                    return self.sent("", 503)
                return await run_in_threadpool(self.found, request, given)
        finally:
            self.waiting -= 1

    def found(self, request: Request, given: Mapping[str, str]) -> Response:
        """In a thread."""
        viewer = viewer_of(request)
        wanted = wanted_of(given)
        seen = self.seen(viewer, given["in"])
        before = number_in(request.query_params.get("before", ""))
        if wanted is None or seen is None or ("before" in request.query_params and not before):
            return self.frame.missing(request)
        topic = topic_of(given, wanted)
        try:
            page = self.lists.page(seen, wanted, before, MOST, self.visibility.channels(viewer))
        except Problem as problem:
            return self.sent(self.page(given, trouble=str(problem), topic=topic), 503, viewer)
        return self.sent(self.page(given, page, before, topic=topic), viewer=viewer)

    def page(
        self,
        given: Mapping[str, str],
        page: LinkPage = NONE,
        before: int = 0,
        trouble: str = "",
        topic: Topic | None = None,
    ) -> str:
        """The page; without links, only the form."""
        return self.frame.text(
            "links.html",
            given=given,
            trouble=trouble,
            days=days_of(page.links),
            more=address({**given, "before": str(page.more)}) if page.more else "",
            before=before,
            host=host_of,
            may_lead=may_lead,
            path=line_path,
            channel_path=channel_path,
            address=address,
            alternates=feeds_of(self.frame.settings().feed.title, topic),
        )

    def sent(self, text: str, status: int = 200, viewer: Viewer = EVERYBODY) -> Response:
        kept = "no-cache" if viewer == EVERYBODY else "private, no-store"
        headers = {"Content-Security-Policy": FORM_POLICY, "Cache-Control": kept, "Vary": "Cookie"}
        if status != 200:
            headers["Retry-After"] = "5"
        return Response(text, status, headers, "text/html")

    def seen(self, viewer: Viewer, where: str) -> list[Seen] | None:
        """The channels that are meant; None where there is no such one for this viewer."""
        if not where:
            return self.visibility.channels(viewer)
        network, _, name = where.partition("/")
        found = self.visibility.of(viewer, network, name)
        return [found] if found is not None else None


def wanted_of(given: Mapping[str, str]) -> Asked | None:
    """What is asked; None where it makes no sense."""
    network, slash, nick = given["by"].partition("/")
    if given["by"] and not (slash and network and nick):
        return None
    try:
        day = date.fromisoformat(given["day"]) if given["day"] else None
    except ValueError:
        return None
    return Asked(given["q"], network, nick, given["tag"].removeprefix("#"), day)


def topic_of(given: Mapping[str, str], wanted: Asked) -> Topic:
    """The feed with what the page shows, or the nearest to it."""
    if wanted.nick:
        return Topic("by", network=wanted.network, word=wanted.nick)
    if wanted.tag:
        return Topic("tag", word=wanted.tag)
    network, _, channel = given["in"].partition("/")
    return Topic("links", network, channel)


def days_of(links: Any) -> list[tuple[date, list[Listed]]]:
    """The links under their days, in their order."""
    return [(day, list(some)) for day, some in groupby(links, lambda each: each.link.said.at.date())]


def host_of(address: str) -> str:
    """The host of a link, without what need not be read."""
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def address(given: Mapping[str, str]) -> str:
    """The page with these, leaving out what is empty."""
    query = urlencode({name: text for name, text in given.items() if text}, errors="replace")
    return f"/links?{query}" if query else "/links"
