"""Lines leave in their order, never faster than allowed, and nothing waits before a PONG."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.irc.outbox import MOST_WAITING, Outbox

START = 1000.0


def online(burst=5, interval=2.0, *lines):
    """An outbox of a connection that has just come online, with lines in it."""
    outbox = Outbox(burst, interval)
    outbox.start(START)
    outbox.held = False
    for line in lines:
        outbox.put(line)
    return outbox


def taken(outbox, now):
    """All that may leave at a moment."""
    lines = []
    while (line := outbox.take(now)) is not None:
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    ("burst", "interval", "moments", "left"),
    [
        (3, 2.0, [0], [3]),
        (3, 2.0, [0, 1.9, 2.0, 3.9, 4.0], [3, 0, 1, 0, 1]),
        (3, 2.0, [0, 5.0], [3, 2]),
        (3, 2.0, [0, 600.0], [3, 3]),
        (1, 0.5, [0, 0.25, 0.5], [1, 0, 1]),
        (3, 0.0, [0], [9]),
    ],
)
def test_a_burst_leaves_at_once_and_then_one_line_each_interval(burst, interval, moments, left):
    outbox = online(burst, interval, *"abcdefghi")
    assert [len(taken(outbox, START + at)) for at in moments] == left


def test_lines_leave_in_the_order_they_came():
    outbox = online(3, 0.0, *"abc")
    assert taken(outbox, START) == ["a", "b", "c"]


def test_what_is_urgent_leaves_before_all_that_waits_and_without_a_token():
    outbox = online(1, 60.0, *"abc")
    assert outbox.take(START) == "a"
    outbox.urgent.extend(["PONG :1", "PONG :2"])
    assert outbox.wait(START) == 0.0
    assert taken(outbox, START) == ["PONG :1", "PONG :2"]
    assert taken(outbox, START + 60) == ["b"]


def test_while_held_only_what_is_urgent_leaves():
    outbox = Outbox(5, 1.0)
    outbox.put("said while offline")
    outbox.start(START)
    outbox.urgent.append("NICK a")
    assert taken(outbox, START + 60) == ["NICK a"]
    assert outbox.wait(START + 60) is None
    outbox.held = False
    assert taken(outbox, START + 60) == ["said while offline"]


def test_a_new_connection_has_a_full_bucket_and_nothing_urgent_of_the_old_one():
    outbox = online(2, 60.0, *"abcd")
    assert taken(outbox, START) == ["a", "b"]
    outbox.urgent.append("PONG :old")
    outbox.start(START + 1)
    assert outbox.held
    outbox.held = False
    assert taken(outbox, START + 1) == ["c", "d"]


def test_too_many_lines_are_dropped_and_counted():
    outbox = online(MOST_WAITING + 9, 0.0)
    for number in range(MOST_WAITING + 7):
        outbox.put(str(number))
    assert outbox.dropped == 7
    assert taken(outbox, START) == [str(number) for number in range(MOST_WAITING)]


def test_what_is_urgent_is_bounded_too_for_a_server_may_ask_and_not_read():
    outbox = online()
    for number in range(3 * MOST_WAITING):
        outbox.urgent.append(f"PONG :{number}")
    lines = taken(outbox, START)
    assert len(lines) == MOST_WAITING
    assert lines[-1] == f"PONG :{3 * MOST_WAITING - 1}"


@pytest.mark.parametrize(
    ("lines", "now", "wait"),
    [("", 0, None), ("a", 0, 0.0), ("abc", 0, None), ("abcd", 0, 2.0), ("abcd", 0.5, 1.5), ("abcd", 9, 0.0)],
)
def test_the_wait_is_until_a_line_may_leave(lines, now, wait):
    outbox = online(3, 2.0, *lines)
    if len(lines) > 1:
        taken(outbox, START)
    assert outbox.wait(START + now) == wait


steps = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 8), st.booleans()), max_size=40)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 10), st.floats(0.1, 10), steps)
def test_no_window_of_time_sees_more_than_the_burst_and_its_rate(burst, interval, steps):
    outbox, now, left, number, urgent = online(burst, interval), START, [], 0, 0
    for passed, puts, ping in steps:
        now += passed
        for _ in range(puts):
            outbox.put(f"line {number}")
            number += 1
        if ping:
            outbox.urgent.append("PONG")
        lines = taken(outbox, now)
        assert lines.count("PONG") == ping
        assert lines[:1] == ["PONG"] or not ping
        left += [(now, line) for line in lines if line != "PONG"]
        wait = outbox.wait(now)
        assert (wait is None) == (not outbox.waiting)
        assert wait is None or 0 <= wait <= interval
        urgent += ping
    assert [line for _, line in left] == [f"line {n}" for n in range(len(left))]
    assert len(left) + len(outbox.waiting) == number
    moments = [at for at, _ in left]
    for first, start in enumerate(moments):
        for last in range(first, len(moments)):
            assert last - first + 1 <= burst + (moments[last] - start) / interval + 1e-6


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5), st.floats(0.1, 10), st.integers(1, 20))
def test_whoever_sleeps_as_long_as_told_loses_no_time(burst, interval, count):
    outbox, now, turns = online(burst, interval, *map(str, range(count))), START, 0
    while outbox.waiting and turns < 100:
        taken(outbox, now)
        now += (outbox.wait(now) or 0.0) + 1e-6  # clocks go on
        turns += 1
    assert not outbox.waiting
    assert now - START == pytest.approx(max(0, count - burst) * interval, abs=1e-3)


def test_what_waited_is_told_as_it_leaves_and_what_is_urgent_is_not():
    told = []
    outbox = Outbox(2, 1.0, told.append)
    outbox.start(START)
    for text in ("one", "two", "three"):
        outbox.put(text)
    outbox.urgent.append("PONG :x")
    assert taken(outbox, START) == ["PONG :x"]
    assert told == []
    outbox.held = False
    assert taken(outbox, START) == told == ["one", "two"]
    assert taken(outbox, START + 1.0) == ["three"]
    assert told == ["one", "two", "three"]
