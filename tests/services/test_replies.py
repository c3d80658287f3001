"""Long answers, on pages whose address cannot be guessed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import tamper

from chanops.services.replies import KEPT_FOR, Replies
from chanops.services.tables import stamp

HOUR = timedelta(hours=1)


@pytest.fixture
def kept(database):
    return Replies(database)


def age(replies, token, by):
    """Make an answer older."""
    tamper(replies.database, f"UPDATE replies SET at = {stamp(datetime.now(UTC) - by)} WHERE token = '{token}'")


def tokens(replies):
    with replies.database.read() as connection:
        return set(connection.exec_driver_sql("SELECT token FROM replies").scalars())


def test_an_answer_is_found_under_its_token_only(kept):
    before = datetime.now(UTC) - timedelta(seconds=1)
    token = kept.keep(".help", "one\ntwo")
    found = kept.find(token)
    assert (found.asked, found.text) == (".help", "one\ntwo")
    assert before <= found.at <= datetime.now(UTC)
    for other in (
        "",
        token[:-1],
        token + "x",
        token.swapcase(),
        "x" * 22,
        "%",
        "_" * 22,
        "' OR 1=1 --",
        "\0",
        "\ud800",
    ):
        assert kept.find(other) is None


def test_tokens_hold_128_bits_and_fit_an_address(kept):
    found = {kept.keep("again", "the same") for _ in range(50)}
    assert len(found) == 50
    assert all(
        len(token) == 22 and token.isascii() and token.replace("-", "").replace("_", "").isalnum() for token in found
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters()), st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_kept(kept, asked, text):
    found = kept.find(kept.keep(asked, text))
    assert found.asked == asked.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    assert found.text == text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def test_halves_of_characters_are_replaced(kept):
    assert kept.find(kept.keep("ls", "caf\udce9.txt")).text == "caf?.txt"


def test_after_a_month_an_answer_is_gone_and_its_place_is_cleared_by_the_next(kept):
    old, young = kept.keep("old", ""), kept.keep("young", "")
    age(kept, old, KEPT_FOR + HOUR)
    age(kept, young, KEPT_FOR - HOUR)
    assert kept.find(old) is None
    assert kept.find(young).asked == "young"
    new = kept.keep("new", "")
    assert tokens(kept) == {young, new}
