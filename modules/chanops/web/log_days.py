"""The days of a log: each as a page and as text, and the stream that keeps today's page as the channel is."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chanops.services.line_rows import FORGOTTEN, LINK, SPOKEN, Said
from chanops.services.link_titles import titles_for
from chanops.services.reading import Reading
from chanops.services.visibility import EVERYBODY, Seen, Viewer, Visibility
from chanops.version import VERSION
from chanops.web.cache import Cache, Made
from chanops.web.day_view import between, day_view, text_of_day
from chanops.web.entry import COOKIE
from chanops.web.frame import LIVE_POLICY, SCRIPT_POLICY, Frame, number_in
from chanops.web.pieces import Pieces
from chanops.web.said_view import Extras, Removal, row
from chanops.web.segments import NameRoute
from chanops.web.tail import Missed, Source, Tail, TailStream, network_of
from chanops.web.turns import Turns

MOST_MISSED = 500  # lines that a stream begins with; for more, the page is loaded again
PRIVATE = {"Cache-Control": "private, no-store", "Vary": "Cookie"}
AGAIN = {"Retry-After": "15"}
LATE = timedelta(seconds=5)  # after midnight, in which the last lines of a day may still come
MOST_MAKING, MOST_ASKING = 20, 1000  # who wait for a page to be made, and for what is answered at once


@dataclass(frozen=True)
class Wanted:
    """A day that somebody asks for, as a page or as text, and what of it he has."""

    request: Request
    tags: str
    text: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """The page among others."""
        return (self.text, *self.request.path_params.values())

    @property
    def part(self) -> tuple[str | None, ...]:
        """The first and the last line, where only some are wanted."""
        return tuple(self.request.query_params.get(name) for name in ("from", "to")) if self.text else (None, None)


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class LogDays:
    """Reads days, and shows them. What takes long is made in a thread of its own, so that all else need not wait."""

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
        self.making, self.asking = Turns("pages", MOST_MAKING), Turns("page answers", MOST_ASKING)

    @property
    def routes(self) -> list[NameRoute]:
        """Where they are."""
        return [
            NameRoute("/log/{network}/{channel:path}/events", self.events),
            NameRoute("/log/{network}/{channel:path}/{day}.txt", self.text),
            NameRoute("/log/{network}/{channel:path}/{day}", self.day),
        ]

    def kept(self, new: Sequence[Said]) -> None:
        """Lines that were just committed; from any thread."""
        self.cache.look_again({said.channel_id for said in new})
        self.tail.kept(new)

    def changed(self, channel: int, lines: Sequence[int]) -> None:
        """Lines that were just forgotten; from any thread."""
        self.cache.forget(channel)
        if self.tail.count:
            self.asking.later(lambda: self.tail.changed(channel, lines, self.reading.public(lines)))

    def leave(self) -> None:
        """End what would go on."""
        self.tail.leave()
        self.making.stop()
        self.asking.stop()

    async def day(self, request: Request) -> Response:
        """The page of a day, or 304 to a reader that has it."""
        return await self.answer(Wanted(request, request.headers.get("if-none-match", "")))

    async def text(self, request: Request) -> Response:
        """A day, or some of its lines, as text; or 304."""
        return await self.answer(Wanted(request, request.headers.get("if-none-match", ""), text=True))

    async def answer(self, wanted: Wanted) -> Response:
        """What is there already is answered at once; only what has to be made may take a while."""
        request, tags, private = wanted.request, wanted.tags, False
        known = COOKIE not in request.cookies and wanted.part == (None, None)
        made = self.cache.fresh(wanted.key, self.frame.settings()) if known else None
        if made is None or (made.body is None and made.tag not in tags):
            found = await self.asking.do(partial(self.made, wanted), request)
            if found is not None and found[0].body is None and (found[1] or found[0].tag not in tags):
                found = await self.making.do(partial(self.made, wanted, render=True), request)
            if found is None:
                return await self.asking.do(partial(self.frame.missing, request), request)
            made, private = found
        headers = self.headers(made, wanted.text) | (PRIVATE if private else {})
        if made.tag in tags and not private:
            return Response(status_code=304, headers=headers)
        return Pieces(made.body, headers=headers, media_type="text/plain" if wanted.text else "text/html")

    def headers(self, made: Made, text: bool) -> dict[str, str]:
        """What is told beside the page."""
        lasting = "no-cache" if made.last else "public, max-age=60, must-revalidate"
        told = {"ETag": made.tag, "Cache-Control": lasting, "Vary": "Cookie"}
        if text:
            return told
        index = {"X-Robots-Tag": "all"} if self.frame.settings().web.index else {}
        return told | {"Content-Security-Policy": LIVE_POLICY if made.last else SCRIPT_POLICY, **index}

    def made(self, wanted: Wanted, render: bool = False) -> tuple[Made, bool] | None:
        """A day, without its bytes where they are not at hand, and whether it is for this reader alone.

        None where there is nothing to see for him.
        """
        request, turn, settings = wanted.request, self.cache.turn, self.frame.settings()
        viewer = self.viewer_of(request)
        seen, day = self.seen(request, viewer), day_in(request.path_params["day"])
        if seen is None or day is None:
            return None
        live = day == self.now().date()
        everywhere = self.visibility.channels(viewer)  # before the version: what changes since then changes that
        version = self.reading.version(seen.channel.id, day, seen.everything)
        if not version and (wanted.text or not live):
            return None
        near = self.reading.neighbours(seen.channel.id, day, seen.everything)
        shown = (wanted.part,) if wanted.text else (settings.feed.title, settings.web, everywhere, near, live)
        tag = tag_of(VERSION, seen, day, version, *shown)
        private = viewer != EVERYBODY
        body = None if private else self.cache.body(wanted.key, tag)
        if body is None and render:
            body = self.as_text(wanted, seen, day) if wanted.text else self.rendered(seen, everywhere, day, near, live)
            if body is None:
                return None
        made = Made(tag, body, settings, seen.channel.id, time.monotonic(), live)
        if not private and wanted.part == (None, None):
            self.cache.put(wanted.key, made, turn)
        return made, private

    def rendered(
        self, seen: Seen, everywhere: Sequence[Seen], day: date, near: tuple[date | None, date | None], live: bool
    ) -> bytes:
        """The page, with the titles that are seen by whoever sees these channels."""
        settings = self.frame.settings()
        lines = self.reading.day(seen.channel.id, day, seen.everything)
        view = day_view(lines, self.extras(lines, everywhere))
        return self.frame.text(
            "log_day.html",
            view=view, day=day, before=near[0], behind=near[1], live=live, index=settings.web.index,
            **self.frame.of_channel(seen),
        ).encode()  # fmt: skip

    def extras(self, lines: Sequence[Said], everywhere: Sequence[Seen]) -> Extras:
        """What is shown with lines to whoever sees these channels."""
        gone = [said.id for said in lines if said.kind == FORGOTTEN]
        spoken = [said.id for said in lines if said.kind in SPOKEN or said.kind == LINK]
        removals = {line: Removal(*found) for line, found in self.reading.removals(gone).items()} if gone else {}
        links = self.reading.links_of(spoken, titles_for(everywhere)) if spoken else {}
        return Extras(links, removals, self.frame.settings().web.machines)

    def as_text(self, wanted: Wanted, seen: Seen, day: date) -> bytes | None:
        """The text; None where there is nothing to see."""
        ends = [number_in(each or "") for each in wanted.part]
        if any(each is not None and not end for each, end in zip(wanted.part, ends, strict=True)):
            return None
        lines = between(self.reading.day(seen.channel.id, day, seen.everything), *ends)
        return text_of_day(lines).encode() if lines else None

    async def events(self, request: Request) -> Response:
        """The stream of new lines, from the last on that the reader has."""
        seen = await self.asking.do(lambda: self.seen(request, self.viewer_of(request)), request)
        if seen is None:
            return await self.asking.do(partial(self.frame.missing, request), request)
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=PRIVATE)
        reader = self.tail.join(
            seen.channel.id, seen.everything, network_of(request.client.host if request.client else "")
        )
        if reader is None:
            return PlainTextResponse("too many read along just now\n", 503, headers=PRIVATE | AGAIN)
        asked, today = request.query_params, self.now().date()
        day = min(day_in(asked.get("day", "")) or today, today)
        last = request.headers.get("last-event-id") or asked.get("after")
        count = number_in(asked["count"]) if "count" in asked else None
        reader.greatest = number_in(last or "")

        async def missed() -> Missed | None:
            if last is None:
                return Missed()
            return await self.asking.do(partial(self.missed, seen, day, number_in(last), count))

        async def may_read() -> bool:
            return await self.asking.do(lambda: self.seen(request, self.viewer_of(request))) == seen

        source = Source(missed, may_read, day, lambda: (self.now() - LATE).date())
        return TailStream(self.tail, reader, source)

    def missed(self, seen: Seen, day: date, last: int, count: int | None) -> Missed | None:
        """What has come to a page since its last line; all of its day where lines have come before that one, too.

        `count` is how many the page has.
        """
        of = seen.channel.id
        there, gone = self.reading.known(of, day, last, seen.everything)
        after = last if count is None or count == there else 0
        lines = self.reading.after(of, after, seen.everything, MOST_MISSED + 1, day)
        return Missed(lines, gone) if len(lines) <= MOST_MISSED else None

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
