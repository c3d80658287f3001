"""Tokens: good for what they were given for, kept as hashes, and nothing from the moment they are taken back."""

import hashlib
import re

import pytest
from stores import all_bytes

from chanops.core.errors import Problem
from chanops.services.access import Access
from chanops.services.visibility import Viewer


@pytest.fixture
def access(database):
    return Access(database)


def test_each_token_is_known_as_what_it_is_and_as_nothing_else(access):
    tokens = access.add("carol", ["net/#ops", "net/#cabal"])
    carol = Viewer("carol", channels=frozenset({"net/#ops", "net/#cabal"}))
    assert access.viewer_by_page(tokens.page) == carol
    assert access.viewer_by_feed(tokens.feed) == carol
    assert access.viewer_by_page(tokens.feed) is None
    assert access.viewer_by_feed(tokens.page) is None


def test_without_channels_a_token_is_good_for_all(access):
    assert access.viewer_by_page(access.add("carol").page) == Viewer("carol", every=True)


def test_a_token_has_256_bits_and_no_two_are_the_same(access):
    found = [token for number in range(50) for each in [access.add(f"n{number}")] for token in (each.page, each.feed)]
    assert len(set(found)) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", each) for each in found)


def test_only_hashes_are_kept(access, database):
    tokens = access.add("carol")
    written = all_bytes(database)
    for token in (tokens.page, tokens.feed):
        assert token.encode() not in written
        assert hashlib.sha256(token.encode()).hexdigest().encode() in written
        assert token not in repr(tokens)


def test_what_is_taken_back_is_nothing_at_once_and_comes_not_back_with_the_name(access):
    old, other = access.add("carol"), access.add("dave")
    assert access.revoke("carol") == 1
    assert access.viewer_by_page(old.page) is None
    assert access.viewer_by_feed(old.feed) is None
    assert access.revoke("carol") == 0
    new = access.add("carol", ["net/#ops"])
    assert access.viewer_by_page(old.page) is None
    assert access.viewer_by_page(new.page).name == "carol"
    assert access.viewer_by_page(other.page).name == "dave"
    held = [(each.name, each.channels, each.revoked is None) for each in access.all()]
    assert held == [("carol", (), False), ("dave", (), True), ("carol", ("net/#ops",), True)]


def test_a_name_has_tokens_once(access):
    access.add("carol")
    with pytest.raises(Problem, match="carol has tokens already"):
        access.add("carol", ["net/#ops"])
    assert len(access.all()) == 1


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[0m", "x" * 101, "\u202eabc"])
def test_a_name_can_be_read(name, access):
    with pytest.raises(Problem, match="characters"):
        access.add(name)


@pytest.mark.parametrize("token", ["", " ", "x", "' OR 1=1 --", "%", "\0", "\ud800", "é" * 1000, "a" * 43])
def test_any_other_text_is_no_token(token, access):
    access.add("carol")
    assert access.viewer_by_page(token) is None
    assert access.viewer_by_feed(token) is None


def test_a_hash_is_no_token(access):
    tokens = access.add("carol")
    assert access.viewer_by_page(hashlib.sha256(tokens.page.encode()).hexdigest()) is None
