"""A bot that is frozen while another takes its job: after the thaw it sends nothing more. Two at once: one does it."""

import signal
import threading
import time

import pytest

from chanops.simulator.digitalocean import Fault
from tests.crash.cloud import Trap
from tests.crash.pair import DOWN, UP, assert_each_was_done_once, frozen
from tests.crash.trial import NEW

AFTER = 0.8  # seconds that a thawed bot is watched
INSTANTS = {
    "an intention is written, the request is not sent": {"die": ["intend", "after", 1, signal.SIGSTOP]},
    "a later intention is written": {"die": ["intend", "after", 5, signal.SIGSTOP]},
    "a result is to be written": {"die": ["settle", "before", 1, signal.SIGSTOP]},
    "a later result is to be written": {"die": ["settle", "before", 6, signal.SIGSTOP]},
    "the headers are out, the body is not": {"stop": "body"},
    "it waited for its turn": {"stop": "turn"},
    "a request hangs": {"trap": ("POST", 1, "arrived")},
    "a request is done and not answered": {"trap": ("POST", 2, "done")},
    "it looks": {"trap": ("list droplets", 3, "done")},
    "it is about to destroy": {"trap": ("destroy", 1, "arrived")},
    "it looks for snapshots": {"trap": ("list snapshots", 1, "done")},
}


CASES = [
    (instant, ask)
    for instant in INSTANTS
    for ask in (UP, DOWN)
    if ask is DOWN or any(each in instant for each in ("an intention", "headers", "turn"))
]


@pytest.mark.parametrize(("instant", "ask"), CASES, ids=[f"{ask[0]}: {instant}" for instant, ask in CASES])
def test_a_thawed_bot_sends_nothing_for_a_job_that_another_took(pair, instant, ask):
    how = dict(INSTANTS[instant])
    for name in ("x", "y"):
        pair.cloud.world.add_droplet(name)
    if instant == "a request hangs":
        pair.cloud.world.faults.add(Fault("hang", "POST", seconds=4.0))
    trap = how.pop("trap", None)
    first = pair.begin("frozen", **{"ask": [ask], **how}) if not trap else None
    if trap:
        kind, nth, when = trap
        ready = threading.Event()

        def freeze():
            ready.wait(10)
            first.signal(signal.SIGSTOP)

        pair.cloud.watch.traps.append(Trap(kind, nth, when, 0.0, freeze, "frozen"))
        first = pair.begin("frozen", [ask])
        ready.set()
    pair.until(lambda: frozen(first))
    pair.freeze_out_of_a_write(first)
    other = pair.begin("other")
    pair.until(pair.over)
    thawed = time.monotonic()
    first.signal(signal.SIGCONT)
    pair.until(lambda: time.monotonic() > thawed + AFTER)
    assert [row["state"] for row in pair.rows()] == ["done"]
    assert pair.changes("frozen", thawed) == []
    assert len(pair.questions("frozen", thawed)) <= 1  # what was on its way when it was frozen
    assert not other.ended.is_set()
    assert not first.ended.is_set()
    assert_each_was_done_once(pair)


def test_a_thawed_bot_takes_up_new_jobs_again(pair):
    first = pair.begin("frozen", [UP], die=["intend", "after", 1, signal.SIGSTOP])
    pair.until(lambda: frozen(first))
    pair.freeze_out_of_a_write(first)
    other = pair.begin("other")
    pair.until(pair.over)
    first.signal(signal.SIGCONT)
    pair.until(lambda: pair.told("over", "frozen"))
    other.kill()
    pair.begin("asks", [["up", "c", NEW]], idle=True)
    pair.until(lambda: [row["state"] for row in pair.rows()] == ["done", "done"])
    assert [each.name for each in pair.changes("frozen")][-1:] == ["c"]
    # It may have come so far as to make b before it was frozen for good; then the other has found that, and made none.
    assert sorted(each.name for agent in ("frozen", "other") for each in pair.changes(agent)) == ["a", "b", "c"]


def test_two_bots_do_each_waiting_job_once(pair):
    names = [f"n{number}" for number in range(12)]
    asking = pair.begin("asks", [["up", name, NEW] for name in names], idle=True)
    pair.until(lambda: len(pair.told("answer", "asks")) == len(names), 60)
    asking.kill()
    assert {row["state"] for row in pair.rows()} == {"waiting"}
    for agent in ("one", "two"):
        pair.begin(agent)
    pair.until(pair.over, 60)
    assert [row["state"] for row in pair.rows()] == ["done"] * len(names)
    assert [row["fence"] for row in pair.rows()] == [1] * len(names)
    made = [each.name for agent in ("one", "two") for each in pair.changes(agent)]
    assert sorted(made) == sorted(names)


def test_a_job_of_a_killed_bot_is_taken_over_at_once(pair):
    first = pair.begin("first", [UP], die=["intend", "after", 2])
    pair.until(first.ended.is_set)
    pair.begin("other", lease=[1.0, 5.0, 15.0])
    began = time.monotonic()
    pair.until(pair.over)
    [claim] = pair.folder.rows("SELECT at FROM audit WHERE kind = 'claim' ORDER BY id DESC LIMIT 1")
    born = pair.told("born", "other")[0]
    assert claim["at"] / 1000 - born["wall"] < 1.0
    assert time.monotonic() - began < 10
    assert_each_was_done_once(pair)
