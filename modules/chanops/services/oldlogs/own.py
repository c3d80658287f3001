"""chanops' own export, JSON lines: what it says is kept as it was, numbers and all, where they are free."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from chanops.core.logged import LOGGED
from chanops.services.line_rows import FORGOTTEN, LINK
from chanops.services.oldlogs.base import Given, Place, Tally
from chanops.services.oldlogs.places import is_channel
from chanops.services.tables import stamp

SUFFIXES = (".jsonl",)
LONGEST = 1 << 20  # bytes
KINDS = {*LOGGED, LINK, FORGOTTEN}
MOST = 1 << 62
EVERY = Place()


class OwnLine(NamedTuple):
    """A line as it was exported."""

    id: int
    network: str
    channel: str
    at: int
    nick: str
    account: str
    kind: str
    text: str
    msgid: str | None
    public: bool
    forgotten_at: int = 0
    forgotten_by: str = ""
    resolution: int = 1


class OwnLink(NamedTuple):
    """A link as it was exported."""

    id: int
    line: int
    place: int
    key: str
    address: str
    title: str
    fetched: str
    public: bool
    at: int
    changed: int
    mentions: tuple[int, ...]


Record = OwnLine | OwnLink


@dataclass
class OwnLog:
    """A file that `chanops export` wrote."""

    path: Path
    given: Given
    place: Place = EVERY
    tally: Tally = field(default_factory=Tally)

    @property
    def size(self) -> int:
        """How many bytes there are to read."""
        return self.path.stat().st_size

    def read(self) -> Iterator[Record]:
        """Its lines and links, in the file's order; jobs are not taken in."""
        tally = self.tally
        with self.path.open("rb") as file:
            while raw := file.readline(LONGEST):
                tally.lines += 1
                tally.size += len(raw)
                try:
                    found = record_of(json.loads(raw))
                except (ValueError, TypeError, LookupError, RecursionError) as error:
                    tally.note(tally.lines, raw[:100].decode("utf-8", "replace"), type(error).__name__)
                    continue
                if isinstance(found, OwnLine) and not self.meant(found):
                    continue
                if found:
                    yield found

    def meant(self, line: OwnLine) -> bool:
        """Whether a line is of the network and channel that were asked for, if any were."""
        return self.given.network in ("", line.network) and self.given.channel in ("", line.channel)


def record_of(given: dict[str, Any]) -> Record | None:
    """A line or a link; None for what is not taken in. Raises for what is none."""
    if given["type"] == "job":
        return None
    if given["type"] == "link":
        return OwnLink(
            id=whole(given["id"]),
            line=whole(given["line"]),
            place=whole(given["place"]),
            key=words(given["key"]),
            address=words(given["address"]),
            title=words(given["title"]),
            fetched=words(given["fetched"]),
            public=truth(given["public"]),
            at=moment_of(given["at"]),
            changed=moment_of(given["changed"]),
            mentions=tuple(map(whole, given["mentions"])),
        )
    if given["type"] != "line" or given["kind"] not in KINDS or not is_channel(given["channel"]):
        raise ValueError(given)
    made = OwnLine(
        id=whole(given["id"]),
        network=words(given["network"]),
        channel=words(given["channel"]),
        at=moment_of(given["at"]),
        nick=words(given["nick"]),
        account=words(given["account"]),
        kind=words(given["kind"]),
        text=words(given["text"]),
        msgid=words(given["msgid"]) if given["msgid"] else None,
        public=truth(given["public"]),
    )
    if gone := given.get("forgotten"):
        made = made._replace(forgotten_at=moment_of(gone["at"]), forgotten_by=words(gone["by"]))
    return made


def whole(value: object) -> int:
    """A number as the tables hold them. Raises ValueError."""
    if type(value) is not int or not 0 <= value < MOST:
        raise ValueError(value)
    return value


def truth(value: object) -> bool:
    """Yes or no. Raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def words(value: object) -> str:
    """A text that a database can hold. Raises ValueError."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    value.encode()  # halves of characters cannot be
    return value


def moment_of(text: str) -> int:
    """A time as the tables hold it. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return stamp(at.astimezone(UTC))


def sources(path: Path, given: Given) -> list[OwnLog]:
    """The file."""
    return [OwnLog(path, given)]
