"""The two objects that phenny's functions are called with, and the bot behind the first."""

import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

from chanops.core.message import Message
from chanops.core.sections import NetworkSettings

log = logging.getLogger(__name__)
REPEATS, REMEMBERED = 5, 8


class Wire(Protocol):
    """How the old bot speaks on its network."""

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Say a text."""

    def send_raw(self, string: str) -> None:
        """Send a line of the protocol."""


class Input(str):
    """What was said: a str with attributes. `admin` and `owner` come from roles, so from the account."""

    sender: str | None
    nick: str
    event: str
    bytes: str
    match: re.Match[str]
    group: Callable[..., Any]
    groups: Callable[..., Any]
    args: tuple[str, ...]
    admin: bool
    owner: bool

    @staticmethod
    def of(said: Message, match: re.Match[str], roles: frozenset[str]) -> "Input":
        """The object for one message and the pattern that matched it."""
        made = Input(said.raw)
        to_us = said.command in ("PRIVMSG", "NOTICE", "MODE") or said.command.isdigit()
        if said.command == "INVITE" or (to_us and not said.channel):
            made.sender = said.nick
        else:
            made.sender = said.channel or next(iter(said.params), None)
        made.nick, made.event, made.bytes = said.nick, said.command, said.raw
        made.match, made.group, made.groups = match, match.group, match.groups
        made.args = said.params
        made.owner = "owner" in roles
        made.admin = made.owner or "admin" in roles
        return made


class Proto:
    """phenny.proto: the protocol's verbs."""

    def __init__(self, bot: "Bot") -> None:
        self.bot = bot

    def join(self, channels: Any, keys: Any = None) -> None:
        """JOIN one channel or several."""
        self.bot.write(("JOIN", listed(channels), *([listed(keys)] if keys else [])))

    def part(self, channels: Any, message: str | None = None) -> None:
        """PART from one channel or several."""
        self.bot.write(("PART", listed(channels)), message)

    def privmsg(self, target: str, text: str) -> None:
        """PRIVMSG."""
        self.bot.msg(target, text)

    def notice(self, target: str, text: str) -> None:
        """NOTICE."""
        self.bot.write(("NOTICE", target), text)

    def __getattr__(self, verb: str) -> Callable[..., None]:
        return lambda *args: self.bot.write((verb.rstrip("_").upper(), *map(str, args[:-1])), *map(str, args[-1:]))


class Bot:
    """phenny.bot: one for each network, as the old program was."""

    def __init__(self, network: str, settings: NetworkSettings, wire: Wire, prefix: str) -> None:
        self.network, self.wire = network, wire
        self.nick, self.user, self.name = settings.nick, settings.user, settings.realname
        self.channels = list(settings.channels)
        self.password = None
        self.verbose = True
        self.doc: dict[str, tuple[str, str | None]] = {}
        self.stats: dict[Any, int] = {}
        self.variables: dict[str, Any] = {}
        self.commands: dict[str, dict[Any, list[Any]]] = {"high": {}, "medium": {}, "low": {}}
        self.data: dict[Any, Any] = {}
        self.stack: deque[str] = deque(maxlen=REMEMBERED)
        self.sending = threading.RLock()
        self.proto = Proto(self)
        self.config = SimpleNamespace(
            nick=settings.nick, name=settings.realname, host=settings.host, port=settings.port,
            prefix=re.escape(prefix), channels=self.channels, owner="", admins=[], password=None, serverpass=None,
            limit={}, ignore=[], external={}, refresh_delay=300.0, timezones={}, extra=[], enable=[], exclude=[],
        )  # fmt: skip

    def msg(self, recipient: str | None, text: Any) -> None:
        """Say something; what was said five times of the last eight becomes "...", and then nothing."""
        if not recipient:
            return  # a QUIT was said nowhere
        text = safe(text)
        with self.sending:
            line = f"{recipient} {text}"
            if self.stack.count(line) >= REPEATS:
                text = line = "..."
                if self.stack.count("...") >= REPEATS - 2:
                    return
            self.stack.append(line)
        self.wire.say(safe(recipient), text)

    def action(self, recipient: str | None, text: Any) -> None:
        """/me."""
        if recipient:
            self.wire.say(safe(recipient), safe(text), action=True)

    def notice(self, recipient: str, text: str) -> None:
        """NOTICE."""
        self.write(("NOTICE", recipient), text)

    def write(self, args: Any, text: Any = None) -> None:
        """A line of the protocol; as any other, it cannot hold a line end."""
        line = " ".join(map(safe, args))
        self.wire.send_raw(line if text is None else f"{line} :{safe(text)}")

    def error(self, origin: Any = None) -> None:
        """Log the exception that is being handled."""
        log.exception("a phenny module failed")

    def register(self, variables: dict[str, Any]) -> None:
        """Take note of functions; the loader has bound them already."""
        self.variables.update({name: each for name, each in variables.items() if hasattr(each, "commands")})

    def bind_commands(self) -> None:
        """Nothing to do: the loader has bound them."""

    def setup(self) -> None:
        """Nothing to do: .reload loads all anew."""

    def handle_close(self) -> None:
        """Nothing to do: the connection comes back by itself."""


class Phenny:
    """The first argument: made for one call; what is set on it is lost, what is read comes from the bot."""

    def __init__(self, bot: Bot, said: Input) -> None:
        self.bot = bot
        self._said = said

    def reply(self, text: str) -> None:
        """Say something to whoever spoke."""
        self.bot.msg(self._said.sender, f"{self._said.nick}: {safe(text)}")

    def say(self, text: str) -> None:
        """Say something where it was said."""
        self.bot.msg(self._said.sender, text)

    def do(self, text: str) -> None:
        """/me, where it was said."""
        self.bot.action(self._said.sender, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bot, name)


def safe(text: Any) -> str:
    """Text from what a module says, on one line."""
    line = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return line.replace("\r", "").replace("\n", "")


def listed(names: Any) -> str:
    """One name or several as the protocol has them."""
    return names if isinstance(names, str) else ",".join(names)
