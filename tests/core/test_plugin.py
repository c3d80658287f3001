"""Marks on plain functions: what they remember, and what they refuse at once."""

import functools
from types import ModuleType

import pytest

from chanops.core.errors import Problem
from chanops.core.plugin import (
    CommandMark,
    HearsMark,
    OnMark,
    ScheduleMark,
    SettingsMark,
    command,
    cron,
    daily,
    every,
    hears,
    marks_of,
    on,
    settings,
)
from chanops.core.schedule import Schedule


def module(**things):
    """A module that defines these things itself."""
    made = ModuleType("weather")
    for name, thing in things.items():
        thing.__module__ = "weather"
        setattr(made, name, thing)
    return made


def mark_left_by(decorator):
    """The one mark that a decorator leaves."""

    def function():
        return "unchanged"

    assert decorator(function) is function
    assert function() == "unchanged"
    [(marked, mark)] = marks_of(module(function=function))
    assert marked is function
    return mark


@pytest.mark.parametrize(
    ("decorator", "mark"),
    [
        (command("url"), CommandMark(("url",))),
        (command("url", "keep", "save-2"), CommandMark(("url", "keep", "save-2"))),
        (command("down", role="ops", confirm=True), CommandMark(("down",), "ops", "this runs it")),
        (command("down", confirm="this destroys it"), CommandMark(("down",), "", "this destroys it")),
        (command("down", confirm=False), CommandMark(("down",))),
        (on("join"), OnMark("join")),
        (on("JOIN"), OnMark("join")),
        (on("332"), OnMark("332")),
        (every("10m"), ScheduleMark(Schedule.every("10m"))),
        (every("10m", to="#ops"), ScheduleMark(Schedule.every("10m"), "#ops")),
        (daily("09:00", to="#ops", zone="Europe/Paris"), ScheduleMark(Schedule.daily("09:00", "Europe/Paris"), "#ops")),
        (cron("*/15 * * * *", zone="UTC"), ScheduleMark(Schedule.cron("*/15 * * * *", "UTC"))),
    ],
)
def test_a_decorator_leaves_a_mark_and_changes_nothing_else(decorator, mark):
    assert mark_left_by(decorator) == mark


@pytest.mark.parametrize("replayed", [True, False])
def test_a_pattern_is_compiled_once(replayed):
    mark = mark_left_by(hears(r"(?i)x+", replayed=replayed))
    assert isinstance(mark, HearsMark)
    assert mark.replayed is replayed
    assert mark.pattern.search("aXX")[0] == "XX"


@pytest.mark.parametrize("name", ["", "Url", "two words", "1st", "-x", "url!", ".url", "ürl", "url\n", "\u212ay"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_name_that_nobody_can_type_is_refused(name, place):
    with pytest.raises(
        Problem, match=r"^@command\(.*\): a name is lower-case letters, digits, - and _, a letter first"
    ):
        command(*[name, "fine"][:: -1 if place else 1])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: hears("("), r"^@hears\('\('\): not a regular expression: "),
        (lambda: every("soon"), r"^@every\('soon'\): must be a length of time"),
        (lambda: daily("9am"), r"^@daily\('9am'\): must be a time of day"),
        (lambda: daily("09:00", zone="Paris"), r"^@daily\('09:00'\): there is no time zone 'Paris'"),
        (lambda: cron("* * *"), r"^@cron\('\* \* \*'\): must have five fields"),
        (lambda: settings("Weather"), r"^@settings\('Weather'\): a section is lower-case letters"),
        (lambda: settings("a b"), r"^@settings\('a b'\): a section is lower-case letters"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused_where_it_is_written(make, said):
    with pytest.raises(Problem, match=said):
        make()


def test_a_function_may_have_several_marks_and_keeps_their_order():
    @command("now")
    @every("1h")
    @on("start")
    def report():
        pass

    found = [type(mark) for _, mark in marks_of(module(report=report))]
    assert found == [CommandMark, ScheduleMark, OnMark]


def test_marks_come_in_the_order_of_the_file():
    first, second = command("a")(lambda: 1), command("b")(lambda: 2)
    assert [mark.names for _, mark in marks_of(module(z=first, a=second))] == [("a",), ("b",)]


def test_what_a_module_imported_is_not_its_own():
    imported = command("theirs")(lambda: 1)
    mine = module()
    mine.imported = imported
    assert list(marks_of(mine)) == []


def test_a_function_with_two_names_in_its_module_is_marked_once():
    function = command("once")(lambda: 1)
    assert len(list(marks_of(module(function=function, alias=function)))) == 1


def test_what_has_no_mark_is_passed_over():
    class Plain:
        pass

    assert list(marks_of(module(plain=Plain, function=lambda: 1))) == []


def test_a_wrapped_function_keeps_its_marks():
    @command("wrapped")
    def inner():
        return 1

    @functools.wraps(inner)
    def outer():
        return inner() + 1

    [(thing, mark)] = marks_of(module(outer=outer))
    assert thing is outer
    assert mark == CommandMark(("wrapped",))


def test_a_class_becomes_a_section_and_its_children_do_not():
    @settings("weather")
    class Weather:
        """The weather."""

        city: str = "Paris"

    class Child(Weather):
        pass

    assert list(marks_of(module(weather=Weather, child=Child))) == [(Weather, SettingsMark("weather"))]
    assert Weather().city == "Paris"
    assert Weather(city="Rome").city == "Rome"
    with pytest.raises(AttributeError):
        Weather().city = "Rome"
    with pytest.raises(TypeError):
        Weather("Rome")
