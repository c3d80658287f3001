"""A file that is written beside another one, looked at, and takes its place in one step."""

import contextlib
import hashlib
import posixpath
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chanops.core.errors import Problem
from chanops.ssh.base import Login, SshError
from chanops.ssh.paths import shown
from chanops.ssh.sftp import READ_WRITE_NEW, Sftp
from chanops.ssh.sftp_packets import Attributes, Broken, Code, Kind, Refusal, string

TIDY = 1.0  # seconds to leave nothing behind when it is too late
USUAL_MODE, PRIVATE = 0o644, 0o600
SET_ID = stat.S_ISUID | stat.S_ISGID
POSIX_RENAME, STATVFS, FSYNC = b"posix-rename@openssh.com", b"statvfs@openssh.com", b"fsync@openssh.com"
LONGEST_NAME = 180  # bytes of it within another name, which has 255 at most
BLOCK, BLOCKS, FREE, FREE_FOR_ALL, INODES, FREE_INODES, FLAGS, STATVFS_NUMBERS = 1, 2, 3, 4, 5, 6, 9, 11
READ_ONLY = 1


class Unsure(SshError):
    """Whether the new file has taken the old one's place is not known; what is there is whole."""


@dataclass(frozen=True)
class Replacement:
    """What is to take the place of a file, or of none. Raises Problem, and what Sftp raises; nothing is left then."""

    sftp: Sftp
    login: Login
    where: bytes
    old: Attributes | None

    @property
    def folder(self) -> bytes:
        """Where it is."""
        return posixpath.dirname(self.where) or b"."

    @property
    def folder_shown(self) -> str:
        """The same for people."""
        return shown(posixpath.dirname(self.where) or b"~")

    def write(self, pieces: Iterable[bytes], size: int, mode: int | None, last_look: Callable[[], object]) -> str:
        """Do it, unless `last_look` raises what keeps it from being done; the SHA-256."""
        if self.old is not None and POSIX_RENAME not in self.sftp.extensions:
            raise Problem(f"{self.login.name} can only make new files, not replace one in one step: remove it first")
        if size and (lack := self.lack(size)):
            raise Problem(lack)
        name = posixpath.basename(self.where)[:LONGEST_NAME].decode(errors="ignore").encode()
        beside = posixpath.join(self.folder, b".%s.chanops-%s" % (name, secrets.token_hex(6).encode()))
        handle = self.create(beside)
        try:
            digest = hashlib.sha256()
            self.fill(handle, hashed(pieces, digest.update), size)
            self.prove(handle, size, digest.hexdigest())
            self.dress(handle, mode)
            if FSYNC in self.sftp.extensions:
                self.sftp.ask(Kind.EXTENDED, string(FSYNC), string(handle))
            self.sftp.ask(Kind.CLOSE, string(handle))
            last_look()
            self.rename(beside)
        except BaseException:
            self.discard(handle, beside)
            raise
        return digest.hexdigest()

    def lack(self, size: int) -> str:
        """What a file of this size cannot have there, as far as the host says so."""
        if STATVFS not in self.sftp.extensions:
            return ""
        try:
            answer = self.sftp.ask(Kind.EXTENDED, string(STATVFS), string(self.folder), kind=Kind.EXTENDED_REPLY)
        except Refusal:
            return ""
        numbers = [answer.number(">Q") for _ in range(STATVFS_NUMBERS)]
        free = numbers[BLOCK] * numbers[FREE if self.login.user == "root" else FREE_FOR_ALL]
        place = f"{self.folder_shown} on {self.login.name}"
        if numbers[FLAGS] & READ_ONLY:
            return f"{place} is read-only"
        if numbers[BLOCKS] and free < size:
            return f"the disk is full: {place} has no room for {size:,} bytes"
        return f"{place} has no room for one more file" if numbers[INODES] and not numbers[FREE_INODES] else ""

    def create(self, beside: bytes) -> bytes:
        """A new file that nobody else reads; its handle."""
        try:
            return self.sftp.open(beside, READ_WRITE_NEW, Attributes(mode=PRIVATE))
        except Refusal as refusal:
            if refusal.code == Code.NO_SUCH_FILE:
                raise Problem(f"{self.login.name} has no folder {self.folder_shown}") from None
            if refusal.code == Code.PERMISSION_DENIED:
                raise Problem(f"{self.login.user} may not write in {self.folder_shown} on {self.login.name}") from None
            if lack := self.lack(1):
                raise Problem(lack) from None
            raise

    def fill(self, handle: bytes, pieces: Iterable[bytes], size: int) -> None:
        """Write all of it."""
        try:
            self.sftp.write(handle, pieces)
        except Refusal as refusal:
            lack = self.lack(size) or (
                f"{self.login.name} takes no more of {shown(self.where)} ({shown(refusal.words)}): has "
                f"{self.login.user} a quota there?"
            )
            raise Problem(lack) from None

    def prove(self, handle: bytes, size: int, digest: str) -> None:
        """Raises Problem unless the host has what was sent."""
        there, again = self.sftp.look(Kind.FSTAT, handle).size, hashlib.sha256()
        for data in self.sftp.read(handle, size):
            again.update(data)
        if there != size or again.hexdigest() != digest:
            raise Problem(
                f"what {self.login.name} has got of {shown(self.where)} is not what was sent: it was thrown away"
            )

    def dress(self, handle: bytes, mode: int | None) -> None:
        """Give it its owner, as far as that is permitted, and its mode."""
        kept = USUAL_MODE if self.old is None else stat.S_IMODE(self.old.mode or 0)
        mine, wanted = self.sftp.look(Kind.FSTAT, handle).owner, self.old and self.old.owner
        if mine and wanted and mine != wanted:
            for owner in (wanted, (mine[0], wanted[1])):
                with contextlib.suppress(Refusal):
                    self.set(handle, Attributes(owner=owner))
                    break
            if self.sftp.look(Kind.FSTAT, handle).owner != wanted:
                kept &= ~SET_ID  # it would run as somebody else
        self.set(handle, Attributes(mode=kept if mode is None else mode))

    def set(self, handle: bytes, attributes: Attributes) -> None:
        """Set what is known of a file."""
        self.sftp.ask(Kind.FSETSTAT, string(handle), attributes.pack())

    def rename(self, beside: bytes) -> None:
        """The step itself. Raises Unsure, where nobody says whether it was done."""
        last, names = self.sftp.last, string(beside) + string(self.where)
        try:
            if POSIX_RENAME in self.sftp.extensions:
                self.sftp.ask(Kind.EXTENDED, string(POSIX_RENAME), names)
            else:
                self.sftp.ask(Kind.RENAME, names)
        except Broken:
            if self.sftp.last == last:
                raise  # it was never asked for
            self.hear_of_rename()

    def hear_of_rename(self) -> None:
        """Wait a little longer for the answer to the last request."""
        try:
            with self.sftp.tidying(TIDY):
                self.sftp.answer(self.sftp.last)
        except Broken:
            raise Unsure(
                f"the connection to {self.login.name} was lost: {shown(self.where)} is the old file or the new one, "
                "and whole; nobody knows which"
            ) from None

    def discard(self, handle: bytes, beside: bytes) -> None:
        """Leave nothing behind; a host that is gone may keep what was written beside."""
        with self.sftp.tidying(TIDY), contextlib.suppress(Broken):
            numbers = [self.sftp.request(Kind.CLOSE, string(handle)), self.sftp.request(Kind.REMOVE, string(beside))]
            for number in numbers:
                with contextlib.suppress(Refusal):
                    self.sftp.answer(number)


def hashed(pieces: Iterable[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    """The pieces, each of which is told to `update`."""
    for piece in pieces:
        update(piece)
        yield piece
