"""A simulated cloud, providers that speak to it over real HTTP, and a server that answers whatever it is told."""

import gc
import json
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from chanops.core.machine_sections import ProviderSettings
from chanops.core.settings import Secret
from chanops.providers import open_provider
from chanops.providers.digitalocean import connections, transport
from chanops.simulator import do_http
from chanops.simulator.digitalocean import CloudServer, Delays, Fault, Limits

TOKEN = "demo-token"
PLENTY = Limits(minute=100_000, hour=1_000_000)


@pytest.fixture(scope="module", autouse=True)
def closed():
    """Nothing is left open: that would be a warning, and those are errors."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """All waits are short, and the environment has no say."""
    monkeypatch.setattr(transport, "PAUSE", 0.005)
    monkeypatch.setattr(transport, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(transport, "AFTER_429", 0.02)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def hasty(monkeypatch):
    """Time-outs that a test can wait for."""
    monkeypatch.setattr(connections, "TIMEOUTS", (2.0, 0.12))
    monkeypatch.setattr(connections, "MOST_SECONDS", 0.3)


@pytest.fixture
def cloud(monkeypatch):
    monkeypatch.setattr(do_http, "_POLL_SECONDS", 0.005)  # how soon it sees that it is to stop
    with CloudServer(delays=Delays.quick(), seed=7, limits=PLENTY) as cloud:
        yield cloud


@pytest.fixture
def opened():
    """Open a provider at an endpoint."""

    def opened(endpoint, name="do", token=TOKEN, may_act=lambda: None, per_minute=100_000):
        settings = ProviderSettings(
            kind="digitalocean", token=Secret(token), endpoint=endpoint.rstrip("/"), per_minute=per_minute
        )
        return open_provider(name, settings, may_act)

    return opened


@pytest.fixture
def provider(cloud, opened):
    return opened(cloud.url)


@pytest.fixture
def fault(cloud):
    def fault(kind, **values):
        cloud.world.faults.add(Fault(kind, **values))

    return fault


@pytest.fixture
def asked(cloud):
    """All requests with their bodies, as they arrive; `asked.before` is called with each before it is answered."""

    class Asked(list):
        before = staticmethod(lambda request: None)

        def bodies(self, method):
            return [json.loads(each.body) for each in self if each.method == method]

    found, serve = Asked(), cloud._service.serve

    def tap(request):
        found.append(request)
        found.before(request)
        return serve(request)

    cloud._service.serve = tap
    return found


def reply(status=200, body=b"{}", **headers):
    """The bytes of an answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + data


class Raw:
    """Answers every request with `answer`: bytes, or a function of the connection and the request."""

    def __init__(self, context=None):
        self.answer, self.context = reply(), context
        self.requests, self.connections = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if context else 'http'}://{self.host}/v2"
        self.open = set()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        threads = []
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                break
            self.connections += 1
            self.open.add(connection)
            threads.append(threading.Thread(target=self.serve, args=(connection,)))
            threads[-1].start()
        for each in threads:
            each.join()

    def serve(self, plain):
        connection = plain
        with suppress(OSError, ValueError):
            if self.context:
                connection = self.context.wrap_socket(plain, server_side=True)
                self.open.add(connection)
            with connection.makefile("rb") as file:
                while request := self.read(file):
                    self.requests.append(request)
                    answer = self.answer(connection, request) if callable(self.answer) else self.answer
                    if answer is None:
                        break
                    connection.sendall(answer)
        connection.close()
        plain.close()

    @staticmethod
    def read(file):
        head = b""
        while (line := file.readline()) not in (b"", b"\r\n"):
            head += line
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        return head and head + b"\r\n" + file.read(length)

    def stop(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in list(self.open):
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        self.thread.join()


@contextmanager
def raw_server(context=None):
    server = Raw(context)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def raw():
    with raw_server() as server:
        yield server


@pytest.fixture
def other():
    """A server that nobody should ever ask."""
    with raw_server() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    made = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    try:
        subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no openssl")
    return folder


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    with raw_server(context) as server:
        yield server


def until(condition, within=5.0):
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


DROPLET = {"id": 5, "name": "web", "status": "active", "networks": {}, "size": {"price_hourly": 0.01}}
