"""The jobs that everybody may see, for pages and feeds: public when they were asked for, and public now."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, and_, false, literal_column, not_, or_, select

from chanops.core.access import fold
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.feed_cache import Recent
from chanops.services.feed_output import (
    WRONG,
    Result,
    Tails,
    Written,
    has_run,
    last_of,
    results_of,
    results_so_far,
    whole_output,
)
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.rows import (
    FINISHED,
    Job,
    OutputLine,
    Step,
    UnitRow,
    job_of,
    jobs_by,
    output_line,
    steps_of,
    units_of,
)
from chanops.services.tables import jobs, output, stamp

MOST_LINES = 300
MOST_FAILED, END = 10, 4096  # machines of a job whose output is in the feed, and characters of it that are looked at
MOST_TAILS = 16  # jobs under way whose output is kept in memory
MOST_KNOWN = 200  # jobs that are over, each with what its feed item needs
Place = tuple[str, str]
NOWHERE: Collection[Place] = ()


@dataclass(frozen=True)
class Ended:
    """A job that is over, with its machines; where commands were run on them, the first that a person must look at.

    `written` is what those wrote last, and `more` is how many more there are to look at.
    """

    job: Job
    units: Sequence[UnitRow]
    ran: bool = False
    written: Mapping[int, Written] = field(default_factory=dict)
    more: int = 0


@dataclass(frozen=True)
class ShownJob:
    """A job as its page shows it: of its own lines the last, and the number before which there are more, or 0.

    `results` are there where commands were run on its machines.
    """

    job: Job
    units: Sequence[UnitRow]
    steps: Sequence[Step]
    output: Sequence[OutputLine]
    earlier: int
    results: Sequence[Result] = ()


@dataclass(frozen=True)
class JobList:
    """Some jobs, newest first, and the number before which there are more, or 0."""

    under_way: Sequence[Job]
    over: Sequence[Job]
    earlier: int


class PublicJobs:
    """Reads jobs; where [web] machines = no, there are none."""

    def __init__(self, database: Database, jobs: Jobs, settings: Callable[[], Settings]) -> None:
        self.database, self.jobs, self.settings = database, jobs, settings
        self.lock = threading.Lock()
        self.tails: dict[int, Tails] = {}
        self.known: Recent[tuple[int, int], Ended] = Recent(MOST_KNOWN)

    @property
    def on(self) -> bool:
        """Whether machines and jobs are shown at all."""
        return self.settings().web.machines

    def stamp(self) -> object:
        """What differs once any job has changed: cheap to ask."""
        return self.jobs.stamp() if self.on else None

    def wait_for_news(self, seen: int, within: float) -> int:
        """Wait until a job has news; what to pass the next time."""
        return self.jobs.wait_for_news(seen, within)

    def may_see(self, job: Job) -> bool:
        """Whether a job is for everybody's eyes."""
        return self.on and job.public and self.settings().channel(job.network, job.channel).open

    def ended(self, most: int, place: Place | None = None, whole: Collection[Place] = NOWHERE) -> list[Ended]:
        """The jobs that ended last, newest end first; of one place only, or of all.

        Those of `whole` are there for whoever asks, even if they are not for everybody's eyes.
        """
        if not self.on:
            return []
        with self.database.read() as connection:
            over = [self.visible(connection, whole), jobs.c.state.in_(FINISHED)]
            if place is not None:
                over.append(at_places(self.places(connection), [place]))
            query = select(jobs.c.id, jobs.c.changed).where(*over).order_by(jobs.c.ended.desc(), jobs.c.id.desc())
            wanted = [(row.id, row.changed) for row in connection.execute(query.limit(most))]
            known = {each: found for each in wanted if (found := self.known.get(each)) is not None}
            # What is over does not change any more, and there may be hundreds of machines in each.
            new = select(jobs).where(jobs.c.id.in_([number for number, at in wanted if (number, at) not in known]))
            read = {(job.id, stamp(job.changed)): ended(connection, job) for job in jobs_by(connection, new)}
        known |= {each: self.known.put(each, found) for each, found in read.items()}
        return [known[each] for each in wanted if each in known]

    def newest(self, before: int = 0, most: int = 100) -> JobList:
        """The newest jobs, those under way first; those that are over with a number below `before`, if that is given.

        Those under way are on the first page only, however old they are.
        """
        with self.database.read() as connection:
            query = select(jobs).where(self.visible(connection)).order_by(jobs.c.id.desc())
            over = query.where(jobs.c.state.in_(FINISHED))
            if before:
                under_way, over = [], over.where(jobs.c.id < before)
            else:
                under_way = jobs_by(connection, query.where(jobs.c.state.not_in(FINISHED)).limit(most))
            found = jobs_by(connection, over.limit(most - len(under_way) + 1))
        shown = found[: most - len(under_way)]
        more = len(found) > len(shown)
        return JobList(under_way, shown, (shown[-1].id if shown else 1 << 31) if more else 0)

    def find(self, number: int, before: int = 0) -> ShownJob | None:
        """A job with the last lines of its output, or the last before one of them; None where nobody may see it."""
        with self.database.read() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == number)).mappings().first()
            job = job_of(row) if row else None
            if job is None or not self.may_see(job):
                return None
            lines = lines_before(connection, number, before)
            more = len(lines) > MOST_LINES
            lines = lines[-MOST_LINES:]
            machines = units_of(connection, number)
            results = self.results(connection, job, machines)
            return ShownJob(job, machines, steps_of(connection, number), lines, lines[0].id if more else 0, results)

    def results(self, connection: Connection, job: Job, machines: Sequence[UnitRow]) -> Sequence[Result]:
        """What came of the commands that were run on a job's machines, so far."""
        if job.over:
            self.tails.pop(job.id, None)
            return results_of(connection, job.id, machines) if has_run(connection, job.id, machines) else ()
        with self.lock:
            tails = self.tails.get(job.id)
            if tails is None:
                tails = Tails(connection, job.id, machines)
                self.tails = dict([*self.tails.items(), (job.id, tails)][-MOST_TAILS:])
            tails.read(connection)
            so_far = dict(tails.of)
        ran = bool(so_far) or any(unit.facts for unit in machines)
        return results_so_far(machines, so_far) if ran else ()

    def written(self, number: int, unit: int, stream: int = 0) -> Iterator[str] | None:
        """All that a command wrote on one of a job's machines, in pieces; None where nobody may see it."""
        with self.database.read() as connection:
            found = jobs_by(connection, select(jobs).where(jobs.c.id == number))
            if not found or not self.may_see(found[0]) or unit >= len(units_of(connection, number)):
                return None
        return whole_output(self.database, number, unit, stream)

    def visible(self, connection: Connection, whole: Collection[Place] = NOWHERE) -> ColumnElement[bool]:
        """The jobs that everybody may see, and all of some places."""
        shown: list[ColumnElement[bool]] = [jobs.c.public.is_(True)]
        if any(not channel.open for channel in self.settings().channels.values()):
            hidden = [each for each in self.places(connection) if not self.settings().channel(*each).open]
            shown += [not_(at(each)) for each in hidden]
        return or_(and_(*shown), at_places(self.places(connection), whole)) if whole else and_(*shown)

    @staticmethod
    def places(connection: Connection) -> list[Place]:
        """The places that jobs were asked for in."""
        rows = connection.execute(select(jobs.c.network, jobs.c.channel).distinct())
        return [(row.network, row.channel) for row in rows]


def at(place: Place) -> ColumnElement[bool]:
    return and_(jobs.c.network == place[0], jobs.c.channel == place[1])


def at_places(there: Sequence[Place], wanted: Collection[Place]) -> ColumnElement[bool]:
    """The jobs of some places, however their names were cased when the jobs were asked for."""
    folded = {(network, fold(channel)) for network, channel in wanted}
    return or_(false(), *(at(each) for each in there if (each[0], fold(each[1])) in folded))


def ended(connection: Connection, job: Job) -> Ended:
    """What the feed says of a job that is over; without what it does not say, since that is kept."""
    job = replace(job, plan=replace(job.plan, units=()))
    machines = units_of(connection, job.id)
    if not has_run(connection, job.id, machines):
        return Ended(job, machines)
    wrong = [unit for unit in machines if unit.state in WRONG]
    shown = wrong[:MOST_FAILED]
    written = {unit.number: last_of(connection, job.id, unit.number, END) for unit in shown}
    return Ended(job, shown, True, written, len(wrong) - len(shown))


def lines_before(connection: Connection, job: int, before: int) -> list[OutputLine]:
    """One more than the last of a job's own lines that are shown, before one of them or of all; oldest first."""
    own = output.c.stream == literal_column("0")  # written out, so that the index of these lines is used
    query = select(output).where(output.c.job == job, own).order_by(output.c.id.desc()).limit(MOST_LINES + 1)
    if before:
        query = query.where(output.c.id < before)
    rows = connection.execute(query).mappings().all()
    return [output_line(row) for row in reversed(rows)]
