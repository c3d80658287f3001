"""A tiny blocking IRC client for tests, which shares no code with the package."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable

Wanted = str | re.Pattern[str] | Callable[[str], object]
SERVER = r"^(?:@\S+ )?:\S+ "


class WireClient:
    """One registered connection; lines are read only while a method waits.

    `expect` looks at each line once, in order: a line passed over by one call
    is not seen by the next, but stays in `lines_seen`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        nick: str,
        *,
        caps: Iterable[str] = (),
        sasl: tuple[str, str] | None = None,
        tls_ca: str | None = None,
        wait: bool = True,
    ) -> None:
        self.nick = nick
        self.lines_seen: list[str] = []
        self._unread: deque[str] = deque()
        self._partial = b""
        self._sock = _connect(host, port, tls_ca)
        try:
            self._register([*caps, "sasl"] if sasl else list(caps), sasl)
            if wait:
                self.wait_welcome()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> WireClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.quit()

    def quit(self, within: float = 2.0) -> None:
        """Leave, and return when the server has let go of the nick."""
        with contextlib.suppress(AssertionError, OSError):
            self.send("QUIT :bye")
            self.expect(lambda line: False, within)
        self.close()

    def close(self) -> None:
        """Drop the connection without a word."""
        self._sock.close()

    def send(self, line: str | bytes) -> None:
        data = line if isinstance(line, bytes) else line.encode()
        self._sock.settimeout(10.0)
        self._sock.sendall(data + b"\r\n")

    def say(self, target: str, text: str) -> None:
        self.send(f"PRIVMSG {target} :{text}")

    def join(self, channel: str) -> None:
        """Join, and return when the server has told it and sent the names."""
        self.send(f"JOIN {channel}")
        who, where = re.escape(self.nick), re.escape(channel)
        self.expect(rf"(?i)^(@\S+ )?:{who}!\S+ JOIN :?{where}( |$)")
        self.expect(rf"(?i) 366 \S+ {where} ")

    def wait_welcome(self) -> WireClient:
        """Finish what wait=False began, so that many clients register at once."""
        answer = self.expect(rf"{SERVER}(001|43[1-7]|46[4-6]) |^ERROR ")
        if " 001 " not in answer:
            raise AssertionError(f"{self.nick} was refused: {answer!r}")
        self.expect(rf"{SERVER}(376|422) ")
        return self

    def expect(self, wanted: Wanted, within: float = 10.0) -> str:
        """Return the next line that matches a regex or satisfies a predicate."""
        matches = wanted if callable(wanted) else re.compile(wanted).search
        deadline = time.monotonic() + within
        while True:
            while not self._unread:
                self._receive(deadline, f"{wanted!r} did not come in {within} s")
            line = self._unread.popleft()
            if matches(line):
                return line

    def barrier(self, within: float = 10.0) -> list[str]:
        """Return the unread lines the server sent before it answered our PING."""
        token = f"barrier-{uuid.uuid4().hex}"
        read: list[str] = []

        def is_the_answer(line: str) -> bool:
            read.append(line)
            return " PONG " in line and token in line

        self.send(f"PING {token}")
        self.expect(is_the_answer, within)
        return read[:-1]

    def _register(self, caps: list[str], sasl: tuple[str, str] | None) -> None:
        if caps:
            self.send("CAP LS 302")
        self.send(f"NICK {self.nick}")
        self.send(f"USER {self.nick} 0 * :{self.nick} of the tests")
        if caps:
            self.expect(r" CAP \S+ LS :")
            self._request(" ".join(caps))
            if sasl:
                self._log_in(*sasl)
            self.send("CAP END")

    def _request(self, caps: str) -> None:
        self.send(f"CAP REQ :{caps}")
        answer = self.expect(r" CAP \S+ (ACK|NAK) ")
        if " ACK " not in answer:
            raise AssertionError(f"the server refused {caps!r}: {answer!r}")

    def _log_in(self, account: str, password: str) -> None:
        self.send("AUTHENTICATE PLAIN")
        self.expect(r"AUTHENTICATE :?\+$")
        secret = f"{account}\0{account}\0{password}".encode()
        self.send(b"AUTHENTICATE " + base64.b64encode(secret))
        answer = self.expect(rf"{SERVER}90[2-7] ")
        if " 903 " not in answer:
            raise AssertionError(f"no login as {account}: {answer!r}")

    def _receive(self, deadline: float, complaint: str) -> None:
        try:
            # Zero would mean "do not block", which TLS reports differently.
            self._sock.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._sock.recv(65536)
        except TimeoutError:
            raise AssertionError(self._with_last_lines(complaint)) from None
        except ConnectionError:
            data = b""
        if not data:
            complaint = f"the server closed before: {complaint}"
            raise AssertionError(self._with_last_lines(complaint))
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            # surrogateescape: a test can get at the very bytes again.
            self._take(line.rstrip(b"\r").decode("utf-8", "surrogateescape"))

    def _take(self, line: str) -> None:
        self.lines_seen.append(line)
        self._unread.append(line)
        ping = re.match(r"(?::\S+ )?PING (.*)", line)
        if ping:
            self.send(f"PONG {ping[1]}".encode("utf-8", "surrogateescape"))

    def _with_last_lines(self, complaint: str) -> str:
        seen = [f"  {line!r}" for line in self.lines_seen[-30:]] or ["  (none)"]
        return "\n".join([f"{self.nick}: {complaint}; last lines seen:", *seen])


def _connect(host: str, port: int, tls_ca: str | None) -> socket.socket:
    sock = socket.create_connection((host, port), timeout=10.0)
    if tls_ca is None:
        return sock
    try:
        context = ssl.create_default_context(cafile=tls_ca)
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise
