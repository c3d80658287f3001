"""The keys of hosts that are known: a file in the format of OpenSSH's known_hosts, which ssh itself can read too."""

import base64
import fcntl
import hmac
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, public_key
from chanops.core.text import shorten, visible

Keys = dict[str, frozenset[bytes]]  # the blobs by type
Stamp = tuple[int, int, int]  # of a file: two that are the same hold the same

LINE = re.compile(r"[ \t]*(?:(@[^ \t]+)[ \t]+)?((?![@#])[^ \t]+)[ \t]+(.+)", re.DOTALL)
NAME = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:/%\[\]-]*\Z")
PARTS = re.compile(r"\*+|\?|[^*?]+")
REVOKED = "@revoked"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file; one without a key is none that we can read, and is only kept."""

    text: str
    mark: str = ""
    names: tuple[str, ...] = ()
    hashed: tuple[bytes, bytes] | None = None
    key: PublicKey | None = None

    @property
    def plain(self) -> bool:
        """Whether it gives a host a key."""
        return self.key is not None and not self.mark

    def names_it(self, name: str) -> bool:
        """Whether that very name stands there, openly or hashed."""
        return name in self.names or (self.hashed is not None and is_hash(self.hashed, name))

    def covers(self, name: str) -> bool:
        """Whether it holds for the name by OpenSSH's rules, where large and small letters are the same."""
        if self.hashed is not None:
            return is_hash(self.hashed, name)
        if any(each.startswith("!") and pattern(each[1:]).match(name) for each in self.names):
            return False
        return any(pattern(each).match(name) for each in self.names if not each.startswith("!"))

    def called(self, *names: str) -> str:
        """Its text, with other names."""
        found = LINE.match(self.text)
        assert found is not None
        return self.text[: found.start(2)] + ",".join(names) + self.text[found.end(2) :]


@lru_cache(1024)
def pattern(text: str) -> re.Pattern[str]:
    """What * and ? stand for; nothing else in it means anything."""
    parts = (".*" if part.startswith("*") else "." if part == "?" else re.escape(part) for part in PARTS.findall(text))
    return re.compile("".join(parts) + r"\Z", re.ASCII | re.IGNORECASE | re.DOTALL)


def folded(name: str) -> str:
    """The name in small letters."""
    return name.lower() if name.isascii() else name


def is_hash(hashed: tuple[bytes, bytes], name: str) -> bool:
    """Whether a hashed name is this one. ssh-keygen -H makes its letters small first."""
    salt, digest = hashed
    names = (each.encode("utf-8", "surrogatepass") for each in {name, folded(name)})
    return any(hmac.digest(salt, each, "sha1") == digest for each in names)


def unhashed(host: str) -> tuple[bytes, bytes] | None:
    """The salt and the digest of |1|SALT|DIGEST."""
    parts = host.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return None
    try:
        return base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except ValueError:
        return None


def read_line(text: str) -> Line:
    """What a line says."""
    found = LINE.match(text)
    if found is None:
        return Line(text)
    mark, host, rest = found.groups()
    try:
        key = public_key(rest)
    except Problem:
        return Line(text)
    if host.startswith("|"):
        hashed = unhashed(host)
        return Line(text, mark or "", (), hashed, key) if hashed else Line(text)
    return Line(text, mark or "", tuple(host.split(",")), None, key)


@dataclass(slots=True)
class Table:
    """The file as it was read once."""

    lines: list[Line]
    exact: dict[str, list[Line]] = field(default_factory=dict)
    others: list[Line] = field(default_factory=list)
    revoked: frozenset[bytes] = frozenset()
    found: dict[str, Keys] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the lines in order: by names that are written out; those that must be looked through."""
        self.revoked = frozenset(each.key.blob for each in self.lines if each.key and each.mark == REVOKED)
        for line in self.lines:
            if line.plain:
                special = line.hashed is not None or any(mark in name for name in line.names for mark in "*?!")
                if special or any(name != folded(name) for name in line.names):
                    self.others.append(line)
                if not any(name.startswith("!") for name in line.names):
                    for name in line.names:
                        self.exact.setdefault(name, []).append(line)

    def keys(self, name: str) -> Keys:
        """The keys that are known under a name."""
        keys = self.found.get(name)
        if keys is None:
            lines = self.exact.get(name) or self.covering(name)
            keys = self.found[name] = blobs_of([line.key for line in lines if line.key])
        return keys

    def covering(self, name: str) -> list[Line]:
        """The lines that hold for a name that is nowhere written out just so."""
        return [*self.exact.get(folded(name), ()), *(line for line in self.others if line.covers(name))]


def blobs_of(keys: Sequence[PublicKey]) -> Keys:
    """The blobs of keys, by type."""
    found: dict[str, set[bytes]] = {}
    for key in keys:
        found.setdefault(key.type, set()).add(key.blob)
    return {kind: frozenset(blobs) for kind, blobs in found.items()}


def without(name: str, lines: Sequence[Line]) -> list[str]:
    """The lines, where a name has no key any more and all others have theirs."""
    texts = []
    for line in lines:
        if not (line.plain and line.names_it(name)):
            texts.append(line.text)
        elif left := [each for each in line.names if each != name]:
            texts.append(line.called(*left))
    return texts


def renamed(name: str, new: str, lines: Sequence[Line]) -> list[str]:
    """The lines, where a new name has the keys of an old one, and no others."""
    moved = {id(line) for line in lines if line.plain and line.names_it(name)}
    if not moved or name == new:
        return [line.text for line in lines]
    texts = []
    for line in lines:
        left = [each for each in line.names if each != new]
        if id(line) in moved:
            texts.append(line.called(*([new if each == name else each for each in left] or [new])))
        else:
            texts += without(new, [line])
    return texts


class KnownHosts:
    """The known_hosts file. Others may change it at any time, and threads may share this."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.read: tuple[Stamp | None, Table] = (None, Table([]))

    def keys(self, names: Sequence[str]) -> Keys:
        """The blobs by type, of the first of these names that has any."""
        table = self.table()
        return next((dict(found) for name in names if (found := table.keys(name))), {})

    def revoked(self, blob: bytes) -> bool:
        """Whether a line says that nobody may have this key any more."""
        return blob in self.table().revoked

    def pin(self, name: str, keys: Sequence[PublicKey]) -> None:
        """From now on a name has these keys, and no others."""
        check_name(name)
        added = [f"{name} {public_key(PublicKey(key.type, key.blob).line).line}" for key in keys]
        self.change(lambda lines: [*without(name, lines), *dict.fromkeys(added)], create=True)

    def forget(self, name: str) -> None:
        """Take away all keys of a name."""
        self.change(lambda lines: without(name, lines))

    def rename(self, name: str, new: str) -> None:
        """Give the keys of a name to another, which loses its own; nothing happens where there are none."""
        check_name(new)
        self.change(lambda lines: renamed(name, new, lines))

    def table(self) -> Table:
        """What the file holds now. Raises Problem."""
        try:
            info = os.stat(self.path)
            self.check(info)
            if self.read[0] != stamp_of(info):
                with self.lock:
                    if self.read[0] != stamp_of(info):
                        self.read = self.read_again()
        except FileNotFoundError:
            return Table([])
        except OSError as error:
            raise Problem(f"cannot read the known host keys {self.path}: {error.strerror}") from None
        return self.read[1]

    def read_again(self) -> tuple[Stamp, Table]:
        """Read the file; a line that was there before is not taken apart again."""
        with self.path.open("rb") as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            texts = file.read().decode("utf-8", "surrogateescape").split("\n")
        if not texts[-1]:
            texts.pop()
        before = {line.text: line for line in self.read[1].lines}
        return stamp, Table([before.get(text) or read_line(text) for text in texts])

    def check(self, info: os.stat_result) -> None:
        """Raises Problem where somebody else could give hosts their keys."""
        if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Problem(f"{self.path}: others may change the known host keys: chmod 600 {self.path}")
        if info.st_uid not in (0, os.geteuid()):
            raise Problem(f"{self.path}: the known host keys belong to another user: chown it to the bot's user")

    def change(self, edit: Callable[[Sequence[Line]], list[str]], create: bool = False) -> None:
        """Write the file anew with what becomes of its lines, while nobody else does."""
        try:
            with alone_with(self.path, create):
                lines = self.table().lines
                texts = edit(lines)
                if texts != [line.text for line in lines]:
                    replace(self.path, "".join(f"{text}\n" for text in texts).encode("utf-8", "surrogateescape"))
        except OSError as error:
            if create or not isinstance(error, FileNotFoundError):
                raise Problem(f"cannot write the known host keys {self.path}: {error.strerror}") from None


def stamp_of(info: os.stat_result) -> Stamp:
    """By what a file is known to be the same as before."""
    return info.st_mtime_ns, info.st_size, info.st_ino


def check_name(name: str) -> None:
    """Raises Problem where a name would mean something else in the file."""
    if not NAME.match(name):
        raise Problem(
            f"no host key can be kept for {visible(shorten(name, 60))!r}: "
            "rename the machine, to letters, digits, dots and hyphens"
        )


@contextmanager
def alone_with(path: Path, create: bool) -> Iterator[None]:
    """Wait until no other thread or process changes the file. Who did may have put another in its place: look again."""
    while True:
        descriptor = os.open(path, os.O_RDONLY | (os.O_CREAT if create else 0), 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                yield
                return
        finally:
            os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Put a new file in the place of the old one, wholly or not at all; only we may read it."""
    path = Path(os.path.realpath(path))
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
