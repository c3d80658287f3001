"""The socket of one connection: the only file that reads and writes one. Runs in the loop's thread."""

import logging
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from chanops.core.text import visible
from chanops.irc.outbox import Outbox
from chanops.irc.reactor import Reactor, guarded
from chanops.irc.wire import Incoming, outgoing

log = logging.getLogger(__name__)
CHUNK = 65536
RECORD = 2048  # ngIRCd reads that much of a TLS record, and the rest only when more comes: so none may be longer
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
SECRET_VERBS = ("PASS", "AUTHENTICATE")


class Link:
    """An open socket, or none: texts in by callback, texts out of an outbox."""

    def __init__(
        self, name: str, reactor: Reactor, outbox: Outbox, hear: Callable[[str], None], closed: Callable[[str], None]
    ) -> None:
        self.name, self.reactor, self.outbox, self.hear, self.closed = name, reactor, outbox, hear, closed
        self.sock: socket.socket | None = None
        self.incoming, self.sending = Incoming(), b""
        self.heard_at = time.monotonic()

    def open(self, sock: socket.socket) -> None:
        """Serve a socket that is connected."""
        self.sock = sock
        self.incoming, self.sending = Incoming(), b""
        self.heard_at = time.monotonic()
        self.reactor.watch(sock, self, selectors.EVENT_READ)

    def close(self) -> None:
        """Let the socket go; nobody is told."""
        if self.sock is not None:
            self.reactor.unwatch(self.sock)
            self.sock.close()
            self.sock = None

    def ready(self, mask: int) -> None:
        """The socket can be read, or written again; writing is flush's, which the loop calls each turn."""
        if mask & selectors.EVENT_READ:
            self.read()

    def read(self) -> None:
        """Take in what is there."""
        sock = self.sock
        if sock is None:
            return
        try:
            data = sock.recv(CHUNK)
        except NOT_NOW:
            return
        except OSError as error:
            self.closed(f"connection lost ({error.strerror or error})")
            return
        if not data:
            self.closed("the server closed the connection")
            return
        self.heard_at = time.monotonic()
        for text in self.incoming.feed(data):
            guarded(self.hear, text)  # each by itself: a bug on one line must not cost the others
            if self.sock is not sock:
                return
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            self.reactor.call(self.read)  # TLS holds bytes of which select knows nothing

    def flush(self) -> float | None:
        """Send what the bucket lets out and the socket takes; the seconds until there may be more."""
        if self.sock is None:
            return None
        now = time.monotonic()
        while len(self.sending) < CHUNK and (text := self.outbox.take(now)) is not None:
            self.sending += outgoing(text)
            log.debug("%s: > %s", self.name, text.split()[0] if text.startswith(SECRET_VERBS) else visible(text))
        if self.sending and not self.write(self.sock):
            return None
        self.reactor.watch(self.sock, self, selectors.EVENT_READ | (selectors.EVENT_WRITE if self.sending else 0))
        return None if self.sending else self.outbox.wait(now)

    def write(self, sock: socket.socket) -> bool:
        """Give the socket what it takes; False where it is lost."""
        most = RECORD if isinstance(sock, ssl.SSLSocket) else CHUNK
        try:
            while self.sending:
                self.sending = self.sending[sock.send(self.sending[:most]) :]
        except NOT_NOW:
            pass
        except OSError as error:
            self.closed(f"connection lost ({error.strerror or error})")
            return False
        return True
