"""Search: the newest lines that have the words, each among its neighbours."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.core.query import read
from chanops.services.feed_topics import Topic, feeds_of
from chanops.services.link_titles import titles_for
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import EVERYBODY, Seen, Viewer, Visibility
from chanops.web.entry import FORM_POLICY, viewer_of
from chanops.web.frame import OWN_SCRIPTS, Frame, number_in
from chanops.web.hits import Block, block_html, blocks_of, channel_path, day_path
from chanops.web.said_view import Extras

AT_ONCE, MOST_WAITING = 2, 20
MOST, AROUND = 20, 2
LONGEST = 500
MOST_JUMPS = 20
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Jump(NamedTuple):
    """Where a query that is only a day or a channel leads."""

    text: str
    path: str


@dataclass(frozen=True)
class Group:
    """Blocks of one channel and day that follow each other."""

    network: str
    channel: str
    day: date
    path: str
    blocks: list[Block]


class SearchPages:
    """Searches for whoever asks, a few at a time."""

    def __init__(self, search: Search, reading: Reading, visibility: Visibility, frame: Frame) -> None:
        self.search, self.reading, self.visibility, self.frame = search, reading, visibility, frame
        self.places, self.waiting = asyncio.Semaphore(AT_ONCE), 0

    @property
    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/search", self.answer)]

    async def answer(self, request: Request) -> Response:
        """The form, and what was found."""
        if self.waiting >= MOST_WAITING:
            return self.sent(self.page(request, trouble="too many search just now: try again in a moment"), 503)
        self.waiting += 1
        try:
            async with self.places:
                return await run_in_threadpool(self.found, request)
        finally:
            self.waiting -= 1

    def found(self, request: Request) -> Response:
        """In a thread."""
        viewer = viewer_of(request)
        try:
            return self.sent(self.page(request, **self.values(request, viewer)), viewer=viewer)
        except Problem as problem:
            return self.sent(self.page(request, trouble=str(problem)), 503, viewer)

    def sent(self, text: str, status: int = 200, viewer: Viewer = EVERYBODY) -> Response:
        kept = "no-cache" if viewer == EVERYBODY else "private, no-store"
        headers = {"Content-Security-Policy": f"{FORM_POLICY}; {OWN_SCRIPTS}", "Cache-Control": kept, "Vary": "Cookie"}
        if status != 200:
            headers["Retry-After"] = "5"
        return Response(text, status, headers, "text/html")

    def page(self, request: Request, trouble: str = "", **values: Any) -> str:
        """The page; without more values, only the form."""
        words = asked(request.query_params)
        title = self.frame.settings().feed.title
        usual = {"q": words, "trouble": trouble, "groups": (), "jumps": (), "more": 0, "before": 0, "count": 0}
        alternates = feeds_of(title, Topic("search", word=words) if words else None)
        return self.frame.text("search.html", **usual | {"alternates": alternates, "html": None} | values)

    def values(self, request: Request, viewer: Viewer) -> dict[str, Any]:
        """What is on the page."""
        words, before = asked(request.query_params), number_in(request.query_params.get("before", ""))
        seen = self.visibility.channels(viewer)
        query = read(words)
        found = self.search.find(query, seen, before, MOST)
        whole = {each.channel.id: each.everything for each in seen}
        around = [(line, self.reading.around(line, AROUND, AROUND, whole[line.channel_id])) for line in found.lines]
        blocks = blocks_of(around)
        links = self.reading.links_of([line.id for block in blocks for line in block.lines], titles_for(seen))
        extras = Extras(links, {}, self.frame.settings().web.machines)
        return {
            "groups": groups_of(blocks),
            "html": lambda block: block_html(block, query.words, extras),
            "jumps": self.jumps(words, seen),
            "more": found.more,
            "before": before,
            "count": len(found.lines),
        }

    def jumps(self, words: str, seen: list[Seen]) -> list[Jump]:
        """The pages that are meant by a query that is only a day or a channel."""
        if DAY.fullmatch(words):
            try:
                day = date.fromisoformat(words)
            except ValueError:
                return []
            there = [each for each in seen if self.reading.version(each.channel.id, day, each.everything)]
            return [
                Jump(f"{each.channel.name} on {words}", day_path(each.channel.network, each.channel.name, words))
                for each in there[:MOST_JUMPS]
            ]
        meant = [each.channel for each in seen if fold(words) in names_of(each)]
        return [Jump(f"{each.name} on {each.network}", channel_path(each.network, each.name)) for each in meant]


def names_of(seen: Seen) -> set[str]:
    """What a channel is called when somebody looks for it."""
    return {fold(seen.channel.name), fold(f"{seen.channel.network}/{seen.channel.name}")}


def groups_of(blocks: list[Block]) -> list[Group]:
    """The blocks under headings, in their order."""
    groups: list[Group] = []
    for block in blocks:
        first = block.first
        day = first.at.date()
        path = day_path(first.network, first.channel, day.isoformat())
        if not groups or groups[-1].path != path:
            groups.append(Group(first.network, first.channel, day, path, []))
        groups[-1].blocks.append(block)
    return groups


def asked(given: Mapping[str, str], name: str = "q") -> str:
    """A text that was typed into a form."""
    return given.get(name, "").replace("\0", " ").strip()[:LONGEST]
