"""The lines that were said: each has a number, which is its permanent address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, and_, func, or_, select

from chanops.core.logged import is_off, log_text
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.line_rows import (
    FORGOTTEN,
    LINK,
    Index,
    Row,
    Said,
    channel_ids,
    first_number,
    free_number,
    insert_lines,
    said_from,
    said_lines,
    said_of,
)
from chanops.services.search import Search
from chanops.services.tables import lines, stamp

EARLIER, LATER = 1000, 5000  # milliseconds by which what is played back may have been heard then
REMEMBERED = 1000  # lines, since two links of one line may come in two batches
ADDRESS = "://"

__all__ = ["History", "Said"]


@dataclass
class Batch:
    """Lines on their way into the table."""

    numbers: list[int]
    rows: list[Row]
    new: list[Said]
    untold: list[Said] = field(default_factory=list)
    """Those that were kept before with a link or a job, and that nobody was told of yet."""


class History:
    """Keeps lines; within a transaction of the writer's."""

    def __init__(
        self, database: Database, settings: Callable[[], Settings] = Settings, index: Index | None = None
    ) -> None:
        self.database, self.settings, self.index = database, settings, index or Search(database)
        self.kept: dict[int, tuple[Message, int]] = {}
        self.untold: dict[int, Said] = {}
        self.mask: Callable[[str], str] = str  # what is kept has no secrets in it

    def line(self, number: int) -> Said | None:
        """The line of that number, or None."""
        if not 0 < number < 1 << 62:
            return None
        with self.database.read() as connection:
            row = connection.execute(said_lines().where(lines.c.id == number)).first()
        return said_from(row) if row else None

    def keep(self, connection: Connection, messages: Sequence[Message]) -> list[int]:
        """The numbers of these lines, once they are in the table; one that was there before keeps its number."""
        batch = self.keep_new(connection, messages, careful=True)
        new = {said.id: said for said in batch.new}
        for said, number in zip(messages, batch.numbers, strict=True):
            if number in new:
                self.untold[id(said)] = new[number]
        return batch.numbers

    def told(self, messages: Sequence[Message]) -> None:
        """Those who show lines know of these now."""
        for said in messages:
            self.untold.pop(id(said), None)

    def keep_new(self, connection: Connection, messages: Sequence[Message], careful: bool = False) -> Batch:
        """The same, and those that are new. Careful: any may be there; else only what is played back or has a link."""
        last = connection.execute(select(func.max(lines.c.id))).scalar() or 0
        ids = channel_ids(connection, ((said.network, said.channel) for said in messages))
        batch = Batch([], [], [])
        settings = self.settings()
        rules = {place: (settings.channel(*place).log, settings.is_open(*place)) for place in ids}
        fresh: dict[tuple[int, str], int] = {}
        for said in messages:
            channel_id = ids[said.network, said.channel]
            here = channel_id, said.msgid or str(id(said))
            unsure = careful or said.replayed or ADDRESS in said.raw or id(said) in self.kept
            known = fresh.get(here) or (self.known(connection, said, channel_id) if unsure else None)
            if known:
                batch.numbers.append(known)
                if (untold := self.untold.get(id(said))) is not None and untold.id == known:
                    batch.untold.append(untold)
                continue
            number = max(first_number(said.at), last + 1)
            if said.replayed and first_number(said.at) <= last:
                number = free_number(connection, first_number(said.at), {*batch.numbers})
            last = max(last, number)
            fresh[here] = number
            if unsure:
                self.remember(said, number)
            batch.numbers.append(number)
            batch.rows.append(row_of(number, said, channel_id, *rules[said.network, said.channel]))
            batch.new.append(said_of(batch.rows[-1], said))
        self.hide_secrets(batch)
        insert_lines(connection, batch.rows, self.index)
        return batch

    def hide_secrets(self, batch: Batch) -> None:
        """Take secrets out of new lines; of most batches, one look at all of it tells that there are none."""
        together = "\n".join(row["text"] for row in batch.rows)
        if self.mask(together) == together:
            return
        for place, (row, said) in enumerate(zip(batch.rows, batch.new, strict=True)):
            row["text"] = self.mask(row["text"])
            batch.new[place] = replace(said, text=row["text"])

    def known(self, connection: Connection, said: Message, channel_id: int) -> int | None:
        """The number of a line that is in the table already: by its msgid, or, played back, by all it says."""
        remembered = self.kept.get(id(said))
        query = select(lines.c.id).where(lines.c.channel_id == channel_id)
        text = self.mask(log_text(said))
        same = lines.c.nick == said.nick, lines.c.text == text
        if said.msgid:
            query = query.where(lines.c.msgid == said.msgid)
        elif said.replayed:
            at, second = stamp(said.at), stamp(said.at) // 1000 * 1000
            removed = and_(
                lines.c.kind == FORGOTTEN, lines.c.nick == said.nick, lines.c.at.between(second, second + 999)
            )
            query = query.where(lines.c.at.between(at - EARLIER, at + LATER), or_(and_(*same), removed))
        elif remembered:  # its number may be another line's by now, if it was not committed then
            query = query.where(lines.c.id == remembered[1], lines.c.at == stamp(said.at))
            query = query.where(lines.c.nick == said.nick, lines.c.text.in_(("", text)))
        else:  # the same words at the same time, but for those that are known to be another line
            found = connection.execute(query.where(lines.c.at == stamp(said.at), *same)).scalars().all()
            others = {number for _, number in self.kept.values()} if found else ()
            return min((number for number in found if number not in others), default=None)
        return connection.execute(query.limit(1)).scalar()

    def remember(self, said: Message, number: int) -> None:
        """Note the number of this very line: as long as it is held here, no other has its identity."""
        self.kept[id(said)] = (said, number)
        if len(self.kept) > REMEMBERED:
            oldest = next(iter(self.kept))
            del self.kept[oldest]
            self.untold.pop(oldest, None)

    def logged(self, said: Message) -> bool:
        """Whether a line is kept; where it is not, a link that was said in it stands alone."""
        return self.settings().channel(said.network, said.channel).log and not is_off(log_text(said), said.event)


def row_of(number: int, said: Message, channel_id: int, log: bool, public: bool) -> Row:
    """A line as a row; where it is not to be kept, its place without its text."""
    text = log_text(said)
    logged = log and not is_off(text, said.event)
    return {
        "id": number,
        "channel_id": channel_id,
        "at": stamp(said.at),
        "nick": said.nick,
        "account": said.account,
        "kind": said.event if logged else LINK,
        "text": text if logged else "",
        "msgid": said.msgid or None,
        "public": public,
    }
