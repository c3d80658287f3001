"""Links that were mentioned while the database took none: stored later, each once, in their order."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest
from stores import opened, shut

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.services import link_queue
from chanops.services.history import History
from chanops.services.link_queue import MOST_AT_ONCE
from chanops.services.links import Links
from chanops.testing import until

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOME = MOST_AT_ONCE + 20


@pytest.fixture
def links(database):
    made = Links(database, History(database), Settings)
    yield made
    made.queue.leaving.set()


def mention(links, numbers):
    for number in numbers:
        at, text = NOON + timedelta(seconds=number), f"line {number}"
        links.mention(address(number), Message("net", "message", "alice", "", "#ops", text, at, text))


def address(number):
    return f"https://example.org/{number}"


def stored(links, table="links"):
    with links.database.read() as connection:
        return list(connection.exec_driver_sql(f"SELECT address FROM {table} ORDER BY id").scalars())


def all_stored(links, numbers):
    until(lambda: len(stored(links)) >= len(numbers))
    links.database.wait(lambda connection: None)
    assert stored(links) == [address(number) for number in numbers]
    with links.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM lines").scalar() == len(numbers)


def timers():
    return [each for each in threading.enumerate() if isinstance(each, threading.Timer)]


def test_what_could_not_be_stored_is_stored_later_although_nobody_says_anything_more(links, monkeypatch, caplog):
    monkeypatch.setattr(link_queue, "AGAIN", 0.05)
    told = []
    links.on_kept = lambda number, posted, new: told.append((posted.address, new))
    shut(links.database, "links")
    mention(links, range(SOME))
    until(lambda: links.queue.trouble)
    until(lambda: not links.queue.scheduled)
    opened(links.database, "links")
    all_stored(links, range(SOME))
    assert told == [(address(number), True) for number in range(SOME)]
    until(lambda: not links.queue.trouble)
    first, last = [each.getMessage() for each in caplog.records if each.name == link_queue.log.name]
    assert first.startswith("links cannot be stored, they wait: ")
    assert last == "links are stored again"


def test_a_lock_that_somebody_holds_before_anything_was_begun_can_pass_as_well(links, sqlite_only, monkeypatch):
    monkeypatch.setattr(link_queue, "AGAIN", 0.05)
    links.database.wait(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 20").scalar())
    other = sqlite3.connect(links.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    mention(links, range(3))
    until(lambda: "locked" in links.queue.trouble)
    assert len(links.queue.waiting) in (0, 3)  # 0 during a try
    other.execute("ROLLBACK")
    other.close()
    all_stored(links, range(3))


def test_one_timer_waits_at_most_and_only_where_something_cannot_be_stored(links, monkeypatch):
    monkeypatch.setattr(link_queue, "AGAIN", 30.0)
    mention(links, [0])
    links.database.wait(lambda connection: None)
    assert timers() == []
    shut(links.database, "links")
    for number in range(1, 9):
        mention(links, [number])
        with pytest.raises(Problem, match=r"no such table|disk full"):
            links.add(address(100), "", Message("net", "message", "bob", "", "#ops", "x", NOON, "x"))
    [timer] = timers()
    assert timer.daemon
    opened(links.database, "links")
    links.stop()
    timer.join(5)
    assert not timer.is_alive()
    all_stored(links, range(9))


def test_what_waits_is_stored_when_the_bot_leaves(links, monkeypatch):
    monkeypatch.setattr(link_queue, "AGAIN", 30.0)
    shut(links.database, "links")
    mention(links, range(SOME))
    until(lambda: links.queue.trouble and not links.queue.scheduled)
    opened(links.database, "links")
    links.stop()
    assert not links.queue.waiting
    all_stored(links, range(SOME))


def test_leaving_does_not_wait_for_ever_and_says_what_is_lost(links, monkeypatch, caplog):
    monkeypatch.setattr(link_queue, "LAST_TIME", 0.3)
    shut(links.database, "links")
    mention(links, range(5))
    links.stop()
    assert "5 links that were mentioned are lost: " in caplog.text
    opened(links.database, "links")


def test_nothing_is_said_where_nothing_waits(links, caplog):
    mention(links, range(2))
    links.stop()
    assert caplog.records == []
    all_stored(links, range(2))
