"""Lines of IRC: cut out of a stream of bytes, read, and written for one receiver."""

import re
import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

# Text is held as latin-1, one character a byte: whatever bytes come in go out unchanged, and a length
# is a length on the wire. Hence no str.lower(), upper(), split() or strip() without an argument here:
# they would take bytes of UTF-8 for letters and spaces.

BODY = 510  # of the 512 bytes, CR and LF take two
LONGEST_LINE = 8191 + 512
LONGEST_TAGS = 4094

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_CLIENT_TAG = re.compile(r"\+[A-Za-z0-9./-]+(=[^ ;]*)?")
_ESCAPES = str.maketrans({";": r"\:", " ": r"\s", "\\": r"\\", "\r": r"\r", "\n": r"\n"})


def fold(name: str) -> str:
    """The name as CASEMAPPING=ascii compares it."""
    return name.translate(_LOWER)


def upper(word: str) -> str:
    return word.translate(_UPPER)


def wire(text: str) -> str:
    """Ordinary text as the bytes of its UTF-8, one character each."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def one_line(text: str) -> str:
    return wire(text).translate({0: None, 10: " ", 13: " "})


@dataclass(frozen=True)
class Message:
    """What a client sent: the tags it may pass on, a command and its parameters."""

    command: str
    params: tuple[str, ...]
    client_tags: tuple[str, ...] = ()


def parse(raw: bytes) -> Message | None:
    """The message in one line, or None when the line holds no command."""
    tags, text = "", raw.decode("latin-1")
    if text.startswith("@"):
        tags, _, text = text[1:].partition(" ")
    text = text.lstrip(" ")[:BODY]
    if text.startswith(":"):
        text = text.partition(" ")[2].lstrip(" ")
    middle, colon, trailing = text.partition(" :")
    words = [word for word in middle.split(" ") if word] + ([trailing] if colon else [])
    return Message(upper(words[0]), tuple(words[1:]), _client_tags(tags)) if words else None


def _client_tags(tags: str) -> tuple[str, ...]:
    # Only client-only tags: a client that could name its own account would be believed.
    found = {tag.partition("=")[0]: tag for tag in tags.split(";") if _CLIENT_TAG.fullmatch(tag)}
    return tuple(found.values())


class LineCutter:
    """Cuts a stream into lines; a line too long is thrown away and told of as None."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterator[bytes | None]:
        *ended, self._rest = (self._rest + data).split(b"\n")
        for line in ended:
            if not self._skipping:
                # A CR or NUL let through would be a line's end to whoever gets it relayed.
                yield None if _too_long(line) else line.translate(None, b"\r\0")
            self._skipping = False
        if self._skipping or len(self._rest) > LONGEST_LINE:
            yield from () if self._skipping else (None,)
            self._skipping, self._rest = True, b""


def _too_long(line: bytes) -> bool:
    tags = line.partition(b" ")[0] if line.startswith(b"@") else b""
    return len(line) > LONGEST_LINE or len(tags) > 1 + LONGEST_TAGS


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Line:
    """What the server sends: one line for many, with the tags each has asked for."""

    source: str
    body: str
    account: str | None = None
    msgid: str = ""
    client_tags: tuple[str, ...] = ()
    at: str = field(default_factory=_now)

    def encode(self, caps: Collection[str]) -> bytes:
        tags = ";".join(self._tags(caps))
        text = f":{self.source} {self.body}" if self.source else self.body
        return f"{'@' + tags + ' ' if tags else ''}{text[:BODY]}\r\n".encode("latin-1")

    def _tags(self, caps: Collection[str]) -> Iterator[str]:
        if "server-time" in caps:
            yield f"time={self.at}"
        if self.account and "account-tag" in caps:
            yield f"account={self.account.translate(_ESCAPES)}"
        if "message-tags" in caps:
            if self.msgid:
                yield f"msgid={self.msgid}"
            yield from self.client_tags


def packed(words: Collection[str], width: int) -> Iterator[str]:
    """The words in lines of at most the width, as a long answer is spread over numerics."""
    line = ""
    for word in words:
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    if line:
        yield line
