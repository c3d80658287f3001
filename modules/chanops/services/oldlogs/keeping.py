"""Puts old lines among those that are there: each once, at its time, and no number moves."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from sqlalchemy import Connection, select

from chanops.core.logged import is_off
from chanops.core.text import plain
from chanops.services.line_rows import A_SECOND, BEGINNING, FORGOTTEN, LINK, Index, Row, insert_lines
from chanops.services.oldlogs.base import Old
from chanops.services.tables import lines, stamp

FIRST = stamp(BEGINNING)
A_QUARTER = 900_000  # milliseconds
REMEMBERED = 20_000  # lines of a file that may have a twin later in it
AT_ONCE = 4096
# By what two lines are the same: minute or second, nick, kind, text. Logs leave formatting out, often.
Key = tuple[int, str, str, str]


class Timed(Protocol):
    """What lines are compared by."""

    @property
    def at(self) -> int: ...
    @property
    def nick(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def resolution(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Keeper:
    """Keeps the lines of one channel from one file, in their order.

    The second of two like lines in a minute is the same as the second in the table. So what is there is counted, and
    what the file had of it.
    """

    def __init__(self, index: Index, channel_id: int, public: bool) -> None:
        self.index, self.channel_id, self.public = index, channel_id, public
        self.had: dict[Key, int] = {}
        self.last = (0, 0, 0)  # when the last line was, as the file says and as the table says, and its number
        self.saved: tuple[object, dict[Key, int], tuple[int, int, int]] = (None, {}, self.last)

    def keep(self, connection: Connection, olds: Sequence[Old]) -> int:
        """How many of these lines are new, and in the table now; within a transaction of the writer's."""
        rows = self.fresh(connection, olds)
        insert_lines(connection, rows, self.index)
        return len(rows)

    def fresh(self, connection: Connection, olds: Sequence[Old]) -> list[Row]:
        """Those of these lines that are new, as rows."""
        self.once_more(olds)
        numbers = Numbers(connection)
        rows: list[Row] = []
        for some in near(olds):
            there = self.there(connection, some)
            for old in some:
                if known := self.known(there, old):
                    self.last = (old.at, *known)
                else:
                    rows.append(self.row_of(old, numbers))
        self.prune()
        return rows

    def prune(self) -> None:
        """Only what is near may have a twin."""
        for key in list(islice(self.had, max(0, len(self.had) - REMEMBERED))):
            del self.had[key]

    def once_more(self, olds: object) -> None:
        """Go back to where a batch began, if it is the same again: its transaction came to nothing."""
        if self.saved[0] is olds:
            self.had, self.last = dict(self.saved[1]), self.saved[2]
        else:
            self.saved = olds, dict(self.had), self.last

    def there(self, connection: Connection, olds: Sequence[Timed]) -> dict[Key, list[tuple[int, int]]]:
        """What the table has of these lines' minutes, as (time, number)."""
        exact = olds[0].resolution
        first = min(old.at for old in olds) // exact * exact
        last = max(old.at for old in olds) // exact * exact + exact - 1
        query = select(lines.c.at, lines.c.id, lines.c.nick, lines.c.kind, lines.c.text)
        query = query.where(lines.c.channel_id == self.channel_id, lines.c.at.between(first, last))
        found: dict[Key, list[tuple[int, int]]] = {}
        for at, number, nick, kind, text in connection.execute(query.order_by(lines.c.at, lines.c.id)):
            if kind != LINK:
                found.setdefault((at // exact, nick, kind, plain(text).rstrip()), []).append((at, number))
        return found

    def known(self, there: dict[Key, list[tuple[int, int]]], old: Timed) -> tuple[int, int] | None:
        """When a line that is there was, and its number.

        Where somebody had a line forgotten, none of theirs of that minute is new: it could be that one.
        """
        key = key_of(old)
        place, twins = self.had.get(key, 0), there.get(key, ())
        self.had[key] = place + 1
        if place < len(twins):
            return twins[place]
        marks = there.get((key[0], key[1], FORGOTTEN, ""))
        return marks[0] if marks else None

    def row_of(self, old: Old, numbers: "Numbers") -> Row:
        """A new line as a row: at its time, or with the one before it in the file where that was later."""
        said, at, number = self.last
        wanted = first_number(old.at)
        moment = old.at
        if said and said <= old.at:
            if said // old.resolution == old.at // old.resolution:
                moment = max(moment, at)
            wanted = max(first_number(moment), number + 1)
        number = numbers.free(wanted)
        self.last = old.at, moment, number
        return {
            "id": number,
            "channel_id": self.channel_id,
            "at": moment,
            "nick": old.nick,
            "account": "",
            "kind": old.kind,
            "text": old.text,
            "msgid": None,
            "public": self.public,
        }


class Numbers:
    """Numbers that no line has, looked up many at once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.held: set[int] = set()
        self.start = self.end = 0
        self.given: set[int] = set()

    def free(self, wanted: int) -> int:
        """The first free number at or above the wanted one; it is taken then."""
        while True:
            if not self.start <= wanted < self.end:
                self.look(wanted)
            if wanted not in self.held and wanted not in self.given:
                self.given.add(wanted)
                return wanted
            wanted += 1

    def look(self, wanted: int) -> None:
        """Which numbers are held from there on."""
        query = select(lines.c.id).where(lines.c.id >= wanted).order_by(lines.c.id).limit(AT_ONCE)
        found = self.connection.execute(query).scalars().all()
        self.held = set(found)
        self.start, self.end = wanted, found[-1] + 1 if len(found) == AT_ONCE else 1 << 62


def first_number(at: int) -> int:
    """The first of the numbers that belong to a second."""
    return max(1, (at - FIRST) // 1000 * A_SECOND)


def key_of(old: Timed) -> Key:
    """By what a line is known."""
    return old.at // old.resolution, old.nick, old.kind, plain(old.text).rstrip()


def near(olds: Sequence[T]) -> Iterator[Sequence[T]]:
    """Lines in groups that lie close together: what is between two that do not need not be read."""
    start = 0
    for at in range(1, len(olds) + 1):
        if (
            at == len(olds)
            or abs(olds[at].at - olds[at - 1].at) > A_QUARTER
            or olds[at].resolution != olds[start].resolution
        ):
            yield olds[start:at]
            start = at


def unwanted(old: Timed) -> bool:
    """Whether whoever said this did not want it kept: the same as of what is heard."""
    return is_off(old.text, old.kind)
