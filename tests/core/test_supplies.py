"""What the bot hands over to a function, found by the type that its parameter names."""

import re

import pytest

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.signature import signature_of
from chanops.core.supplies import Reload, Say, Supplies


class Links:
    """Something that can be asked for."""


LINKS = Links()
SUPPLIES = Supplies({Links: LINKS, int: 7})
SAID, MATCH = Message(text="hello"), re.match("h", "hello")


def everything(word: str = "", *, links: Links, said: Message, match: re.Match, number: int):
    pass


def nothing():
    pass


def only_links(*, links: Links):
    pass


def typed_match(*, match: re.Match[str]):
    pass


def stranger(*, thing: bytes):
    pass


def perhaps(*, said: Message | None):
    pass


def listed(*, links: list[Links]):
    pass


@pytest.mark.parametrize(
    ("function", "moment", "filled"),
    [
        (everything, (SAID, MATCH), {"links": LINKS, "said": SAID, "match": MATCH, "number": 7}),
        (everything, (MATCH, SAID), {"links": LINKS, "said": SAID, "match": MATCH, "number": 7}),
        (only_links, (SAID,), {"links": LINKS}),
        (only_links, (), {"links": LINKS}),
        (typed_match, (SAID, MATCH), {"match": MATCH}),
        (nothing, (SAID,), {}),
    ],
)
def test_each_need_is_filled_by_its_type(function, moment, filled):
    signature = signature_of(function)
    SUPPLIES.check("p.function", signature)
    for _ in range(2):
        assert SUPPLIES.fill(signature, moment) == filled


def test_each_moment_has_its_own_message():
    signature = signature_of(everything)
    first = SUPPLIES.fill(signature, (Message(text="first"), MATCH))
    second = SUPPLIES.fill(signature, (Message(text="second"), MATCH))
    assert (first["said"].text, second["said"].text) == ("first", "second")


@pytest.mark.parametrize("function", [only_links, everything])
def test_what_a_function_does_with_its_values_harms_no_other_call(function):
    signature = signature_of(function)
    SUPPLIES.fill(signature, (SAID, MATCH)).clear()
    assert SUPPLIES.fill(signature, (SAID, MATCH))["links"] is LINKS


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (stranger, "p.x asks for thing: bytes, which nobody can hand over; there are Links, Match, Message, int"),
        (perhaps, "p.x asks for said: chanops.core.message.Message | None, which nobody can hand over"),
        (listed, "p.x asks for links: list, which nobody can hand over"),
    ],
)
def test_a_need_that_nobody_can_fill_names_the_function_and_what_there_is(function, said):
    with pytest.raises(Problem) as caught:
        SUPPLIES.check("p.x", signature_of(function))
    assert str(caught.value).startswith(said)


def test_what_is_typed_needs_nobody_to_hand_it_over():
    def typed(word: str, *names: str, count: int = 1):
        pass

    Supplies({}).check("p.typed", signature_of(typed))
    assert Supplies({}).fill(signature_of(typed)) == {}


def test_saying_and_reloading_are_calls_that_show_nothing_of_the_bot():
    said = []
    say, reload = Say(lambda where, text: said.append((where, text))), Reload(lambda: "reloaded")
    say("#ops", "hello")
    assert said == [("#ops", "hello")]
    assert reload() == "reloaded"
    assert (repr(say), repr(reload)) == ("Say()", "Reload()")
