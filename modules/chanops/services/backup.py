"""A copy of the whole database, made while the bot runs, and looked through before it counts."""

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from chanops.core.errors import Problem
from chanops.services.database import Database
from chanops.services.dialects import LOCKED
from chanops.services.postgresql import Postgresql
from chanops.services.tables import lines

NAME = "chanops-%Y-%m-%d-%H%M%S"
HOW_MANY = select(func.count()).select_from(lines)
WHOLE = [("ok",)]


@dataclass(frozen=True)
class Copy:
    """What was made."""

    path: Path
    size: int
    lines: int


def back_up(database: Database, where: Path) -> Copy:
    """Copy a database, which need not be started, into a new file; into a folder, under the time's name."""
    store = database.store
    if where.is_dir():
        where /= f"{datetime.now(UTC):{NAME}}{'.dump' if isinstance(store, Postgresql) else '.db'}"
    with new_file(where) as part:
        found = dump(store, part) if isinstance(store, Postgresql) else copy(database.path, part)
        size = part.stat().st_size
    return Copy(where, size, found)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A file beside a path, for us only; it gets its name once it is on disk. One that is there is never replaced."""
    if os.path.lexists(path):
        raise Problem(f"{path} is there already: nothing is overwritten, name another file")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        part.chmod(0o600)
        yield part
        synced(part)
        named(part, path)
        synced(path.parent)
    except OSError as error:
        raise Problem(f"{path}: no copy was made: {error.strerror or error}") from None
    finally:
        for left in (part, *(part.with_name(part.name + end) for end in ("-journal", "-wal", "-shm"))):
            left.unlink(missing_ok=True)


def named(part: Path, path: Path) -> None:
    """Give a file its name, unless something has it by now."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise Problem(f"{path} is there already: nothing is overwritten, name another file") from None
    except OSError:  # a file system that knows no second names
        part.rename(path)


def synced(path: Path) -> None:
    """See that a file, or a folder's list of files, is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy(path: Path, part: Path) -> int:
    """Copy a SQLite file, as it is at one moment; whoever writes need not wait. How many lines it has."""
    if not path.exists():
        raise Problem(f"{path}: there is no database yet, so there is nothing to copy")
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LOCKED / 1000)) as source,
            closing(sqlite3.connect(part, isolation_level=None)) as target,
        ):
            # All pages in one step, which sees one moment: in several, each commit would have it begin anew.
            source.backup(target, pages=-1)
            target.execute("PRAGMA journal_mode=DELETE")  # so that it is one file, until a bot opens it
            if target.execute("PRAGMA integrity_check(1)").fetchall() != WHOLE:
                raise Problem(f"{path} is damaged, and so would be its copy: restore the last good one")
            return int(target.execute(str(HOW_MANY)).fetchone()[0])
    except sqlite3.Error as error:
        raise Problem(f"{path}: no copy was made: {error}") from None


def dump(store: Postgresql, part: Path) -> int:
    """Have pg_dump copy a PostgreSQL database, as it is at one moment. How many lines it has, about."""
    run("pg_dump", "--format=custom", "--no-password", f"--dbname={store.plain_url}", store=store, part=part)
    run("pg_restore", "--list", str(part), store=store)
    return store.count(HOW_MANY)


def run(program: str, *arguments: str, store: Postgresql, part: Path | None = None) -> None:
    """Run one of PostgreSQL's programs; the password is where nobody else can read it."""
    found = shutil.which(program)
    if found is None:
        raise Problem(f"{program} is not installed: apt install postgresql-client, or back up where the server is")
    with open(part or os.devnull, "wb") as output:
        done = subprocess.run(  # noqa: S603  no shell
            [found, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            env={**os.environ, **store.secret_environment},
            check=False,
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Problem(f"{store.shown}: no copy was made: {store.masked(said[0] if said else program)}")
