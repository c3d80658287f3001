"""For the tests of jobs: a real journal, a real lease, and jobs that are ours."""

import threading
from collections.abc import Iterator

import pytest

from chanops.core.plan import Plan, Unit
from chanops.services.audit import Audit
from chanops.services.history import History
from chanops.services.jobs.engine import Engine
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.lease import Lease
from chanops.services.jobs.rows import units_of
from chanops.services.jobs.work import Signals, Work
from chanops.testing import line


def plan_of(*names, kind="test", **facts):
    """A plan for machines of these names."""
    units = tuple(Unit(name, "do", f"id-{name}", facts) for name in names)
    return Plan(kind, f"{kind} {', '.join(names)}", units, request={"kind": kind, "which": ",".join(names)})


@pytest.fixture
def plan():
    return plan_of


@pytest.fixture
def journal(database):
    return Journal(database, History(database), Audit(database))


@pytest.fixture
def submit(journal):
    """Makes a job: submit("web", "db", kind=…, nick=…)."""

    def make(*names, nick="alice", most=50, kind="test", **facts):
        return journal.create(plan_of(*names, kind=kind, **facts), line(".test", nick, nick), True, most)

    return make


@pytest.fixture
def lease(journal, tmp_path) -> Iterator[Lease]:
    made = Lease(tmp_path / "runners", journal)
    made.take()
    yield made
    made.drop()


@pytest.fixture
def begin(journal, lease, submit):
    """Claims a job, a new one unless one is given, and hands out the first machine's part in it."""

    def make(job=None, signals=None):
        job = job or submit("web")
        with journal.database.read() as connection:
            parts = units_of(connection, job.id)
        claim = journal.claim(job.id, lease.token, frozenset({"", "gone"}))
        return Work(journal, lease, claim, job.plan, parts[0], signals or Signals())

    return make


@pytest.fixture
def resume(journal, begin):
    """What a part of a job is for the process that goes on with it after ours has died."""

    def make(work):
        journal.database.wait(
            lambda connection: connection.exec_driver_sql(f"UPDATE jobs SET owner = 'gone' WHERE id = {work.job}")
        )
        with journal.database.read() as connection:
            part = units_of(connection, work.job)[work.number]
        claim = journal.claim(work.job, work.lease.token, frozenset({"gone"}))
        return Work(journal, work.lease, claim, work.plan, part, Signals())

    return make


@pytest.fixture
def run(database, journal, tmp_path):
    """Starts an engine with these workflows; all are stopped at the end."""
    engines = []

    def start(parallel=8, **workflows):
        engine = Engine(database, journal, workflows, lambda: parallel)
        engine.start(tmp_path / "runners")
        engines.append(engine)
        return engine

    yield start
    for engine in engines:
        engine.stop()
    for thread in threading.enumerate():
        if thread.name == "foreman":
            thread.join(10)
