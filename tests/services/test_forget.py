"""Forgetting: nothing of a line is left but its address."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError
from stores import all_bytes

from chanops.core.message import Message
from chanops.core.query import read
from chanops.core.sections import Settings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import Visibility

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def said(text, nick="alice", **more):
    return Message("libera", "message", nick, nick, "#ops", text, NOON, text, **more)


class Kept:
    def __init__(self, database):
        self.database, self.reading, self.search = database, Reading(database), Search(database)
        self.history = History(database)
        self.links = Links(database, self.history, Settings)
        self.forgetting = Forgetting(database, self.reading, self.search, self.search.purge)
        self.visibility = Visibility(self.reading, Settings)

    def keep(self, *messages):
        return self.database.wait(lambda connection: self.history.keep(connection, messages))

    def found(self, words):
        return [line.id for line in self.search.find(read(words), self.visibility.channels()).lines]

    def bytes_with(self, word):
        return all_bytes(self.database).count(word)


@pytest.fixture
def kept(database):
    return Kept(database)


def test_a_forgotten_line_leaves_its_mark_and_its_neighbours(kept):
    numbers = kept.keep(said("before"), said("the password is hunter2zz"), said("behind"))
    told = []
    kept.forgetting.on_forgotten.append(lambda channel, lines: told.append((channel, lines)))
    version = kept.reading.version(1, NOON.date(), False)
    assert kept.forgetting.forget([numbers[1]], "carol") == 1
    day = kept.reading.day(1, NOON.date(), False)
    assert [(line.id, line.kind, line.text) for line in day] == [
        (numbers[0], "message", "before"),
        (numbers[1], "forgotten", ""),
        (numbers[2], "message", "behind"),
    ]
    assert kept.found("hunter2zz") == []
    assert kept.found("behind") == [numbers[2]]
    assert told == [(1, [numbers[1]])]
    assert kept.reading.version(1, NOON.date(), False) > version
    assert kept.reading.days(1, False)[0].spoken == 2
    assert kept.forgetting.forget([numbers[1]], "carol") == 0


def test_no_byte_of_it_is_left_in_the_file_nor_beside_it(kept):
    if kept.database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL's files are its own")
    filler = [said(f"filler {number} " + "word " * 20) for number in range(200)]
    line = said("hunter2zz https://example.org/qwertz77")
    [number, *_] = kept.keep(line, *filler)
    kept.links.add("https://example.org/qwertz77", "Titel88zz", line)
    secrets = b"hunter2zz", b"qwertz77", b"Titel88zz"
    assert all(kept.bytes_with(word) for word in secrets)
    kept.forgetting.forget([number], "alice")
    assert [kept.bytes_with(word) for word in secrets] == [0, 0, 0]
    assert kept.bytes_with(b"filler") >= 200


def test_a_link_goes_with_its_line_or_to_who_said_it_next(kept):
    first = kept.links.add("https://example.org/a", "As alice has it", said("https://example.org/a"))
    again = kept.links.add("https://example.org/a", "", said("https://example.org/a too", "bob"))
    assert not again.new
    alone = kept.links.add("https://example.org/b", "", said("https://example.org/b"))
    kept.forgetting.forget([first.link.said.id, alone.link.said.id], "alice")
    [left] = kept.links.in_feed(10)
    assert (left.address, left.title, left.said.nick) == ("https://example.org/a", "", "bob")


def test_a_redaction_by_the_network_is_a_line_forgotten(kept):
    [number, other] = kept.keep(said("oops", msgid="abc"), said("fine", msgid="def"))
    kept.forgetting.redacted(said("", "bob", msgid="abc")._replace(event="redact"))
    kept.forgetting.redacted(said("", "bob", msgid="none")._replace(event="redact"))
    assert kept.history.line(number).kind == "forgotten"
    assert kept.history.line(other).text == "fine"


def test_what_is_played_back_stays_forgotten(kept):
    [first] = kept.keep(said("my password", msgid="m1"))
    [second] = kept.keep(said("my other password"))
    kept.forgetting.forget([first, second], "alice")
    assert kept.keep(said("my password", msgid="m1", replayed=True)) == [first]
    assert kept.keep(said("my other password", replayed=True))[0] in (first, second)
    assert {line.kind for line in kept.reading.day(1, NOON.date(), True)} == {"forgotten"}


def test_what_the_bot_said_of_it_is_forgotten_with_it(kept):
    kept.forgetting.own = lambda network: "chanops"
    line = said("see https://example.org/plan")
    kept.links.add("https://example.org/plan", "The plan", line)
    [number] = [each.id for each in kept.reading.day(1, NOON.date(), True)]
    kept.links.add("https://example.org/bare", "", said("first", "bob"))
    titled = said("https://example.org/bare Its title", "carol")
    kept.links.add("https://example.org/bare", "Its title", titled)
    [about, other] = kept.keep(said("a line", "bob"), said("not about it", "bob"))
    [of_title] = kept.keep(said("kept: Its title", "chanops"))
    quotes = kept.keep(
        said("kept: The plan", "chanops"),
        said(f"12:00 <alice> see https://example.org/plan https://chat.example/line/{number}", "chanops_"),
        said(f"12:00 <bob> a line https://chat.example/line/{about}", "chanops"),
        said(f"look at https://chat.example/line/{number}", "carol"),
    )
    assert kept.forgetting.forget([number], "alice") == 1
    kinds = {each.id: each.kind for each in kept.reading.day(1, NOON.date(), True)}
    assert [kinds[each] for each in (number, *quotes)] == ["forgotten"] * 3 + ["message"] * 2
    assert kinds[about] == kinds[other] == kinds[of_title] == "message"
    [carols] = [each.id for each in kept.reading.day(1, NOON.date(), True) if each.plain == titled.text]
    kept.forgetting.forget([carols], "carol")
    assert kept.history.line(of_title).kind == "forgotten"


def test_bytes_that_a_reader_holds_on_to_leave_the_file_later(kept, sqlite_only):
    [number] = kept.keep(said("hunter2zz"))
    with kept.database.engine.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        assert reader.exec_driver_sql("SELECT count(*) FROM lines").scalar() == 1
        kept.forgetting.forget([number], "alice")
        assert kept.bytes_with(b"hunter2zz")
        reader.exec_driver_sql("ROLLBACK")
    assert kept.forgetting.scrub.mark.exists()
    kept.forgetting.scrub.look_after()
    assert not kept.forgetting.scrub.mark.exists()
    assert kept.bytes_with(b"hunter2zz") == 0


def test_pages_and_feeds_are_told_although_the_file_cannot_be_cleaned_yet(kept, caplog):
    [number] = kept.keep(said("hunter2zz"))
    told = []
    kept.forgetting.on_forgotten.append(lambda channel, lines: told.append(lines))

    def purge(connection):
        raise OperationalError("", {}, Exception("database is locked"))

    kept.forgetting.scrub.purge = purge
    assert kept.forgetting.forget([number], "alice") == 1
    assert told == [[number]]
    assert "database is locked" in caplog.text
    assert kept.forgetting.scrub.mark.exists()
