"""What was typed is read as meant; what cannot be meant is just words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.core.query import MOST_TERMS, Filters, Phrase, Query, read


def phrases(text):
    return [" ".join(each.words) + "*" * each.open for each in read(text).phrases]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deploy failed", ["deploy", "failed"]),
        ('"deploy failed" again', ["deploy failed", "again"]),
        ("web01.example.com", ["web01 example com"]),
        ("depl*", ["depl*"]),
        ("web01.exam*", ["web01 exam*"]),
        ('"deploy fai"*', ["deploy fai*"]),
        ('"not a beginning*"', ["not a beginning"]),
        ("d* * **", ["d"]),
        ("--force -", ["force"]),
        ("http://example.org foo:bar", ["http example org", "foo bar"]),
        (
            "nick: kind:nonsense before:yesterday after:2026-13",
            ["nick", "kind nonsense", "before yesterday", "after 2026 13"],
        ),
        ('"never closed', ["never closed"]),
        ("foo\"bar AND (OR) NEAR(a b) {x} ^y 'z' \\", ["foo bar", "and", "or", "near a", "b", "x", "y", "z"]),
        ("\x00\ud800 \x02ok\x02 🎉 日本", ["ok", "🎉", "日本"]),
        ("-nick:bob -before:2026", []),
    ],
)
def test_words_phrases_and_beginnings(text, expected):
    assert phrases(text) == expected


def test_a_minus_leaves_out():
    query = read('deploy -failed -"by hand" -web* -nick:bot -kind:join -channel:#dev')
    assert query.phrases == (Phrase(("deploy",)),)
    assert query.without == (Phrase(("failed",)), Phrase(("by", "hand")), Phrase(("web",), True))
    assert query.never == Filters(("bot",), ("#dev",), ("join",))


def test_filters():
    query = read('nick:bob NICK:Alice channel:#ops channel:libera/#dev kind:Topic nick:"x y"')
    assert query.only == Filters(("bob", "Alice", "x y"), ("#ops", "libera/#dev"), ("topic",))
    assert not query.phrases


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T10:30", datetime(2026, 11, 21, 10, 30, tzinfo=UTC)),
        ("2026-11-21T10:30:05.5+02:00", datetime(2026, 11, 21, 8, 30, 5, 500000, tzinfo=UTC)),
        ('"2026-11-21 10:30"', datetime(2026, 11, 21, 10, 30, tzinfo=UTC)),
    ],
)
def test_times_are_utc_and_begin_at_their_beginning(text, moment):
    assert read(f"before:{text}").before == read(f"after:{text}").after == moment


def test_of_several_times_the_narrowest_counts():
    query = read("after:2025 after:2026 before:2027 before:2028")
    assert (query.after, query.before) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["0000", "2026-02-30", "0001-01-01T00:00+10:00", "9999-12-31T23:00-10:00", "２０２６"])
def test_a_time_that_there_is_not_is_a_word(text):
    assert read(f"before:{text}").before is None
    assert phrases(f"before:{text}")


def test_what_is_exact_is_looked_for_by_its_words_too():
    query = read('exact:"Like This" exact:Word* exact:!?')
    assert query.exact == ("Like This", "Word*", "!?")
    assert query.phrases == (Phrase(("like", "this")), Phrase(("word",)))


def test_words_for_highlighting():
    assert read('Deploy "of web01" dep* -not nick:bob deploy').words == ("deploy", "of", "web01", "dep*")


@pytest.mark.parametrize("text", ["", " ", "-", "* . !", '"', '""', "\x00\x02"])
def test_nothing_is_asked(text):
    assert read(text).empty


@pytest.mark.parametrize("text", ["a", "-a", "nick:a", "-nick:a", "channel:a", "kind:join", "before:2026", "exact:!"])
def test_something_is_asked(text):
    assert not read(text).empty


def test_there_is_an_end_to_it():
    assert sum(len(each.words) for each in read("a b.c " * 400).phrases) == MOST_TERMS
    assert len(read("nick:a " * 400).only.nicks) <= MOST_TERMS
    assert len(read("exact:! " * 400).exact) <= MOST_TERMS
    assert read("x" * 999 + " beyond").words == ("x" * 64,)


@given(st.text() | st.from_regex(r'(-?(nick|channel|kind|exact|before|after):)?"?[\w*.:#/ -]+"?\*?', fullmatch=True))
def test_no_text_is_an_error(text):
    query = read(text)
    assert query.text == text
    assert isinstance(query.empty, bool)
    assert all(query.words)
    assert hash(query) == hash(read(text))
    assert query.empty == (read(text) == Query(text))
