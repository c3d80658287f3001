"""One command on one session: what it writes, how it ends, and how it is ended."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from paramiko import SSHException
from paramiko.channel import Channel

from chanops.ssh.base import FLOOD, STDERR, STDOUT, End, Halt, Halted, Left, Outcome, Sink, SshError, go_on, nothing
from chanops.ssh.ending import Mark
from chanops.ssh.transport import News, Transport
from chanops.ssh.watchdog import Guard, Watchdog

PIECE = 65536
SILENT = 0.4  # seconds in which a host opens the session that ends it, else it answers nobody
ASIDE = 3.0  # seconds for the session that ends it: over half a second, and some round trips
QUIET = 0.5  # seconds without output after the exit, while something it left behind holds the output open
GRACE, KILLED = 0.75, 0.2  # seconds until its process group is ended there, and until we have heard of that
AFTER_EXIT = 2.0  # seconds for the exit status after the end of output
HALF_OVER = 0.1  # seconds between two looks, then


def not_aside(command: str, begin: float, seconds: float) -> bool:
    """There is no second session."""
    return False


@dataclass
class Exchange:
    """A command that is being run. Used once."""

    transport: Transport
    channel: Channel
    sink: Sink
    watchdog: Watchdog
    until: float
    halt: Callable[[], Halt] = go_on
    flood: int = FLOOD
    stdin: bytes = b""
    mark: Mark | None = None
    aside: Callable[[str, float, float], bool] = not_aside
    news: News = field(default_factory=News)
    written: int = 0
    given: int = 0  # bytes of stdin
    began: float = 0.0

    def run(self, command: bytes, sent: Callable[[], None] = nothing) -> Outcome:
        """Send the command, and see it through."""
        self.transport.watch(self.channel, self.news)
        self.began = time.monotonic()
        told = self.halt()
        if told is not Halt.GO:
            raise Left("the bot leaves") if told is Halt.LEAVE else Halted("not begun")
        # A host that takes nothing any more holds up whoever sends: then the whole connection is of no use.
        with self.watchdog.over(self.until, self.bark, self.halt, self.transport.hang_up) as guard:
            sent()
            try:
                self.channel.exec_command(command if self.mark is None else self.mark.before(command))
            except (SSHException, EOFError, OSError):
                return self.lost(guard)
            if not self.stdin:
                self.transport.end_input(self.channel)
            ended = self.follow(guard)
        if self.mark is not None:
            self.tell(STDOUT, self.mark.rest())
        if ended is not None:
            return self.outcome(ended)
        if guard.halted is Halt.LEAVE:
            raise Left("the bot left while it ran")
        why = End.TIMED_OUT if guard.late else End.CANCELLED if guard.halted is Halt.END else End.FLOODED
        return self.outcome(why if self.kill() else End.LOST)

    def bark(self, guard: Guard) -> None:
        """It must end: whoever waits for the host wakes up."""
        self.channel.event.set()  # where the host has not even said that it runs the command
        self.news.set()

    def lost(self, guard: Guard) -> Outcome:
        """The host never said that it runs the command, and nobody knows whether it does."""
        if guard.halted is Halt.LEAVE:
            raise Left("the bot left while it was begun")
        return self.outcome(End.LOST)

    def follow(self, guard: Guard) -> End | None:
        """Until it ends by itself; None where it must be ended."""
        self.news.set()  # a host may take input before it is told of any
        since: float | None = None  # when only one half of its end was there: its exit, or the end of its output
        while True:
            self.news.wait(None if since is None else HALF_OVER)
            self.news.reset()
            channel = self.channel  # before the last look at its output, so that nothing is missed that came first
            closed, eof, status = channel.closed, bool(channel.eof_received), channel.status_event.is_set()
            some = self.drain()
            if guard.late or guard.halted is not Halt.GO or self.written > self.flood:
                return None
            self.feed()
            if some:
                self.news.set()  # there may be more
                since = None
            elif closed or (eof and status):
                return self.ended()
            elif eof or status:
                since = since or time.monotonic()
                if time.monotonic() - since > (QUIET if status else AFTER_EXIT):
                    return self.ended()

    def drain(self) -> bool:
        """Take some of what has come, of both streams, which share the host's patience; whether there was any."""
        some = False
        for stream, ready, take in (
            (STDOUT, self.channel.recv_ready, self.channel.recv),
            (STDERR, self.channel.recv_stderr_ready, self.channel.recv_stderr),
        ):
            if self.written <= self.flood and ready():
                data = take(PIECE)
                some = True
                if stream == STDOUT and self.mark is not None:
                    data = self.mark.without(data)
                self.tell(stream, data)
        return some

    def tell(self, stream: int, data: bytes) -> None:
        """Some output."""
        if data:
            self.written += len(data)
            self.sink(stream, data)

    def feed(self) -> None:
        """Give it of its input as much as it takes."""
        while self.given < len(self.stdin) and self.channel.send_ready():
            sent = self.transport.give(self.channel, self.stdin[self.given : self.given + PIECE // 2])
            self.given = self.given + sent if sent >= 0 else len(self.stdin)
        if self.stdin and self.given >= len(self.stdin):
            self.stdin = b""
            self.transport.end_input(self.channel)

    def ended(self) -> End:
        """How it ended by itself. Without a word about that, nobody knows."""
        if self.transport.signals.get(self.channel.chanid):
            return End.SIGNALLED
        return End.EXITED if self.channel.exit_status >= 0 else End.LOST

    def kill(self) -> bool:
        """End its process group at the other end; whether that is known to be done."""
        stuck = time.monotonic() + ASIDE + KILLED + 1.0  # only sending can be: then the connection is dead
        with self.watchdog.over(stuck, lambda guard: self.transport.hang_up()):
            try:
                if self.mark is not None:
                    return bool(self.mark.ending) and self.aside(self.mark.ending, SILENT, ASIDE) and self.gone(KILLED)
                self.transport.signal(self.channel, "TERM")
                if not self.gone(GRACE - KILLED):
                    self.transport.signal(self.channel, "KILL")
                return self.gone(KILLED)
            except (SSHException, EOFError, OSError, SshError):
                return False

    def gone(self, grace: float) -> bool:
        """Whether it has ended within so many seconds; what it still writes is taken, and not kept."""
        over = time.monotonic() + grace
        while (left := over - time.monotonic()) > 0:
            if self.channel.status_event.is_set() or self.transport.signals.get(self.channel.chanid):
                return not (self.channel.exit_status < 0 and not self.transport.signals.get(self.channel.chanid))
            self.news.wait(min(left, 0.1))
            self.news.reset()
            for ready, take in (
                (self.channel.recv_ready, self.channel.recv),
                (self.channel.recv_stderr_ready, self.channel.recv_stderr),
            ):
                if ready():
                    take(PIECE)
        return False

    def outcome(self, end: End) -> Outcome:
        """What is told of it."""
        status = self.channel.exit_status if end is End.EXITED else None
        signal = self.transport.signals.get(self.channel.chanid, "") if end is End.SIGNALLED else ""
        return Outcome(end, status, signal, time.monotonic() - self.began, self.written)
