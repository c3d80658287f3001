"""Formatting: what each code does, that nothing of the text is lost, and that all colours can be read."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chanops.web
from chanops.core.formatting import PLAIN, Look, Span, classes_of, spans
from chanops.core.nick_colour import class_of, hue_of
from chanops.core.palette import COLOURS, DARK, HUES, LIGHT, READABLE, contrast, nearest, sheet
from chanops.core.text import plain

STATIC = Path(chanops.web.__file__).parent / "static"
RULES = (STATIC / "style.css").read_text() + sheet()
WITH_CODES = st.text("\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f" + "0123456789,abcdefé٣\t")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [("plain", "")]),
        ("", []),
        ("\x02\x02", []),
        ("a\x02b\x02c", [("a", ""), ("b", "fb"), ("c", "")]),
        ("\x1di\x1fu\x1es\x11m", [("i", "fi"), ("u", "fi fu"), ("s", "fi fu fs"), ("m", "fi fu fs fm")]),
        ("\x02\x1d\x0304x\x0fy", [("x", "fb fi f-04"), ("y", "")]),
        ("\x034x\x03y", [("x", "f-04"), ("y", "")]),
        ("\x0304x\x0399y", [("x", "f-04"), ("y", "")]),
        ("\x0301,08x\x0300y", [("x", "b-08 o-01"), ("y", "b-08")]),
        ("\x0304,04hidden", [("hidden", "b-04")]),
        ("\x0300,01x\x0304,99y", [("x", "b-01 o-00"), ("y", "f-04")]),
        ("\x16x\x16y", [("x", "fr"), ("y", "")]),
        ("\x16\x0304x", [("x", "b-04")]),
        ("\x16\x0308,01x", [("x", "b-08 o-01")]),
        ("\x04ff0000x\x04y", [("x", "f-04"), ("y", "")]),
        ("\x04FFFFFF,000000x", [("x", "b-01 o-00")]),
        ("\x0398x", [("x", "f-98")]),
        ("\x03123", [("3", "f-12")]),
    ],
)
def test_each_code_does_what_clients_do(text, expected):
    assert [(span.text, classes_of(span.look)) for span in spans(text)] == expected


@given(WITH_CODES)
def test_the_pieces_together_are_what_is_left_without_formatting(text):
    found = spans(text)
    assert "".join(span.text for span in found) == plain(text)
    assert all(span.text for span in found)


@given(WITH_CODES)
def test_classes_come_from_the_style_sheet_alone(text):
    for span in spans(text):
        for name in classes_of(span.look).split():
            assert f".{name} " in RULES


def test_a_text_without_codes_is_one_span():
    assert spans("naïve <b>") == [Span("naïve <b>", PLAIN)]
    assert Look() == PLAIN


def test_there_are_99_colours_and_each_is_its_own_nearest():
    assert len(COLOURS) == 99
    assert all(COLOURS[nearest(each)] == each for each in COLOURS)


def test_the_style_sheet_is_the_one_that_is_made():
    """Write it anew: STATIC / "colours.css" is what chanops.core.palette.sheet() returns."""
    assert (STATIC / "colours.css").read_text() == sheet()


def rules_of(text):
    return dict(re.findall(r"\.([a-z]-\d\d) \{ color: (#[0-9a-f]{6}) \}", text))


def test_every_colour_of_text_can_be_read_on_every_ground_in_both_schemes():
    light, dark = sheet().split("@media")
    for text, grounds in ((light, LIGHT), (dark, DARK)):
        rules = {name: colour for name, colour in rules_of(text).items() if name[0] in "fn"}
        assert len(rules) == len(COLOURS) + HUES
        for name, colour in rules.items():
            assert all(contrast(colour, ground) >= READABLE for ground in grounds), name


def test_text_on_a_colour_can_be_read_whatever_was_sent():
    behind = dict(re.findall(r"\.(b-\d\d) \{ color: (#[0-9a-f]{6}); background", sheet()))
    for back, colour in enumerate(COLOURS):
        assert contrast(behind[f"b-{back:02}"], colour) >= READABLE
        for fore in range(len(COLOURS)):
            classes = classes_of(Look(fore=fore, back=back)).split()
            assert classes[0] == f"b-{back:02}"
            assert (len(classes) == 2) == (contrast(COLOURS[fore], colour) >= READABLE)


def test_the_grounds_are_those_of_the_style_sheet():
    text = (STATIC / "style.css").read_text()
    for name, place in (("paper", 0), ("soft", 1), ("mark", 2)):
        assert re.findall(rf"--{name}: (#[0-9a-f]{{6}})", text) == [LIGHT[place], DARK[place]]


@pytest.mark.parametrize("other", ["bob", "Bob", "BOB", "bob_", "bob__", "bob2", "bob_12", "bob`", "bob|"])
def test_a_person_has_one_colour(other):
    assert hue_of(other) == hue_of("bob")


def test_nicks_spread_over_the_colours():
    hues = {hue_of(f"{first}{second}") for first in "abcdefgh" for second in "aeiou"}
    assert len(hues) > HUES / 2
    assert class_of("123") != class_of("456")
    assert re.fullmatch(r"n-\d\d", class_of(""))
