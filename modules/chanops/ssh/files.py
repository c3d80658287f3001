"""A host's files, over SFTP: put there whole or not at all, and got, each with its SHA-256."""

import contextlib
import hashlib
import io
import posixpath
from collections.abc import Callable, Iterator
from typing import IO

from paramiko.channel import Channel

from chanops.core.errors import Problem
from chanops.ssh.base import Halt, Left, Login, NoAnswer, SshError, nothing
from chanops.ssh.paths import at, shown
from chanops.ssh.replacing import Replacement
from chanops.ssh.sftp import READ, Sftp
from chanops.ssh.sftp_packets import Attributes, Broken, Code, Garbled, Kind, Refusal, string
from chanops.ssh.watchdog import Guard

WRITTEN = 32000  # bytes of one write: with its head it fits one packet
SMALL = 1_000_000  # bytes of a file that is changed
LINKS = 10  # that lead from one to the next
TRIES = 3


class ElseChanged(Exception):
    """Somebody else has changed the file meanwhile."""


class RemoteFiles:
    """The files of a host; relative paths and ~/ are in the login user's home. Fulfils base.Files.

    When it is late, or halted, the guard must leave the channel open: what was begun is tidied away, within a second.
    """

    def __init__(self, login: Login, channel: Channel, guard: Guard) -> None:
        self.login, self.channel, self.guard = login, channel, guard
        self.sftp = Sftp(channel, guard)
        self.begun = False

    def put(self, source: IO[bytes], path: str, mode: int | None, size: int) -> str:
        """Write a file whole or not at all, under the name that `path` ends in; its SHA-256 as it is read again there.

        What is replaced gives its owner, where that is permitted, and its mode, where none is given; a new file has
        0644. Neither a folder nor a link is replaced.
        """
        where = at(path)
        self.refuse_folders(where)
        with self.told("writing", where, "; what was there still is"):
            old = self.find(where)
            if old is not None:
                self.refuse_all_but_files(where, old)
            pieces = exactly(source, size, shown(where))
            return Replacement(self.sftp, self.login, where, old).write(pieces, size, mode, nothing)

    def get(self, path: str, target: IO[bytes], most: int) -> tuple[int, str]:
        """Read a file of at most so many bytes into `target`; its size and SHA-256."""
        where = at(path)
        with self.told("reading", where):
            return self.fetch(where, target.write, most)

    def change(self, path: str, change: Callable[[bytes], bytes], folder_mode: int, mode: int) -> bool:
        """Replace a small file by what `change` makes of it, if that differs; whether it did.

        One that is missing is made with `mode`, and its folder; where `path` is a link, the file is replaced to which
        it leads. Where somebody else changes it at the same time, `change` is asked again.
        """
        asked = at(path)
        self.refuse_folders(asked)
        with self.told("changing", asked, "; it is as it was"):
            for _ in range(TRIES):
                with contextlib.suppress(ElseChanged):
                    return self.change_once(*self.follow(asked), change, folder_mode, mode)
            raise Problem(f"somebody else changes {shown(path)} on {self.login.name} as well: try again")

    def change_once(
        self, where: bytes, old: Attributes | None, change: Callable[[bytes], bytes], folder_mode: int, mode: int
    ) -> bool:
        """Change a file, unless somebody else does so meanwhile."""
        before = self.content(where, old)
        after = change(before)
        if after == before:
            return False
        if old is None:
            self.make_folder(posixpath.dirname(where), folder_mode)

        def last_look() -> None:
            if self.content(where, self.find(where)) != before:
                raise ElseChanged

        pieces = exactly(io.BytesIO(after), len(after), shown(where))
        replacement = Replacement(self.sftp, self.login, where, old)
        replacement.write(pieces, len(after), mode if old is None else None, last_look)
        return True

    def begin(self) -> None:
        """Once for all that is done."""
        if self.begun:
            return
        host, transport = self.login.name, self.channel.transport
        try:
            self.sftp.begin()
        except Garbled:
            raise Problem(
                f"{host} speaks no SFTP: does {self.login.user}'s .bashrc print something on {host}?"
            ) from None
        except Broken:
            transport.join(0.1)  # it ends after its channels
            if self.guard.late or self.guard.halted is not Halt.GO or not transport.is_active():
                raise
            raise Problem(f"{host} has no SFTP: its sshd_config wants `Subsystem sftp internal-sftp`") from None
        self.begun = True

    def find(self, where: bytes) -> Attributes | None:
        """What there is, without following a link."""
        try:
            return self.sftp.look(Kind.LSTAT, where)
        except Refusal as refusal:
            if refusal.code == Code.NO_SUCH_FILE:
                return None
            raise

    def follow(self, where: bytes) -> tuple[bytes, Attributes | None]:
        """Where a path leads in the end, and what is there."""
        for _ in range(LINKS):
            found = self.find(where)
            if found is None or not found.link:
                return where, found
            where = self.leads_to(where)
        raise Problem(f"the links at {shown(where)} on {self.login.name} lead round in a circle")

    def leads_to(self, link: bytes) -> bytes:
        """Where a link leads."""
        return posixpath.join(posixpath.dirname(link), self.sftp.read_link(link))

    def refuse_folders(self, where: bytes) -> None:
        """What is written needs a name."""
        if posixpath.basename(where) in (b"", b".", b".."):
            raise self.is_folder(where)

    def is_folder(self, where: bytes) -> Problem:
        """What is said of a folder."""
        name = shown(where)
        return Problem(f"{name} on {self.login.name} is a folder: name the file as well, {name.rstrip('/')}/NAME")

    def refuse_all_but_files(self, where: bytes, found: Attributes) -> None:
        """Only what is a regular file is read, or replaced."""
        if found.folder:
            raise self.is_folder(where)
        if found.link:
            raise Problem(
                f"{shown(where)} on {self.login.name} is a link to {shown(self.leads_to(where))}: name that one"
            )
        if not found.file:
            raise Problem(f"{shown(where)} on {self.login.name} is no regular file")

    def fetch(self, where: bytes, write: Callable[[bytes], object], most: int) -> tuple[int, str]:
        """Read a file from its beginning to its end; its size and SHA-256."""
        self.refuse_all_but_files(where, self.sftp.look(Kind.STAT, where))
        handle = self.sftp.open(where, READ)
        try:
            first = self.sftp.look(Kind.FSTAT, handle)
            self.refuse_all_but_files(where, first)
            size = first.size or 0
            if size > most:
                raise Problem(f"{shown(where)} on {self.login.name} has {size:,} bytes: at most {most:,} are read")
            count, digest = 0, hashlib.sha256()
            for data in self.sftp.read(handle, size + 1):  # one byte more, which is not there
                count += len(data)
                digest.update(data)
                write(data)
            last = self.sftp.look(Kind.FSTAT, handle)
            if (count, last.size, last.changed) != (size, first.size, first.changed):
                raise Problem(f"{shown(where)} on {self.login.name} changed while it was read: try again")
        finally:
            with contextlib.suppress(Refusal, Broken):
                self.sftp.ask(Kind.CLOSE, string(handle))
        return count, digest.hexdigest()

    def content(self, where: bytes, found: Attributes | None) -> bytes:
        """All that is in a small file; nothing, where there is none."""
        target = io.BytesIO()
        if found is not None:
            self.fetch(where, target.write, SMALL)
        return target.getvalue()

    def make_folder(self, folder: bytes, mode: int) -> None:
        """A folder, if there is none."""
        if not folder or self.find(folder) is not None:
            return
        try:
            self.sftp.ask(Kind.MKDIR, string(folder), Attributes(mode=mode).pack())
        except Refusal as refusal:
            if refusal.code == Code.PERMISSION_DENIED:
                raise Problem(f"{self.login.user} may not make {shown(folder)} on {self.login.name}") from None
            # Otherwise somebody else has just made it, or whoever wants to write there is told.

    @contextlib.contextmanager
    def told(self, doing: str, where: bytes, state: str = "") -> Iterator[None]:
        """What goes wrong within is told in words; `state` is what is known of the file then."""
        what, host = f"{doing} {shown(where)}", self.login.name
        try:
            self.begin()
            yield
        except Refusal as refusal:
            if refusal.code == Code.NO_SUCH_FILE:
                raise Problem(f"there is no {shown(where)} on {host}") from None
            if refusal.code == Code.PERMISSION_DENIED:
                raise Problem(f"{host} does not permit {self.login.user} {what}") from None
            raise Problem(f"{host} refuses {what}: {shown(refusal.words) or refusal.code}{state}") from None
        except Garbled:
            raise SshError(f"{host} answers with what is no SFTP while {what}{state}") from None
        except Broken:
            if self.guard.late:
                raise NoAnswer(f"{what} on {host} was not done within its time{state}") from None
            if self.guard.halted is Halt.LEAVE:
                raise Left(f"the bot left while {what} on {host}{state}") from None
            if self.guard.halted is Halt.END:
                raise Problem(f"cancelled while {what} on {host}{state}") from None
            raise SshError(f"the connection to {host} was lost while {what}{state}") from None


def exactly(source: IO[bytes], size: int, name: str) -> Iterator[bytes]:
    """What is in a source, in pieces. Raises Problem, unless it has so many bytes."""
    count = 0
    while data := source.read(WRITTEN):
        count += len(data)
        if count > size:
            break
        yield data
    if count != size:
        raise Problem(f"what is to become {name} changed while it was sent: try again")
