"""The journal of jobs: every change of theirs, each in a transaction that a power cut does not undo."""

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, select, update

from chanops.core.access import fold
from chanops.core.errors import Problem, Refused
from chanops.core.message import Message
from chanops.core.plan import Plan
from chanops.core.text import storable
from chanops.services.audit import Audit, person
from chanops.services.database import Database, insert_all
from chanops.services.history import History
from chanops.services.jobs.locking import lock
from chanops.services.jobs.rows import FINISHED, UNDER_WAY, Claim, Fenced, Is, Job, Step, job_of, jobs_by, steps_of
from chanops.services.tables import jobs, locks, output, runners, stamp, steps, units

T = TypeVar("T")
BEAT = runners.insert()


def now() -> int:
    """The present, as the tables hold it."""
    return stamp(datetime.now(UTC))


class Journal:
    """Create, claim with a fence, step, record, output, cancel."""

    def __init__(self, database: Database, history: History, audit: Audit) -> None:
        self.database, self.history, self.audit = database, history, audit
        self.mask: Callable[[str], str] = str  # what is stored to be shown has no secrets in it

    def create(self, plan: Plan, said: Message, public: bool, most: int) -> Job:
        """A new job, with its audit row, on disk. Raises Refused where the account has too many unfinished ones."""
        return self.begin(plan, said, public, most, "")[0]

    def begin(self, plan: Plan, said: Message, public: bool, most: int, owner: str) -> tuple[Job, Claim | None]:
        """A new job, as `create` makes it; and the claim of it, where an owner is named and nothing is in its way."""

        def work(connection: Connection) -> tuple[Job, Claim | None]:
            mine = (jobs.c.network == said.network, jobs.c.account == fold(said.account))
            unfinished = select(func.count()).where(*mine, jobs.c.state.not_in(FINISHED))
            if (connection.execute(unfinished).scalar() or 0) >= most:
                raise Refused(f"{most} of your jobs are not finished: wait for one, or .cancel it")
            line = self.history.keep(connection, [said])[0] if said.channel and said.nick else None
            row = {
                **new_row(connection, plan, public, self.mask(plan.title)),
                "network": said.network,
                "channel": said.channel,
                "nick": storable(said.nick),
                "account": fold(said.account),
                "line": line,
            }
            number = connection.execute(jobs.insert().returning(jobs.c.id), row).scalar_one()
            at = now()
            parts = [
                {"job": number, "number": place, "name": unit.name, "state": Is.WAITING, "text": "", "changed": at}
                for place, unit in enumerate(plan.units)
            ]
            connection.execute(units.insert(), parts)
            self.audit.note(connection, "job", person(said), self.mask(plan.shown), number)
            claim = None
            if owner and lock(connection, number, plan, in_turn=True):
                claim = self.taken(connection, number, owner, 1, first=True)
            return job_of(connection.execute(select(jobs).where(jobs.c.id == number)).mappings().one()), claim

        return self.database.wait(work, durable=True)

    def taken(self, connection: Connection, number: int, owner: str, fence: int, first: bool) -> Claim:
        """A job is its owner's from now on."""
        change = {"state": Is.RUNNING, "owner": owner, "fence": fence, "changed": next_change(connection)}
        if first:
            change["started"] = now()
        connection.execute(update(jobs).where(jobs.c.id == number), change)
        self.audit.note(connection, "claim", "", f"fence {fence}", number)
        return Claim(number, owner, fence)

    def report(self, title: str, text: str) -> None:
        """A job that is done already: something to read."""

        def work(connection: Connection) -> None:
            at = now()
            done = {"state": Is.DONE, "text": storable(text), "started": at, "ended": at, "told": True}
            nobody = {"network": "", "channel": "", "nick": "", "account": "", "line": None}
            row = {**new_row(connection, Plan("report", title, ()), True, title), **nobody, **done}
            connection.execute(jobs.insert(), row)

        self.database.wait(work)

    def claim(self, number: int, owner: str, dead: frozenset[str], seen: Mapping[str, int] = {}) -> Claim | None:
        """Take a waiting job whose machines are free, or one that a dead owner left; None where it is not to be had.

        `seen` has the last signs of life by which they count as dead: whoever gave another since then lives.
        """

        def work(connection: Connection) -> Claim | None:
            row = connection.execute(select(jobs).where(jobs.c.id == number)).mappings().first()
            if row is None or not (row["state"] == Is.WAITING or (row["state"] == Is.RUNNING and row["owner"] in dead)):
                return None
            if row["state"] == Is.RUNNING and row["owner"] in seen:
                newest = select(runners.c.beat).where(runners.c.token == row["owner"])
                if connection.execute(newest).scalar() not in (None, seen[row["owner"]]):
                    return None
            if not lock(connection, number, Plan.read(row["plan"])):
                return None
            return self.taken(connection, number, owner, row["fence"] + 1, row["started"] is None)

        return self.database.wait(work, durable=True)

    def held(self, claim: Claim, work: Callable[[Connection], T], durable: bool = True) -> T:
        """Do something that only the holder of a job may do. Raises Fenced."""

        def guarded(connection: Connection) -> T:
            check_held(connection, claim)
            return work(connection)

        return self.database.wait(guarded, durable)

    def renew(self, claim: Claim) -> frozenset[Claim]:
        """See that the job is still ours, and that nobody takes it for a while; all that is ours. Raises Fenced."""
        return self.held(claim, lambda connection: beat(connection, claim.owner), durable=False)

    def intend(self, claim: Claim, unit: int, name: str, attempt: int, asked: Any, deadline: int) -> Step:
        """Write down what is about to be done; it is on disk, and in the audit, before this returns."""

        def work(connection: Connection) -> Step:
            row = {
                "job": claim.job,
                "unit": unit,
                "name": name,
                "attempt": attempt,
                "state": "intended",
                "asked": json.dumps(asked),
                "result": "null",
                "began": now(),
                "deadline": deadline,
            }
            connection.execute(steps.insert(), row)
            begun = update(units).where(units.c.job == claim.job, units.c.number == unit, units.c.state == Is.WAITING)
            connection.execute(begun, {"state": Is.RUNNING, "text": UNDER_WAY, "changed": now()})
            self.audit.note(connection, "intend", "", f"{unit} {name} #{attempt} {row['asked']}", claim.job)
            return steps_of(connection, claim.job, unit, name)[-1]

        return self.held(claim, work)

    def settle(self, claim: Claim, step: Step, state: str, result: Any = None) -> None:
        """Write down what came of a step."""

        def work(connection: Connection) -> None:
            change = {"state": state, "result": json.dumps(result), "ended": now()}
            connection.execute(update(steps).where(steps.c.id == step.id), change)
            self.audit.note(connection, state, "", f"{step.unit} {step.name} #{step.attempt}", claim.job)

        self.held(claim, work)

    def show(self, claim: Claim, unit: int, state: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """How far a machine is; also as a line of output. `facts` are JSON values, kept where none are given."""

        text = self.mask(text)

        def work(connection: Connection) -> None:
            change = {"state": state, "text": storable(text), "changed": now()}
            if facts is not None:
                change["facts"] = json.dumps(facts)
            connection.execute(update(units).where(units.c.job == claim.job, units.c.number == unit), change)
            connection.execute(output.insert(), {"job": claim.job, "unit": unit, "at": now(), "text": storable(text)})

        self.held(claim, work, durable=state in FINISHED)

    def wrote(self, pieces: Sequence[tuple[Claim, int, int, str]]) -> "Future[None]":
        """What commands wrote, as (claim, unit, stream, text); of jobs that are not ours any more nothing is kept.

        Returns at once; `database.stored` waits for it.
        """

        def work(connection: Connection) -> None:
            ours = {claim for claim in {piece[0] for piece in pieces} if is_held(connection, claim)}
            rows = [
                {"job": claim.job, "unit": unit, "at": now(), "text": storable(text), "stream": stream}
                for claim, unit, stream, text in pieces
                if claim in ours
            ]
            if rows:
                connection.execute(output.insert(), rows)

        return self.database.write(work)

    def finish(self, claim: Claim, state: str, text: str) -> None:
        """The job is over; what it held is free."""

        def work(connection: Connection) -> None:
            change = {"state": state, "text": storable(text), "ended": now(), "changed": next_change(connection)}
            connection.execute(update(jobs).where(jobs.c.id == claim.job), change)
            connection.execute(delete(locks).where(locks.c.job == claim.job))
            self.audit.note(connection, state, "", text, claim.job)

        self.held(claim, work)

    def cancel(self, number: int, said: Message) -> Job:
        """Ask for a job to end; one that still waits ends at once. Raises Problem where there is nothing to end."""

        def work(connection: Connection) -> Job:
            row = connection.execute(select(jobs).where(jobs.c.id == number)).mappings().first()
            if row is None:
                raise Problem(f"there is no job {number}: .jobs lists them")
            if row["state"] in FINISHED:
                raise Problem(f"job {number} is over already ({row['state']})")
            change: dict[str, Any] = {"cancelled": fold(said.account) or said.nick, "changed": next_change(connection)}
            if row["state"] == Is.WAITING:
                change |= {"state": Is.CANCELLED, "ended": now(), "told": True, "text": "nothing had been begun"}
                end = {"state": Is.CANCELLED, "text": "not begun", "changed": now()}
                connection.execute(update(units).where(units.c.job == number), end)
            connection.execute(update(jobs).where(jobs.c.id == number), change)
            self.audit.note(connection, "cancel", person(said), "", number)
            return job_of({**row, **change})

        return self.database.wait(work, durable=True)

    def told(self, number: int) -> None:
        """The end of a job has been said."""
        self.database.wait(
            lambda connection: connection.execute(update(jobs).where(jobs.c.id == number), {"told": True})
        )

    def untold(self) -> list[Job]:
        """Jobs whose end has not been said yet."""
        query = select(jobs).where(jobs.c.told.is_(False), jobs.c.state.in_(FINISHED)).order_by(jobs.c.ended)
        with self.database.read() as connection:
            return jobs_by(connection, query)

    def beat(self, owner: str) -> frozenset[Claim]:
        """A sign of life; the jobs that are that runner's as it is given."""
        return self.database.wait(lambda connection: beat(connection, owner))

    def beats(self) -> dict[str, int]:
        """The last sign of life of each runner: a number that grows."""
        with self.database.read() as connection:
            rows = connection.execute(select(runners.c.token, runners.c.beat))
            return {row.token: row.beat for row in rows}

    def forget(self, owner: str) -> None:
        """A runner is gone."""
        self.database.wait(lambda connection: connection.execute(delete(runners).where(runners.c.token == owner)))


def new_row(connection: Connection, plan: Plan, public: bool, title: str) -> dict[str, Any]:
    """A new job's row, but for who asked for it."""
    return {
        "kind": plan.kind,
        "title": storable(title),
        "plan": plan.text,
        "state": Is.WAITING,
        "text": "",
        "public": public,
        "created": now(),
        "changed": next_change(connection),
        "owner": "",
        "fence": 0,
        "cancelled": "",
        "told": False,
    }


def is_held(connection: Connection, claim: Claim) -> bool:
    """Whether the job is ours."""
    query = select(jobs.c.owner, jobs.c.fence, jobs.c.state).where(jobs.c.id == claim.job)
    return connection.execute(query).first() == (claim.owner, claim.fence, Is.RUNNING)


def check_held(connection: Connection, claim: Claim) -> None:
    """Raises Fenced where the job is not ours any more."""
    if not is_held(connection, claim):
        raise Fenced(f"job {claim.job} is not ours any more")


def beat(connection: Connection, owner: str) -> frozenset[Claim]:
    once_more = "(token) DO UPDATE SET beat = runners.beat + 1"
    insert_all(connection, BEAT, [{"token": owner, "beat": 1}], once_more)
    ours = select(jobs.c.id, jobs.c.fence).where(jobs.c.state == Is.RUNNING, jobs.c.owner == owner)
    return frozenset(Claim(number, owner, fence) for number, fence in connection.execute(ours))


def next_change(connection: Connection) -> int:
    """A time of change that no job has yet, so that a feed's readers see each."""
    return max(now(), (connection.execute(select(func.max(jobs.c.changed))).scalar() or 0) + 1)
