"""The web server: answers while others dawdle, and ends when it is told to."""

import contextlib
import http.client
import socket
import threading
import time

import pytest

from chanops.web.port import Port
from chanops.web.server import WebServer

DEADLINE = 10
GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope, receive, send):
    """Says its path; below /endless it begins and never ends."""
    assert scope["type"] == "http"
    endless = scope["path"] == "/endless"
    body = scope["path"].encode()
    length = 10 * len(body) if endless else len(body)
    headers = [(b"content-length", str(length).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": endless})
    if endless:
        while (await receive())["type"] != "http.disconnect":
            pass


@contextlib.contextmanager
def serving(listen="127.0.0.1:0"):
    port = Port(listen)
    port.bind()
    server = WebServer(port)
    server.serve_with(app)
    try:
        yield server
    finally:
        server.stop()


def place(server):
    host, _, port = server.port.address.rpartition(":")
    return host.strip("[]"), int(port)


def get(server, path="/hello"):
    with contextlib.closing(http.client.HTTPConnection(*place(server), timeout=DEADLINE)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def begun(server, data):
    """A connection on which that was sent, and no more."""
    connection = socket.create_connection(place(server), DEADLINE)
    connection.sendall(data)
    return connection


def stopped_within(server, seconds):
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < seconds
    return not server.thread.is_alive()


def test_it_answers_on_the_port_it_was_given():
    with serving() as server:
        assert get(server) == "/hello"
        assert server.thread.daemon


def test_it_answers_on_ipv6():
    with serving("[::1]:0") as server:
        assert get(server) == "/hello"


def test_who_calls_before_it_serves_waits_and_is_served():
    port = Port("127.0.0.1:0")
    port.bind()
    server = WebServer(port)
    with contextlib.closing(begun(server, b"GET /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) as early:
        server.serve_with(app)
        with early.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\n/early")
    server.stop()


@pytest.mark.parametrize(
    "half",
    [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 4000,
     b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"],
    ids=["nothing", "one letter", "a line", "a header", "a body"],
)  # fmt: skip
def test_slow_callers_do_not_hold_up_others(half):
    with serving() as server, contextlib.ExitStack() as slow:
        for _ in range(50):
            slow.enter_context(contextlib.closing(begun(server, half)))
        start = time.monotonic()
        for number in range(20):
            assert get(server, f"/{number}") == f"/{number}"
        assert time.monotonic() - start < 5


def test_many_are_served_at_once():
    with serving() as server:
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(get(server, f"/{n}"))) for n in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert sorted(answers) == sorted(f"/{n}" for n in range(60))


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HTTP/1.1\r\nHost", GET % b"idle", GET % b"endless"],
    ids=["said nothing", "half a request", "idle after an answer", "in the middle of an answer"],
)
def test_it_stops_within_three_seconds_whoever_is_connected(data):
    with serving() as server, contextlib.ExitStack() as others:
        for _ in range(5):
            connection = others.enter_context(contextlib.closing(begun(server, data)))
            if data.endswith(b"\r\n\r\n"):
                assert connection.recv(4).startswith(b"HTTP")
        assert get(server) == "/hello"
        assert stopped_within(server, 3)


def test_it_stops_also_when_it_has_hardly_begun():
    for _ in range(5):
        with serving() as server:
            assert stopped_within(server, 3)


def test_after_it_stopped_its_port_is_free_and_nobody_answers():
    with serving() as server:
        address, there = server.port.address, place(server)
        assert get(server) == "/hello"
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(there, DEADLINE)
        with serving(address) as again:
            assert get(again) == "/hello"


def test_it_can_be_stopped_twice_or_without_having_served():
    with serving() as server:
        server.stop()
        server.stop()
    port = Port("127.0.0.1:0")
    port.bind()
    WebServer(port).stop()
    assert port.sock is None


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HELO mail\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n", b"400"),
    ],
    ids=["no HTTP", "two lengths", "TLS"],
)
def test_what_is_no_request_is_refused_and_others_go_on(data, status):
    with serving() as server:
        with contextlib.closing(begun(server, data)) as connection:
            assert connection.recv(12).split()[1] == status
        assert get(server) == "/hello"
