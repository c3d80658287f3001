"""pmxbot's SQLite file: its table `logs`, with local times, and channels without their #."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.services.oldlogs.base import LONGEST_NAME, Given, Old, Place, Tally
from chanops.services.oldlogs.clock import Clock
from chanops.services.oldlogs.files import decoded
from chanops.services.oldlogs.places import CHANNEL, is_channel

SUFFIXES = (".sqlite", ".db", ".sqlite3")
# SQLite holds whatever it was given, of any type.
ROW = (
    "SELECT id, CAST(datetime AS TEXT), CAST(nick AS TEXT), CAST(message AS TEXT) FROM logs"
    " WHERE CAST(channel AS TEXT) = CAST(? AS TEXT) ORDER BY id"
)
CHANNELS = "SELECT CAST(channel AS TEXT), COUNT(*), SUM(LENGTH(CAST(message AS BLOB))) FROM logs GROUP BY 1 ORDER BY 1"
A_ROW = 40  # bytes, beside its text; for the progress only


@dataclass
class Rows:
    """The lines of one channel."""

    path: Path
    place: Place
    given: Given
    name: bytes
    size: int
    tally: Tally = field(default_factory=Tally)

    def read(self) -> Iterator[Old]:
        """What was said, in the order in which it was written."""
        clock = Clock(self.given.zone, self.tally)
        try:
            with closing(opened(self.path)) as connection:
                for number, *texts in connection.execute(ROW, (self.name,)):
                    if old := self.old(number, texts, clock):
                        yield old
        except sqlite3.Error as error:
            raise Problem(f"{self.path}: {error}: is the file whole? What came before is kept") from None

    def old(self, number: int, texts: list[bytes | None], clock: Clock) -> Old | None:
        """One row; None where it is not understood."""
        at, nick, message = (each or b"" for each in texts)
        text = decoded(message, self.given.encoding, self.tally).replace("\n", " ")
        self.tally.lines += 1
        self.tally.size += len(message) + A_ROW
        moment = moment_of(at, clock)
        who = decoded(nick, self.given.encoding, self.tally).strip()
        if moment is None or not 0 < len(who) <= LONGEST_NAME:
            self.tally.note(number, f"{at.decode('latin-1')} {who} {text}")
            return None
        return Old(moment, who, "message", text)


def sources(path: Path, given: Given) -> list[Rows]:
    """One for each channel."""
    try:
        with closing(opened(path)) as connection:
            found = connection.execute(CHANNELS).fetchall()
    except sqlite3.Error as error:
        raise Problem(f"{path}: not a SQLite file of pmxbot's: {error}") from None
    made = []
    for name, count, size in found:
        text = (name or b"").decode("utf-8", "replace")
        channel = text if text.startswith(tuple(CHANNEL)) else f"#{text}"
        if is_channel(channel) and fold(given.channel or channel) == fold(channel):
            made.append(Rows(path, Place(given.network, channel), given, name, (size or 0) + count * A_ROW))
    return made


def opened(path: Path) -> sqlite3.Connection:
    """The file, to be read only; whatever is in a text is bytes."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
    connection.text_factory = bytes
    return connection


def moment_of(text: bytes, clock: Clock) -> int | None:
    """A time such as 2026-11-21 12:00:00.123456."""
    try:
        local = datetime.fromisoformat(text.decode("ascii", "replace"))
    except ValueError:
        return None
    clock.day = local.date()
    at = clock.at(local.hour, local.minute, local.second)
    return None if at is None else at + local.microsecond // 1000
