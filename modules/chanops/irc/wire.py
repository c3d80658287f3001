"""Bytes to lines and back: parsing, limits, splitting. Pure; no byte sequence makes it raise."""

import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_TAGS = 8191  # https://ircv3.net/specs/extensions/message-tags#size-limit
MOST_LINE = 512  # RFC 1459, 2.3, with CR LF
MOST_READ = MOST_TAGS + MOST_LINE
ILLEGAL = str.maketrans({"\r": " ", "\n": " ", "\0": " "})
# Only the space separates: irc splits at any whitespace of Unicode's, so that "#ops\x1d.destroy" becomes
# a channel and a command; it also turns "\x10n" inside a message into a line feed.
LINE = re.compile(r"(?:@([^ ]*) +)?(?::([^ ]*) +)?([A-Za-z]+|[0-9]{3})(?: +(.*))?\Z", re.DOTALL)
ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
UNESCAPE = {":": ";", "s": " ", "r": "\r", "n": "\n"}
NO_TAGS: dict[str, str] = {}


class Line(NamedTuple):
    """One line of the protocol. `trailing` is the last parameter where it came behind a colon, else None."""

    tags: dict[str, str]
    source: str
    command: str
    middle: tuple[str, ...]
    trailing: str | None

    @property
    def params(self) -> tuple[str, ...]:
        """All parameters, in their order."""
        return self.middle if self.trailing is None else (*self.middle, self.trailing)

    def param(self, index: int) -> str:
        """One parameter, or "" where the server left it out."""
        if index < len(self.middle):
            return self.middle[index]
        return self.trailing or "" if index == len(self.middle) else ""

    @property
    def nick(self) -> str:
        """The nick, or the server's name, that the line comes from."""
        return self.source.partition("!")[0]


def parse(text: str) -> Line | None:
    """The line that a text is, or None where it is none."""
    return said_in(text) or line_in(text)


def said_in(text: str) -> Line | None:
    """The line, if it is a PRIVMSG in its usual form: nearly every line is, and this takes a third of the time."""
    tags, rest = "", text
    if text.startswith("@"):
        tags, _, rest = text.partition(" ")
    words = rest.split(" ", 3)
    if len(words) < 4 or words[1] != "PRIVMSG":
        return None
    source, command, target, said = words
    if source[:1] != ":" or source == ":" or target[:1] in ("", ":") or said[:1] != ":":
        return None
    return Line(tags_of(tags[1:]) if len(tags) > 1 else NO_TAGS, source[1:], command, (target,), said[1:])


def line_in(text: str) -> Line | None:
    """The line that a text is, whatever its form."""
    found = LINE.match(text)
    if found is None:
        return None
    tags, source, command, rest = found.groups()
    middle: tuple[str, ...] = ()
    trailing = None
    if rest is not None:
        if rest.startswith(":"):
            trailing = rest[1:]
        else:
            head, colon, tail = rest.partition(" :")
            middle = tuple(head.split(" ")) if "  " not in head else tuple(filter(None, head.split(" ")))
            if middle and not middle[-1]:
                middle = tuple(filter(None, middle))
            trailing = tail if colon else None
    return Line(tags_of(tags) if tags else NO_TAGS, source or "", command.upper(), middle, trailing)


def tags_of(text: str) -> dict[str, str]:
    """Message tags; of two with one name the first counts, since the last could have been slipped in."""
    tags: dict[str, str] = {}
    for each in text.split(";"):
        name, _, value = each.partition("=")
        if name:
            tags.setdefault(name, ESCAPED.sub(unescaped, value) if "\\" in value else value)
    return tags


def unescaped(found: re.Match[str]) -> str:
    return UNESCAPE.get(found[1], found[1])


def decode(raw: bytes) -> str:
    """Text from any bytes: UTF-8, else Windows-1252, else Latin-1, which maps every byte."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


class Incoming:
    """Cuts what arrives into texts of one line each; a line without end is dropped to its end."""

    def __init__(self) -> None:
        self.rest = b""
        self.dropping = False

    def feed(self, data: bytes) -> Iterator[str]:
        """The complete lines, without line ends and NUL; empty ones are left out."""
        whole, found, rest = (self.rest + data).rpartition(b"\n")
        if found and self.dropping:
            whole = whole.partition(b"\n")[2]
            self.dropping = False
        if len(whole) > MOST_READ:  # as long a line may have come in one go, end and all
            whole = b"\n".join(each for each in whole.split(b"\n") if len(each) <= MOST_READ)
        if len(rest) > MOST_READ:
            self.dropping, rest = True, b""
        self.rest = b"" if self.dropping else rest
        try:
            texts = whole.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            texts = [decode(each) for each in whole.split(b"\n")]
        for text in texts:
            text = text.rstrip("\r")
            if "\0" in text or "\r" in text:
                text = text.translate(ILLEGAL)
            if text and not text.isspace():
                yield text


def outgoing(text: str) -> bytes:
    """The bytes of one line. The only way out: CR, LF and NUL become spaces, what is too long is cut.

    irc refuses only LF: a bare CR ends a line on some servers, and what follows would be a command.
    """
    return clipped(text.translate(ILLEGAL), MOST_LINE - 2) + b"\r\n"


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def clipped(text: str, most: int) -> bytes:
    """At most that many bytes, cut between code points."""
    raw = encoded(text)
    return raw if len(raw) <= most else raw[:most].decode("utf-8", "ignore").encode()


def split(text: str, most: int) -> list[str]:
    """Pieces of at most that many bytes which together are the text; cut behind a space where there is one."""
    pieces = []
    while len(encoded(text)) > most:
        piece = clipped(text, most).decode() or text[0]
        space = piece.rfind(" ", len(piece) // 2)
        if space >= 0 and len(text) > len(piece):
            piece = piece[: space + 1]
        pieces.append(piece)
        text = text[len(piece) :]
    return [*pieces, text] if text else pieces


def room(nick: str, user: str, host: str, command: str, target: str) -> int:
    """Bytes left for the text once the server has put our prefix before the line and relays it."""
    prefix = f":{nick}!{user or 'x' * 11}@{host or 'x' * 63} {command} {target} :"
    return max(64, MOST_LINE - 2 - len(encoded(prefix)))
