"""The example configuration: it is what the code prints, and says nothing but the defaults."""

from pathlib import Path

import pytest

from chanops.configuration import sections_of
from chanops.core.example import FIRST_VALUES, NAMES, example
from chanops.core.sections import NAMED, SINGLE, ChannelSettings, Settings, settings_from
from chanops.core.settings import HostAndPort, Seconds, Secret, Words, checked, keys_of, section

FILE = Path(__file__).parents[2] / "config.example.ini"
HUSH = "hunter2-is-the-secret"


@section
class Weather:
    """Where the weather is.

    And how often.
    """

    city: str
    """The city."""
    every: Seconds = 1_000_000.0
    """How often to look;
    not too often."""
    short: Seconds = 0.25
    days: int = 3
    loud: bool = True
    words: Words = ("a", "b")
    listen: HostAndPort = ""
    key: Secret = Secret(HUSH)
    """The key."""


@section
class Bare:
    size: int = 1


def nothing(kind, value):
    raise AssertionError("the example holds no secrets")


def test_the_file_at_the_top_of_the_house_is_what_the_code_prints():
    assert FILE.read_text(encoding="utf-8") == example({})


def test_the_example_read_back_is_the_defaults():
    made = settings_from(sections_of(example({})), nothing)
    sections = {name: {} for name in NAMES.values()}
    for (kind, key), value in FIRST_VALUES.items():
        sections[NAMES[kind]][key] = value
    assert made == settings_from(sections, nothing)
    usual = Settings()
    assert (made.bot, made.web, made.feed, made.jobs) == (usual.bot, usual.web, usual.feed, usual.jobs)
    assert (made.database, made.titles) == (usual.database, usual.titles)
    assert made.channel("example", "#ops") == ChannelSettings()


def test_every_section_and_key_is_there_with_what_it_is_for():
    text = example({})
    sections = {name.partition(":")[0]: keys for name, keys in sections_of(text).items()}
    assert set(sections) == {*SINGLE, *NAMED, "roles"}
    for name, cls in (SINGLE | NAMED).items():
        assert list(sections[name]) == [key.name for key in keys_of(cls)]
        assert f"# {cls.__doc__}\n[{name}" in text
        for key in keys_of(cls):
            assert f"# {key.purpose}\n{key.name} =" in text
    assert sections["roles"] == {}


def test_no_line_ends_in_a_space_or_is_too_long_for_a_terminal():
    for line in example({"weather": Weather}).splitlines():
        assert line == line.rstrip()
        assert len(line) <= 120


def test_the_sections_of_plugins_follow_with_their_defaults():
    assert example({"weather": Weather}).removeprefix(example({})) == (
        "\n"
        "# Where the weather is.\n"
        "# And how often.\n"
        "[weather]\n"
        "# The city.\n"
        "city =\n"
        "# How often to look;\n"
        "# not too often.\n"
        "every = 1000000\n"
        "short = 0.25\n"
        "days = 3\n"
        "loud = yes\n"
        "words = a b\n"
        "listen =\n"
        "# The key.\n"
        "key =\n"
    )


def test_a_plugin_s_section_read_back_is_its_defaults_but_for_the_secret():
    keys = sections_of(example({"weather": Weather}))["weather"]
    made = checked(Weather, "weather", keys, nothing)
    assert made == Weather(city="", key=Secret(""))


def test_a_secret_s_default_is_never_written():
    assert HUSH not in example({"weather": Weather})


def test_a_section_that_says_nothing_of_itself_has_no_comment():
    assert example({"bare": Bare}).removeprefix(example({})) == "\n[bare]\nsize = 1\n"


@pytest.mark.parametrize("plugins", [{}, {"weather": Weather}, {"bare": Bare, "weather": Weather}])
def test_the_example_can_be_read(plugins):
    assert set(sections_of(example(plugins))) >= set(plugins)
