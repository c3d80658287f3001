"""The socket under a connection: as quick as TCP can be, and read in large pieces."""

import contextlib
import socket
import struct

from chanops.core.errors import Problem
from chanops.ssh.base import Login, NoAnswer

PIECE = 65536
QUICK_READS = 64
LOOK_UP = 30  # seconds after which a reader that hears nothing looks whether it is still wanted
UNHEARD = 20_000  # milliseconds after which what was sent and never acknowledged ends the connection


class Wire:
    """A socket as paramiko wants one.

    paramiko reads a packet in two pieces, and polls before each; here both come out of one read without a poll.
    sshd delays its first answer to a session until we acknowledge (Nagle), and we until 40 ms are over: TCP_QUICKACK,
    set anew at each early read, takes that away (35 ms instead of 75 for one command on a new connection).
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer, self.place = b"", 0
        self.reads = 0
        self._closed = False  # paramiko asks

    def recv(self, most: int) -> bytes:
        """At most so many bytes; nothing at the end."""
        if self.place >= len(self.buffer):
            self.fill(most)
        piece = self.buffer[self.place : self.place + most]
        self.place += len(piece)
        return piece

    def fill(self, most: int) -> None:
        if self.reads < QUICK_READS:
            self.reads += 1
            with contextlib.suppress(OSError, AttributeError):  # not on every system
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            self.buffer, self.place = self.sock.recv(max(most, PIECE)), 0
        except BlockingIOError:
            raise TimeoutError from None

    def send(self, data: bytes) -> int:
        """How many bytes were taken."""
        return self.sock.send(data)

    def settimeout(self, seconds: float | None) -> None:
        """Nothing: the deadline of all that is done is kept by the watchdog, who hangs up."""

    def getpeername(self) -> tuple[object, ...]:
        """The other end."""
        name: tuple[object, ...] = self.sock.getpeername()
        return name

    def fileno(self) -> int:
        """The socket's number."""
        return self.sock.fileno()

    def hang_up(self) -> None:
        """End it at once: whoever reads or writes comes back."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self._closed = True
        self.hang_up()
        self.sock.close()


def dial(login: Login, seconds: float) -> Wire:
    """Connect. Raises NoAnswer."""
    if seconds <= 0:
        raise NoAnswer(f"no answer from {login.place} in time")
    try:
        sock = socket.create_connection((login.address, login.port), seconds)
    except TimeoutError:
        raise NoAnswer(f"no answer from {login.place} within {seconds:.0f} s") from None
    except UnicodeError:
        raise Problem(f"{login.address!r} is no address") from None
    except OSError as error:
        raise NoAnswer(f"no answer from {login.place}: {(error.strerror or str(error)).lower()}") from None
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", LOOK_UP, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, LOOK_UP)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD)
    return Wire(sock)
