"""Puts lines and links of an export where they were: what is there stays, a number that is taken is another's."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, text

from chanops.services.database import insert_all
from chanops.services.line_rows import FORGOTTEN, INSERT, Index, Row, channel_ids, insert_lines
from chanops.services.oldlogs.keeping import Keeper, Numbers, first_number, near
from chanops.services.oldlogs.own import OwnLine, OwnLink, Record
from chanops.services.tables import lines, links

NOTE = text("INSERT INTO forgotten (line, at, by) VALUES (:line, :at, :by) ON CONFLICT (line) DO NOTHING")
MENTION = text("INSERT INTO mentions (link, line) VALUES (:link, :line) ON CONFLICT (link, line) DO NOTHING")
SOME = 500
GONE = FORGOTTEN, ""
AHEAD = 16 * 86_400  # numbers run ahead of time in a flood, but not for days; all that comes live stands behind them


class OwnKeeper:
    """Keeps what an export holds."""

    def __init__(self, index: Index, until: int) -> None:
        self.index, self.most = index, first_number(until) + AHEAD
        self.keepers: dict[int, Keeper] = {}
        self.moved: dict[int, int] = {}
        """Numbers in the file whose lines have another number here."""

    def keep(self, connection: Connection, records: Sequence[Record]) -> int:
        """How many of these are new, and in the tables now."""
        for keeper in self.keepers.values():
            keeper.once_more(records)
        said = [each for each in records if isinstance(each, OwnLine)]
        ids = channel_ids(connection, ((each.network, each.channel) for each in said))
        rows = self.fresh(connection, records, ids)
        insert_lines(connection, [row for row in rows if row["kind"] != FORGOTTEN], self.index)
        if gone := [row for row in rows if row["kind"] == FORGOTTEN]:
            insert_all(connection, INSERT, gone)
            by = {self.moved.get(each.id, each.id): each for each in said if each.kind == FORGOTTEN}
            notes = ((row["id"], by[row["id"]]) for row in gone)
            connection.execute(
                NOTE, [{"line": number, "at": each.forgotten_at, "by": each.forgotten_by} for number, each in notes]
            )
        return len(rows) + sum(self.keep_link(connection, each) for each in records if isinstance(each, OwnLink))

    def fresh(self, connection: Connection, records: Sequence[Record], ids: dict[tuple[str, str], int]) -> list[Row]:
        """The lines that are new."""
        said = [each for each in records if isinstance(each, OwnLine)]
        held = self.held(connection, [each.id for each in said])
        numbers = Numbers(connection)
        by_channel: dict[int, list[OwnLine]] = {}
        for each in said:
            by_channel.setdefault(ids.get((each.network, each.channel), 0), []).append(each)
        rows: list[Row] = []
        for channel_id, here in by_channel.items():
            keeper = self.keepers.get(channel_id)
            if keeper is None:
                keeper = self.keepers[channel_id] = Keeper(self.index, channel_id, False)
                keeper.once_more(records)
            keeper.prune()
            named = self.named(connection, channel_id, here)
            for some in near(here):
                there = keeper.there(connection, some)
                for line in some:
                    own = held.get(line.id)
                    known = keeper.known(there, line)
                    if (
                        own
                        and own[:3] == (channel_id, line.at, line.nick)
                        and own[3:] in ((line.kind, line.text), GONE)
                    ):
                        continue
                    if number := named.get(line.msgid or "") or (known[1] if known else 0):
                        self.moved[line.id] = number
                    else:
                        rows.append(self.row_of(line, channel_id, numbers, bool(own)))
        return rows

    def row_of(self, line: OwnLine, channel_id: int, numbers: Numbers, taken: bool) -> Row:
        """A new line as a row, with its number, or one beside it."""
        own = not taken and 0 < line.id <= self.most
        number = numbers.free(line.id if own else first_number(line.at))
        if number != line.id:
            self.moved[line.id] = number
        names = ("at", "nick", "account", "kind", "text", "msgid", "public")
        return {"id": number, "channel_id": channel_id} | {name: getattr(line, name) for name in names}

    def held(self, connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """What has these numbers."""
        columns = lines.c.id, lines.c.channel_id, lines.c.at, lines.c.nick, lines.c.kind, lines.c.text
        found: dict[int, tuple[Any, ...]] = {}
        for at in range(0, len(numbers), SOME):
            for row in connection.execute(select(*columns).where(lines.c.id.in_(numbers[at : at + SOME]))):
                found[row[0]] = tuple(row[1:])
        return found

    def named(self, connection: Connection, channel_id: int, said: Sequence[OwnLine]) -> dict[str, int]:
        """The lines of a channel that have the msgids of these."""
        msgids = [each.msgid for each in said if each.msgid]
        found: dict[str, int] = {}
        for at in range(0, len(msgids), SOME):
            query = select(lines.c.msgid, lines.c.id).where(lines.c.channel_id == channel_id)
            some = query.where(lines.c.msgid.is_not(None), lines.c.msgid.in_(msgids[at : at + SOME]))
            found |= {row[0]: row[1] for row in connection.execute(some)}
        return found

    def keep_link(self, connection: Connection, link: OwnLink) -> int:
        """1 if a link is new; one whose line is not there, or was forgotten, is left out."""
        line = self.moved.get(link.line, link.line)
        same = links.c.line == line, links.c.place == link.place
        found = connection.execute(select(links.c.id, links.c.key).where(*same)).first()
        if not self.remembered(connection, [line]) or (found and found[1] != link.key):
            return 0
        number = found[0] if found else link.id
        if not found:
            if connection.execute(select(links.c.id).where(links.c.id == number)).first():
                number = (connection.execute(select(func.max(links.c.id))).scalar() or 0) + 1
            names = ("place", "key", "address", "fetched", "public", "at", "changed")
            title, titled = self.title(connection, link)
            row = {"id": number, "line": line, "title": title, "titled": titled}
            insert_all(connection, links.insert(), [row | {name: getattr(link, name) for name in names}])
        if there := self.remembered(connection, [self.moved.get(each, each) for each in link.mentions]):
            connection.execute(MENTION, [{"link": number, "line": each} for each in sorted(there)])
        return 0 if found else 1

    def title(self, connection: Connection, link: OwnLink) -> tuple[str, int | None]:
        """A link's title and the line in which it was given; none where that was forgotten."""
        if link.titled is None:
            return link.title, None
        titled = self.moved.get(link.titled, link.titled)
        return (link.title, titled) if self.remembered(connection, [titled]) else ("", None)

    def remembered(self, connection: Connection, numbers: Sequence[int]) -> set[int]:
        """Those of these lines that are there, and were not forgotten."""
        there: set[int] = set()
        for at in range(0, len(numbers), SOME):
            query = select(lines.c.id).where(lines.c.id.in_(numbers[at : at + SOME]), lines.c.kind != FORGOTTEN)
            there |= set(connection.execute(query).scalars())
        return there
