"""Who may do what: only the account on the line counts, and accounts that merely look alike are others."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.access import Roles, fold
from chanops.core.errors import Problem
from chanops.core.message import Message

ALICE = Roles.of({"admin": ("alice",), "ops": ("alice", "Bob"), "guest": ("*",)}, ("libera",))
SEVERAL = Roles.of({"admin": ("libera/alice",), "ops": ("oftc/*",), "guest": ("*",)}, ("libera", "oftc"))
# Letters that somebody takes for those of "kaiserslim", one place after the other.
LOOKALIKES = (
    "\u212a\u043a\uff4b\u0430\u03b1\uff41\u0131\u0456\u04cf\uff49"
    "\u017f\u0455\uff53\u0435\u212f\uff45\u0433\u2113\u217c\u217f\uff4d"
)


def line(account="", network="libera", **others):
    return Message(network, account=account, channel="#ops", **others)


@pytest.mark.parametrize(
    ("account", "roles"),
    [
        ("alice", {"admin", "ops", "guest"}),
        ("ALICE", {"admin", "ops", "guest"}),
        ("bob", {"ops", "guest"}),
        ("carol", {"guest"}),
        ("alice_", {"guest"}),
        ("lice", {"guest"}),
        ("alice ", {"guest"}),
        ("libera/alice", {"guest"}),
        ("", set()),
    ],
)
def test_roles_go_with_the_account(account, roles):
    assert ALICE.held_by(line(account)) == roles


@pytest.mark.parametrize("who", [{"nick": "alice"}, {"user": "alice"}, {"host": "alice"}, {"params": ("alice",)}])
def test_whoever_only_looks_like_alice_has_no_role(who):
    assert ALICE.held_by(line(**who)) == set()
    assert ALICE.held_by(line("mallory", **who)) == {"guest"}


@pytest.mark.parametrize("bad", ["\0", "\x02", "\u200b", "\u202e"])
def test_an_account_with_something_unseen_in_it_is_another(bad):
    assert ALICE.held_by(line(f"ali{bad}ce")) == {"guest"}


@pytest.mark.parametrize("letter", LOOKALIKES)
def test_no_letter_that_looks_alike_makes_accounts_equal(letter):
    name = "kaiserslim"
    roles = Roles.of({"admin": (name,)}, ("libera",))
    for place in range(len(name)):
        assert roles.held_by(line(name[:place] + letter + name[place + 1 :])) == set()


def test_no_character_beyond_ascii_folds_into_a_name():
    for code in range(0x80, 0x20000):
        assert fold(chr(code)) == chr(code)


def test_every_character_that_unicode_takes_for_a_letter_of_ours_stays_another():
    taken = [
        chr(code)
        for code in range(0x80, sys.maxunicode + 1)
        if chr(code).casefold().isascii() or unicodedata.normalize("NFKC", chr(code)).isascii()
    ]
    assert "\u212a" in taken
    for letter in taken:
        same = unicodedata.normalize("NFKC", letter).casefold()
        roles = Roles.of({"admin": (f"x{same}x".replace("/", ""),)}, ("libera",))
        assert roles.held_by(line(f"x{letter}x")) == set(), ascii(letter)


@given(st.text(), st.text())
@settings(max_examples=300, deadline=None)
def test_two_accounts_are_equal_only_where_nothing_but_the_case_of_a_to_z_differs(one, other):
    def lowered(name):
        return "".join(letter.lower() if "A" <= letter <= "Z" else letter for letter in name)

    assert (fold(one) == fold(other)) == (lowered(one) == lowered(other))
    assert fold(one.upper() if one.isascii() else one) == fold(one)


# What another casemapping would make equal must not be, since services may count them as two accounts.
@pytest.mark.parametrize(("one", "other"), [("a[b", "a{b"), ("a]b", "a}b"), ("a\\b", "a|b"), ("a~b", "a^b")])
def test_no_sign_is_folded(one, other):
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("network", "account", "roles"),
    [
        ("libera", "alice", {"admin", "guest"}),
        ("oftc", "alice", {"ops", "guest"}),
        ("oftc", "anybody", {"ops", "guest"}),
        ("LIBERA", "alice", {"guest"}),
        ("", "alice", {"guest"}),
        ("oftc", "", set()),
        ("oftc", "libera/alice", {"ops", "guest"}),
    ],
)
def test_an_account_belongs_to_one_network(network, account, roles):
    assert SEVERAL.held_by(line(account, network)) == roles


def test_with_one_network_its_name_may_be_said_or_left_out():
    for name in ("alice", "libera/alice", "ALICE"):
        assert Roles.of({"admin": (name,)}, ("libera",)) == Roles.of({"admin": ("alice",)}, ("libera",))


@pytest.mark.parametrize(
    ("name", "networks", "said"),
    [
        ("alice", ("libera", "oftc"), r"\[roles\] admin: say on which network alice is meant, such as libera/alice"),
        ("efnet/alice", ("libera", "oftc"), r"\[roles\] admin: efnet/alice: there is no \[network:efnet\]"),
        ("efnet/*", ("libera",), r"there is no \[network:efnet\]"),
        ("/alice", ("libera",), r"there is no \[network:\]"),
        ("libera/", ("libera",), r"\[roles\] admin: libera/: there is no account behind the slash"),
        ("аlice", ("libera",), "letters that are not ASCII"),
        ("\u212aim", ("libera",), "letters that are not ASCII"),
        ("libera/аlice", ("libera",), "letters that are not ASCII"),
    ],
)
def test_a_member_that_cannot_be_meant_is_refused_at_the_start(name, networks, said):
    with pytest.raises(Problem, match=said):
        Roles.of({"admin": (name,)}, networks)


def test_a_role_without_members_is_held_by_nobody():
    assert Roles.of({"admin": ()}, ("libera",)).held_by(line("alice")) == set()


def test_a_refusal_says_what_is_missing_and_what_to_do():
    assert ALICE.refusal("admin", line("alice")) == ""
    assert "does not have; an admin can give it" in ALICE.refusal("admin", line("bob"))
    assert "you are not logged in to services here: log in" in ALICE.refusal("admin", line(nick="alice"))
    assert "the role root" in ALICE.refusal("root", line("alice"))


def test_a_role_that_nobody_configured_is_held_by_nobody():
    assert Roles.of({}, ()).refusal("admin", line("alice")) != ""


@given(st.sampled_from(["", "alice", "Bob", "carol"]), st.text(), st.text(), st.text(), st.text(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_nothing_but_network_and_account_changes_a_decision(account, nick, user, host, text, private):
    plain = Message("libera", account=account, channel="#ops")
    other = Message(
        "libera", nick=nick, account=account, channel="" if private else "#x", text=text, user=user, host=host
    )
    for role in ("admin", "ops", "guest", nick):
        assert bool(ALICE.refusal(role, other)) == bool(ALICE.refusal(role, plain))
