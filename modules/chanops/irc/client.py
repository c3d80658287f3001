"""One network: coming online, staying there, coming back; what is heard goes out as messages."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import irc.client

from chanops.core.message import Message
from chanops.core.sections import NetworkSettings
from chanops.core.text import lines_of, visible
from chanops.irc.dial import Dialled, Server, dial
from chanops.irc.link import Link
from chanops.irc.outbox import Outbox
from chanops.irc.reactor import Reactor, guarded
from chanops.irc.registration import Registration
from chanops.irc.rejoin import Rejoining
from chanops.irc.state import SETTLING, SPOKEN, State
from chanops.irc.wire import Line, outgoing, parse, split

log = logging.getLogger(__name__)
CANNOT_JOIN = {"403", "405", "407", "437", "471", "473", "474", "475", "476", "477", "489"}
BANNED = ("banned", "throttl", "too fast", "z-lined", "k-lined", "g-lined", "akill")


@dataclass(frozen=True)
class Timings:
    """How patient a connection is, in seconds."""

    ping_after: float = 30.0
    dead_after: float = 60.0
    register_within: float = 60.0
    rejoin_after: float = 10.0
    rejoin_most: float = 600.0
    steady_after: float = 60.0
    banned_wait: float = 60.0
    settling: float = SETTLING
    look: float = 1.0


class Connection(irc.client.ServerConnection):  # type: ignore[misc]  # irc ships no types
    """irc's connection, for its verbs, with everything between them and the wire replaced.

    irc's own connects in the loop without a time-out, reads strictly (one Latin-1 byte ends the process),
    sends without a queue, never misses a PONG, and stays away once it was thrown out.
    """

    def __init__(
        self,
        name: str,
        settings: NetworkSettings,
        reactor: Reactor,
        hear: Callable[[Message], None],
        timings: Timings | None = None,
    ) -> None:
        super().__init__(reactor)
        self.name, self.settings, self.hear, self.timings = name, settings, hear, timings or Timings()
        self.outbox = Outbox(settings.send_burst, settings.send_interval, lambda text: guarded(self.hear_own, text))
        self.link = Link(name, reactor, self.outbox, self.take_in, self.hang_up)
        self.rejoining = Rejoining(reactor, self.join_again, self.timings.rejoin_after, self.timings.rejoin_most)
        self.attempt = 0
        self.delay = settings.reconnect_min
        self.wait_at_least = 0.0
        self.quitting = False
        self.reset()
        reactor.connections.append(self.link)

    @property
    def connected(self) -> bool:
        """Whether there is a socket."""
        return self.link.sock is not None

    def reset(self) -> None:
        """Forget the last connection."""
        s = self.settings
        password, sasl_password = s.password.get_secret_value(), s.sasl_password.get_secret_value()
        self.registration = Registration(s.nick, s.user, s.realname, password, s.sasl_user, sasl_password)
        self.state = State(self.name, s.nick, s.channels, self.registration.caps, settling=self.timings.settling)
        self.opened_at = self.pinged_at = time.monotonic()
        self.outbox.start(self.opened_at)
        self.rejoining.forget()

    def connect(self, *_: Any) -> None:
        """Begin to connect; what comes of it comes through the loop."""
        if self.quitting:
            return
        self.attempt += 1
        attempt, s = self.attempt, self.settings
        log.info("%s: connecting to %s:%s", self.name, s.host, s.port)
        server = Server(s.host, s.port, s.tls, s.tls_ca_file)
        self.reactor.after(self.timings.register_within, lambda: self.give_up(attempt))
        dial(server, lambda result: self.reactor.call(lambda: self.dialled(attempt, result)))

    def dialled(self, attempt: int, result: Dialled) -> None:
        """A connection is there, or is not; one that comes too late is closed."""
        if result.sock is None:
            if attempt == self.attempt:
                self.lost(f"cannot connect to {self.settings.host}:{self.settings.port}: {result.problem}")
        elif attempt != self.attempt or self.quitting:
            result.sock.close()
        else:
            self.reset()
            self.link.open(result.sock)
            self.send_now(self.registration.begin())
            self.look(attempt)

    def give_up(self, attempt: int) -> None:
        """What is not online by now will not be."""
        if attempt == self.attempt and not self.registration.online:
            self.hang_up(f"not online within {self.timings.register_within:.0f} s")

    def look(self, attempt: int) -> None:
        """Now and then: is the server still there? A PING of our own is the only way to find out."""
        if attempt != self.attempt:
            return
        now, heard = time.monotonic(), self.link.heard_at
        if self.outbox.dropped:
            log.warning("%s: too much to say: %d lines left unsaid", self.name, self.outbox.dropped)
            self.outbox.dropped = 0
        if now - heard > self.timings.dead_after:
            self.hang_up(f"nothing heard for {self.timings.dead_after:.0f} s")
            return
        if now - max(heard, self.pinged_at) > self.timings.ping_after and self.registration.online:
            self.pinged_at = now
            self.send_now(["PING :still-there"])
        if now - self.opened_at > self.timings.steady_after and self.registration.online:
            self.delay = self.settings.reconnect_min
        self.reactor.after(self.timings.look, lambda: self.look(attempt))

    def hang_up(self, why: str) -> None:
        """Close this connection, and come back later."""
        self.link.close()
        self.lost(why)

    def lost(self, why: str) -> None:
        """Wait, twice as long each time and never quite the same, then connect again."""
        self.attempt += 1
        self.registration.online, self.outbox.held = False, True
        self.rejoining.forget()
        if self.quitting:
            return
        wait = max(self.delay * random.uniform(0.8, 1.2), self.wait_at_least)  # noqa: S311  no secret
        self.delay, self.wait_at_least = min(self.delay * 2, self.settings.reconnect_max), 0.0
        log.warning("%s: %s; connecting again in %.0f s", self.name, visible(why), wait)
        self.reactor.after(wait, self.connect)

    def disconnect(self, message: str = "") -> None:
        """Leave politely and for good."""
        self.quitting = True
        self.attempt += 1
        self.send_now([f"QUIT :{message}"])
        self.link.flush()
        self.link.close()
        self.rejoining.forget()

    def take_in(self, text: str) -> None:
        """Take in one line from the server."""
        line = parse(text)
        if line is None:
            return
        if line.command not in SPOKEN:
            self.serve(line)
        message = self.state.message(line, self.link.heard_at, datetime.now(UTC))
        if message is None:
            return
        if self.state.skew:
            self.say_skew()
        self.hear(message)

    def hear_own(self, text: str) -> None:
        """A line of ours goes to the server; what it does not send back would be heard by nobody here."""
        if not self.quitting:
            message = self.state.leaving(outgoing(text).decode().removesuffix("\r\n"), datetime.now(UTC))
            if message is not None:
                self.hear(message)

    def say_skew(self) -> None:
        """Clocks that differ make every line look old: that must not go unsaid."""
        if not self.state.skew_said:
            log.warning(
                "%s: the server's clock and ours differ by %.0f s, so its lines count as played back and are no "
                "commands: set this machine's clock",
                self.name,
                self.state.skew,
            )
        self.state.skew, self.state.skew_said = 0.0, True

    def serve(self, line: Line) -> None:
        """Answer what the protocol asks of us, and learn from it."""
        if line.command == "PING":
            self.send_now([f"PONG :{line.params[-1] if line.params else ''}"])
        elif line.command == "ERROR":
            self.heed_error(line.param(0))
        online = self.registration.online
        self.send_now(self.registration.hear(line))
        if self.registration.failed:
            log.error("%s: %s", self.name, visible(self.registration.failed))
            self.wait_at_least = self.timings.banned_wait
            self.hang_up("the bot stays offline until this is mended")
            return
        if line.command in CANNOT_JOIN:
            self.not_joined(line.param(1), line.trailing or line.command)
        was_in = set(self.state.joined)
        self.state.learn(line, self.link.heard_at)
        for folded in was_in - set(self.state.joined):
            if folded in self.state.names:  # what we were not told to join, we may be thrown out of for good
                self.rejoining.again(self.state.names[folded])
        if self.registration.online and not online:
            self.came_online()

    def heed_error(self, text: str) -> None:
        """ERROR: the server is about to close; where it is angry, stay away for longer."""
        log.warning("%s: the server says: %s", self.name, visible(text))
        if any(word in text.lower() for word in BANNED):
            self.wait_at_least = self.timings.banned_wait

    def came_online(self) -> None:
        """Registered: join the channels, and let out what waits."""
        self.state.nick = self.registration.nick
        self.state.rename()
        self.outbox.held = False
        log.info("%s: online as %s", self.name, self.state.nick)
        if "account-tag" not in self.registration.caps:
            log.warning("%s: the server does not show accounts (no account-tag): nobody there has a role", self.name)
        self.send_now([f"JOIN {channel}" for channel in self.settings.channels])

    def not_joined(self, channel: str, why: str) -> None:
        """A channel did not let us in."""
        folded = self.state.fold(channel)
        if folded in self.state.names and folded not in self.state.joined:
            log.warning("%s: cannot join %s: %s; trying again later", self.name, channel, visible(why))
            self.rejoining.again(self.state.names[folded])

    def join_again(self, channel: str) -> None:
        if self.registration.online and self.state.fold(channel) not in self.state.joined:
            self.send_now([f"JOIN {channel}"])

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Say something, from any thread; long lines are split so that nothing is lost when they are relayed."""
        before, behind = ("\x01ACTION ", "\x01") if action else ("", "")
        room = self.state.room(target) - len(before + behind)
        for each in lines_of(text):
            for piece in split(each, room):
                self.outbox.put(f"PRIVMSG {target} :{before}{piece}{behind}")
        self.reactor.wake()

    def is_in(self, channel: str) -> bool:
        """Whether we are in a channel now."""
        return self.connected and self.registration.online and self.state.fold(channel) in self.state.joined

    def has(self, channel: str, nick: str) -> bool:
        """Whether somebody is in a channel with us now."""
        name = self.state.names.get(self.state.fold(channel), "")
        return self.is_in(channel) and self.state.members.has(name, nick)

    def send_raw(self, string: str) -> None:
        """What irc's verbs (join, part, topic …) send; from any thread, and it waits its turn."""
        self.outbox.put(string)
        self.reactor.wake()

    def send_now(self, lines: list[str]) -> None:
        """Send before anything that waits; only in the loop's thread."""
        self.outbox.urgent.extend(lines)
