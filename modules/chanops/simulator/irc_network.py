"""The network: who is connected, which channels there are, and who hears of what."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from chanops.simulator.irc_lines import Line, fold, one_line

PREFIXES = {"o": "@", "v": "+"}
SERVICE = "NickServ"
_CHANNEL_NAME = re.compile(r"#[^\x07 ,]{1,63}")


class RefusedError(Exception):
    """What a client asked for is not done, and why, as a numeric."""

    def __init__(self, code: str, *params: str) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params = params


@dataclass(frozen=True)
class Account:
    name: str
    password: str


@dataclass(frozen=True)
class Topic:
    text: str
    by: str
    at: int


@dataclass(eq=False)
class Client:
    """One connection, and the person it becomes when it has registered."""

    host: str
    deliver: Callable[[bytes], None]
    hang_up: Callable[[str], None]
    nick: str = ""
    user: str = ""
    realname: str = ""
    password: str = ""
    account: str | None = None
    away: str = ""
    caps: set[str] = field(default_factory=set)
    modes: set[str] = field(default_factory=set)
    channels: dict[str, "Channel"] = field(default_factory=dict)
    registered: bool = False
    negotiating: bool = False
    sasl: str | None = None  # the base64 so far; None when no exchange is open
    since: float = field(default_factory=time.time)
    spoke: float = field(default_factory=time.time)

    @property
    def prefix(self) -> str:
        return f"{self.nick or '*'}!~{self.user or '*'}@{self.host}"

    def send(self, line: Line) -> None:
        self.deliver(line.encode(self.caps))

    def does(self, body: str) -> Line:
        """The line others see of what this client does."""
        return Line(self.prefix, body, self.account)


@dataclass(eq=False)
class Channel:
    """A channel; each member has the letters of the status it was given."""

    name: str
    topic: Topic | None = None
    kept: bool = False
    members: dict[Client, set[str]] = field(default_factory=dict)
    modes: set[str] = field(default_factory=lambda: {"n", "t"})
    created: int = field(default_factory=lambda: int(time.time()))

    def marks(self, member: Client, every: bool) -> str:
        """The member's @ and +: the highest, or every one for a multi-prefix client."""
        marks = "".join(mark for letter, mark in PREFIXES.items() if letter in self.members[member])
        return marks if every else marks[:1]

    def has_op(self, who: Client) -> bool:
        return "o" in self.members.get(who, ())

    def require_member(self, who: Client) -> None:
        if who not in self.members:
            raise RefusedError("442", self.name, "You're not on that channel")

    def require_op(self, who: Client) -> None:
        self.require_member(who)
        if not self.has_op(who):
            raise RefusedError("482", self.name, "You're not channel operator")


def send_all(line: Line, receivers: Iterable[Client]) -> None:
    for receiver in receivers:
        receiver.send(line)


def peers(who: Client) -> list[Client]:
    """Everybody else who shares a channel with the client, each once."""
    near = dict.fromkeys(member for channel in who.channels.values() for member in channel.members)
    near.pop(who, None)
    return list(near)


class Network:
    """All there is to know on this server; only its own loop may touch it."""

    def __init__(self, name: str, accounts: Mapping[str, str], channels_keep: Mapping[str, str]) -> None:
        self.name = one_line(name)
        self.started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        self.nicks: dict[str, Client] = {}
        self.accounts: dict[str, Account] = {}
        self.channels: dict[str, Channel] = {}
        for account, password in accounts.items():
            if not account or " " in account or account.startswith(":"):
                raise ValueError(f"not an account's name: {account!r}")
            self.add_account(one_line(account), one_line(password))
        for channel, topic in channels_keep.items():
            self._keep(one_line(channel), one_line(topic))

    def _keep(self, name: str, topic: str) -> None:
        if not _CHANNEL_NAME.fullmatch(name):
            raise ValueError(f"not a channel name: {name!r}")
        said = Topic(topic, self.name, int(time.time())) if topic else None
        self.channels[fold(name)] = Channel(name, said, kept=True)

    def add_account(self, name: str, password: str) -> Account:
        account = self.accounts[fold(name)] = Account(name, password)
        return account

    def tell(self, who: Client, body: str) -> None:
        who.send(Line(self.name, body))

    def reply(self, who: Client, code: str, *params: str) -> None:
        *middle, last = (who.nick or "*", *params)
        # A parameter quoted from the client may hold a space or be empty, and would shift the others.
        safe = [word if word and " " not in word and word[0] != ":" else "*" for word in middle]
        self.tell(who, " ".join([code, *safe, f":{last}"]))

    def each(self, who: Client, targets: str, act: Callable[[str], None]) -> None:
        """Do it for each of a comma's list; what is refused for one is done for the others."""
        for target in dict.fromkeys(targets.split(",")):
            try:
                act(target)
            except RefusedError as refusal:
                self.reply(who, refusal.code, *refusal.params)

    def users(self) -> list[Client]:
        return [client for client in self.nicks.values() if client.registered]

    def user(self, nick: str) -> Client:
        client = self.nicks.get(fold(nick))
        if client is None or not client.registered:
            raise RefusedError("401", nick, "No such nick/channel")
        return client

    def channel(self, name: str) -> Channel:
        channel = self.channels.get(fold(name))
        if channel is None:
            raise RefusedError("403", name, "No such channel")
        return channel

    def enter(self, who: Client, name: str) -> Channel:
        """Put the client on the channel, which is made when there is none."""
        if not _CHANNEL_NAME.fullmatch(name):
            raise RefusedError("403", name, "No such channel")
        channel = self.channels.setdefault(fold(name), Channel(name))
        channel.members[who] = set() if channel.members else {"o"}
        who.channels[fold(name)] = channel
        return channel

    def leave(self, who: Client, channel: Channel) -> None:
        del channel.members[who], who.channels[fold(channel.name)]
        if not channel.members and not channel.kept:
            del self.channels[fold(channel.name)]

    def rename(self, who: Client, nick: str) -> None:
        holder = self.nicks.get(fold(nick))
        if fold(nick) == fold(SERVICE) or (holder is not None and holder is not who):
            raise RefusedError("433", nick, "Nickname is already in use")
        self.nicks.pop(fold(who.nick), None)
        self.nicks[fold(nick)] = who
        who.nick = nick

    def quit(self, who: Client, reason: str) -> None:
        """Forget the client and tell those who saw it; a second time does nothing."""
        send_all(who.does(f"QUIT :{reason}"), peers(who))
        for channel in list(who.channels.values()):
            self.leave(who, channel)
        if self.nicks.get(fold(who.nick)) is who:
            del self.nicks[fold(who.nick)]
