"""What somebody missed, as an address that only we can make: channels and times, signed, with an end."""

import base64
import binascii
import hmac
import os
import secrets
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chanops.services.files import private
from chanops.services.tables import EPOCH

SECRET, LENGTH = "missed.key", 32
LASTS = timedelta(days=30)
MOST_SPANS, LONGEST_NICK = 10, 64
SIGNED = 16  # bytes of the signature
LONGEST_TOKEN = 400
HEAD, SPAN = struct.Struct(">IB"), struct.Struct(">III")
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Span:
    """A time in a channel, to the second, its ends included."""

    channel_id: int
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Pass:
    """Who was away, and from where; what its address shows."""

    nick: str
    spans: tuple[Span, ...]


class Signer:
    """Signs with a secret that stays in a folder, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / SECRET

    def secret(self) -> bytes:
        """The secret. Raises Problem where others may read it."""
        with suppress(FileExistsError):
            made = self.path.with_suffix(f".{os.getpid()}")
            made.touch(0o600)
            made.write_bytes(secrets.token_bytes(LENGTH))
            try:
                os.link(made, self.path)  # whole, or not at all
            finally:
                made.unlink()
        private(self.path, "the secret of what was missed")
        return self.path.read_bytes()

    def sign(self, of: Pass, now: datetime) -> str:
        """The token of what somebody missed; of the first channels where there are many."""
        nick = of.nick.encode("utf-8", "replace")[:LONGEST_NICK]
        spans = [(each.channel_id, seconds(each.since), seconds(each.until)) for each in of.spans[:MOST_SPANS]]
        head = HEAD.pack(seconds(now + LASTS), len(nick)) + nick
        data = head + b"".join(SPAN.pack(*each) for each in spans)
        return as_text(self.signature(data) + data)

    def read(self, token: str, now: datetime) -> Pass | None:
        """What it stands for; None where it is none of ours, or too old."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        try:
            given = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        signature, data = given[:SIGNED], given[SIGNED:]
        if as_text(given) != token or not hmac.compare_digest(signature, self.signature(data)):
            return None
        until, length = HEAD.unpack_from(data)
        nick = data[HEAD.size : HEAD.size + length].decode("utf-8", "replace")
        spans = [Span(of, time(since), time(end)) for of, since, end in rows(data[HEAD.size + length :])]
        return Pass(nick, tuple(spans)) if seconds(now) < until else None

    def signature(self, data: bytes) -> bytes:
        return hmac.digest(self.secret(), data, "sha256")[:SIGNED]


def as_text(data: bytes) -> str:
    """As part of an address; the same bytes are one text only."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def rows(data: bytes) -> Sequence[tuple[int, int, int]]:
    return [SPAN.unpack_from(data, at) for at in range(0, len(data), SPAN.size)]


def seconds(at: datetime) -> int:
    """A time in four bytes."""
    return max(0, (at - EPOCH) // SECOND)


def time(number: int) -> datetime:
    """A time from four bytes."""
    return EPOCH + number * SECOND
