"""SQLite in a file, WAL: a crash of the bot loses nothing that was acknowledged."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from chanops.core.errors import Problem
from chanops.services.dialects import LOCKED, TooSlow
from chanops.services.files import alone_in, private, private_folder
from chanops.services.migrating import migrate

PRAGMAS = (
    f"busy_timeout={LOCKED}",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-1000",
    "secure_delete=ON",  # what is forgotten is gone from the file, too
)
LOOKED_AFTER = 1000  # steps of SQLite's machine between two looks at the clock
INTERRUPTED = "SQLITE_INTERRUPT"


class Sqlite:
    """A database in a file that nobody else may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = str(path)

    def open(self) -> Engine:
        """Open the file; make it if it is missing."""
        private_folder(self.path.parent, "the data folder")
        self.path.touch(mode=0o600, exist_ok=True)
        private(self.path, "the database")
        url = URL.create("sqlite", database=str(self.path))
        engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
        event.listen(engine, "connect", prepare)
        try:
            # Two that switch a new file to WAL at once would not wait for each other: one would fail.
            with alone_in(self.path.parent):
                migrate(engine, url, self.shown)
        except DatabaseError as error:
            raise Problem(f"{self.path}: {error.orig}: is it a chanops database, and whole? Restore a backup") from None
        return engine

    def begin(self, connection: Connection, durable: bool) -> str:
        """Begin, once no other process writes."""
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return ""

    def outcome(self, connection: Connection, name: str) -> bool:
        """Never asked: there is no connection to lose."""
        return False

    @contextmanager
    def limited(self, connection: Connection, within: float) -> Iterator[None]:
        """Interrupt what is read once the time is over."""
        driver: Any = connection.connection.driver_connection
        end = time.monotonic() + within
        driver.set_progress_handler(lambda: time.monotonic() > end, LOOKED_AFTER)
        try:
            yield
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "") == INTERRUPTED:
                raise TooSlow(within) from None
            raise
        finally:
            driver.set_progress_handler(None, 0)

    def watch(self, engine: Engine) -> "SqliteWatch":
        """Begin to watch."""
        return SqliteWatch(engine)


class SqliteWatch:
    """A connection of its own, whose data_version differs once any other has written."""

    instant = True

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()

    def version(self) -> object:
        """SQLite's data_version."""
        return self.connection.exec_driver_sql("PRAGMA data_version").scalar()

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()


def prepare(connection: Any, _: Any) -> None:
    """What every connection is told first."""
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
