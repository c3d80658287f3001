"""Patience with callers: deadlines for all that a caller has to send or to take, and room for new ones."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

MOST_HEAD = 16 * 1024  # bytes of a request up to the empty line
MOST_AHEAD = 64 * 1024  # bytes that may be sent while an answer is under way
ANSWER = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_SLOW, TOO_LONG = ANSWER % b"408 Request Timeout", ANSWER % b"431 Request Header Fields Too Large"


@dataclass(frozen=True)
class Patience:
    """How long callers are waited for, in seconds, and how many there may be."""

    head: float = 10.0
    """For the whole head of a request, from its first byte, or from when somebody calls."""
    body: float = 10.0
    """For the whole body behind it."""
    taking: float = 30.0
    """Within it, a reader must take `least` bytes of what waits for it, or all."""
    least: int = 32 * 1024
    whole: float = 600.0
    """Within it, there must be a moment at which nothing waits: so long a page may take, were it taken that slowly."""
    most: int = 1000
    """Connections; one more takes the place of the one that has kept us waiting longest."""


class Cycle(Protocol):
    """What uvicorn knows of one request."""

    more_body: bool
    disconnected: bool
    response_started: bool
    response_complete: bool


@dataclass
class Lobby:
    """All connections whose request is not complete, those first who have been there longest; and how long they may."""

    patience: Patience
    waiting: dict["Watched", None] = field(default_factory=dict)

    def look(self, connections: Iterable[Any]) -> None:
        """To be called about once a second: let those go who are too slow."""
        now = time.monotonic()
        for each in list(connections):
            each.look(now)

    def make_room(self, connections: set[Any]) -> bool:
        """Let the one go that has waited longest, where there are too many; False where there is none such."""
        if len(connections) <= self.patience.most:
            return True
        oldest = next(iter(self.waiting), None)
        if oldest is not None:
            oldest.drop()
        return oldest is not None


class Watched(asyncio.Protocol):
    """Beside one of uvicorn's protocols: what it has no deadlines for."""

    lobby: Lobby
    transport: asyncio.Transport
    connections: set[Any]
    cycle: Cycle | None
    head_since: float | None = None
    body_since = 0.0
    sent_of_head = sent_ahead = 0
    left, left_since = 0, 0.0
    waits_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody calls."""
        super().connection_made(transport)
        self.head_since = time.monotonic()
        if self.lobby.make_room(self.connections):
            self.lobby.waiting[self] = None
        else:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self.lobby.waiting.pop(self, None)
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        """Much of what waited has been taken."""
        self.left = 0
        super().resume_writing()

    @property
    def quiet(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Pass it on, of a head no more than it may have."""
        rest = memoryview(data)
        while rest and not self.transport.is_closing():
            before = self.cycle
            some = rest[: MOST_HEAD - self.sent_of_head] if self.quiet else rest
            rest = rest[len(some) :]
            if self.quiet:
                self.sent_of_head += len(some)
                self.head_since = self.head_since or time.monotonic()
            elif self.cycle is not None and not self.cycle.more_body:
                self.sent_ahead += len(some)
            super().data_received(bytes(some))
            if self.cycle is not before:
                self.head_since, self.sent_of_head, self.sent_ahead = None, 0, 0
                self.body_since = time.monotonic()
            elif self.sent_of_head >= MOST_HEAD:
                self.refuse(TOO_LONG)
            elif self.sent_ahead > MOST_AHEAD:
                self.drop()
        if not self.quiet and self.cycle is not None and not self.cycle.more_body:
            self.lobby.waiting.pop(self, None)

    def look(self, now: float) -> None:
        """Let them go if they are too slow."""
        patience = self.lobby.patience
        if not self.took_enough(now, patience):
            self.drop()
        elif self.transport.is_closing():
            return
        elif self.quiet:
            self.lobby.waiting.setdefault(self)
            if self.head_since is not None and now - self.head_since > patience.head:
                self.refuse(TOO_SLOW)
        elif self.cycle is not None and self.cycle.more_body and now - self.body_since > patience.body:
            self.drop()

    def took_enough(self, now: float, patience: Patience) -> bool:
        """Whether what waits for them becomes less."""
        waits = self.transport.get_write_buffer_size()
        if not waits:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = now
        elif now - self.waits_since > patience.whole:
            return False
        if not waits or not self.left:
            self.left, self.left_since = waits, now
        elif now - self.left_since > patience.taking:
            if self.left - waits < min(patience.least, self.left):
                return False
            self.left, self.left_since = waits, now
        return True

    def send_400_response(self, msg: str) -> None:
        """What was sent is no HTTP; the page that is being made is for nobody."""
        cycle = self.cycle
        if cycle is not None and cycle.response_started and (cycle.more_body or not cycle.response_complete):
            self.drop()  # else this answer would stand in the middle of another
            return
        if cycle is not None:
            cycle.disconnected = True
        super().send_400_response(msg)  # type: ignore[misc]  # both of uvicorn's protocols have it

    def refuse(self, answer: bytes) -> None:
        """Say why, and close; not in the middle of what is sent."""
        if not self.transport.get_write_buffer_size():
            self.transport.write(answer)
        self.transport.close()

    def drop(self) -> None:
        """Close it now."""
        self.lobby.waiting.pop(self, None)
        self.transport.abort()


def watched(base: type[asyncio.Protocol], lobby: Lobby) -> type[asyncio.Protocol]:
    """One of uvicorn's protocols, with patience."""
    return type(f"Watched{base.__name__}", (Watched, base), {"lobby": lobby})
