"""The database: one writer thread that commits what is there in one go, and readers beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Dialect, Engine, Insert, TextClause
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.exc import DatabaseError

from chanops.core.errors import Problem
from chanops.services.dialects import Store, Watch
from chanops.services.postgresql import Postgresql
from chanops.services.sqlite import Sqlite
from chanops.services.writing import InDoubt, Task, Writer

T = TypeVar("T")
PATIENCE = 20.0  # seconds to wait for the writer, which waits for other processes for half of that


class NotStored(Problem):
    """The database does not take it now."""


class Database:
    """SQLite in a file, or PostgreSQL where there is a url."""

    def __init__(self, path: Path, url: str = "") -> None:
        self.path = path
        self.store: Store = Postgresql(url) if url else Sqlite(path)
        self.writer = Writer(self.store)
        self.stopped = False
        self.engine: Engine

    def start(self) -> None:
        """Open it, bring its tables up to date, start the writer. Raises Problem."""
        self.engine = self.store.open()
        self.writer.start(self.engine)

    def stop(self) -> None:
        """Write what waits, and close."""
        self.writer.stop()
        self.stopped = True
        self.engine.dispose()

    def write(self, work: Callable[[Connection], T], durable: bool = False, told: bool = False) -> "Future[T]":
        """Have the writer do something; the future is done once it is committed; durable: power may fail then.

        Told: whoever asks says himself what goes wrong.
        """
        task = Task(work, durable, told)
        self.writer.tasks.put(task)
        return task.done

    def wait(self, work: Callable[[Connection], T], durable: bool = False) -> T:
        """Have the writer do something, and wait until it is on disk. Raises NotStored where that cannot be."""
        return self.stored(self.write(work, durable, told=True))

    @staticmethod
    def stored(future: "Future[T]") -> T:
        """Wait until something that `write` was given is on disk. Raises NotStored."""
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            raise NotStored(
                f"not stored within {PATIENCE:.0f} s: the database is busy; it may still be stored"
            ) from None
        except InDoubt as error:
            raise NotStored(f"the database was lost just then: it may be stored, or not: {said_by(error)}") from error
        except DatabaseError as error:
            raise NotStored(f"not stored: the database says: {said_by(error)}") from error

    @contextmanager
    def read(self, within: float | None = None) -> Iterator[Connection]:
        """A connection to read with. Raises TooSlow where that takes longer than so many seconds."""
        with self.engine.connect() as connection:
            try:
                if within is None:
                    yield connection
                else:
                    with self.store.limited(connection, within):
                        yield connection
            finally:
                if self.stopped and not connection.invalidated:
                    connection.detach()  # else whoever still reads then would leave it open

    def waiting(self) -> int:
        """How many writes wait for the writer."""
        return self.writer.tasks.qsize()

    def watch(self) -> Watch:
        """What sees whether anybody has written; to be closed."""
        return self.store.watch(self.engine)


def said_by(error: DatabaseError) -> str:
    """What the database says, in one line."""
    return str(error.orig).strip().partition("\n")[0]


def insert_all(
    connection: Connection, statement: Insert, rows: Sequence[Mapping[str, object]], on_conflict: str = ""
) -> None:
    """Insert rows, each with all columns; SQLAlchemy would look at each value again, which takes longer than SQLite.

    `on_conflict` is what SQL says behind these words, such as "DO NOTHING": the same for both kinds of database.
    """
    if rows:
        connection.exec_driver_sql(as_sql(statement, connection.dialect, on_conflict), rows)


@cache
def as_sql(statement: Insert | TextClause, dialect: Dialect, on_conflict: str = "") -> str:
    """A statement with :names or %(names)s, as the driver takes them from rows that are dicts."""
    if dialect.name == "sqlite":
        dialect = SQLiteDialect(paramstyle="named")
    return f"{statement.compile(dialect=dialect)}{f' ON CONFLICT {on_conflict}' if on_conflict else ''}"
