"""Threads for plugins: order within a lane, fairness between them, limits, and leaving in time."""

import random
import sys
import threading
import time

import pytest

from chanops.workers import AT_ONCE, HIGH, MOST_IN_LANE, PROGRESS, Workers

SOON = 10.0  # more than any of this takes; nothing waits for it to pass


@pytest.fixture
def make():
    """Workers that are stopped, and whose hanging tasks are let go, when the test is over."""
    made, let_go = [], threading.Event()

    def make(number=4, **others):
        workers = Workers(number, **others)
        workers.let_go = let_go
        made.append(workers)
        return workers

    yield make
    let_go.set()
    for workers in made:
        workers.stop(SOON)


@pytest.fixture
def workers(make):
    made = make()
    made.start()
    return made


def hang(workers, key, group="hung"):
    """Submit a task that hangs until the test is over, and wait until it has begun."""
    begun = threading.Event()

    def task():
        begun.set()
        workers.let_go.wait(SOON)

    assert workers.submit(key, group, task)
    assert begun.wait(SOON)


def until(condition):
    """Wait until something is so, without looking away for long."""
    nothing, deadline = threading.Event(), time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it never became so"
        nothing.wait(0.002)


def nothing():
    """A task that does nothing."""


def test_what_is_in_one_lane_runs_in_order(workers):
    ran = []
    for number in range(500):
        assert workers.submit("lane", "plugin", lambda number=number: ran.append(number))
    assert workers.finish(SOON)
    assert ran == list(range(500))


def test_two_tasks_of_one_lane_never_run_at_once(workers):
    running, most, pause = [], [], threading.Event()

    def task():
        running.append(1)
        pause.wait(0.0001)
        most.append(len(running))
        running.pop()

    for _ in range(200):
        assert workers.submit("lane", "plugin", task)
    assert workers.finish(SOON)
    assert most == [1] * 200


def test_a_slow_task_does_not_delay_other_lanes(workers):
    hang(workers, "slow")
    ran = threading.Event()
    workers.submit("quick", "other", ran.set)
    assert ran.wait(SOON)


def test_a_plugin_that_hangs_everywhere_holds_no_more_than_its_share(make):
    workers = make(8)
    workers.start()
    hang(workers, 0)
    hang(workers, 1)
    third = threading.Event()
    workers.submit(2, "hung", third.set)
    ran = [threading.Event() for _ in range(20)]
    for number, event in enumerate(ran):
        workers.submit(("other", number), f"plugin {number}", event.set)
    assert all(event.wait(SOON) for event in ran)
    assert not third.is_set(), "a third thread of eight went to the plugin that hangs"
    workers.let_go.set()
    assert third.wait(SOON)


@pytest.mark.parametrize(("number", "share"), [(1, 1), (2, 1), (4, 1), (7, 1), (8, 2), (16, 4), (256, 64)])
def test_a_share_is_a_quarter_but_never_nothing(number, share):
    assert Workers(number).share == share


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit(2), KeyboardInterrupt(), GeneratorExit()])
def test_a_task_that_raises_does_not_lose_the_thread(make, caplog, error):
    workers = make(1)
    workers.start()

    def bad():
        raise error

    ran = threading.Event()
    workers.submit("lane", "plugin", bad)
    workers.submit("lane", "plugin", ran.set)
    assert ran.wait(SOON)
    assert workers.finish(SOON)
    assert [each.exc_info[1] for each in caplog.records] == [error]
    assert workers.threads == 1


def test_a_full_lane_refuses_and_takes_again_when_there_is_room(workers):
    hang(workers, "lane")
    assert [workers.submit("lane", "hung", nothing, most=3) for _ in range(5)] == [True, True, True, False, False]
    assert workers.submit("another lane", "hung", nothing, most=3)
    workers.let_go.set()
    assert workers.finish(SOON)
    assert workers.submit("lane", "hung", nothing, most=3)


def test_without_a_number_a_lane_takes_five_thousand(workers):
    hang(workers, "lane")
    assert sum(workers.submit("lane", "hung", nothing) for _ in range(MOST_IN_LANE + 7)) == MOST_IN_LANE


def test_what_was_refused_is_said_once_in_the_log(workers, caplog):
    hang(workers, "lane", "weather")
    for _ in range(5):
        workers.submit("lane", "weather", nothing, most=2)
    workers.look()
    workers.look()
    assert [each.getMessage() for each in caplog.records] == ["the plugin weather is behind: 3 lines passed over"]


def test_a_flood_makes_it_busy_and_it_is_relieved_when_it_has_caught_up(make):
    relieved, ran = threading.Event(), []
    workers = make(2, relieved=relieved.set)
    workers.start()
    held = 0
    for number in range(20_000):
        if workers.busy():
            held += 1
            assert relieved.wait(SOON), "busy, and then never relieved"
            relieved.clear()
        assert workers.submit("flood", "plugin", lambda number=number: ran.append(number)), number
    assert workers.finish(SOON)
    assert ran == list(range(20_000))
    assert not workers.busy()


def test_it_is_busy_while_a_full_lane_is_worked_off(make):
    relieved, step, done = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    workers = make(2, relieved=relieved.set)
    workers.start()

    def task():
        step.acquire(timeout=SOON)
        done.release()

    for _ in range(HIGH - 1):
        workers.submit("lane", "plugin", task)
    assert not workers.busy()
    for _ in range(AT_ONCE):
        workers.submit("lane", "plugin", task)
    step.release()
    assert done.acquire(timeout=SOON)
    assert workers.busy()
    assert not relieved.is_set()
    step.release(HIGH + AT_ONCE)
    assert relieved.wait(SOON)
    assert workers.finish(SOON)
    assert not workers.busy()


def test_a_plugin_that_hangs_does_not_make_it_busy_for_ever(workers):
    hang(workers, "lane")
    for _ in range(HIGH):
        workers.submit("lane", "hung", nothing)
    began = time.monotonic()
    until(lambda: not workers.busy())
    assert time.monotonic() - began < PROGRESS + 2
    assert not workers.busy()


def test_a_call_that_is_stuck_is_replaced_and_said_in_the_log(make, caplog):
    workers = make(1, patience=0.05)
    workers.start()
    hang(workers, "lane", "weather")
    ran = threading.Event()
    workers.submit("other", "other", ran.set)
    workers.look()
    assert not ran.is_set()
    until(lambda: workers.look() or ran.is_set())
    workers.look()
    assert workers.threads == 2
    told = [each.getMessage() for each in caplog.records]
    assert told == ["the plugin weather has been running one call for over 0 s"]


def test_a_lane_whose_call_is_stuck_takes_lines_but_no_commands(make):
    workers = make(4, patience=0.05)
    workers.start()
    hang(workers, "lane")
    assert workers.submit("lane", "hung", nothing, most=50)
    until(lambda: not workers.submit("lane", "hung", nothing, most=50))
    assert workers.submit("lane", "hung", nothing)
    assert workers.submit("another lane", "hung", nothing, most=50)


def test_however_many_calls_are_stuck_there_are_never_more_than_four_times_the_threads(make):
    workers = make(2, patience=0.001)
    workers.start()
    for number in range(7):
        begun = threading.Event()
        workers.submit(number, f"plugin {number}", lambda begun=begun: (begun.set(), workers.let_go.wait(SOON)))
        until(lambda begun=begun: workers.look() or begun.is_set())
    until(lambda: workers.look() or workers.stuck == 7)
    for _ in range(5):
        workers.look()
    assert workers.threads == 8


def test_when_stuck_calls_come_back_there_are_as_many_threads_as_before(make):
    workers = make(2, patience=0.01)
    workers.start()
    hang(workers, "one", "a")
    hang(workers, "two", "b")
    until(lambda: workers.look() or workers.threads == 4)
    workers.let_go.set()
    assert workers.finish(SOON)
    until(lambda: workers.submit("lane", "c", nothing) and (workers.look() or workers.threads == 2))
    assert workers.finish(SOON)


def test_a_thread_too_many_that_leaves_takes_no_task_with_it(make):
    workers = make(2, patience=1.0)
    first, second, ran = threading.Event(), threading.Event(), threading.Event()
    workers.submit("lane", "hung", lambda: first.wait(SOON))
    workers.submit("lane", "hung", lambda: (second.set(), workers.let_go.wait(SOON)))
    workers.start()
    until(lambda: workers.look() or workers.threads == 3)
    first.set()
    assert second.wait(SOON)
    workers.look()
    assert (workers.threads, workers.stuck) == (3, 0), "the test is too slow for its patience"
    workers.submit("other", "other", ran.set)
    assert ran.wait(SOON / 2)


def test_finishing_is_waited_for(workers):
    assert workers.finish(SOON)
    ran = threading.Event()
    workers.submit("lane", "plugin", lambda: ran.wait(0.05) or ran.set())
    assert workers.finish(SOON)
    assert ran.is_set()


def test_what_tasks_submit_is_waited_for_too(workers):
    ran = []

    def task(depth):
        ran.append(depth)
        if depth:
            workers.submit(depth % 3, "plugin", lambda: task(depth - 1))

    workers.submit("first", "plugin", lambda: task(50))
    assert workers.finish(SOON)
    assert ran == list(range(50, -1, -1))


def test_finishing_gives_up_on_a_task_that_hangs(workers):
    hang(workers, "lane")
    assert not workers.finish(0.05)


def test_what_waits_before_the_start_runs_after_it(make):
    workers, ran = make(), []
    for number in range(10):
        assert workers.submit("lane", "plugin", lambda number=number: ran.append(number))
    assert not workers.finish(0.0)
    assert ran == []
    workers.start()
    workers.start()
    assert workers.finish(SOON)
    assert ran == list(range(10))
    assert workers.threads == workers.number


def test_stopping_waits_for_what_runs(workers):
    begun, ended = threading.Event(), threading.Event()

    def task():
        begun.set()
        threading.Event().wait(0.1)
        ended.set()

    workers.submit("lane", "plugin", task)
    assert begun.wait(SOON)
    workers.stop(SOON)
    assert ended.is_set()


def test_stopping_does_not_wait_for_ever(workers):
    hang(workers, "lane")
    began = time.monotonic()
    workers.stop(0.1)
    assert 0.1 <= time.monotonic() - began < 2


def test_stopping_is_quick_where_nothing_runs(workers):
    began = time.monotonic()
    workers.stop(SOON)
    assert time.monotonic() - began < 2
    until(lambda: workers.threads == 0)


def test_after_a_stop_nothing_more_begins_and_nothing_is_taken(make):
    workers, go, begun, ran = make(2), threading.Event(), threading.Event(), []
    workers.submit("lane", "plugin", lambda: (begun.set(), go.wait(SOON)))
    for number in range(3):
        workers.submit("lane", "plugin", lambda number=number: ran.append(number))
    workers.start()
    assert begun.wait(SOON)
    workers.stop(0)
    assert not workers.submit("another lane", "plugin", nothing)
    go.set()
    until(lambda: workers.threads == 0)
    assert ran == []


def test_threads_are_daemons_so_that_a_plugin_that_hangs_does_not_keep_the_bot(workers):
    seen, found = threading.Event(), []
    workers.submit("lane", "plugin", lambda: (found.append(threading.current_thread().daemon), seen.set()))
    assert seen.wait(SOON)
    assert found == [True]


def test_under_many_threads_every_task_that_is_taken_runs_once_and_in_order(make):
    workers = make(8, patience=0.02)
    workers.start()
    lanes, each, submitters = 40, 25, 6
    ran = {(who, lane): [] for who in range(submitters) for lane in range(lanes)}
    taken = {key: [] for key in ran}
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    looking, stop_looking = threading.Thread(target=lambda: look_until(stop_looking)), threading.Event()

    def look_until(event):
        while not event.wait(0.001):
            workers.look()
            workers.busy()

    def submit_all(who):
        dice = random.Random(who)
        order = [lane for lane in range(lanes) for _ in range(each)]
        dice.shuffle(order)
        for number, lane in enumerate(order):
            key, wait = (who, lane), 0.03 if dice.random() < 0.002 else 0.0
            most = dice.choice([2, 50, MOST_IN_LANE])

            def task(number=number, key=key, wait=wait):
                if wait:
                    threading.Event().wait(wait)
                ran[key].append(number)

            if workers.submit(key, f"plugin {lane % 5}", task, most):
                taken[key].append(number)

    threads = [threading.Thread(target=submit_all, args=(who,)) for who in range(submitters)]
    try:
        for thread in [looking, *threads]:
            thread.start()
        for thread in threads:
            thread.join(SOON)
        assert workers.finish(SOON)
    finally:
        stop_looking.set()
        looking.join(SOON)
        sys.setswitchinterval(before)
    assert ran == taken
    assert sum(map(len, taken.values())) > submitters * lanes
    assert not workers.lanes
    assert not +workers.held
