"""The book of what plugins brought: what has which name, and what hears what."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.book import MOST_CHOSEN, Book, Command, Listener, Plugin, Timed, literal_in
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.schedule import Schedule
from chanops.core.signature import signature_of
from chanops.core.words import Rest, Url

WORD_AND_NUMBER = r"(\w+)=(\d+)"


def nothing():
    """Nothing."""


def command(*names, function=nothing):
    return Command("p", names, function, signature_of(function), function.__doc__ or "")


def listener(*events, function=nothing, pattern="", **others):
    others |= {"events": events} if events else {}
    return Listener("p", function, signature_of(function), pattern=re.compile(pattern) if pattern else None, **others)


def plugin(name, *parts, sections=(), origin=""):
    return Plugin(
        name,
        origin or f"{name}.py",
        commands=tuple(each for each in parts if isinstance(each, Command)),
        listeners=tuple(each for each in parts if isinstance(each, Listener)),
        timed=tuple(each for each in parts if isinstance(each, Timed)),
        sections=dict.fromkeys(sections, object),
    )


def heard(each, said):
    """What a listener's function is called with."""
    return [args for args, _ in each.finds(said)]


def test_a_command_is_found_by_each_of_its_names():
    url, links = command("url", "keep"), command("links")
    book = Book.of([plugin("one", url), plugin("two", links)])
    assert book.by_name == {"url": url, "keep": url, "links": links}
    assert url.name == "url"


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ([plugin("a"), plugin("a", origin="b/a.py")], "plugin a is in a.py and in b/a.py: rename one, or leave"),
        ([plugin("a", command("x")), plugin("b", command("x"))], "command x is in a.py and in b.py"),
        ([plugin("a", command("x")), plugin("b", command("y", "x"))], "command x is in a.py and in b.py"),
        ([plugin("a", command("x", "x"))], "command x is in a.py and in a.py"),
        ([plugin("a", sections=["web"])], r"section \[web\] is in chanops itself and in a.py: rename one"),
        ([plugin("a", sections=["roles"])], r"section \[roles\] is in chanops itself and in a.py"),
        ([plugin("a", sections=["w"]), plugin("b", sections=["w"])], r"section \[w\] is in a.py and in b.py"),
    ],
)
def test_two_things_of_one_name_are_refused_with_both_places(plugins, said):
    with pytest.raises(Problem, match=said):
        Book.of(plugins)


def test_a_plugin_a_command_and_a_section_may_share_a_name():
    Book.of([plugin("weather", command("weather"), sections=["weather"])])


@pytest.mark.parametrize(
    ("doc", "summary"),
    [("", ""), ("One.", "One."), ("\n  One line.\n\n  More.\n", "One line."), ("One.\nTwo.", "One.")],
)
def test_a_summary_is_the_first_line_of_what_a_command_says_of_itself(doc, summary):
    assert Command("p", ("x",), nothing, signature_of(nothing), doc).summary == summary


def test_a_usage_line_is_what_is_typed():
    def url(address: Url, title: Rest = ""):
        pass

    assert command("url", "keep", function=url).usage(".") == ".url ADDRESS [TITLE…]"
    assert command("help").usage("!") == "!help"


@pytest.mark.parametrize(
    ("name", "nearest"), [("urll", "url"), ("URL", "url"), ("kep", "keep"), ("xyzzy", ""), ("", ""), ("help!", "")]
)
def test_the_nearest_name_is_found(name, nearest):
    assert Book.of([plugin("p", command("url", "keep"))]).near(name) == nearest


@pytest.mark.parametrize(
    ("event", "command", "names"),
    [
        ("message", "PRIVMSG", "said both any"),
        ("action", "PRIVMSG", "said any"),
        ("join", "JOIN", "join both any"),
        ("welcome", "001", "welcome number any"),
        ("topic", "332", "any"),
        ("made-up", "MADE-UP", "any"),
    ],
)
def test_an_event_is_heard_by_its_name_by_its_number_and_by_what_hears_all(event, command, names):
    parts = {
        "said": listener(),
        "join": listener("join"),
        "both": listener("join", "message"),
        "welcome": listener("welcome"),
        "number": listener("001"),
        "any": listener("*"),
    }
    book = Book.of([plugin("p", *parts.values())])
    for _ in range(2):
        found = book.listeners(Message(event=event, command=command))
        assert set(found) == {parts[name] for name in names.split()}
        assert len(found) == len(names.split())


def test_however_many_kinds_of_event_a_server_makes_up_they_are_not_all_remembered():
    book = Book.of([plugin("p", listener("*"), listener("late"))])
    for number in range(MOST_CHOSEN + 50):
        assert len(book.listeners(Message(event=f"e{number}", command=f"E{number}"))) == 1
    assert len(book.listeners(Message(event="late", command="LATE"))) == 2
    assert len(book.chosen) == MOST_CHOSEN


def test_a_book_without_plugins_hears_nothing():
    assert Book.of([]).listeners(Message()) == ()
    assert Book.of([]).near("x") == ""
    assert Book.of([]).timed == []


def test_a_plugin_names_each_of_its_functions_so_that_its_needs_can_be_checked():
    timed = Timed("p", nothing, signature_of(nothing), Schedule.every("1m"))
    found = plugin("p", command("x"), listener(), timed)
    assert [name for name, _ in found.signatures] == ["p.nothing"] * 3
    assert Book.of([found]).timed == [timed]


def takes_word(word):
    pass


def takes_both(word, number: int):
    pass


def takes_number(number: int):
    pass


def takes_url(address: Url, *, note: str = ""):
    pass


def takes_maybe(word="none", number: int = -1):
    pass


def takes_required_maybe(word: str | None, number: int):
    pass


@pytest.mark.parametrize(
    ("function", "pattern", "text", "calls"),
    [
        (takes_word, "x+", "ax bxx", [["x"], ["xx"]]),
        (takes_word, "x+", "abc", []),
        (takes_both, WORD_AND_NUMBER, "a=1, b=2", [["a", 1], ["b", 2]]),
        (takes_word, WORD_AND_NUMBER, "a=1", [["a"]]),
        (takes_number, r"\w+", "ten 10 11", [[10], [11]]),
        (takes_number, r"[0-9]+", "1" * 30, []),
        (takes_url, r"\S+://\S+", "see http://a/ and ftp://b/ and http://c/", [["http://a/"], ["http://c/"]]),
        (takes_url, r"(\S+://\S+) (\S+)", "http://a/ note", [["http://a/"]]),
        (takes_maybe, r"^(\w+)?=(\d+)?$", "a=1", [["a", 1]]),
        (takes_maybe, r"^(\w+)?=(\d+)?$", "=1", [["none", 1]]),
        (takes_maybe, r"^(\w+)?=(\d+)?$", "a=", [["a", -1]]),
        (takes_required_maybe, r"^(\w+)?=(\d+)$", "=1", [[None, 1]]),
        (nothing, "x", "xx", [[], []]),
        (nothing, "", "anything", [[]]),
    ],
)
def test_a_pattern_fills_what_a_function_takes(function, pattern, text, calls):
    assert heard(listener(function=function, pattern=pattern), Message(text=text)) == calls


def test_a_function_is_told_the_moment_and_the_match():
    said = Message(text="a=1")
    [(_, moment)] = listener(function=takes_both, pattern=WORD_AND_NUMBER).finds(said)
    assert moment[0] is said
    assert moment[1][0] == "a=1"
    [(_, moment)] = listener("join").finds(said)
    assert moment == (said,)


@pytest.mark.parametrize(
    ("replayed", "wants", "hears"), [(True, False, 0), (True, True, 1), (False, True, 1), (False, False, 1)]
)
@pytest.mark.parametrize("pattern", ["", "x"])
def test_old_lines_are_heard_by_whoever_wants_them(replayed, wants, hears, pattern):
    each = listener(function=takes_word if pattern else nothing, pattern=pattern, replayed=wants)
    assert len(heard(each, Message(text="x", replayed=replayed))) == hears


@pytest.mark.parametrize(("network", "hears"), [("", 1), ("libera", 1), ("oftc", 0)])
def test_a_listener_may_be_for_one_network(network, hears):
    assert len(heard(listener(network=network), Message("libera", text="x"))) == hears


def test_what_is_matched_once_is_matched_at_the_beginning():
    each = listener(function=takes_word, pattern="x", once=True)
    assert heard(each, Message(text="xx")) == [["x"]]
    assert heard(each, Message(text="ax")) == []


def test_what_wants_the_line_as_it_came_gets_it_with_its_formatting():
    each = listener(function=takes_word, pattern="\x02x\x02", raw=True)
    assert heard(each, Message(text="x", raw="\x02x\x02")) == [["\x02x\x02"]]
    assert heard(listener(function=takes_word, pattern="\x02x\x02"), Message(text="x", raw="\x02x\x02")) == []


PATTERNS = [
    (r"https?://\S+", "http"),
    (r"(?i:https?)://\S+", "://"),
    (r"(?i)https://", ""),
    (r"abc", "abc"),
    (r"ab|cd", ""),
    (r"x(?:ab|cd)yz", "yz"),
    (r"a?bcd*e", "bc"),
    (r"(abc)", ""),
    (r"^hello\b.*$", "hello"),
    (r"(?<!x)ab(?=c)c", "ab"),
    (r"(?x) a b c  # spaces do not count", "abc"),
    (r"[abc]+", ""),
    (r"a{3}bb", "bb"),
    (r"a\.b\\c", "a.b\\c"),
    ("a\0bc", "bc"),
    (r"", ""),
    (r"(\w+)\+\+", "++"),
    (r"日本語", "日本語"),
]


@pytest.mark.parametrize(("pattern", "needle"), PATTERNS)
def test_the_text_that_every_find_has_is_known(pattern, needle):
    assert literal_in(re.compile(pattern)) == needle


@given(st.sampled_from([pattern for pattern, _ in PATTERNS]).flatmap(lambda p: st.tuples(st.just(p), st.from_regex(p))))
@settings(max_examples=500, deadline=None)
def test_the_quick_look_passes_nothing_by_that_the_pattern_finds(case):
    pattern, text = case
    each = listener(pattern=pattern)
    assert each.needle in text
    assert pattern == "" or each.first(text) is not None


@pytest.mark.parametrize("each", [listener("join"), listener(pattern="abc", raw=True)])
def test_there_is_no_quick_look_where_the_text_is_not_what_is_searched(each):
    assert each.needle == ""
    assert each.first is None
