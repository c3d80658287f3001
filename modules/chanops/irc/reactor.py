"""The loop of the main thread: sockets, timers, and calls that other threads hand in."""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol

import irc.client

log = logging.getLogger(__name__)
LONGEST_WAIT = 1.0
WAIT_WHEN_BUSY = 0.02


class Reader(Protocol):
    """What the loop serves: a connection."""

    def ready(self, mask: int) -> None:
        """Its socket can be read or written."""

    def flush(self) -> float | None:
        """Send what may be sent; the seconds until more may be, or None."""


@dataclass(order=True)
class Timer:
    """Something to be called at a monotonic time, unless cancelled."""

    at: float
    order: int
    work: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


class Reactor(irc.client.Reactor):  # type: ignore[misc]  # irc ships no types
    """irc's reactor with another engine room.

    irc's own selects with a limit of 1,024 descriptors, looks at its timers five times a second by the
    wall clock, cannot be woken by another thread, and ends at the first exception in a handler.
    """

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        super().__init__()
        self.busy = busy
        self.calls: deque[Callable[[], None]] = deque()
        self.timers: list[Timer] = []
        self.order = count()
        self.ringing = False
        self.stopped = threading.Event()

    @cached_property
    def bell(self) -> tuple[socket.socket, socket.socket]:
        """What wakes the loop: the end that it watches, and the one that others write to."""
        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)
        return pair

    @cached_property
    def selector(self) -> selectors.BaseSelector:
        """All that is watched."""
        made = selectors.DefaultSelector()
        made.register(self.bell[0], selectors.EVENT_READ)
        return made

    @cached_property
    def only_calls(self) -> selectors.BaseSelector:
        """The bell alone, for when nothing new is to be read."""
        made = selectors.DefaultSelector()
        made.register(self.bell[0], selectors.EVENT_READ)
        return made

    def wake(self) -> None:
        """Make the loop turn now; from any thread, and from signal handlers."""
        if not self.ringing and "bell" in vars(self):  # before its first turn, a loop does not sleep
            self.ringing = True
            try:
                self.bell[1].send(b"!")
            except OSError:
                self.ringing = False  # the pair is full, so the loop is awake, or closed, so it has ended

    def call(self, work: Callable[[], None]) -> None:
        """Have the loop call something soon; from any thread."""
        self.calls.append(work)
        self.wake()

    def after(self, seconds: float, work: Callable[[], None]) -> Timer:
        """Have the loop call something later; only from its own thread."""
        timer = Timer(time.monotonic() + seconds, next(self.order), work)
        heappush(self.timers, timer)
        return timer

    def watch(self, sock: socket.socket, reader: Reader, mask: int) -> None:
        """Serve a socket, or serve it for other events than before."""
        key = self.selector.get_map().get(sock)
        if key is None:
            self.selector.register(sock, mask, reader)
        elif key.events != mask:
            self.selector.modify(sock, mask, reader)

    def unwatch(self, sock: socket.socket) -> None:
        """Serve a socket no longer."""
        self.selector.unregister(sock)

    def run(self) -> None:
        """Turn until stopped. What goes wrong in one turn is logged, and the next one follows."""
        self.selector.get_map()  # opened before the first turn, so that no call goes unheard
        try:
            while not self.stopped.is_set():
                self.process_once()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of what was opened."""
        for name in ("selector", "only_calls"):
            if name in vars(self):
                getattr(self, name).close()
        for end in vars(self).get("bell", ()):
            end.close()

    def stop(self) -> None:
        """End the loop; from any thread."""
        self.stopped.set()
        self.wake()

    def process_once(self, timeout: float = LONGEST_WAIT) -> None:
        """One turn: wait for something, read, call, send. While plugins are behind, nothing new is read."""
        wait = self.send_all(timeout)
        if self.busy():
            ready = self.only_calls.select(min(wait, WAIT_WHEN_BUSY))
        else:
            ready = self.selector.select(wait)
        for key, mask in ready:
            if key.data is None:
                self.hush()
            else:
                guarded(key.data.ready, mask)
        self.run_calls()
        self.run_timers()

    def send_all(self, wait: float) -> float:
        """Let each connection send; how long the loop may sleep after that."""
        for connection in self.connections:
            more = guarded(connection.flush)
            if more is not None:
                wait = min(wait, more)
        if self.timers:
            wait = min(wait, self.timers[0].at - time.monotonic())
        return max(0.0, wait) if not self.calls else 0.0

    def hush(self) -> None:
        try:
            while self.bell[0].recv(4096):
                pass
        except BlockingIOError:
            pass
        self.ringing = False  # not before: the byte of whoever rings meanwhile is read, and none would follow

    def run_calls(self) -> None:
        for _ in range(len(self.calls)):
            guarded(self.calls.popleft())

    def run_timers(self) -> None:
        now = time.monotonic()
        while self.timers and self.timers[0].at <= now:
            timer = heappop(self.timers)
            if not timer.cancelled:
                guarded(timer.work)


def guarded(work: Callable[..., Any], *args: Any) -> Any:
    """Call something of ours; a bug in it is logged, and must not end the loop that all depend on."""
    try:
        return work(*args)
    except Exception:
        log.exception("a bug in the connection; going on")
        return None
