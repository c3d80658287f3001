"""Files that hold secrets or what was said: nobody else may read them."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chanops.core.errors import Problem


def private_folder(folder: Path, what: str) -> None:
    """Make a folder that only we can look into, or refuse one that others can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"cannot make {what} {folder}: {error.strerror}") from None
    private(folder, what)


def private(path: Path, what: str) -> None:
    """Refuse what others may read or write, or what belongs to somebody else."""
    info = path.stat()
    if info.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Problem(f"{path}: others may read {what}: chmod {'700' if path.is_dir() else '600'} {path}")
    if info.st_uid not in (0, os.geteuid()):
        raise Problem(f"{path}: {what} belongs to another user: chown it to the bot's user")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is at this with the same folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
