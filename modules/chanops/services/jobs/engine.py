"""The threads that do jobs: a foreman who takes them up, one thread a job, and some for its machines."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from sqlalchemy import select

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.plan import Plan
from chanops.providers.base import ProviderError
from chanops.services.database import Database, NotStored
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.lease import BEAT, Lease
from chanops.services.jobs.reports import USUAL, Telling, outcome
from chanops.services.jobs.rows import (
    FINISHED,
    Attention,
    Cancelled,
    Claim,
    Fenced,
    Is,
    Job,
    Stopped,
    job_of,
    jobs_by,
    units_of,
)
from chanops.services.jobs.work import Signals, Work, acting
from chanops.services.tables import jobs

log = logging.getLogger(__name__)
MOST_AT_ONCE = 20
AGAIN = 2.0  # seconds until what could not be stored is tried again
BUG = "failed: that is a bug; the bot's log has the details, and nothing more was done"
Workflow = Callable[[Work], str]


class Engine:
    """Runs jobs, resumes what a crash left, and tells when one has news."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        workflows: Mapping[str, Workflow],
        parallel: Callable[[], int],
        tellings: Mapping[str, Telling] = {},
    ) -> None:
        self.database, self.journal, self.workflows, self.parallel = database, journal, workflows, parallel
        self.tellings = tellings
        self.lease: Lease
        self.running: dict[int, Signals] = {}
        self.lock, self.claiming = threading.Lock(), threading.Lock()
        self.woken, self.settled = threading.Event(), threading.Condition(self.lock)
        self.started = self.stopping = False
        self.news: Callable[[int], None] = lambda job: None

    def start(self, folder: Path) -> None:
        """Take up what is there, and what comes; `folder` holds the runners' lock files."""
        self.lease = Lease(folder, self.journal)
        self.lease.take()
        self.started = True
        threading.Thread(target=self.oversee, name="foreman", daemon=True).start()

    def stop(self, within: float = 3.0) -> None:
        """Leave the jobs as they are, to be resumed by whoever comes next."""
        with self.lock:
            self.stopping = True
            for signals in self.running.values():
                signals.stop()
        self.woken.set()
        with self.settled:
            if self.settled.wait_for(lambda: not self.running, within):
                self.lease.drop()  # else the kernel does it, when the last thread is gone

    def submit(self, plan: Plan, said: Message, public: bool, most: int) -> Job:
        """A new job, which is begun at once where nothing is in its way. Raises Refused."""
        with self.claiming:  # the foreman must not see it before it is begun
            with self.lock:
                can = self.started and not self.stopping and len(self.running) < MOST_AT_ONCE
            job, claim = self.journal.begin(plan, said, public, most, self.lease.token if can else "")
            if claim is not None:
                self.lease.learn(claim)
                guarded(partial(self.begin, job, claim))
        if claim is None:
            self.wake()
        return job

    def wake(self) -> None:
        """There may be something to take up."""
        self.woken.set()

    def oversee(self) -> None:
        """The foreman's life: a sign of life, and a look for work, each second and whenever there is news."""
        due = 0.0
        while not self.stopping:
            self.woken.clear()
            if time.monotonic() >= due:
                due = time.monotonic() + BEAT
                guarded(self.lease.beat)
            with self.claiming:
                guarded(self.take_up)
            self.woken.wait(max(0.0, due - time.monotonic()))

    def take_up(self) -> None:
        """Claim what waits or was left, oldest first; tell running jobs that they are to end."""
        dead = self.lease.dead()
        with self.database.read() as connection:
            unfinished = jobs_by(connection, select(jobs).where(jobs.c.state.not_in(FINISHED)).order_by(jobs.c.id))
            owners = dict(connection.execute(select(jobs.c.id, jobs.c.owner).where(jobs.c.state == Is.RUNNING)).all())
        for job in unfinished:
            with self.lock:
                ours, full = self.running.get(job.id), len(self.running) >= MOST_AT_ONCE
            if ours is not None and job.cancelled:
                ours.cancel()
            # Ours, and no thread has it: its thread has failed, so it is begun again.
            left = job.state == Is.WAITING or owners.get(job.id) in {*dead, self.lease.token}
            if ours is None and left and not full and not self.stopping:
                guarded(partial(self.take, job, dead))
        for token in dead - set(owners.values()):
            self.lease.bury(token)

    def take(self, job: Job, dead: frozenset[str]) -> None:
        """Claim a job, if it is to be had, and begin."""
        claim = self.journal.claim(job.id, self.lease.token, dead | {self.lease.token}, self.lease.last_signs(dead))
        if claim is not None:
            self.lease.learn(claim)
            self.begin(job, claim)

    def begin(self, job: Job, claim: Claim) -> None:
        signals = Signals()
        if job.cancelled:
            signals.cancel()
        with self.lock:
            if self.stopping:
                signals.stop()
            self.running[job.id] = signals
        try:
            threading.Thread(target=self.run, args=(job, claim, signals), name=f"job-{job.id}", daemon=True).start()
        except RuntimeError:  # no thread is to be had: later
            with self.lock:
                del self.running[job.id]
            raise

    def run(self, job: Job, claim: Claim, signals: Signals) -> None:
        """One job's thread: each machine, then the end."""
        try:
            if not self.tellings.get(job.kind, USUAL).quick:  # of those, the end is the first news
                self.news(job.id)
            with self.database.read() as connection:
                open_units = [unit for unit in units_of(connection, job.id) if unit.state not in FINISHED]
            works = [Work(self.journal, self.lease, claim, job.plan, unit, signals) for unit in open_units]
            at_once = job.plan.request.get("parallel") or self.parallel()
            for error in each(works, self.do_machine, int(at_once)):
                raise error
            self.insist(signals, lambda: self.finish(job, claim))
            self.wake()
        except Fenced:
            log.warning("job %d was taken by another: nothing more is done with it here", job.id)
        except Stopped:
            log.info("job %d is left as it is, for the next start", job.id)
        finally:
            with self.settled:
                self.running.pop(job.id, None)
                self.settled.notify_all()
            self.news(job.id)

    def do_machine(self, work: Work) -> None:
        """One machine's part, until it is stored how that ended."""
        acting.part = work
        self.insist(work.signals, lambda: self.settle_machine(work))

    def settle_machine(self, work: Work) -> None:
        try:
            state, text = Is.DONE, self.workflows[work.plan.kind](work)
        except (Fenced, Stopped, NotStored):
            raise
        except Cancelled:
            state, text = Is.CANCELLED, f"cancelled; {work.told or 'nothing was done'}"
        except Attention as problem:
            state, text = Is.ATTENTION, f"{problem} (before: {work.told})" if work.told else str(problem)
        except ProviderError as problem:
            state, text = Is.FAILED, f"{problem} ({work.told})" if work.told else str(problem)
        except Problem as problem:
            state, text = Is.FAILED, str(problem)
        except Exception:
            log.exception("job %d (%s) failed at %s", work.job, work.plan.kind, work.unit.name)
            state, text = Is.ATTENTION, f"{BUG} (before: {work.told or 'nothing'})"
        self.journal.show(work.claim, work.number, state, text, work.facts)
        self.news(work.job)

    def insist(self, signals: Signals, what: Callable[[], None]) -> None:
        """Do it, again and again while the database takes nothing: what was done before is in the journal."""
        while True:
            if signals.stopped:
                raise Stopped
            try:
                what()
            except NotStored as problem:
                log.error("jobs wait: %s", problem)
                signals.news.wait(AGAIN)
            else:
                return

    def finish(self, job: Job, claim: Claim) -> None:
        """The whole job's end."""
        with self.database.read() as connection:
            parts = units_of(connection, job.id)
        telling = self.tellings.get(job.kind, USUAL)
        self.journal.finish(claim, outcome(parts), telling.summary(job_now(self.database, job.id), parts))


def guarded(what: Callable[[], object]) -> None:
    """Do something that is tried again in a second: nothing that goes wrong with it may end the foreman."""
    try:
        what()
    except Problem as problem:
        log.warning("jobs: %s", problem)
    except Exception:
        log.exception("jobs: a bug, or the machine is out of something; tried again")


def each(works: Sequence[Work], do: Callable[[Work], None], most: int) -> list[BaseException]:
    """Do all, so many at once; what was raised. In daemon threads: a request that hangs must not keep the bot alive."""
    waiting, raised = deque(works), list[BaseException]()

    def drain() -> None:
        with suppress(IndexError):  # nothing is left to take
            while True:
                work = waiting.popleft()
                try:
                    do(work)
                except (Fenced, Stopped) as error:
                    raised.append(error)
                    return

    if len(works) == 1:
        drain()
        return raised
    threads = [threading.Thread(target=drain, daemon=True) for _ in range(max(1, min(most, len(works))))]
    with suppress(RuntimeError):  # no more threads are to be had: those that there are do it all
        for thread in threads:
            thread.start()
    if not threads[0].ident:
        drain()
    for thread in threads:
        if thread.ident:
            thread.join()
    return raised


def job_now(database: Database, number: int) -> Job:
    """A job as it is now."""
    with database.read() as connection:
        return job_of(connection.execute(select(jobs).where(jobs.c.id == number)).mappings().one())
