"""Machines that several jobs may share, and those that one needs for itself."""

import threading

import pytest

from chanops.core.plan import Plan, Unit
from chanops.services.jobs.engine import Engine
from chanops.services.jobs.rows import Is, Job, job_of
from chanops.services.tables import jobs, locks
from chanops.testing import line, until


def plan(*names, shares=False, id="id-{}"):
    """A plan for these machines, which it shares or has alone."""
    facts = {"shares": True} if shares else {}
    units = tuple(Unit(name, "do", id.format(name), facts) for name in names)
    return Plan("test", f"test {', '.join(names)}", units, request={"kind": "test"})


@pytest.fixture
def make(journal):
    """Makes a job for machines, shared or not."""

    def made(*names, shares=False, **more) -> Job:
        return journal.create(plan(*names, shares=shares, **more), line(".test"), False, 1000)

    return made


@pytest.fixture
def claim(journal):
    """Claims a job; None where it is not to be had."""
    return lambda job: journal.claim(job.id, "me", frozenset())


def state(database, job):
    with database.read() as connection:
        return job_of(connection.execute(jobs.select().where(jobs.c.id == job.id)).mappings().one()).state


def keys(database):
    with database.read() as connection:
        return sorted((row.base, row.job) for row in connection.execute(locks.select()))


def test_jobs_that_share_a_machine_hold_it_side_by_side(make, claim):
    assert all(claim(make("web", shares=True)) for _ in range(5))


def test_a_job_that_needs_it_alone_waits_for_all_who_share_it(journal, make, claim):
    sharing = [claim(make("web", shares=True)) for _ in range(2)]
    alone = make("web")
    assert claim(alone) is None
    for each in sharing:
        assert claim(alone) is None
        journal.finish(each, Is.DONE, "")
    assert claim(alone) is not None


def test_a_job_that_shares_waits_for_the_one_that_has_it_alone(journal, make, claim):
    alone = claim(make("web"))
    sharing = make("web", shares=True)
    assert claim(sharing) is None
    journal.finish(alone, Is.DONE, "")
    assert claim(sharing) is not None


def test_two_that_need_it_alone_do_not_have_it_at_once(make, claim):
    assert claim(make("web")) is not None
    assert claim(make("web")) is None


def test_machines_of_a_job_are_taken_all_or_none(database, journal, make, claim):
    first = claim(make("b", shares=True))
    before = keys(database)
    assert claim(make("a", "b", "c")) is None
    assert keys(database) == before
    journal.finish(first, Is.DONE, "")


def test_a_machine_is_the_same_by_its_name_and_by_its_id(make, claim):
    """One who makes it knows only its name, one who runs something on it both."""
    assert claim(make("web", shares=True)) is not None
    assert claim(make("web", id="")) is None
    assert claim(make("www", id="id-web")) is None


def test_other_machines_are_not_held(make, claim):
    assert claim(make("web", shares=True)) is not None
    for name in ("we", "web~1", "web-1", "web~", "WEB"):
        assert claim(make(name)) is not None, name


def test_what_a_job_shares_is_free_at_its_end(database, journal, make, claim):
    for shares in (True, False):
        journal.finish(claim(make("web", shares=shares)), Is.DONE, "")
        assert keys(database) == []


def test_a_job_that_is_resumed_holds_what_it_held(journal, make, claim):
    job = make("web", shares=True)
    assert claim(job) is not None
    other = claim(make("web", shares=True))
    assert journal.claim(job.id, "you", frozenset({"me"})) is not None
    journal.finish(other, Is.DONE, "")
    assert claim(make("web")) is None


def test_who_came_later_does_not_pass_by_one_that_waits_for_it_alone(journal, make, claim):
    """Otherwise a machine on which something always runs could never be stopped."""
    first = claim(make("web", shares=True))
    alone, later = make("web"), make("web", shares=True)
    assert claim(alone) is None
    assert claim(later) is None, "it came after one that needs the machine alone"
    journal.finish(first, Is.DONE, "")
    assert claim(later) is None
    own = claim(alone)
    journal.finish(own, Is.DONE, "")
    assert claim(later) is not None


def test_one_that_waits_holds_up_nobody_elsewhere(make, claim):
    assert claim(make("a", shares=True)) is not None
    assert claim(make("a", "b")) is None
    assert claim(make("c", shares=True)) is not None


def test_one_that_was_cancelled_while_it_waited_holds_up_nobody(journal, make, claim):
    first = claim(make("web", shares=True))
    alone = make("web")
    assert claim(alone) is None
    journal.cancel(alone.id, line(".cancel"))
    assert claim(make("web", shares=True)) is not None
    assert first is not None


def test_jobs_that_share_run_at_once_and_the_other_waits(database, journal, make, run):
    """Through the engine: two meet, the third begins when both are over."""
    meeting, begun, go = threading.Barrier(2), [], threading.Event()

    def flow(work):
        begun.append(work.job)
        if work.unit.shares:
            meeting.wait(20)
            assert go.wait(20)
        return "done"

    made = [make("web", shares=True), make("web", shares=True)]
    engine: Engine = run(test=flow)
    until(lambda: len(begun) == 2)
    alone = make("web")
    engine.wake()
    until(lambda: journal.claim(alone.id, engine.lease.token, frozenset()) is None)
    assert state(database, alone) == Is.WAITING
    go.set()
    until(lambda: state(database, alone) == Is.DONE)
    assert begun == [made[0].id, made[1].id, alone.id] or begun == [made[1].id, made[0].id, alone.id]
