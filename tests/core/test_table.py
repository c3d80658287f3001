"""Rows for a channel."""

from chanops.core.table import COLOURS, RESET, UNDER_WAY, table
from chanops.core.text import plain

ROWS = [("web", "running", "fra1"), ("database", "off", "")]


def test_columns_are_aligned_and_no_row_ends_in_a_space():
    assert list(table(ROWS)) == ["web       running  fra1", "database  off"]


def test_a_column_is_coloured_by_what_it_says_and_stays_aligned():
    coloured = list(table(ROWS, states_in=1))
    assert [plain(row).rstrip() for row in coloured] == list(table(ROWS))
    assert f"{COLOURS['running']}running{RESET}" in coloured[0]
    assert COLOURS["off"] in coloured[1]


def test_a_state_without_a_colour_of_its_own_is_under_way():
    assert next(table([("creating",)], states_in=0)) == f"{UNDER_WAY}creating{RESET}"


def test_nothing_makes_no_rows():
    assert list(table([])) == []
