"""Links that were mentioned, on their way to the writer: some at a time, and again where they cannot be stored."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from chanops.services.database import Database, said_by
from chanops.services.link_rows import Posted, Stored

log = logging.getLogger(__name__)
MOST_WAITING = 100_000
MOST_AT_ONCE = 250
SLOWER = 300
PAUSE = 0.5  # seconds that one mention waits at most for the writer to catch up
AGAIN, LAST_TIME = 1.0, 5.0  # seconds between two tries, and for the last of them when the bot leaves


class LinkQueue:
    """What waits is stored in its order; what was stored is told."""

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection, Sequence[Posted]], list[Stored]],
        tell: Callable[[Stored, Posted], None],
    ) -> None:
        self.database, self.store, self.tell = database, store, tell
        self.waiting: deque[Posted] = deque(maxlen=MOST_WAITING)
        self.under_way = 0
        self.scheduled = False  # a second time does no harm: it finds less, or nothing
        self.room, self.leaving = threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.timer: threading.Timer | None = None
        self.trouble = ""

    def put(self, posted: Posted) -> None:
        """Have one stored, soon. Slows down who brings too many."""
        self.waiting.append(posted)
        self.schedule()
        if len(self.waiting) > SLOWER:
            self.room.clear()
            self.room.wait(PAUSE)

    def stop(self) -> None:
        """Store what waits, if it can be stored."""
        self.leaving.set()
        with self.lock:
            if self.timer is not None:
                self.timer.cancel()
        if not self.waiting and not self.under_way:
            return
        until = time.monotonic() + LAST_TIME
        while (left := until - time.monotonic()) > 0:
            self.schedule()
            with suppress(DatabaseError, TimeoutError):
                self.database.write(lambda _: None, told=True).result(left)  # all before it is settled then
                if not self.waiting:
                    return
            time.sleep(AGAIN / 100)
        if lost := len(self.waiting) + self.under_way:
            log.error("%d links that were mentioned are lost: %s", lost, self.trouble or "the database is busy")

    def schedule(self) -> None:
        """Have what waits stored, if that is not on its way already."""
        if not self.scheduled:
            self.scheduled = True
            self.begin([])

    def begin(self, batch: list[Posted]) -> None:
        self.database.write(partial(self.work, batch), told=True).add_done_callback(partial(self.settle, batch))

    def work(self, batch: list[Posted], connection: Connection) -> list[Stored]:
        """Store a batch, in the writer's transaction; one that is empty takes what waits."""
        if not batch:  # the writer may run this again, alone, if another task of its group failed
            self.scheduled = False
            while self.waiting and len(batch) < MOST_AT_ONCE:
                batch.append(self.waiting.popleft())
                self.under_way += 1
        results = self.store(connection, batch) if batch else []
        if len(self.waiting) <= SLOWER // 2:
            self.room.set()
        return results

    def settle(self, batch: list[Posted], done: "Future[list[Stored]]") -> None:
        """See what became of a batch; in the writer's thread."""
        error = done.exception()
        self.under_way -= len(batch)
        if error is None:
            if batch:
                self.note("")
            if self.waiting:
                self.schedule()
            for stored, posted in zip(done.result(), batch, strict=True):
                self.tell(stored, posted)
        elif isinstance(error, OperationalError) or not batch:  # locked, disk full, gone: it can pass
            self.waiting.extendleft(reversed(batch))
            self.note(said_by(error) if isinstance(error, DatabaseError) else str(error))
            self.later()
        elif len(batch) > 1:  # one of them cannot be stored, ever: it must not hold up the others
            self.under_way += len(batch)
            for posted in batch:
                self.begin([posted])
            if self.waiting:
                self.schedule()
        else:
            log.error("a link of %s can never be stored: %s", batch[0].said.channel, error)

    def later(self) -> None:
        """Try again after a while, if nobody mentions anything before."""
        self.scheduled = False
        with self.lock:
            if self.timer is None and not self.leaving.is_set():
                self.timer = threading.Timer(AGAIN, self.again)
                self.timer.daemon = True
                self.timer.start()

    def again(self) -> None:
        with self.lock:
            self.timer = None
        self.schedule()

    def note(self, trouble: str) -> None:
        """Say once what is wrong, and once that it is over."""
        if trouble and not self.trouble:
            log.warning("links cannot be stored, they wait: %s", trouble)
        elif self.trouble and not trouble:
            log.warning("links are stored again")
        self.trouble = trouble
