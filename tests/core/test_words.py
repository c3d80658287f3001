"""Words as people type them: cutting, quoting, and what becomes of each kind."""

import string
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.errors import Problem
from chanops.core.text import UNSEEN
from chanops.core.words import (
    LONGEST_ADDRESS,
    Arguments,
    Kind,
    Rest,
    Targets,
    Url,
    arguments,
    converter,
    next_word,
    number,
    targets,
    truth,
    web_address,
    whole_number,
)
from chanops.core.words import duration as length

ANY_TEXT = st.text() | st.text("\"'\\= ab-")


def words(text):
    """All words of a text, as their values."""
    found, position = [], 0
    while position < len(text.rstrip(" ")):
        word = next_word(text, position)
        assert word.end > position
        found.append(word.value)
        position = word.end
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b", ["a", "b"]),
        ("  a   b  ", ["a", "b"]),
        ("don't won't", ["don't", "won't"]),
        ('5" 6"', ['5"', '6"']),
        ("'a b' c", ["a b", "c"]),
        ('"a b" c', ["a b", "c"]),
        ('""', [""]),
        ("'' x", ["", "x"]),
        ('"it\'s"', ["it's"]),
        ("'say \"hi\"'", ['say "hi"']),
        (r'"say \"hi\""', ['say "hi"']),
        (r'"back\\slash"', ["back\\slash"]),
        (r'"a\b"', ["ab"]),
        (r"'a\b'", ["a\\b"]),
        (r"a\b", ["a\\b"]),
        (r"a\"b", [r"a\"b"]),
        ('like="two words" x', ["like=two words", "x"]),
        ("like='two words'", ["like=two words"]),
        ("more-like='a b'", ["more-like=a b"]),
        ("like=", ["like="]),
        ('like=""', ["like="]),
        ('"a"b c', ["ab", "c"]),
        ('a"b c"', ['a"b', 'c"']),
        ("a\tb c", ["a\tb", "c"]),
        ("a\u00a0b", ["a\u00a0b"]),
        ("«a b»", ["«a", "b»"]),
        ("“a b”", ["“a", "b”"]),
    ],
)
def test_a_text_is_cut_into_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    "text", ['https://example.org/?q="rate', "a.b='c", 'x=="y', '="y', "1='y", "like=a='b", "like='a'='b"]
)
def test_a_quote_opens_after_nothing_but_the_name_of_an_option(text):
    assert next_word(text).value.endswith(text[-2:])


@pytest.mark.parametrize(("text", "quoted"), [("a", False), ('"a"', True), ("x='a'", True), ("don't", False)])
def test_a_word_knows_whether_it_was_quoted(text, quoted):
    word = next_word(text)
    assert (word.quoted, word.start, word.end) == (quoted, 0, len(text))


def test_a_word_knows_where_it_stands():
    word = next_word("one  'two three' four", 3)
    assert (word.start, word.end) == (5, 16)


@pytest.mark.parametrize("text", ["'a", '"a', '"', "'", 'a=" b', r'"a\"', '"a\\', "x='a\"", "it 's"])
def test_a_quote_that_is_not_closed_is_answered_with_its_mend(text):
    with pytest.raises(Problem, match="is not closed: type another"):
        words(text)


def test_an_unclosed_quote_is_shown_briefly_and_without_what_nobody_sees():
    with pytest.raises(Problem) as caught:
        next_word('"\u202e' + "x" * 400)
    assert "\\u202e" in str(caught.value)
    assert len(str(caught.value)) < 120


@given(ANY_TEXT, st.integers(0, 30))
@settings(max_examples=500, deadline=None)
def test_no_text_makes_the_cutting_of_words_raise_anything_but_a_problem(text, position):
    try:
        word = next_word(text, position)
    except Problem:
        return
    assert word.start <= word.end <= max(len(text), position)
    assert word.end == len(text) or position > len(text) or text[word.end] == " "


@given(st.text(), st.sampled_from(list(map(converter, (int, float, bool, timedelta, Targets, Url, Literal["a", "b"])))))
@settings(max_examples=500, deadline=None)
def test_no_word_makes_a_conversion_raise_anything_but_a_problem(word, convert):
    with suppress(Problem):
        convert(word)


@pytest.mark.parametrize(
    ("word", "value"), [("0", 0), ("7", 7), ("007", 7), ("-1", -1), ("+5", 5), ("9" * 18, 10**18 - 1)]
)
def test_a_whole_number_is_read(word, value):
    assert whole_number(word) == value


@pytest.mark.parametrize(
    "word",
    [
        "",
        " ",
        "1e9",
        "1.0",
        "1_000",
        "0x1f",
        "١٠",
        "１０",
        "²",
        "5\n",
        " 5",
        "--1",
        "+",
        "ten",
        "9" * 19,
        "1" + "0" * 400,
    ],
)
def test_what_is_no_whole_number_is_refused(word):
    with pytest.raises(Problem, match="a whole number"):
        whole_number(word)


@pytest.mark.parametrize(("word", "value"), [("1", 1.0), ("-1.5", -1.5), ("0.25", 0.25), ("+3.0", 3.0)])
def test_a_number_is_read(word, value):
    assert number(word) == value
    assert isinstance(number(word), float)


@pytest.mark.parametrize(
    "word", ["", "1e9", "inf", "nan", "-Infinity", "1.", ".5", "1,5", "١.٥", "1_0", "1.5\n", "9" * 400]
)
def test_what_is_no_number_is_refused(word):
    with pytest.raises(Problem, match="a number"):
        number(word)


@pytest.mark.parametrize("word", ["yes", "on", "true", "1", "YES", "On", "TRUE"])
def test_a_yes_is_read(word):
    assert truth(word) is True


@pytest.mark.parametrize("word", ["no", "off", "false", "0", "NO", "Off"])
def test_a_no_is_read(word):
    assert truth(word) is False


@pytest.mark.parametrize("word", ["", "y", "maybe", "2", "yes ", "oui"])
def test_what_is_neither_yes_nor_no_is_refused(word):
    with pytest.raises(Problem, match="yes or no"):
        truth(word)


@pytest.mark.parametrize(
    ("word", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("30m1h", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("1w2d3h4m5s6ms", 788645.006),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("0s", 0),
        ("999999w", 999999 * 604800),
    ],
)
def test_a_length_of_time_is_read(word, seconds):
    assert length(word) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "10",
        "m",
        "1h30",
        "1h1h",
        "1 h",
        "-1h",
        "1M",
        "1H",
        "1y",
        "1e3s",
        "١s",
        "1.s",
        ".5s",
        "1.2345s",
        "1h\n",
        "9999999s",
    ],
)
def test_what_is_no_length_of_time_is_refused(word):
    with pytest.raises(Problem, match="a length of time such as 90s"):
        length(word)


@given(st.integers(0, 10**9))
@settings(max_examples=300, deadline=None)
def test_a_length_of_time_written_in_its_units_comes_back_whole(milliseconds):
    left, written = milliseconds, ""
    for unit, size in (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        written += f"{count}{unit}" if count else ""
    assert length(written or "0s") == timedelta(milliseconds=milliseconds)


@given(st.integers(0, 999_999), st.integers(0, 999), st.sampled_from(["s", "m", "h", "d"]))
@settings(max_examples=300, deadline=None)
def test_a_length_of_time_may_have_three_decimals(whole, thousandths, unit):
    expected = timedelta(milliseconds=1) * (whole * 1000 + thousandths)
    expected *= {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert abs(length(f"{whole}.{thousandths:03}{unit}") - expected) <= timedelta(milliseconds=1)


@pytest.mark.parametrize(
    "word",
    [
        "http://example.org",
        "https://example.org/a?b=c#d",
        "HTTPS://Example.ORG/",
        "http://localhost",
        "http://example.org:8080/",
        "http://example.org:/",
        "http://192.0.2.7/",
        "http://[2001:db8::1]/",
        "http://[::1]:8080/x",
        "http://münchen.example/straße",
        "http://xn--mnchen-3ya.example/",
        "https://example.org/(brackets)/",
        "https://example.org/?at=me@example.org",
        "https://example.org/@someone",
        "https://example.org/it's",
        "https://example.org/日本語",
        "https://example.org/" + "x" * (LONGEST_ADDRESS - 20),
    ],
)
def test_a_web_address_is_taken_as_it_was_typed(word):
    assert web_address(word) == word


@pytest.mark.parametrize(
    "word",
    [
        "",
        "example.org",
        "//example.org",
        "ftp://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http:example.org",
        "http:/example.org",
        "http://",
        "http:///path",
        "http://?x",
        "http://#x",
        "http://:80/",
        "http://example.org:port/",
        "http://example.org:65536/",
        "http://example.org:-1/",
        "http://example.org:+80/",
        "http://example.org:８０/",
        "http://example.org:80:80/",
        "http://[::1/",
        "http://[]/",
        "http://[example]/",
        "http://::1/",
        "http://good.example\\@evil.example/",
        "http://good.example\\evil/",
        "http://a@b@c/",
        "xhttp://example.org/",
    ],
)
def test_what_is_no_web_address_is_refused(word):
    with pytest.raises(Problem, match="an address that begins with http:// or https://"):
        web_address(word)


@pytest.mark.parametrize("user", ["alice@", "alice:secret@", ":secret@", "@", ":@", "example.com%20@"])
def test_an_address_with_a_name_or_a_password_is_refused_without_repeating_it(user):
    with pytest.raises(Problem, match="without a name and password") as caught:
        web_address(f"https://{user}example.org/")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        " ",
        "\t",
        "\n",
        "\r",
        "\0",
        "\x02",
        "\x7f",
        "\x85",
        "\u00a0",
        "\u200b",
        "\u202e",
        "\ufeff",
        "\u3000",
        "<",
        ">",
        '"',
    ],
)
@pytest.mark.parametrize(
    "form", ["{}http://example.org/", "http://exam{}ple.org/", "http://example.org/{}", "ht{}tp://a/"]
)
def test_an_address_with_a_character_that_harms_or_hides_is_refused(bad, form):
    with pytest.raises(Problem):
        web_address(form.format(bad))


@pytest.mark.parametrize("size", [LONGEST_ADDRESS + 1, 3000, 100_000])
def test_an_address_that_is_too_long_is_refused(size):
    with pytest.raises(Problem, match="at most 2048 plain characters"):
        web_address("https://example.org/".ljust(size, "x"))


def test_no_character_that_nobody_sees_gets_into_an_address():
    everything = [chr(code) for code in range(0x10000)] + [chr(code) for code in range(0xE0000, 0xE0100)]
    for letter in everything:
        seen = not (UNSEEN.match(letter) or letter.isspace() or letter in '<>"')
        try:
            taken = bool(web_address(f"http://h/{letter}x"))
        except Problem:
            taken = False
        assert taken == seen, ascii(letter)


@pytest.mark.parametrize(
    ("word", "selectors"),
    [
        ("web1", ("web1",)),
        ("web1,db-*", ("web1", "db-*")),
        ("web1,,web1,", ("web1",)),
        ("tag:scraper,on:do", ("tag:scraper", "on:do")),
        ("web[0-9],web?.eu", ("web[0-9]", "web?.eu")),
        ("*", ("*",)),
    ],
)
def test_targets_are_read(word, selectors):
    assert targets(word) == Targets(selectors)
    assert str(targets(word)) == ",".join(selectors)


@pytest.mark.parametrize(
    "word",
    ["", ",", "a b", "-x", ".", "$(id)", "a;b", "a|b", "a/b", "tag:", "on:", "tag:a:b", "wéb", "web1\n", "`id`", "a'b"],
)
def test_what_names_no_machines_is_refused(word):
    with pytest.raises(Problem, match="names, globs or tags"):
        targets(word)


@pytest.mark.parametrize(
    ("word", "name", "tags", "on", "meant"),
    [
        ("web1", "web1", (), "", True),
        ("web1", "web10", (), "", False),
        ("web1", "WEB1", (), "", False),
        ("web*", "web10", (), "", True),
        ("*", "anything", (), "", True),
        ("web?", "web10", (), "", False),
        ("web[12]", "web2", (), "", True),
        ("web[!12]", "web2", (), "", False),
        ("tag:scraper", "x", ("scraper", "eu"), "", True),
        ("tag:scraper", "scraper", (), "", False),
        ("tag:scrap*", "x", ("scraper",), "", False),
        ("on:do", "x", (), "do", True),
        ("on:do", "do", (), "ec2", False),
        ("web1,tag:db", "x", ("db",), "", True),
        ("web1,db1", "web2", (), "", False),
    ],
)
def test_targets_mean_the_machines_they_name(word, name, tags, on, meant):
    assert targets(word).matches(name, tags, on) is meant


def test_each_selector_can_be_asked_whether_it_passed_a_machine_by():
    assert Targets.unmatched("web*", "db1") is True
    assert Targets.unmatched("web*", "web1") is False


@given(st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1), min_size=1))
@settings(max_examples=200, deadline=None)
def test_every_plain_name_means_itself(names):
    meant = targets(",".join(names))
    assert all(meant.matches(name) for name in names)


@pytest.mark.parametrize(
    ("wanted", "word", "value"),
    [
        (str, "x", "x"),
        (Rest, "a b", "a b"),
        (int, "3", 3),
        (int | None, "3", 3),
        (Url, "http://a/", "http://a/"),
        (Url | None, "http://a/", "http://a/"),
        (Literal["up", "down"], "up", "up"),
        (Literal["up", "down"] | None, "down", "down"),
        (Literal[1, 2], "2", 2),
    ],
)
def test_a_type_has_a_way_from_a_word(wanted, word, value):
    assert converter(wanted)(word) == value


@pytest.mark.parametrize("wanted", [bytes, list, list[str], dict, object, int | str, None, Annotated[str, Kind("x")]])
def test_a_type_that_no_word_can_become_has_none(wanted):
    assert converter(wanted) is None


@pytest.mark.parametrize("wanted", [Annotated[str, []], Annotated[int, {"ge": 1}]])
def test_a_type_that_cannot_be_looked_up_has_none_either(wanted):
    assert converter(wanted) is None


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("shutdwon", "one of shutdown, reboot, POWEROFF (did you mean shutdown?)"),
        ("Reboot", "one of shutdown, reboot, POWEROFF (did you mean reboot?)"),
        ("poweroff", "one of shutdown, reboot, POWEROFF (did you mean POWEROFF?)"),
        ("xyz", "one of shutdown, reboot, POWEROFF"),
        ("", "one of shutdown, reboot, POWEROFF"),
    ],
)
def test_what_is_none_of_the_choices_is_answered_with_the_nearest(word, said):
    with pytest.raises(Problem) as caught:
        converter(Literal["shutdown", "reboot", "POWEROFF"])(word)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("word", "name", "id", "meant"),
    [
        ("id:481", "web", "481", True),
        ("id:481", "web", "4810", False),
        ("id:481", "481", "482", False),
        ("id:481", "id:481", "", False),
        ("id:48*", "web", "481", False),
        ("db,id:481", "web", "481", True),
        ("481", "web", "481", False),
    ],
)
def test_a_machine_can_be_meant_by_its_id(word, name, id, meant):
    assert targets(word).matches(name, id=id) is meant


@pytest.mark.parametrize("word", ["id:", "id:,web", "id: 481", "id:48/1", "id:id:481", "ID:481"])
def test_what_is_no_id_is_refused(word):
    with pytest.raises(Problem):
        targets(word)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("   ", []),
        ("a  b ", ["a", "b"]),
        ("'a  b' \"c\" ''", ["a  b", "c", ""]),
        ("a=b --x -n", ["a=b", "--x", "-n"]),
        ("it's $x \\\\", ["it's", "$x", "\\\\"]),
    ],
)
def test_arguments_are_all_words_and_none_is_an_option(text, found):
    assert arguments(text) == found
    assert converter(Arguments)(text) == found


@given(st.lists(st.text()))
@settings(max_examples=300, deadline=None)
def test_any_arguments_can_be_typed(found):
    typed = " ".join('"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in found)
    assert arguments(typed) == found
