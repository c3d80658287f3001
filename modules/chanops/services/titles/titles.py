"""Titles wanted by whoever keeps links: asked for in the background, each page once an hour, gently to each host."""

import contextlib
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from chanops.core.address import parts
from chanops.services.titles.fetch import fetch
from chanops.services.titles.rules import Fetched, NotFetched, Rules

log = logging.getLogger(__name__)
MOST_WAITING = 1000
MOST_REMEMBERED = 2000
MOST_THREADS = 4
MOST_AT_HOST = 2
GOOD_FOR = 3600.0  # seconds
IDLE = 10.0  # seconds after which a thread with nothing to do ends
PATIENCE = 1.0  # seconds that an end waits for what is under way

Then = Callable[[Fetched | None], None]


@dataclass(eq=False)
class Wanted:
    """A page, and those who want its title. A future, since that outlives a bug in whoever it tells."""

    address: str
    host: str
    found: "Future[Fetched | None]" = field(default_factory=Future)
    count: int = 0


class Titles:
    """Finds titles. `then` is told from a thread of ours, with None where there is none to be had.

    It is never told where titles are off, where there was no time, or after the end.
    """

    def __init__(self, rules: Callable[[], Rules], on: Callable[[], bool]) -> None:
        self.rules, self.on = rules, on
        self.change = threading.Condition()
        self.waiting: OrderedDict[str, Wanted] = OrderedDict()
        self.under_way: dict[str, Wanted] = {}
        self.at_host: Counter[str] = Counter()
        self.remembered: OrderedDict[str, tuple[float, Fetched | None]] = OrderedDict()
        self.results = Counter[str]()
        self.waiters = self.threads = self.idle = self.dropped = 0
        self.running = False

    def start(self) -> None:
        """Begin to take wishes; threads come with them."""
        with self.change:
            self.running = True

    def stop(self) -> None:
        """Take no more, and tell nobody any more. What is under way ends by itself, within its time."""
        with self.change:
            self.running = False
            self.waiting.clear()
            self.waiters = 0
            for wanted in self.under_way.values():
                wanted.count = 0
            self.change.notify_all()
            self.change.wait_for(lambda: not self.threads, PATIENCE)

    def want(self, address: str, then: Then) -> None:
        """Have somebody told an address's title, soon."""
        found = parts(address)
        if found is None or not self.on():
            return
        with self.change:
            if not self.running:
                return
            wanted = self.under_way.get(found.key) or self.waiting.get(found.key)
            if wanted is None:
                wanted = self.waiting[found.key] = Wanted(address, found.host)
            if wanted.count >= MOST_WAITING:
                self.dropped += 1
                return
            wanted.found.add_done_callback(lambda future: then(future.result()))
            wanted.count += 1
            self.waiters += 1
            self.drop()
            self.hire()
            self.change.notify()

    def drop(self) -> None:
        """The oldest wishes give way where there are too many."""
        while self.waiters > MOST_WAITING and self.waiting:
            _, oldest = self.waiting.popitem(last=False)
            self.waiters -= oldest.count
            self.dropped += oldest.count

    def hire(self) -> None:
        if self.waiting and len(self.waiting) > self.idle and self.threads < MOST_THREADS:
            with contextlib.suppress(RuntimeError):  # no more threads: the next wish tries again
                threading.Thread(target=self.work, name="titles", daemon=True).start()
                self.threads += 1

    def work(self) -> None:
        """One thread's life: as long as there is something to do."""
        try:
            while (taken := self.take()) is not None:
                self.serve(*taken)
        finally:
            with self.change:
                self.threads -= 1
                if self.running:
                    self.hire()  # there was a bug, and something waits
                self.change.notify_all()

    def take(self) -> tuple[str, Wanted] | None:
        """The first page whose host is not busy with ours; None where the thread is to end."""
        with self.change:
            while self.running:
                for key, wanted in self.waiting.items():
                    if self.at_host[wanted.host] < MOST_AT_HOST or self.known(key) is not None:
                        self.under_way[key] = self.waiting.pop(key)
                        self.at_host[wanted.host] += 1
                        return key, wanted
                self.idle += 1
                told = self.change.wait(IDLE)
                self.idle -= 1
                if not told and not self.waiting:
                    break
            return None

    def counts(self) -> dict[str, int]:
        """How many pages were asked: "title" where there was one, "none" where not."""
        with self.change:
            return dict(self.results)

    def known(self, key: str) -> tuple[float, Fetched | None] | None:
        known = self.remembered.get(key)
        return known if known is not None and time.monotonic() - known[0] < GOOD_FOR else None

    def serve(self, key: str, wanted: Wanted) -> None:
        """Find one title, and tell it."""
        with self.change:
            known = self.known(key)
        found = known[1] if known is not None else None
        try:
            if known is None:
                found = fetch(wanted.address, self.rules())
        except NotFetched as problem:
            log.debug("no title: %s", problem)
        finally:
            tell = self.settle(key, wanted, found, fresh=known is None)
            if tell:
                wanted.found.set_result(found)

    def settle(self, key: str, wanted: Wanted, found: Fetched | None, fresh: bool) -> bool:
        """One is done: remember it; False where nobody is to be told any more."""
        with self.change:
            del self.under_way[key]
            self.waiters -= wanted.count
            self.at_host[wanted.host] -= 1
            self.at_host += Counter()  # forget the hosts with none
            if fresh:
                self.results["none" if found is None or not found.title else "title"] += 1
                self.remembered[key] = (time.monotonic(), found)
                self.remembered.move_to_end(key)
                while len(self.remembered) > MOST_REMEMBERED:
                    self.remembered.popitem(last=False)
            self.change.notify_all()
            return self.running
