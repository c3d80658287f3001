"""How a function's result is said: the first lines in place, the rest on a page, and never without end."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.answers import LINE_BYTES, MOST_BYTES, MOST_KEPT, MOST_LINES, NotALine, deliver, lines_in

PAGE = "http://ops.example/r/x"


def said_and_kept(result, address=PAGE):
    """The lines that are said, and the pages that are kept."""
    said, kept = [], []
    deliver(result, said.append, lambda text: kept.append(text) or address)
    return said, kept


def numbered(number):
    return [f"line {each}" for each in range(1, number + 1)]


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (None, []),
        ("", []),
        ("one", ["one"]),
        ("one\ntwo\r\n\nthree", ["one", "two", "three"]),
        (["one", None, "", "two"], ["one", "two"]),
        (("one", ["two", ("three\nfour",)]), ["one", "two", "three", "four"]),
        (iter(["one"]), ["one"]),
        ((f"{each}" for each in range(2)), ["0", "1"]),
        ([(each for each in "ab"), None, [[]]], ["a", "b"]),
        ({"one": 1}, ["one"]),
        ([], []),
    ],
)
def test_whatever_has_lines_is_said_line_by_line(result, lines):
    assert said_and_kept(result) == (lines, [])


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (b"bytes", "bytes"),
        (42, "int"),
        (4.2, "float"),
        (True, "bool"),
        (object(), "object"),
        (["fine", b"bytes"], "bytes"),
        ([1], "int"),
        (len, "builtin_function_or_method"),
    ],
)
def test_what_cannot_be_said_is_a_bug_that_says_how_to_mend_it(result, name):
    with pytest.raises(NotALine, match=rf"^returned {name}: return a line, yield lines, or return nothing$"):
        said_and_kept(result)


def test_as_many_lines_as_fit_are_said_and_no_page_is_made():
    assert said_and_kept(numbered(MOST_LINES)) == (numbered(8), [])


def test_one_line_more_goes_on_a_page_with_all_of_them():
    said, kept = said_and_kept(numbered(9))
    assert said == [*numbered(8), f"… 1 more line: {PAGE}"]
    assert kept == ["\n".join(numbered(9))]


def test_two_lines_more_are_counted():
    assert said_and_kept(numbered(10))[0][-1] == f"… 2 more lines: {PAGE}"


def test_where_there_is_no_page_the_rest_is_only_counted():
    assert said_and_kept(numbered(12), address="")[0][-1] == "… 4 more lines"


def test_ten_thousand_lines_are_all_kept():
    said, [page] = said_and_kept(numbered(MOST_KEPT))
    assert said[-1] == f"… 9,992 more lines: {PAGE}"
    assert page.split("\n") == numbered(10_000)


def test_what_goes_beyond_ten_thousand_lines_is_cut_and_that_is_said():
    said, [page] = said_and_kept(numbered(MOST_KEPT + 1))
    assert said[-1] == f"… more than 9,992 more lines: {PAGE}"
    assert page.split("\n") == [*numbered(10_000), "… cut here: there was more"]


def test_a_generator_without_end_is_stopped():
    taken = []
    said, [page] = said_and_kept(taken.append(each) or f"line {each}" for each in count(1))
    assert said == [*numbered(8), f"… more than 9,992 more lines: {PAGE}"]
    assert page.count("\n") == MOST_KEPT
    assert len(taken) <= MOST_KEPT + 1


def test_a_generator_of_huge_lines_without_end_is_stopped():
    said, [page] = said_and_kept("x" * 100_000 for _ in count())
    assert len(page) < 1.1 * MOST_BYTES
    assert "more than" in said[-1]


@pytest.mark.parametrize("before", [0, 3])
def test_one_line_that_is_larger_than_a_page_is_cut(before):
    said, [page] = said_and_kept([*numbered(before), "x" * (3 * MOST_BYTES)])
    assert len(page) < 1.1 * MOST_BYTES
    assert page.endswith("x…")
    assert said == [*numbered(before), f"… 1 more line: {PAGE}"]


@pytest.mark.parametrize("lines", [3, 20, MOST_KEPT + 5])
def test_a_generator_is_closed_when_it_was_heard_enough(lines):
    closed = []

    def results():
        try:
            yield from numbered(lines)
        finally:
            closed.append(True)

    held = results()
    said_and_kept(held)
    assert closed == [True]


def test_a_generator_inside_another_is_closed_as_well():
    closed = []

    def inner():
        try:
            yield from map(str, count())
        finally:
            closed.append("inner")

    def outer():
        try:
            yield held
        finally:
            closed.append("outer")

    held = inner()
    said_and_kept(outer())
    assert closed == ["inner", "outer"]


def test_a_generator_is_closed_where_a_line_cannot_be_said():
    closed = []

    def results():
        try:
            yield from "ab"
        finally:
            closed.append(True)

    def fail(line):
        raise OSError("not connected")

    held = results()
    with pytest.raises(OSError, match="not connected"):
        deliver(held, fail, str)
    assert closed == [True]


def test_lines_are_said_as_they_come_and_not_at_the_end():
    said = []

    def results():
        yield "one"
        assert said == ["one"]
        yield "two"
        assert said == ["one", "two"]

    deliver(results(), said.append, str)
    assert said == ["one", "two"]


def test_what_was_said_before_something_went_wrong_stays_said():
    said = []

    def results():
        yield "one"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        deliver(results(), said.append, str)
    assert said == ["one"]


@pytest.mark.parametrize(
    ("size", "fit"),
    [(1, 8), (LINE_BYTES, 8), (LINE_BYTES + 1, 4), (2 * LINE_BYTES, 4), (3 * LINE_BYTES, 2), (8 * LINE_BYTES, 1)],
)
def test_a_long_line_counts_as_several(size, fit):
    lines = ["x" * size] * 10
    assert said_and_kept(lines)[0] == [*lines[:fit], f"… {10 - fit} more lines: {PAGE}"]


def test_a_line_too_long_for_the_channel_goes_on_the_page_alone():
    assert said_and_kept("x" * (8 * LINE_BYTES + 1)) == ([f"… 1 more line: {PAGE}"], ["x" * (8 * LINE_BYTES + 1)])


def test_a_line_is_measured_in_bytes():
    lines = ["é" * 300] * 5
    assert len(said_and_kept(lines)[0]) == 5
    assert said_and_kept(["é" * 300] * 4) == (["é" * 300] * 4, [])


def test_half_a_character_does_not_stop_the_measuring():
    assert said_and_kept("half \ud83d") == (["half \ud83d"], [])


@given(st.recursive(st.none() | st.text("ab\n\r \u2028é"), st.lists, max_leaves=40))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost_between_what_is_said_and_the_page(result):
    everything = list(lines_in(result))
    said, kept = said_and_kept(result)
    if kept:
        assert kept == ["\n".join(everything)]
        assert said[:-1] == everything[: len(said) - 1]
    else:
        assert said == everything
