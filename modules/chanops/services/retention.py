"""Keeps the lines of a channel only for as many days as its settings say, and nothing of them longer."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, delete, select

from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.forget import forget_links
from chanops.services.line_rows import A_DAY, FORGOTTEN, SPOKEN, Index, Row, changed
from chanops.services.tables import channels, days, forgotten, lines, seen, stamp

log = logging.getLogger(__name__)
AT_ONCE = 1000
NAMES = ("id", "channel_id", "at", "nick", "kind", "text", "public")


class Retention:
    """Removes what is older; to be run once a day."""

    def __init__(
        self,
        database: Database,
        index: Index,
        settings: Callable[[], Settings],
        scrub: Callable[[], object] = lambda: None,
        due: Callable[[], None] = lambda: None,
    ) -> None:
        self.database, self.index, self.settings = database, index, settings
        self.scrub, self.due = scrub, due
        self.on_removed: list[Callable[[int, list[int]], None]] = []

    def run(self, now: datetime) -> int:
        """Remove what is older than it may be: how many lines that were. Others can write between two thousands."""
        removed = 0
        for number, keep in self.limited():
            end = stamp(now - timedelta(days=keep))
            while gone := self.database.wait(partial(self.remove, channel_id=number, end=end)):
                removed += len(gone)
                for tell in self.on_removed:
                    tell(number, gone)
        if removed:
            log.info("removed %d lines that are older than their channels keep them", removed)
            self.scrub()
        return removed

    def limited(self) -> list[tuple[int, int]]:
        """The channels whose lines are not kept for ever, with the days."""
        query = select(channels.c.id, channels.c.network, channels.c.name)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        found = [(number, self.settings().channel(network, name).keep) for number, network, name in rows]
        return [each for each in found if each[1] > 0]

    def remove(self, connection: Connection, channel_id: int, end: int) -> list[int]:
        """Remove some of the oldest lines, in the writer's transaction; which."""
        query = select(*(lines.c[name] for name in NAMES)).where(lines.c.channel_id == channel_id, lines.c.at < end)
        query = query.order_by(lines.c.at, lines.c.id).limit(AT_ONCE)
        rows: list[Row] = [dict(zip(NAMES, row, strict=True)) for row in connection.execute(query)]
        if not rows:
            return []
        self.due()
        numbers = [row["id"] for row in rows]
        self.index.unindex(connection, rows)
        forget_links(connection, numbers, end, lambda *place: self.settings().channel(*place).open)
        connection.execute(delete(forgotten).where(forgotten.c.line.in_(numbers)))
        connection.execute(delete(seen).where(seen.c.channel_id == channel_id, seen.c.line.in_(numbers)))
        connection.execute(delete(lines).where(lines.c.id.in_(numbers)))
        discount(connection, rows)
        if len(rows) < AT_ONCE:
            connection.execute(delete(days).where(days.c.channel_id == channel_id, days.c.day < end // A_DAY))
        return numbers


def discount(connection: Connection, rows: Sequence[Row]) -> None:
    """The days have fewer lines now; what was forgotten has left them before."""
    spoken, events = Counter[tuple[int, int, bool]](), Counter[tuple[int, int, bool]]()
    for row in rows:
        counted = spoken if row["kind"] in SPOKEN else events
        counted[row["channel_id"], row["at"] // A_DAY, bool(row["public"])] -= row["kind"] != FORGOTTEN
    changed(connection, spoken, events)
