"""Connections that end: an answer comes within a time and a size, or there is an error; and who may send at all."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter

TIMEOUTS = (5.0, 30.0)  # seconds: to connect, and between two pieces of the answer
MOST_SECONDS = 60.0  # for one answer in all, its headers too, lest it drips for ever
MOST_BYTES = 32_000_000
MOST_IDLE = 8  # connections that are kept open while nobody asks anything


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Guarded(BytesIO):
    """The body of a request that changes something: whoever reads it asks once more whether it may be sent.

    It is read when the connection stands and the headers are out. A process that was frozen meanwhile, and whose
    job another has taken, stops here: the cloud never sees the whole request, and does nothing.
    """

    def __init__(self, body: bytes, may_act: Callable[[], None]) -> None:
        super().__init__(body)
        self.may_act, self.left = may_act, len(body)

    @property
    def out(self) -> bool:
        """Whether all of it was handed over; as long as it was not, nothing can have been done."""
        return self.left == 0

    def read(self, size: int | None = -1) -> bytes:
        """Some of the body. Raises where it may not be sent any more; not after its end, when it is too late."""
        if self.out:
            return b""
        self.may_act()
        piece = super().read(size)
        self.left -= len(piece)
        return piece


class Watch(threading.Timer):
    """Cuts a connection whose answer takes too long: a time-out in the socket begins anew with each byte."""

    def __init__(self, watched: Any) -> None:
        super().__init__(MOST_SECONDS, self.cut)
        self.daemon = True
        self.watched = getattr(watched, "socket", watched)  # TLS in a proxy's TLS has its socket inside
        self.late = False

    def cut(self) -> None:
        """End the connection, under whoever reads from it."""
        self.late = True
        with suppress(OSError):
            socket.socket.shutdown(self.watched, socket.SHUT_RDWR)  # not SSLSocket's own, which the reader trips over


class Watched:
    """What is added to urllib3's connections."""

    sock: Any

    def getresponse(self) -> Any:
        """The answer, of which the headers have been read; its watch goes on until the body has been, too."""
        watch = Watch(self.sock)
        watch.start()
        response = None
        try:
            response = super().getresponse()  # type: ignore[misc]
            response.watch = watch
        finally:
            if response is None:
                watch.cancel()
        return response


@cache
def watched(connection: type) -> type:
    return type(f"Watched{connection.__name__}", (Watched, connection), {})


class Adapter(HTTPAdapter):
    """Makes such connections."""

    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
        """The pool of a host's connections."""
        pool: Any = super().get_connection_with_tls_context(*args, **named)
        if not issubclass(pool.ConnectionCls, Watched):
            pool.ConnectionCls = watched(pool.ConnectionCls)
        return pool


def new_session(endpoint: str) -> requests.Session:
    """Connections to a cloud. Proxies of the environment are used, except without TLS: those would see the token.

    .netrc has no say, since requests would put what it finds there in the token's place.
    """
    session = requests.Session()
    session.trust_env = endpoint.startswith("https:")
    session.auth = lambda request: request
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())
    return session


class Sessions:
    """Connections for questions, kept open, each used by one thread at a time."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.idle: list[requests.Session] = []
        self.lock = threading.Lock()

    def exchange(self, method: str, address: str, headers: Mapping[str, str], **payload: Any) -> Answer:
        """A question and its answer. Raises requests' errors and OSError."""
        with self.lock:
            session = self.idle.pop() if self.idle else new_session(self.endpoint)
        keep = False
        try:
            answer = exchange(session, method, address, headers, **payload)
            with self.lock:
                keep = len(self.idle) < MOST_IDLE
                if keep:
                    self.idle.append(session)
            return answer
        finally:
            if not keep:
                session.close()


def exchange(
    session: requests.Session, method: str, address: str, headers: Mapping[str, str], **payload: Any
) -> Answer:
    """One request and its whole answer. Raises requests' errors and OSError."""
    with session.request(
        method, address, headers=headers, timeout=TIMEOUTS, allow_redirects=False, stream=True, **payload
    ) as response:
        raw: Any = response.raw
        watch: Watch = raw.watch
        try:
            body = b"".join(pieces(response))
        finally:
            watch.cancel()
        if watch.late:
            raise requests.exceptions.ReadTimeout("the answer has no end")
        return Answer(response.status_code, response.headers, body)


def pieces(response: requests.Response) -> Iterator[bytes]:
    """The body. Raises where it is too large."""
    size = 0
    for piece in response.iter_content(65536):
        size += len(piece)
        if size > MOST_BYTES:
            raise requests.exceptions.ContentDecodingError("the answer has no end")
        yield piece
