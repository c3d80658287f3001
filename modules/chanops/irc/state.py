"""What is known of one connection: its limits, our own name, our channels; and lines as messages."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import irc.events
import irc.features

from chanops.core.message import Message
from chanops.core.text import plain
from chanops.irc.members import Members
from chanops.irc.registration import ECHO
from chanops.irc.wire import Line, parse, room

AHEAD = timedelta(minutes=10)
FRESH = 30.0  # seconds by which a server-time may differ from our clock
SETTLING = 10.0  # seconds after joining, where no time and no batch tell old lines from new
TELLING = {"server-time", "batch"}  # a time alone is not enough: what is played back may be fresh
REMEMBERED = 4096
LONGEST_ID = 600  # of the letters of a message's id: an index of PostgreSQL's holds 2700 bytes
EVENTS = {"PRIVMSG": "message", "NOTICE": "notice"}
SPOKEN = ("PRIVMSG", "NOTICE")
OURS = ("message", "action", "start", "time")
# Which parameter names the channel; lines to a nick, or to nobody, have none.
CHANNEL_AT = {"PRIVMSG": 0, "NOTICE": 0, "JOIN": 0, "PART": 0, "KICK": 0, "TOPIC": 0, "MODE": 0, "INVITE": 1,
              "REDACT": 0}  # fmt: skip
# Which is the text, that may be left out; for the others it is the last.
TEXT_AT = {"PART": 1, "KICK": 2, "QUIT": 0, "NICK": 0, "TOPIC": 1, "REDACT": 2}
SPLITS = ("netsplit", "netjoin")  # the batches of what happens just now


def folds(mapping: str) -> dict[int, int]:
    """The table by which a server compares names: ascii, rfc1459 or strict-rfc1459."""
    upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
    if mapping != "ascii":
        upper, lower = upper + "[]\\", lower + "{}|"
    if mapping == "rfc1459":
        upper, lower = upper + "^", lower + "~"
    return str.maketrans(upper, lower)


@dataclass
class State:
    """Pure: the moment is handed in. Channels are called as the configuration calls them."""

    network: str
    nick: str
    configured: Iterable[str] = ()
    caps: set[str] = field(default_factory=set)
    user: str = ""
    host: str = ""
    settling: float = SETTLING
    skew: float = 0.0
    skew_said: bool = False
    features: irc.features.FeatureSet = field(default_factory=irc.features.FeatureSet)
    table: dict[int, int] = field(default_factory=lambda: folds("rfc1459"))
    joined: dict[str, float | None] = field(default_factory=dict)
    msgids: OrderedDict[str, None] = field(default_factory=OrderedDict)
    splits: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.rename()
        self.members = Members(self.fold)

    def rename(self) -> None:
        """How names compare has changed, or our own has: what was worked out by it is void."""
        self.folded: dict[str, str] = {}
        self.places: dict[str, str | None] = {}
        self.people: dict[str, tuple[str, str, str, bool]] = {}
        self.names = {self.fold(name): name for name in self.configured}
        self.me = self.fold(self.nick)

    def fold(self, name: str) -> str:
        """A name as this server compares it."""
        found = self.folded.get(name)
        if found is None:
            if len(self.folded) >= REMEMBERED:
                self.folded.clear()
            found = self.folded[name] = name.translate(self.table)
        return found

    def is_me(self, nick: str) -> bool:
        """Whether a nick is ours."""
        return self.fold(nick) == self.me

    def room(self, target: str) -> int:
        """Bytes of text that reach the others in one line."""
        return room(self.nick, self.user, self.host, "PRIVMSG", target)

    def learn(self, line: Line, now: float) -> None:
        """Take in what a line says about us and the server."""
        if line.command == "005":
            self.learn_features(line.params[1:-1])
        elif line.command == "366" and self.fold(line.param(1)) in self.joined:
            self.joined[self.fold(line.param(1))] = now
        elif line.command == "396":
            self.host = line.param(1) or self.host
        elif line.command == "BATCH":
            self.learn_batch(line.param(0), line.param(1))
        elif self.is_me(line.nick):
            self.learn_of_self(line)
        elif line.command == "KICK" and self.is_me(line.param(1)):
            self.joined.pop(self.fold(line.param(0)), None)

    def learn_of_self(self, line: Line) -> None:
        user, _, host = line.source.partition("!")[2].partition("@")
        self.user, self.host = user or self.user, host or self.host
        if line.command == "NICK" and line.param(0):
            self.nick = line.param(0)
            self.rename()
        elif line.command == "JOIN":
            self.joined[self.fold(line.param(0))] = None
        elif line.command == "PART" or (line.command == "KICK" and self.is_me(line.param(1))):
            self.joined.pop(self.fold(line.param(0)), None)

    def learn_batch(self, name: str, kind: str) -> None:
        self.splits.pop(name[1:], None)
        if name.startswith("+") and kind in SPLITS:
            self.splits[name[1:]] = None
            if len(self.splits) > REMEMBERED:
                self.splits.popitem(last=False)

    def learn_features(self, tokens: Iterable[str]) -> None:
        for token in filter(None, tokens):
            if hasattr(irc.features.FeatureSet, token.lstrip("-").partition("=")[0].lower()):
                continue  # it would take the place of one of irc's own methods
            try:
                self.features.load_feature(token)
            except (ValueError, TypeError, IndexError):
                continue  # irc raises on CHANLIMIT=#&:x and PREFIX=; the token then tells us nothing
        self.table = folds(self.feature("casemapping", "rfc1459"))
        self.rename()

    def feature(self, name: str, default: str) -> str:
        """What the server said of itself in 005."""
        value = getattr(self.features, name, default)
        return value if isinstance(value, str) else default

    def message(self, line: Line, now: float, clock: datetime, leaving: bool = False) -> Message | None:
        """What a line means; None for what is to be passed over. Our own words count where they leave, or come back."""
        command, raw, tags = line.command, line.trailing, line.tags
        event = EVENTS.get(command)
        if event is None:
            return self.happened(line, clock)
        nick, user, host, mine = self.people.get(line.source) or self.person(line.source)
        if raw is None:
            raw = line.middle[-1] if line.middle else ""
        channel, text = self.place(line.param(0)), raw
        if channel is None or (mine and not (channel and (leaving or ECHO in self.caps))):
            return None
        if raw.startswith("\x01"):
            if event != "message" or not raw.startswith("\x01ACTION "):
                return None  # only ACTION is something said; other CTCP is machines talking
            event, text = "action", raw[8:].rstrip("\x01")
        account = tags.get("account", "") if tags and "account-tag" in self.caps else ""
        at = said_at(tags["time"], clock) if "time" in tags else clock
        replayed = self.replayed(tags, channel, now, at, clock)
        # In the order of its fields, since naming them costs as much again.
        return Message(
            self.network, event, nick, account, channel, plain(text), kept_at(at, clock), raw, user, host, command,
            line.middle, tags.get("msgid", "")[:LONGEST_ID], "bot" in tags, replayed, (), mine,
        )  # fmt: skip

    def happened(self, line: Line, clock: datetime) -> Message | None:
        """What a line means that is not said by anybody; of our own, too."""
        command, tags, channel = line.command, line.tags, self.channel(line)
        if channel is None or (command == "REDACT" and not (channel and line.param(1))):
            return None
        nick, user, host, mine = self.people.get(line.source) or self.person(line.source)
        raw = line.param(TEXT_AT[command]) if command in TEXT_AT else line.params[-1] if line.params else ""
        params = line.middle
        if channel and command in ("KICK", "MODE"):  # who is meant may be the last, and so behind a colon
            params = line.params[:2] if command == "KICK" else line.params
        msgid = line.param(1) if command == "REDACT" else tags.get("msgid", "")
        account = tags.get("account", "") if "account-tag" in self.caps else ""
        at = said_at(tags["time"], clock) if "time" in tags else clock
        live = tags.get("batch") in self.splits  # else, what comes in a batch is played back
        replayed = not live and self.replayed(tags, "", 0.0, at, clock)
        channels = self.moved(line, channel, nick, mine) if live or "batch" not in tags else ()
        return Message(
            self.network, event_name(command), nick, account, channel, plain(raw), kept_at(at, clock), raw, user, host,
            command, params, msgid[:LONGEST_ID], "bot" in tags, replayed, channels,
        )  # fmt: skip

    def moved(self, line: Line, channel: str, nick: str, mine: bool) -> tuple[str, ...]:
        """Note who comes and goes; the channels of somebody who quit or changed the nick."""
        command = line.command
        if command == "QUIT":
            return self.members.quit(nick, mine)
        if command == "NICK":
            return self.members.rename(nick, line.param(0))
        if command == "353":
            self.members.names(self.place(line.param(2)) or "", line.param(3).split(), signs_of(self.features))
        elif channel and command == "JOIN":
            self.members.enter(channel, nick, mine)
        elif channel and command == "PART":
            self.members.leave(channel, nick, mine)
        elif channel and command == "KICK":
            self.members.leave(channel, line.param(1), self.is_me(line.param(1)))
        return ()

    def leaving(self, text: str, clock: datetime) -> Message | None:
        """What we say ourselves, as it goes to the server, where that will not send it back."""
        if ECHO in self.caps:
            return None
        line = parse(f":{self.nick}!{self.user}@{self.host} {text}")
        if line is None or line.command not in SPOKEN:
            return None
        said = self.message(line, 0.0, clock, leaving=True)
        return said and said._replace(replayed=False)

    def person(self, source: str) -> tuple[str, str, str, bool]:
        """Nick, user and host of whoever a line comes from, and whether it is us."""
        if len(self.people) >= REMEMBERED:
            self.people.clear()
        nick, _, mask = source.partition("!")
        user, _, host = mask.partition("@")
        self.people[source] = found = nick, user, host, self.is_me(nick)
        return found

    def channel(self, line: Line) -> str | None:
        """The channel a line belongs to, as configured; "" for none; None where it is not one of ours."""
        place = CHANNEL_AT.get(line.command)
        return "" if place is None else self.place(line.param(place))

    def place(self, target: str) -> str | None:
        """The same for a target."""
        if target not in self.places:
            if len(self.places) >= REMEMBERED:
                self.places.clear()
            ours = not target or self.is_me(target) or not self.is_channel(target)
            self.places[target] = "" if ours else self.names.get(self.fold(target))
        return self.places[target]

    def is_channel(self, target: str) -> bool:
        """Whether a target is a channel, or part of one such as @#ops."""
        kinds = self.feature("chantypes", "#&")
        return target[0] in kinds or (target[0] in self.feature("statusmsg", "~&@%+") and target[1:2] in set(kinds))

    def replayed(self, tags: dict[str, str], channel: str, now: float, at: datetime, clock: datetime) -> bool:
        """Whether a line is an old one that is played back: it may be kept, but it never is a command."""
        if tags and ("batch" in tags or self.seen(tags.get("msgid"))):
            return True
        if at is not clock and abs((clock - at).total_seconds()) > FRESH:
            self.skew = (at - clock).total_seconds()
            return True
        if self.caps >= TELLING or not channel:
            return False
        settled = self.joined.get(self.fold(channel))
        return settled is None or now - settled < self.settling

    def seen(self, msgid: str | None) -> bool:
        """Whether a message id was there before; remembers it."""
        if not msgid:
            return False
        if msgid in self.msgids:
            return True
        self.msgids[msgid] = None
        if len(self.msgids) > REMEMBERED:
            self.msgids.popitem(last=False)
        return False


def signs_of(features: irc.features.FeatureSet) -> str:
    """The signs that may stand before a nick in a list of names."""
    prefix = getattr(features, "prefix", None)
    return "".join(prefix) if isinstance(prefix, dict) else "@+"


def event_name(command: str) -> str:
    """The name of an event: "join" for JOIN, "welcome" for 001; a server cannot make up the bot's own."""
    name = str(irc.events.numeric.get(command, command.lower()))
    return f"raw-{name}" if name in OURS else name


def said_at(stamp: str, clock: datetime) -> datetime:
    """When a line was said: the server's time where it can be read, else now."""
    try:
        at = datetime.fromisoformat(stamp)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return clock


def kept_at(at: datetime, clock: datetime) -> datetime:
    """The same; now, where it is far ahead: all later lines would stand behind that one."""
    return at if at - clock < AHEAD else clock
