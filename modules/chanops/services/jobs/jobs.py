"""The jobs, as commands and pages ask for them; and what is said of them in the channel."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Select, func, select

from chanops.core.access import fold
from chanops.core.errors import Problem, Refused
from chanops.core.message import Message
from chanops.core.plan import Plan
from chanops.core.sections import Settings
from chanops.services.audit import Audit, person
from chanops.services.database import Database, NotStored
from chanops.services.history import History
from chanops.services.jobs.engine import Engine, Workflow
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.reports import USUAL, Telling
from chanops.services.jobs.rows import (
    FINISHED,
    Is,
    Job,
    OutputLine,
    Step,
    UnitRow,
    jobs_by,
    output_of,
    steps_of,
    units_of,
)
from chanops.services.pages import Pages
from chanops.services.tables import jobs

log = logging.getLogger(__name__)
FIRST_NEWS, MOST_QUIET = 30.0, 300.0  # seconds between two lines about a running job: ever longer
MINUTE = 60.0
QUICKER = 5  # times as many commands may be run in a minute as clouds may be changed
TOO_LATE = timedelta(days=1)  # after which the end of a job is no news in the channel
SayIn = Callable[[str, str, str], bool]  # network, channel, text; False where the bot is not there now


@dataclass(frozen=True)
class Whole:
    """A job with all that belongs to it."""

    job: Job
    units: Sequence[UnitRow]
    steps: Sequence[Step]
    output: Sequence[OutputLine]


class Jobs:
    """Whatever acts on machines: asked for, followed, ended."""

    def __init__(
        self,
        database: Database,
        history: History,
        settings: Callable[[], Settings],
        pages: Callable[[], Pages],
        workflows: Mapping[str, Workflow],
        tellings: Mapping[str, Telling] = {},
    ) -> None:
        self.database, self.settings, self.pages, self.tellings = database, settings, pages, tellings
        self.audit = Audit(database)
        self.journal = Journal(database, history, self.audit)
        self.engine = Engine(database, self.journal, workflows, lambda: settings().jobs.parallel, tellings)
        self.engine.news = self.heard_news
        self.say: SayIn = lambda network, channel, text: False
        self.news = threading.Condition()
        self.on_news: Callable[[], object] = lambda: None
        self.count = 0
        self.quiet: dict[int, tuple[float, float, str]] = {}
        self.asked: dict[tuple[str, str], deque[float]] = {}

    def start(self, folder: Path) -> None:
        """Take up what a crash left, and what is asked for."""
        self.engine.start(folder / "runners")

    def stop(self) -> None:
        """Leave all as it is; it goes on at the next start."""
        self.engine.stop()

    def submit(self, plan: Plan, said: Message, told: str = "") -> str:
        """Have a plan carried out; the line that says so, with what else is to be told. Raises Refused.

        Of a quick kind of job only its end is told, or, if that takes a while, that it is under way: then nothing is
        said now.
        """
        settings = self.settings()
        telling = self.tellings.get(plan.kind, USUAL)
        self.count_command(said, settings.jobs.per_minute * (QUICKER if telling.quick else 1))
        here = said.network, said.channel
        public = bool(said.channel) and settings.channel(*here).log and settings.is_open(*here)
        job = self.engine.submit(plan, said, public, settings.jobs.most_jobs)
        now = time.monotonic()
        self.quiet[job.id] = (now, telling.first_news or FIRST_NEWS, "")
        waits = self.in_the_way(job) if job.state == Is.WAITING else ""
        if telling.quick and not waits and not told:
            return ""
        return f"job {job.id}: {job.title}{told}{waits} {self.pages().job(job.id)}".rstrip()

    def in_the_way(self, job: Job) -> str:
        """Which job holds a machine that this one needs."""
        keys = {key: unit.shares for unit in job.plan.units for key in unit.keys}
        held = [
            each.id
            for each in self.unfinished()
            if each.id < job.id
            for unit in each.plan.units
            if any(key in keys and not (unit.shares and keys[key]) for key in unit.keys)
        ]
        return f" (waits for job {held[0]})" if held else ""

    def count_command(self, said: Message, most: int) -> None:
        """Raises Refused where an account acts on machines too often."""
        now = time.monotonic()
        times = self.asked.setdefault((said.network, fold(said.account)), deque())
        while times and now - times[0] > MINUTE:
            times.popleft()
        if len(times) >= most:
            raise Refused(f"{most} commands a minute are the limit: wait {MINUTE - now + times[0]:.0f} s")
        times.append(now)

    @contextmanager
    def refusals_noted(self, said: Message) -> Iterator[None]:
        """Whatever is refused within is in the audit."""
        try:
            yield
        except NotStored:
            raise
        except Problem as problem:
            self.audit.write("refused", person(said), self.journal.mask(f"{said.text}: {problem}"))
            raise

    def report(self, title: str, text: str) -> None:
        """Something to read, on a page and in the feed, as a job that is done."""
        self.journal.report(title, text)

    def find(self, number: int) -> Job:
        """A job. Raises Problem where there is none."""
        with self.database.read() as connection:
            found = jobs_by(connection, select(jobs).where(jobs.c.id == number)) if 0 < number < 1 << 31 else []
        if not found:
            raise Problem(f"there is no job {number}: .jobs lists them")
        return found[0]

    def whole(self, number: int, after: int = 0) -> Whole:
        """A job with its machines, steps and output. Raises Problem."""
        job = self.find(number)
        with self.database.read() as connection:
            return Whole(
                job,
                units_of(connection, number),
                steps_of(connection, number),
                output_of(connection, number, after),
            )

    def newest(self, most: int = 50, public: bool = False) -> list[Job]:
        """The newest jobs; with `public`, those that everybody may see."""
        return self.listed(self.shown(public).order_by(jobs.c.id.desc()).limit(most))

    def unfinished(self) -> list[Job]:
        """The jobs that are not over, oldest first."""
        return self.listed(select(jobs).where(jobs.c.state.not_in(FINISHED)).order_by(jobs.c.id))

    def ended(self, most: int) -> list[Job]:
        """The jobs that ended last, for everybody's eyes."""
        query = self.shown(True).where(jobs.c.state.in_(FINISHED)).order_by(jobs.c.ended.desc(), jobs.c.id.desc())
        return self.listed(query.limit(most))

    def shown(self, public: bool) -> Select[tuple[object, ...]]:
        query = select(jobs)
        return query.where(jobs.c.public) if public else query

    def listed(self, query: Select[tuple[object, ...]]) -> list[Job]:
        with self.database.read() as connection:
            return jobs_by(connection, query)

    def stamp(self) -> object:
        """What differs once any job has changed."""
        with self.database.read() as connection:
            return connection.execute(select(func.max(jobs.c.changed))).scalar()

    def cancel(self, number: int, said: Message) -> str:
        """Ask for a job to end; what is said about that."""
        self.find(number)
        job = self.journal.cancel(number, said)
        self.engine.wake()
        if job.state == Is.CANCELLED:
            return f"job {number} is cancelled; nothing had been begun"
        parts = self.whole(number, after=1 << 60).units
        left = "; ".join(f"{part.name} {part.text or 'not begun'}" for part in parts[:4])
        return f"job {number} ends at its next step; now: {left}"

    def heard_news(self, number: int) -> None:
        """A job has news: whoever waits for some looks."""
        with self.news:
            self.count += 1
            self.news.notify_all()
        self.on_news()

    def wait_for_news(self, seen: int, within: float) -> int:
        """Wait until there was news after `seen`; what to pass the next time."""
        with self.news:
            self.news.wait_for(lambda: self.count != seen, within)
            return self.count

    def speak(self) -> None:
        """Once a second: say which jobs ended, and, at a humane rate, how far the others are."""
        for job in self.journal.untold():
            page = self.pages().job(job.id)
            old = datetime.now(UTC) - job.changed > TOO_LATE
            lines = [] if not job.channel or old else self.tellings.get(job.kind, USUAL).ended(job, page)
            if not lines or self.say(job.network, job.channel, lines[0]):
                self.journal.told(job.id)
                for line in lines[1:]:
                    self.say(job.network, job.channel, line)
            self.quiet.pop(job.id, None)
        now = time.monotonic()
        for job in self.unfinished():
            telling = self.tellings.get(job.kind, USUAL)
            since, pause, before = self.quiet.setdefault(job.id, (now, telling.first_news or FIRST_NEWS, ""))
            if now - since < pause or not job.channel or job.state != Is.RUNNING:
                continue
            text = telling.progress(job, self.whole(job.id, after=1 << 60).units, self.pages().job(job.id))
            if text != before and self.say(job.network, job.channel, text):
                self.quiet[job.id] = (now, min(MOST_QUIET, max(FIRST_NEWS, pause * 2)), text)
