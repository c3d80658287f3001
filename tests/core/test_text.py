"""Text from people and for people: what is stripped, replaced, shown, cut and guessed."""

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.text import ago, lines_of, near, plain, shorten, spoken, visible, xml_safe

CODES = "\x02\x03\x04\x0f\x11\x16\x1d\x1e\x1f"
WITH_SURROGATES = st.text(st.characters())
WITH_CODES = st.text(CODES + "0123456789,abcdefé٣")


def read_back(text):
    """What a reader of feeds finds where we wrote a text."""
    document = f"<a>{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</a>"
    return ElementTree.fromstring(document.encode("utf-8")).text or ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x02bold\x02", "bold"),
        (
            "\x1ditalic\x1d \x1funder\x1f \x1estruck\x1e \x11mono\x11 \x16reversed\x16 \x0fend",
            "italic under struck mono reversed end",
        ),
        ("\x034red", "red"),
        ("\x0304red", "red"),
        ("\x03041 of them", "1 of them"),
        ("\x034,12on blue", "on blue"),
        ("\x0304,12on blue", "on blue"),
        ("\x0304,123", "3"),
        ("\x034, then", ", then"),
        ("\x03,4x", ",4x"),
        ("\x03", ""),
        ("\x03end of colour", "end of colour"),
        ("\x03\x0312x", "x"),
        ("\x03\x021", "1"),
        ("\x03٣ apples", "٣ apples"),
        ("\x034,٣", ",٣"),
        ("\x04ff0000red", "red"),
        ("\x04FF0000,00ff00red", "red"),
        ("\x04ff00short", "ff00short"),
        ("\x04x", "x"),
        ("é\x02è\x02", "éè"),
        ("a\tb", "a\tb"),
        ("zero\u200bwidth", "zero\u200bwidth"),
        ("", ""),
    ],
)
def test_formatting_codes_are_stripped_and_nothing_else(text, expected):
    assert plain(text) == expected


@given(WITH_CODES)
@settings(max_examples=500, deadline=None)
def test_no_formatting_code_is_left_however_they_are_mixed(text):
    stripped = plain(text)
    assert not set(stripped) & set(CODES)
    assert plain(stripped) == stripped


@given(WITH_SURROGATES)
@settings(max_examples=300, deadline=None)
def test_a_text_without_codes_is_left_alone(text):
    text = "".join(letter for letter in text if letter not in CODES)
    assert plain(text) == text


def test_each_character_is_either_legal_in_xml_or_replaced():
    everything = [chr(code) for code in (*range(0x10000), 0x10000, 0x1F600, 0x1FFFE, 0xE0041, 0x10FFFD, 0x10FFFF)]
    safe = [xml_safe(letter) for letter in everything]
    assert read_back("|".join(safe)) == "|".join(safe).replace("\r", "\n")
    for letter, made in zip(everything, safe, strict=True):
        assert made in (letter, "\ufffd") or (letter in CODES and made == ""), ascii(letter)


def test_what_people_write_passes_into_xml_unchanged():
    text = "Grüße, 日本語, עברית, 👩‍👩‍👧, a\tb, <b> & 'c' \"d\" \u00a0 ~"
    assert xml_safe(text) == text


@pytest.mark.parametrize("letter", ["\0", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_may_not_hold_leaves_a_mark(letter):
    assert xml_safe(f"a{letter}b") == "a\ufffdb"


@given(WITH_SURROGATES | st.text(CODES + "\0\ud800\udc00<&>x1,"))
@settings(max_examples=500, deadline=None)
def test_any_text_can_be_read_back_from_xml(text):
    safe = xml_safe(text)
    assert read_back(safe) == safe.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcödé 日本 👍", "plain ünïcödé 日本 👍"),
        ("a\nb\r\tc", "a\\u000ab\\u000d\\u0009c"),
        ("\0\x07\x1b[31m\x7f\x9b", "\\u0000\\u0007\\u001b[31m\\u007f\\u009b"),
        ("admin\u202etxt", "admin\\u202etxt"),
        ("zero\u200bwidth\u200d\ufeff\u2060", "zero\\u200bwidth\\u200d\\ufeff\\u2060"),
        ("soft\xadhyphen", "soft\\u00adhyphen"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("half \ud83d", "half \\ud83d"),
        ("blank \u3164\u115f", "blank \\u3164\\u115f"),
        ("tag \U000e0041", "tag \\ue0041"),
        ("\x02bold", "\\u0002bold"),
    ],
)
def test_what_nobody_sees_is_shown_as_its_number(text, shown):
    assert visible(text) == shown


@given(WITH_SURROGATES.filter(bool))
@settings(max_examples=300, deadline=None)
def test_a_visible_text_is_one_line_that_can_be_written_anywhere(text):
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8")
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("one", ["one"]),
        ("one\ntwo", ["one", "two"]),
        ("one\r\ntwo\rthree", ["one", "two", "three"]),
        ("\n\none\n \n\t\ntwo\n", ["one", "two"]),
        ("  kept  ", ["  kept  "]),
        ("one\u2028still one\x0bstill\x85one\x1cone", ["one\u2028still one\x0bstill\x85one\x1cone"]),
    ],
)
def test_only_cr_and_lf_end_a_line_and_empty_lines_are_dropped(text, lines):
    assert lines_of(text) == lines


@pytest.mark.parametrize(
    ("text", "most", "short"),
    [
        ("short", 5, "short"),
        ("too long", 5, "too…"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("abcdef", 0, ""),
        ("abcdef", -3, ""),
        ("", 0, ""),
        ("日本語の題", 3, "日本…"),
    ],
)
def test_what_is_too_long_ends_in_an_ellipsis(text, most, short):
    assert shorten(text, most) == short


@given(st.text(), st.integers(-2, 50))
@settings(max_examples=300, deadline=None)
def test_what_was_shortened_is_never_longer_than_asked(text, most):
    assert len(shorten(text, most)) <= max(0, most)


@pytest.mark.parametrize(
    ("word", "words", "found"),
    [
        ("urll", ["url", "links", "help"], "url"),
        ("hepl", ["url", "links", "help"], "help"),
        ("HELP", ["url", "help"], "help"),
        ("europe/pariss", ["Europe/Paris", "Europe/Rome"], "Europe/Paris"),
        ("utc", ["UTC", "GMT"], "UTC"),
        ("xyzzy", ["url", "links", "help"], ""),
        ("", ["url"], ""),
        ("url", [], ""),
        ("passwort", {"password": 1, "port": 2}, "password"),
    ],
)
def test_a_near_miss_is_found_whatever_its_case(word, words, found):
    assert near(word, words) == found


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(), "0 s"),
        (timedelta(milliseconds=900), "0 s"),
        (timedelta(seconds=1), "1 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(seconds=112), "1 min 52 s"),
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 5 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1, hours=2, minutes=3), "1 d 2 h"),
        (timedelta(days=400), "400 d"),
        (timedelta(seconds=-5), "0 s"),
        (timedelta(days=-1), "0 s"),
    ],
)
def test_a_length_of_time_is_spoken_in_its_two_largest_units(length, words):
    assert spoken(length) == words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=-1), "just now"),
        (timedelta(), "just now"),
        (timedelta(seconds=1.9), "just now"),
        (timedelta(seconds=2), "2 s ago"),
        (timedelta(hours=2, minutes=5), "2 h 5 min ago"),
    ],
)
def test_how_long_something_is_past(length, words):
    assert ago(length) == words
