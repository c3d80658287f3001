"""What somebody missed, as an address that only we can make: channels and times, signed, with an end."""

import base64
import binascii
import hmac
import os
import secrets
import struct
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from chanops.core.errors import Problem
from chanops.services.files import private
from chanops.services.tables import EPOCH

SECRET, LENGTH = "missed.key", 32
LASTS = timedelta(days=30)
MOST_SPANS, LONGEST_NICK = 10, 64
SIGNED = 16  # bytes of the signature
LONGEST_TOKEN = 400
HEAD, SPAN = struct.Struct(">IB"), struct.Struct(">III?")
FORM = b"2"  # signed with it: what was signed in another form is none
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Span:
    """A time in a channel, to the second, its ends included; everything: also what was not public."""

    channel_id: int
    since: datetime
    until: datetime
    everything: bool = False


@dataclass(frozen=True)
class Pass:
    """Who was away, and from where; what its address shows."""

    nick: str
    spans: tuple[Span, ...]


class Signer:
    """Signs with a secret that stays in a folder, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / SECRET
        self.lock = threading.Lock()

    def secret(self) -> bytes:
        """The secret, made if there is none yet. Raises Problem where it cannot be one."""
        with self.lock:
            found = self.known()
            if found is None:
                self.make()
                found = self.known()
        if found is None:
            raise Problem(f"{self.path}: the secret of what was missed was removed just now: try again")
        return found

    def known(self) -> bytes | None:
        """The secret, if there is one. Raises Problem where others may read it, or where it is not whole."""
        try:
            private(self.path, "the secret of what was missed")
            found = self.path.read_bytes()
        except FileNotFoundError:
            return None
        if len(found) != LENGTH:
            raise Problem(f"{self.path}: this is no secret of {LENGTH} bytes: remove it, and a new one is made")
        return found

    def make(self) -> None:
        """Make one, whole or not at all; where another process was faster, its secret stays."""
        with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f"{SECRET}.") as made:  # for us alone
            made.write(secrets.token_bytes(LENGTH))
            made.flush()
            os.fsync(made.fileno())
            with suppress(FileExistsError):
                os.link(made.name, self.path)

    def sign(self, of: Pass, now: datetime) -> str:
        """The token of what somebody missed; of the first channels where there are many."""
        nick = of.nick.encode("utf-8", "replace")[:LONGEST_NICK]
        spans = [
            (each.channel_id, seconds(each.since), seconds(each.until), each.everything)
            for each in of.spans[:MOST_SPANS]
        ]
        head = HEAD.pack(seconds(now + LASTS), len(nick)) + nick
        data = head + b"".join(SPAN.pack(*each) for each in spans)
        return as_text(signature_of(self.secret(), data) + data)

    def read(self, token: str, now: datetime) -> Pass | None:
        """What it stands for; None where it is none of ours, or too old."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        try:
            given = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        signature, data = given[:SIGNED], given[SIGNED:]
        secret = self.secret_to_read()
        if secret is None or as_text(given) != token:
            return None
        if not hmac.compare_digest(signature, signature_of(secret, data)):
            return None
        until, length = HEAD.unpack_from(data)
        nick = data[HEAD.size : HEAD.size + length].decode("utf-8", "replace")
        found = rows(data[HEAD.size + length :])
        spans = [Span(of, time(since), time(end), everything) for of, since, end, everything in found]
        return Pass(nick, tuple(spans)) if seconds(now) < until else None

    def secret_to_read(self) -> bytes | None:
        """The secret; None where nothing can have been signed, or where whoever signs next is told what is wrong."""
        try:
            return self.known()
        except Problem:
            return None


def signature_of(secret: bytes, data: bytes) -> bytes:
    """What only we can put before the data."""
    return hmac.digest(secret, FORM + data, "sha256")[:SIGNED]


def as_text(data: bytes) -> str:
    """As part of an address; the same bytes are one text only."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def rows(data: bytes) -> Sequence[tuple[int, int, int, bool]]:
    return [SPAN.unpack_from(data, at) for at in range(0, len(data), SPAN.size)]


def seconds(at: datetime) -> int:
    """A time in four bytes."""
    return max(0, (at - EPOCH) // SECOND)


def time(number: int) -> datetime:
    """A time from four bytes."""
    return EPOCH + number * SECOND
