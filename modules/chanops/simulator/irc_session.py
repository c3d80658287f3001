"""One connection: its bytes become commands, and its silences and full buffers its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from chanops.simulator import irc_channels, irc_login, irc_people, irc_talk
from chanops.simulator.irc_lines import Line, LineCutter, Message, parse
from chanops.simulator.irc_network import Client, Network, RefusedError

READ_AT_ONCE = 8192
SEND_QUEUE = 1024 * 1024
MOST_CLIENTS = 200
LINGER_SECONDS = 1.0


@dataclass(frozen=True)
class Command:
    """What a command does, the fewest parameters it needs, and whether strangers may use it."""

    run: Callable[[Network, Client, Message], None]
    needs: int = 0
    early: bool = False


COMMANDS = {
    "AUTHENTICATE": Command(irc_login.authenticate, 1, early=True),
    "AWAY": Command(irc_talk.away),
    "CAP": Command(irc_login.cap, 1, early=True),
    "INVITE": Command(irc_channels.invite, 2),
    "ISON": Command(irc_people.ison, 1),
    "JOIN": Command(irc_channels.join, 1),
    "KICK": Command(irc_channels.kick, 2),
    "LIST": Command(irc_channels.list_channels),
    "LUSERS": Command(irc_people.lusers),
    "MODE": Command(irc_channels.mode, 1),
    "MOTD": Command(irc_people.motd),
    "NAMES": Command(irc_channels.names),
    "NICK": Command(irc_people.nick, early=True),
    "NOTICE": Command(irc_talk.notice),
    "PART": Command(irc_channels.part, 1),
    "PASS": Command(irc_people.password, 1, early=True),
    "PING": Command(irc_people.ping, 1, early=True),
    "PONG": Command(irc_people.pong, early=True),
    "PRIVMSG": Command(irc_talk.privmsg),
    "QUIT": Command(irc_people.leave, early=True),
    "TAGMSG": Command(irc_talk.tagmsg, 1),
    "TOPIC": Command(irc_channels.topic, 1),
    "USER": Command(irc_people.user, 4, early=True),
    "USERHOST": Command(irc_people.userhost, 1),
    "WHO": Command(irc_people.who_is_there),
    "WHOIS": Command(irc_people.whois, 1),
    "WHOWAS": Command(irc_people.whowas, 1),
}


def obey(net: Network, who: Client, message: Message) -> None:
    """Do what the message asks, or answer why it is not done."""
    try:
        _allowed(who, message).run(net, who, message)
    except RefusedError as refusal:
        net.reply(who, refusal.code, *refusal.params)
    irc_people.register_if_ready(net, who)


def _allowed(who: Client, message: Message) -> Command:
    command = COMMANDS.get(message.command)
    if not who.registered and (command is None or not command.early):
        raise RefusedError("451", "You have not registered")
    if command is None:
        raise RefusedError("421", message.command, "Unknown command")
    if len(message.params) < command.needs:
        raise RefusedError("461", message.command, "Not enough parameters")
    return command


# Buffered, so that a turn of the loop takes a few KB from each client and none keeps the others waiting.
class Session(asyncio.BufferedProtocol):
    """A client's connection to the network."""

    def __init__(self, net: Network, sessions: set["Session"], ping_seconds: float) -> None:
        self._net = net
        self._sessions = sessions
        self._ping_seconds = ping_seconds
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(READ_AT_ONCE)
        self._cutter = LineCutter()
        self._heard = self._loop.time()
        self._reason = "Connection closed"
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # A host that begins with a colon would read as a trailing parameter.
        host = str(transport.get_extra_info("peername", ("unknown",))[0])
        self._client = Client(f"0{host}" if host.startswith(":") else host, self._write, self.hang_up)
        self._sessions.add(self)
        self._watch = self._loop.call_later(self._ping_seconds, self._ask_if_there)
        if len(self._sessions) > MOST_CLIENTS:
            self.hang_up("Too many connections")

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard = self._loop.time()
        for line in self._cutter.feed(bytes(self._buffer[:nbytes])):
            if self._transport.is_closing():
                return
            self._take(line)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        self._sessions.discard(self)
        self._net.quit(self._client, self._reason)
        self.closed.set_result(None)

    def hang_up(self, reason: str) -> None:
        """Say why and close; what the client does not read in time is lost."""
        if self._transport.is_closing():
            return
        self._reason = reason
        self._client.send(Line("", f"ERROR :Closing link: {self._client.host} ({reason})"))
        self._transport.close()
        self._net.quit(self._client, reason)
        self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def abort(self) -> None:
        self._transport.abort()

    def _take(self, line: bytes | None) -> None:
        message = parse(line) if line is not None else None
        if line is None:
            self._net.reply(self._client, "417", "Input line was too long")
        elif message is not None:
            obey(self._net, self._client, message)

    def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > SEND_QUEUE:
            # The network hears of it in connection_lost: to tell it here, amid a line being sent to
            # many, would change the list of those many.
            self._reason = "SendQ exceeded"
            self._transport.abort()

    def _ask_if_there(self) -> None:
        quiet = self._loop.time() - self._heard
        if quiet >= 2 * self._ping_seconds:
            self.hang_up(f"Ping timeout: {round(quiet)} seconds")
            return
        if quiet >= self._ping_seconds:
            self._client.send(Line("", f"PING :{self._net.name}"))
            quiet = 0
        self._watch = self._loop.call_later(self._ping_seconds - quiet, self._ask_if_there)
