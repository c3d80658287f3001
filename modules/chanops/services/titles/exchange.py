"""One request and its answer, bounded in time and bytes: whatever a server sends, and however slowly.

No library for HTTP bounds the total time: their timeouts are for each read, and start anew with every byte.
"""

import io
import re
import socket
import zlib
from http.client import HTTPException, HTTPResponse
from typing import Any, cast

from chanops.services.titles.rules import Deadline, NotFetched, Rules, Target

LONGEST_HEAD = 32768
AT_ONCE = 16384
MOST_EARLY = 8  # answers that only say that the answer will come
MOST_LOOKS = 4  # at what was read so far: a page that ends its head again and again is read to its end
ACCEPTED = "text/html, application/xhtml+xml, */*;q=0.5"
CODINGS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
END_OF_HEAD = re.compile(rb"</head|<body", re.IGNORECASE)


class Stream(io.RawIOBase):
    """What a connection sends, until the deadline, and no more than may be had."""

    def __init__(self, connection: socket.socket, deadline: Deadline, allowed: int) -> None:
        self.connection, self.deadline, self.allowed = connection, deadline, allowed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.allowed <= 0:
            raise NotFetched("it sent too much")
        self.connection.settimeout(self.deadline.left())
        try:
            count = self.connection.recv_into(buffer, min(len(buffer), self.allowed))
        except TimeoutError:
            self.deadline.left()  # which says it in words
            raise
        self.allowed -= count
        return count


class Wire:
    """All that http.client wants of a socket."""

    def __init__(self, reader: io.BufferedReader) -> None:
        self.reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        return self.reader


class Exchange:
    """A request that was sent, and the answer's head; the body is read on demand."""

    def __init__(self, connection: socket.socket, target: Target, rules: Rules, deadline: Deadline) -> None:
        self.target, self.most, self.deadline = target, rules.bytes, deadline
        self.stream = Stream(connection, deadline, LONGEST_HEAD)
        connection.settimeout(deadline.left())
        connection.sendall(request(target, rules.home))
        self.early = list[HTTPResponse]()  # not let go, since each closes what it was read from
        self.response = self.answer(io.BufferedReader(self.stream, AT_ONCE))
        self.status = self.response.status

    def answer(self, reader: io.BufferedReader) -> HTTPResponse:
        for _ in range(MOST_EARLY):
            response = HTTPResponse(cast(socket.socket, Wire(reader)), method="GET")
            response.begin()
            if response.status >= 200:
                return response
            self.early.append(response)
        raise NotFetched(f"{self.target.host} answers with nothing but promises")

    def header(self, name: str) -> str:
        """A header's value, as the bytes that it was; "" where there is none."""
        return str(self.response.headers.get(name) or "").strip()

    def body(self) -> "Body":
        """The body's beginning, as it is after decompression. Raises NotFetched where nobody could read it."""
        coding, transfer = self.header("content-encoding").lower(), self.header("transfer-encoding").lower()
        if (coding not in CODINGS and coding not in ("", "identity")) or transfer not in ("", "identity", "chunked"):
            raise NotFetched(f"{self.target.host} sends its page in an encoding that it was not asked for")
        self.stream.allowed += self.most
        return Body(self.response, coding, self.most)


class Body:
    """A page as it comes in: as far as its head, a broken connection, the deadline, or its most bytes."""

    def __init__(self, response: HTTPResponse, coding: str, most: int) -> None:
        self.response, self.most = response, most
        self.coding = coding if coding in CODINGS else ""
        self.unpacker = zlib.decompressobj(CODINGS[self.coding]) if self.coding else None
        self.page = bytearray()
        self.ended = False
        self.why = ""
        self.looks = 0

    def read_head(self) -> bool:
        """Read until the head may have ended; False where no more will come."""
        while not self.ended:
            before = max(0, len(self.page) - 8)
            self.read_some()
            if self.looks < MOST_LOOKS and END_OF_HEAD.search(self.page, before):
                self.looks += 1
                return not self.ended
        return False

    def read_some(self) -> None:
        """Read what has come; what ends it early is noted, since what was read may do."""
        try:
            data = self.response.read1(AT_ONCE)
            self.page += self.unpacked(data)
        except NotFetched as error:
            self.why, self.ended = str(error), True
        except (OSError, HTTPException, ValueError, zlib.error):
            self.why, self.ended = "its page broke off", True
        else:
            self.ended = not data or len(self.page) >= self.most or self.is_unpacked()
            del self.page[self.most :]

    def is_unpacked(self) -> bool:
        return self.unpacker is not None and self.unpacker.eof

    def unpacked(self, data: bytes) -> bytes:
        """The same without compression, and never more of it than the page may have."""
        if self.unpacker is None:
            return data
        if self.coding == "deflate" and data and data[0] & 0x0F != 8:
            self.unpacker = zlib.decompressobj(-zlib.MAX_WBITS)  # many leave the wrapping out
        self.coding = self.coding if not data else ""  # which only the first byte tells
        return self.unpacker.decompress(data, self.most - len(self.page) + 1)


def request(target: Target, home: str) -> bytes:
    """What is sent: nothing of what was asked before, nor where the link stood."""
    agent = "chanops (a link's title" + (f"; +{home})" if home.isascii() and home.isprintable() and home else ")")
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.place}",
        f"User-Agent: {agent}",
        f"Accept: {ACCEPTED}",
        "Accept-Encoding: gzip",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")
