"""The lines that were said: each has a number, which is its permanent address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from chanops.core.message import Message
from chanops.core.text import plain
from chanops.services.database import Database, insert_all
from chanops.services.tables import lines, moment, stamp

# IRC began in August 1988, so no line is older. Sixteen numbers a second from there on: numbers grow with
# time, and an old line that is found later gets a number among its neighbours without moving one of them.
BEGINNING = datetime(1988, 1, 1, tzinfo=UTC)
A_SECOND = 16
SEARCHED = 4096
ACTION = "\x01ACTION "
REMEMBERED = 1000  # lines, since two links of one line may come in two batches
INSERT = lines.insert()
LINE_COLUMNS = tuple(lines.c[name] for name in ("id", "network", "channel", "at", "nick", "account", "kind", "text"))


@dataclass(frozen=True)
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

    @property
    def plain(self) -> str:
        """The text without formatting."""
        return plain(self.text)


class History:
    """Keeps lines; within a transaction of the writer's."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.kept: dict[int, tuple[Message, int]] = {}

    def line(self, number: int) -> Said | None:
        """The line of that number, or None."""
        if not 0 < number < 1 << 62:
            return None
        with self.database.read() as connection:
            row = connection.execute(select(*LINE_COLUMNS).where(lines.c.id == number)).first()
        return said_from(row) if row else None

    def keep(self, connection: Connection, messages: Sequence[Message]) -> list[int]:
        """The numbers of these lines, once they are in the table; one that was there before keeps its number."""
        last = connection.execute(select(func.max(lines.c.id))).scalar() or 0
        numbers, rows = [], []
        fresh: dict[tuple[str, str, str], int] = {}
        for said in messages:
            known = self.known(connection, said) or fresh.get((said.network, said.channel, said.msgid or str(id(said))))
            if known:
                numbers.append(known)
                continue
            number = max(first_number(said.at), last + 1)
            if said.replayed and first_number(said.at) <= last:
                number = free_number(connection, first_number(said.at), {*numbers})
            last = max(last, number)
            fresh[said.network, said.channel, said.msgid or str(id(said))] = number
            self.remember(said, number)
            numbers.append(number)
            rows.append(row_of(number, said))
        insert_all(connection, INSERT, rows)
        return numbers

    def known(self, connection: Connection, said: Message) -> int | None:
        """The number of a line that is in the table already: by its msgid, or, played back, by all it says."""
        remembered = None if said.msgid or said.replayed else self.kept.get(id(said))
        if not (said.msgid or said.replayed or remembered):
            return None
        query = select(lines.c.id).where(lines.c.network == said.network, lines.c.channel == said.channel)
        if said.msgid:
            query = query.where(lines.c.msgid == said.msgid)
        elif remembered:  # its number may be another line's by now, if it was not committed then
            query = query.where(
                lines.c.id == remembered[1],
                lines.c.at == stamp(said.at),
                lines.c.nick == said.nick,
                lines.c.text == text_of(said),
            )
        else:
            number = first_number(said.at)
            query = query.where(
                lines.c.id.between(number, number + SEARCHED), lines.c.nick == said.nick, lines.c.text == text_of(said)
            )
        return connection.execute(query).scalar()

    def remember(self, said: Message, number: int) -> None:
        """Note the number of this very line: as long as it is held here, no other has its identity."""
        self.kept[id(said)] = (said, number)
        if len(self.kept) > REMEMBERED:
            del self.kept[next(iter(self.kept))]


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


def text_of(said: Message) -> str:
    """The text as it is kept: with its formatting, without the frame of an action."""
    if said.event == "action" and said.raw.startswith(ACTION):
        return said.raw[len(ACTION) :].rstrip("\x01")
    return said.raw or said.text


def row_of(number: int, said: Message) -> dict[str, object]:
    return {
        "id": number,
        "network": said.network,
        "channel": said.channel,
        "at": stamp(said.at),
        "nick": said.nick,
        "account": said.account,
        "kind": said.event,
        "text": text_of(said),
        "msgid": said.msgid or None,
    }


def said_from(row: Sequence[Any]) -> Said:
    """A line from a row with LINE_COLUMNS."""
    return Said(row[0], row[1], row[2], moment(row[3]), row[4], row[5], row[6], row[7])
