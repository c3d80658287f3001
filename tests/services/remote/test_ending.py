"""How commands end that do not end by themselves: cancelled, lost, left by a bot that dies; and asking again."""

import re
import subprocess
import sys

import pytest
from stores import after_insert, allow, refuse

from chanops.services.jobs import engine
from chanops.testing import job_ended, line, until
from tests.services.remote.conftest import PAGE, Operator

UNKNOWN = "unknown: nobody knows how far it came, and it may still run; look there before it is asked for again"
# A bot of its own, which asks for something and is killed amid it.
BOT = """
import sys
from pathlib import Path
from chanops import configuration
from chanops.offline import Offline
with Offline(configuration.read(Path(sys.argv[1]))) as bot:
    bot.say(sys.argv[2])
    sys.stdin.read()
"""


@pytest.fixture
def again(bot):
    """Another life of the bot, after this one has left; call it for somebody who asks there."""
    lives = []

    def begin():
        bot.app.close()
        lives.append(type(bot)(bot.app.configured))
        return Operator(lives[-1].__enter__())

    yield begin
    for life in lives:
        life.__exit__(None, None, None)


@pytest.fixture
def three(scratch, gate):
    """A command which ends at once, but for the second that runs it."""
    log = scratch / "ran"
    command = f"echo $$ >>{log}; [ $(wc -l <{log}) -ne 2 ] || {{ {gate.command}; }}"
    return command, lambda: len(log.read_text().split())


# ---------------------------------------------------------------- cancelled


def test_a_cancelled_command_is_ended_there_and_it_is_said(bot, ops, gate):
    number, _ = ops.begin(f".run web-1 echo begun; {gate.command}")
    gate.wait()
    [answer] = bot.say(f".cancel {number}")
    assert answer == f"job {number} ends at its next step; now: web-1 under way"
    job = job_ended(bot, number)
    assert job.state == "cancelled"
    until(lambda: not gate.running())
    assert ops.parts()["web-1"] == ("cancelled", "cancelled; it ran T, and was ended there")
    assert ops.facts()["end"] == "cancelled"
    assert ops.output() == "begun\n"
    until(lambda: bot.heard.lines[-1][1] == "web-1: begun")
    head, line = (each for _, each in bot.heard.lines[-2:])
    assert re.fullmatch(rf"job 1: web-1 cancelled; it ran .* s, and was ended there · {PAGE}/1", head)
    assert line == "web-1: begun"


def test_a_cancelled_command_takes_its_children_with_it(bot, ops, gate):
    ops.begin(f".run web-1 ( {gate.command} ) & ( {gate.command} ) & wait")
    gate.wait(2)
    bot.say(".cancel 1")
    job_ended(bot, 1)
    until(lambda: not gate.running())


def test_a_command_that_ignores_the_first_signal_is_ended_by_the_second(bot, ops, gate):
    ops.begin(f".run web-1 trap '' TERM; {gate.command}")
    gate.wait()
    bot.say(".cancel 1")
    job_ended(bot, 1)
    until(lambda: not gate.running())
    assert ops.parts()["web-1"][1] == "cancelled; it ran T, and was ended there"


def test_of_a_cancelled_job_some_were_done_one_is_ended_and_the_rest_is_not_begun(bot, ops, three, gate):
    command, ran = three
    ops.begin(f".run parallel=1 web-1,web-2,web-3,web-4 {command}")
    gate.wait()
    bot.say(".cancel 1")
    job_ended(bot, 1)
    assert ops.parts() == {
        "web-1": ("done", "ok in T"),
        "web-2": ("cancelled", "cancelled; it ran T, and was ended there"),
        "web-3": ("cancelled", "cancelled; nothing was done"),
        "web-4": ("cancelled", "cancelled; nothing was done"),
    }
    assert ran() == 2


def test_what_ends_well_while_it_is_cancelled_is_told_as_it_was(bot, ops, scratch):
    """It ended by itself, and it was in this very moment that somebody cancelled the job."""
    journal = ops.jobs.journal
    settle = journal.settle

    def settling(claim, step, state, result=None):
        journal.settle = settle
        ops.jobs.cancel(1, line(".cancel 1"))
        ops.jobs.engine.running[1].cancel()
        settle(claim, step, state, result)

    journal.settle = settling
    ops.begin(f".run web-1 touch {scratch}/x")
    job_ended(bot, 1)
    assert (scratch / "x").exists()
    assert ops.facts()["end"] == "exited"
    assert ops.parts()["web-1"] == ("done", "ok in T")


def test_a_job_that_waits_is_cancelled_before_it_is_begun(bot, ops, gate):
    ops.begin(f".run parallel=1 web-1,web-2 {gate.command}")
    gate.wait()
    bot.say(".cancel 1")
    job_ended(bot, 1)
    assert gate.begun == 1
    assert ops.parts()["web-2"] == ("cancelled", "cancelled; nothing was done")


# ---------------------------------------------------------------- lost


class TestLostConnection:
    """A server whose connections are cut."""

    @pytest.fixture
    def server(self, fresh_sshd):
        return fresh_sshd()

    def test_nobody_knows_and_a_person_is_to_look(self, bot, ops, server, gate):
        ops.begin(f".run web-1 echo begun; {gate.command}")
        gate.wait()
        server.kill_sessions()
        assert job_ended(bot, 1).state == "needs-attention"
        state, text = ops.parts()["web-1"]
        assert (state, text) == (
            "needs-attention",
            "unknown: the connection was lost after T; it may have run, and may still run",
        )
        assert ops.facts()["end"] == "lost"
        assert gate.running(), "it does"
        until(lambda: len(bot.heard.lines) >= 2)
        assert bot.heard.lines[-2][1].startswith("job 1: web-1 unknown: the connection was lost")
        assert bot.heard.lines[-1][1] == "web-1: begun"

    def test_a_lost_one_is_never_counted_as_ok(self, bot, ops, server, gate):
        ops.begin(f".run web-* {gate.command}")
        gate.wait(6)
        server.kill_sessions()
        job_ended(bot, 1)
        assert re.fullmatch(
            rf"job 1: 6 unknown in .*: web-1, web-2 and 4 more unknown · {PAGE}/1", bot.heard.lines[-1][1]
        )

    def test_the_next_command_connects_anew(self, bot, ops, server):
        ops.ask(".run web-1 true")
        server.kill_sessions()
        assert ops.parts()["web-1"][0] == "done"
        assert ops.lines(".run web-1 true") == [f"job 2: web-1 ok in T · {PAGE}/2"]

    def test_a_server_that_is_gone_is_told_and_nothing_was_run(self, ops, server):
        ops.ask(".run web-1 true")
        server.stop()
        [line] = ops.lines(".run web-1 true")
        assert line.startswith("job 2: web-1 no answer from ")
        assert ops.parts()["web-1"][0] == "failed"


# ---------------------------------------------------------------- a bot that dies


def test_a_bot_that_leaves_amid_a_command_knows_not_what_became_of_it(ops, again, gate, three):
    command, ran = three
    ops.begin(f".run parallel=1 web-1,web-2,web-3 {command}")
    gate.wait()
    later = again()
    job = job_ended(later.bot, 1)
    assert job.state == "needs-attention"
    assert later.parts(1) == {
        "web-1": ("done", "ok in T"),
        "web-2": ("needs-attention", UNKNOWN),
        "web-3": ("done", "ok in T"),
    }
    assert ran() == 3
    assert gate.running(), "it was left alone"
    assert later.output(1, 1) == ""


def test_what_was_written_before_the_bot_left_is_kept(ops, again, gate):
    ops.begin(f".run web-1 echo before; {gate.command}")
    gate.wait()
    later = again()
    job_ended(later.bot, 1)
    assert later.output(1) == "before\n"


def test_a_bot_that_is_killed_amid_a_command_knows_not_what_became_of_it(bot, ops, again, gate, three):
    command, ran = three
    bot.app.close()
    process = subprocess.Popen(
        [sys.executable, "-c", BOT, str(bot.app.configured.path), f".run parallel=1 web-1,web-2,web-3 {command}"],
        stdin=subprocess.PIPE,
    )
    with process:
        gate.wait()
        process.kill()
    later = again()
    assert job_ended(later.bot, 1).state == "needs-attention"
    assert {name: state for name, (state, _) in later.parts(1).items()} == {
        "web-1": "done",
        "web-2": "needs-attention",
        "web-3": "done",
    }
    assert later.parts(1)["web-2"] == ("needs-attention", UNKNOWN)
    assert ran() == 3


def test_a_bot_that_is_frozen_and_loses_its_job_sends_nothing(bot, ops):
    """The claim is somebody else's by now: whatever would be sent is not."""
    after_insert(bot.app.database, "steps", "UPDATE jobs SET owner = 'other', fence = fence + 1;")
    ops.begin(".run web-1 true")
    until(lambda: 1 not in ops.jobs.engine.running and ops.audited("intend"))
    assert ops.output() == ""
    assert ops.parts()["web-1"][0] != "done"


# ---------------------------------------------------------------- a full disk


def full(bot, table, what="INSERT"):
    """The database takes no such rows any more."""
    refuse(bot.app.database, what, table, "database or disk is full")


def room(bot, table):
    """There is room again."""
    allow(bot.app.database, table)


@pytest.mark.parametrize(
    ("table", "what"), [("steps", "UPDATE"), ("output", "INSERT"), ("units", "UPDATE"), ("audit", "INSERT")]
)
def test_the_outcome_is_not_lost_where_the_database_is_full_at_the_end(
    bot, ops, gate, monkeypatch, caplog, table, what
):
    monkeypatch.setattr(engine, "AGAIN", 0.05)
    ops.begin(f".run web-1 echo one; {gate.command}; echo two; exit 5")
    gate.wait()
    full(bot, table, what)
    gate.go()
    until(lambda: "jobs wait: not stored" in caplog.text)
    assert not ops.jobs.find(1).over
    room(bot, table)
    assert job_ended(bot, 1).state == "failed"
    assert ops.parts()["web-1"] == ("failed", "exit 5 in T")
    assert (ops.facts()["end"], ops.facts()["status"]) == ("exited", 5)
    assert ops.output() == "one\ntwo\n"
    assert gate.begun == 1


def test_nothing_is_run_that_cannot_be_written_down(bot, ops, scratch):
    full(bot, "audit")
    assert "not stored: the database says: database or disk is full" in ops.refused(f".run web-1 touch {scratch}/x")
    assert list(scratch.iterdir()) == []


def test_nothing_is_run_whose_intention_cannot_be_written_down(bot, ops, scratch, monkeypatch, caplog):
    monkeypatch.setattr(engine, "AGAIN", 0.05)
    full(bot, "steps")
    ops.begin(f".run web-1 echo x >>{scratch}/x")
    until(lambda: "jobs wait: not stored" in caplog.text)
    assert list(scratch.iterdir()) == []
    room(bot, "steps")
    assert job_ended(bot, 1).state == "done"
    assert (scratch / "x").read_text() == "x\n"


# ---------------------------------------------------------------- again


def test_asking_again_is_for_those_that_were_not_ok(ops, scratch):
    command = f"mkdir {scratch}/first 2>&- && exit 7; echo $PPID >>{scratch}/ok"
    ops.ask(f".run web-* parallel=1 timeout=30s {command}")
    assert [name for name, (state, _) in ops.parts().items() if state != "done"] == ["web-1"]
    assert ops.lines(".again 1") == [f"job 2: web-1 ok in T · {PAGE}/2"]
    assert ops.jobs.find(2).title.endswith(" on web-1")
    assert ops.jobs.find(2).plan.request["options"] == ops.jobs.find(1).plan.request["options"]
    assert len((scratch / "ok").read_text().split()) == 6


def test_asking_again_for_what_was_ok_means_all_of_it(ops):
    ops.ask(".run web-1,web-2 echo hi on web-9")
    assert ops.lines(".again 1") == [
        f"job 2: 2 machines · web-1 ok in T · web-2 ok in T · {PAGE}/2",
        "web-1, web-2: hi on web-9",
    ]
    assert ops.jobs.find(2).title == ops.jobs.find(1).title


def test_asking_again_means_those_that_were_not_begun_too(ops, scratch):
    ops.ask(f".run web-1,web-2,web-3 one-by-one=yes [ -e {scratch}/x ] || exit 1; echo x >>{scratch}/ran")
    assert ops.newest() == 1
    (scratch / "x").touch()
    ops.ask(".again 1")
    assert set(ops.parts(2)) == {"web-1", "web-2", "web-3"}
    assert len((scratch / "ran").read_text().split()) == 3


def test_asking_again_for_a_script_runs_what_it_was(ops):
    """What is asked for again is what was seen then, with its arguments, and not what the file holds by now."""
    ops.write("scripts/x.sh", '#!/bin/sh\nprintf "<%s>" "$@"\nexit 1\n')
    ops.ask(".script x.sh web-1 'a b' \"it's\"")
    ops.write("scripts/x.sh", "#!/bin/sh\necho other\n")
    assert ops.lines(".again 1")[-1] == "web-1: <a b><it's>"


def test_asking_again_while_it_is_under_way_is_refused(ops, gate):
    ops.begin(f".run web-1 {gate.command}")
    gate.wait()
    assert ops.refused(".again 1") == "job 1 is not over yet"


def test_asking_again_for_a_host_that_is_gone_says_so(bot, ops, server):
    ops.ask(".run web-1,web-2 false")
    ops.configure(lambda text: text.replace("[host:web-1]", "[host:other]"))
    first, second = ops.lines(".again 1")
    assert "nothing matches id:web-1" in first
    assert second == f"job 2: web-2 exit 1 in T · {PAGE}/2"


def test_whoever_may_not_run_may_not_ask_again(bot, ops):
    ops.ask(".run web-1 false")
    [answer] = bot.say(".again 1", nick="bob")
    assert "needs the role ops" in answer
    assert ops.newest() == 1
