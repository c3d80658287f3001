"""Confirmations: one code, one minute, one person, one place, once."""

import re
import threading
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.confirm import LENGTH, LETTERS, MOST_WAITING, SECONDS, Confirmations
from chanops.core.errors import Problem, Refused
from chanops.core.message import Message

ALICE = Message("libera", nick="alice", account="alice", channel="#ops")
WRONG = "I" * LENGTH  # no code has an I


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


class Plans(NamedTuple):
    """Confirmations, their clock, and what was carried out."""

    confirmations: Confirmations
    clock: Clock
    done: list

    def ask(self, what="a", said=ALICE):
        """Ask for something; the code."""
        answer = self.confirmations.ask(f"this does {what}", lambda: self.done.append(what) or f"did {what}", said)
        return re.search(r"\.confirm (\S+) ", answer)[1]

    def refuses(self, code, said=ALICE):
        """Whether a code is refused, and nothing is done."""
        before = list(self.done)
        with pytest.raises(Refused):
            self.confirmations.carry_out(code, said)
        return self.done == before


@pytest.fixture
def plans():
    clock = Clock()
    return Plans(Confirmations(clock), clock, [])


def test_a_plan_is_shown_with_its_code_to_whoever_asked(plans):
    answer = plans.confirmations.ask("this destroys web1", list, ALICE)
    assert re.fullmatch(rf"alice: this destroys web1\. Say \.confirm [{LETTERS}]{{6}} within 60 s", answer)


def test_a_code_carries_out_its_plan_and_gives_its_result(plans):
    code = plans.ask("it")
    assert plans.done == []
    assert plans.confirmations.carry_out(code, ALICE) == "did it"
    assert plans.done == ["it"]


def test_a_code_counts_once(plans):
    code = plans.ask()
    plans.confirmations.carry_out(code, ALICE)
    assert plans.refuses(code)


def test_a_code_counts_once_even_when_carrying_it_out_fails(plans):
    def fail():
        plans.done.append("tried")
        raise Problem("the cloud is away")

    code = re.search(r"\.confirm (\S+)", plans.confirmations.ask("x", fail, ALICE))[1]
    with pytest.raises(Problem, match="the cloud is away"):
        plans.confirmations.carry_out(code, ALICE)
    assert plans.refuses(code)
    assert plans.done == ["tried"]


def test_a_code_cannot_be_used_again_while_it_is_being_carried_out(plans):
    codes = []
    again = lambda: plans.refuses(codes[0]) and "refused inside"  # noqa: E731
    codes.append(re.search(r"\.confirm (\S+)", plans.confirmations.ask("x", again, ALICE))[1])
    assert plans.confirmations.carry_out(codes[0], ALICE) == "refused inside"


def test_a_code_may_be_typed_in_small_letters(plans):
    assert plans.confirmations.carry_out(plans.ask("it").lower(), ALICE) == "did it"


@pytest.mark.parametrize(("later", "counts"), [(0, True), (59.9, True), (SECONDS, False), (61, False), (1e9, False)])
def test_a_code_lapses_after_a_minute(plans, later, counts):
    code = plans.ask()
    plans.clock.now += later
    if counts:
        plans.confirmations.carry_out(code, ALICE)
    assert plans.refuses(code)
    assert plans.done == (["a"] if counts else [])


@pytest.mark.parametrize(
    "other",
    [
        {"account": "bob"},
        {"account": "аlice"},
        {"account": "alice2"},
        {"network": "oftc"},
        {"channel": "#other"},
        {"channel": ""},
        {"account": "bob", "nick": "alice"},
    ],
)
def test_a_code_is_bound_to_account_network_and_channel(plans, other):
    code = plans.ask()
    assert plans.refuses(code, ALICE._replace(**other))
    plans.confirmations.carry_out(code, ALICE)
    assert plans.done == ["a"]


@pytest.mark.parametrize("other", [{"nick": "alice_"}, {"user": "x"}, {"host": "x"}, {"account": "ALICE"}])
def test_another_nick_or_host_of_the_same_account_may_confirm(plans, other):
    plans.confirmations.carry_out(plans.ask(), ALICE._replace(**other))
    assert plans.done == ["a"]


def test_what_was_asked_in_private_is_confirmed_in_private(plans):
    private = ALICE._replace(channel="")
    code = plans.ask(said=private)
    assert plans.refuses(code, ALICE)
    plans.confirmations.carry_out(code, private)
    assert plans.done == ["a"]


def test_without_an_account_nothing_can_be_asked_or_confirmed(plans):
    nobody = ALICE._replace(account="")
    with pytest.raises(Refused, match="needs a services account: log in and ask again"):
        plans.ask(said=nobody)
    assert plans.refuses(plans.ask(), nobody)
    assert plans.refuses("", nobody)


def test_a_new_request_never_replaces_another(plans):
    first, second = plans.ask("first"), plans.ask("second")
    plans.confirmations.carry_out(first, ALICE)
    plans.confirmations.carry_out(second, ALICE)
    assert plans.done == ["first", "second"]


def test_somebody_else_may_ask_meanwhile(plans):
    bob = ALICE._replace(account="bob")
    first, second = plans.ask("alice's"), plans.ask("bob's", bob)
    assert plans.refuses(second)
    assert plans.refuses(first, bob)
    plans.confirmations.carry_out(second, bob)
    plans.confirmations.carry_out(first, ALICE)
    assert plans.done == ["bob's", "alice's"]


def test_one_person_has_only_so_many_requests_waiting(plans):
    codes = [plans.ask(str(number)) for number in range(MOST_WAITING)]
    with pytest.raises(Refused, match="already wait"):
        plans.ask("one more")
    plans.ask("another's", ALICE._replace(account="bob"))
    plans.confirmations.carry_out(codes[0], ALICE)
    plans.ask("there is room again")
    plans.clock.now += SECONDS
    for number in range(MOST_WAITING):
        plans.ask(str(number))


def test_three_wrong_codes_void_what_waits(plans):
    codes = [plans.ask(), plans.ask()]
    for _ in range(3):
        assert plans.refuses(WRONG)
    assert all(plans.refuses(code) for code in codes)
    assert plans.done == []


def test_two_wrong_codes_are_forgiven_by_a_right_one(plans):
    first, second = plans.ask("first"), plans.ask("second")
    for code in (first, second):
        assert plans.refuses(WRONG)
        assert plans.refuses(WRONG)
        plans.confirmations.carry_out(code, ALICE)
    assert plans.done == ["first", "second"]


def test_wrong_codes_lapse_with_what_they_were_tried_on(plans):
    plans.ask()
    assert plans.refuses(WRONG)
    assert plans.refuses(WRONG)
    plans.clock.now += SECONDS
    code = plans.ask("later")
    assert plans.refuses(WRONG)
    plans.confirmations.carry_out(code, ALICE)
    assert plans.done == ["later"]


def test_nobody_can_void_what_somebody_else_has_waiting(plans):
    code = plans.ask()
    for number in range(20):
        assert plans.refuses(WRONG, ALICE._replace(account=f"mallory{number % 3}"))
        assert plans.refuses(code, ALICE._replace(account="mallory"))
        assert plans.refuses(WRONG, ALICE._replace(channel="#other"))
    plans.confirmations.carry_out(code, ALICE)
    assert plans.done == ["a"]


def test_three_wrong_codes_void_nothing_but_one_s_own(plans):
    bob, elsewhere = ALICE._replace(account="bob"), ALICE._replace(channel="#other")
    codes = [plans.ask(said=said) for said in (ALICE, bob, elsewhere)]
    for _ in range(3):
        assert plans.refuses(WRONG, bob)
    assert plans.refuses(codes[1], bob)
    plans.confirmations.carry_out(codes[0], ALICE)
    plans.confirmations.carry_out(codes[2], elsewhere)
    assert plans.done == ["a", "a"]


def test_an_old_plan_is_not_kept(plans):
    for number in range(100):
        plans.ask(said=ALICE._replace(account=f"a{number}"))
        plans.refuses(WRONG, ALICE._replace(account=f"a{number}"))
    plans.clock.now += SECONDS
    plans.refuses(WRONG)
    assert not plans.confirmations.waiting
    assert not plans.confirmations.wrong


def test_codes_are_many_and_have_no_letters_that_are_mistaken(plans):
    codes = {plans.ask(said=ALICE._replace(account=f"a{number}")) for number in range(300)}
    assert len(codes) == 300
    assert not set("".join(codes)) & set("ILOUilou")


def test_of_several_who_type_a_code_at_the_same_moment_one_carries_it_out():
    done, refusals = [], []
    confirmations = Confirmations(lambda: 0.0, threading.Lock())

    def confirm(code, start):
        start.wait(10)
        try:
            confirmations.carry_out(code, ALICE)
        except Refused as refusal:
            refusals.append(refusal)

    for turn in range(20):
        answer = confirmations.ask("x", lambda turn=turn: done.append(turn), ALICE)
        start = threading.Barrier(2)
        code = re.search(r"\.confirm (\S+)", answer)[1]
        threads = [threading.Thread(target=confirm, args=(code, start)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert done == list(range(20))
    assert len(refusals) == 20


def test_nothing_is_looked_up_or_changed_without_the_lock_and_nothing_carried_out_under_it():
    class Lock:
        held = False

        def __enter__(self):
            self.held = True

        def __exit__(self, *_):
            self.held = False

    class Clock:
        def __call__(self):
            assert lock.held
            return 0.0

    lock = Lock()
    confirmations = Confirmations(Clock(), lock)
    answer = confirmations.ask("x", lambda: f"held: {lock.held}", ALICE)
    with pytest.raises(Refused):
        confirmations.carry_out(WRONG, ALICE)
    assert confirmations.carry_out(re.search(r"\.confirm (\S+)", answer)[1], ALICE) == "held: False"


@given(st.text(), st.sampled_from(["alice", "bob"]))
@settings(max_examples=200, deadline=None)
def test_no_other_word_is_ever_taken_for_a_code(word, account):
    done = []
    confirmations = Confirmations(lambda: 0.0)
    code = re.search(r"\.confirm (\S+)", confirmations.ask("x", lambda: done.append(1), ALICE))[1]
    if word.upper() != code:
        with pytest.raises(Refused):
            confirmations.carry_out(word, ALICE._replace(account=account))
    assert done == []
