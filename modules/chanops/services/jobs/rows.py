"""Jobs as they are stored and read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, select

from chanops.core.errors import Problem
from chanops.core.plan import Plan
from chanops.services.database import Database
from chanops.services.tables import jobs, moment, output, steps, units

LATELY = 1000  # jobs that are looked through, at most, for what was done lately
UNDER_WAY = "under way"  # what is said of a machine of which nothing else has been said yet
FINISHED = ("done", "failed", "cancelled", "needs-attention")


class Is(StrEnum):
    """The state of a job, and of each machine's part in it."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ATTENTION = "needs-attention"


class Fenced(Exception):
    """This process does not hold the job any more: another does, so nothing more may be done here."""


class Cancelled(Exception):
    """Somebody asked for the job to end."""


class Stopped(Exception):
    """The bot is leaving; the job goes on when it is back."""


class Attention(Problem):
    """What is left cannot be known, or needs a person: says what is known, what not, and what to do."""


@dataclass(frozen=True)
class Claim:
    """The right to work on a job: as long as the job's row has this owner and this fence."""

    job: int
    owner: str
    fence: int


@dataclass(frozen=True)
class Job:
    """A job as its row has it."""

    id: int
    kind: str
    title: str
    state: str
    text: str
    plan: Plan
    network: str
    channel: str
    nick: str
    account: str
    line: int
    public: bool
    created: datetime
    started: datetime | None
    ended: datetime | None
    changed: datetime
    cancelled: str

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in FINISHED


@dataclass(frozen=True)
class UnitRow:
    """How far a job is with one machine."""

    number: int
    name: str
    state: str
    text: str
    changed: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How a command ended: "end", "status", "signal", "seconds", "written", "kept", "digest", "host"; some may lack."""


@dataclass(frozen=True)
class Step:
    """One step: what was asked for, until when, and what came of it ("intended", "unknown", "done", "failed")."""

    id: int
    unit: int
    name: str
    attempt: int
    state: str
    asked: str
    result: str
    began: datetime
    deadline: datetime
    ended: datetime | None


@dataclass(frozen=True)
class OutputLine:
    """What a job wrote: a line of its own (stream 0), or a piece of what a command wrote to 1 or 2."""

    id: int
    unit: int
    at: datetime
    text: str
    stream: int = 0


def job_of(row: Mapping[Any, Any]) -> Job:
    """A job from its row."""
    started, ended = row["started"], row["ended"]
    return Job(
        row["id"],
        row["kind"],
        row["title"],
        row["state"],
        row["text"],
        Plan.read(row["plan"]),
        row["network"],
        row["channel"],
        row["nick"],
        row["account"],
        row["line"] or 0,
        row["public"],
        moment(row["created"]),
        None if started is None else moment(started),
        None if ended is None else moment(ended),
        moment(row["changed"]),
        row["cancelled"],
    )


def jobs_by(connection: Connection, query: Select[Any]) -> list[Job]:
    """The jobs that a query on the whole table finds."""
    return [job_of(row) for row in connection.execute(query).mappings()]


def units_of(connection: Connection, job: int) -> list[UnitRow]:
    """A job's machines."""
    query = select(units).where(units.c.job == job).order_by(units.c.number)
    return [
        UnitRow(row["number"], row["name"], row["state"], row["text"], moment(row["changed"]), json.loads(row["facts"]))
        for row in connection.execute(query).mappings()
    ]


def steps_of(connection: Connection, job: int, unit: int | None = None, name: str = "") -> list[Step]:
    """A job's steps, in their order; of one machine, or of one name, only."""
    query = select(steps).where(steps.c.job == job).order_by(steps.c.id)
    if unit is not None:
        query = query.where(steps.c.unit == unit)
    if name:
        query = query.where(steps.c.name == name)
    return [step_of(row) for row in connection.execute(query).mappings()]


def done_lately(connection: Connection, job: int, unit: str, name: str, since: int) -> list[str]:
    """The results of a step that other jobs have done for a machine of that name since, as their JSON."""
    query = (
        select(steps.c.result)
        .join(units, (units.c.job == steps.c.job) & (units.c.number == steps.c.unit))
        .where(steps.c.job > job - LATELY, steps.c.job != job, steps.c.name == name, units.c.name == unit)
        .where(steps.c.state == "done", steps.c.ended >= since)
    )
    return list(connection.execute(query).scalars())


def step_of(row: Mapping[Any, Any]) -> Step:
    """A step from its row."""
    return Step(
        row["id"],
        row["unit"],
        row["name"],
        row["attempt"],
        row["state"],
        row["asked"],
        row["result"],
        moment(row["began"]),
        moment(row["deadline"]),
        None if row["ended"] is None else moment(row["ended"]),
    )


def output_of(connection: Connection, job: int, after: int = 0, most: int = 1000) -> list[OutputLine]:
    """The lines that a job wrote after one of them."""
    query = select(output).where(output.c.job == job, output.c.id > after).order_by(output.c.id).limit(most)
    return [output_line(row) for row in connection.execute(query).mappings()]


def output_line(row: Mapping[Any, Any]) -> OutputLine:
    """A line, or a piece, from its row."""
    return OutputLine(row["id"], row["unit"], moment(row["at"]), row["text"], row["stream"])


def end_of_output(connection: Connection, job: int, unit: int, most: int = 4096) -> list[OutputLine]:
    """The last pieces of what one machine's command wrote, each at most so many characters long."""
    end = func.substr(output.c.text, -most).label("end")
    query = select(output.c.id, output.c.unit, output.c.at, end, output.c.stream)
    query = query.where(output.c.job == job, output.c.unit == unit, output.c.stream > 0)
    rows = connection.execute(query.order_by(output.c.id.desc()).limit(20)).mappings().all()
    return [output_line({**row, "text": row["end"]}) for row in reversed(rows)]


def states_of(database: Database) -> dict[str, int]:
    """How many jobs are in each state."""
    query = select(jobs.c.state, func.count(jobs.c.id)).group_by(jobs.c.state)
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}
