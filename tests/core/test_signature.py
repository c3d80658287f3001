"""A function's signature: what a person types, what the bot hands over, and what a text gives each."""

from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.signature import signature_of
from chanops.core.words import Arguments, Flag, Rest, Targets, Url


def url(address: Url, title: Rest = "", *, said: Message):
    return {"address": address, "title": title}


def up(names: Targets, *, like: str = "", size_gb: int = 4, wait: timedelta = timedelta(), said: Message):
    return {"names": str(names), "like": like, "size_gb": size_gb, "wait": wait}


def say(text: Rest):
    return {"text": text}


def pick(action: Literal["start", "stop"], *names: str, force: bool = False):
    return {"action": action, "names": names, "force": force}


def move(first, second: int, third: int = 3):
    return {"first": first, "second": second, "third": third}


def several(*numbers: int, total: float = 0.0):
    return {"numbers": numbers, "total": total}


def run(names: Targets, command: Rest, *, deadline: timedelta = timedelta(minutes=1)):
    return {"names": str(names), "command": command, "deadline": deadline}


def note(name: str, *, text: Rest = ""):
    return {"name": name, "text": text}


def maybe(name: str, why: Rest | None = None):
    return {"name": name, "why": why}


def nothing(*, said: Message):
    return {}


def called(function, text):
    """What a function is given when somebody types this after its name."""
    signature = signature_of(function)
    args, options = signature.bind(text)
    return function(*args, **options, **{name: Message() for name, _ in signature.needs})


def quoted(word):
    """A word so that it comes back as it is."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("function", "text", "expected"),
    [
        (url, "http://a/", {"address": "http://a/", "title": ""}),
        (url, "http://a/ A title", {"title": "A title"}),
        (url, "  http://a/   A title  ", {"title": "A title"}),
        (url, "http://a/ How it's done", {"title": "How it's done"}),
        (url, 'http://a/ "Quoted" at the start', {"title": '"Quoted" at the start'}),
        (url, 'http://a/ "Quoted" and "again"', {"title": '"Quoted" and "again"'}),
        (url, 'http://a/ "Quoted"again', {"title": '"Quoted"again'}),
        (url, 'http://a/ "Quoted".', {"title": '"Quoted".'}),
        (url, 'http://a/ "never closed', {"title": '"never closed'}),
        (url, "http://a/ 'tis the season", {"title": "'tis the season"}),
        (url, 'http://a/ at the end"', {"title": 'at the end"'}),
        (url, 'http://a/ "all of it"', {"title": "all of it"}),
        (url, 'http://a/ "all of it"  ', {"title": "all of it"}),
        (url, r'http://a/ "all \"of\" it"', {"title": 'all "of" it'}),
        (url, 'http://a/ ""', {"title": ""}),
        (url, "http://a/ a=b and address=c", {"title": "a=b and address=c"}),
        (url, "http://a/ two  spaces   kept", {"title": "two  spaces   kept"}),
        (url, "http://a/ a\\b", {"title": "a\\b"}),
        (url, 'http://a/ title="the title"', {"title": "the title"}),
        (url, "title=one http://a/", {"address": "http://a/", "title": "one"}),
        (say, "a=b", {"text": "a=b"}),
        (say, "text=b", {"text": "text=b"}),
        (say, "x", {"text": "x"}),
        (maybe, "x because of that", {"why": "because of that"}),
        (maybe, "x", {"why": None}),
        (note, 'x text="a b"', {"text": "a b"}),
        (nothing, "", {}),
        (nothing, "   ", {}),
    ],
)
def test_what_takes_the_rest_takes_it_as_it_stands(function, text, expected):
    assert called(function, text).items() >= expected.items()


@pytest.mark.parametrize(
    ("function", "text", "expected"),
    [
        (up, "web1", {"names": "web1", "like": "", "size_gb": 4}),
        (up, "web1 like=scraper size-gb=8", {"like": "scraper", "size_gb": 8}),
        (up, "size_gb=8 web1", {"names": "web1", "size_gb": 8}),
        (up, 'web1 like="two words" wait=1h30m', {"like": "two words", "wait": timedelta(hours=1.5)}),
        (up, "web1 like='it is' size_gb=1", {"like": "it is"}),
        (up, "web1 like=a=b", {"like": "a=b"}),
        (up, "web1 like=", {"like": ""}),
        (move, "a 2", {"first": "a", "second": 2, "third": 3}),
        (move, "a 2 5", {"third": 5}),
        (move, "a third=5 2", {"second": 2, "third": 5}),
        (move, "third=5 a 2", {"first": "a", "third": 5}),
        (move, "first=1 2", {"first": "first=1"}),
        (move, '"third=5" 2', {"first": "third=5", "third": 3}),
        (move, "Third=5 2", {"first": "Third=5", "third": 3}),
        (move, "'a b' 2", {"first": "a b"}),
        (move, "don't 2", {"first": "don't"}),
        (several, "", {"numbers": (), "total": 0.0}),
        (several, "1 2 3", {"numbers": (1, 2, 3)}),
        (several, "1 total=2.5 3", {"numbers": (1, 3), "total": 2.5}),
        (pick, "start", {"action": "start", "names": (), "force": False}),
        (pick, "stop a b force=yes c", {"action": "stop", "names": ("a", "b", "c"), "force": True}),
        (pick, "stop names=x", {"names": ("names=x",)}),
        (run, "web* uptime -p", {"names": "web*", "command": "uptime -p"}),
        (run, "web* deadline=5m make test", {"command": "make test", "deadline": timedelta(minutes=5)}),
        (run, "web* make deadline=5m", {"command": "make deadline=5m", "deadline": timedelta(minutes=1)}),
        (run, "web* DEADLIN=5m make", {"command": "DEADLIN=5m make"}),
        (run, "web* dea=5m make", {"command": "dea=5m make"}),
        (run, "web* echo 'a", {"command": "echo 'a"}),
        (run, "web* 'a' && 'b'", {"command": "'a' && 'b'"}),
    ],
)
def test_each_word_goes_where_it_belongs(function, text, expected):
    assert called(function, text).items() >= expected.items()


@pytest.mark.parametrize(
    ("function", "text", "said"),
    [
        (url, "", "address is missing"),
        (url, "title=x", "address is missing"),
        (url, "example.org", "address must be an address that begins with http:// or https://, not 'example.org'"),
        (url, "http://a/ title=two words", "'words' is one word too many"),
        (say, "", "text is missing"),
        (move, "a", "second is missing"),
        (move, "a b", "second must be a whole number, not 'b'"),
        (move, "a 1 third=x", "third must be a whole number, not 'x'"),
        (move, "a 1 2 3", "'3' is one word too many"),
        (move, "a 1 2 third=3", "third is given twice"),
        (move, "a 1 third=3 third=3", "third is given twice"),
        (move, "a ١", "second must be a whole number, not '١'"),
        (move, "'a 1", "the quote ' in 'a 1 is not closed: type another '"),
        (several, "1 two", "numbers must be a whole number, not 'two'"),
        (pick, "stat", "action must be one of start, stop (did you mean start?), not 'stat'"),
        (up, "web1 wait=soon", "wait must be a length of time such as 90s, 10m, 1h30m or 2d, not 'soon'"),
        (up, "web1 web2", "'web2' is one word too many"),
        (up, "web1 lke=x", "'lke=x' is one word too many"),
        (up, "web1 like='a", "the quote ' in 'a is not closed: type another '"),
        (nothing, "x", "'x' is one word too many"),
        (note, "x a b", "'a' is one word too many"),
    ],
)
def test_what_does_not_fit_is_said(function, text, said):
    with pytest.raises(Problem) as caught:
        called(function, text)
    assert str(caught.value) == said


@pytest.mark.parametrize("function", [move, nothing])
def test_a_wrong_word_is_shown_briefly_and_without_what_nobody_sees(function):
    with pytest.raises(Problem) as caught:
        called(function, "\u202ea 1 2 \u202e" + "x" * 400)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    ("function", "usage"),
    [
        (url, "ADDRESS [TITLE…]"),
        (up, "NAMES [like=…] [size-gb=…] [wait=…]"),
        (say, "TEXT…"),
        (pick, "ACTION [NAMES…] [force=…]"),
        (move, "FIRST SECOND [third=…]"),
        (several, "[NUMBERS…] [total=…]"),
        (run, "NAMES [deadline=…] COMMAND…"),
        (note, "NAME [text=…]"),
        (maybe, "NAME [WHY…]"),
        (nothing, ""),
    ],
)
def test_a_usage_line_shows_what_is_typed(function, usage):
    assert signature_of(function).usage == usage


def test_what_stands_after_the_star_without_a_default_is_found_by_its_type():
    assert signature_of(up).needs == (("said", Message),)
    assert [each.name for each in signature_of(up).typed] == ["names", "like", "size_gb", "wait"]


def test_types_written_as_text_are_read():
    def later(count: "int", *, said: "Message"):
        return count

    assert signature_of(later).needs == (("said", Message),)
    assert called(later, "3") == 3


def untyped_need(*, thing):
    pass


def open_ended(**options: str):
    pass


def bytes_typed(data: bytes):
    pass


def list_typed(names: list[str]):
    pass


def two_typed(either: int | str):
    pass


def unhashable(either: Annotated[str, []]):
    pass


def unknown_type(thing: "Nowhere"):  # noqa: F821
    pass


def unknown_attribute(thing: "timedelta.nowhere"):
    pass


def no_type(thing: "1 +"):  # noqa: F722
    pass


def rest_first(text: Rest, name: str):
    pass


def two_rests(text: Rest, more: Rest = ""):
    pass


def rest_then_several(text: Rest = "", *names: str):
    pass


def several_rests(*texts: Rest):
    pass


def only_by_place(name, /, other: int = 1):
    pass


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (untyped_need, r"untyped_need: thing stands after the \*, so it needs a type to be found by"),
        (open_ended, r"open_ended: \*\*options cannot be typed"),
        (bytes_typed, r"bytes_typed: data stands before the \*, .* no word can become bytes; move it behind a \*"),
        (list_typed, "list_typed: names .* no word can become list"),
        (two_typed, r"two_typed: either .* no word can become int \| str"),
        (unhashable, "unhashable: either .* no word can become"),
        (unknown_type, "unknown_type: its types cannot be read: name 'Nowhere' is not defined"),
        (unknown_attribute, "unknown_attribute: its types cannot be read: .*nowhere"),
        (no_type, "no_type: its types cannot be read"),
        (rest_first, "rest_first: text takes the rest of the line, so nothing can stand after it"),
        (two_rests, "two_rests: text takes the rest of the line"),
        (rest_then_several, "rest_then_several: text takes the rest of the line"),
        (several_rests, "several_rests: texts takes the rest of the line"),
        (only_by_place, "only_by_place: name stands before a /"),
    ],
)
def test_a_function_that_cannot_be_typed_or_filled_is_refused_with_its_name(function, said):
    with pytest.raises(Problem, match=said):
        signature_of(function)


FUNCTIONS = [url, up, say, pick, move, several, run, note, maybe, nothing]
TYPED = (
    st.text()
    | st.text("\"'\\= abe12tilk-*")
    | st.lists(st.sampled_from(["a", "'b", '"c', "d'", "1", "like=", "third=2"])).map(" ".join)
)


@given(st.sampled_from(FUNCTIONS), TYPED)
@settings(max_examples=500, deadline=None)
def test_no_text_makes_a_call_raise_anything_but_a_problem(function, text):
    with suppress(Problem):
        called(function, text)


@given(st.lists(st.text()))
@settings(max_examples=500, deadline=None)
def test_for_any_words_there_is_a_quoting_that_gives_them_back(words):
    def take(*words: str):
        return words

    assert called(take, " ".join(map(quoted, words))) == tuple(words)


@given(st.text(), st.text())
@settings(max_examples=300, deadline=None)
def test_for_any_option_there_is_a_quoting_that_gives_it_back(like, rest):
    def take(*, like: str = "none", other: str = "none"):
        return like, other

    assert called(take, f"other={quoted(rest)} like={quoted(like)}") == (like, rest)


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_for_any_rest_there_is_a_quoting_that_gives_it_back(text):
    assert called(say, quoted(text)) == {"text": text}


@given(st.text("ab'\"\\=/ ", min_size=1).filter(lambda text: text.strip(" ")))
@settings(max_examples=300, deadline=None)
def test_a_rest_that_no_quotes_enclose_stays_as_it_is(text):
    text = f"x{text}x"
    assert called(say, text) == {"text": text}


Dry = Annotated[bool, Flag("-n")]


def tag(which: Targets, *tags: str, dry_run: Dry = False):
    return {"which": str(which), "tags": tags, "dry_run": dry_run}


def send(text: Rest, *, quiet: Dry = False):
    return {"text": text, "quiet": quiet}


@pytest.mark.parametrize(
    ("text", "tags", "dry_run"),
    [
        ("web +a", ("+a",), False),
        ("-n web +a", ("+a",), True),
        ("web -n +a", ("+a",), True),
        ("web +a -n", ("+a",), True),
        ("web -n", (), True),
        ("web -n -n", (), True),
        ("web -nn", ("-nn",), False),
        ("web '-n'", ("-n",), False),
        ("web dry-run=yes", (), True),
        ("web dry_run=no", (), False),
    ],
)
def test_a_flag_is_switched_on_by_its_word_wherever_it_stands(text, tags, dry_run):
    assert called(tag, text) == {"which": "web", "tags": tags, "dry_run": dry_run}


def test_a_flag_is_a_flag_only_before_what_takes_the_rest_of_the_line():
    assert called(send, "-n hello -n") == {"text": "hello -n", "quiet": True}
    assert called(send, "hello -n") == {"text": "hello -n", "quiet": False}


def test_a_flag_is_shown_as_it_is_typed():
    assert signature_of(tag).usage == "WHICH [TAGS…] [-n]"
    assert signature_of(send).usage == "[-n] TEXT…"


@pytest.mark.parametrize(
    ("function", "typed", "said"),
    [
        (several, "1 2 totl=3", "there is no totl=; did you mean total=?"),
        (move, "a thrid=4", "there is no thrid=; did you mean third=?"),
        (several, "1 x=3", "numbers must be a whole number"),
        (run, "web deadlin=5m make", "there is no deadlin=; did you mean deadline=?"),
    ],
)
def test_a_mistyped_option_is_answered_with_the_right_one(function, typed, said):
    with pytest.raises(Problem, match=said.replace("?", r"\?")):
        signature_of(function).bind(typed)


def script(name: str, words: Arguments = [], *, as_: str = "", stop_after: int = 0, dry_run: Dry = False):
    return {"name": name, "words": words, "as_": as_, "stop_after": stop_after, "dry_run": dry_run}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", {"words": [], "as_": ""}),
        ("x a 'b c'", {"words": ["a", "b c"]}),
        ("x 'a b'", {"words": ["a b"]}),
        ('x "a" "b"', {"words": ["a", "b"]}),
        ("x as=bob a as=eve", {"words": ["a", "as=eve"], "as_": "bob"}),
        ("x a -n", {"words": ["a", "-n"], "dry_run": False}),
        ("x -n a", {"words": ["a"], "dry_run": True}),
        ("x '-n' a", {"words": ["-n", "a"], "dry_run": False}),
        ("x stop-after=3 a", {"stop_after": 3}),
        ("x stop_after=3 a", {"stop_after": 3}),
        ("x ab=3", {"words": ["ab=3"]}),
        ("x STOP_AFTR=3", {"words": ["STOP_AFTR=3"]}),
        ("x 'stop-aftr=3'", {"words": ["stop-aftr=3"]}),
    ],
)
def test_arguments_are_words_of_their_own_and_options_stand_before_them(text, expected):
    assert called(script, text).items() >= expected.items()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x stop-aftr=3 a", "there is no stop-aftr=; did you mean stop-after=?"),
        ("x as=a as=b", "as is given twice"),
        ("x stop-after=x", "stop-after must be a whole number, not 'x'"),
        ("x 'a", "the quote ' in 'a is not closed: type another '"),
    ],
)
def test_a_name_that_python_keeps_for_itself_is_told_as_it_is_typed(text, said):
    with pytest.raises(Problem) as caught:
        called(script, text)
    assert str(caught.value) == said


def test_the_usage_line_of_arguments_and_of_such_names():
    assert signature_of(script).usage == "NAME [as=…] [stop-after=…] [-n] [WORDS…]"
