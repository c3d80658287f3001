"""Forgets lines: out of the table, the index, the links and the file, down to the last byte; their addresses stay."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, or_, select, text, update

from chanops.core.access import is_form_of
from chanops.core.message import Message
from chanops.services.database import Database
from chanops.services.line_rows import (
    A_DAY,
    FORGOTTEN,
    SPOKEN,
    Index,
    Said,
    changed,
    said_from,
    said_lines,
    touch_days_of,
)
from chanops.services.reading import Reading
from chanops.services.scrub import Scrub
from chanops.services.tables import channels, lines, links, mentions, stamp

MOST_AT_ONCE = 100
NOTE = text(
    "INSERT INTO forgotten (line, at, by) VALUES (:line, :at, :by)"
    " ON CONFLICT (line) DO UPDATE SET at = excluded.at, by = excluded.by"
)


class Forgetting:
    """What is forgotten leaves a mark at its address: whose line it was, who had it removed, and when."""

    def __init__(
        self,
        database: Database,
        reading: Reading,
        index: Index,
        purge: Callable[[Connection], bool],
        own: Callable[[str], str] = lambda network: "",
    ) -> None:
        self.database, self.reading, self.index = database, reading, index
        self.scrub = Scrub(database, purge)
        self.own = own  # the bot's nick on a network
        self.is_open: Callable[[str, str], bool] = lambda network, channel: True
        self.on_forgotten: list[Callable[[int, list[int]], None]] = []

    def forget(self, numbers: Sequence[int], by: str, channel_id: int | None = None) -> int:
        """Forget these lines, and what the bot itself said of them; how many there were, without the bot's.

        Nothing of them is left in the file then, unless somebody still reads it: then soon.
        """
        quotes = self.quotes_of(numbers)
        found: list[tuple[int, int]] = self.database.wait(
            lambda connection: self.remove(connection, [*numbers, *quotes], by, channel_id), durable=True
        )
        for channel in {each for _, each in found}:
            here = [line for line, of in found if of == channel]
            for tell in self.on_forgotten:
                tell(channel, here)
        if found:
            self.scrub.run()
        return len([line for line, _ in found if line not in quotes])

    def quotes_of(self, numbers: Sequence[int]) -> list[int]:
        """The lines in which the bot told of these: what ends with their addresses, and titles of their links."""
        wanted = {f"/line/{number}" for number in numbers}
        named = select(lines.c.channel_id, links.c.address, links.c.title, links.c.fetched)
        named = named.join(links, or_(links.c.line == lines.c.id, links.c.titled == lines.c.id))
        with self.database.read() as connection:
            told = {
                (channel, before + name)
                for channel, *names in connection.execute(named.where(lines.c.id.in_(numbers)))
                for name in names
                for before in ("kept: ", "\u21b3 ")
                if name
            }
            texts = or_(lines.c.text.like("%/line/%"), lines.c.text.in_({text for _, text in told}))
            query = said_lines().where(lines.c.id > min(numbers, default=0), lines.c.kind.in_(SPOKEN), texts)
            answers = [said_from(row) for row in connection.execute(query)] if numbers else []
        return [
            said.id
            for said in answers
            if is_form_of(said.nick, self.own(said.network))
            and (said.plain[said.plain.rfind("/line/") :] in wanted or (said.channel_id, said.plain) in told)
        ]

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
        self.scrub.due()
        self.index.unindex(connection, rows)
        ids = [row["id"] for row in rows]
        gone = {"kind": FORGOTTEN, "text": "", "account": ""}  # by its msgid it is known when it is played back
        connection.execute(update(lines).where(lines.c.id.in_(ids)).values(**gone))
        now = stamp(datetime.now(UTC))
        connection.execute(NOTE, [{"line": number, "at": now, "by": by} for number in ids])
        forget_links(connection, ids, now, self.is_open)
        spoken, events = Counter[tuple[int, int, bool]](), Counter[tuple[int, int, bool]]()
        for row in rows:
            counted = spoken if row["kind"] in SPOKEN else events
            counted[row["channel_id"], row["at"] // A_DAY, bool(row["public"])] -= 1
        changed(connection, spoken, events)
        return [(row["id"], row["channel_id"]) for row in rows]


def forget_links(
    connection: Connection, numbers: Sequence[int], now: int, is_open: Callable[[str, str], bool] = lambda *_: True
) -> None:
    """A link that was said in these lines belongs to whoever said it next, if anybody did; titles go with their lines.

    It stays with those who see it, so as long as there is one, with a line of a channel that is open.
    """
    concerned = select(links.c.id).where(or_(links.c.line.in_(numbers), links.c.titled.in_(numbers)))
    touch_days_of(connection, connection.execute(concerned).scalars().all())
    connection.execute(delete(mentions).where(mentions.c.line.in_(numbers)))
    changed_at = max(now, (connection.execute(select(func.max(links.c.changed))).scalar() or 0) + 1)
    own = select(links.c.id, links.c.public, links.c.titled, lines.c.channel_id).join(lines, links.c.line == lines.c.id)
    for link, public, titled, channel_id in connection.execute(own.where(links.c.line.in_(numbers))).all():
        again = mentions_of(connection, link, bool(public), channel_id, is_open)
        if not again:
            connection.execute(delete(mentions).where(mentions.c.link == link))
            connection.execute(delete(links).where(links.c.id == link))
            continue
        line = again[0]
        connection.execute(delete(mentions).where(mentions.c.link == link, mentions.c.line == line))
        place = connection.execute(select(func.max(links.c.place)).where(links.c.line == line)).scalar() or 0
        moved = {"line": line, "place": place + 1, "changed": changed_at}
        untitled = {} if titled in again else {"title": "", "titled": None}
        connection.execute(update(links).where(links.c.id == link).values(**moved, **untitled))
    change = update(links).where(links.c.titled.in_(numbers))
    connection.execute(change.values(title="", titled=None, changed=changed_at))


def mentions_of(
    connection: Connection, link: int, public: bool, channel_id: int, is_open: Callable[[str, str], bool]
) -> list[int]:
    """The lines that said a link again where those are who see it; those that most can see come first."""
    query = (
        select(lines.c.id, lines.c.channel_id, channels.c.network, channels.c.name)
        .join(mentions, mentions.c.line == lines.c.id)
        .join(channels, lines.c.channel_id == channels.c.id)
        .where(mentions.c.link == link, lines.c.public.is_(public), lines.c.kind != FORGOTTEN)
        .order_by(lines.c.id)
    )
    found = [(row[0], is_open(row[2], row[3]) if public else row[1] == channel_id) for row in connection.execute(query)]
    return [line for line, first in sorted(found, key=lambda each: not each[1])]
