"""What commands write: without a terminal's colours, each line as it was last, nothing in it unseen."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.core.terminal import ESCAPES, Stripper, end_of, last_lines, readable
from chanops.core.text import UNSEEN


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain\n\ttext\n", "plain\n\ttext\n"),
        ("\x1b[1;31mred\x1b[0m and \x1b[38;5;208morange\x1b[m", "red and orange"),
        ("\x1b[2K\x1b[1Gdone\x1b[?25h", "done"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\here\x1b]8;;\x1b\\", "here"),
        ("\x1b(Bx\x1b=y\x1b>z\x1b7", "xyz"),
        ("\x1b]0;never ended\nnext", "0;never ended\nnext"),
        ("\x1b", "␛"),
        ("\x1b[31", "31"),
        ("10%\r50%\r100%\nnext", "100%\nnext"),
        ("10%\r50%\r", "50%"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
        ("one\r\r\ntwo", "one\ntwo"),
        ("10%\r\x1b[K20%\r\x1b[K", "20%"),
        ("\x00\x07\x08\x0b\x0c\x7f", "␀␇␈␋␌␡"),
        ("\x9b31mx\x85", "\\u009b31mx\\u0085"),
        ("a\u202eb\u2066c\u200bd", "a\\u202eb\\u2066c\\u200bd"),
        ("ünïcödé 漢字 🎉", "ünïcödé 漢字 🎉"),
        ("", ""),
    ],
)
def test_output_is_shown_as_a_terminal_would_have_left_it(written, read):
    assert readable(written) == read


@given(st.text(alphabet=st.one_of(st.sampled_from("\x1b[]\x07\\\r\n;m0 K\u202e\x00"), st.characters())))
def test_whatever_is_written_nothing_in_it_is_unseen(text):
    assert UNSEEN.sub("", readable(text).replace("\n", "").replace("\t", "")) == readable(text).replace(
        "\n", ""
    ).replace("\t", "")


@pytest.mark.parametrize("piece", ["\x1b[", "\x1b]", "\x1b ", "x\r", "\x1b[0", "\x00", "\x1b]x", "9;"])
def test_no_output_takes_long(piece):
    began = time.process_time()
    readable(piece * (300_000 // len(piece)))
    readable("\x1b[" + piece * (300_000 // len(piece)))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "most", "end"),
    [
        ("one\ntwo\n", 8, "one\ntwo\n"),
        ("one\ntwo\n", 7, "two\n"),
        ("one\ntwo\n", 3, "wo"),
        ("one line", 4, "line"),
        ("one\ntwo", 0, ""),
    ],
)
def test_of_what_is_too_long_the_last_whole_lines_are_left(text, most, end):
    assert end_of(text, most) == end


def test_the_last_lines_are_those_with_something_in_them():
    assert last_lines("one\n\n\x1b[31mtwo\x1b[0m\n10%\r20%\n \n\n", 2) == ["two", "20%"]
    assert last_lines("\n\n", 5) == []


SEQUENCES = st.lists(
    st.sampled_from(
        ["\x1b[31m", "\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;x\x1b\\", "\x1b(B", "\x1b=", "a", "é", "[", "m"]
    )
).map("".join)


@given(SEQUENCES, st.lists(st.integers(0, 80)))
def test_in_whatever_pieces_it_comes_colours_and_movements_are_taken_out(text, cuts):
    stripper, places = Stripper(), sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[begun:over] for begun, over in pairwise(places)]
    assert "".join(map(stripper.feed, pieces)) + stripper.held == ESCAPES.sub("", text)


@given(st.text("\x1b[]0m;\x07\\ab\n"))
def test_what_is_left_holds_no_sequence_which_would_be_taken_out_later(text):
    """A secret which it cuts in two is looked for before that."""
    left = Stripper().feed(text)
    assert ESCAPES.sub("", left) == left


def test_an_escape_that_never_ends_is_not_held_back_for_ever():
    stripper = Stripper()
    left = stripper.feed("\x1b]0;") + "".join(stripper.feed("x" * 100) for _ in range(10))
    assert left.endswith("x" * 1000)
    assert stripper.held == ""
