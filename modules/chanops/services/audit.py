"""The audit: what was asked, allowed, begun and what came of it; each row holds the hash of all before it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DatabaseError

from chanops.core.message import Message
from chanops.core.text import storable
from chanops.services.database import Database
from chanops.services.tables import audit, moment, stamp

BEGINNING = "0" * 64
COLUMNS = tuple(audit.c[name] for name in ("id", "at", "kind", "who", "job", "text"))


@dataclass(frozen=True)
class Verdict:
    """What a look at the whole chain found: how many rows, the last hash, the first wrong row (0: none)."""

    rows: int
    head: str
    broken_at: int
    broken_on: datetime | None = None
    head_seen: bool = False


class Audit:
    """Rows are only ever added, in the same transaction as what they tell of: without the row, no deed."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def note(self, connection: Connection, kind: str, who: str, text: str, job: int = 0) -> None:
        """Add a row, within a transaction of the writer's."""
        last = connection.execute(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)).first()
        number, before = (last[0] + 1, last[1]) if last else (1, BEGINNING)
        row = (number, stamp(datetime.now(UTC)), kind, storable(who), job, storable(text))
        names = [column.name for column in COLUMNS]
        connection.execute(audit.insert(), {**dict(zip(names, row, strict=True)), "hash": hash_of(before, row)})

    def write(self, kind: str, who: str, text: str) -> None:
        """Add a row, durably. Raises Problem where that cannot be."""
        self.database.wait(lambda connection: self.note(connection, kind, who, text), durable=True)

    def verify(self, head: str = "") -> Verdict:
        """Compute every hash anew; `head` is one of them, noted elsewhere, that must still be there."""
        before, rows, seen = BEGINNING, 0, False
        with self.database.read() as connection:
            try:
                for row in connection.execute(select(*COLUMNS, audit.c.hash).order_by(audit.c.id)):
                    rows += 1
                    if row[0] != rows or row[-1] != hash_of(before, tuple(row[:-1])):
                        return Verdict(rows, before, rows, when(row[1]))
                    before = row[-1]
                    seen = seen or before == head
            except DatabaseError:  # text that is none
                return Verdict(rows + 1, before, rows + 1)
        return Verdict(rows, before, 0, None, seen)


def hash_of(before: str, row: tuple[Any, ...]) -> str:
    """The hash of a row and all before it."""
    return hashlib.sha256(f"{before}\n{json.dumps(row, default=repr)}".encode()).hexdigest()


def when(at: Any) -> datetime | None:
    """The time of a row that somebody may have changed."""
    try:
        return moment(at)
    except (TypeError, OverflowError):
        return None


def person(said: Message) -> str:
    """Who said a line, as the audit has it."""
    return json.dumps(
        {
            "network": said.network,
            "channel": said.channel,
            "account": said.account,
            "nick": f"{said.nick}!{said.user}@{said.host}",
            "msgid": said.msgid,
        }
    )
