"""Steps that are done once whatever happens, and waits that end: what a workflow is made of."""

import json
import threading
from datetime import timedelta

import pytest
from stores import allow, refuse

from chanops.core.errors import Problem
from chanops.providers.base import BadRequest, Busy, OutcomeUnknown, RateLimited, Unreachable
from chanops.services.database import NotStored
from chanops.services.jobs import lease as leases
from chanops.services.jobs import work as works
from chanops.services.jobs.rows import Attention, Cancelled, Fenced, Stopped, output_of, steps_of
from chanops.services.jobs.work import ATTEMPTS, Late, Signals, may_act

GRACE = 0.2


class World:
    """What a step changes: `made` is what is there; `answers` are what goes wrong, one after the other."""

    def __init__(self, *answers):
        self.answers, self.made, self.looks = list(answers), [], 0

    def make(self):
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or getattr(answer, "made", False):
            self.made.append(len(self.made) + 1)
        if answer is not None:
            raise answer
        return self.made[-1]

    def look(self, asked):
        self.looks += 1
        return self.made[-1] if self.made else None


def unknown(made):
    error = OutcomeUnknown("no answer")
    error.made = made
    return error


def act(work, world, **more):
    return work.act("create", world.make, world.look, grace=GRACE, **more)


def steps(work, name="create"):
    with work.journal.database.read() as connection:
        return [(step.attempt, step.state) for step in steps_of(connection, work.job, 0, name)]


def told(work):
    with work.journal.database.read() as connection:
        return [each.text for each in output_of(connection, work.job)]


def test_a_step_that_is_done_is_not_done_again(begin, resume):
    work, world = begin(), World()
    assert (act(work, world), act(work, world), act(resume(work), world)) == (1, 1, 1)
    assert (world.made, world.looks, steps(work)) == ([1], 0, [(1, "done")])


def test_the_intention_is_on_disk_before_anything_is_done(begin):
    work, seen = begin(), []
    work.act("create", lambda: seen.append(steps(work)) or 7, lambda asked: None, grace=GRACE, asked=lambda: {"a": 1})
    assert seen == [[(1, "intended")]]
    assert json.loads(work.last("create").asked) == {"a": 1}


def test_what_nobody_answered_is_looked_for_and_found(begin):
    work, world = begin(), World(unknown(made=True))
    assert act(work, world) == 1
    assert (world.made, steps(work)) == ([1], [(1, "done")])
    assert told(work) == ["create: no answer; looking"]


def test_what_nobody_answered_and_is_not_there_is_done_again(begin):
    work, world = begin(), World(unknown(made=False))
    assert act(work, world) == 1
    assert (world.made, steps(work)) == ([1], [(1, "absent"), (2, "done")])
    assert world.looks >= 2


def test_what_appears_late_is_not_done_again(begin):
    work, world, looks = begin(), World(unknown(made=True)), []
    found = work.act(
        "create", world.make, lambda asked: looks.append(asked) or (9 if len(looks) > 2 else None), grace=GRACE
    )
    assert (found, world.made, steps(work)) == (9, [1], [(1, "done")])


@pytest.mark.parametrize("made", [True, False])
def test_after_a_crash_between_intention_and_answer_it_looks_first(begin, resume, made):
    work, world = begin(), World()

    def crash():
        if made:
            world.make()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.act("create", crash, world.look, grace=GRACE)
    assert steps(work) == [(1, "intended")]
    assert act(resume(work), world) == 1
    assert world.made == [1]
    assert steps(work) == ([(1, "done")] if made else [(1, "absent"), (2, "done")])


def test_what_look_is_handed_is_what_was_stored_with_the_first_intention(begin, resume):
    work, asked = begin(), []
    with pytest.raises(KeyboardInterrupt):
        work.act("x", lambda: (_ for _ in ()).throw(KeyboardInterrupt), None, grace=GRACE, asked=lambda: {"newest": 5})
    resume(work).act("x", lambda: 1, lambda was: asked.append(was) or 2, grace=GRACE, asked=lambda: {"newest": 9})
    assert asked == [{"newest": 5}]


@pytest.mark.parametrize("error", [Busy("pending event"), RateLimited("too many"), Unreachable("no connection")])
def test_a_cloud_that_is_busy_is_asked_again_and_it_is_one_attempt(begin, error):
    work, world = begin(), World(error)
    assert act(work, world) == 1
    assert (steps(work), told(work)) == ([(1, "done")], [f"create waits: {error}"])


def test_a_cloud_that_stays_busy_is_given_up_and_nothing_was_done(begin, monkeypatch):
    monkeypatch.setattr(works, "PATIENCE", timedelta(seconds=0.1))
    work, world = begin(), World(*[Busy("pending event")] * 9)
    with pytest.raises(Late, match="create could not be begun within 0 s: pending event"):
        act(work, world)
    assert (world.made, steps(work)) == ([], [(1, "failed")])


def test_a_refusal_is_the_end_of_the_step(begin):
    work, world = begin(), World(BadRequest("no such size"))
    with pytest.raises(BadRequest):
        act(work, world)
    assert (world.made, world.looks, steps(work)) == ([], 0, [(1, "failed")])


def test_after_some_attempts_of_which_nobody_knows_a_person_is_needed(begin):
    work, world = begin(), World(*[unknown(made=False)] * 9)
    with pytest.raises(Attention, match=f"create was tried {ATTEMPTS} times, and each time nobody knows"):
        work.act("create", world.make, world.look, grace=0)
    assert steps(work) == [(number + 1, "absent") for number in range(ATTEMPTS)]


def test_where_the_intention_cannot_be_stored_nothing_is_done(begin, journal):
    work, world = begin(), World()
    refuse(journal.database, "INSERT", "audit", "full")
    with pytest.raises(NotStored):
        act(work, world)
    assert world.made == []
    allow(journal.database, "audit")
    assert act(work, world) == 1


def test_what_was_done_and_could_not_be_stored_is_found_and_not_done_again(begin, journal):
    work, world = begin(), World()
    refuse(journal.database, "UPDATE", "steps", "full")
    with pytest.raises(NotStored):
        act(work, world)
    allow(journal.database, "steps")
    assert act(work, world) == 1
    assert world.made == [1]


def test_one_that_was_taken_for_dead_does_nothing_more(begin, resume):
    work, world = begin(), World()
    resume(work)
    with pytest.raises(Fenced):
        act(work, world)
    assert world.made == []


def test_a_change_outside_of_a_step_is_refused(begin, resume, monkeypatch):
    monkeypatch.setattr(leases, "SURE", 0.0)
    with pytest.raises(Problem, match="nothing is changed outside of a job's step"):
        may_act()
    work = begin()
    assert work.act("create", lambda: may_act() or 1, lambda asked: None, grace=0) == 1
    with pytest.raises(Problem, match="outside"):
        may_act()

    def taken_meanwhile():
        resume(work)
        may_act()

    with pytest.raises(Fenced):
        work.act("destroy", taken_meanwhile, lambda asked: None, grace=0)


@pytest.mark.parametrize(("signal", "raised"), [("cancel", Cancelled), ("stop", Stopped)])
def test_a_pause_ends_at_once_when_the_job_is_to_end(begin, signal, raised):
    signals = Signals()
    work = begin(signals=signals)
    threading.Timer(0.05, getattr(signals, signal)).start()
    with pytest.raises(raised):
        work.pause(60)
    with pytest.raises(raised):
        act(work, World())
    assert steps(work) == []


def test_what_was_found_out_once_holds_for_all_lives_of_a_job(begin, resume):
    work, answers = begin(), iter(["first", "second"])
    assert work.once("name", lambda: next(answers)) == "first"
    assert resume(work).once("name", lambda: next(answers)) == "first"


def test_a_question_is_asked_until_the_cloud_answers_or_for_too_long(begin):
    work, errors = begin(), [Unreachable("no connection")]

    def ask():
        if errors:
            raise errors.pop()
        return 7

    assert work.patiently(ask) == 7
    assert told(work) == ["waiting: no connection"]
    errors += [Unreachable("no connection")]
    with pytest.raises(Attention, match="no connection, for 0 s"):
        work.patiently(ask, timedelta())


def test_a_wait_ends_with_what_is_found_and_is_not_waited_for_again(begin, resume):
    work, found = begin(), iter([None, None, "there"])
    assert work.wait("gone", timedelta(seconds=20), lambda than: next(found)) == "there"
    assert resume(work).wait("gone", timedelta(seconds=20), lambda than: next(found)) == "there"


def test_a_deadline_is_stored_and_no_restart_puts_it_off(begin, resume):
    work = begin()

    def killed(than):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.wait("gone", timedelta(seconds=0.3), killed)
    deadline = work.last("gone").deadline
    later = resume(work)
    with pytest.raises(Late):
        later.wait("gone", timedelta(hours=5), lambda than: later.pause(0.02))
    assert later.last("gone").deadline == deadline
    assert later.last("gone").state == "late"


def test_a_wait_that_was_too_late_stays_so(begin, resume):
    work = begin()
    with pytest.raises(Late, match="gone: not within 0 s"):
        work.wait("gone", timedelta(), lambda than: None)
    with pytest.raises(Late, match="gone: not within 0 s"):
        resume(work).wait("gone", timedelta(hours=5), lambda than: "there")


def test_a_wait_looks_once_more_after_its_deadline(begin):
    assert begin().wait("gone", timedelta(), lambda than: "there") == "there"


def test_a_cloud_that_cannot_be_asked_until_a_wait_is_over_needs_a_person(begin):
    def ask(than):
        raise Unreachable("no connection")

    with pytest.raises(Attention, match="gone: no connection, until the time for it was over"):
        begin().wait("gone", timedelta(seconds=0.1), ask)
