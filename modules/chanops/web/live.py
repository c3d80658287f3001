"""Live pages: one thread looks at the jobs that somebody watches, and each watcher's stream gets what is new."""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from chanops.services.feed_jobs import PublicJobs, ShownJob

MOST_WATCHERS = 100
LONGEST = 600.0  # seconds until a stream ends; a browser that is still there asks again
SIGN_OF_LIFE = 15.0
LOOK = 0.5  # seconds between two looks where nothing tells of news: a job's steps do not
PAUSE = 0.2  # seconds between two looks, whatever is told
RATE = 256 * 1024  # characters a second that a watcher is sent of large pages
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Sight:
    """What a watcher is shown: HTML; and whether that is the last."""

    html: str
    last: bool


@dataclass(eq=False)
class Watcher:
    """One open stream. It keeps only the newest sight: whoever reads slowly misses those between."""

    job: int
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    sight: Sight | None = None
    ended: bool = False

    def show(self, sight: Sight | None) -> None:
        """Something new, or the end; from any thread."""
        self.sight, self.ended = sight, sight is None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches
            self.loop.call_soon_threadsafe(self.woken.set)


class Live:
    """All watchers, and the thread that there is while there are any."""

    def __init__(self, jobs: PublicJobs, render: Callable[[ShownJob], str]) -> None:
        self.jobs, self.render = jobs, render
        self.lock = threading.Lock()
        self.watchers: list[Watcher] = []
        self.thread: threading.Thread | None = None
        self.stopping = threading.Event()

    def join(self, job: int) -> Watcher | None:
        """A new watcher, to be called in the server's loop; None where there are too many."""
        watcher = Watcher(job, asyncio.get_running_loop())
        with self.lock:
            if len(self.watchers) >= MOST_WATCHERS or self.stopping.is_set():
                return None
            self.watchers.append(watcher)
            if self.thread is None:
                self.thread = threading.Thread(target=self.look_on, name="live", daemon=True)
                self.thread.start()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """A stream is over."""
        with self.lock, contextlib.suppress(ValueError):
            self.watchers.remove(watcher)

    def stop(self) -> None:
        """End all streams."""
        self.stopping.set()
        with self.lock:
            thread = self.thread
        if thread is not None:
            thread.join(timeout=2)

    def sight(self, number: int) -> Sight | None:
        """A job as it is now; None where nobody may see it."""
        found = self.jobs.find(number)
        return Sight(self.render(found), found.job.over) if found is not None else None

    def look_on(self) -> None:
        """The thread's life: as long as anybody watches, see what is new and show it."""
        known: dict[int, ShownJob] = {}
        count = -1
        try:
            while watched := self.still_watched():
                shown = 0
                for number in sorted(watched):
                    found = self.jobs.find(number)
                    if found is None:
                        self.show(number, None)
                    elif known.get(number) != found:
                        known[number] = found
                        sight = Sight(self.render(found), found.job.over)
                        shown += len(sight.html)
                        self.show(number, sight)
                known = {number: found for number, found in known.items() if number in watched}
                self.stopping.wait(PAUSE + shown / RATE)
                count = self.jobs.wait_for_news(count, LOOK - PAUSE)
        finally:
            self.end_all()

    def still_watched(self) -> set[int]:
        """The jobs that are watched; where there are none, the thread is no more."""
        with self.lock:
            watched = set() if self.stopping.is_set() else {each.job for each in self.watchers}
            if not watched:
                self.thread = None
            return watched

    def show(self, number: int, sight: Sight | None) -> None:
        with self.lock:
            watchers = [each for each in self.watchers if each.job == number]
        for watcher in watchers:
            watcher.show(sight)

    def end_all(self) -> None:
        """The thread ends, as it should or by an error: no stream waits for it any more."""
        with self.lock:
            if threading.current_thread() is self.thread or self.stopping.is_set():
                self.thread = None
                for watcher in self.watchers:
                    watcher.show(None)


class Stream(StreamingResponse):
    """The stream of one watcher, who is let go whatever happens."""

    def __init__(self, live: Live, watcher: Watcher, first: Sight) -> None:
        super().__init__(
            events(watcher, first),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self.live, self.watcher = live, watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until it is over, or the reader is gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.live.leave(self.watcher)


async def events(watcher: Watcher, first: Sight) -> AsyncIterator[str]:
    """What goes over the wire: the first sight, each that is new, a comment where nothing is, and the end."""
    until, sight, sent = time.monotonic() + LONGEST, first, ""
    yield "retry: 2000\n\n"
    while True:
        if sight.html != sent:
            yield event("job", sight.html)
            sent = sight.html
        if sight.last:
            yield event("over", "")
            return
        try:
            await asyncio.wait_for(watcher.woken.wait(), min(SIGN_OF_LIFE, max(0.0, until - time.monotonic())))
        except TimeoutError:
            if time.monotonic() >= until:
                return
            yield ": still there\n\n"
            continue
        watcher.woken.clear()
        if watcher.sight is None:
            return
        sight = watcher.sight


def event(name: str, data: str) -> str:
    """One event; a line of data for each of its lines."""
    return f"event: {name}\n" + "".join(f"data: {line}\n" for line in LINE_END.split(data)) + "\n"
