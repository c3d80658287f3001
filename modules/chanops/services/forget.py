"""Forgets lines: out of the table, the index, the links and the file, down to the last byte; their addresses stay."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select, text, update

from chanops.core.message import Message
from chanops.services.database import Database
from chanops.services.line_rows import A_DAY, FORGOTTEN, SPOKEN, Index, Said, changed, said_lines
from chanops.services.reading import Reading
from chanops.services.tables import lines, links, mentions, stamp

log = logging.getLogger(__name__)
MOST_AT_ONCE = 100
VACUUM = "VACUUM lines, line_words, links, mentions"
NOTE = text(
    "INSERT INTO forgotten (line, at, by) VALUES (:line, :at, :by)"
    " ON CONFLICT (line) DO UPDATE SET at = excluded.at, by = excluded.by"
)


class Forgetting:
    """What is forgotten leaves a mark at its address: whose line it was, who had it removed, and when."""

    def __init__(self, database: Database, reading: Reading, index: Index, purge: Callable[[Connection], bool]) -> None:
        self.database, self.reading, self.index, self.purge = database, reading, index, purge
        self.on_forgotten: list[Callable[[int, list[int]], None]] = []

    def forget(self, numbers: Sequence[int], by: str, channel_id: int | None = None) -> int:
        """Forget these lines; how many there were. Returns once nothing of them is left in the file."""
        found: list[tuple[int, int]] = self.database.wait(
            lambda connection: self.remove(connection, numbers, by, channel_id), durable=True
        )
        if found:
            self.scrub()
            for channel in {each for _, each in found}:
                here = [line for line, of in found if of == channel]
                for tell in self.on_forgotten:
                    tell(channel, here)
        return len(found)

    def line(self, number: int) -> Said | None:
        """A line that is there to be forgotten."""
        if not 0 < number < 1 << 62:
            return None
        found = self.reading.found(said_lines().where(lines.c.id == number, lines.c.kind != FORGOTTEN))
        return found[0] if found else None

    def redacted(self, said: Message) -> None:
        """A network's own wish that a line be removed (IRCv3 draft/message-redaction); blocks."""
        channel = self.reading.channel(said.network, said.channel)
        if channel is None or not said.msgid:
            return
        query = select(lines.c.id).where(lines.c.channel_id == channel.id, lines.c.msgid == said.msgid)
        with self.database.read() as connection:
            numbers = list(connection.execute(query).scalars())
        if numbers:
            self.forget(numbers, said.nick)

    def remove(
        self, connection: Connection, numbers: Sequence[int], by: str, channel_id: int | None
    ) -> list[tuple[int, int]]:
        """The lines as (number, channel) that were there and are gone now, in the writer's transaction."""
        names = ("id", "channel_id", "at", "nick", "kind", "text", "public")
        query = select(*(lines.c[name] for name in names)).where(lines.c.id.in_(numbers), lines.c.kind != FORGOTTEN)
        if channel_id is not None:
            query = query.where(lines.c.channel_id == channel_id)
        rows = [dict(zip(names, row, strict=True)) for row in connection.execute(query)]
        if not rows:
            return []
        self.index.unindex(connection, rows)
        ids = [row["id"] for row in rows]
        gone = {"kind": FORGOTTEN, "text": "", "account": "", "msgid": None}
        connection.execute(update(lines).where(lines.c.id.in_(ids)).values(**gone))
        now = stamp(datetime.now(UTC))
        connection.execute(NOTE, [{"line": number, "at": now, "by": by} for number in ids])
        forget_links(connection, ids, now)
        spoken, events = Counter[tuple[int, int, bool]](), Counter[tuple[int, int, bool]]()
        for row in rows:
            counted = spoken if row["kind"] in SPOKEN else events
            counted[row["channel_id"], row["at"] // A_DAY, bool(row["public"])] -= 1
        changed(connection, spoken, events)
        return [(row["id"], row["channel_id"]) for row in rows]

    def scrub(self) -> None:
        """Take the bytes out of what the database holds beside its rows: the index's segments, pages, its journal."""
        while self.database.wait(self.purge, durable=True):
            pass  # a part at a time: others write in between
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "sqlite":
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
                if busy:
                    log.warning("a reader holds on to what is to be forgotten: the next checkpoint takes it out")
            else:
                connection.exec_driver_sql(VACUUM)


def forget_links(connection: Connection, numbers: Sequence[int], now: int) -> None:
    """A link that was said in these lines belongs to whoever said it next, if anybody did; its title goes."""
    connection.execute(delete(mentions).where(mentions.c.line.in_(numbers)))
    for (link,) in connection.execute(select(links.c.id).where(links.c.line.in_(numbers))).all():
        line = connection.execute(select(func.min(mentions.c.line)).where(mentions.c.link == link)).scalar()
        connection.execute(delete(mentions).where(mentions.c.link == link, mentions.c.line == (line or 0)))
        if line is None:
            connection.execute(delete(mentions).where(mentions.c.link == link))
            connection.execute(delete(links).where(links.c.id == link))
            continue
        place = connection.execute(select(func.max(links.c.place)).where(links.c.line == line)).scalar() or 0
        newest = connection.execute(select(func.max(links.c.changed))).scalar() or 0
        moved = {"line": line, "place": place + 1, "title": "", "changed": max(now, newest + 1)}
        connection.execute(update(links).where(links.c.id == link).values(**moved))
