"""Reading the log back, and who may."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import EVERYBODY, Viewer, Visibility

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = NOON.date()


def said(text, at=NOON, nick="alice", event="message", channel="#ops"):
    return Message("libera", event, nick, nick, channel, text, at, text)


class Kept:
    def __init__(self, database):
        self.database, self.settings = database, Settings()
        self.history, self.reading = History(database, lambda: self.settings, Search(database)), Reading(database)
        self.visibility = Visibility(self.reading, lambda: self.settings)

    def keep(self, *messages):
        return self.database.wait(lambda connection: self.history.keep(connection, messages))

    def configure(self, name, **keys):
        self.settings = replace(self.settings, channels={**self.settings.channels, name: ChannelSettings(**keys)})


@pytest.fixture
def kept(database):
    return Kept(database)


def test_a_day_has_all_its_lines_in_their_order_and_no_others(kept):
    kept.keep(*(said(f"line {number}", NOON + timedelta(hours=11, minutes=58 + number)) for number in range(4)))
    kept.keep(said("elsewhere", channel="#dev"))
    channel = kept.reading.channel("libera", "#OPS")
    assert [line.text for line in kept.reading.day(channel.id, DAY, False)] == ["line 0", "line 1"]
    assert [line.text for line in kept.reading.day(channel.id, DAY + timedelta(1), False)] == ["line 2", "line 3"]
    assert [(each.day, each.spoken) for each in kept.reading.days(channel.id, False)] == [
        (DAY, 2),
        (DAY + timedelta(1), 2),
    ]


def test_neighbours_are_days_that_are_not_empty(kept):
    kept.keep(said("a"), said("b", NOON + timedelta(9)), said("c", NOON + timedelta(20)))
    neighbours = kept.reading.neighbours(1, DAY + timedelta(9), False)
    assert neighbours == (DAY, DAY + timedelta(20))
    assert kept.reading.neighbours(1, DAY, False) == (None, DAY + timedelta(9))


def test_a_flood_keeps_its_order_and_its_day(kept):
    numbers = kept.keep(*(said(str(number)) for number in range(500)))
    assert numbers == sorted(set(numbers))
    assert [line.text for line in kept.reading.day(1, DAY, False)] == [str(number) for number in range(500)]
    assert kept.reading.after(1, numbers[497], False)[0].text == "498"


def test_what_is_new_on_a_day_and_what_a_page_of_it_had(kept):
    old, early, late, _ = kept.keep(*(said(str(n), NOON + timedelta(hours=n)) for n in (-20, 0, 5, 13)))
    kept.configure("#ops", private=True)
    kept.keep(said("secret", NOON + timedelta(hours=6)))
    assert [line.id for line in kept.reading.after(1, early, False, 10, DAY)] == [late]
    assert [line.text for line in kept.reading.after(1, 0, True, 10, DAY)] == ["0", "5", "secret"]
    assert kept.reading.after(1, 0, True, 1, DAY)[0].id == early
    assert kept.reading.known(1, DAY, late, False) == (2, [])
    assert kept.reading.known(1, DAY, 1 << 60, True)[0] == 3
    search = Search(kept.database)
    Forgetting(kept.database, kept.reading, search, search.purge).forget([old, late], "carol")
    assert kept.reading.known(1, DAY, early, False) == (1, [late])


def test_which_lines_were_public_is_known_also_when_they_are_forgotten(kept):
    [shown] = kept.keep(said("open"))
    kept.configure("#ops", private=True)
    [hidden] = kept.keep(said("secret"))
    search = Search(kept.database)
    Forgetting(kept.database, kept.reading, search, search.purge).forget([shown, hidden], "carol")
    assert kept.reading.public([shown, hidden, 7]) == {shown}
    assert kept.reading.public([]) == set()


def test_the_version_of_a_day_grows_with_each_change_and_no_other_days_does(kept):
    kept.keep(said("a"), said("b", NOON - timedelta(5)))
    before = kept.reading.version(1, DAY, False), kept.reading.version(1, DAY - timedelta(5), False)
    kept.keep(said("c"))
    assert kept.reading.version(1, DAY, False) > before[0]
    assert kept.reading.version(1, DAY - timedelta(5), False) == before[1]
    assert kept.reading.version(1, date(2001, 1, 1), False) == 0


def test_a_line_has_those_around_it(kept):
    kept.keep(*(said(str(number), NOON + timedelta(seconds=number // 3)) for number in range(20)))
    line = kept.reading.day(1, DAY, False)[10]
    assert [each.text for each in kept.reading.around(line, 2, 3, False)] == ["8", "9", "10", "11", "12", "13"]


def test_the_last_of_somebody_and_when_they_were_seen(kept):
    kept.keep(said("hello", nick="Bob"), said("moin"), said("", NOON + timedelta(1), "Bob", "part"))
    assert kept.reading.last(1, "bob")[0].text == "hello"
    assert kept.reading.seen(1, "BOB").kind == "part"
    assert kept.reading.seen(1, "nobody") is None


def test_what_was_said_in_private_stays_so_when_the_channel_opens(kept):
    kept.configure("#ops", private=True)
    kept.keep(said("secret"))
    assert kept.visibility.of(EVERYBODY, "libera", "#ops") is None
    kept.configure("#ops")
    kept.keep(said("open"))
    seen = kept.visibility.of(EVERYBODY, "libera", "#ops")
    assert [line.text for line in kept.reading.day(1, DAY, seen.everything)] == ["open"]
    assert kept.reading.days(1, seen.everything)[0].spoken == 1


def test_a_token_opens_its_channels_whole_and_no_other(kept):
    kept.configure("#ops", private=True)
    kept.configure("#dev", feed=False)
    kept.keep(said("a"), said("b", channel="#dev"), said("c", channel="#open"))
    of = Viewer("alice", channels=frozenset({"libera/#Ops"}))
    assert [(each.channel.name, each.everything) for each in kept.visibility.channels(of)] == [
        ("#open", False),
        ("#ops", True),
    ]
    assert {each.channel.name for each in kept.visibility.channels(Viewer("root", every=True))} == {
        "#ops",
        "#dev",
        "#open",
    }
    assert [each.channel.name for each in kept.visibility.channels()] == ["#open"]


def test_a_channel_that_is_not_logged_keeps_a_bare_line_for_its_link(kept):
    kept.configure("#ops", log=False)
    [number] = kept.keep(said("see https://example.org, and do not tell"))
    line = kept.history.line(number)
    assert (line.kind, line.text, line.nick) == ("link", "", "alice")
    assert kept.reading.seen(1, "alice") is None


def test_a_channel_of_which_nothing_is_public_is_not_there_also_when_no_section_speaks_of_it(kept):
    kept.configure("#cabal", private=True)
    kept.configure("#links", log=False)
    kept.keep(said("secret", channel="#cabal"), said("open"), said("https://example.org", channel="#links"))
    kept.settings = Settings()
    assert [each.channel.name for each in kept.visibility.channels()] == ["#links", "#ops"]
    assert kept.visibility.of(EVERYBODY, "libera", "#cabal") is None
    holder = Viewer("alice", channels=frozenset({"libera/#cabal"}))
    found = kept.visibility.of(holder, "libera", "#cabal")
    assert found.everything
    assert kept.visibility.by_id(EVERYBODY, found.channel.id) is None
    kept.keep(said("now it is open", channel="#cabal"))
    assert not kept.visibility.of(EVERYBODY, "libera", "#cabal").everything


def test_of_the_last_lines_only_the_public_ones_are_for_all(kept):
    kept.keep(said("open"))
    kept.configure("#ops", private=True)
    kept.keep(said("secret", NOON + timedelta(1)))
    assert [line.text for line in kept.reading.last(1, "alice", 5)] == ["secret", "open"]
    assert [line.text for line in kept.reading.last(1, "alice", 5, everything=False)] == ["open"]
