"""The connections that are kept: each for one user at one host, several sessions in each."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from paramiko import ChannelException, SSHException
from paramiko.channel import Channel

from chanops.core.public_keys import PublicKey
from chanops.ssh.base import Halt, Halted, Known, Left, Limits, Login, NoAnswer, TurnedAway, go_on
from chanops.ssh.connect import log_in, shake_hands
from chanops.ssh.keys import Identities
from chanops.ssh.transport import Transport, shut
from chanops.ssh.watchdog import Watchdog
from chanops.ssh.wire import dial

STALE = 15.0  # seconds after which a connection that was idle is asked whether it is still there
PROBE = 2.0  # seconds for the answer
AGAIN = 0.02  # seconds until a session is asked for again where there was none
JITTER = (0.1, 0.4)  # seconds until a host that turned us away, as sshd does by chance when many come, is asked again
SOURCE = ("127.0.0.1", 0)  # what a jump host is told of whence we come


@dataclass(eq=False)
class Connection:
    """One connection, logged in."""

    login: Login
    transport: Transport
    key: PublicKey
    most: int
    used: int = 0
    reused: bool = False
    idle_since: float = field(default_factory=time.monotonic)
    through: "Connection | None" = None

    @property
    def alive(self) -> bool:
        """Whether nothing is known of its end."""
        return bool(self.transport.is_active())


class Pool:
    """Hands out sessions; opens connections where there are too few, closes those that nobody uses."""

    def __init__(self, known: Known, identities: Callable[[], Identities], limits: Limits) -> None:
        self.known, self.identities, self.limits = known, identities, limits
        self.change = threading.Condition()
        self.kept: dict[Login, list[Connection]] = {}
        self.coming: Counter[Login] = Counter()  # connections that are being made
        self.waiting: Counter[Login] = Counter()  # for one of those
        self.at: Counter[tuple[str, int]] = Counter()  # connections that are being made to an address
        self.watchdog = Watchdog(self.tidy)
        self.closed = False

    @contextlib.contextmanager
    def session(self, login: Login, until: float, halt: Callable[[], Halt]) -> Iterator[tuple[Connection, Channel]]:
        """A session at a host; nothing has been asked of it yet. Raises SshError."""
        until = min(until, time.monotonic() + self.limits.connect)
        while True:
            connection = self.take(login, until, halt)
            try:
                channel = self.open(connection, until)
                if channel is None:
                    continue
                try:
                    yield connection, channel
                finally:
                    connection.transport.forget(channel)
                    shut(channel)
                return
            finally:
                self.give_back(connection)

    def open(self, connection: Connection, until: float) -> Channel | None:
        """A session of a connection; None where it has none to give, or is dead: then another is taken."""
        transport, left = connection.transport, until - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"no answer from {connection.login.place}: it gives no session in time")
        try:
            # What was fine a moment ago may have been cut since: that is found out soon, and nothing was asked yet.
            return transport.open_session(timeout=min(left, PROBE) if connection.reused else left)
        except ChannelException:
            with self.change:  # the host allows fewer than we thought, or has not seen the last one's end yet
                if connection.used <= 1 and not connection.reused:
                    raise NoAnswer(f"{connection.login.name} gives nobody a session: see MaxSessions there") from None
                connection.most = max(1, connection.used - 1)
            threading.Event().wait(AGAIN)
        except (SSHException, EOFError, OSError):
            self.retire(connection)
        return None

    def take(self, login: Login, until: float, halt: Callable[[], Halt]) -> Connection:
        """A connection with room for one session more, which is ours until it is given back."""
        place = (login.address, login.port)
        while True:
            with self.change:
                found = self.with_room(login)
                if found is None:
                    promised = self.coming[login] * self.limits.sessions > self.waiting[login]
                    if promised or self.at[place] >= self.limits.at_once:
                        self.wait(login, until, halt)
                        continue
                    self.coming[login] += 1
                    self.at[place] += 1
                else:
                    found.used += 1
                    found.reused = True
            if found is None:
                return self.make(login, until, halt)
            try:
                fresh = found.used > 1 or time.monotonic() - found.idle_since < STALE
                if self.still_known(found) and (fresh or self.answers(found, until)):
                    return found
                self.retire(found)
            except BaseException:
                self.give_back(found)
                raise
            self.give_back(found)

    def still_known(self, connection: Connection) -> bool:
        """Whether the host's key is still the known one: a kept connection is no way round that."""
        shown = connection.key
        known = self.known.keys(connection.login.names).get(shown.type, frozenset())
        mine = shown.blob in known and not self.known.revoked(shown.blob)
        return mine and (connection.through is None or self.still_known(connection.through))

    def with_room(self, login: Login) -> Connection | None:
        """A connection that has room, under the lock."""
        if self.closed:
            raise Left("the bot leaves")
        return next((each for each in self.kept.get(login, ()) if each.alive and each.used < each.most), None)

    def wait(self, login: Login, until: float, halt: Callable[[], Halt]) -> None:
        """Wait for a change, under the lock."""
        left = until - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"no answer from {login.place} in time: too many wait for it")
        told = halt()
        if told is not Halt.GO:
            raise Left("the bot leaves") if told is Halt.LEAVE else Halted("not begun")
        self.waiting[login] += 1
        try:
            self.change.wait(min(left, 0.5))
        finally:
            self.waiting[login] -= 1

    def make(self, login: Login, until: float, halt: Callable[[], Halt]) -> Connection:
        """A new connection, with one session of it taken."""
        try:
            try:
                made = self.connect(login, until, halt)
            except TurnedAway:
                # sshd turns some away by chance where many come at once (MaxStartups): once more, a little later.
                pause = random.uniform(*JITTER)  # noqa: S311  no secret
                if time.monotonic() + pause > until:
                    raise
                threading.Event().wait(pause)
                made = self.connect(login, until, halt)
            with self.change:
                if self.closed:
                    made.transport.close()
                    raise Left("the bot leaves")
                self.kept.setdefault(login, []).append(made)
                made.used = 1
            return made
        finally:
            with self.change:
                self.coming[login] -= 1
                self.at[login.address, login.port] -= 1
                self.change.notify_all()

    def connect(self, login: Login, until: float, halt: Callable[[], Halt]) -> Connection:
        """Connect, directly or through a jump host, and log in."""
        with contextlib.ExitStack() as opened:
            if login.jump is None:
                open_socket: Callable[[float], object] = lambda seconds: dial(login, seconds)  # noqa: E731
                through = None
            else:
                through = self.take(login.jump, until, go_on)
                opened.callback(self.give_back, through)
                jump = through.transport
                open_socket = lambda seconds: self.tunnel(jump, login, until)  # noqa: E731
            transport = shake_hands(login, open_socket, self.known, self.watchdog, until, halt)
            opened.callback(transport.close)
            log_in(transport, login, self.identities().signers(), self.watchdog, until, halt)
            opened.pop_all()
        return Connection(login, transport, transport.shown_key, self.limits.sessions, through=through)

    def tunnel(self, jump: Transport, login: Login, until: float) -> Channel:
        """A way to a host through another."""
        left = max(0.1, until - time.monotonic())
        try:
            return jump.open_channel("direct-tcpip", (login.address, login.port), SOURCE, timeout=left)
        except (SSHException, EOFError, OSError):
            via = login.jump.name if login.jump else "?"
            raise NoAnswer(f"no answer from {login.place} through {via}") from None

    def answers(self, connection: Connection, until: float) -> bool:
        """Whether a connection that was idle is still there."""
        transport = connection.transport
        until = min(until, time.monotonic() + PROBE)
        with (
            self.watchdog.over(until, lambda guard: transport.hang_up()) as guard,
            contextlib.suppress(SSHException, EOFError, OSError),
        ):
            transport.global_request("keepalive@openssh.com", wait=True)
        if guard.late or not connection.alive:
            transport.close()
            return False
        return True

    def give_back(self, connection: Connection) -> None:
        """One session of it is over."""
        with self.change:
            connection.used -= 1
            connection.idle_since = time.monotonic()
            kept = connection in self.kept.get(connection.login, ())
            over = not connection.used and not (kept and connection.alive)
            if not connection.alive:
                self.drop(connection)
            self.change.notify_all()
        if over:
            self.end(connection)
        self.watchdog.wake()

    def retire(self, connection: Connection) -> None:
        """Nobody else gets a session of it; those who have one keep it."""
        with self.change:
            self.drop(connection)

    def drop(self, connection: Connection) -> list[Connection]:
        """Take a connection out, under the lock; it is to be ended without."""
        mine = self.kept.get(connection.login, [])
        if connection not in mine:
            return []
        mine.remove(connection)
        if not mine:
            del self.kept[connection.login]
        return [connection]

    def end(self, connection: Connection) -> None:
        """Close it."""
        connection.transport.close()
        if connection.through is not None:
            self.give_back(connection.through)

    def tidy(self) -> bool:
        """Close what was idle for too long, or is dead; whether anything is left to look after."""
        now = time.monotonic()
        with self.change:
            idle = [
                each
                for connections in self.kept.values()
                for each in connections
                if not each.used and (now - each.idle_since > self.limits.idle or not each.alive)
            ]
            dropped = [each for connection in idle for each in self.drop(connection)]
            left = bool(self.kept)
        for each in dropped:
            self.end(each)
        return left

    def close(self, at_once: bool = True) -> None:
        """Close all; or each once nobody uses it any more."""
        with self.change:
            self.closed = at_once  # else whoever has it in hands goes on, and nothing is kept after that
            self.limits = replace(self.limits, idle=0.0)
            kept = [each for connections in self.kept.values() for each in connections]
            self.kept.clear()
            self.change.notify_all()
        mine = [each for each in kept if at_once or not each.used]
        for each in mine if at_once else ():
            each.transport.hang_up()
        for each in mine:
            self.end(each)
        if at_once:
            self.watchdog.stop()
