"""A text log of one channel: each format is a function that reads one line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chanops.services.oldlogs.base import LONGEST_NAME, Given, Old, Other, Place, Tally
from chanops.services.oldlogs.clock import Clock
from chanops.services.oldlogs.files import lines_of

Parse = Callable[[str, Clock], Old | Other]


@dataclass
class TextLog:
    """A file of lines."""

    path: Path
    place: Place
    given: Given
    parse: Parse
    tally: Tally = field(default_factory=Tally)

    @property
    def size(self) -> int:
        """How many bytes there are to read."""
        return self.path.stat().st_size

    def read(self) -> Iterator[Old]:
        """What was said, in the file's order."""
        clock = Clock(self.given.zone, self.tally, self.place.day)
        parse, tally = self.parse, self.tally
        for number, line in lines_of(self.path, self.given.encoding, tally):
            found = parse(line, clock)
            if isinstance(found, Old) and len(found.nick) <= LONGEST_NAME:
                yield found
            elif isinstance(found, Old):
                tally.note(number, line, "longer than any nick")
            elif found is Other.STRANGE and line.strip():
                tally.note(number, line)
