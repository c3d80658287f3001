"""What is exported comes back byte by byte, links and marks of what was forgotten included."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import String, delete

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
from chanops.services.tables import channels, days, forgotten, jobs, lines, links, mentions, seen, stamp

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAGES = Pages("https://ops.example")
SETTINGS = Settings(channels={"#secret": ChannelSettings(private=True)})
CLOSED = Settings(channels={"#ops": ChannelSettings(private=True), "#again": ChannelSettings(feed=False)})
SILENT = Settings(channels={"#ops": ChannelSettings(log=False)})
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

    def export(self, settings=SETTINGS, **more):
        return "".join(Export(self.database, PAGES, settings, private=more.pop("private", True), **more).write())

    def empty(self):
        def gone(connection):
            words = "INSERT INTO line_words (line_words) VALUES ('delete-all')"
            connection.exec_driver_sql(words if connection.dialect.name == "sqlite" else "DELETE FROM line_words")
            for table in ALL:
                connection.execute(delete(table))

        self.database.wait(gone)

    def forget(self, *numbers):
        search = self.search
        return Forgetting(self.database, Reading(self.database), search, search.purge).forget(numbers, "admin")

    def take(self, text, settings=SETTINGS, **more):
        path = self.folder / "export.jsonl"
        path.write_text(text, encoding="utf-8")
        (source,) = plan("chanops", [path], Given(ZoneInfo("UTC"), **more)).sources
        return Import(self.database, self.search, settings).take(source)


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


def job(database, number, channel):
    """A job that ended there, when the channel was open."""
    row = {column.name: "" for column in jobs.c if isinstance(column.type, String)}
    row |= {"id": number, "network": "net", "channel": channel, "public": True, "told": True, "fence": 0}
    row |= {"state": "done", "created": stamp(NOON), "changed": stamp(NOON)}
    database.wait(lambda connection: connection.execute(jobs.insert(), [row]) and None)


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def without_links(database):
    def gone(connection):
        for table in (mentions, links):
            connection.execute(delete(table))

    database.wait(gone)


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
    export = Export(full.database, PAGES, SETTINGS)
    text = "".join(export.write())
    assert "psst" not in text
    assert "example.org/b" not in text
    assert export.left_out == 2
    assert "psst" in full.export()


def test_what_is_private_today_is_left_out_also_where_it_was_open_once(full):
    address = "https://example.org/a"
    full.links.add(address, "A", said(f"{address} elsewhere", 40, channel="#open"))
    full.links.add(address, "A", said(f"{address} again", 50, channel="#again"))
    full.links.add("https://example.org/c", "C", said("https://example.org/c", 60, channel="#open"))
    full.links.add("https://example.org/c", "C", said("https://example.org/c again", 70, channel="#again"))
    full.links.add("https://example.org/c", "C", said("https://example.org/c more", 80, channel="#open"))
    job(full.database, 1, "#ops")
    job(full.database, 2, "#open")
    before = records(full.export(private=False))
    export = Export(full.database, PAGES, CLOSED)
    after = records("".join(export.write()))
    texts = {each["id"]: each["text"] for each in before if each["type"] == "line"}
    assert {each["channel"] for each in before if each["type"] == "line"} == {"#ops", "#open", "#again"}
    assert {each["channel"] for each in after if each["type"] == "line"} == {"#open"}
    assert export.left_out == len(records(full.export())) - len(after) - 3  # two links and a job
    assert [each["address"] for each in after if each["type"] == "link"] == ["https://example.org/c"]
    assert [[texts[line] for line in each["mentions"]] for each in after if each["type"] == "link"] == [
        ["https://example.org/c more"]
    ]
    assert [each["id"] for each in before if each["type"] == "job"] == [1, 2]
    assert [each["id"] for each in after if each["type"] == "job"] == [2]
    assert full.export(CLOSED) == full.export()
    assert {each.split()[1] for each in full.export(CLOSED, private=False, form="text").splitlines()} == {"net/#open"}


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
        {"at": "9999-12-31T23:59:59-23:00"},
        {"at": "0001-01-01T00:00:00+23:00"},
        {"at": "99999-01-01T00:00:00Z"},
        {"at": 1 << 80},
        {"id": 1 << 80},
        {"id": 1e300},
        {"forgotten": 1},
        {"forgotten": {"at": "9999-12-31T23:59:59-23:00", "by": "x"}},
        {"channel": ["#", 1]},
        {"kind": []},
        {"nick": "x" * 5000},
        {"msgid": "x" * 5000},
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


def test_a_link_and_a_mention_of_a_forgotten_line_do_not_come_back_from_an_older_export(full):
    """Forgotten: the line with the only mention of one link, and that with the second mention of another."""
    text = full.export()
    said_in = {each["address"]: each for each in records(text) if each["type"] == "link"}
    full.forget(said_in["https://example.org/b"]["line"], *said_in["https://example.org/a"]["mentions"])
    there = full.export()
    assert full.take(text).added == 0
    assert full.export() == there
    assert [(each["address"], each["mentions"]) for each in records(there) if each["type"] == "link"] == [
        ("https://example.org/a", [])
    ]


def test_a_link_that_moved_to_another_line_when_its_own_was_forgotten_is_not_there_twice(full):
    text = full.export()
    (first,) = (each for each in records(text) if each.get("address") == "https://example.org/a")
    full.forget(first["line"])
    there = full.export()
    assert full.take(text).added == 0
    assert full.export() == there


def test_a_title_that_was_given_in_a_forgotten_line_does_not_come_back(full):
    address = "https://example.org/c"
    full.links.add(address, "", said(f"see {address}", 40))
    full.links.add(address, "a secret", said(f"{address} a secret", 50, "bob"))
    full.links.add(address, "", said(f"{address} again", 60))
    text = full.export()
    (link,) = (each for each in records(text) if each.get("address") == address)
    assert (link["title"], link["titled"]) == ("a secret", link["mentions"][0])
    full.forget(link["titled"])
    for emptied in (False, True):
        if emptied:
            without_links(full.database)
        full.take(text)
        (found,) = (each for each in records(full.export()) if each.get("address") == address)
        assert (found["title"], found["titled"], found["mentions"]) == ("", None, link["mentions"][1:])


def test_an_export_of_before_says_nothing_of_who_gave_a_title_and_has_it_all_the_same(full):
    text = full.export()
    without_links(full.database)
    for each in records(text):
        if each["type"] == "link":
            del each["titled"]
            assert full.take(json.dumps(each) + "\n").added == 1
    assert [(each["title"], each["titled"]) for each in records(full.export()) if each["type"] == "link"] == [
        ("A", None),
        ("", None),
    ]


def test_a_title_that_was_given_where_it_is_private_today_is_not_exported(full):
    address = "https://example.org/c"
    full.links.add(address, "", said(f"see {address}", 40, channel="#open"))
    full.links.add(address, "a secret", said(f"{address} a secret", 50, channel="#again"))
    assert "a secret" in full.export(private=False)
    assert "a secret" not in full.export(CLOSED, private=False)
    assert address in full.export(CLOSED, private=False)


def test_what_was_forgotten_has_no_words(full):
    (line,) = (each for each in records(full.export()) if each.get("kind") == "forgotten")
    full.empty()
    full.take(json.dumps(line | {"text": "to be forgotten", "account": "al"}) + "\n")
    assert records(full.export()) == [line]


def test_a_channel_that_is_not_logged_is_not_imported_but_for_places_of_links_and_marks(full):
    text = full.export()
    full.empty()
    taken = full.take(text, SILENT)
    assert {(each["channel"], each["kind"]) for each in records(full.export()) if each["type"] == "line"} == {
        ("#secret", "message"),
        ("#ops", "link"),
        ("#ops", "forgotten"),
    }
    kinds = [each["kind"] for each in records(text) if each["type"] == "line" and each["channel"] == "#ops"]
    assert taken.unlogged == len([kind for kind in kinds if kind not in ("link", "forgotten")]) > 0


def test_what_is_off_is_not_imported(full):
    line = records(full.export())[0]
    full.empty()
    taken = full.take(json.dumps(line | {"kind": "kick", "text": "bob [off] psst"}) + "\n")
    assert (taken.added, taken.unwanted, full.export()) == (0, 1, "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"address": "javascript:alert(1)"}, "http"),
        ({"address": "data:text/html,x"}, "http"),
        ({"address": "//example.org/"}, "http"),
        ({"address": ""}, "http"),
        ({"address": None}, "address"),
        ({"id": 1 << 31}, "id"),
        ({"id": -1}, "id"),
        ({"place": 1 << 31}, "place"),
        ({"line": 1 << 62}, "line"),
        ({"changed": "9999-12-31T23:59:59-23:00"}, "changed"),
        ({"mentions": [1 << 70]}, "mentions"),
        ({"mentions": [-1]}, "mentions"),
        ({"mentions": None}, "mentions"),
        ({"titled": -1}, "titled"),
        ({"titled": "1"}, "titled"),
        ({"mentions": {"1": 1}}, "mentions"),
    ],
)
def test_a_link_that_cannot_be_is_told_of_in_a_line(full, change, why):
    link = next(each for each in records(full.export()) if each["type"] == "link")
    without_links(full.database)
    taken = full.take(json.dumps(link | change) + "\n")
    assert (taken.added, taken.tally.strange) == (0, 1)
    assert why in taken.tally.samples[0].rpartition("(")[2]
    assert "example.org/a" not in "".join(each for each in full.export().splitlines() if '"type":"link"' in each)
    assert full.take(json.dumps(link) + "\n").added == 1


def test_a_links_key_is_that_of_its_address_whatever_an_export_says(full):
    text = full.export()
    full.empty()
    full.take(text.replace('"key":"https://example.org/b"', '"key":"https://other.example/"'))
    assert full.export() == text


def test_a_link_from_the_future_is_left_out(full):
    link = next(each for each in records(full.export()) if each["type"] == "link")
    for change in ({"changed": "9999-01-01T00:00:00Z"}, {"at": "9999-01-01T00:00:00Z"}):
        assert full.take(json.dumps(link | change) + "\n").outside == 1


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
