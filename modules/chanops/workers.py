"""Threads that run plugins' functions: a fixed number, in lanes, so that a slow plugin harms only itself."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)
HIGH, LOW = 300, 100  # a lane this full slows the reading of new lines, until it is down to this
MOST_IN_LANE = 5000
AT_ONCE = 64  # tasks taken from a lane in one go, so that a flood does not pay for a lock each
PROGRESS = 0.25  # seconds without progress after which a full lane no longer holds up anybody
PATIENCE = 30.0  # seconds after which a call counts as stuck, and another thread takes the worker's place


@dataclass
class Lane:
    """What must run in order: one function in one channel."""

    group: str
    tasks: deque[Callable[[], None]] = field(default_factory=deque)
    running_since: float = 0.0
    progress_at: float = 0.0
    dropped: int = 0
    told: bool = False


class Workers:
    """A fixed number of daemon threads: daemons, since a plugin that hangs must not keep the bot from leaving.

    Each lane runs one task at a time, in order; all lanes of one group (a plugin) hold a quarter of the
    threads at most. A lane that is full refuses.
    """

    def __init__(self, number: int, relieved: Callable[[], None] = lambda: None, patience: float = PATIENCE) -> None:
        self.number, self.relieved, self.patience = number, relieved, patience
        self.share = max(1, number // 4)
        lock = threading.Lock()
        self.change, self.settled = threading.Condition(lock), threading.Condition(lock)
        self.lanes: dict[object, Lane] = {}
        self.ready: deque[object] = deque()
        self.held: Counter[str] = Counter()
        self.full: set[object] = set()
        self.threads = self.idle = self.stuck = 0
        self.stopping = False

    def start(self) -> None:
        """Start the threads."""
        with self.change:
            while self.threads < self.number:
                self.hire()

    def hire(self) -> None:
        self.threads += 1
        threading.Thread(target=self.work, name=f"worker-{self.threads}", daemon=True).start()

    def submit(self, key: object, group: str, task: Callable[[], None], most: int = MOST_IN_LANE) -> bool:
        """Have a task run in its lane; False where the lane is full, its present task is stuck, or all is ending."""
        with self.change:
            if self.stopping:
                return False
            lane = self.lanes.get(key)
            if lane is None:
                lane = self.lanes[key] = Lane(group, progress_at=time.monotonic())
            if len(lane.tasks) >= most or (lane.running_since and self.is_stuck(lane) and most < MOST_IN_LANE):
                lane.dropped += 1
                return False
            lane.tasks.append(task)
            if len(lane.tasks) == 1 and not lane.running_since:
                self.ready.append(key)
                if self.idle:
                    self.change.notify()
            elif len(lane.tasks) == HIGH:
                self.full.add(key)
            return True

    def is_stuck(self, lane: Lane) -> bool:
        return time.monotonic() - lane.running_since > self.patience

    def busy(self) -> bool:
        """Whether reading more would only fill lanes that are full already, and are being worked off."""
        if not self.full:
            return False
        now = time.monotonic()
        with self.change:
            return any(now - self.lanes[key].progress_at < PROGRESS for key in self.full)

    def work(self) -> None:
        """One thread's life."""
        while (taken := self.take()) is not None:
            key, lane, tasks = taken
            for number, task in enumerate(tasks):
                if self.stopping:
                    break
                if number:
                    lane.running_since = lane.progress_at = time.monotonic()
                run(task)
            self.put_back(key, lane)

    def take(self) -> tuple[object, Lane, list[Callable[[], None]]] | None:
        """The next lane with something to do whose group has not its share; None where the thread is to end."""
        with self.change:
            while not self.stopping and self.threads - self.stuck <= self.number:
                for _ in range(len(self.ready)):
                    key = self.ready.popleft()
                    lane = self.lanes[key]
                    if self.held[lane.group] < self.share:
                        self.held[lane.group] += 1
                        lane.running_since = lane.progress_at = time.monotonic()
                        return key, lane, [lane.tasks.popleft() for _ in range(min(AT_ONCE, len(lane.tasks)))]
                    self.ready.append(key)
                self.idle += 1
                self.change.wait()
                self.idle -= 1
            self.threads -= 1
            self.change.notify()  # whoever woke this thread meant somebody who stays
            return None

    def put_back(self, key: object, lane: Lane) -> None:
        """A lane's turn is over; it lines up again where it has more to do."""
        with self.change:
            if self.is_stuck(lane):
                self.stuck = max(0, self.stuck - 1)
            lane.running_since, lane.progress_at = 0.0, time.monotonic()
            self.held[lane.group] -= 1
            if lane.tasks:
                self.ready.append(key)
            else:
                del self.lanes[key]
            if self.stopping or not self.lanes:
                self.settled.notify_all()
            if key in self.full and len(lane.tasks) <= LOW:
                self.full.discard(key)
                self.relieved()
            if self.ready and self.idle:
                self.change.notify()

    def look(self) -> None:
        """Now and then: replace the threads whose calls are stuck, up to four times the number."""
        with self.change:
            stuck = [lane for lane in self.lanes.values() if lane.running_since and self.is_stuck(lane)]
            for lane in stuck:
                if not lane.told:
                    log.warning("the plugin %s has been running one call for over %.0f s", lane.group, self.patience)
                lane.told = True
            self.stuck = len(stuck)
            while self.threads - self.stuck < self.number and self.threads < 4 * self.number:
                self.hire()
            for lane in self.lanes.values():
                if lane.dropped:
                    log.warning("the plugin %s is behind: %d lines passed over", lane.group, lane.dropped)
                    lane.dropped = 0

    def finish(self, within: float = 60.0) -> bool:
        """Wait until everything that was submitted has run; False where that takes too long."""
        with self.change:
            return self.settled.wait_for(lambda: not self.lanes, within)

    def stop(self, within: float = 3.0) -> None:
        """Take no more; wait a little for what runs."""
        with self.change:
            self.stopping = True
            self.change.notify_all()
            self.settled.wait_for(lambda: not any(lane.running_since for lane in self.lanes.values()), within)


def run(task: Callable[[], None]) -> None:
    """Run a task; whatever it raises is a bug of a plugin, and no reason to lose the thread."""
    try:
        task()
    except Exception:
        log.exception("a bug in a plugin")
    except BaseException:
        log.exception("a plugin wanted to end the thread")  # sys.exit: argparse calls it where it is given wrong words
