"""One look at a cloud serves everybody who waits; and which account is meant."""

import threading
import time
from itertools import pairwise

import pytest

from chanops.core.errors import Problem
from chanops.providers.base import AuthError
from chanops.services.machines.clouds import Clouds, View
from chanops.simulator.digitalocean import Fault

MANY = 50


def at_once(what):
    """What many threads get, or what is raised, when all ask at once."""
    ready, results = threading.Barrier(MANY), []

    def ask():
        ready.wait(10)
        try:
            results.append(what())
        except Problem as error:
            results.append(error)

    threads = [threading.Thread(target=ask) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_many_who_want_a_list_at_once_cause_one_request(house, cloud):
    cloud.world.add_droplet("web")
    view = house().clouds.of("do").machines
    than = time.monotonic()
    results = at_once(lambda: [each.name for each in view.newer(than)])
    assert results == [["web"]] * MANY
    assert (len(cloud.requests), view.fetches) == (1, 1)


def test_what_went_wrong_is_told_to_all_of_them_and_asked_once(house, cloud):
    view = house(token="wrong").clouds.of("do").machines
    than = time.monotonic()
    results = at_once(lambda: view.newer(than))
    assert {type(each) for each in results} == {AuthError}
    assert len(cloud.requests) == 1


def test_whoever_wants_a_newer_list_after_an_error_asks_again(house, cloud):
    cloud.world.faults.add(Fault("foreign-next"))
    view = house().clouds.of("do").machines
    with pytest.raises(Problem, match="leads to another host"):
        view.newer(time.monotonic())
    assert view.newer(time.monotonic()) == []


def test_an_old_list_is_good_enough_for_who_wants_no_newer_one(house, cloud):
    view = house().clouds.of("do").machines
    before = time.monotonic()
    view.newer(before)
    view.newer(before)
    assert len(cloud.requests) == 1
    view.newer(time.monotonic())
    assert len(cloud.requests) == 2


def test_between_two_looks_is_an_interval(house):
    fetched = []
    view = View(lambda: fetched.append(time.monotonic()))
    for _ in range(3):
        view.newer(time.monotonic(), 0.1)
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(fetched))


def test_a_wait_can_be_ended_from_outside():
    view, ended = View(lambda: None), threading.Event()
    view.newer(time.monotonic())
    threading.Timer(0.05, ended.set).start()

    def check():
        if ended.is_set():
            raise InterruptedError

    with pytest.raises(InterruptedError):
        view.newer(time.monotonic(), 60, check)


def test_a_bug_in_a_look_does_not_stop_the_others():
    bugs = [ZeroDivisionError()]

    def fetch():
        if bugs:
            raise bugs.pop()
        return "fine"

    view = View(fetch)
    with pytest.raises(ZeroDivisionError):
        view.newer(time.monotonic())
    assert view.newer(time.monotonic()) == "fine"


def test_the_longer_a_wait_the_less_often_it_looks(house):
    cloud = house(poll="2").clouds.of("do")
    assert 1.7 <= cloud.interval(0) <= 2.3
    assert 4.25 <= cloud.interval(31) <= 5.75
    assert 10.2 <= cloud.interval(121) <= 13.8


@pytest.mark.parametrize(
    ("accounts", "wanted", "said"),
    [
        (("europe",), "erope", "there is no provider erope; did you mean europe?"),
        (("do",), "elsewhere", "there is no provider elsewhere; there are do"),
        ((), "do", "there is no provider do; there are none"),
    ],
)
def test_an_account_that_is_not_there_is_answered_with_the_nearest(house, accounts, wanted, said):
    with pytest.raises(Problem) as caught:
        house(accounts=accounts).clouds.of(wanted)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [((), "no provider is configured: an admin adds"), (("do", "eu"), "say which provider: on=do|eu")],
)
def test_the_only_account_is_meant_where_there_is_one(names, said):
    assert Clouds({"do": None}).only() == "do"
    with pytest.raises(Problem) as caught:
        Clouds(dict.fromkeys(names)).only()
    assert said in str(caught.value)
