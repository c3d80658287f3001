"""The journal: what is written, who may write it, and what waits for what."""

import threading

import pytest
from stores import refuse

from chanops.core.errors import Problem, Refused
from chanops.core.plan import Plan
from chanops.services.database import NotStored
from chanops.services.jobs.journal import now
from chanops.services.jobs.rows import Fenced, Is, steps_of, units_of
from chanops.services.tables import audit, jobs, locks
from chanops.testing import line

ALIVE = frozenset()


def rows(journal, table):
    with journal.database.read() as connection:
        return connection.execute(table.select()).mappings().all()


def state(journal, job):
    return next(row["state"] for row in rows(journal, jobs) if row["id"] == job.id)


def held(journal):
    return {row["key"]: row["job"] for row in rows(journal, locks)}


def test_a_new_job_has_its_machines_its_line_and_its_audit_row(journal, plan):
    job = journal.create(plan("web", "db"), line(".down web,db"), True, 5)
    assert (job.id, job.state, job.nick, job.account, job.channel, job.public) == (
        1,
        Is.WAITING,
        "alice",
        "alice",
        "#ops",
        True,
    )
    assert job.plan == plan("web", "db")
    with journal.database.read() as connection:
        assert [(part.name, part.state) for part in units_of(connection, 1)] == [("web", "waiting"), ("db", "waiting")]
    assert journal.history.line(job.line).text == ".down web,db"
    assert [(row["kind"], row["job"], row["text"]) for row in rows(journal, audit)] == [("job", 1, job.plan.text)]
    assert journal.audit.verify().broken_at == 0


def test_an_account_may_have_so_many_unfinished_jobs_however_it_is_written(journal, submit, lease):
    first = submit("a", most=2)
    submit("b", nick="ALICE", most=2)
    with pytest.raises(Refused, match=r"2 of your jobs are not finished: wait for one, or \.cancel it"):
        submit("c", most=2)
    assert submit("c", nick="bob", most=2).account == "bob"
    journal.finish(journal.claim(first.id, lease.token, ALIVE), Is.DONE, "")
    assert submit("d", most=2)


def test_a_job_is_claimed_once(journal, submit):
    job = submit("web")
    claim = journal.claim(job.id, "one", ALIVE)
    assert (claim.job, claim.owner, claim.fence) == (job.id, "one", 1)
    assert journal.claim(job.id, "two", ALIVE) is None
    assert journal.claim(99, "two", ALIVE) is None


def test_of_many_that_claim_at_once_one_has_it(journal, submit):
    job, claims = submit("web"), []
    threads = [
        threading.Thread(target=lambda who=who: claims.append(journal.claim(job.id, str(who), ALIVE)))
        for who in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len([claim for claim in claims if claim]) == 1


def test_what_a_dead_one_left_is_claimed_with_a_higher_fence(journal, submit):
    job = submit("web")
    journal.claim(job.id, "one", ALIVE)
    assert journal.claim(job.id, "two", frozenset({"other"})) is None
    assert journal.claim(job.id, "two", frozenset({"one"})).fence == 2


def test_a_stale_claim_can_write_nothing(journal, submit):
    job = submit("web")
    stale = journal.claim(job.id, "one", ALIVE)
    step = journal.intend(stale, 0, "create", 1, None, now())
    journal.claim(job.id, "two", frozenset({"one"}))
    before = rows(journal, audit)
    for write in (
        lambda: journal.renew(stale),
        lambda: journal.intend(stale, 0, "create", 2, None, now()),
        lambda: journal.settle(stale, step, "done", 1),
        lambda: journal.show(stale, 0, Is.DONE, "done"),
        lambda: journal.finish(stale, Is.DONE, "done"),
    ):
        with pytest.raises(Fenced):
            write()
    assert rows(journal, audit) == before
    assert state(journal, job) == Is.RUNNING
    with journal.database.read() as connection:
        assert [each.state for each in steps_of(connection, job.id)] == ["intended"]
        assert [each.state for each in units_of(connection, job.id)] == [Is.RUNNING]


def test_a_finished_job_can_be_written_to_by_nobody(journal, submit):
    claim = journal.claim(submit("web").id, "one", ALIVE)
    journal.finish(claim, Is.DONE, "all is well")
    with pytest.raises(Fenced):
        journal.show(claim, 0, Is.RUNNING, "again")


@pytest.mark.parametrize(("other", "free"), [("web", False), ("db", True)])
def test_one_job_at_a_time_acts_on_a_machine(journal, submit, other, free):
    first, second = submit("web"), submit(other)
    claim = journal.claim(first.id, "one", ALIVE)
    assert (journal.claim(second.id, "one", ALIVE) is not None) is free
    journal.finish(claim, Is.DONE, "")
    if not free:
        assert journal.claim(second.id, "one", ALIVE) is not None


def test_a_machine_is_held_by_its_new_name_too_and_free_after_the_end(journal, submit):
    claim = journal.claim(submit("web", new_name="www").id, "one", ALIVE)
    assert held(journal) == {"do/web": 1, "do/www": 1, "do#id-web": 1}
    assert journal.claim(submit("www").id, "one", ALIVE) is None
    journal.finish(claim, Is.FAILED, "")
    assert held(journal) == {}


def test_a_job_that_waits_is_cancelled_at_once(journal, submit):
    job = submit("web", "db")
    cancelled = journal.cancel(job.id, line(".cancel 1", "bob", "Bob"))
    assert (cancelled.state, cancelled.cancelled) == (Is.CANCELLED, "bob")
    with journal.database.read() as connection:
        assert [(part.state, part.text) for part in units_of(connection, job.id)] == [(Is.CANCELLED, "not begun")] * 2
    assert journal.claim(job.id, "one", ALIVE) is None
    assert journal.untold() == []


def test_a_job_that_runs_is_marked_and_goes_on_to_its_next_step(journal, submit):
    job = submit("web")
    claim = journal.claim(job.id, "one", ALIVE)
    assert journal.cancel(job.id, line(".cancel 1")).state == Is.RUNNING
    journal.show(claim, 0, Is.CANCELLED, "cancelled")
    assert "cancel" in [row["kind"] for row in rows(journal, audit)]


def test_what_is_over_or_was_never_there_cannot_be_cancelled(journal, submit):
    job = submit("web")
    journal.finish(journal.claim(job.id, "one", ALIVE), Is.DONE, "")
    with pytest.raises(Problem, match=r"job 1 is over already \(done\)"):
        journal.cancel(job.id, line(".cancel 1"))
    with pytest.raises(Problem, match="there is no job 7"):
        journal.cancel(7, line(".cancel 7"))


def test_an_end_is_told_until_it_was_told(journal, submit):
    job = submit("web")
    journal.finish(journal.claim(job.id, "one", ALIVE), Is.DONE, "all is well")
    assert [each.id for each in journal.untold()] == [job.id]
    journal.told(job.id)
    assert journal.untold() == []


def test_every_change_of_a_job_has_a_time_of_its_own(journal, submit):
    created = [submit(str(number)) for number in range(20)]
    assert len({job.changed for job in created}) == 20


def test_a_report_is_a_job_that_is_done_and_needs_not_be_told(journal):
    journal.report("what the machines cost", "do: 3 machines")
    [row] = rows(journal, jobs)
    assert (row["state"], row["text"], row["public"]) == (Is.DONE, "do: 3 machines", True)
    assert Plan.read(row["plan"]).units == ()
    assert journal.untold() == []


@pytest.mark.parametrize("what", ["create", "claim", "intend", "settle", "finish", "cancel"])
def test_what_cannot_be_put_in_the_audit_does_not_happen(journal, submit, what):
    job = submit("web")
    claim = journal.claim(job.id, "one", ALIVE) if what != "claim" else None
    step = journal.intend(claim, 0, "create", 1, None, now()) if claim else None
    refuse(journal.database, "INSERT", "audit", "full")
    before = [rows(journal, table) for table in (jobs, locks)]
    with pytest.raises(NotStored, match="full"):
        {
            "create": lambda: submit("db"),
            "claim": lambda: journal.claim(job.id, "one", ALIVE),
            "intend": lambda: journal.intend(claim, 0, "create", 2, None, now()),
            "settle": lambda: journal.settle(claim, step, "done"),
            "finish": lambda: journal.finish(claim, Is.DONE, ""),
            "cancel": lambda: journal.cancel(job.id, line(".cancel")),
        }[what]()
    assert [rows(journal, table) for table in (jobs, locks)] == before
    with journal.database.read() as connection:
        assert [each.state for each in steps_of(connection, job.id)] == ([] if what == "claim" else ["intended"])
