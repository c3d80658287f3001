"""How a section of the configuration becomes a checked value: kinds of keys, secrets, and what is said of mistakes."""

from dataclasses import field
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.configuration import revealer
from chanops.core.errors import Problem
from chanops.core.settings import (
    Channels,
    HostAndPort,
    Key,
    Line,
    LogLevel,
    OneWord,
    Seconds,
    Secret,
    WebRoot,
    Words,
    Zone,
    checked,
    keys_of,
    section,
)

HUSH = "hunter2-is-the-secret"


@section
class Weather:
    """Where the weather is."""

    city: str
    """The city.

    Or the village.
    """
    days: int = 3
    """How many days."""
    ratio: float = 0.5
    loud: bool = False
    """Whether it is
    said aloud."""
    unit: Literal["c", "f"] = "c"
    words: Words = ("a", "b")
    later: list[str] = field(default_factory=lambda: ["x"])
    key: Secret = Secret("")
    """The key."""


@section
class Kinds:
    word: OneWord = "x"
    line: Line = ""
    words: Words = ()
    channels: Channels = ()
    seconds: Seconds = 1.0
    listen: HostAndPort = ""
    root: WebRoot = ""
    zone: Zone = "UTC"
    level: LogLevel = "info"


@section
class Keys:
    password: Secret = Secret("")
    token: Secret = Secret("")


def nothing(kind, value):
    raise Problem("there is nothing")


def read(cls=Weather, reveal=nothing, **keys):
    return checked(cls, "weather", keys, reveal)


def refused(cls=Weather, reveal=nothing, **keys):
    """What is said of keys that are wrong."""
    with pytest.raises(Problem) as caught:
        read(cls, reveal, **keys)
    return str(caught.value)


def test_keys_become_values_and_what_is_not_given_has_its_default():
    made = read(city="Paris", days="5", loud="yes", unit="f", words="x, y\nz")
    assert (made.city, made.days, made.loud, made.unit, made.words) == ("Paris", 5, True, "f", ("x", "y", "z"))
    assert (made.ratio, made.later, made.key.get_secret_value()) == (0.5, ["x"], "")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("word", "chanops", "chanops"),
        ("word", "#1", "#1"),
        ("line", "chanops, a bot", "chanops, a bot"),
        ("line", "", ""),
        ("words", "", ()),
        ("words", "a", ("a",)),
        ("words", "a b,c\n  d ,, e", ("a", "b", "c", "d", "e")),
        ("channels", "#ops, &local !x +y", ("#ops", "&local", "!x", "+y")),
        ("seconds", "30", 30),
        ("seconds", "1.5", 1.5),
        ("seconds", "0", 0),
        ("seconds", "30s", 30),
        ("seconds", "5m", 300),
        ("seconds", "1h30m", 5400),
        ("listen", "127.0.0.1:8080", "127.0.0.1:8080"),
        ("listen", "[::1]:0", "[::1]:0"),
        ("listen", "localhost:65535", "localhost:65535"),
        ("listen", "", ""),
        ("root", "https://ops.example", "https://ops.example"),
        ("root", "https://ops.example/chan//", "https://ops.example/chan"),
        ("root", "", ""),
        ("zone", "Europe/Paris", "Europe/Paris"),
        ("level", "DEBUG", "debug"),
    ],
)
def test_each_kind_of_key_is_read(key, text, value):
    assert getattr(read(Kinds, **{key: text}), key) == value


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("word", "", "must be one word"),
        ("word", "two words", "must be one word"),
        ("word", ":x", "must be one word"),
        ("word", "a\u200bb", "must not hold characters that nobody sees"),
        ("word", "a\nb", "must not hold characters that nobody sees"),
        ("line", "a\nQUIT", "must not hold characters that nobody sees"),
        ("line", "a\u202eb", "must not hold characters that nobody sees"),
        ("channels", "ops", "'ops' is no channel name such as #ops"),
        ("channels", "#ops help", "'help' is no channel name such as #ops"),
        ("channels", "#o\u200bps", "is no channel name such as #ops"),
        ("channels", "#o\x07ps", "is no channel name such as #ops"),
        ("seconds", "", "must be a length of time such as 90s, 10m, 1h30m or 2d"),
        ("seconds", "-1", "must be a length of time"),
        ("seconds", "soon", "must be a length of time"),
        ("seconds", "1e3", "must be a length of time"),
        ("seconds", "nan", "must be a length of time"),
        ("seconds", "inf", "must be a length of time"),
        ("seconds", ".", "must be a length of time"),
        ("seconds", "1.2.3", "must be a length of time"),
        ("seconds", "٣", "must be a length of time"),
        ("seconds", "9" * 400, "must be a length of time"),
        ("listen", "8080", "must be HOST:PORT, such as 127.0.0.1:8080, or empty for no pages"),
        ("listen", ":8080", "must be HOST:PORT"),
        ("listen", "localhost", "must be HOST:PORT"),
        ("listen", "localhost:", "must be HOST:PORT"),
        ("listen", "localhost:http", "must be HOST:PORT"),
        ("listen", "localhost:65536", "must be HOST:PORT"),
        ("listen", "localhost:-1", "must be HOST:PORT"),
        ("listen", "localhost:٨٠", "must be HOST:PORT"),
        ("listen", "localhost:" + "9" * 5000, "must be HOST:PORT"),
        ("root", "ops.example", "must be an address that begins with http:// or https://"),
        ("root", "ftp://ops.example", "must be an address that begins with"),
        ("root", "http://", "must be an address that begins with"),
        ("root", "http:///x", "must be an address that begins with"),
        ("root", "http://me:pw@ops.example", "must be an address without a name and password in it"),
        ("root", "http://ops.example/\nx", "must be an address of at most 2048 plain characters"),
        ("root", "http://ops example", "must be an address of at most 2048 plain characters"),
        ("zone", "Europe/Pariss", "is no time zone; did you mean Europe/Paris?"),
        ("zone", "europe/paris", "is no time zone; did you mean Europe/Paris?"),
        ("zone", "utc", "is no time zone; did you mean UTC?"),
        ("zone", "", "is no time zone such as Europe/Paris"),
        ("zone", "../etc/passwd", "is no time zone"),
        ("level", "loud", "must be debug, info, warning or error"),
    ],
)
def test_each_kind_of_key_refuses_what_it_cannot_be(key, text, said):
    found = refused(Kinds, **{key: text})
    assert found.startswith(f"[weather] {key}: ")
    assert said in found


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "[weather] city is missing: add `city = …`"),
        ({"city": "x", "dayz": "1"}, "[weather] dayz: there is no such key; did you mean days?"),
        ({"city": "x", "DAYS": "1"}, "[weather] DAYS: there is no such key; did you mean days?"),
        (
            {"city": "x", "zzz": "1"},
            "[weather] zzz: there is no such key; there are city, days, ratio, loud, unit, words, later, key",
        ),
        ({"city": "x", "days": "many"}, "[weather] days: should be a valid integer"),
        ({"city": "x", "days": "1.5"}, "[weather] days: should be a valid integer"),
        ({"city": "x", "days": ""}, "[weather] days: should be a valid integer"),
        ({"city": "x", "ratio": "much"}, "[weather] ratio: should be a valid number"),
        ({"city": "x", "loud": "very"}, "[weather] loud: should be a valid boolean"),
        ({"city": "x", "unit": "k"}, "[weather] unit: should be 'c' or 'f'"),
        ({"city": "x", "key_fil": HUSH}, "[weather] key_fil: there is no such key; "),
        ({"dayz": "1"}, "[weather] city is missing: add `city = …`; [weather] dayz: there is no such key"),
    ],
)
def test_a_mistake_is_said_with_its_section_its_key_and_its_mend(keys, said):
    assert refused(**keys).startswith(said)


@pytest.mark.parametrize(
    "keys",
    [
        {"days": HUSH},
        {"ratio": HUSH},
        {"loud": HUSH},
        {"unit": HUSH},
        {"key_fil": HUSH},
        {"key": HUSH, "days": "x"},
        {"key": HUSH, "key_file": HUSH + "-path"},
        {"pasword": HUSH},
    ],
)
def test_no_value_is_repeated_in_what_is_said_of_a_mistake(keys):
    assert HUSH not in refused(city="x", **keys)


def test_a_secret_is_given_as_it_is_or_by_a_file_or_by_the_environment(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text(f"{HUSH}\n")
    monkeypatch.setenv("CHANOPS_TEST_SECRET", HUSH)
    reveal = revealer(tmp_path)
    for keys in ({"password": HUSH}, {"password_file": "token"}, {"password_env": "CHANOPS_TEST_SECRET"}):
        assert read(Keys, reveal, **keys).password.get_secret_value() == HUSH
    both = read(Keys, reveal, password_file="token", token_env="CHANOPS_TEST_SECRET")
    assert both.token == both.password


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"password": "x", "password_file": "y"}, "[weather] password and password_file: give one of them"),
        ({"password": "x", "password_env": "y"}, "[weather] password and password_env: give one of them"),
        ({"password": "", "password_file": "y"}, "[weather] password and password_file: give one of them"),
        ({"password_file": "x", "password_env": "y"}, "[weather] password and password_env: give one of them"),
        ({"city_file": "x"}, "[weather] city_file: there is no such key"),
    ],
)
def test_a_secret_given_twice_is_refused(keys, said):
    assert refused(Keys, lambda kind, value: "revealed", **keys).startswith(said)


@pytest.mark.parametrize("kind", ["file", "env"])
def test_a_secret_that_is_not_where_it_should_be_is_said_with_its_key(kind):
    assert refused(Keys, **{f"password_{kind}": "nowhere"}) == f"[weather] password_{kind}: there is nothing"


def test_only_a_secret_may_stand_elsewhere():
    assert refused(city_env="HOME").count("no such key") == 1


@given(st.text(min_size=12).filter(lambda text: text not in "[weather] password and token"))
@settings(max_examples=200, deadline=None)
def test_a_secret_never_shows(secret):
    made = read(Keys, password=secret)
    assert made.password.get_secret_value() == secret
    for shown in (repr(made), str(made), f"{made}", repr(made.password), str(made.password), f"{made.password}"):
        assert secret not in shown


def test_keys_are_listed_with_default_and_purpose():
    assert keys_of(Weather) == [
        Key("city", None, "The city.\n\nOr the village.", False),
        Key("days", 3, "How many days.", False),
        Key("ratio", 0.5, "", False),
        Key("loud", False, "Whether it is\nsaid aloud.", False),
        Key("unit", "c", "", False),
        Key("words", ("a", "b"), "", False),
        Key("later", ["x"], "", False),
        Key("key", Secret(""), "The key.", True),
    ]


def test_a_section_is_frozen_and_has_no_words_but_its_own():
    with pytest.raises(AttributeError):
        read(city="x").city = "y"
    assert Weather.__doc__ == "Where the weather is."
    assert Kinds.__doc__ == ""


def test_what_stands_under_a_key_and_is_no_text_is_no_purpose():
    @section
    class Odd:
        """Odd."""

        first: int = 1
        print
        second: int = 2
        3
        third: int = 3
        """Third."""

    assert [key.purpose for key in keys_of(Odd)] == ["", "", "Third."]
