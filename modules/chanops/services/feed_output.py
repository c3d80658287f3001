"""What commands wrote on machines, for pages and the feed: the ends of it, all of it, and machines that ended alike."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from heapq import merge

from sqlalchemy import Connection, func, select

from chanops.core.terminal import end_of
from chanops.services.database import Database
from chanops.services.jobs.rows import Is, UnitRow
from chanops.services.tables import output

STDOUT, STDERR = 1, 2
WRONG = (Is.ATTENTION, Is.FAILED)
ORDER = (*WRONG, Is.CANCELLED, Is.RUNNING, Is.DONE, Is.WAITING)
ENDS = {
    "cancelled": "cancelled",
    "timed-out": "timed out",
    "flooded": "ended: too much output",
    "lost": "unknown: connection lost",
}
STATES: Mapping[str, str] = {Is.DONE: "ok", Is.ATTENTION: "needs attention"}
MOST = 300_000  # characters that are shown of a job that is over
MOST_LIVE, MOST_OF_ONE = 65536, 4096  # of one that is under way, and of each of its machines
LAST = 1 << 62  # a row behind all others
ROWS, PIECE = 16, 65536  # rows that are read at once of a whole output, and characters that are handed on at once


@dataclass(frozen=True)
class Written:
    """The end of what a machine's command wrote to stdout and to stderr, and whether more of it is not shown."""

    out: str = ""
    err: str = ""
    more: bool = False


@dataclass(frozen=True)
class Result:
    """Machines that ended in the same way and wrote the same; or one that is not done yet."""

    machines: tuple[UnitRow, ...]
    written: Written = Written()


class Tails:
    """What the commands of a job that is under way wrote last; each look reads only what is new."""

    def __init__(self, connection: Connection, job: int, units: Sequence[UnitRow]) -> None:
        self.job = job
        self.last: int = connection.execute(select(func.max(output.c.id))).scalar() or 0
        found = {unit.number: last_of(connection, job, unit.number, MOST_OF_ONE, self.last) for unit in units}
        self.of = {number: written for number, written in found.items() if written != Written()}

    def read(self, connection: Connection) -> None:
        """See what is new."""
        query = select(output.c.id, output.c.unit, output.c.stream, output.c.text).order_by(output.c.id)
        for row in connection.execute(query.where(output.c.job == self.job, output.c.id > self.last)):
            if row.stream:
                self.of[row.unit] = grown(self.of.get(row.unit, Written()), row.stream, row.text)
            self.last = row.id


def grown(before: Written, stream: int, text: str) -> Written:
    """The end of what was written before and now."""
    out = before.out + text if stream == STDOUT else before.out
    err = before.err + text if stream == STDERR else before.err
    return Written(out[-MOST_OF_ONE - 1 :], err[-MOST_OF_ONE - 1 :])


def last_of(connection: Connection, job: int, unit: int, most: int, upto: int = LAST) -> Written:
    """The last characters that were written on one machine, so many of each stream, up to a row.

    There is one more where there are more: so it can be seen whether a line begins with the first that is shown.
    """
    out = last_of_stream(connection, job, unit, STDOUT, most + 1, upto)
    return Written(out, last_of_stream(connection, job, unit, STDERR, most + 1, upto))


def last_of_stream(connection: Connection, job: int, unit: int, stream: int, most: int, upto: int) -> str:
    """The last characters of one stream."""
    query = select(output.c.text).where(output.c.job == job, output.c.unit == unit, output.c.stream == stream)
    pieces, size = [], 0
    with connection.execute(query.where(output.c.id <= upto).order_by(output.c.id.desc())) as rows:
        for (text,) in rows:
            pieces.append(text)
            size += len(text)
            if size >= most:
                break
    return "".join(reversed(pieces))[-most:]


def fitted(written: Written, most: int) -> Written:
    """At most so many characters of both streams together: half of them for stderr, and what the other leaves."""
    err = end_of(written.err, max(most // 2, most - len(written.out)))
    out = end_of(written.out, most - len(err))
    return Written(out, err, (out, err) != (written.out, written.err))


def shares(sizes: Sequence[int], most: int) -> list[int]:
    """How much each may have so that all have at most so much: what the small ones leave, the large ones share."""
    given, left = [0] * len(sizes), most
    for count, place in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        given[place] = left // (len(sizes) - count)
        left -= min(sizes[place], given[place])
    return given


def has_run(connection: Connection, job: int, units: Iterable[UnitRow]) -> bool:
    """Whether commands were run on a job's machines: it is known how one ended, or one has written something."""
    wrote = select(output.c.id).where(output.c.job == job, output.c.stream > 0).limit(1)
    return any(unit.facts for unit in units) or connection.execute(wrote).first() is not None


def results_so_far(units: Sequence[UnitRow], tails: Mapping[int, Written]) -> list[Result]:
    """What there is of each machine while a job is under way."""
    groups = alike(units, tails.keys())
    found = [tails.get(group[0].number, Written()) for group in groups]
    given = shares([len(each.out) + len(each.err) for each in found], MOST_LIVE)
    most = [min(each, MOST_OF_ONE) for each in given]
    return [Result(*each) for each in zip(groups, map(fitted, found, most), strict=True)]


def results_of(connection: Connection, job: int, units: Sequence[UnitRow]) -> list[Result]:
    """What came of each machine of a job that is over; where room is short, most of it is for what went wrong."""
    unsure = [unit.number for unit in units if "digest" not in unit.facts]
    groups = alike(units, {number for number in unsure if last_of(connection, job, number, 1) != Written()})
    wrong = [size_of(group[0]) for group in groups if group[0].state in WRONG]  # they are the first
    fine = [size_of(group[0]) for group in groups[len(wrong) :]]
    given = shares(wrong, MOST * 2 // 3 if fine else MOST)
    given += shares(fine, MOST - sum(map(min, wrong, given)))
    return [
        Result(group, fitted(last_of(connection, job, group[0].number, most), most))
        for group, most in zip(groups, given, strict=True)
    ]


def size_of(unit: UnitRow) -> int:
    """How much a machine wrote; where nobody knows, as much as can be shown."""
    return int(unit.facts.get("kept", MOST))


def alike(units: Sequence[UnitRow], wrote: Set[int]) -> list[tuple[UnitRow, ...]]:
    """Machines that ended in the same way and wrote the same, the worst first; `wrote` has those that wrote at all."""
    groups: dict[tuple[object, ...], list[UnitRow]] = {}
    for unit in units:
        facts = unit.facts
        same = facts.get("digest", unit.number if unit.number in wrote else "")
        ended = tuple(facts.get(name) for name in ("end", "status", "signal", "written"))
        text = "" if "end" in facts else unit.text
        groups.setdefault((unit.state, same, ended, text), []).append(unit)
    return sorted(map(tuple, groups.values()), key=lambda group: ORDER.index(Is(group[0].state)))


def whole_output(database: Database, job: int, unit: int, stream: int = 0) -> Iterator[str]:
    """All that was written on one machine, to one stream or to both in its order; never much of it at once."""
    streams = [stream] if stream else [STDOUT, STDERR]
    waiting, size = [], 0
    for _, text in merge(*(rows_of(database, job, unit, each) for each in streams)):
        waiting.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def rows_of(database: Database, job: int, unit: int, stream: int) -> Iterator[tuple[int, str]]:
    """The rows of one stream, some at a time, so that a slow reader holds up nobody."""
    query = select(output.c.id, output.c.text).order_by(output.c.id).limit(ROWS)
    query = query.where(output.c.job == job, output.c.unit == unit, output.c.stream == stream)
    last = 0
    while True:
        with database.read() as connection:
            rows = connection.execute(query.where(output.c.id > last)).all()
        yield from ((row.id, row.text) for row in rows)
        if len(rows) < ROWS:
            return
        last = rows[-1].id


def ending(unit: UnitRow) -> str:
    """How a machine's command ended, in a few words; where none was run, the machine's state."""
    end: str = unit.facts.get("end", "")
    status = unit.facts.get("status")
    if end == "exited" and (status != 0 or unit.state != Is.DONE):
        return f"exit {status}"
    if end == "signalled":
        return f"killed by SIG{unit.facts.get('signal')}"
    return ENDS.get(end) or STATES.get(unit.state, unit.state)
