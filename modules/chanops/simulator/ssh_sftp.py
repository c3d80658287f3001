"""The pretended machines' SFTP, over the disk that their shell has."""

import errno
import os
import struct
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from paramiko import Message, SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface
from paramiko.sftp import CMD_EXTENDED, CMD_INIT, CMD_VERSION, SFTP_FAILURE, SFTP_OK, SFTPError

from chanops.simulator.ssh_file_tools import mode, size
from chanops.simulator.ssh_files import Disk, File, Link, Node, absolute, trouble
from chanops.simulator.ssh_machine import home

_VERSION = 3
_EXTENSIONS = {"posix-rename@openssh.com": "1", "fsync@openssh.com": "1"}
_RIGHTS = 0o7777

P = ParamSpec("P")
T = TypeVar("T")


def answered(act: Callable[P, T]) -> Callable[P, T | int]:
    """What the disk refuses becomes SFTP's number for it."""

    @wraps(act)
    def run(*args: P.args, **words: P.kwargs) -> T | int:
        try:
            return act(*args, **words)
        except OSError as error:
            code: int = SFTPServer.convert_errno(error.errno)
            return code

    return run


class Sftp(SFTPServer):  # type: ignore[misc]  # paramiko ships no types
    """One SFTP session; it ends with an exit status, as a real one does."""

    def __init__(self, channel: Any, name: str, server: Any, *args: Any) -> None:
        super().__init__(channel, name, server, *args)
        self._channel = channel
        server.keep(self)

    def _send_server_version(self) -> int:
        """As the parent does, with our own extensions: the OpenSSH client uses only those that are named."""
        kind, data = self._read_packet()
        if kind != CMD_INIT:
            raise SFTPError("no SFTP")
        message = Message()
        message.add_int(_VERSION)
        for name, version in _EXTENSIONS.items():
            message.add_string(name)
            message.add_string(version)
        self._send_packet(CMD_VERSION, message)
        return int(struct.unpack(">I", data[:4])[0])

    def _process(self, kind: int, number: int, message: Message) -> None:
        start = message.packet.tell()
        if kind == CMD_EXTENDED and message.get_text() == "fsync@openssh.com":
            self._send_status(number, SFTP_OK)
            return
        message.packet.seek(start)
        super()._process(kind, number, message)

    def finish_subsystem(self) -> None:
        if not self._channel.closed:
            self._channel.send_exit_status(0)
        super().finish_subsystem()


class Files(SFTPServerInterface):  # type: ignore[misc]  # paramiko ships no types
    """What a session asks for, by path."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self._disk: Disk = server.machine.disk
        self._home = home(server.user)

    def canonicalize(self, path: str) -> str:
        return absolute(path, self._home)

    @answered
    def open(self, path: str, flags: int, attributes: SFTPAttributes) -> SFTPHandle:
        create = bool(flags & os.O_CREAT)
        rights = 0o644 if attributes.st_mode is None else attributes.st_mode & _RIGHTS
        file = self._disk.file(self.canonicalize(path), create, create and bool(flags & os.O_EXCL), rights)
        if flags & os.O_TRUNC:
            self._disk.truncate(file, 0)
        return Handle(self._disk, file, flags)

    @answered
    def list_folder(self, path: str) -> list[SFTPAttributes]:
        folder = self.canonicalize(path)
        return [_shown(self._disk.find(f"{folder}/{name}", False), name) for name in self._disk.names(folder)]

    @answered
    def stat(self, path: str) -> SFTPAttributes:
        return _shown(self._disk.find(self.canonicalize(path)))

    @answered
    def lstat(self, path: str) -> SFTPAttributes:
        return _shown(self._disk.find(self.canonicalize(path), follow=False))

    @answered
    def remove(self, path: str) -> int:
        self._disk.remove(self.canonicalize(path))
        return int(SFTP_OK)

    @answered
    def rename(self, old: str, new: str) -> int:
        self._disk.rename(self.canonicalize(old), self.canonicalize(new), over=False)
        return int(SFTP_OK)

    @answered
    def posix_rename(self, old: str, new: str) -> int:
        self._disk.rename(self.canonicalize(old), self.canonicalize(new))
        return int(SFTP_OK)

    @answered
    def mkdir(self, path: str, attributes: SFTPAttributes) -> int:
        rights = 0o755 if attributes.st_mode is None else attributes.st_mode & _RIGHTS
        self._disk.make_folder(self.canonicalize(path), mode=rights)
        return int(SFTP_OK)

    @answered
    def rmdir(self, path: str) -> int:
        self._disk.remove_folder(self.canonicalize(path))
        return int(SFTP_OK)

    @answered
    def chattr(self, path: str, attributes: SFTPAttributes) -> int:
        return _change(self._disk, self._disk.find(self.canonicalize(path)), attributes)

    @answered
    def readlink(self, path: str) -> str | int:
        found = self._disk.find(self.canonicalize(path), follow=False)
        return found.target if isinstance(found, Link) else int(SFTP_FAILURE)

    @answered
    def symlink(self, target: str, path: str) -> int:
        self._disk.link(target, self.canonicalize(path))
        return int(SFTP_OK)


class Handle(SFTPHandle):  # type: ignore[misc]  # paramiko ships no types
    """An open file."""

    def __init__(self, disk: Disk, file: File, flags: int) -> None:
        super().__init__(flags)
        self._disk = disk
        self._file = file
        self._append = bool(flags & os.O_APPEND)
        self._writes = bool(flags & (os.O_WRONLY | os.O_RDWR))

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._file.data[offset : offset + length])

    @answered
    def write(self, offset: int, data: bytes) -> int:
        if not self._writes:
            raise trouble(errno.EACCES)
        self._disk.put(self._file, len(self._file.data) if self._append else offset, data)
        return int(SFTP_OK)

    def stat(self) -> SFTPAttributes:
        return _shown(self._file)

    @answered
    def chattr(self, attributes: SFTPAttributes) -> int:
        return _change(self._disk, self._file, attributes)


def _shown(node: Node, name: str = "") -> SFTPAttributes:
    made = SFTPAttributes()
    made.st_mode, made.st_size = mode(node), size(node)
    made.st_uid = made.st_gid = 0
    made.st_atime = made.st_mtime = int(node.changed)
    made.filename = name
    return made


def _change(disk: Disk, node: Node, wanted: SFTPAttributes) -> int:
    if wanted.st_size is not None and isinstance(node, File):
        disk.truncate(node, wanted.st_size)
    if wanted.st_mode is not None:
        node.mode = wanted.st_mode & _RIGHTS
    if wanted.st_mtime is not None:
        node.changed = float(wanted.st_mtime)
    return int(SFTP_OK)
