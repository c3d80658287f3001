"""The jobs that everybody may see, for pages and feeds: public when they were asked for, and public now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, not_, select

from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.rows import (
    FINISHED,
    Job,
    OutputLine,
    Step,
    UnitRow,
    job_of,
    jobs_by,
    steps_of,
    units_of,
)
from chanops.services.tables import jobs, moment, output

MOST_LINES = 300


@dataclass(frozen=True)
class Ended:
    """A job that is over, with its machines."""

    job: Job
    units: Sequence[UnitRow]


@dataclass(frozen=True)
class ShownJob:
    """A job as its page shows it: of its output the last lines, and the number before which there are more, or 0."""

    job: Job
    units: Sequence[UnitRow]
    steps: Sequence[Step]
    output: Sequence[OutputLine]
    earlier: int


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
        return self.on and job.public and self.settings().channel(job.network, job.channel).feed

    def ended(self, most: int) -> list[Ended]:
        """The jobs that ended last, newest end first."""
        if not self.on:
            return []
        with self.database.read() as connection:
            over = jobs.c.state.in_(FINISHED)
            query = select(jobs).where(self.visible(connection), over).order_by(jobs.c.ended.desc(), jobs.c.id.desc())
            return [Ended(job, units_of(connection, job.id)) for job in jobs_by(connection, query.limit(most))]

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
            return ShownJob(
                job, units_of(connection, number), steps_of(connection, number), lines, lines[0].id if more else 0
            )

    def visible(self, connection: Connection) -> ColumnElement[bool]:
        """The jobs that everybody may see."""
        shown: list[ColumnElement[bool]] = [jobs.c.public.is_(True)]
        if any(not channel.feed for channel in self.settings().channels.values()):
            places = connection.execute(select(jobs.c.network, jobs.c.channel).where(shown[0]).distinct()).all()
            hidden = [each for each in places if not self.settings().channel(each.network, each.channel).feed]
            shown += [not_(and_(jobs.c.network == each.network, jobs.c.channel == each.channel)) for each in hidden]
        return and_(*shown)


def lines_before(connection: Connection, job: int, before: int) -> list[OutputLine]:
    """One more than the last lines that are shown, before one of them or of all; oldest first."""
    query = select(output).where(output.c.job == job).order_by(output.c.id.desc()).limit(MOST_LINES + 1)
    if before:
        query = query.where(output.c.id < before)
    rows = connection.execute(query).mappings().all()
    return [OutputLine(row["id"], row["unit"], moment(row["at"]), row["text"]) for row in reversed(rows)]
