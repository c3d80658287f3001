"""The engine: paramiko's public interface, over our own sockets, with every deadline kept."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey
from chanops.ssh.base import (
    FLOOD,
    LONGEST_COMMAND,
    End,
    Files,
    Halt,
    Known,
    Limits,
    Login,
    Outcome,
    Sink,
    go_on,
    nothing,
)
from chanops.ssh.connect import shake_hands
from chanops.ssh.ending import Mark, is_marked
from chanops.ssh.exchange import Exchange
from chanops.ssh.files import RemoteFiles
from chanops.ssh.keys import Identities, identities, new_host_key
from chanops.ssh.pool import Pool
from chanops.ssh.wire import dial


class Engine:
    """Runs commands on hosts, over connections that are kept. Fulfils base.Shell."""

    def __init__(self, known: Known, keys: Callable[[], Identities], limits: Limits) -> None:
        self.limits, self.known = limits, known
        self.pool = Pool(known, keys, limits)

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
        """Run a command, as Shell says."""
        text = command.encode()
        if b"\0" in text:
            raise Problem("a command has no NUL in it: nothing after it would arrive")
        if len(text) > LONGEST_COMMAND:
            raise Problem(
                f"that is {len(text):,} bytes, and a command has at most {LONGEST_COMMAND:,}: put it in a script"
            )
        until = time.monotonic() + timeout
        with self.pool.session(login, until, halt) as (connection, channel):
            transport = connection.transport
            mark = Mark(sudo) if is_marked(transport.remote_version) else None
            aside = partial(self.aside, login)
            exchange = Exchange(transport, channel, sink, self.pool.watchdog, until, halt, flood, stdin, mark, aside)
            outcome = exchange.run(text, sent)
            if outcome.end is End.LOST:
                self.pool.retire(connection)
            return outcome

    def aside(self, login: Login, command: str, begin: float, seconds: float) -> bool:
        """Run a short command beside another; whether it came to its end, and well. Raises SshError.

        A host that is silent is given up where it is not begun within the first time.
        """
        now = time.monotonic()
        with self.pool.session(login, now + begin, go_on) as (connection, channel):
            ended = Exchange(connection.transport, channel, ignored, self.pool.watchdog, now + seconds).run(
                command.encode()
            )
            return ended.end is End.EXITED and ended.status == 0

    @contextlib.contextmanager
    def files(self, login: Login, *, timeout: float, halt: Callable[[], Halt] = go_on) -> Iterator[Files]:
        """The files of a host."""
        until = time.monotonic() + timeout
        with (
            self.pool.session(login, until, halt) as (connection, channel),
            self.pool.watchdog.over(
                until, lambda guard: channel.event.set(), halt, connection.transport.hang_up
            ) as guard,
        ):
            yield RemoteFiles(login, channel, guard)

    def host_key(self, login: Login, timeout: float) -> PublicKey:
        """The key that a host shows."""
        return self.shown(login, timeout, check=False)

    def answers(self, login: Login, timeout: float) -> PublicKey:
        """The key that a host shows, if it is the known one."""
        return self.shown(login, timeout, check=True)

    def shown(self, login: Login, timeout: float, check: bool) -> PublicKey:
        until = time.monotonic() + timeout
        with contextlib.ExitStack() as opened:
            opening: Callable[[float], object] = partial(dial, login)
            if login.jump is not None:
                through = self.pool.take(login.jump, until, go_on)
                opened.callback(self.pool.give_back, through)
                tunnel = through.transport
                opening = lambda _: self.pool.tunnel(tunnel, login, until)  # noqa: E731
            transport = shake_hands(login, opening, self.known, self.pool.watchdog, until, check=check)
            opened.callback(transport.close)
            return transport.shown_key

    def own_keys(self) -> list[PublicKey]:
        """The keys that we log in with."""
        return [PublicKey(each.get_name(), each.asbytes()) for each in self.pool.identities().signers()]

    def new_host_key(self) -> tuple[str, PublicKey]:
        """A new key for a machine."""
        return new_host_key()

    def close(self, at_once: bool = True) -> None:
        """Close all connections; or each once nobody uses it any more."""
        self.pool.close(at_once)


def ignored(stream: int, data: bytes) -> None:
    """Nobody wants to know."""


def open_engine(
    known: Known, key_file: Path | None, passphrase: Callable[[], str], agent: bool, limits: Limits
) -> Engine:
    """An engine with the keys of the configuration, which are read when they are first needed."""
    kept: list[Identities] = []
    lock = threading.Lock()

    def keys() -> Identities:
        with lock:
            if not kept:
                kept.append(identities(key_file, passphrase(), agent))
            return kept[0]

    return Engine(known, keys, limits)
