"""Links whose lines are forgotten: whose they are then, who sees them, and which titles go."""

from datetime import UTC, datetime, timedelta

import pytest
from stores import tamper

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.reading import Reading
from chanops.services.retention import Retention
from chanops.services.search import Search
from chanops.testing import until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLAN = "https://example.org/plan"


class Kept:
    def __init__(self, database):
        self.database, self.reading, self.now = database, Reading(database), Settings()
        search = Search(database)
        self.history = History(database, lambda: self.now, search)
        self.links = Links(database, self.history, lambda: self.now)
        self.forgetting = Forgetting(database, self.reading, search, search.purge)
        self.forgetting.is_open = self.links.may_see
        self.retention = Retention(database, search, lambda: self.now)
        self.minutes = 0

    def hide(self, *names):
        self.now = Settings(channels={name: ChannelSettings(private=True) for name in names})

    def said(self, nick, channel="#ops", text=PLAN, **more):
        self.minutes += 1
        at = NOON + timedelta(minutes=self.minutes)
        return Message("net", "message", nick, nick, channel, text, at, text, **more)

    def add(self, nick, channel="#ops", title=""):
        """Who adds the plan: the number of that line."""
        self.links.add(PLAN, title, self.said(nick, channel))
        return self.last(channel)

    def last(self, channel="#ops"):
        return self.reading.after(self.reading.channel("net", channel).id, 0, True, 1000)[-1].id

    def forget(self, *numbers):
        assert self.forgetting.forget(numbers, "carol") == len(numbers)

    def seen(self, channel=None):
        """The links that are seen in a channel, or everywhere: who said them first, and their titles."""
        here = ("net", channel) if channel else None
        return [(link.said.nick, link.title) for link in self.links.newest(most=100, channel=here)]


@pytest.fixture
def kept(database):
    return Kept(database)


def test_a_title_goes_with_the_line_that_gave_it_and_not_with_another(kept):
    first = kept.add("alice")
    titled = kept.add("bob", title="The plan")
    kept.add("carol")
    assert kept.seen() == [("alice", "The plan")]
    kept.forget(first)
    assert kept.seen() == [("bob", "The plan")]
    kept.forget(titled)
    assert kept.seen() == [("carol", "")]


def test_a_title_goes_where_somebody_else_posted_the_link_before(kept):
    kept.add("alice")
    titled = kept.add("bob", title="The secret plan")
    with kept.database.read() as connection:
        before = kept.links.stamp(connection)
    version = kept.reading.version(1, NOON.date(), False)
    kept.forget(titled)
    assert kept.seen() == [("alice", "")]
    with kept.database.read() as connection:
        assert kept.links.stamp(connection) != before
    assert kept.reading.version(1, NOON.date(), False) > version + 1  # alice's line looks different as well
    kept.add("carol", title="Another title")
    assert kept.seen() == [("alice", "Another title")]


def test_the_title_of_a_line_that_was_kept_for_some_days_goes_with_it(kept):
    kept.add("alice", "#first")
    kept.add("bob", "#short", "The plan")
    kept.now = Settings(channels={"#short": ChannelSettings(keep=1)})
    assert kept.retention.run(NOON + timedelta(days=9)) == 1
    assert kept.seen() == [("alice", "")]


def test_a_link_stays_in_the_feed_where_anybody_said_it_in_a_channel_that_is_open(kept):
    first = kept.add("alice", "#a")
    kept.add("bob", "#b")
    kept.add("carol", "#c")
    kept.hide("#b")
    kept.forget(first)
    assert kept.seen() == [("carol", "")]


def test_it_stays_there_as_well_when_the_first_line_was_kept_for_some_days_only(kept):
    kept.add("alice", "#a")
    kept.add("bob", "#b")
    kept.add("carol", "#c")
    kept.now = Settings(channels={"#a": ChannelSettings(keep=1), "#b": ChannelSettings(private=True)})
    assert kept.retention.run(NOON + timedelta(days=9)) == 1
    assert kept.seen() == [("carol", "")]


def test_no_link_changes_those_who_see_it_when_a_line_is_forgotten(kept):
    """As links from before could have mentions of other channels."""
    kept.hide("#b", "#c")
    public, private = kept.add("alice", "#a"), kept.add("bob", "#b")
    also, _ = kept.add("carol", "#c"), kept.add("dave", "#b")
    with kept.database.read() as connection:
        ids = dict(map(tuple, connection.exec_driver_sql("SELECT line, id FROM links")))
    tamper(kept.database, f"INSERT INTO mentions VALUES ({ids[public]}, {private}), ({ids[private]}, {also})")
    kept.forget(public)
    assert kept.seen() == []
    assert kept.seen("#b") == [("bob", "")]
    kept.forget(private)
    assert kept.seen("#b") == [("dave", "")]
    assert kept.seen("#c") == [("carol", "")]
    kept.hide()
    assert kept.seen() == []


@pytest.mark.parametrize("msgid", ["", "m1"])
def test_a_link_that_is_mentioned_in_a_line_that_is_forgotten_by_then_is_not_kept(msgid, kept):
    said = kept.said("alice", text=f"see {PLAN}", msgid=msgid)
    batch = kept.database.wait(lambda connection: kept.history.keep_new(connection, [said]))
    kept.forget(*batch.numbers)
    told = []
    kept.links.on_kept = lambda *given: told.append(given)
    kept.links.mention(PLAN, said)
    kept.links.mention("https://example.org/other", kept.said("bob"))
    until(lambda: told)
    assert [posted.address for _, posted, _ in told] == ["https://example.org/other"]
    assert [link.address for link in kept.links.newest()] == ["https://example.org/other"]
    assert kept.history.line(batch.numbers[0]).kind == "forgotten"
    with pytest.raises(Problem, match="is forgotten: the link is not kept"):
        kept.links.add(PLAN, "The plan", said)


def test_the_title_of_a_page_is_not_another_link_s_that_has_the_number_now(kept):
    kept.add("alice")
    number = kept.links.newest()[0].id
    kept.forget(kept.last())
    other = kept.links.add("https://example.org/other", "", kept.said("bob", text="hm"))
    assert other.link.id == number
    assert kept.links.titled(number, PLAN, "The plan").result(20) is False
    assert kept.links.newest()[0].fetched == ""
    assert kept.links.titled(number, "HTTPS://example.org:443/other", "Other").result(20) is True
    assert kept.links.newest()[0].fetched == "Other"


def test_the_title_of_a_page_is_kept_for_whoever_said_the_link_next(kept):
    first, second = kept.add("alice"), kept.add("bob")
    kept.forget(first)
    number = kept.links.newest()[0].id
    assert kept.links.titled(number, PLAN, "The plan", first).result(20) is False
    assert kept.links.newest()[0].fetched == "The plan"
    assert kept.links.titled(number, PLAN, "The plan", second).result(20) is True
