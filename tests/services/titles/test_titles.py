"""Titles in the background: each page once, gently to each host, and no wish holds up another."""

import threading
import time

import pytest

from chanops.services.titles import titles as module
from chanops.services.titles.rules import Rules
from chanops.services.titles.titles import MOST_AT_HOST, MOST_THREADS, MOST_WAITING, Titles
from tests.services.titles.held_site import DEADLINE, Site


class Told:
    """What was told, in its order."""

    def __init__(self) -> None:
        self.change = threading.Condition()
        self.all: list[str | None] = []

    def __call__(self, found) -> None:
        with self.change:
            self.all.append(found and found.title)
            self.change.notify_all()

    def until(self, number: int) -> list[str | None]:
        with self.change:
            assert self.change.wait_for(lambda: len(self.all) >= number, DEADLINE), self.all
            return self.all


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def other():
    site = Site("127.0.0.2")
    yield site
    site.close()


@pytest.fixture
def titles(site, other):
    titles = Titles(lambda: Rules(hosts=frozenset({site.place, other.place})), lambda: True)
    titles.start()
    yield titles
    site.let_go()
    other.let_go()
    titles.stop()


def threads_end(titles):
    with titles.change:
        return titles.change.wait_for(lambda: not titles.threads, DEADLINE)


def test_a_wish_is_told(titles, site, told):
    titles.want(site.address("/a"), told)
    assert told.until(1) == ["/a"]


def test_all_who_want_a_page_are_told_and_it_is_asked_once(titles, site, told):
    site.hold()
    for address in (site.address("/a"), site.address("/a").upper().replace("/A", "/a"), site.address("/a")):
        titles.want(address, told)
    site.until(1)
    titles.want(site.address("/a"), told)
    site.let_go()
    assert told.until(4) == ["/a"] * 4
    titles.want(site.address("/a"), told)
    assert told.until(5) == ["/a"] * 5
    assert site.asked == ["/a"]


def test_a_failure_is_remembered_as_well(titles, site, told):
    site.answer = b"HTTP/1.1 404 Not Found\r\n\r\n"
    for number in (1, 2):
        titles.want(site.address(), told)
        assert told.until(number) == [None] * number
    assert site.asked == ["/"]


def test_a_page_is_asked_again_after_its_time(titles, site, told, monkeypatch):
    monkeypatch.setattr(module, "GOOD_FOR", 0.0)
    for number in (1, 2):
        titles.want(site.address(), told)
        told.until(number)
    assert site.asked == ["/", "/"]


def test_a_slow_host_is_asked_two_things_at_once_and_holds_up_no_other(titles, site, other, told):
    site.hold()
    for number in range(6):
        titles.want(site.address(f"/{number}"), told)
    site.until(MOST_AT_HOST)
    for number in range(6):
        titles.want(other.address(f"/other{number}"), told)
    assert sorted(told.until(6)) == [f"/other{number}" for number in range(6)]
    assert site.within == site.most_within == MOST_AT_HOST
    assert titles.threads <= MOST_THREADS
    site.let_go()
    assert len(told.until(12)) == 12
    assert site.most_within == MOST_AT_HOST


def test_too_many_wishes_let_the_oldest_go_and_hold_up_nobody(titles, site, told):
    site.hold()
    for number in range(MOST_AT_HOST):
        titles.want(site.address(f"/busy{number}"), told)
    site.until(MOST_AT_HOST)
    started = time.monotonic()
    for number in range(3 * MOST_WAITING):
        titles.want(site.address(f"/{number}"), told)
    assert time.monotonic() - started < 2
    assert titles.waiters == MOST_WAITING
    assert titles.dropped == 2 * MOST_WAITING + MOST_AT_HOST
    assert f"http://{site.place}/{3 * MOST_WAITING - 1}" in titles.waiting
    assert f"http://{site.place}/0" not in titles.waiting


def test_a_page_that_all_want_has_no_more_waiters_than_the_rest(titles, site, told):
    site.hold()
    for _ in range(MOST_WAITING + 5):
        titles.want(site.address(), told)
    assert (titles.waiters, titles.dropped) == (MOST_WAITING, 5)
    site.let_go()
    assert told.until(MOST_WAITING) == ["/"] * MOST_WAITING


def test_a_bug_in_who_is_told_harms_nobody_else(titles, site, told, caplog):
    def bug(found):
        raise ZeroDivisionError

    site.hold()
    titles.want(site.address("/a"), bug)
    titles.want(site.address("/a"), told)
    site.let_go()
    titles.want(site.address("/b"), told)
    assert sorted(told.until(2)) == ["/a", "/b"]
    assert "ZeroDivisionError" in caplog.text


def test_a_bug_of_our_own_ends_a_thread_and_no_more(site, told, monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", seen.append)
    rules = [site.rules(), site.rules()]
    titles = Titles(lambda: rules.pop(), lambda: True)
    titles.start()
    site.hold()
    for path in ("/a", "/b", "/c"):
        titles.want(site.address(path), told)
    site.until(2)
    site.let_go()
    assert sorted(told.until(3), key=str) == ["/a", "/b", None]
    rules.append(site.rules())
    titles.want(site.address("/d"), told)
    assert told.until(4)[3] == "/d"
    titles.stop()
    assert [each.exc_type for each in seen] == [IndexError]


def test_nothing_is_asked_where_titles_are_off_or_before_the_start(site, told):
    wishes = {"on": True}
    titles = Titles(site.rules, lambda: wishes["on"])
    titles.want(site.address("/early"), told)
    titles.start()
    wishes["on"] = False
    titles.want(site.address("/off"), told)
    wishes["on"] = True
    titles.want("no address", told)
    titles.want(site.address("/on"), told)
    assert told.until(1) == ["/on"]
    assert site.asked == ["/on"]
    titles.stop()


def test_an_end_takes_a_second_and_nobody_is_told_after_it(titles, site, told):
    site.hold()
    for number in range(5):
        titles.want(site.address(f"/{number}"), told)
    site.until(MOST_AT_HOST)
    started = time.monotonic()
    titles.stop()
    assert time.monotonic() - started < 1.5
    titles.want(site.address("/late"), told)
    site.let_go()
    assert threads_end(titles)
    assert (told.all, len(site.asked), titles.waiters) == ([], MOST_AT_HOST, 0)
    titles.start()
    titles.want(site.address("/again"), told)
    assert told.until(1) == ["/again"]


def test_threads_end_when_there_is_nothing_to_do_and_come_back(titles, site, told, monkeypatch):
    monkeypatch.setattr(module, "IDLE", 0.01)
    for number in (1, 2):
        titles.want(site.address(f"/{number}"), told)
        told.until(number)
        assert threads_end(titles)


def test_only_so_much_is_remembered(titles, site, told, monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    for number in range(5):
        titles.want(site.address(f"/{number}"), told)
        told.until(number + 1)
    assert len(titles.remembered) == 3
    titles.want(site.address("/0"), told)
    told.until(6)
    assert site.asked[-1] == "/0"
