"""Links as pages list them: some at a time, and nothing to be learnt of those that one may not see."""

from datetime import UTC, datetime, timedelta

import pytest

from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.history import History
from chanops.services.link_lists import Asked, LinkLists
from chanops.services.links import Links
from chanops.services.reading import Reading
from chanops.services.visibility import Viewer, Visibility

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SETTINGS = Settings(channels={"#cabal": ChannelSettings(private=True)})
HOLDER = Viewer("carol", every=True)


class Listed:
    def __init__(self, database):
        self.links = Links(database, History(database, lambda: SETTINGS), lambda: SETTINGS)
        self.lists = LinkLists(database)
        self.visibility = Visibility(Reading(database), lambda: SETTINGS)

    def add(self, minutes, channel="#ops"):
        at = NOON + timedelta(minutes=minutes)
        said = Message("libera", "message", "alice", "alice", channel, f"x{minutes}", at, f"x{minutes}")
        return self.links.add(f"https://example.org/{minutes}", "", said).link.id

    def page(self, before, *viewer, most=50):
        found = self.lists.page(self.visibility.channels(*viewer), Asked(), before, most)
        return [each.link.address.rpartition("/")[2] for each in found.links], found.more


@pytest.fixture
def listed(database):
    return Listed(database)


def test_a_page_goes_on_behind_a_link(listed):
    numbers = [listed.add(minutes) for minutes in range(5)]
    assert listed.page(0, most=2) == (["4", "3"], numbers[3])
    assert listed.page(numbers[3], most=2) == (["2", "1"], numbers[1])
    assert listed.page(numbers[1]) == (["0"], 0)


def test_a_link_that_may_not_be_seen_is_answered_like_one_that_is_not_there(listed):
    for minutes in (0, 2):
        listed.add(minutes)
    secret = listed.add(3, "#cabal")
    listed.add(4)
    assert listed.page(secret) == listed.page(99_999) == ([], 0)
    assert listed.page(secret, HOLDER) == (["2", "0"], 0)
