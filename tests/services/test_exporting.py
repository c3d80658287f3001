"""What is exported comes back byte by byte, links and marks of what was forgotten included."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services.exporting import Export
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.oldlogs.base import Given
from chanops.services.oldlogs.importing import Import, plan
from chanops.services.pages import Pages
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.tables import channels, days, forgotten, lines, links, mentions, seen

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAGES = Pages("https://ops.example")
SETTINGS = Settings(channels={"#secret": ChannelSettings(private=True)})
ALL = (mentions, links, forgotten, seen, days, lines, channels)


def said(text, second=0.0, nick="alice", channel="#ops", **more):
    return Message("net", "message", nick, "al", channel, text, NOON + timedelta(seconds=second), text)._replace(**more)


class Kept:
    """A history that can be exported, emptied and imported again."""

    def __init__(self, database, folder):
        self.database, self.folder = database, folder
        self.search = Search(database)
        self.history = History(database, lambda: SETTINGS, self.search)
        self.links = Links(database, self.history, lambda: SETTINGS)

    def hear(self, *messages):
        return self.database.wait(lambda connection: self.history.keep(connection, messages))

    def export(self, **more):
        return "".join(Export(self.database, PAGES, private=more.pop("private", True), **more).write())

    def empty(self):
        def gone(connection):
            words = "INSERT INTO line_words (line_words) VALUES ('delete-all')"
            connection.exec_driver_sql(words if connection.dialect.name == "sqlite" else "DELETE FROM line_words")
            for table in ALL:
                connection.execute(delete(table))

        self.database.wait(gone)

    def take(self, text, **more):
        path = self.folder / "export.jsonl"
        path.write_text(text, encoding="utf-8")
        (source,) = plan("chanops", [path], Given(ZoneInfo("UTC"), **more)).sources
        return Import(self.database, self.search, SETTINGS).take(source)


@pytest.fixture
def kept(database, tmp_path):
    return Kept(database, tmp_path)


@pytest.fixture
def full(kept):
    """A history with all that there can be."""
    numbers = kept.hear(
        said("hello"),
        said("\x02bold\x02 caf\u00e9 \U0001f600 \u2028", 0.5, msgid="abc"),
        said("psst", 1, channel="#secret"),
        said("", 2, event="join"),
        said("to be forgotten", 3, msgid="def"),
        said("[off] https://example.org/x", 4),
        said("hello", 0),
    )
    first, again = said("see https://example.org/a", 10), said("https://example.org/a again", 20, "bob")
    kept.links.add("https://example.org/a", "A", first)
    kept.links.add("https://example.org/a", "A", again)
    kept.links.add("https://example.org/b", "", said("secret https://example.org/b", 30, channel="#secret"))
    Forgetting(kept.database, Reading(kept.database), kept.search, kept.search.purge).forget([numbers[4]], "admin")
    return kept


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def rows(database):
    with database.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())))
            for table in (lines, links, mentions, forgotten)
        }


def test_an_export_imported_into_an_empty_database_is_the_same_in_every_byte(full):
    before, text = rows(full.database), full.export()
    full.empty()
    assert full.export() == ""
    taken = full.take(text)
    assert (taken.tally.strange, taken.added) == (0, len(text.splitlines()))
    assert full.export() == text
    after = rows(full.database)
    assert [len(each) for each in after.values()] == [10, 2, 1, 1]
    for name in ("links", "mentions", "forgotten"):
        assert after[name] == before[name]


def test_the_counters_and_the_search_are_there_again(full):
    reading = Reading(full.database)
    text, before = full.export(), reading.days(reading.channel("net", "#ops").id, True)
    full.empty()
    full.take(text)
    found = reading.days(reading.channel("net", "#ops").id, True)
    assert [each.spoken for each in found] == [each.spoken for each in before]
    assert reading.seen(reading.channel("net", "#ops").id, "bob").nick == "bob"


def test_a_second_import_adds_nothing(full):
    text = full.export()
    assert full.take(text).added == 0
    assert full.export() == text


def test_a_number_that_is_taken_stays_with_whom_it_is_and_links_follow(full):
    text = full.export()
    numbers = [each["id"] for each in records(text) if each["type"] == "line"]
    full.empty()
    full.hear(*(said(f"other {at}", at / 100, channel="#other") for at in range(40)))
    others = [each["id"] for each in records(full.export(channel="#other"))]
    assert set(numbers) & set(others)
    assert full.take(text).added == len(text.splitlines())
    assert [each["id"] for each in records(full.export(channel="#other"))] == others
    assert full.take(text).added == 0
    again = records(full.export())
    texts = {each["id"]: each["text"] for each in again if each["type"] == "line"}
    assert [
        (texts[each["line"]], [texts[line] for line in each["mentions"]]) for each in again if each["type"] == "link"
    ] == [
        ("see https://example.org/a", ["https://example.org/a again"]),
        ("secret https://example.org/b", []),
    ]


def test_what_is_not_for_everybody_is_left_out_unless_it_is_asked_for(full):
    export = Export(full.database, PAGES)
    text = "".join(export.write())
    assert "psst" not in text
    assert "example.org/b" not in text
    assert export.left_out == 2
    assert "psst" in full.export()


def test_a_line_says_who_when_where_and_its_address(full):
    line = records(full.export())[0]
    assert line == {
        "type": "line",
        "id": line["id"],
        "network": "net",
        "channel": "#ops",
        "at": "2026-11-21T12:00:00.000Z",
        "nick": "alice",
        "account": "al",
        "kind": "message",
        "text": "hello",
        "msgid": None,
        "public": True,
        "address": f"https://ops.example/line/{line['id']}",
    }


def test_channel_and_time_choose(full):
    some = full.export(channel="#OPS", since=NOON + timedelta(seconds=1), until=NOON + timedelta(seconds=20))
    assert {each["type"] for each in records(some)} == {"line", "link"}
    assert [each["text"] for each in records(some) if each["type"] == "line"] == [
        "",
        "",
        "",
        "see https://example.org/a",
    ]
    assert full.export(network="elsewhere") == ""
    full.empty()
    assert full.take(some).added == 5


def test_one_channel_of_an_export_may_be_imported(full):
    text = full.export()
    full.empty()
    full.take(text, channel="#secret")
    assert {each["channel"] for each in records(full.export()) if each["type"] == "line"} == {"#secret"}


def test_as_text_it_is_one_line_each_and_nothing_hidden(full):
    full.hear(said("a\u202eb \x1b[2J", 50), said("bob x", 51, event="kick"))
    text = full.export(form="text")
    assert text.splitlines()[0] == "2026-11-21T12:00:00.000Z net/#ops <alice> hello"
    assert "*** a line of alice was forgotten\n" in text
    assert "\\u202e" in text
    assert "\x1b" not in text
    assert "[off]" not in text


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        '"x"',
        '{"type":"line"}',
        '{"type":"nothing"}',
        "[" * 50_000,
        "\udcff",
        '{"type":"link","id":1,"line":1}',
    ],
)
def test_what_is_no_record_is_told_of_and_passed_over(kept, line):
    path = kept.folder / "export.jsonl"
    path.write_bytes(f"{line}\n".encode("utf-8", "surrogateescape"))
    (source,) = plan("chanops", [path], Given(ZoneInfo("UTC"))).sources
    taken = Import(kept.database, kept.search, SETTINGS).take(source)
    assert (taken.added, taken.tally.strange) == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"id": -1},
        {"id": 1 << 62},
        {"id": "1"},
        {"id": True},
        {"id": 1.5},
        {"network": None},
        {"channel": "alice"},
        {"at": "2026-11-21T12:00:00"},
        {"at": 12},
        {"at": "yesterday"},
        {"nick": 1},
        {"text": "a\0b"},
        {"text": "\ud800"},
        {"kind": "shout"},
        {"public": 1},
        {"msgid": 7},
    ],
)
def test_a_value_that_cannot_be_is_no_record(full, change):
    line = records(full.export())[0] | change
    full.empty()
    taken = full.take(json.dumps(line) + "\n")
    assert (taken.added, taken.tally.strange) == (0, 1)


def test_no_number_is_so_high_that_all_that_comes_stands_behind_it(full):
    line = records(full.export())[0]
    full.empty()
    assert full.take(json.dumps(line | {"id": (1 << 62) - 1}) + "\n").added == 1
    (found,) = records(full.export())
    assert found == line
    assert full.take(json.dumps(line | {"id": 7, "at": "2999-01-01T00:00:00Z"}) + "\n").outside == 1


def test_a_forgotten_line_does_not_come_back_from_an_older_export(full):
    number = next(each["id"] for each in records(full.export()) if each.get("text") == "hello")
    text = full.export()
    Forgetting(full.database, Reading(full.database), full.search, full.search.purge).forget([number], "admin")
    assert full.take(text).added == 0
    assert [each["kind"] for each in records(full.export()) if each["id"] == number] == ["forgotten"]


def test_a_link_whose_line_is_not_there_is_left_out(full):
    only = "".join(f"{line}\n" for line in full.export().splitlines() if '"type":"link"' in line)
    full.empty()
    assert full.take(only).added == 0


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            texts, st.integers(0, 5), st.sampled_from(["alice", "bob"]), st.sampled_from(["#a", "#b", "#secret"])
        ),
        max_size=30,
    )
)
def test_whatever_was_said_comes_back_as_it_was(database, tmp_path, what):
    kept = Kept(database, tmp_path)
    kept.empty()
    kept.hear(*(said(text, second / 2, nick, channel) for text, second, nick, channel in what))
    text = kept.export()
    kept.empty()
    assert kept.take(text).tally.strange == 0
    assert kept.export() == text
    assert kept.take(text).added == 0
