"""Lines keep the number they got, whatever is found later."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chanops.core.logged import log_text
from chanops.core.masking import mask_for
from chanops.core.message import Message
from chanops.core.sections import NetworkSettings, Settings
from chanops.services.history import History
from chanops.services.line_rows import A_SECOND, BEGINNING, SEARCHED, first_number

DEADLINE = 20
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def line(text="hello", at=NOON, **more):
    return Message("net", "message", "alice", "", "#ops", text, at, text)._replace(**more)


def old(text="hello", at=NOON, **more):
    return line(text, at, replayed=True, **more)


def keep(history, *messages):
    """The numbers of lines that are kept in one batch."""
    return history.database.write(lambda connection: history.keep(connection, messages)).result(DEADLINE)


def table(history):
    """Every line, by number."""
    with history.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT id, at, text FROM lines ORDER BY id").all()
    return {number: (at, text) for number, at, text in rows}


@pytest.fixture
def history(database):
    return History(database)


@pytest.mark.parametrize(
    ("at", "number"),
    [
        (BEGINNING, 1),
        (BEGINNING + SECOND, A_SECOND),
        (BEGINNING + 1.999 * SECOND, A_SECOND),
        (BEGINNING + 10 * SECOND, 10 * A_SECOND),
        (datetime(1970, 1, 1, tzinfo=UTC), 1),
        (NOON, 19_636_300_800),
    ],
)
def test_a_second_has_sixteen_numbers(at, number):
    assert first_number(at) == number


def test_the_numbers_last_beyond_the_year_9999_in_64_bits():
    assert first_number(datetime(9999, 12, 31, tzinfo=UTC)) < 1 << 62


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (line("hello"), "hello"),
        (line("bold", raw="\x02bold\x02"), "\x02bold\x02"),
        (line("red", raw="\x034,12red\x0f"), "\x034,12red\x0f"),
        (line("waves", event="action", raw="\x01ACTION waves\x01"), "waves"),
        (line("waves", event="action", raw="\x01ACTION waves"), "waves"),
        (line("waves", event="action", raw="\x01ACTION \x1dwaves\x1d\x01"), "\x1dwaves\x1d"),
        (line("", event="action", raw="\x01ACTION \x01"), ""),
        (line("waves at everybody", event="action", raw=""), "waves at everybody"),
        (line("only text", raw=""), "only text"),
        (line(" spaces "), " spaces "),
    ],
)
def test_a_line_is_kept_with_its_formatting_and_without_the_frame_of_an_action(message, kept):
    assert log_text(message) == kept


def test_a_line_is_found_again_with_all_that_was_kept(history):
    at = NOON + timedelta(milliseconds=123)
    said = line("blue sky", at, raw="\x0312blue\x03 sky", account="alice@home", msgid="m1")
    [number] = keep(history, said)
    found = history.line(number)
    assert (found.id, found.network, found.channel, found.at, found.nick, found.account, found.kind) == (
        number, "net", "#ops", at, "alice", "alice@home", "message"
    )  # fmt: skip
    assert (found.text, found.plain) == ("\x0312blue\x03 sky", "blue sky")


def test_an_action_is_found_again_as_one(history):
    [number] = keep(history, line("waves", event="action", raw="\x01ACTION waves\x01"))
    assert (history.line(number).kind, history.line(number).text) == ("action", "waves")


@pytest.mark.parametrize("number", [0, -1, -(10**30), 1, 7, (1 << 62) - 1, 1 << 62, 1 << 63, 1 << 64, 10**30])
def test_a_number_that_no_line_has_finds_nothing(number, history):
    keep(history, line())
    assert history.line(number) is None


def test_numbers_grow_with_time_and_hold_the_second(history):
    times = [NOON + SECOND * n for n in (0, 0.2, 1, 5, 5.5, 90_000)]
    numbers = [keep(history, line(str(at), at))[0] for at in times]
    assert numbers == sorted(set(numbers))
    assert [number // A_SECOND for number in numbers] == [int((at - BEGINNING).total_seconds()) for at in times]


def test_a_clock_that_goes_back_does_not_make_numbers_go_back(history):
    first, second, third = (keep(history, line(text, at))[0] for text, at in
                            [("one", NOON), ("two", NOON - timedelta(hours=1)), ("three", NOON)])  # fmt: skip
    assert first < second < third


@pytest.mark.parametrize("batched", [True, False], ids=["in one batch", "one by one"])
def test_a_flood_within_one_second_has_a_number_for_each_line(batched, history):
    flood = [line(f"line {n}", NOON + timedelta(microseconds=n)) for n in range(100)]
    numbers = keep(history, *flood) if batched else [keep(history, each)[0] for each in flood]
    assert numbers == list(range(first_number(NOON), first_number(NOON) + 100))
    [after] = keep(history, line("a second later", NOON + SECOND))
    assert after == numbers[-1] + 1
    assert history.line(numbers[42]).text == "line 42"


def test_the_same_words_said_twice_are_two_lines(history):
    numbers = keep(history, line("+1"), line("+1")) + keep(history, line("+1"))
    assert len(set(numbers)) == 3


def test_one_line_handed_in_several_times_is_one_line(history):
    said, other = line("two links"), line("other")
    first = keep(history, said, said, other, said)
    assert first[0] == first[1] == first[3] != first[2]
    assert keep(history, said) == [first[0]]
    assert keep(history, line("between"), said)[1] == first[0]
    assert len(table(history)) == 3


def test_a_line_whose_batch_failed_is_kept_when_it_is_handed_in_again(history):
    said, other = line("one", NOON), line("two", NOON)

    def keep_and_fail(connection):
        history.keep(connection, [said])
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        history.database.write(keep_and_fail).result(DEADLINE)
    assert table(history) == {}
    [stranger] = keep(history, other)
    [number] = keep(history, said)
    assert number != stranger
    assert (history.line(stranger).text, history.line(number).text) == ("two", "one")


@pytest.mark.parametrize("again", [{}, {"replayed": True}, {"replayed": True, "at": NOON - timedelta(days=3)}])
def test_one_msgid_is_one_line_however_it_comes_again(again, history):
    said = line("hello", msgid="abc")
    [number] = keep(history, said)
    assert keep(history, said._replace(**again)) == [number]
    assert keep(history, line("new"), said._replace(**again))[1] == number
    assert keep(history, *[line("twice", msgid="def"), line("twice", msgid="def")])[0] == number + 2
    assert len(table(history)) == 3


def test_a_msgid_means_one_channel_of_one_network(history):
    said = line(msgid="abc")
    places = [said, said._replace(channel="#other"), said._replace(network="elsewhere")]
    numbers = keep(history, *places)
    assert len(set(numbers)) == 3
    assert keep(history, *places) == numbers


def test_an_old_line_slots_in_between_without_moving_another(history):
    before, after = keep(history, line("before", NOON), line("after", NOON + 10 * SECOND))
    kept = table(history)
    [number] = keep(history, old("found later", NOON + 5 * SECOND))
    assert before < number < after
    assert {n: row for n, row in table(history).items() if n != number} == kept


def test_old_lines_of_one_batch_get_their_own_numbers_among_their_neighbours(history):
    [first, last] = keep(history, line("first", NOON), line("last", NOON + 100 * SECOND))
    found = keep(history, *(old(f"old {n}", NOON + 50 * SECOND) for n in range(40)))
    assert len(set(found)) == 40
    assert all(first < number < last for number in found)


def test_an_old_line_that_is_newer_than_all_is_simply_the_next(history):
    [first] = keep(history, line("first", NOON))
    assert keep(history, old("second", NOON + SECOND)) == [first + A_SECOND]


@pytest.mark.parametrize("again", [{}, {"at": NOON - SECOND}, {"account": "alice"}])
def test_a_line_played_back_without_msgid_is_known_by_what_it_says(again, history):
    [number] = keep(history, line("look at this", NOON))
    assert keep(history, old("look at this", NOON)._replace(**again)) == [number]


@pytest.mark.parametrize(
    "other", [{"raw": "something else"}, {"nick": "bob"}, {"channel": "#other"}, {"network": "elsewhere"}]
)
def test_a_line_played_back_that_says_something_else_is_another(other, history):
    [number] = keep(history, line("look at this", NOON))
    assert keep(history, old("look at this", NOON)._replace(**other)) != [number]
    assert len(table(history)) == 2


def test_a_line_is_found_among_more_of_its_second_than_are_searched_at_once(history):
    keep(history, *(line(f"flood {n}") for n in range(SEARCHED + 900)), line("far later", NOON + timedelta(days=1)))
    [number] = keep(history, old("and one more of that second"))
    assert number == first_number(NOON) + SEARCHED + 900
    assert history.line(number).text == "and one more of that second"


MOMENTS = st.integers(0, 40).map(lambda n: NOON + n * SECOND / 4)
BATCHES = st.lists(st.lists(st.tuples(MOMENTS, st.booleans(), st.sampled_from(["", "", "", "m1", "m2"])), max_size=6))
COUNT = itertools.count()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
def test_no_line_ever_moves_and_no_two_share_a_number(history, batches):
    network, known = f"net {next(COUNT)}", {}
    for batch in batches:
        said = [
            line(f"line {next(COUNT)}", at, replayed=replayed, msgid=msgid, network=network)
            for at, replayed, msgid in batch
        ]
        for message, number in zip(said, keep(history, *said), strict=True):
            known.setdefault(number, message)
            assert known[number] is message or known[number].msgid == message.msgid != ""
    for number, message in known.items():
        assert (history.line(number).text, history.line(number).at) == (message.text, message.at)


def test_a_secret_is_kept_nowhere_and_only_its_own_line_changes(history):
    history.mask = mask_for(["hunter2hunter2"]).text
    texts = ["fine", "the password is hunter2hunter2", "see https://example.org/?token=0123456789abcdef"]
    batch = history.database.wait(lambda connection: history.keep_new(connection, [line(text) for text in texts]))
    wanted = ["fine", "the password is [secret]", "see https://example.org/?token=[secret]"]
    assert [said.text for said in batch.new] == wanted
    assert [text for _, text in table(history).values()] == wanted


def test_a_line_with_a_secret_is_the_same_line_when_it_is_kept_again(history):
    history.mask = mask_for(["hunter2hunter2"]).text
    said = line(".run web-1 mysql hunter2hunter2")
    assert keep(history, said) == keep(history, said)
    restarted = History(history.database)
    restarted.mask = history.mask
    assert keep(restarted, said) == keep(history, said)
    assert len(table(history)) == 1


def test_the_same_words_at_another_time_are_another_line(history):
    keep(history, line("ok"))
    keep(history, old("ok", NOON - 120 * SECOND))
    assert sorted(text for _, text in table(history).values()) == ["ok", "ok"]
    keep(history, old("ok", NOON - 120 * SECOND), old("ok", NOON))
    assert len(table(history)) == 2


def test_where_the_bot_is_to_be_no_more_nothing_is_for_everybody(database):
    settings_now = Settings(networks={"net": NetworkSettings(host="irc.example", channels=("#Ops",))})
    history = History(database, lambda: settings_now)
    keep(history, line("here"), line("there", channel="#left"))
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT text, public FROM lines").all()
    assert {text: bool(public) for text, public in rows} == {"here": True, "there": False}
