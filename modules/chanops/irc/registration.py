"""Coming online: CAP, SASL and the nick, as a state machine that owns no socket.

https://ircv3.net/specs/extensions/capability-negotiation and …/sasl-3.1. The irc package asks for
capabilities only to log in, reads a lone ACK only, and goes on without login when SASL fails.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from chanops.irc.wire import Line

ECHO = "echo-message"
WANTED = (
    "account-tag", "message-tags", "server-time", "batch", "cap-notify", ECHO, "draft/message-redaction"
)  # fmt: skip
CHUNK = 400
NICK_REFUSED = {"432", "433", "436", "437"}
SASL_FAILED = {"902", "904", "905", "906", "907", "908"}
MOST_NICKS = 20


@dataclass
class Registration:
    """What to send, given what was heard; `online` or `failed` says how it ended."""

    nick: str
    user: str
    realname: str
    password: str = field(default="", repr=False)
    sasl_user: str = ""
    sasl_password: str = field(default="", repr=False)
    caps: set[str] = field(default_factory=set)
    offered: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    alone: str = ""
    logged_in: bool = False
    online: bool = False
    negotiating: bool = True
    failed: str = ""
    tries: int = 0
    wanted_nick: str = ""

    def begin(self) -> list[str]:
        """The first lines of a connection; CAP goes before all."""
        self.wanted_nick = self.nick
        first = ["CAP LS 302"]
        if self.password:
            first.append(f"PASS :{self.password}")
        return [*first, f"NICK {self.nick}", f"USER {self.user} 0 * :{self.realname}"]

    def hear(self, line: Line) -> list[str]:
        """The answer to a line; nothing for most."""
        if line.command == "CAP":
            return self.hear_cap(line)
        if line.command == "001":
            return self.welcome(line)
        if line.command in NICK_REFUSED and not self.online:
            return self.next_nick()
        if line.command == "AUTHENTICATE" and self.negotiating:
            return self.authenticate(line)
        if line.command == "903" and self.negotiating:
            self.logged_in = True
            return self.end()
        if line.command in SASL_FAILED and self.sasl_user and not self.logged_in:
            self.failed = f"login as {self.sasl_user} failed ({line.params[-1] if line.params else line.command})"
        return []

    def hear_cap(self, line: Line) -> list[str]:
        verb, names = line.param(1).upper(), line.params[-1].split(" ") if len(line.params) > 2 else []
        steps: dict[str, Callable[[list[str], Line], list[str]]] = {
            "LS": self.cap_ls,
            "NEW": self.cap_new,
            "ACK": self.cap_ack,
            "NAK": self.cap_nak,
            "DEL": self.cap_del,
        }
        return steps[verb]([name for name in names if name], line) if verb in steps else []

    def cap_ls(self, names: list[str], line: Line) -> list[str]:
        self.offered.update((name, value) for name, _, value in (each.partition("=") for each in names))
        if line.param(2) == "*" and len(line.params) > 3:
            return []  # more lines of the list follow
        wanted = [name for name in WANTED if name in self.offered and name not in self.caps]
        if self.sasl_user and self.negotiating:
            if "sasl" not in self.offered:
                self.failed = "the server offers no login by SASL at the moment (are its services down?)"
                return []
            wanted.append("sasl")
        return self.ask(wanted)

    def cap_new(self, names: list[str], line: Line) -> list[str]:
        """What the server has learnt; in the middle of a negotiation it would only confuse the two of us.

        Not the echo: of what is on its way just then, nobody could tell whether it comes back.
        """
        news = {name.partition("=")[0] for name in names} - {ECHO}
        return [] if self.negotiating else self.ask([name for name in WANTED if name in news])

    def ask(self, wanted: list[str]) -> list[str]:
        self.asked, self.alone = [name for name in wanted if name not in self.caps], ""
        if self.asked:
            return [f"CAP REQ :{' '.join(self.asked)}"]
        return self.end() if self.negotiating else []

    def cap_ack(self, names: list[str], line: Line) -> list[str]:
        for name in names:
            if name.startswith("-"):
                self.caps.discard(name[1:])
            else:
                self.caps.add(name.lstrip("~="))
        self.asked = [name for name in self.asked if name not in self.caps and name != self.alone]
        if self.negotiating and "sasl" in self.caps and not self.logged_in:
            return ["AUTHENTICATE PLAIN"]
        return self.ask_next()

    def cap_nak(self, names: list[str], line: Line) -> list[str]:
        """A list is refused as a whole, so ask for each name alone; what is refused alone is not to be had."""
        if self.alone or len(self.asked) == 1:
            names = self.asked[:1]
        if len(names) == 1:
            self.asked = [name for name in self.asked if name not in names]
        if names == ["sasl"]:
            self.failed = "the server refused to begin a login by SASL"
            return []
        return self.ask_next()

    def ask_next(self) -> list[str]:
        """What is left of the list, one by one; each is asked for once, so this ends whatever is answered."""
        if self.asked:
            self.alone = self.asked[0]
            return [f"CAP REQ :{self.alone}"]
        return self.end() if self.negotiating else []

    def cap_del(self, names: list[str], line: Line) -> list[str]:
        self.caps.difference_update(names)
        for name in names:
            self.offered.pop(name, None)
        return []

    def authenticate(self, line: Line) -> list[str]:
        """SASL PLAIN (RFC 4616) in chunks of 400; a last full one is followed by "+"."""
        if line.param(0) != "+":
            return []
        account = self.sasl_user.encode()
        secret = b"\0".join((account, account, self.sasl_password.encode()))
        blob = base64.b64encode(secret).decode()
        chunks = [blob[at : at + CHUNK] for at in range(0, len(blob), CHUNK)]
        if len(chunks[-1]) == CHUNK:
            chunks.append("+")
        return [f"AUTHENTICATE {chunk}" for chunk in chunks]

    def end(self) -> list[str]:
        """Close the negotiation; never without the login where one is wanted."""
        if self.sasl_user and not self.logged_in:
            self.failed = self.failed or "the server let us in without the login that is configured"
            return []
        self.negotiating = False
        return ["CAP END"]

    def welcome(self, line: Line) -> list[str]:
        if self.sasl_user and not self.logged_in:
            self.failed = self.failed or "the server knows no login by SASL"
            return []
        self.nick = line.param(0) or self.nick
        self.online, self.negotiating = True, False
        return []

    def next_nick(self) -> list[str]:
        """Another nick: with one, two, three _ behind it, then with a number, shorter if need be."""
        self.tries += 1
        if self.tries > MOST_NICKS:
            self.failed = f"no form of the nick {self.wanted_nick} is free or allowed: set another nick"
            return []
        tail = "_" * self.tries if self.tries <= 3 else str(self.tries)
        head = self.wanted_nick if self.tries <= 3 else self.wanted_nick[: 9 - len(tail)]
        self.nick = head + tail
        return [f"NICK {self.nick}"]
