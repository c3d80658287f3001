"""The live end of a channel's log: each new line is made into HTML once and sent to all who watch."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chanops.services.line_rows import Said

MOST_READERS = 400
MOST_WAITING = 128 * 1024  # bytes that wait for one who does not take them
SIGN_OF_LIFE = 15.0
CLOSED = b"event: over\ndata: \n\n"
RELOAD = b"event: reload\ndata: \n\n"
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"private, no-store"),
    (b"x-accel-buffering", b"no"),
    (b"vary", b"Cookie"),
]


@dataclass(eq=False, slots=True)
class Reader:
    """One open stream: the events that wait for it, each with the number of its line, 0 for none."""

    channel: int
    everything: bool
    waiting: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    behind: bool = False

    def put(self, line: int, event: bytes) -> None:
        """Something to be sent; whoever is too far behind is to load the page again."""
        if self.behind:
            return
        if self.size + len(event) > MOST_WAITING:
            self.behind = True
            self.waiting.clear()
            line, event = 0, RELOAD
        self.waiting.append((line, event))
        self.size += len(event)
        self.woken.set()

    def take(self, seen: frozenset[int] = frozenset()) -> bytes:
        """All that waits, but lines that this reader has."""
        events = b"".join(event for line, event in self.waiting if line not in seen)
        self.waiting.clear()
        self.size = 0
        self.woken.clear()
        return events

    def end(self) -> None:
        """Nothing more is to come."""
        self.over = True
        self.woken.set()


class Tail:
    """All readers. They live in the server's loop; what happens is told from any thread."""

    def __init__(self, render: Callable[[Said], str], most: int = MOST_READERS) -> None:
        self.render, self.most = render, most
        self.readers: dict[int, list[Reader]] = defaultdict(list)
        self.count = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.leaving = False

    def join(self, channel: int, everything: bool) -> Reader | None:
        """A new reader, in the server's loop; None where there are too many."""
        if self.count >= self.most or self.leaving:
            return None
        self.loop = asyncio.get_running_loop()
        reader = Reader(channel, everything)
        self.readers[channel].append(reader)
        self.count += 1
        return reader

    def part(self, reader: Reader) -> None:
        """A stream is over."""
        here = self.readers[reader.channel]
        if reader in here:
            here.remove(reader)
            self.count -= 1
        if not here:
            del self.readers[reader.channel]

    def kept(self, new: Sequence[Said]) -> None:
        """Lines that were just committed; from any thread."""
        self.in_loop(lambda: self.send(new))

    def changed(self, channel: int, lines: Sequence[int]) -> None:
        """Lines that were forgotten, or shown otherwise from now on; from any thread."""
        self.in_loop(lambda: self.forget(channel, lines))

    def leave(self) -> None:
        """End all streams; from any thread."""
        self.leaving = True
        self.in_loop(self.end)

    def end(self) -> None:
        """End all streams."""
        for here in self.readers.values():
            for reader in here:
                reader.end()

    def in_loop(self, work: Callable[[], object]) -> None:
        """Do something where the readers live; nothing where there are none: they will read what is there."""
        if self.count and self.loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
                self.loop.call_soon_threadsafe(work)

    def send(self, new: Sequence[Said]) -> None:
        """Lines to all who may see them."""
        for said in new:
            here = self.readers.get(said.channel_id)
            if here:
                event = line_event(said.id, self.render(said))
                for reader in here:
                    if said.public or reader.everything:
                        reader.put(said.id, event)

    def forget(self, channel: int, lines: Sequence[int]) -> None:
        """What waits of these lines is not sent any more, and what was sent is taken back."""
        gone = set(lines)
        for reader in self.readers.get(channel, ()):
            reader.waiting = [each for each in reader.waiting if each[0] not in gone]
            reader.put(0, event_of("forget", " ".join(map(str, lines))))


@dataclass(frozen=True)
class Source:
    """What a stream asks for its reader; both answer in time, however busy others are."""

    missed: Callable[[], Awaitable[list[Said] | None]]
    """The lines that he has not seen yet; None where they are too many."""
    may_read: Callable[[], Awaitable[bool]]
    today: Callable[[], date] = lambda: datetime.now(UTC).date()


class TailStream(Response):
    """The answer to one reader, who is let go whatever happens."""

    def __init__(self, tail: Tail, reader: Reader, source: Source) -> None:
        super().__init__()
        self.tail, self.reader, self.source = tail, reader, source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it is over, or the reader is gone."""
        gone = asyncio.create_task(self.wait_for_end(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await self.go_on(lambda data: send({"type": "http.response.body", "body": data, "more_body": True}))
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            self.tail.part(self.reader)

    async def wait_for_end(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.reader.end()

    async def go_on(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """First the day and what was missed, then what comes; a comment where nothing does."""
        reader, day = self.reader, self.source.today()
        missed = await self.source.missed()
        begin = b"retry: 3000\n\n" + event_of("day", day.isoformat())
        await send(begin + (RELOAD if missed is None else self.events_of(missed)))
        seen = frozenset(said.id for said in missed or ())
        asked = time.monotonic()
        while not reader.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGN_OF_LIFE):
                    await reader.woken.wait()
            if reader.over:
                return
            if time.monotonic() - asked >= SIGN_OF_LIFE or not reader.waiting:
                asked = time.monotonic()
                if not await self.source.may_read():
                    await send(CLOSED)
                    return
            events = reader.take(seen)
            if self.source.today() != day:
                day = self.source.today()
                events = event_of("day", day.isoformat()) + events
            await send(events or b": still there\n\n")
            if reader.behind:
                return

    def events_of(self, lines: Sequence[Said]) -> bytes:
        """Lines as events."""
        return b"".join(line_event(said.id, self.tail.render(said)) for said in lines)


def line_event(line: int, html: str) -> bytes:
    """A new line; its number is what a reader names who comes back."""
    return b"id: %d\n" % line + event_of("line", html)


def event_of(name: str, data: str) -> bytes:
    """One event; what would end its line is a blank."""
    return f"event: {name}\ndata: {' '.join(data.splitlines())}\n\n".encode()
