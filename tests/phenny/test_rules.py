"""What the attributes of a phenny function mean: its patterns, its defaults, and whether it is one."""

import re

import pytest

from chanops.phenny.rules import bind_defaults, command_pattern, filled, is_phenny, names_nick, rule_patterns


def made(**attributes):
    """A function with attributes, as people wrote them under it."""

    def function(phenny, input):
        """Documented."""

    for name, value in attributes.items():
        setattr(function, name, value)
    return function


def groups(rule, said, nick="bot", prefix="."):
    """The groups of each of a rule's patterns that matches what is said."""
    found = [pattern.match(said) for pattern in rule_patterns(made(rule=rule), nick, prefix)]
    return [each.groups() for each in found if each]


@pytest.mark.parametrize(
    ("command", "said", "found"),
    [
        ("weather", ".weather", ("weather", None)),
        ("weather", ".weather Paris", ("weather", "Paris")),
        ("weather", ".weather   Paris, France ", ("weather", "Paris, France ")),
        ("weather", ".weather ", ("weather", "")),
        ("weather", ".weatherman", None),
        ("weather", "x .weather", None),
        ("weather", " .weather", None),
        ("weather", "weather", None),
        ("weather", ":weather", None),
        ("weather", ".Weather", None),
        ("weather", ".weather\tParis", None),
        ("we?ather", ".wather x", ("wather", "x")),
        ("c(?:at|ow)", ".cow", ("cow", None)),
        ("tell|ask", ".tell bob hello", ("tell", "bob hello")),
        ("tell|ask", ".ask", ("ask", None)),
        (r"(\d+)d(\d+)", ".2d6", ("2d6", "2", "6", None)),
    ],
)
def test_a_command_is_a_pattern_between_prefix_and_rest(command, said, found):
    match = command_pattern(command, ".").match(said)
    assert (match and match.groups()) == found


@pytest.mark.parametrize("prefix", [".", "!", "++", "$", "?", "(", "\\", "^"])
def test_the_prefix_is_text_though_it_looks_like_a_pattern(prefix):
    assert command_pattern("x", prefix).match(f"{prefix}x y").groups() == ("x", "y")
    assert command_pattern("x", prefix).match("ax y") is None
    assert groups((["x"], "(.*)"), f"{prefix}x y", prefix=prefix) == [("x", "y")]
    assert groups((["x"], "(.*)"), "ax y", prefix=prefix) == []


@pytest.mark.parametrize(
    ("rule", "said", "found"),
    [
        # One pattern: from the beginning, not to the end.
        (r"(\w+)\+\+", "karma++", [("karma",)]),
        (r"(\w+)\+\+", "karma++ indeed", [("karma",)]),
        (r"(\w+)\+\+", "!karma++", []),
        (r".*", "", [()]),
        (r"(?i)hello", "HELLO there", [()]),
        (r"$nickname!", "bot!", [()]),
        (r"$nickname!", "robot!", []),
        (r".*\b$nickname\b", "I like bot a lot", [()]),
        (r"$nickhello", "bot: hello", [()]),
        (r"^$nick(\S+)$", "bot,  hello", [("hello",)]),
        # The nick, then a pattern: a colon or comma, and at least one space.
        (("$nick", r"(\S+)"), "bot: hello", [("hello",)]),
        (("$nick", r"(\S+)"), "bot, hello", [("hello",)]),
        (("$nick", r"(\S+)"), "bot:   hello", [("hello",)]),
        (("$nick", r"(\S+)"), "bot:hello", []),
        (("$nick", r"(\S+)"), "bot hello", []),
        (("$nick", r"(\S+)"), "robot: hello", []),
        (("$nick", r"(\S+)"), "BOT: hello", []),
        (("$nickname", r" is (\S+)"), "bot is good", [("good",)]),
        (("$nick", r"costs $nickname"), "bot: costs bot", []),
        (("hey ", r"(\S+)"), "hey you", [("you",)]),
        # Commands, then a pattern that may be left out; its end is not the end of the line.
        ((["order", "fetch"], r"(\S+)"), ".order cake", [("order", "cake")]),
        ((["order", "fetch"], r"(\S+)"), ".fetch cake now", [("fetch", "cake")]),
        ((["order", "fetch"], r"(\S+)"), ".fetch", [("fetch", None)]),
        ((["order", "fetch"], r"(\S+)"), ".fetch!", [("fetch", None)]),
        ((["order", "fetch"], r"(\S+)"), ".fetching cake", []),
        ((["order", "fetch"], r"(\S+)"), "fetch cake", []),
        ((["add"], r"(\d+)|(x)"), ".add x", [("add", None, "x")]),
        ((["$nick"], r"(.*)"), ".bot: x", []),
        ((["a", "a?b"], r"(.*)"), ".ab x", [("ab", "x")]),
        ((("order",), r"(\S+)"), ".order cake", [("order", "cake")]),
        # The nick, commands, a pattern: at least one space behind the command.
        (("$nick", ["reload"], r"(\S+)?"), "bot: reload", []),
        (("$nick", ["reload"], r"(\S+)?"), "bot: reload ", [("reload", None)]),
        (("$nick", ["reload"], r"(\S+)?"), "bot: reload seen", [("reload", "seen")]),
        (("$nick", ["reload"], r"(\S+)?"), "bot, reload   seen now", [("reload", "seen")]),
        (("$nick", ["reload"], r"(\S+)?"), "bot: reloading seen", []),
        (("$nick", ["reload"], r"(\S+)?"), "reload seen", []),
        (("$nick", ["join", "part"], r"(#\S+)"), "bot: part #x", [("part", "#x")]),
        (("$nickname ", ["join"], r"(#\S+)"), "bot join #x", [("join", "#x")]),
    ],
)
def test_a_rule_has_four_forms(rule, said, found):
    assert groups(rule, said) == found


@pytest.mark.parametrize("rule", [None, 7, (), ("only one",), ["a", "list"], ("a", "b", "c", "d"), re.compile("x")])
def test_anything_else_is_no_rule(rule):
    assert list(rule_patterns(made(rule=rule), "bot", ".")) == []


def test_a_function_without_a_rule_has_no_patterns():
    assert list(rule_patterns(made(commands=["x"]), "bot", ".")) == []


@pytest.mark.parametrize("nick", ["bot", "bot[1]", "b|t", "b^t", "b\\t", "{b}", "`bot`", "b-t_"])
def test_whatever_characters_a_nick_has_it_is_matched_as_it_is(nick):
    assert groups(("$nick", r"(\S+)"), f"{nick}: hello", nick) == [("hello",)]
    assert groups("$nickname!", f"{nick}!", nick) == [()]


@pytest.mark.parametrize(
    ("pattern", "result"),
    [("x", "x"), ("$nickname", "bot"), ("$nick", "bot[,:] +"), ("$nickname$nick$nickname", "botbot[,:] +bot")],
)
def test_the_nick_is_filled_in(pattern, result):
    assert filled(pattern, "bot") == result


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("x", False),
        ("$nick", True),
        ("hey $nickname", True),
        (("$nick", "x"), True),
        (("x", "$nick"), False),
        ((["$nick"], "x"), False),
        (("$nick", ["x"], "y"), True),
        ((), False),
        (None, False),
    ],
)
def test_whether_a_rule_depends_on_the_network(rule, named):
    assert names_nick(made(rule=rule)) is named


def test_a_function_keeps_the_defaults_where_modules_read_them():
    function = made(rule="x")
    bind_defaults(function)
    found = (function.priority, function.thread, function.event, function.name)
    assert found == ("medium", True, "PRIVMSG", "function")
    assert not hasattr(function, "commands")
    assert not hasattr(function, "example")


def test_what_a_function_has_is_kept_and_its_event_is_upper_case():
    function = made(rule="x", priority="high", thread=False, event="join", name="greeter", example=".x")
    bind_defaults(function)
    bind_defaults(function)
    found = (function.priority, function.thread, function.event, function.name, function.example)
    assert found == ("high", False, "JOIN", "greeter", ".x")


@pytest.mark.parametrize(
    ("thing", "is_one"),
    [
        (made(commands=["x"]), True),
        (made(rule="x"), True),
        (made(event="JOIN"), False),
        (made(), False),
        (7, False),
        ("rule", False),
        (type("NotCallable", (), {"rule": "x"})(), False),
    ],
)
def test_commands_or_a_rule_make_a_function_one_of_phennys(thing, is_one):
    assert is_phenny(thing) is is_one
