"""What all that speaks SSH shares: where to log in, how a command ended, and what kept it from being begun."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Protocol

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey
from chanops.core.text import visible

STDOUT, STDERR = 1, 2
LONGEST_COMMAND = 65536  # bytes; sshd hands it to a shell as one argument, and longer ones are lost without a word
FLOOD = 100_000_000  # bytes of output after which a command is ended
Sink = Callable[[int, bytes], None]


class SshError(Problem):
    """Nothing was run: why not."""


class NoAnswer(SshError):
    """Nobody answers there, or nobody who speaks SSH, or not in time."""


class TurnedAway(NoAnswer):
    """It hung up before it said who it is: sshd does so by chance where many come at once."""


class UnknownKey(SshError):
    """The host's key is not known: it may be anybody."""


class ChangedKey(SshError):
    """The host shows another key than the one that is known."""


class NotLetIn(SshError):
    """The host does not let us in."""


class Halted(SshError):
    """It was to be ended before it was begun."""


class Left(SshError):
    """We were told to leave; what was begun goes on without us."""


@dataclass(frozen=True)
class Login:
    """Where to log in, and as whom; `names` are those by which the host's key is known, best first."""

    address: str
    port: int = 22
    user: str = "root"
    names: tuple[str, ...] = ()
    jump: "Login | None" = None

    @property
    def place(self) -> str:
        """The address as people read it."""
        address = visible(self.address)
        return address if self.port == 22 else f"{address}:{self.port}"

    @property
    def name(self) -> str:
        """What it is called."""
        return visible(self.names[0].partition("/")[2]) if self.names else self.place


class End(StrEnum):
    """How a command ended that was sent. LOST is all that cannot be known: it may have run, and may still run."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed-out"
    CANCELLED = "cancelled"
    FLOODED = "flooded"
    LOST = "lost"


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status or the signal's name, the seconds it took, the bytes it wrote."""

    end: End
    status: int | None = None
    signal: str = ""
    seconds: float = 0.0
    written: int = 0


class Halt(StrEnum):
    """What is asked of a command that runs: to go on, to be ended there, or to be left alone."""

    GO = "go"
    END = "end"
    LEAVE = "leave"


def go_on() -> Halt:
    """Nothing halts it."""
    return Halt.GO


def nothing() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Limits:
    """Seconds until we are logged in, and for which a connection is kept; sessions of one; connects at once to one."""

    connect: float = 10.0
    idle: float = 120.0
    sessions: int = 8
    at_once: int = 8


class Files(Protocol):
    """A host's files, over SFTP. All raise SshError where the connection is lost, Problem where the host refuses.

    A path that is relative, or begins with ~/, is in the login user's home. When it is late, or halted: NoAnswer, Left,
    or a Problem that says "cancelled"; the file is then as it was. Only replacing.Unsure says that nobody knows.
    """

    def put(self, source: IO[bytes], path: str, mode: int | None, size: int) -> str:
        """Write a file whole or not at all; its SHA-256 as hex, of what the host has when it is read again.

        `path` ends in the file's name. Without `mode`, what is replaced keeps its own, and a new file has 0644.
        """

    def get(self, path: str, target: IO[bytes], most: int) -> tuple[int, str]:
        """Read a file of at most so many bytes; its size and SHA-256. After an error `target` holds a part of it."""

    def change(self, path: str, change: Callable[[bytes], bytes], folder_mode: int, mode: int) -> bool:
        """Replace a small file by what `change` makes of it, if that differs; whether it did.

        `change` may be asked more than once. A link stays a link: the file is changed to which it leads.
        """


class Shell(Protocol):
    """An engine that runs commands on hosts. There may be several; all pass the same tests."""

    def run(
        self,
        login: Login,
        command: str,
        sink: Sink,
        *,
        timeout: float,
        stdin: bytes = b"",
        halt: Callable[[], Halt] = go_on,
        flood: int = FLOOD,
        sent: Callable[[], None] = nothing,
        sudo: bool = False,
    ) -> Outcome:
        """Run a command; what it writes goes to `sink` as it comes, in this thread. `sudo`: it runs as root by sudo.

        `timeout` is in seconds, by our own clock, for all of it; then the command's process group is killed there.
        `sent` is called just before the command leaves. Whatever is raised, nothing was run (or, Left, we went away
        while it ran); once the command has left there is an outcome.
        """

    def files(self, login: Login, *, timeout: float, halt: Callable[[], Halt] = go_on) -> AbstractContextManager[Files]:
        """The files of a host, for so many seconds."""

    def host_key(self, login: Login, timeout: float) -> PublicKey:
        """The key that a host shows, which is not checked; nobody logs in. Raises NoAnswer."""

    def answers(self, login: Login, timeout: float) -> PublicKey:
        """The key that a host shows, if it is the known one. Raises NoAnswer, UnknownKey, ChangedKey."""

    def own_keys(self) -> list[PublicKey]:
        """The keys that we log in with. Raises Problem where there are none to be had."""

    def new_host_key(self) -> tuple[str, PublicKey]:
        """A new key for a machine: its private half in OpenSSH's format, and its public one."""

    def close(self, at_once: bool = True) -> None:
        """Close all connections; or each once nobody uses it any more."""


class Known(Protocol):
    """The keys of hosts that we know."""

    def keys(self, names: tuple[str, ...]) -> Mapping[str, frozenset[bytes]]:
        """The blobs by type, of the first of these names that has any."""

    def revoked(self, blob: bytes) -> bool:
        """Whether nobody may have this key any more."""
