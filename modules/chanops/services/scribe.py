"""Writes the log: what is heard is committed in groups, soon, by a thread of its own; what cannot be waits."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from sqlalchemy.exc import OperationalError

from chanops.core.logged import LOGGED
from chanops.core.message import Message
from chanops.services.database import Database, said_by
from chanops.services.history import Batch, History
from chanops.services.line_rows import Said

log = logging.getLogger(__name__)
GATHER = 0.03  # seconds in which lines come together for one commit
AT_ONCE = 1000
MOST_WAITING = 100_000  # lines, some 100 MB at worst, while the database does not take any
AGAIN, LAST_TIME = 1.0, 5.0  # seconds between two tries, and for the last of them when the bot leaves
SOON = 2.0  # seconds
REDACT = "redact"


class Scribe:
    """Takes lines from the connections' thread, which it never holds up."""

    def __init__(self, database: Database, history: History) -> None:
        self.database, self.history = database, history
        self.waiting: deque[Message] = deque()
        self.on_kept: list[Callable[[list[Said]], None]] = []
        self.on_redact: Callable[[Message], None] = lambda _: None
        self.news, self.leaving = threading.Event(), threading.Event()
        self.lost = self.written = self.taken = self.settled = 0
        self.settling = threading.Condition()
        self.trouble = ""
        self.took: Callable[[float], None] = lambda _: None
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """From now on, lines are written."""
        self.thread = threading.Thread(target=self.write_all, name="scribe", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Write what waits, if it can be written."""
        self.leaving.set()
        self.news.set()
        if self.thread is not None:
            self.thread.join(timeout=LAST_TIME + AGAIN)

    def hear(self, said: Message) -> None:
        """Take in what happened; only what belongs to a channel that is logged is kept."""
        if said.event in LOGGED:
            if said.channel:
                self.put(said)
            for channel in said.channels:
                self.put(said._replace(channel=channel))
        elif said.event == REDACT and said.channel and said.msgid:
            self.put(said)

    def put(self, said: Message) -> None:
        if said.event != REDACT and not self.history.logged(said):
            return
        if len(self.waiting) >= MOST_WAITING:
            self.waiting.popleft()
            self.lost += 1
            with self.settling:
                self.settled += 1
        self.taken += 1
        self.waiting.append(said)
        if not self.news.is_set():
            self.news.set()

    def settle(self) -> None:
        """Wait until all that was heard so far is written; not for long, where it cannot be."""
        taken = self.taken
        with self.settling:
            self.settling.wait_for(lambda: self.settled >= taken, SOON)

    def health(self) -> str:
        """What is wrong with the log just now; "" where nothing is."""
        return self.trouble

    def write_all(self) -> None:
        """The thread's life."""
        while True:
            self.news.wait()
            if not self.waiting and self.leaving.is_set():
                return
            if len(self.waiting) < AT_ONCE:
                self.leaving.wait(GATHER)
            self.news.clear()
            while batch := self.next_batch():
                if batch[0].event == REDACT:
                    self.on_redact(batch[0])
                elif not self.write(batch):
                    return
                with self.settling:
                    self.settled += len(batch)
                    self.settling.notify_all()
            if self.leaving.is_set():
                self.news.set()

    def next_batch(self) -> list[Message]:
        """Lines that are written together; what takes one of them back comes by itself, when they are written."""
        batch: list[Message] = []
        while self.waiting and len(batch) < AT_ONCE and not (batch and self.waiting[0].event == REDACT):
            batch.append(self.waiting.popleft())
            if batch[0].event == REDACT:
                break
        return batch

    def write(self, messages: Sequence[Message]) -> bool:
        """Write these, however often it takes; False where the bot leaves before."""
        began, until, careful = time.monotonic(), 0.0, False
        done: Future[Batch] | None = None
        while True:
            if done is None:
                work = partial(self.history.keep_new, messages=messages, careful=careful)
                done = self.database.write(work, durable=True, told=True)
            try:
                batch = done.result(AGAIN)
            except TimeoutError:  # it waits for the writer: what is on its way is not sent a second time
                if time.monotonic() > began + SOON:
                    self.note("the database is busy")
            except OperationalError as error:  # locked, full, gone: it can pass
                self.note(said_by(error))
                done, careful = None, True
                self.pause()
            except Exception as error:  # noqa: BLE001  one line that cannot be written must not end the log
                if careful:
                    return self.set_aside(messages, error)
                done, careful = None, True  # mostly one of them is there already
            else:
                self.took(time.monotonic() - began)
                self.written += len(batch.new)
                self.note("")
                self.announce(sorted((*batch.new, *batch.untold), key=lambda said: said.id))
                self.history.told(messages)
                return True
            if self.leaving.is_set():
                until = until or time.monotonic() + LAST_TIME
                if time.monotonic() > until:
                    log.error("%d lines of the log are lost: %s", len(messages) + len(self.waiting), self.trouble)
                    return False

    def set_aside(self, messages: Sequence[Message], error: Exception) -> bool:
        """One of these can never be written: the others are, each by itself."""
        if len(messages) > 1:
            return all(self.write([each]) for each in messages)
        log.error("a line of %s can never be written: %s", messages[0].channel, error)
        self.lost += 1
        return True

    def pause(self) -> None:
        """Wait before another try; when the bot leaves, there is little time."""
        if self.leaving.wait(AGAIN):
            time.sleep(AGAIN / 10)

    def note(self, trouble: str) -> None:
        """Say once what is wrong, and once that it is over."""
        if trouble and not self.trouble:
            log.error("the log cannot be written, its lines wait: %s", trouble)
        elif self.trouble and not trouble:
            log.warning("the log is written again%s", f"; {self.lost:,} lines were lost" if self.lost else "")
        self.trouble = trouble

    def announce(self, new: list[Said]) -> None:
        """Tell whoever shows lines as they come."""
        for tell in self.on_kept if new else ():
            try:
                tell(new)
            except Exception:
                log.exception("new lines are written, but not shown")
