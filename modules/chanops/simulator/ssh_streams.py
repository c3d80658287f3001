"""Where pretended commands read and write: files in memory, pipes, nothing."""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from chanops.simulator.ssh_files import MOST, Disk, absolute
from chanops.simulator.ssh_process import Process
from chanops.simulator.ssh_syntax import Redirection

_AHEAD = 1 << 18
_LOOK = 0.05  # seconds after which who waits looks whether the process has ended


class Input(Protocol):
    """Where a command reads: `size` bytes at most, all when it is negative, none at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


Output = Callable[[bytes], object]


@dataclass(frozen=True)
class Streams:
    input: Input
    output: Output
    errors: Output


class Kept:
    """What was written, up to a size that no command should reach."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        self.content += data
        if len(self.content) > MOST:
            raise BrokenPipeError


class Pipe:
    """What one command writes and another reads; the writer waits when it is far ahead."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._content = bytearray()
        self._changed = threading.Condition()
        self._written = self._unread = False

    def write(self, data: bytes) -> None:
        with self._changed:
            while len(self._content) > _AHEAD and not self._unread:
                self._wait()
            if self._unread:
                raise BrokenPipeError
            self._content += data
            self._changed.notify_all()

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(_AHEAD), b""))
        with self._changed:
            while not self._content and not self._written:
                self._wait()
            found = bytes(self._content[:size])
            del self._content[:size]
            self._changed.notify_all()
            return found

    def end(self) -> None:
        """Nothing more is written."""
        with self._changed:
            self._written = True
            self._changed.notify_all()

    def leave(self) -> None:
        """Nobody reads any more."""
        with self._changed:
            self._unread = True
            self._changed.notify_all()

    def _wait(self) -> None:
        self._changed.wait(_LOOK)
        self._process.check()


class _Zeros:
    def read(self, size: int = -1, /) -> bytes:
        return bytes(size if size >= 0 else MOST)


def nowhere(data: bytes) -> None:
    """Where nothing is kept: /dev/null."""


def reader(disk: Disk, path: str) -> Input:
    """A file's content from its beginning."""
    if path == "/dev/zero":
        return _Zeros()
    return io.BytesIO(b"" if path == "/dev/null" else disk.read(path))


def writer(disk: Disk, path: str, append: bool) -> Output:
    """Writes into a file, which is there from now on."""
    if path == "/dev/null":
        return nowhere
    file = disk.file(path, create=True)
    if not append:
        disk.truncate(file, 0)
    return lambda data: disk.put(file, len(file.data), data)


def redirected(disk: Disk, folder: str, asked: Redirection, text: str, streams: Streams) -> Streams:
    """The streams as < > >> 2>&1 and their kin want them; `text` is what stands behind."""
    if asked.kind == "<<":
        return replace(streams, input=io.BytesIO(text.encode(errors="surrogateescape")))
    if asked.kind == "<":
        return replace(streams, input=reader(disk, absolute(text, folder)))
    copied = asked.kind in (">&", "<&") and text in ("0", "1", "2", "-")
    if copied:
        target: Output = {"1": streams.output, "2": streams.errors}.get(text, nowhere)
    else:
        target = writer(disk, absolute(text, folder), asked.kind == ">>")
    if asked.kind == "&>" or (asked.kind == ">&" and not copied):
        return replace(streams, output=target, errors=target)
    return replace(streams, errors=target) if asked.stream == 2 else replace(streams, output=target)
