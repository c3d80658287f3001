"""The days of a log: each as a page and as text, and the stream that keeps today's page as the channel is."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chanops.services.line_rows import FORGOTTEN, LINK, SPOKEN, Said
from chanops.services.reading import Reading
from chanops.services.visibility import EVERYBODY, Seen, Viewer, Visibility
from chanops.version import VERSION
from chanops.web.cache import Cache, Made
from chanops.web.day_view import between, day_view, text_of_day
from chanops.web.entry import COOKIE
from chanops.web.frame import LIVE_POLICY, SCRIPT_POLICY, Frame, number_in
from chanops.web.said_view import Extras, Removal, row
from chanops.web.tail import Source, Tail, TailStream

T = TypeVar("T")
MOST_MISSED = 500  # lines that a stream begins with; for more, the page is loaded again
PRIVATE = {"Cache-Control": "private, no-store", "Vary": "Cookie"}
AGAIN = {"Retry-After": "15"}


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class LogDays:
    """Reads days, and shows them. What takes long is done in one thread: several would only take turns."""

    def __init__(
        self,
        reading: Reading,
        visibility: Visibility,
        frame: Frame,
        viewer_of: Callable[[Request], Viewer],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.reading, self.visibility, self.frame, self.viewer_of, self.now = (
            reading, visibility, frame, viewer_of, now,
        )  # fmt: skip
        self.cache = Cache()
        self.tail = Tail(lambda said: row(said, Extras({}, {}, frame.settings().web.machines)))
        self.thread = ThreadPoolExecutor(1, "pages")

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/log/{network}/{channel:path}/events", self.events),
            Route("/log/{network}/{channel:path}/{day}.txt", self.text),
            Route("/log/{network}/{channel:path}/{day}", self.day),
        ]

    def kept(self, new: Sequence[Said]) -> None:
        """Lines that were just committed; from any thread."""
        self.cache.look_again({said.channel_id for said in new})
        self.tail.kept(new)

    def changed(self, channel: int, lines: Sequence[int]) -> None:
        """Lines that were just forgotten; from any thread."""
        self.cache.forget(channel)
        self.tail.changed(channel, lines)

    def leave(self) -> None:
        """End what would go on."""
        self.tail.leave()
        self.thread.shutdown(wait=False)

    async def do(self, work: Callable[[], T]) -> T:
        """Have the thread do something."""
        try:
            done = asyncio.get_running_loop().run_in_executor(self.thread, work)
        except RuntimeError:  # it takes no more work: the bot leaves
            raise HTTPException(503) from None
        return await done

    async def day(self, request: Request) -> Response:
        """The page of a day, or 304 to a reader that has it."""
        key = tuple(request.path_params.values())
        made = None if COOKIE in request.cookies else self.cache.fresh(key, self.frame.settings())
        tags = request.headers.get("if-none-match", "")
        if made is None or (made.body is None and made.tag not in tags):
            found = await self.do(partial(self.made, request, key, tags))
            if found is None:
                return await self.do(partial(self.frame.missing, request))
            made, private = found
            if private:
                return Response(made.body, headers=self.headers(made) | PRIVATE, media_type="text/html")
        if made.tag in tags:
            return Response(status_code=304, headers=self.headers(made))
        return Response(made.body, headers=self.headers(made), media_type="text/html")

    def headers(self, made: Made) -> dict[str, str]:
        """What is told beside the page."""
        lasting = "no-cache" if made.last else "public, max-age=60, must-revalidate"
        index = {"X-Robots-Tag": "all"} if self.frame.settings().web.index else {}
        return {
            "ETag": made.tag,
            "Cache-Control": lasting,
            "Vary": "Cookie",
            "Content-Security-Policy": LIVE_POLICY if made.last else SCRIPT_POLICY,
            **index,
        }

    def made(self, request: Request, key: tuple[str, ...], tags: str) -> tuple[Made, bool] | None:
        """A day's page, and whether it is for this reader alone; None where there is nothing to see for him."""
        turn, settings, viewer = self.cache.turn, self.frame.settings(), self.viewer_of(request)
        seen, day = self.seen(request, viewer), day_in(request.path_params["day"])
        if seen is None or day is None:
            return None
        today = self.now().date()
        version = self.reading.version(seen.channel.id, day, seen.everything)
        if not version and day != today:
            return None
        near = self.reading.neighbours(seen.channel.id, day, seen.everything)
        tag = tag_of(VERSION, settings.feed.title, settings.web, seen, day, version, near, day == today)
        private = viewer != EVERYBODY
        body = None if private else self.cache.body(key, tag)
        made = Made(tag, body, settings, seen.channel.id, time.monotonic(), day == today)
        if made.body is None and (private or tag not in tags):
            made = replace(made, body=self.rendered(seen, day, near, day == today))
        if not private:
            self.cache.put(key, made, turn)
        return made, private

    def rendered(self, seen: Seen, day: date, near: tuple[date | None, date | None], live: bool) -> bytes:
        """The page."""
        settings = self.frame.settings()
        lines = self.reading.day(seen.channel.id, day, seen.everything)
        view = day_view(lines, self.extras(lines, settings.web.machines))
        return self.frame.text(
            "log_day.html",
            view=view, day=day, before=near[0], behind=near[1], live=live, index=settings.web.index,
            **self.frame.of_channel(seen),
        ).encode()  # fmt: skip

    def extras(self, lines: Sequence[Said], jobs: bool) -> Extras:
        """What is shown with lines."""
        gone = [said.id for said in lines if said.kind == FORGOTTEN]
        spoken = [said.id for said in lines if said.kind in SPOKEN or said.kind == LINK]
        removals = {line: Removal(*found) for line, found in self.reading.removals(gone).items()} if gone else {}
        return Extras(self.reading.links_of(spoken) if spoken else {}, removals, jobs)

    async def text(self, request: Request) -> Response:
        """A day, or some of its lines, as text."""
        found = await self.do(partial(self.text_for, request))
        if found is None:
            return await self.do(partial(self.frame.missing, request))
        return PlainTextResponse(found, headers={"Cache-Control": "private, no-cache", "Vary": "Cookie"})

    def text_for(self, request: Request) -> str | None:
        """The text; None where there is nothing to see."""
        seen, day = self.seen(request, self.viewer_of(request)), day_in(request.path_params["day"])
        asked = [request.query_params.get(name) for name in ("from", "to")]
        ends = [number_in(each or "") for each in asked]
        if (
            seen is None
            or day is None
            or any(each is not None and not end for each, end in zip(asked, ends, strict=True))
        ):
            return None
        lines = between(self.reading.day(seen.channel.id, day, seen.everything), *ends)
        return text_of_day(lines) if lines else None

    async def events(self, request: Request) -> Response:
        """The stream of new lines, from the last on that the reader has."""
        seen = await self.do(lambda: self.seen(request, self.viewer_of(request)))
        if seen is None:
            return await self.do(partial(self.frame.missing, request))
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=PRIVATE)
        reader = self.tail.join(seen.channel.id, seen.everything)
        if reader is None:
            return PlainTextResponse("too many read along just now\n", 503, headers=PRIVATE | AGAIN)
        last = number_in(request.headers.get("last-event-id") or request.query_params.get("after", ""))

        async def missed() -> list[Said] | None:
            after = partial(self.reading.after, seen.channel.id, last, seen.everything, MOST_MISSED + 1)
            found = await self.do(after) if last else []
            lines = [said for said in found if said.at.date() == self.now().date()]
            return lines if not lines or len(found) <= MOST_MISSED else None

        async def may_read() -> bool:
            return await self.do(lambda: self.seen(request, self.viewer_of(request))) == seen

        return TailStream(self.tail, reader, Source(missed, may_read, lambda: self.now().date()))

    def seen(self, request: Request, viewer: Viewer) -> Seen | None:
        """The channel that an address names, if this viewer may see it."""
        return self.visibility.of(viewer, request.path_params["network"], request.path_params["channel"])


def day_in(text: str) -> date | None:
    """A day as addresses have it, 2026-11-21, and no other spelling of it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def tag_of(*parts: object) -> str:
    """What differs as soon as one of these does."""
    return f'"{hashlib.blake2b(repr(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()}"'
