"""Lines as rows: what is asked of the tables, what is put into them, and the counters that are kept beside them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Select, select, text

from chanops.core.access import fold
from chanops.core.message import Message
from chanops.core.text import plain
from chanops.services.database import as_sql, insert_all
from chanops.services.tables import channels, lines, links, mentions, moment, stamp

# IRC began in August 1988, so no line is older. Sixteen numbers a second from there on: numbers grow with
# time, and an old line that is found later gets a number among its neighbours without moving one of them.
BEGINNING = datetime(1988, 1, 1, tzinfo=UTC)
A_SECOND = 16
SEARCHED = 4096
AT_ONCE = 500
A_DAY = 86_400_000  # milliseconds
SPOKEN = ("message", "action", "notice")
LINK, FORGOTTEN = "link", "forgotten"
INSERT, INSERT_CHANNEL = lines.insert(), channels.insert()
LINE_COLUMNS = (
    lines.c.id,
    channels.c.network,
    channels.c.name,
    *(lines.c[name] for name in ("at", "nick", "account", "kind", "text", "public", "channel_id")),
)
COUNT = text(
    "INSERT INTO days (channel_id, day, public, spoken, events, version)"
    " VALUES (:channel_id, :day, :public, :spoken, :events, 1)"
    " ON CONFLICT (channel_id, day, public) DO UPDATE SET version = days.version + 1,"
    " spoken = days.spoken + excluded.spoken, events = days.events + excluded.events"
)
SEE = text(
    "INSERT INTO seen (channel_id, nick, line) VALUES (:channel_id, :nick, :line)"
    " ON CONFLICT (channel_id, nick) DO UPDATE SET line = excluded.line WHERE excluded.line > seen.line"
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A line as it was kept."""

    id: int
    network: str
    channel: str
    at: datetime
    nick: str
    account: str
    kind: str
    text: str
    public: bool = True
    channel_id: int = 0

    @property
    def plain(self) -> str:
        """The text without formatting."""
        return plain(self.text)


class Index(Protocol):
    """What finds lines by their words; it is kept in the same transaction as they are."""

    def index(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Take in rows of lines."""

    def unindex(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Take them out again."""


def said_lines() -> Select[Any]:
    """Lines with their channels, in the order that `said_from` reads."""
    return select(*LINE_COLUMNS).join(channels, lines.c.channel_id == channels.c.id)


def said_from(row: Sequence[Any]) -> Said:
    """A line from a row with LINE_COLUMNS."""
    return Said(row[0], row[1], row[2], moment(row[3]), row[4], row[5], row[6], row[7], bool(row[8]), row[9])


def said_of(row: Row, said: Message) -> Said:
    """A line that was just written."""
    of = row["id"], said.network, said.channel, moment(row["at"]), row["nick"], row["account"], row["kind"]
    return Said(*of, row["text"], row["public"], row["channel_id"])


def first_number(at: datetime) -> int:
    """The first of the numbers that belong to a second."""
    return max(1, int((at - BEGINNING).total_seconds()) * A_SECOND)


def free_number(connection: Connection, wanted: int, taken: set[int]) -> int:
    """The first number at or above the wanted one that no line has."""
    while True:
        end = wanted + SEARCHED
        held = set(connection.execute(select(lines.c.id).where(lines.c.id >= wanted, lines.c.id < end)).scalars())
        free = next((number for number in range(wanted, end) if number not in held and number not in taken), None)
        if free is not None:
            return free
        wanted = end


def channel_ids(connection: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of (network, channel) pairs; new ones get one, within the writer's transaction."""
    query = select(channels.c.network, channels.c.folded, channels.c.id)
    known = {(row[0], row[1]): row[2] for row in connection.execute(query)}
    found = {}
    for network, name in set(wanted):
        key = network, fold(name)
        if key not in known:
            known[key] = max(known.values(), default=0) + 1
            connection.execute(INSERT_CHANNEL, {"id": known[key], "network": network, "name": name, "folded": key[1]})
        found[network, name] = known[key]
    return found


def insert_lines(connection: Connection, rows: Sequence[Row], index: Index) -> None:
    """Write new lines, and all that is kept beside them: the words, the days' counters, who was seen."""
    insert_all(connection, INSERT, rows)
    index.index(connection, rows)
    spoken, events = Counter[tuple[int, int, bool]](), Counter[tuple[int, int, bool]]()
    last: dict[tuple[int, str], int] = {}
    for row in rows:
        key = row["channel_id"], row["at"] // A_DAY, row["public"]
        (spoken if row["kind"] in SPOKEN else events)[key] += 1
        if row["kind"] != LINK:  # the place of a line that is not kept
            who = row["channel_id"], fold(row["nick"])
            last[who] = max(last.get(who, 0), row["id"])
    changed(connection, spoken, events)
    if last:
        seen = [{"channel_id": of, "nick": nick, "line": line} for (of, nick), line in last.items()]
        connection.exec_driver_sql(as_sql(SEE, connection.dialect), seen)


def changed(
    connection: Connection, spoken: Mapping[tuple[int, int, bool], int], events: Mapping[tuple[int, int, bool], int]
) -> None:
    """Note what days (channel, day, public) have got or lost; their versions grow in any case."""
    days = [
        {
            "channel_id": key[0],
            "day": key[1],
            "public": key[2],
            "spoken": spoken.get(key, 0),
            "events": events.get(key, 0),
        }
        for key in {**spoken, **events}
    ]
    if days:
        connection.exec_driver_sql(as_sql(COUNT, connection.dialect), days)


def day_of(at: datetime) -> int:
    """The day of a time, as `days` has it."""
    return stamp(at) // A_DAY


def touch_days(connection: Connection, which: ColumnElement[bool]) -> None:
    """The days of lines are shown otherwise from now on."""
    query = select(lines.c.channel_id, lines.c.at, lines.c.public).where(which)
    changed(connection, {(row[0], row[1] // A_DAY, bool(row[2])): 0 for row in connection.execute(query)}, {})


def touch_days_of(connection: Connection, numbers: Sequence[int]) -> None:
    """So are all days on which links were said, first or again, since their titles are others."""
    for at in range(0, len(numbers), AT_ONCE):
        some = numbers[at : at + AT_ONCE]
        touch_days(connection, lines.c.id.in_(select(links.c.line).where(links.c.id.in_(some))))
        touch_days(connection, lines.c.id.in_(select(mentions.c.line).where(mentions.c.link.in_(some))))
