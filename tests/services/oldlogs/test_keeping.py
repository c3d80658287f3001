"""Old lines are kept once, at their time, whatever else is there; and no line that is there moves."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from chanops.core.message import Message
from chanops.core.query import read as query
from chanops.core.sections import Settings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.line_rows import channel_ids
from chanops.services.oldlogs.base import MINUTE, SECOND, Old
from chanops.services.oldlogs.keeping import AT_ONCE, REMEMBERED, Keeper, first_number, near, unwanted
from chanops.services.reading import Channel, Reading
from chanops.services.search import Search
from chanops.services.tables import days, lines, stamp
from chanops.services.visibility import Seen

NOON = datetime(2024, 11, 21, 12, tzinfo=UTC)
names = (f"#c{number}" for number in itertools.count())


def old(text="hello", minute=0, nick="alice", kind="message", exact=MINUTE, second=0):
    return Old(stamp(NOON + timedelta(minutes=minute, seconds=second)), nick, kind, text, exact)


def live(text="hello", second=0.0, nick="alice", channel="#ops", **more):
    at = NOON + timedelta(seconds=second)
    return Message("net", "message", nick, "", channel, text, at, text)._replace(**more)


class Logs:
    """A channel and what is put into it."""

    def __init__(self, database, channel="#ops"):
        self.database, self.channel = database, channel
        self.search, self.reading = Search(database), Reading(database)
        self.history = History(database, Settings, self.search)
        self.id = database.wait(lambda connection: channel_ids(connection, [("net", channel)]))["net", channel]

    def take(self, olds, public=True, batch=1000):
        """How many of a file's lines were new."""
        keeper = Keeper(self.search, self.id, public)
        parts = [olds[at : at + batch] for at in range(0, len(olds), batch)]
        return sum(self.database.wait(lambda connection, part=part: keeper.keep(connection, part)) for part in parts)

    def hear(self, *messages):
        return self.database.wait(lambda connection: self.history.keep(connection, messages))

    def table(self):
        """As pages have them: (number, seconds since noon, nick, text), by time and number."""
        query = select(lines.c.id, lines.c.at, lines.c.nick, lines.c.text).where(lines.c.channel_id == self.id)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(lines.c.at, lines.c.id)).all()
        return [(number, (at - stamp(NOON)) / 1000, nick, text) for number, at, nick, text in rows]

    def texts(self):
        return [text for *_, text in self.table()]


@pytest.fixture
def logs(database):
    return Logs(database)


def test_lines_stand_in_the_files_order_at_their_time(logs):
    assert logs.take([old("one"), old("two"), old("two"), old("three", 1), old("zero", 1)]) == 5
    found = logs.table()
    assert [(at, text) for _, at, _, text in found] == [(0, "one"), (0, "two"), (0, "two"), (60, "three"), (60, "zero")]
    assert [number for number, *_ in found] == [first_number(stamp(NOON)) + each for each in (0, 1, 2, 960, 961)]


def test_a_second_time_adds_nothing_and_moves_nothing(logs):
    olds = [old(f"line {at % 7}", at // 9, kind=("message", "action")[at % 2]) for at in range(200)]
    assert logs.take(olds) == 200
    before = logs.table()
    for batch in (1, 7, 200):
        assert logs.take(olds, batch=batch) == 0
    assert logs.table() == before


def test_like_lines_in_one_minute_are_counted_also_when_batches_end_between_them(logs):
    assert logs.take([old("+1")] * 3, batch=2) == 3
    assert logs.take([old("+1")] * 5, batch=1) == 2
    assert logs.take([old("+1")] * 4) == 0
    assert logs.texts() == ["+1"] * 5


def test_what_differs_in_nick_kind_text_or_minute_is_another_line(logs):
    assert logs.take([old(), old(nick="bob"), old(kind="action"), old("Hello"), old(minute=1)]) == 5


def test_what_the_bot_heard_live_is_there_already_whatever_its_formatting_and_milliseconds(logs):
    logs.hear(live("\x02hello\x02", 17.123), live("and bye ", 40), live("not in the log", 41))
    assert logs.take([old("hello"), old("only in the log"), old("and bye")]) == 1
    assert logs.texts() == ["\x02hello\x02", "only in the log", "and bye ", "not in the log"]
    assert logs.take([old("hello"), old("only in the log"), old("and bye")]) == 0


def test_the_bots_own_lines_go_on_above_and_a_longer_log_adds_only_what_is_new(logs):
    olds = [old(str(at), at) for at in range(30)]
    logs.take(olds[:10])
    logs.hear(live("10", 10 * 60 + 3), live("live", 3600 * 5))
    assert logs.take(olds) == 19
    assert logs.take(olds) == 0
    assert logs.texts() == [*map(str, range(30)), "live"]


def test_numbers_of_others_stay_and_new_ones_are_beside_them(logs):
    numbers = logs.hear(*(live(str(at), at / 100, channel=f"#x{at % 3}") for at in range(40)))
    assert logs.take([old("a"), old("b"), old("c", 1)]) == 3
    found = [number for number, *_ in logs.table()]
    assert not set(found) & set(numbers)
    assert found[:2] == [max(numbers) + 1, max(numbers) + 2]
    assert found[2] == first_number(stamp(NOON) + 60_000)
    with logs.database.read() as connection:
        assert set(numbers) <= set(connection.execute(select(lines.c.id)).scalars())


def test_more_numbers_than_are_looked_up_at_once(logs):
    logs.take([old(str(at)) for at in range(AT_ONCE + 50)])
    other = Logs(logs.database, "#other")
    assert other.take([old("late")]) == 1
    assert other.table()[0][0] == first_number(stamp(NOON)) + AT_ONCE + 50
    assert logs.texts() == [str(at) for at in range(AT_ONCE + 50)]


def test_a_log_whose_time_goes_back_is_put_in_order_and_once(logs):
    olds = [old("b", 60), old("a", 0), old("c", 61), old("a", 0)]
    assert logs.take(olds) == 4
    assert logs.texts() == ["a", "a", "b", "c"]
    assert logs.take(olds, batch=1) == 0


def test_a_batch_whose_transaction_came_to_nothing_is_kept_once(logs):
    keeper = Keeper(logs.search, logs.id, True)
    batch = [old("+1"), old("+1")]

    def fails(connection):
        keeper.keep(connection, batch)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        logs.database.wait(fails)
    assert logs.texts() == []
    assert logs.database.wait(lambda connection: keeper.keep(connection, batch)) == 2


def test_a_forgotten_line_does_not_come_back(logs):
    olds = [old("hello"), old("a secret"), old("bye")]
    logs.take(olds)
    forgetting = Forgetting(logs.database, logs.reading, logs.search, logs.search.purge)
    assert forgetting.forget([logs.table()[1][0]], "admin") == 1
    assert logs.take(olds) == 0
    assert logs.texts() == ["hello", "", "bye"]
    assert logs.take([old("could be it"), *olds, old("of another minute", 1), old("of another", nick="bob")]) == 2
    assert "a secret" not in logs.texts()


def test_lines_are_found_counted_and_seen(logs):
    logs.take([old("needles in hay"), old("", 1, kind="join"), old("more hay", 24 * 60, "Bob")])
    assert [(each.spoken, each.events) for each in logs.reading.days(logs.id, False)] == [(1, 1), (1, 0)]
    assert logs.reading.seen(logs.id, "bob").text == "more hay"
    place = [Seen(Channel(logs.id, "net", "#ops"), False)]
    assert [said.text for said in logs.search.find(query("hay"), place).lines] == ["more hay", "needles in hay"]


def test_lines_of_a_private_channel_are_not_for_everybody(logs):
    logs.take([old()], public=False)
    assert logs.reading.days(logs.id, False) == []
    assert len(logs.reading.days(logs.id, True)) == 1


def test_the_days_version_grows_with_an_import_and_not_with_none(logs):
    logs.take([old()])
    with logs.database.read() as connection:
        before = connection.execute(select(days.c.version)).scalar()
    logs.take([old()])
    with logs.database.read() as connection:
        assert connection.execute(select(days.c.version)).scalar() == before
    logs.take([old("more")])
    with logs.database.read() as connection:
        assert connection.execute(select(days.c.version)).scalar() == before + 1


def test_what_is_remembered_of_a_file_does_not_grow_with_it(logs):
    keeper = Keeper(logs.search, logs.id, True)
    with logs.database.read() as connection:
        for start in range(0, 3 * REMEMBERED, 5000):
            keeper.fresh(connection, [old(str(at), at) for at in range(start, start + 5000)])
    assert len(keeper.had) <= REMEMBERED


def test_a_group_ends_where_time_jumps():
    groups = [list(each) for each in near([old("a"), old("b", 14), old("c", 100), old("d", 0), old("e", exact=SECOND)])]
    assert [[each.text for each in group] for group in groups] == [["a", "b"], ["c"], ["d"], ["e"]]


@pytest.mark.parametrize(
    ("text", "kind", "is_so"),
    [
        ("[off] psst", "message", True),
        ("\u200b[off] psst", "action", True),
        ("psst [off]", "message", False),
        ("[off] psst", "topic", True),
        ("[off] psst", "part", True),
        ("bob [off] psst", "kick", True),
        ("bob out", "kick", False),
        ("bob", "kick", False),
        ("", "join", False),
    ],
)
def test_what_nobody_wanted_kept_is_the_same_in_an_old_log_and_live(database, text, kind, is_so):
    assert unwanted(old(text, kind=kind)) is is_so
    target, _, reason = text.partition(" ") if kind == "kick" else ("", "", text)
    heard = live(reason, event=kind, params=("#ops", target))
    assert History(database).logged(heard) is not is_so


line = st.builds(
    old,
    text=st.sampled_from(["a", "b", "\x02a\x02", "", "\u00e9 \U0001f600"]),
    minute=st.integers(0, 3),
    nick=st.sampled_from(["alice", "bob"]),
    kind=st.sampled_from(["message", "action", "quit"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), line), max_size=25), st.integers(1, 9), st.data())
def test_whatever_was_there_before_there_is_no_less_and_no_more_afterwards(database, said, batch, data):
    """Some lines were heard live; a log has them all; parts of it, in its order, came before it, in several files."""
    logs = Logs(database, next(names))
    said.sort(key=lambda each: each[1].at)
    heard = [each for was_live, each in said if was_live and each.kind == "message" and each.text]
    logs.hear(
        *(
            live(each.text, (each.at - stamp(NOON)) / 1000 + at / 1000, each.nick, logs.channel)
            for at, each in enumerate(heard)
        )
    )
    olds = [each for _, each in said]
    for _ in range(data.draw(st.integers(0, 2))):
        first = data.draw(st.integers(0, len(olds)))
        logs.take(olds[first : first + 8], batch=batch)
    held = {(number, text) for number, _, _, text in logs.table()}
    logs.take(olds, batch=batch)
    assert held <= {(number, text) for number, _, _, text in logs.table()}

    def counted(found):
        return Counter((nick, text.replace("\x02", "")) for nick, text in found)

    assert counted((nick, text) for _, _, nick, text in logs.table()) == counted(
        (each.nick, each.text) for each in olds
    )
    assert logs.take(olds, batch=batch + 1) == 0
