"""What all formats share: what a line of an old log was, where it belongs, and what is counted on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from chanops.core.errors import Problem

MODES = "~&@%+!. "  # what clients put before a nick: its rank, and a blank where it has none
MINUTE, SECOND = 60_000, 1000
SHOWN = 5
LONGEST_NAME = 400  # characters; an index of PostgreSQL's holds 2700 bytes


class Old(NamedTuple):
    """Something that happened in a channel, from an old log."""

    at: int
    """Milliseconds since 1970, UTC: the beginning of the minute or second that the log names."""
    nick: str
    kind: str
    text: str
    resolution: int = SECOND
    """How long that minute or second is, in milliseconds."""


class Other(Enum):
    """A line of a log that is none of a channel's."""

    BESIDE = "about the program that wrote the log"
    STRANGE = "not understood"


class Place(NamedTuple):
    """Where a file belongs, as far as its path says."""

    network: str = ""
    channel: str = ""
    day: date | None = None


@dataclass(frozen=True)
class Given:
    """What was said about the files on the command line."""

    zone: ZoneInfo
    encoding: str = "utf-8"
    year: int = 0
    network: str = ""
    channel: str = ""


@dataclass
class Tally:
    """What was found in a file."""

    lines: int = 0
    size: int = 0
    """How many of its bytes are read."""
    strange: int = 0
    samples: list[str] = field(default_factory=list)
    """The first few that were not understood."""
    recoded: int = 0
    """Lines in another encoding than the one that was named."""
    twice: int = 0
    """Lines of the hour that is there twice, because the clocks were set back."""
    never: int = 0
    """Lines of the hour that is not there, because the clocks were set forward."""

    def note(self, number: int, line: str, why: str = "") -> None:
        """A line that is not understood."""
        self.strange += 1
        if len(self.samples) < SHOWN:
            self.samples.append(f"line {number}: {line[:100]!r}" + (f" ({why})" if why else ""))


class Source(Protocol):
    """The lines of one channel in one file."""

    path: Path
    place: Place
    tally: Tally

    @property
    def size(self) -> int:
        """How many bytes there are to read."""

    def read(self) -> Iterator[Old]:
        """What was said there, in the file's order; the tally grows with it."""


def minute_of(hour: str, minute: str, second: str | None) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds, and how exact that is."""
    return int(hour), int(minute), int(second or 0), SECOND if second else MINUTE


def missing(path: Path, what: str, example: str) -> Problem:
    """What the path does not say."""
    return Problem(f"{path}: its path does not say which {what} it is of: name it with --{what} {example}")
