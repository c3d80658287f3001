"""A fast IRC server on loopback for one bot: raw bytes, and the time at which each line came."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

CAPS = "account-tag message-tags server-time batch"
ISUPPORT = "CASEMAPPING=ascii CHANTYPES=# CHANMODES=b,k,l,imnst PREFIX=(ov)@+ NICKLEN=30 NETWORK=bench"
CHUNK = 1 << 16
# A bot that reads nothing for this many seconds has frozen.
PATIENCE = 20


class BotError(Exception):
    """The bot did not start, did not answer in time, or left."""


class Heard(NamedTuple):
    at: float
    line: bytes


class Protocol:
    """What the server answers to each line; no I/O."""

    def __init__(self, nicks: Sequence[str], caps: str) -> None:
        self._nicks = nicks
        self._caps = caps
        self._nick = "*"
        self._known: set[str] = set()
        self._answers: dict[str, Callable[[list[str]], list[str]]] = {
            "CAP": self._cap,
            "NICK": self._register,
            "USER": self._register,
            "JOIN": self._join,
            "PING": lambda words: [f":bench PONG bench :{words[-1]}"],
            "WHO": lambda words: [self._numeric(315, f"{words[1]} :End of WHO list")],
            "MODE": lambda words: [self._numeric(324, f"{words[1]} +nt")] if len(words) == 2 else [],
            "QUIT": lambda words: ["ERROR :Closing link"],
        }

    def answer(self, line: bytes) -> bytes:
        head, colon, tail = line.decode("utf-8", "replace").partition(" :")
        words = [word for word in head.split() if not word.startswith("@")] + ([tail] if colon else [])
        known = self._answers.get(words[0].upper()) if words else None
        return "".join(f"{reply}\r\n" for reply in (known(words) if known else [])).encode()

    def _numeric(self, number: int, text: str) -> str:
        return f":bench {number:03} {self._nick} {text}"

    def _cap(self, words: list[str]) -> list[str]:
        if not self._caps:
            return [self._numeric(421, "CAP :Unknown command")]
        verb = words[1].upper()
        if verb == "END":
            self._known.discard("CAP")
            return self._welcome()
        if verb == "REQ":
            granted = set(words[-1].split()) <= set(self._caps.split())
            return [f":bench CAP {self._nick} {'ACK' if granted else 'NAK'} :{words[-1]}"]
        self._known.add("CAP")
        return [f":bench CAP {self._nick} LS :{self._caps}"] if verb == "LS" else []

    def _register(self, words: list[str]) -> list[str]:
        self._known.add(words[0].upper())
        if words[0].upper() == "NICK":
            self._nick = words[1]
        return self._welcome()

    def _welcome(self) -> list[str]:
        if self._known != {"NICK", "USER"}:
            return []
        self._known.add("welcomed")
        return [
            self._numeric(1, f":Welcome {self._nick}!~bot@127.0.0.1"),
            self._numeric(2, ":Your host is bench"),
            self._numeric(3, ":Created for this run"),
            self._numeric(4, "bench 1 iw nt"),
            self._numeric(5, f"{ISUPPORT} :are supported by this server"),
            self._numeric(376, ":End of MOTD"),
        ]

    def _join(self, words: list[str]) -> list[str]:
        replies = []
        for channel in words[1].split(","):
            replies.append(f":{self._nick}!~bot@127.0.0.1 JOIN {channel}")
            names = [self._nick, *self._nicks]
            for start in range(0, len(names), 50):
                replies.append(self._numeric(353, f"= {channel} :{' '.join(names[start : start + 50])}"))
            replies.append(self._numeric(366, f"{channel} :End of NAMES list"))
        return replies


class Ircd:
    """Takes one bot and keeps what it says."""

    def __init__(self, nicks: Sequence[str] = (), caps: str = CAPS) -> None:
        self.heard: list[Heard] = []
        self.port = 0
        self._protocol = Protocol(nicks, caps)
        self._listener = socket.socket()
        self._bot: socket.socket | None = None
        self._gone = False
        self._news = threading.Condition()
        self._turn = threading.Lock()
        self._flooding = False
        self._owed = b""

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for ours in (self._listener, self._bot):
            if ours:
                # close() alone would leave the reading thread in accept() or recv().
                with suppress(OSError):
                    ours.shutdown(socket.SHUT_RDWR)
                ours.close()

    def say(self, data: bytes) -> float:
        """Send at once; the time just before."""
        assert self._bot, "the bot has not come yet"
        at = time.perf_counter()
        try:
            self._bot.sendall(data)
        except BlockingIOError as error:
            raise BotError(f"the bot has read nothing for {PATIENCE} s") from error
        except OSError as error:
            raise BotError(f"the bot left: {error}") from error
        return at

    def flood(self, data: bytes) -> float:
        """Send as fast as the bot reads; the time just before the first byte."""
        with self._turn:
            self._flooding = True
        at = time.perf_counter()
        for chunk in _whole_lines(data):
            self.say(chunk + self._settle_debts())
        with self._turn:
            self._flooding = False
        self.say(self._settle_debts())
        return at

    def ask(self, data: bytes, answer: bytes, timeout: float = 20) -> float:
        """Seconds from sending to a line with `answer` in it."""
        since = len(self.heard)
        at = self.say(data)
        return self.wait_for(answer, timeout, since).at - at

    def wait_for(self, text: bytes, timeout: float, since: int = 0) -> Heard:
        """The first line with `text` in it, from number `since` on."""
        end = time.perf_counter() + timeout
        with self._news:
            while True:
                for heard in self.heard[since:]:
                    if text in heard.line:
                        return heard
                since = len(self.heard)
                left = end - time.perf_counter()
                if self._gone or left <= 0:
                    why = "the bot left" if self._gone else f"no answer in {timeout:g} s"
                    raise BotError(f"{why}, waiting for {text.decode()!r}")
                self._news.wait(left)

    def _read(self) -> None:
        with suppress(OSError, BotError):
            self._bot, _ = self._listener.accept()
            self._bot.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._bot.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE, 0))
            rest = b""
            while data := self._bot.recv(CHUNK):
                at = time.perf_counter()
                *lines, rest = (rest + data).split(b"\n")
                self._take([Heard(at, line.rstrip(b"\r")) for line in lines])
        with self._news:
            self._gone = True
            self._news.notify_all()

    def _take(self, lines: list[Heard]) -> None:
        # Answered before it is told: whoever waits for JOIN must not speak before the bot is in the channel.
        reply = b"".join(self._protocol.answer(heard.line) for heard in lines)
        with self._turn:
            if self._flooding:
                # The flooding thread sends it, between two chunks: two writers would mix their lines.
                self._owed += reply
                reply = b""
        if reply:
            self.say(reply)
        with self._news:
            self.heard.extend(lines)
            self._news.notify_all()

    def _settle_debts(self) -> bytes:
        with self._turn:
            owed, self._owed = self._owed, b""
        return owed


def _whole_lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + CHUNK) + 1
        yield data[start:end]
        start = end
