"""The database: one writer thread that commits what is there in one go, and readers beside it."""

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Insert, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.exc import DatabaseError

from chanops.core.errors import Problem
from chanops.services.files import alone_in, private, private_folder

log = logging.getLogger(__name__)
T = TypeVar("T")
NEWEST = "003"
MOST_AT_ONCE = 500
PATIENCE = 20.0  # seconds to wait for the writer, which waits for other processes for half of that
LOCKED = 10_000  # milliseconds to wait for another process that writes
PRAGMAS = (f"busy_timeout={LOCKED}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-1000")


class NotStored(Problem):
    """The database does not take it now."""


@dataclass
class Task:
    """Something to be written, and who waits for it."""

    work: Callable[[Connection], Any]
    durable: bool = False
    done: Future[Any] = field(default_factory=Future)


class Database:
    """SQLite in a file, WAL: a crash of the bot loses nothing that was acknowledged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self.stopping = False
        self.engine: Engine
        self.writer: threading.Thread

    def start(self) -> None:
        """Open the file, bring its tables up to date, start the writer."""
        private_folder(self.path.parent, "the data folder")
        self.path.touch(mode=0o600, exist_ok=True)
        private(self.path, "the database")
        self.engine = create_engine(URL.create("sqlite", database=str(self.path)), isolation_level="AUTOCOMMIT")
        event.listen(self.engine, "connect", prepare)
        try:
            # Two that switch a new file to WAL at once would not wait for each other: one would fail.
            with alone_in(self.path.parent):
                migrate(self.engine, self.path)
        except DatabaseError as error:
            raise Problem(f"{self.path}: {error.orig}: is it a chanops database, and whole? Restore a backup") from None
        self.writer = threading.Thread(target=self.write_all, name="writer", daemon=True)
        self.writer.start()

    def stop(self) -> None:
        """Write what waits, and close."""
        self.tasks.put(None)
        self.writer.join(timeout=LOCKED / 1000 + 5)
        self.engine.dispose()

    def write(self, work: Callable[[Connection], T], durable: bool = False) -> "Future[T]":
        """Have the writer do something; the future is done once it is committed; durable: power may fail then."""
        task = Task(work, durable)
        self.tasks.put(task)
        return task.done

    def wait(self, work: Callable[[Connection], T], durable: bool = False) -> T:
        """Have the writer do something, and wait until it is on disk. Raises NotStored where that cannot be."""
        return self.stored(self.write(work, durable))

    @staticmethod
    def stored(future: "Future[T]") -> T:
        """Wait until something that `write` was given is on disk. Raises NotStored."""
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            raise NotStored(
                f"not stored within {PATIENCE:.0f} s: the database is busy; it may still be stored"
            ) from None
        except DatabaseError as error:
            raise NotStored(f"not stored: the database says: {error.orig}") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read with."""
        with self.engine.connect() as connection:
            yield connection

    def write_all(self) -> None:
        """The writer's life: whatever waits goes into one commit, so a flood costs no more commits than it must."""
        with self.engine.connect() as connection:
            while tasks := self.next_tasks():
                self.commit(connection, [task for task in tasks if task.done.set_running_or_notify_cancel()])

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

    def commit(self, connection: Connection, tasks: list[Task]) -> None:
        """Do several in one transaction; if one fails, each alone, so that it takes no other with it."""
        try:
            results = together(connection, tasks)
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to whoever asked
            if len(tasks) == 1:
                tasks[0].done.set_exception(error)
                log.log(logging.DEBUG if isinstance(error, Problem) else logging.WARNING, "not written: %s", error)
            else:
                for task in tasks:
                    self.commit(connection, [task])
            return
        for task, result in zip(tasks, results, strict=True):
            task.done.set_result(result)


def together(connection: Connection, tasks: list[Task]) -> list[Any]:
    """The results of several tasks, committed as one."""
    if any(task.durable for task in tasks):
        connection.exec_driver_sql("PRAGMA synchronous=FULL")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        results = [task.work(connection) for task in tasks]
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        with suppress(DatabaseError):  # SQLite rolls back by itself where the disk is full, and then knows of no more
            connection.exec_driver_sql("ROLLBACK")
        raise
    finally:
        connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
    return results


def insert_all(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, each with all columns; SQLAlchemy would look at each value again, which takes longer than SQLite."""
    if rows:
        connection.exec_driver_sql(as_sql(statement), rows)


@cache
def as_sql(statement: Insert) -> str:
    """A statement with :names, as SQLite's driver takes them from rows that are dicts."""
    return str(statement.compile(dialect=SQLiteDialect(paramstyle="named")))


def prepare(connection: Any, _: Any) -> None:
    """What every connection to SQLite is told first."""
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def migrate(engine: Engine, path: Path) -> None:
    """Bring the tables up to date; by Alembic in a process of its own, since it costs 0.1 s and 11 MB."""
    with engine.connect() as connection:
        known = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").first()
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if known else None
    if version is not None and version > NEWEST:
        raise Problem(f"{path} was written by a newer chanops (tables {version}, known {NEWEST}): update chanops")
    if version == NEWEST:
        return
    done = subprocess.run(  # noqa: S603  our own interpreter and module, no shell
        [sys.executable, "-m", "chanops.services.migrations", str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        why = (done.stderr.strip() or "?").splitlines()[-1]
        raise Problem(f"{path}: its tables cannot be brought up to date: {why}")
