"""The live end of a channel's log: each new line is made into HTML once and sent to all who watch."""

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address, ip_network

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chanops.services.line_rows import Said

MOST_READERS, MOST_OF_ONE = 400, 50
MOST_WAITING = 128 * 1024  # bytes that wait for one who does not take them
SIGN_OF_LIFE = 15.0
SURE = 1.0  # seconds for which a holder of a token is taken to be one still
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
    caller: str = ""
    waiting: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    greatest: int = 0
    """The greatest number that was sent; who comes back names it."""
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

    def take(self, seen: Collection[int] = ()) -> bytes:
        """All that waits, but lines that this reader has."""
        events = b"".join(self.numbered(line, event) for line, event in self.waiting if line not in seen)
        self.waiting.clear()
        self.size = 0
        self.woken.clear()
        return events

    def numbered(self, line: int, event: bytes) -> bytes:
        """An event with its number, but none that is below what this reader has: he would go back to it."""
        if line <= self.greatest:
            return event
        self.greatest = line
        return b"id: %d\n%b" % (line, event)

    def end(self) -> None:
        """Nothing more is to come."""
        self.over = True
        self.woken.set()


class Tail:
    """All readers. They live in the server's loop; what happens is told from any thread."""

    def __init__(self, render: Callable[[Said], str], most: int = MOST_READERS) -> None:
        self.render, self.most = render, most
        self.readers: dict[int, list[Reader]] = defaultdict(list)
        self.callers = Counter[str]()
        self.count = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.leaving = False

    def join(self, channel: int, everything: bool, caller: str = "") -> Reader | None:
        """A new reader, in the server's loop; None where there are too many, in all or of one caller."""
        if self.count >= self.most or self.leaving or (caller and self.callers[caller] >= MOST_OF_ONE):
            return None
        self.loop = asyncio.get_running_loop()
        reader = Reader(channel, everything, caller)
        self.readers[channel].append(reader)
        self.callers[caller] += 1
        self.count += 1
        return reader

    def part(self, reader: Reader) -> None:
        """A stream is over."""
        here = self.readers[reader.channel]
        if reader in here:
            here.remove(reader)
            self.count -= 1
            self.callers[reader.caller] -= 1
            if not self.callers[reader.caller]:
                del self.callers[reader.caller]
        if not here:
            del self.readers[reader.channel]

    def kept(self, new: Sequence[Said]) -> None:
        """Lines that were just committed; from any thread."""
        self.in_loop(lambda: self.send(new))

    def changed(self, channel: int, lines: Sequence[int], public: Collection[int]) -> None:
        """Lines that were forgotten, and which of them everybody knew; from any thread."""
        self.in_loop(lambda: self.forget(channel, lines, public))

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
                event = event_of("line", self.render(said))
                for reader in here:
                    if said.public or reader.everything:
                        reader.put(said.id, event)

    def forget(self, channel: int, lines: Sequence[int], public: Collection[int]) -> None:
        """What waits of these lines is not sent any more, and what was sent is taken back."""
        gone = set(lines)
        for reader in self.readers.get(channel, ()):
            reader.waiting = [each for each in reader.waiting if each[0] not in gone]
            known = [line for line in lines if reader.everything or line in public]
            if known:
                reader.put(0, taken_back(known))


@dataclass(frozen=True)
class Missed:
    """What a reader has not heard of."""

    lines: Sequence[Said] = ()
    gone: Sequence[int] = ()
    """Lines that were forgotten, if only before he had them."""


@dataclass(frozen=True)
class Source:
    """What a stream asks for its reader; both answer in time, however busy others are."""

    missed: Callable[[], Awaitable[Missed | None]]
    """Of the page's day; None where it is too much."""
    may_read: Callable[[], Awaitable[bool]]
    day: date
    """That of the page."""
    today: Callable[[], date]
    """The day that has begun for good: lines of the one before do not come any more."""


class TailStream(Response):
    """The answer to one reader, who is let go whatever happens."""

    def __init__(self, tail: Tail, reader: Reader, source: Source) -> None:
        super().__init__()
        self.tail, self.reader, self.source, self.day = tail, reader, source, source.day

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it is over, or the reader is gone."""
        gone = asyncio.create_task(self.wait_for_end(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            with contextlib.suppress(HTTPException):  # nobody can be asked any more: the bot leaves
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
        """First the page's day and what was missed of it, then what comes; a comment where nothing does."""
        reader = self.reader
        missed = await self.source.missed()
        seen = frozenset(said.id for said in missed.lines) if missed is not None else frozenset[int]()
        begin = b"retry: 3000\n\n" + event_of("day", self.day.isoformat())
        events = RELOAD if missed is None else self.events_of(missed) + reader.take(seen)
        await send(begin + events + self.new_day())
        asked = time.monotonic()
        while not reader.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGN_OF_LIFE):
                    await reader.woken.wait()
            if reader.over:
                return
            since = time.monotonic() - asked
            if since >= (SURE if reader.everything else SIGN_OF_LIFE) or not reader.waiting:
                asked = time.monotonic()
                if not await self.source.may_read():
                    await send(CLOSED)
                    return
            await send(reader.take(seen) + self.new_day() or b": still there\n\n")
            if reader.behind:
                return

    def events_of(self, missed: Missed) -> bytes:
        """What was missed as events."""
        lines = [self.reader.numbered(said.id, event_of("line", self.tail.render(said))) for said in missed.lines]
        return b"".join(lines) + (taken_back(missed.gone) if missed.gone else b"")

    def new_day(self) -> bytes:
        """That another day has begun, once: the last lines of the page's own come before it."""
        today = self.source.today()
        if today <= self.day:
            return b""
        self.day = today
        return event_of("day", today.isoformat())


def taken_back(lines: Sequence[int]) -> bytes:
    """That these lines were forgotten."""
    return event_of("forget", " ".join(map(str, lines)))


def event_of(name: str, data: str) -> bytes:
    """One event; what would end its line is a blank."""
    return f"event: {name}\ndata: {' '.join(data.splitlines())}\n\n".encode()


def network_of(host: str) -> str:
    """Whom an address belongs to; "" where nobody can say, since a proxy of this machine may stand before it."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback:
        return ""
    return str(address if address.version == 4 else ip_network((address, 64), strict=False))
