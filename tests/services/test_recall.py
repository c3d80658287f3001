"""What the bot tells about the log where it was asked: nothing that those who hear it may not know."""

from datetime import UTC, datetime, timedelta

import pytest

from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.reading import Reading
from chanops.services.recall import Recall
from chanops.services.search import Search
from chanops.services.visibility import Visibility

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Recalled:
    """A log that is asked about."""

    def __init__(self, database):
        self.database, self.settings = database, Settings()
        reading, search = Reading(database), Search(database)
        self.history = History(database, lambda: self.settings, search)
        self.forgetting = Forgetting(database, reading, search, search.purge)
        self.recall = Recall(reading, Visibility(reading, lambda: self.settings), search, self.forgetting)

    def line(self, minutes, text, nick="alice", event="message", channel="#ops"):
        said = message(minutes, text, nick, event, channel)
        return self.database.wait(lambda connection: self.history.keep(connection, [said]))[0]

    def private(self, name, **keys):
        self.settings = Settings(channels={name: ChannelSettings(**keys or {"private": True})})

    def found(self, words, channel="#ops"):
        return [line.text for line in self.recall.find(words, asked(channel), 3, ".log", "chanops").lines]

    def last(self, nick=""):
        line = self.recall.last(asked("#ops"), nick, ".line", "chanops")
        return line and line.text

    def seen(self, nick="alice", channel="#ops"):
        line = self.recall.seen(nick, asked(channel))
        return line and line.text


def message(minutes, text, nick="alice", event="message", channel="#ops"):
    return Message("libera", event, nick, nick, channel, text, NOON + timedelta(minutes=minutes), text)


def asked(channel):
    return message(60, ".", "mallory", channel=channel)


@pytest.fixture
def kept(database):
    return Recalled(database)


@pytest.fixture
def opened(kept):
    """A channel that was open, then private, and is open now."""
    kept.line(0, "zebra in the open")
    kept.private("#ops")
    kept.line(1, "secret zebra")
    kept.settings = Settings()
    return kept


def test_what_was_said_while_a_channel_was_private_is_not_told_once_it_is_open(opened):
    assert opened.found("zebra") == ["zebra in the open"]
    assert opened.last() == "zebra in the open"
    assert opened.last("alice") == "zebra in the open"
    assert opened.seen() == "zebra in the open"
    assert opened.seen(channel="") == "zebra in the open"


def test_in_a_private_channel_all_of_it_is_told_and_elsewhere_nothing(opened):
    opened.private("#ops")
    assert opened.found("zebra") == ["secret zebra", "zebra in the open"]
    assert (opened.last(), opened.seen()) == ("secret zebra", "secret zebra")
    assert opened.found("zebra", "#elsewhere") == []
    assert opened.seen(channel="#elsewhere") is None


def test_who_was_there_only_while_it_was_private_was_not_seen(kept):
    kept.private("#ops")
    kept.line(0, "secret")
    kept.settings = Settings()
    assert kept.seen() is None
    assert kept.last() is None


def test_behind_a_forgotten_line_is_the_one_before_it(kept):
    kept.line(0, "long ago", "bob")
    kept.line(1, "one")
    kept.line(2, "two", event="part")
    last = kept.line(3, "three", event="quit")
    kept.forgetting.forget([last], "ops")
    assert kept.seen("ALICE") == "two"
    kept.forgetting.forget([last - 16 * 60], "ops")
    assert kept.seen() == "one"


def test_whose_lines_were_all_forgotten_was_not_seen(kept):
    number = kept.line(0, "one")
    kept.forgetting.forget([number], "ops")
    assert kept.seen() is None


def test_where_nothing_is_kept_nobody_was_seen(kept):
    kept.line(0, "before")
    kept.private("#ops", log=False)
    kept.line(1, "https://example.org/")
    assert kept.seen() == "before"
    assert kept.seen(channel="#elsewhere") == "before"
