"""chanops' own export, JSON lines: what it says is kept as it was, numbers and all, where they are free."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from chanops.core.address import parts
from chanops.core.logged import LOGGED
from chanops.core.text import storable
from chanops.services.line_rows import FORGOTTEN, LINK
from chanops.services.links import key_to_store
from chanops.services.oldlogs.base import LONGEST_NAME, Given, Place, Tally
from chanops.services.oldlogs.places import is_channel
from chanops.services.tables import stamp

SUFFIXES = (".jsonl",)
LONGEST = 1 << 20  # bytes
KINDS = {*LOGGED, LINK, FORGOTTEN}
MOST = 1 << 62
SMALL = 1 << 31  # what PostgreSQL's columns of small numbers hold
LONGEST_MSGID = 2000  # characters; an index of PostgreSQL's holds 2700 bytes
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
    titled: int | None = None
    """The line in which the title was given, where that is known."""


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
                except (ValueError, RecursionError) as error:
                    tally.note(tally.lines, raw[:100].decode("utf-8", "replace"), reason(error))
                    continue
                if isinstance(found, OwnLine) and not self.meant(found):
                    continue
                if found:
                    yield found

    def meant(self, line: OwnLine) -> bool:
        """Whether a line is of the network and channel that were asked for, if any were."""
        return self.given.network in ("", line.network) and self.given.channel in ("", line.channel)


def record_of(given: object) -> Record | None:
    """A line or a link; None for what is not taken in. Raises ValueError for what is none."""
    if not isinstance(given, dict) or given.get("type") not in ("line", "link", "job"):
        raise ValueError("no line, link or job")
    if given["type"] == "job":
        return None
    if given["type"] == "link":
        return link_of(given)
    made = OwnLine(
        id=whole(given, "id"),
        network=name(given, "network"),
        channel=name(given, "channel"),
        at=moment_of(given, "at"),
        nick=name(given, "nick"),
        account=name(given, "account"),
        kind=words(given, "kind"),
        text=words(given, "text"),
        msgid=words(given, "msgid", LONGEST_MSGID) if given.get("msgid") else None,
        public=truth(given, "public"),
    )
    if made.kind not in KINDS:
        raise ValueError(f"no kind of line is {made.kind[:40]!r}")
    if not is_channel(made.channel):
        raise ValueError(f"no channel is called {made.channel[:40]!r}")
    if gone := given.get("forgotten"):
        if not isinstance(gone, dict):
            raise ValueError("forgotten: it says neither when nor by whom")
        made = made._replace(forgotten_at=moment_of(gone, "at"), forgotten_by=words(gone, "by"))
    if made.kind == FORGOTTEN:
        made = made._replace(account="")
    return made if made.kind in LOGGED else made._replace(text="")


def link_of(given: dict[str, Any]) -> OwnLink:
    """A link; its key is made anew. Raises ValueError, also for what no browser should follow."""
    address = words(given, "address")
    found = parts(address)
    if found is None:
        raise ValueError("a link begins with http:// or https://")
    mentions = given.get("mentions")
    if not isinstance(mentions, list):
        raise ValueError("mentions: no list")
    return OwnLink(
        id=whole(given, "id", SMALL),
        line=whole(given, "line"),
        place=whole(given, "place", SMALL),
        key=key_to_store(found.key),
        address=address,
        title=words(given, "title"),
        fetched=words(given, "fetched"),
        public=truth(given, "public"),
        at=moment_of(given, "at"),
        changed=moment_of(given, "changed"),
        mentions=tuple(whole({"mentions": each}, "mentions") for each in mentions),
        titled=None if given.get("titled") is None else whole(given, "titled"),
    )


def whole(given: dict[str, Any], key: str, most: int = MOST) -> int:
    """A number as the tables hold them. Raises ValueError."""
    value = given.get(key)
    if type(value) is not int or not 0 <= value < most:
        raise ValueError(f"{key}: no number from 0 to {most - 1}")
    return value


def truth(given: dict[str, Any], key: str) -> bool:
    """Yes or no. Raises ValueError."""
    value = given.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key}: neither true nor false")
    return value


def words(given: dict[str, Any], key: str, most: int = LONGEST) -> str:
    """A text that a database can hold. Raises ValueError."""
    value = given.get(key)
    if not isinstance(value, str) or len(value) > most or value != storable(value):  # halves of characters cannot be
        raise ValueError(f"{key}: no text that can be kept")
    return value


def name(given: dict[str, Any], key: str) -> str:
    """A text by which something is found. Raises ValueError."""
    return words(given, key, LONGEST_NAME)


def moment_of(given: dict[str, Any], key: str) -> int:
    """A time as the tables hold it. Raises ValueError."""
    try:
        at = datetime.fromisoformat(given.get(key, ""))
        if at.tzinfo is not None:
            return stamp(at.astimezone(UTC))
    except (ValueError, TypeError, OverflowError):  # the last: the ends of the calendar, in some zone
        pass
    raise ValueError(f"{key}: no time such as 2026-11-21T12:00:00Z")


def reason(error: Exception) -> str:
    """Why something is no record."""
    return "no JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError) else str(error)


def sources(path: Path, given: Given) -> list[OwnLog]:
    """The file."""
    return [OwnLog(path, given)]
