"""What SFTP, version 3, is made of: numbers, strings, what is said of a file. Nothing that comes is taken on trust."""

import stat
import struct
from dataclasses import dataclass
from enum import IntEnum

HAS_SIZE, HAS_OWNER, HAS_MODE, HAS_TIMES = 1, 2, 4, 8


class Kind(IntEnum):
    """What a packet is."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    FSETSTAT = 10
    REMOVE = 13
    MKDIR = 14
    STAT = 17
    RENAME = 18
    READLINK = 19
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Code(IntEnum):
    """Why the host refuses; for most of the reasons there is only FAILURE."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4


class Refusal(Exception):
    """The host refuses a request."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{code} {words}")
        self.code, self.words = code, words


class Broken(Exception):
    """Nothing more comes, or nothing more may be waited for."""


class Garbled(Broken):
    """What comes is no SFTP."""


@dataclass(frozen=True)
class Attributes:
    """What the host says of a file; None where it says nothing."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    mode: int | None = None
    changed: int | None = None

    def pack(self) -> bytes:
        """As a request has them; sizes and times are never set."""
        flags, parts = 0, b""
        if self.owner is not None:
            flags, parts = flags | HAS_OWNER, parts + struct.pack(">II", *self.owner)
        if self.mode is not None:
            flags, parts = flags | HAS_MODE, parts + struct.pack(">I", self.mode)
        return struct.pack(">I", flags) + parts

    @property
    def file(self) -> bool:
        """Whether it is a regular file."""
        return self.mode is not None and stat.S_ISREG(self.mode)

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode is not None and stat.S_ISLNK(self.mode)


def string(data: bytes) -> bytes:
    """As requests have it: the length first."""
    return struct.pack(">I", len(data)) + data


@dataclass
class Answer:
    """What the host answers, taken apart from the front."""

    kind: int
    data: bytes
    place: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing is left of it."""
        return self.place >= len(self.data)

    def number(self, layout: str = ">I") -> int:
        """The next number."""
        try:
            (found,) = struct.unpack_from(layout, self.data, self.place)
        except struct.error:
            raise Garbled from None
        self.place += struct.calcsize(layout)
        return int(found)

    def string(self) -> bytes:
        """The next string."""
        end = self.number() + self.place
        if end > len(self.data):
            raise Garbled
        found, self.place = self.data[self.place : end], end
        return found

    def attributes(self) -> Attributes:
        """What comes next of a file."""
        flags = self.number()
        size = self.number(">Q") if flags & HAS_SIZE else None
        owner = (self.number(), self.number()) if flags & HAS_OWNER else None
        mode = self.number() if flags & HAS_MODE else None
        times = (self.number(), self.number()) if flags & HAS_TIMES else None
        return Attributes(size, owner, mode, times[1] if times else None)
