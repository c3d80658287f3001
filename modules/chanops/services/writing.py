"""The writer: one thread that commits whatever waits in one go."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from chanops.core.errors import Problem
from chanops.services.dialects import LOCKED, Store, roll_back

log = logging.getLogger(__name__)
MOST_AT_ONCE = 500
AGAIN = 0.1  # seconds between two tries to reach a server


class Lost(OperationalError):
    """The connection was lost before anything was committed."""


class InDoubt(OperationalError):
    """The connection was lost as something was being committed, and nobody can be asked what came of it."""


@dataclass
class Task:
    """Something to be written, and who waits for it."""

    work: Callable[[Connection], Any]
    durable: bool = False
    told: bool = False
    done: Future[Any] = field(default_factory=Future)


class Writer:
    """Writes until it is told to stop, and then what waits; connects again where a connection is lost."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.stopping = False
        self.reached = True  # at the last try
        self.connection: Connection | None = None
        self.engine: Engine
        self.thread: threading.Thread

    def start(self, engine: Engine) -> None:
        """Begin."""
        self.engine = engine
        self.thread = threading.Thread(target=self.write_all, name="writer", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self.tasks.put(None)
        self.thread.join(timeout=LOCKED / 1000 + 5)

    def write_all(self) -> None:
        """The thread's life: whatever waits goes into one commit, so a flood costs no more commits than it must."""
        while tasks := self.next_tasks():
            self.commit([task for task in tasks if task.done.set_running_or_notify_cancel()])
        self.drop()

    def next_tasks(self) -> list[Task]:
        """What waits, or comes, to be written; nothing once all is written and it is time to stop."""
        tasks: list[Task] = []
        while not tasks or (len(tasks) < MOST_AT_ONCE and not self.tasks.empty()):
            if self.stopping and self.tasks.empty():
                break
            task = self.tasks.get()
            if task is None:
                self.stopping = True  # but a task that waits may bring another with it
            else:
                tasks.append(task)
        return tasks

    def commit(self, tasks: list[Task], again: bool = False) -> None:
        """Do several in one transaction; if one fails, each alone, so that it takes no other with it."""
        try:
            results = self.together(tasks)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to whoever asked
            lost = isinstance(error, Lost | InDoubt) or self.connection is None or self.connection.invalidated
            if lost:
                self.drop()
            if lost and not again and not isinstance(error, InDoubt):
                self.commit(tasks, again=True)
            elif lost or len(tasks) == 1:
                failed(tasks, error)
            else:
                for task in tasks:
                    self.commit([task])
            return
        for task, result in zip(tasks, results, strict=True):
            task.done.set_result(result)

    def together(self, tasks: list[Task]) -> list[Any]:
        """The results of several tasks, committed as one."""
        connection = self.connected()
        name, at_the_end = "", False
        try:
            name = self.store.begin(connection, any(task.durable for task in tasks))
            results = [task.work(connection) for task in tasks]
            at_the_end = True
            connection.exec_driver_sql("COMMIT")
        except BaseException as error:
            roll_back(connection)
            if not name or not connection.invalidated:
                raise
            if not self.committed(name, error, at_the_end):
                raise Lost(None, None, getattr(error, "orig", error)) from None
        return results

    def committed(self, name: str, error: BaseException, in_doubt: bool) -> bool:
        """Whether what was begun on a connection that is lost is there. Raises InDoubt."""
        self.drop()
        try:
            return self.store.outcome(self.connected(), name)
        except DatabaseError:
            if in_doubt:
                raise InDoubt(None, None, getattr(error, "orig", error)) from None
            return False

    def connected(self) -> Connection:
        """The connection; a new one where there is none. Waits for a server that is gone, but not each time anew."""
        end = time.monotonic() + (LOCKED / 1000 if self.reached and not self.stopping else 0)
        while self.connection is None:
            try:
                self.connection = self.engine.connect()
            except OperationalError:
                self.reached = time.monotonic() < end
                if not self.reached:
                    raise
                threading.Event().wait(AGAIN)
        self.reached = True
        return self.connection

    def drop(self) -> None:
        """Give the connection back."""
        if self.connection is not None:
            with suppress(DatabaseError):
                self.connection.close()
        self.connection = None


def failed(tasks: list[Task], error: Exception) -> None:
    """Tell those who wait."""
    for task in tasks:
        log.log(logging.DEBUG if task.told or isinstance(error, Problem) else logging.WARNING, "not written: %s", error)
    for task in tasks:
        task.done.set_exception(error)
