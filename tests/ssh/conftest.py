"""For the tests of SSH: engines which trust the real servers of sshd.py, and what a command gave them."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sshd import TYPES, Keys, Sshd

from chanops.core.public_keys import public_key
from chanops.ssh.base import Limits, Login, Outcome
from chanops.ssh.engine import Engine
from chanops.ssh.keys import identities
from chanops.ssh.known import KnownHosts

NAME = "hosts/web"
CONNECT, TIMEOUT = 5.0, 20.0
KEPT = 40_000_000  # bytes; what floods is not kept


@dataclass
class Ran:
    """What a command wrote, and how it ended."""

    out: bytes = b""
    err: bytes = b""
    outcome: Outcome | None = None
    pieces: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def end(self):
        return self.outcome.end

    @property
    def status(self):
        return self.outcome.status


def run(engine, login, command, *, timeout=TIMEOUT, on_output=None, **options) -> Ran:
    """Run a command to its end; on_output is called, in its thread, with each piece of what comes."""
    ran, left = Ran(), KEPT

    def sink(stream, data):
        nonlocal left
        assert stream in (1, 2)
        assert type(data) is bytes
        assert data
        left -= len(data)
        if left > 0:
            ran.pieces.append((stream, data))
        if on_output:
            on_output(data)

    try:
        ran.outcome = engine.run(login, command, sink, timeout=timeout, **options)
    finally:
        ran.out, ran.err = (b"".join(data for stream, data in ran.pieces if stream == wanted) for wanted in (1, 2))
    return ran


def login_to(server, name: str = NAME, **more) -> Login:
    """Into a server, or a host that is none, or through a cable; as who runs the tests."""
    return Login(server.address, server.port, more.pop("user", Sshd.user), (name,), **more)


def at_once(count: int, do: Callable[[int], object]) -> list:
    """The results, or errors, of do(0), do(1) …, all of them at the same time."""
    gate = threading.Barrier(count)

    def one(number):
        gate.wait(30)
        try:
            return do(number)
        except Exception as error:  # noqa: BLE001  the test judges it
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def trusting(path: Path, keys: Keys) -> KnownHosts:
    """The host keys of all servers of sshd.py, by the one name NAME."""
    made = KnownHosts(path)
    made.pin(NAME, [public_key(keys.public(f"host_{kind}")) for kind in TYPES])
    return made


def engine_with(known: KnownHosts, key_file: Path, **limits: float) -> Engine:
    """An engine which logs in with one key; to be closed."""
    mine = identities(key_file, "", False)
    return Engine(known, lambda: mine, Limits(**{"connect": CONNECT, **limits}))


@pytest.fixture
def known(tmp_path: Path, ssh_keys: Keys) -> KnownHosts:
    return trusting(tmp_path / "known_hosts", ssh_keys)


@pytest.fixture
def make_engine(known: KnownHosts, ssh_keys: Keys) -> Iterator[Callable[..., Engine]]:
    """Call it, with limits, or the name of another key to log in with, for an engine of its own."""
    with contextlib.ExitStack() as stack:

        def make(key: str = "login", **limits: float) -> Engine:
            engine = engine_with(known, ssh_keys.private(key), **limits)
            stack.callback(engine.close)
            return engine

        yield make


@pytest.fixture
def engine(make_engine) -> Engine:
    """An engine of its own, with nothing connected."""
    return make_engine()


@pytest.fixture
def host(sshd: Sshd) -> Login:
    """A server that is well; shared by all tests."""
    return login_to(sshd)
