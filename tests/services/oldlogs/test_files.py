"""Whatever bytes a file has, its lines are read, and no line takes memory without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.core.errors import Problem
from chanops.services.oldlogs.base import SHOWN, Tally
from chanops.services.oldlogs.files import LONGEST, decoded, lines_of, usable


def read(tmp_path, content, encoding="utf-8"):
    path = tmp_path / "log"
    path.write_bytes(content)
    tally = Tally()
    return list(lines_of(path, encoding, tally)), tally


def test_lines_end_as_they_do_on_any_system(tmp_path):
    found, tally = read(tmp_path, b"\xef\xbb\xbfone\r\ntwo\nthree\r\r\n\nfour")
    assert found == [(1, "one"), (2, "two"), (3, "three"), (4, ""), (5, "four")]
    assert (tally.lines, tally.size, tally.recoded) == (5, 25, 0)


def test_what_is_not_in_the_encoding_is_read_as_what_most_clients_had(tmp_path):
    found, tally = read(tmp_path, "caf\u00e9\n".encode() + b"caf\xe9 \x80\ncaf\xe9 \x81\n")
    assert [line for _, line in found] == ["caf\u00e9", "caf\u00e9 \u20ac", "caf\u00e9 \x81"]
    assert tally.recoded == 2


def test_what_no_database_holds_is_left_out_and_formatting_stays(tmp_path):
    found, _ = read(tmp_path, b"a\0b \x02bold\x02 \x0304red c\rd\n")
    assert found == [(1, "ab \x02bold\x02 \x0304red c d")]


def test_a_line_without_end_is_passed_over_and_told_of(tmp_path):
    found, tally = read(tmp_path, b"one\n" + b"x" * (LONGEST * 20 + 7) + b"\nthree\n")
    assert found == [(1, "one"), (3, "three")]
    assert (tally.lines, tally.strange, tally.size) == (3, 1, 10 + LONGEST * 20 + 8)
    assert "longer than any line" in tally.samples[0]


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST])
def test_lines_about_the_limit_are_counted_right(tmp_path, length):
    content = b"x" * (length - 1) + b"\nend\n"
    found, tally = read(tmp_path, content)
    assert found[-1] == (2, "end")
    assert (tally.lines, tally.size) == (2, len(content))
    assert tally.strange == (length > LONGEST)


def test_only_the_first_that_are_not_understood_are_shown():
    tally = Tally()
    for number in range(100):
        tally.note(number, "x" * 1000)
    assert (tally.strange, len(tally.samples)) == (100, SHOWN)
    assert len(tally.samples[0]) < 200


@given(st.binary(max_size=200))
def test_any_bytes_become_a_text_that_a_database_can_hold(raw):
    text = decoded(raw, "utf-8", Tally())
    assert "\0" not in text
    assert text.encode().decode() == text


@pytest.mark.parametrize("name", ["utf-8", "cp1252", "latin-1", "iso-8859-15", "koi8-r", "cp437"])
def test_encodings_that_can_be_read(name):
    assert usable(name) == name


@pytest.mark.parametrize(
    ("name", "why"), [("nonsense", "not known"), ("utf-16", "iconv"), ("utf-32", "iconv"), ("base64", "not known")]
)
def test_encodings_that_cannot(name, why):
    with pytest.raises(Problem, match=why):
        usable(name)
