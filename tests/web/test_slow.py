"""Callers who are slow on purpose, or send what nobody should: they get nothing, and others notice nothing."""

import asyncio
import contextlib
import http.client
import os
import re
import resource
import shutil
import socket
import subprocess
import threading
import time
from importlib import import_module
from importlib.util import find_spec

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from chanops.web.port import Port
from chanops.web.server import FEWEST, WebServer, affordable
from chanops.web.slow import MOST_AHEAD, MOST_HEAD, Patience

DEADLINE = 20
QUICK = Patience(head=1.0, body=1.0, taking=1.0)
PROTOCOLS = [H11Protocol]
if find_spec("httptools"):  # uvicorn takes it where it is there
    PROTOCOLS.append(import_module("uvicorn.protocols.http.httptools_impl").HttpToolsProtocol)
LARGE = 24 * 1024 * 1024


class App:
    """Some pages: one is large, one speaks twice, one reads what it is sent, all others say hello."""

    def __init__(self, large=LARGE):
        self.large, self.speak, self.bodies = large, threading.Event(), []

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/enter":
            await self.read(receive)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        if scope["path"] == "/events":
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await asyncio.to_thread(self.speak.wait, DEADLINE)
        body = {"/large": b"x" * self.large, "/events": b"second"}.get(scope["path"], b"hello")
        await send({"type": "http.response.body", "body": body})

    async def read(self, receive):
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        self.bodies.append((part["type"], body))


class Served:
    """The server with these pages."""

    def __init__(self, patience=QUICK, protocol=H11Protocol, app=None):
        self.app = app or App()
        self.port = Port("127.0.0.1:0")
        self.port.bind()
        self.address = self.port.sock.getsockname()[:2]
        self.server = WebServer(self.port, patience, protocol)
        self.server.serve_with(self.app)
        self.opened = []

    def __enter__(self):
        until(lambda: self.server.server.started)
        return self

    def __exit__(self, *_):
        self.app.speak.set()
        for each in self.opened:
            each.close()
        self.server.stop()

    @property
    def connections(self):
        return len(self.server.server.server_state.connections)

    def call(self, data=b"", receives=0):
        """A connection on which that was sent, and no more."""
        connection = socket.socket()
        if receives:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        connection.settimeout(DEADLINE)
        connection.connect(self.address)
        connection.sendall(data)
        self.opened.append(connection)
        return connection

    def get(self, path="/hello"):
        with contextlib.closing(http.client.HTTPConnection(*self.address, timeout=DEADLINE)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()


@pytest.fixture(params=PROTOCOLS, ids=lambda each: each.__name__)
def served(request):
    with Served(protocol=request.param) as made:
        yield made


def until(true, within=DEADLINE):
    """Wait until it is; what it was then."""
    end = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < end, f"not within {within} s"
        threading.Event().wait(0.01)
    return found


def get(path, more=b""):
    return b"GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (path, more)


def drip(connection, data, every=0.1):
    """Send a byte at a time until the other side has enough: all that it said, and how long that took."""
    begun, said = time.monotonic(), b""
    connection.settimeout(every)
    with contextlib.suppress(ConnectionError):
        for number in range(10_000):
            assert time.monotonic() - begun < DEADLINE, "it never had enough"
            connection.sendall(data[number % len(data) :][:1])
            try:
                part = connection.recv(65536)
            except TimeoutError:
                continue
            if not part:
                break
            said += part
    return said, time.monotonic() - begun


def rest(connection):
    """All that still comes."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            said += part
    return said


def test_a_head_that_comes_in_drops_is_given_up(served):
    said, took = drip(served.call(), b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 10_000)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert QUICK.head < took < QUICK.head + 4
    until(lambda: served.connections == 0)


def test_who_says_nothing_at_all_is_given_up(served):
    connection, begun = served.call(), time.monotonic()
    assert rest(connection).startswith(b"HTTP/1.1 408 ")
    assert QUICK.head < time.monotonic() - begun < QUICK.head + 4


def test_a_second_request_in_drops_is_given_up_too(served):
    connection = served.call(get(b"hello"))
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    said, took = drip(connection, b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 10_000)
    assert b"HTTP/1.1 408 " in said
    assert took < QUICK.head + 4


def test_a_body_in_drops_is_given_up_and_the_page_hears_of_it(served):
    head = b"POST /enter HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    said, took = drip(served.call(head), b"x")
    assert said == b""
    assert QUICK.body < took < QUICK.body + 4
    assert until(lambda: served.app.bodies)[0][0] == "http.disconnect"


def test_a_body_that_nobody_reads_does_not_hold_the_connection_either(served):
    head = b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    said, took = drip(served.call(head), b"x")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert took < QUICK.head + 4


def test_a_body_in_time_arrives(served):
    connection = served.call(b"POST /enter HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf")
    connection.sendall(b"a body")
    assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert served.app.bodies == [("http.request", b"halfa body")]


def test_a_reader_who_takes_nothing_is_dropped(served):
    served.call(get(b"large"), receives=4096)
    until(lambda: served.connections == 1)
    begun = time.monotonic()
    until(lambda: served.connections == 0)
    assert time.monotonic() - begun > QUICK.taking / 2


def test_a_reader_who_takes_a_little_again_and_again_gets_all(served):
    connection = served.call(get(b"large", b"Connection: close\r\n"), receives=65536)
    taken, begun = 0, time.monotonic()
    while time.monotonic() - begun < 3 * QUICK.taking:
        taken += len(connection.recv(65536))
        threading.Event().wait(0.05)
    assert taken < LARGE / 2, "the test read too fast to show anything"
    assert taken + len(rest(connection)) > LARGE


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_reader_who_takes_a_little_for_ever_is_dropped_in_the_end(protocol):
    with Served(Patience(taking=1.0, least=1, whole=3.0), protocol) as served:
        connection, begun, taken = served.call(get(b"large"), receives=65536), time.monotonic(), 0
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(32768):
                taken += len(part)
                assert time.monotonic() - begun < DEADLINE, "it never ends"
                threading.Event().wait(0.05)
        assert taken < LARGE
        assert time.monotonic() - begun > 2.0


def test_a_stream_that_is_silent_for_long_is_left_open(served):
    connection = served.call(get(b"events"))
    while b"first" not in connection.recv(65536):
        pass
    assert b"408" in rest(served.call(b"GET "))  # given up meanwhile
    until(lambda: served.connections == 1)
    served.app.speak.set()
    assert b"second" in connection.recv(65536)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * MOST_HEAD + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        get(b"hello", b"X-Long: " + b"x" * MOST_HEAD + b"\r\n"),
        get(b"hello", b"X: y\r\n" * (MOST_HEAD // 6)),
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"x" * 10 * MOST_HEAD,
        b"\r\n" * MOST_HEAD,
    ],
    ids=["address", "header", "headers", "endless", "no request"],
)
def test_a_head_that_is_too_long_is_refused(served, head):
    connection = served.call()
    with contextlib.suppress(ConnectionError):
        connection.sendall(head)
    assert re.match(rb"HTTP/1\.1 4(00|31) |\Z", rest(connection))
    assert served.get() == (200, b"hello")


def test_many_requests_at_once_are_answered_one_after_another(served):
    connection = served.call(get(b"hello") * 600 + get(b"hello", b"Connection: close\r\n"))
    assert rest(connection).count(b"HTTP/1.1 200 ") == 601


def test_who_sends_on_and_on_while_a_stream_is_open_is_stopped(served):
    connection = served.call(get(b"events"))
    connection.recv(65536)
    connection.settimeout(1)
    with contextlib.suppress(ConnectionError, TimeoutError):
        for _ in range(4096):  # 64 MB: what is not taken up stays in the kernel
            connection.sendall(b"GET /hello HTTP/1.1\r\nX: " + b"x" * MOST_HEAD)
    held = [len(each.conn._receive_buffer) for each in served.server.server.server_state.connections if
            isinstance(each, H11Protocol)]  # fmt: skip
    assert all(each < 2 * MOST_AHEAD + 256 * 1024 for each in held)
    assert served.get() == (200, b"hello")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_when_all_places_are_taken_the_one_who_waits_longest_goes(protocol):
    with Served(Patience(most=20), protocol) as served:
        stream = served.call(get(b"events"))
        until(lambda: b"first" in stream.recv(65536))
        first = served.call(b"GET ")
        until(lambda: served.connections == 2)
        others = [served.call(b"GET ") for _ in range(18)]
        until(lambda: served.connections == 20)
        assert served.get() == (200, b"hello")
        assert rest(first) == b""
        others[-1].sendall(b"/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"hello" in rest(others[-1])
        served.app.speak.set()
        assert b"second" in stream.recv(65536)


def test_where_all_are_being_served_one_more_is_turned_away():
    with Served(Patience(most=5)) as served:
        streams = [served.call(get(b"events")) for _ in range(5)]
        assert all(each.recv(65536) for each in streams)
        assert rest(served.call()) == b""
        assert served.connections == 5


def test_there_are_never_more_connections_than_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        assert affordable(Patience()).most == 768
        assert affordable(Patience(most=100)).most == 100
        resource.setrlimit(resource.RLIMIT_NOFILE, (280, hard))
        assert affordable(Patience()).most == FEWEST
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def attack(served, path, *options):
    """The real slowhttptest with 400 connections: what others had to wait meanwhile, in order, and what it reports."""
    tool = shutil.which("slowhttptest")
    if tool is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("slowhttptest is missing: apt-get install it")
    url = f"http://{served.port.address}{path}"
    command = [tool, *options, "-c", "400", "-r", "400", "-l", "4", "-p", "1", "-u", url]
    waited = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as running:
        until(lambda: served.connections > 300 or running.poll() is not None)
        assert running.poll() is None
        while running.poll() is None:
            begun = time.monotonic()
            assert served.get() == (200, b"hello")
            waited.append(time.monotonic() - begun)
        report = running.stdout.read()
    return sorted(waited), report


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/hello", ("-H", "-i", "1")),
        ("/enter", ("-B", "-i", "1", "-s", "8192")),
        ("/large", ("-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "1")),
    ],
    ids=["heads", "bodies", "readers"],
)
def test_slowhttptest_is_not_noticed_by_others(path, options):
    with Served(Patience(head=2, body=2, taking=2), app=App(256 * 1024)) as served:
        waited, report = attack(served, path, *options)
        assert len(waited) > 20
        assert waited[len(waited) // 2] < 0.2, (waited[-10:], report)
        until(lambda: served.connections == 0)
