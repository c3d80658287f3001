"""The engine: every machine's end is stored, jobs go on after a crash, and no machine has two at once."""

import subprocess
import sys
import threading

import pytest
from stores import allow, environment, refuse

from chanops.core.errors import Problem
from chanops.services.jobs import engine as engines
from chanops.services.jobs.rows import Attention, Is, job_of, steps_of, units_of
from chanops.services.tables import jobs
from chanops.testing import line, until

# Claims the job, writes down an intention, and is killed there.
DIES = """
import os, signal, sys
from pathlib import Path
from chanops.services.audit import Audit
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.jobs.engine import Engine
from chanops.services.jobs.journal import Journal
database = Database(Path(sys.argv[1]), os.environ["DATABASE_URL"])
database.start()

def dies(work):
    work.act("create", lambda: os.kill(os.getpid(), signal.SIGKILL), lambda asked: None, grace=0)

engine = Engine(database, Journal(database, History(database), Audit(database)), {"test": dies}, lambda: 1)
engine.start(Path(sys.argv[2]))
sys.stdin.read()
"""


@pytest.fixture
def ended(database):
    """Waits until a job is over: the job and its machines, by name, as (state, text)."""

    def wait(job):
        def over():
            with database.read() as connection:
                row = connection.execute(jobs.select().where(jobs.c.id == job.id)).mappings().one()
                parts = {part.name: (part.state, part.text) for part in units_of(connection, job.id)}
            found = job_of(row)
            return (found, parts) if found.over else None

        return until(over)

    return wait


def test_every_machine_has_an_end_of_its_own(submit, run, ended):
    def flow(work):
        if work.unit.name == "bug":
            raise ZeroDivisionError
        if work.unit.name == "problem":
            work.say("is being made")
            raise Problem("there is no room")
        if work.unit.name == "attention":
            raise Attention("nobody knows")
        return "runs"

    job = submit("fine", "bug", "problem", "attention")
    run(test=flow)
    job, parts = ended(job)
    assert parts == {
        "fine": (Is.DONE, "runs"),
        "bug": (Is.ATTENTION, f"{engines.BUG} (before: nothing)"),
        "problem": (Is.FAILED, "there is no room"),
        "attention": (Is.ATTENTION, "nobody knows"),
    }
    assert job.state == Is.ATTENTION
    assert job.text.startswith("2 needs-attention, 1 failed, 1 done in ")
    assert job.text.index("NEEDS ATTENTION") < job.text.index("failed: there") < job.text.index("fine runs")


def test_a_bug_is_told_to_the_log(submit, run, ended, caplog):
    def flow(work):
        raise ZeroDivisionError("the bug itself")

    job = submit("web")
    run(test=flow)
    ended(job)
    assert "job 1 (test) failed at web" in caplog.text
    assert "the bug itself" in caplog.text


def test_a_kind_of_work_that_is_not_known_needs_attention(submit, run, ended):
    job = submit("web", kind="elsewhere")
    run()
    assert ended(job)[0].state == Is.ATTENTION


@pytest.mark.parametrize("parallel", [1, 3])
def test_so_many_machines_are_worked_on_at_once(submit, run, ended, parallel):
    lock, at_once, most = threading.Lock(), [0], [0]
    meet = threading.Barrier(parallel)

    def flow(work):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        meet.wait(10)
        with lock:
            at_once[0] -= 1
        return "done"

    job = submit(*map(str, range(6)))
    run(parallel=parallel, test=flow)
    assert ended(job)[0].state == Is.DONE
    assert most[0] == parallel


def test_a_job_waits_for_the_one_that_has_its_machine_and_passes_others_by(submit, run, ended, database):
    gate, order = threading.Event(), []

    def flow(work):
        order.append(work.job)
        assert work.job != 1 or gate.wait(10)
        return "done"

    first, second, other = submit("web"), submit("web", "db"), submit("mail")
    run(test=flow)
    assert ended(other)[0].state == Is.DONE
    assert sorted(order) == [first.id, other.id]
    gate.set()
    assert ended(second)[0].state == Is.DONE
    assert order[2:] == [second.id, second.id]


def test_a_running_job_ends_at_its_next_step_and_says_how_far_it_was(submit, run, ended, journal):
    begun = threading.Event()

    def flow(work):
        work.say("is shutting down")
        begun.set()
        work.pause(60)
        raise AssertionError("went on")

    job = submit("web")
    engine = run(test=flow)
    assert begun.wait(10)
    journal.cancel(job.id, line(".cancel 1"))
    engine.wake()
    job, parts = ended(job)
    assert (job.state, parts["web"]) == (Is.CANCELLED, (Is.CANCELLED, "cancelled; is shutting down"))


def test_a_job_is_resumed_after_its_process_was_killed(submit, run, ended, database, tmp_path):
    job = submit("web")
    command = [sys.executable, "-c", DIES, str(database.path), str(tmp_path / "runners")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment(database)) as child:
        assert child.wait(30) == -9
    looked = []

    def flow(work):
        return work.act("create", lambda: "made now", lambda asked: looked.append(1) or "made before", grace=1)

    run(test=flow)
    job, parts = ended(job)
    assert (job.state, parts["web"], looked) == (Is.DONE, (Is.DONE, "made before"), [1])
    with database.read() as connection:
        assert [(step.attempt, step.state) for step in steps_of(connection, job.id)] == [(1, "done")]


def test_a_stopped_engine_leaves_its_jobs_to_the_next(submit, run, ended):
    begun, calls = threading.Event(), []

    def flow(work):
        calls.append(work.act("create", lambda: "id-1", lambda asked: None, grace=0))
        begun.set()
        if len(calls) == 1:
            work.pause(60)
        return "runs"

    job = submit("web")
    first = run(test=flow)
    assert begun.wait(10)
    first.stop()
    assert first.running == {}
    run(test=flow)
    assert ended(job)[1] == {"web": (Is.DONE, "runs")}
    assert calls == ["id-1", "id-1"]


def test_machines_that_were_done_before_a_restart_are_not_done_again(submit, run, ended):
    waits, calls = threading.Event(), []

    def flow(work):
        calls.append(work.unit.name)
        if work.unit.name == "db" and calls.count("db") == 1:
            waits.set()
            work.pause(60)
        return "done"

    job = submit("web", "db")
    first = run(parallel=1, test=flow)
    assert waits.wait(10)
    first.stop()
    run(test=flow)
    assert ended(job)[0].state == Is.DONE
    assert calls == ["web", "db", "db"]


@pytest.mark.parametrize(
    ("table", "what"), [("audit", "INSERT"), ("output", "INSERT"), ("steps", "UPDATE"), ("jobs", "UPDATE")]
)
def test_while_the_database_takes_nothing_a_job_waits_and_then_goes_on(
    submit, run, ended, database, monkeypatch, caplog, table, what
):
    monkeypatch.setattr(engines, "AGAIN", 0.05)
    begun, go, made = threading.Event(), threading.Event(), []

    def flow(work):
        begun.set()
        assert go.wait(10)
        return work.act("create", lambda: made.append(1) or "made", lambda asked: "made" if made else None, grace=0.1)

    job = submit("web")
    run(test=flow)
    assert begun.wait(10)
    refuse(database, what, table)
    go.set()
    until(lambda: "jobs wait: not stored" in caplog.text)
    allow(database, table)
    assert ended(job)[1] == {"web": (Is.DONE, "made")}
    assert made == [1]


def test_whoever_wants_news_is_told_when_machines_and_jobs_end(submit, run, ended):
    heard = []
    engine = run(test=lambda work: "done")
    engine.news = heard.append
    job = submit("web", "db")
    engine.wake()
    ended(job)
    until(lambda: not engine.running)
    assert heard == [job.id] * 4  # it began, each machine, its end
