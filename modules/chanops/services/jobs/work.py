"""What a workflow works with: steps that are done once, waits that end, and what it says about both."""

import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from chanops.core.errors import Problem
from chanops.core.plan import Plan, Unit
from chanops.core.text import spoken
from chanops.providers.base import Busy, OutcomeUnknown, RateLimited, Unreachable
from chanops.services.database import NotStored
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.lease import Lease
from chanops.services.jobs.rows import UNDER_WAY, Attention, Cancelled, Claim, Is, Step, Stopped, UnitRow, steps_of
from chanops.services.tables import stamp

T = TypeVar("T")
ATTEMPTS = 4
PATIENCE = timedelta(minutes=10)  # for a step that cannot be begun: the cloud is busy, or cannot be reached
LONGEST_PAUSE = 10.0
acting = threading.local()


class Late(Problem):
    """A wait came to its deadline."""


class Signals:
    """What a whole job is told from outside: to end, or that the bot leaves."""

    def __init__(self) -> None:
        self.news = threading.Event()
        self.cancelled = self.stopped = False

    def cancel(self) -> None:
        """Somebody asked for the job to end."""
        self.cancelled = True
        self.news.set()

    def stop(self) -> None:
        """The bot leaves."""
        self.stopped = True
        self.news.set()


class Work:
    """One machine's part in one job, carried out in a thread of its own."""

    def __init__(
        self, journal: Journal, lease: Lease, claim: Claim, plan: Plan, part: UnitRow, signals: Signals
    ) -> None:
        self.journal, self.lease, self.claim, self.plan = journal, lease, claim, plan
        self.number, self.signals = part.number, signals
        self.told = "" if part.text == UNDER_WAY else part.text
        self.kept: dict[str, Any] = {}  # what the database has not taken yet, for when the workflow is begun anew
        self.facts = dict(part.facts)  # what is stored with the machine's end
        self.power = ""  # how the machine is, put before all that is said of it
        self.begun: dict[int, float] = {}  # steps of this life, and when each was last sent

    @property
    def unit(self) -> Unit:
        """The machine."""
        return self.plan.units[self.number]

    @property
    def job(self) -> int:
        """The job's number."""
        return self.claim.job

    def fact(self, name: str, otherwise: Any = None) -> Any:
        """What the plan says of the machine."""
        return self.unit.facts.get(name, otherwise)

    def check(self) -> None:
        """Raises where this is not to go on."""
        if self.signals.stopped:
            raise Stopped
        if self.signals.cancelled:
            raise Cancelled
        self.lease.sure(self.claim)

    def pause(self, seconds: float) -> None:
        """Wait, but not a moment longer than this is to go on."""
        self.check()
        self.signals.news.wait(max(0.0, seconds))
        self.check()

    def say(self, text: str) -> None:
        """How far it is, for the page and the channel; once for each news."""
        text = f"{self.power}; {text}" if self.power else text
        if text != self.told:
            self.told = text
            self.journal.show(self.claim, self.number, Is.RUNNING, text)

    def last(self, name: str) -> Step | None:
        """The newest attempt at a step."""
        with self.journal.database.read() as connection:
            found = steps_of(connection, self.job, self.number, name)
        return found[-1] if found else None

    def done(self, name: str) -> Any:
        """The result of a step that is done; None where it is not."""
        step = self.last(name)
        return json.loads(step.result) if step is not None and step.state == "done" else None

    def once(self, name: str, find: Callable[[], T]) -> T:
        """Find something out, and never again: the first result holds for all of the job's lives. JSON values."""
        found: Any = self.done(name)
        if found is not None:
            result: T = found
            return result
        value = self.patiently(find)
        step = self.journal.intend(self.claim, self.number, name, 1 + self.attempts(name), None, self.until(PATIENCE))
        self.journal.settle(self.claim, step, "done", value)
        return value

    def attempts(self, name: str) -> int:
        step = self.last(name)
        return step.attempt if step else 0

    @staticmethod
    def until(budget: timedelta) -> int:
        return stamp(datetime.now(UTC) + budget)

    def act(
        self,
        name: str,
        do: Callable[[], T],
        look: Callable[[Any], T | None],
        *,
        grace: float,
        asked: Callable[[], Any] = lambda: None,
    ) -> T:
        """Change something, once, whatever happens.

        The intention is on disk before `do` is called; where its outcome is not known, now or after a crash, `look`
        is asked for what it may have done, for as long as `grace` seconds; only then is it done again. What `asked`
        returns is stored with the intention and handed to `look`. The results are JSON values.
        """
        step = self.last(name)
        while True:
            if step is not None and step.state == "done":
                result: T = json.loads(step.result)
                return result
            if step is not None and step.state in ("intended", "unknown") and self.signals.cancelled:
                self.told = self.told or f"nobody knows what came of {name}"
            self.check()
            if step is not None and step.state in ("intended", "unknown"):
                found = self.search(step, look, grace)
                if found is not None:
                    self.journal.settle(self.claim, step, "done", found)
                    return found
                self.journal.settle(self.claim, step, "absent")
            attempt = step.attempt + 1 if step else 1
            if attempt > ATTEMPTS:
                raise Attention(
                    f"{name} was tried {ATTEMPTS} times, and each time nobody knows what came of it; nothing else was "
                    "done: .machines shows how it is, then ask again"
                )
            what = self.patiently(asked)
            step = self.journal.intend(self.claim, self.number, name, attempt, what, self.until(PATIENCE))
            step = self.carry_out(step, do)

    def carry_out(self, step: Step, do: Callable[[], Any]) -> Step:
        """Do what was intended; the step as it is then. Busy is waited for: nothing was done."""
        pause = 0.5
        while True:
            try:
                acting.work = self
                self.begun[step.id] = time.monotonic()
                result = do()
            except OutcomeUnknown as error:
                self.journal.settle(self.claim, step, "unknown", str(error))
                self.say(f"{step.name}: {error}; looking")
                break
            except (Busy, RateLimited, Unreachable) as error:
                if datetime.now(UTC) > step.deadline:
                    self.journal.settle(self.claim, step, "failed", str(error))
                    raise Late(f"{step.name} could not be begun within {spoken(PATIENCE)}: {error}") from None
                self.say(f"{step.name} waits: {error}")
                self.pause(pause * random.uniform(0.8, 1.2))  # noqa: S311  no secret
                pause = min(LONGEST_PAUSE, pause * 2)
                continue
            except NotStored:
                raise  # the whole is done again once the database takes something
            except Problem as error:
                self.journal.settle(self.claim, step, "failed", str(error))
                raise
            finally:
                acting.work = None
            self.journal.settle(self.claim, step, "done", result)
            break
        last = self.last(step.name)
        return last if last is not None else step

    def search(self, step: Step, look: Callable[[Any], T | None], grace: float) -> T | None:
        """What a step may have done, looked for until its grace is over, and once more after that."""
        # By our own clock, since the one on the wall is set; after a restart nobody knows how long ago it was.
        over = max(time.monotonic() + min(grace, 1.0), self.begun.get(step.id, time.monotonic()) + grace)
        asked = json.loads(step.asked)
        pause = min(1.0, grace / 5)
        while True:
            last = time.monotonic() > over
            found = self.patiently(lambda: look(asked))
            if found is not None or last:
                return found
            self.pause(pause)

    def patiently(self, ask: Callable[[], T], budget: timedelta = PATIENCE) -> T:
        """Ask something of a cloud that may be down for a while. Raises Attention where it is down for longer."""
        until, pause = time.monotonic() + budget.total_seconds(), 0.5
        while True:
            self.check()
            try:
                return ask()
            except (Unreachable, RateLimited) as error:
                if time.monotonic() > until:
                    raise Attention(f"{error}, for {spoken(budget)}") from None
                self.say(f"waiting: {error}")
            self.pause(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def wait(self, name: str, budget: timedelta, find: Callable[[float], T | None]) -> T:
        """Wait until `find` finds something; it is handed the time.monotonic() after which its view must be taken.

        The deadline is stored at the first attempt, so that no restart puts it off. Raises Late.
        """
        step = self.last(name)
        if step is not None and step.state == "done":
            result: T = json.loads(step.result)
            return result
        if step is None:
            step = self.journal.intend(self.claim, self.number, name, 1, None, self.until(budget))
        if step.state == "late":
            raise Late(step.result)
        while True:
            self.check()
            over = datetime.now(UTC) > step.deadline
            try:
                found = find(time.monotonic())
            except (Unreachable, RateLimited) as error:
                if over:
                    raise Attention(f"{name}: {error}, until the time for it was over") from None
                self.say(f"waiting: {error}")
                self.pause(0.5)
                continue
            if found is not None:
                self.journal.settle(self.claim, step, "done", found)
                return found
            if over:
                self.journal.settle(self.claim, step, "late", f"{name}: not within {spoken(budget)}")
                raise Late(f"{name}: not within {spoken(budget)}")


def may_act() -> None:
    """Raises unless this thread is in the midst of a step that is written down, of a job that is ours."""
    work: Work | None = getattr(acting, "work", None)
    if work is None:
        raise Problem("nothing is changed outside of a job's step")
    work.lease.sure(work.claim)


def may_ask() -> None:
    """Raises where this thread works on a job that is not ours any more: then not even a question is asked."""
    part: Work | None = getattr(acting, "part", None)
    if part is not None:
        part.lease.sure(part.claim)
