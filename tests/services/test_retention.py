"""Lines that are kept for some days only: afterwards nothing of them is left."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from chanops.core.message import Message
from chanops.core.query import read
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.reading import Reading
from chanops.services.retention import AT_ONCE, Retention
from chanops.services.search import Search
from chanops.services.tables import days, forgotten, lines, links, mentions, seen
from chanops.services.visibility import Viewer, Visibility

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALL = Viewer("all", every=True)


def said(text, days_ago, nick="alice", channel="#ops", event="message"):
    return Message("libera", event, nick, nick, channel, text, NOW - timedelta(days=days_ago), text, replayed=True)


class Kept:
    def __init__(self, database):
        self.database, self.settings = database, Settings()
        self.reading, self.search = Reading(database), Search(database)
        self.history = History(database, lambda: self.settings, self.search)
        self.links = Links(database, self.history, lambda: self.settings)
        self.visibility = Visibility(self.reading, lambda: self.settings)
        self.scrubbed = []
        self.retention = Retention(database, self.search, lambda: self.settings, lambda: self.scrubbed.append(1))

    def keep(self, *messages):
        return self.database.wait(lambda connection: self.history.keep(connection, messages))

    def configure(self, **channels):
        self.settings = replace(
            self.settings, channels={f"#{name}": ChannelSettings(keep=keep) for name, keep in channels.items()}
        )

    def texts(self, channel="#ops"):
        found = self.reading.channel("libera", channel)
        return [line.text for line in self.reading.after(found.id, 0, True, 10_000)] if found else []

    def found(self, words):
        return [line.plain for line in self.search.find(read(words), self.visibility.channels(ALL)).lines]

    def count(self, table):
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar()


@pytest.fixture
def kept(database):
    return Kept(database)


def test_what_is_older_goes_and_what_is_younger_stays(kept):
    kept.keep(said("long ago", 31), said("just too old", 30.001), said("just young enough", 29.999), said("new", 0))
    kept.configure(ops=30)
    assert kept.retention.run(NOW) == 2
    assert kept.texts() == ["just young enough", "new"]
    assert kept.retention.run(NOW) == 0
    assert kept.scrubbed == [1]


def test_other_channels_keep_theirs_for_ever_or_for_as_long_as_they_say(kept):
    kept.keep(*(said("old", 31, channel=channel) for channel in ("#ops", "#dev", "#all", "#none")))
    kept.configure(ops=30, dev=40, all=0)
    assert kept.retention.run(NOW) == 1
    assert kept.texts() == []
    assert kept.texts("#dev") == kept.texts("#all") == kept.texts("#none") == ["old"]


def test_nothing_goes_where_nothing_is_said_about_it(kept):
    kept.keep(said("old", 10_000))
    assert kept.retention.run(NOW) == 0
    assert kept.texts() == ["old"]
    assert kept.scrubbed == []


def test_nobody_finds_them_any_more(kept):
    kept.keep(said("zebra old", 31), said("zebra new", 1))
    assert kept.found("zebra") == ["zebra new", "zebra old"]
    kept.configure(ops=30)
    kept.retention.run(NOW)
    assert kept.found("zebra") == ["zebra new"]
    assert kept.found("old") == kept.found("nick:alice before:2026-11-01") == []


def test_the_calendar_counts_what_is_left(kept):
    kept.keep(said("a", 40), said("b", 30.3), said("c", 30.1), said("d", 29.9), said("", 30.2, "bob", event="join"))
    kept.configure(ops=30)
    assert [(each.spoken, each.events) for each in kept.reading.days(1, True)] == [(1, 0), (3, 1)]
    kept.retention.run(NOW)
    assert [(each.spoken, each.events) for each in kept.reading.days(1, True)] == [(1, 0)]
    assert [line.text for line in kept.reading.day(1, (NOW - timedelta(days=29.9)).date(), True)] == ["d"]
    assert kept.count(days) == 1


def test_the_page_of_a_day_of_which_something_went_is_another_one(kept):
    kept.keep(said("b", 30.1), said("d", 29.9))
    day = (NOW - timedelta(days=29.9)).date()
    before = kept.reading.version(1, day, True)
    kept.configure(ops=30)
    kept.retention.run(NOW)
    assert kept.reading.version(1, day, True) > before


def test_who_did_nothing_since_was_not_seen(kept):
    kept.keep(said("old", 31, "alice"), said("old", 31, "bob"), said("new", 1, "bob"))
    kept.configure(ops=30)
    kept.retention.run(NOW)
    assert kept.reading.seen(1, "alice") is None
    assert kept.reading.seen(1, "bob").text == "new"
    assert kept.count(seen) == 1


def test_a_link_goes_with_its_line_unless_somebody_mentioned_it_later(kept):
    once, again = said("https://a.example/once", 31), said("https://a.example/again", 31)
    kept.links.add("https://a.example/once", "once", once)
    kept.links.add("https://a.example/again", "again", again)
    later = said("https://a.example/again", 30.5, "bob")
    kept.links.add("https://a.example/again", "", later)
    last = said("https://a.example/again", 29.8, "carol")
    kept.links.add("https://a.example/again", "", last)
    assert kept.count(links) >= 2
    kept.configure(ops=30)
    kept.retention.run(NOW)
    left = kept.links.newest()
    assert {link.address for link in left} == {"https://a.example/again"}
    assert {link.said.nick for link in left} == {"carol"}
    assert kept.count(lines) == 1
    assert kept.count(mentions) == 0


def test_what_was_forgotten_goes_as_well(kept):
    [number] = kept.keep(said("forget me", 31))
    Forgetting(kept.database, kept.reading, kept.search, kept.search.purge).forget([number], "ops")
    assert kept.count(forgotten) == 1
    kept.configure(ops=30)
    assert kept.retention.run(NOW) == 1
    assert kept.count(forgotten) == kept.count(lines) == kept.count(days) == 0


def test_many_go_in_several_steps_and_each_is_told(kept):
    told = []
    kept.retention.on_removed.append(lambda channel, numbers: told.append((channel, len(numbers))))
    kept.keep(*(said(f"line {number}", 40 - number / 10_000) for number in range(AT_ONCE * 2 + 5)))
    kept.keep(said("new", 1))
    kept.configure(ops=30)
    assert kept.retention.run(NOW) == AT_ONCE * 2 + 5
    assert told == [(1, AT_ONCE), (1, AT_ONCE), (1, 5)]
    assert kept.texts() == ["new"]
    assert kept.found("line") == []


def test_a_line_that_comes_behind_has_a_number_of_its_own(kept):
    [old] = kept.keep(said("old", 31))
    kept.configure(ops=30)
    kept.retention.run(NOW)
    [new] = kept.keep(said("new", 0))
    assert new > old


def test_where_its_link_is_shown_with_its_title_as_well_the_page_is_another_from_then_on(kept):
    address = "https://example.org/a"
    kept.links.add(address, "A title", said(f"see {address}", 9, channel="#short"))
    kept.links.add(address, "", said(f"again {address}", 8.5))
    ops = kept.reading.channel("libera", "#ops")
    day = (NOW - timedelta(days=8.5)).date()
    before = kept.reading.version(ops.id, day, False)
    kept.configure(short=8)
    assert kept.retention.run(NOW) == 1
    assert kept.reading.version(ops.id, day, False) > before
