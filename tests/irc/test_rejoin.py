"""Channels are joined again later and later, but what was long ago is forgiven."""

import contextlib
import time

import pytest

from chanops.irc.reactor import Reactor
from chanops.irc.rejoin import Rejoining


class Rejoins:
    """Rejoining with a loop that turns while the test waits; `at` is when each channel was tried."""

    def __init__(self, reactor, first, most):
        self.reactor, self.at = reactor, []
        self.rejoining = Rejoining(reactor, self.tried, first, most)
        self.again, self.forget = self.rejoining.again, self.rejoining.forget

    def tried(self, channel):
        self.at.append((channel, time.monotonic()))

    def wait(self, seconds=5.0, count=0):
        """Until that many tries were made, if a number is given; the channels that were tried."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (not count or len(self.at) < count):
            self.reactor.process_once(max(0.0, min(0.01, deadline - time.monotonic())))
        return [channel for channel, _ in self.at]


@pytest.fixture
def rejoins():
    with contextlib.closing(Reactor()) as reactor:
        yield lambda first, most: Rejoins(reactor, first, most)


def test_each_try_that_fails_at_once_doubles_the_wait_up_to_the_most(rejoins):
    tries, waits = rejoins(0.05, 0.15), []
    for number in range(1, 5):
        asked = time.monotonic()
        tries.again("#ops")
        assert len(tries.wait(count=number)) == number
        waits.append(tries.at[-1][1] - asked)
    for wait, planned in zip(waits, [0.05, 0.1, 0.15, 0.15], strict=True):
        assert planned <= wait < planned + 0.2  # the fourth would be 0.4


def test_a_channel_is_planned_once_however_often_it_is_asked_for(rejoins):
    tries = rejoins(0.05, 0.2)
    for _ in range(5):
        tries.again("#ops")
    assert tries.wait(0.2) == ["#ops"]


def test_channels_do_not_wait_for_each_other(rejoins):
    tries = rejoins(0.05, 5.0)
    tries.again("#a")
    assert tries.wait(count=1) == ["#a"]
    tries.again("#a")
    tries.again("#b")
    assert tries.wait(count=2) == ["#a", "#b"]


def test_what_is_forgotten_is_not_tried_and_begins_anew(rejoins):
    tries = rejoins(0.05, 5.0)
    tries.again("#ops")
    tries.forget()
    assert tries.wait(0.15) == []
    asked = time.monotonic()
    tries.again("#ops")
    tries.wait(count=1)
    assert tries.at[0][1] - asked < 1.0


def test_whoever_stayed_in_for_long_comes_back_as_soon_as_at_first(rejoins):
    tries = rejoins(0.05, 0.4)
    for number in (1, 2, 3):
        tries.again("#ops")
        tries.wait(count=number)
    tries.wait(0.5)  # longer than the most: it was let in, and stayed
    asked = time.monotonic()
    tries.again("#ops")
    tries.wait(count=4)
    assert 0.05 <= tries.at[-1][1] - asked < 0.3  # and not 0.4
