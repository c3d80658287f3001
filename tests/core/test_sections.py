"""The sections of the configuration: every key, what it refuses, and what only shows in several keys together."""

import re

import pytest

from chanops.core.errors import Problem
from chanops.core.sections import (
    NAMED,
    SINGLE,
    BotSettings,
    ChannelSettings,
    DatabaseSettings,
    FeedSettings,
    NetworkSettings,
    Settings,
    TitleSettings,
    WebSettings,
    settings_from,
    unknown_section,
)
from chanops.core.settings import keys_of

HUSH = "hunter2-is-the-secret"
TITLES = {
    "bot": "bot",
    "database": "database",
    "web": "web",
    "feed": "feed",
    "titles": "titles",
    "jobs": "jobs",
    "network": "network:libera",
    "channel": "channel:#ops",
    "provider": "provider:do",
    "machine": "machine:web-*",
    "host": "host:backup",
    "ssh": "ssh",
    "key": "key:alice",
}
REQUIRED = {
    "provider:do": {"kind": "digitalocean", "token": "dop_v1_0123456789"},
    "host:backup": {"address": "backup.example.org"},
    "key:alice": {
        "public": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG/G9I03OLwT+p8LyXonI6BE+m4xbzH5ag7C6bBpeTqA alice@laptop"
    },
}
CLASSES = SINGLE | NAMED
KEYS = [(kind, key.name) for kind, cls in CLASSES.items() for key in keys_of(cls)]
FLAGS = [
    ("network", "tls"),
    *(("channel", key) for key in ("log", "private", "links", "feed", "titles")),
    *(("web", key) for key in ("machines", "index", "metrics")),
    ("titles", "fetch"),
    ("machine", "ssh"),
    ("ssh", "agent"),
]
NUMBERS = [
    ("bot", "workers"),
    ("network", "port"),
    ("network", "send_burst"),
    ("channel", "keep"),
    ("feed", "items"),
    ("jobs", "parallel"),
    ("jobs", "most_machines"),
    ("jobs", "most_jobs"),
    ("jobs", "per_minute"),
    ("provider", "keep"),
    ("provider", "per_minute"),
    ("host", "port"),
]
LENGTHS = [
    ("network", "reconnect_min"),
    ("network", "reconnect_max"),
    ("network", "send_interval"),
    ("titles", "seconds"),
    *(("provider", key) for key in ("poll", "grace", "shutdown", "create", "least_snapshot")),
]


def reveal(kind, value):
    return HUSH


def read(sections=None, **network):
    """Settings with one network, and these sections or keys changed."""
    sections = {name: REQUIRED.get(name, {}) | keys for name, keys in (sections or {}).items()}
    libera = {"host": "irc.libera.chat", "channels": "#ops #dev"}
    sections["network:libera"] = libera | sections.get("network:libera", {}) | network
    return settings_from(sections, reveal)


def refused(sections=None, **network):
    with pytest.raises(Problem) as caught:
        read(sections, **network)
    return str(caught.value)


def test_with_nothing_configured_all_is_as_the_defaults_say():
    made = settings_from({}, reveal)
    assert made == Settings()
    assert (made.bot, made.web, made.feed) == (BotSettings(), WebSettings(), FeedSettings())
    assert (made.database, made.titles) == (DatabaseSettings(), TitleSettings())
    assert (made.networks, made.channels, made.roles, made.others) == ({}, {}, {}, {})


def test_every_section_is_read_into_its_place():
    made = read(
        {
            "bot": {
                "prefix": "!",
                "workers": "4",
                "skip": "a, b",
                "plugins": "mine\ntheirs",
                "timezone": "Europe/Paris",
            },
            "network:oftc": {"host": "irc.oftc.net", "port": "6667", "tls": "no", "channels": "#ops"},
            "channel:#ops": {"links": "no", "commands": "help url"},
            "channel:oftc/#ops": {"feed": "off", "log": "no", "keep": "30", "private": "yes", "titles": "on"},
            "database": {"url": f"postgresql+psycopg://bot:{HUSH}@db/chanops"},
            "web": {"listen": "", "url": "https://ops.example/", "index": "yes", "metrics": "no"},
            "feed": {"title": "Our links", "items": "7", "hub": "https://hub.example/"},
            "titles": {"fetch": "no", "hosts": "wiki ci:8080", "ports": "80, 8443", "seconds": "3"},
            "roles": {"admin": "libera/alice", "ops": "libera/alice, oftc/bob"},
            "weather": {"city": "Paris"},
        }
    )
    assert (made.bot.prefix, made.bot.workers, made.bot.skip) == ("!", 4, ("a", "b"))
    assert (made.bot.plugins, made.bot.timezone) == (("mine", "theirs"), "Europe/Paris")
    assert list(made.networks) == ["oftc", "libera"]
    assert (made.networks["oftc"].port, made.networks["oftc"].tls) == (6667, False)
    assert made.networks["libera"] == NetworkSettings(host="irc.libera.chat", channels=("#ops", "#dev"))
    assert (made.web.listen, made.web.url) == ("", "https://ops.example")
    assert (made.web.index, made.web.metrics) == (True, False)
    assert (made.feed.title, made.feed.items, made.feed.hub) == ("Our links", 7, "https://hub.example/")
    assert made.titles == TitleSettings(fetch=False, hosts=("wiki", "ci:8080"), ports=("80", "8443"), seconds=3.0)
    assert made.database.url.get_secret_value() == f"postgresql+psycopg://bot:{HUSH}@db/chanops"
    assert HUSH not in repr(made)
    assert made.roles == {"admin": ("libera/alice",), "ops": ("libera/alice", "oftc/bob")}
    assert made.others == {"weather": {"city": "Paris"}}
    assert made.channel("libera", "#ops") == ChannelSettings(links=False, commands=("help", "url"))
    assert made.channel("oftc", "#ops") == ChannelSettings(feed=False, log=False, keep=30, private=True, titles=True)
    assert made.channel("libera", "#dev") == made.channel("nowhere", "#x") == ChannelSettings()


@pytest.mark.parametrize(
    ("feed", "private", "open_"),
    [("yes", "no", True), ("no", "no", False), ("yes", "yes", False), ("no", "yes", False)],
)
def test_a_channel_is_open_where_it_is_in_the_feed_and_not_private(feed, private, open_):
    made = read({"channel:#ops": {"feed": feed, "private": private}})
    assert made.channel("libera", "#ops").open is open_
    assert made.channel("libera", "#dev").open


def test_a_channel_is_found_in_whatever_letters_it_is_written():
    made = read({"channel:libera/#Ops": {"keep": "3"}}, channels="#Ops #dev")
    assert made.channel("libera", "#oPS").keep == made.channel("LIBERA", "#ops").keep == 3
    assert made.channel("libera", "#dev") == made.channel("oftc", "#ops") == ChannelSettings()


def test_a_channel_is_as_usual_where_none_is_configured():
    assert Settings().channel("libera", "#ops") == ChannelSettings()


@pytest.mark.parametrize(("kind", "key"), KEYS)
@pytest.mark.parametrize("wrong", ["{}x", "{}_", "x{}"])
def test_a_mistyped_key_is_answered_with_the_real_one(kind, key, wrong):
    found = refused({TITLES[kind]: {wrong.format(key): HUSH}})
    assert f"[{TITLES[kind]}] {wrong.format(key)}: there is no such key; did you mean {key}?" in found
    assert HUSH not in found


@pytest.mark.parametrize("kind", CLASSES)
def test_a_key_unlike_any_other_is_answered_with_all_there_are(kind):
    keys = ", ".join(key.name for key in keys_of(CLASSES[kind]))
    assert (
        refused({TITLES[kind]: {"qqqqqq": HUSH}}) == f"[{TITLES[kind]}] qqqqqq: there is no such key; there are {keys}"
    )


@pytest.mark.parametrize(("kind", "key"), KEYS)
def test_every_key_says_what_it_is_for(kind, key):
    assert next(each.purpose for each in keys_of(CLASSES[kind]) if each.name == key)


@pytest.mark.parametrize(("kind", "key"), FLAGS)
@pytest.mark.parametrize("text", ["maybe", "", "2"])
def test_a_yes_or_no_is_nothing_else(kind, key, text):
    assert f"[{TITLES[kind]}] {key}: should be a valid boolean" in refused({TITLES[kind]: {key: text}})


@pytest.mark.parametrize(("kind", "key"), NUMBERS)
@pytest.mark.parametrize("text", ["many", "", "1.5", "1e3", "inf", "0x10", "9" * 5000])
def test_a_number_is_nothing_else(kind, key, text):
    found = refused({TITLES[kind]: {key: text}})
    assert re.match(rf"\[{re.escape(TITLES[kind])}\] {key}: (should be|unable to parse)", found, re.IGNORECASE)


@pytest.mark.parametrize(("kind", "key"), LENGTHS)
@pytest.mark.parametrize("text", ["soon", "", "-1", "nan"])
def test_a_length_of_time_is_nothing_else(kind, key, text):
    assert f"[{TITLES[kind]}] {key}: must be a length of time such as 90s" in refused({TITLES[kind]: {key: text}})


@pytest.mark.parametrize(
    ("kind", "key", "text", "said"),
    [
        ("bot", "log_level", "loud", "must be debug, info, warning or error"),
        ("bot", "prefix", "", "must be one word"),
        ("bot", "prefix", "! !", "must be one word"),
        ("bot", "timezone", "Paris", "is no time zone"),
        ("network", "host", "", "must be one word"),
        ("network", "host", "irc example", "must be one word"),
        ("network", "host", "irc\r\nQUIT", "must not hold characters that nobody sees"),
        ("network", "nick", "two words", "must be one word"),
        ("network", "nick", ":x", "must be one word"),
        ("network", "nick", "x\nQUIT", "must not hold characters that nobody sees"),
        ("network", "user", "", "must be one word"),
        ("network", "realname", "x\nQUIT", "must not hold characters that nobody sees"),
        ("network", "channels", "ops", "'ops' is no channel name such as #ops"),
        ("network", "sasl_user", "x\nQUIT", "must not hold characters that nobody sees"),
        ("web", "listen", "8080", "must be HOST:PORT"),
        ("web", "url", "ops.example", "must be an address that begins with http:// or https://"),
        ("feed", "title", "a\nb", "must not hold characters that nobody sees"),
        ("feed", "hub", "a\nb", "must not hold characters that nobody sees"),
    ],
)
def test_a_key_refuses_what_it_cannot_be(kind, key, text, said):
    found = refused({TITLES[kind]: {key: text}})
    assert found.startswith(f"[{TITLES[kind]}] {key}: ")
    assert said in found


def test_a_network_needs_a_host():
    with pytest.raises(Problem, match=r"^\[network:x\] host is missing: add `host = …`$"):
        settings_from({"network:x": {}}, reveal)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ({"sasl_user": "bot"}, "[network:libera]: sasl_user and sasl_password go together: give both or neither"),
        ({"sasl_password": HUSH}, "[network:libera]: sasl_user and sasl_password go together"),
        ({"sasl_user": "bot", "sasl_password": ""}, "[network:libera]: sasl_user and sasl_password go together"),
        (
            {"sasl_user": "bot", "sasl_password": HUSH, "tls": "no"},
            "[network:libera]: sasl_password would be sent in clear: set tls = yes",
        ),
        (
            {"sasl_user": "bot", "sasl_password_env": "X", "tls": "no", "host": "127.0.0.1.example.org"},
            "[network:libera]: sasl_password would be sent in clear",
        ),
        ({"reconnect_min": "0"}, "[network:libera]: reconnect_min must be above zero and at most reconnect_max"),
        ({"reconnect_min": "10m", "reconnect_max": "5m"}, "[network:libera]: reconnect_min must be above zero"),
        ({"reconnect_max": "1"}, "[network:libera]: reconnect_min must be above zero"),
        ({"port": "0"}, "[network:libera]: port must be from 1 to 65535"),
        ({"port": "65536"}, "[network:libera]: port must be from 1 to 65535"),
        ({"port": "-1"}, "[network:libera]: port must be from 1 to 65535"),
        ({"send_burst": "0"}, "[network:libera]: send_burst must be at least 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(network, said):
    found = refused(**network)
    assert found.startswith(said)
    assert HUSH not in found


@pytest.mark.parametrize(
    "network",
    [
        {"sasl_user": "bot", "sasl_password": HUSH},
        {"sasl_user": "bot", "sasl_password_file": "x"},
        {"sasl_user": "bot", "sasl_password": HUSH, "tls": "no", "host": "127.0.0.1"},
        {"sasl_user": "bot", "sasl_password": HUSH, "tls": "no", "host": "::1"},
        {"sasl_user": "bot", "sasl_password": HUSH, "tls": "no", "host": "localhost"},
        {"tls": "no"},
        {"reconnect_min": "5m", "reconnect_max": "5m"},
        {"port": "1"},
        {"port": "65535"},
        {"send_burst": "1"},
        {"send_interval": "0"},
    ],
)
def test_what_does_fit_together_is_taken(network):
    assert read(**network).networks["libera"].host


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"bot": {"workers": "1"}}, "[bot] workers must be from 2 to 256"),
        ({"bot": {"workers": "257"}}, "[bot] workers must be from 2 to 256"),
        ({"feed": {"items": "0"}}, "[feed] items must be from 1 to 1000"),
        ({"feed": {"items": "1001"}}, "[feed] items must be from 1 to 1000"),
        ({"channel:#ops": {"keep": "-1"}}, "[channel:#ops] keep is a number of days, or 0 for ever"),
        *(
            ({"titles": {"ports": ports}}, "[titles] ports are numbers from 1 to 65535, with blanks between")
            for ports in ("0", "80 65536", "-1", "http", "80-90", "٨٠x")
        ),
        ({"network:a/b": {"host": "x"}}, "[network:a/b]: a network's name is one word without a slash"),
        ({"network:a b": {"host": "x"}}, "[network:a b]: a network's name is one word without a slash"),
        ({"network:a\u200bb": {"host": "x"}}, "a network's name is one word without a slash"),
        ({"channel:#opps": {}}, "[channel:#opps]: no network's channels has it; did you mean #ops?"),
        (
            {"channel:libera/#opps": {}},
            "[channel:libera/#opps]: no network's channels has it; did you mean libera/#ops?",
        ),
        ({"channel:oftc/#ops": {}}, "[channel:oftc/#ops]: no network's channels has it"),
        ({"channel:#nowhere-like-it": {}}, "[channel:#nowhere-like-it]: no network's channels has it"),
    ],
)
def test_what_cannot_be_meant_is_refused(sections, said):
    assert said in refused(sections)


@pytest.mark.parametrize("workers", ["2", "256"])
@pytest.mark.parametrize("items", ["1", "1000"])
def test_the_limits_themselves_are_allowed(workers, items):
    assert read({"bot": {"workers": workers}, "feed": {"items": items}})


def test_secrets_are_fetched_from_where_they_are_and_never_shown():
    made = read(
        {"weather": {"api_key": HUSH}},
        sasl_user="bot",
        sasl_password_file="somewhere",
        password_env="SOMEWHERE",
    )
    network = made.networks["libera"]
    assert network.sasl_password.get_secret_value() == network.password.get_secret_value() == HUSH
    for shown in (made, network, [made], {"settings": made}):
        for text in (repr(shown), str(shown), f"{shown}"):
            assert HUSH not in text


@pytest.mark.parametrize("key", ["password", "sasl_password"])
@pytest.mark.parametrize("kind", ["file", "env"])
def test_a_secret_given_twice_is_refused_without_being_shown(key, kind):
    found = refused(**{key: HUSH, f"{key}_{kind}": "x"})
    assert found == f"[network:libera] {key} and {key}_{kind}: give one of them"


@pytest.mark.parametrize("name", ["network:", "network: ", "channel:", "networks:x", "Bot", "bots", "x:y", "", "web:x"])
def test_what_is_no_section_of_ours_is_left_for_plugins(name):
    assert settings_from({name: {"a": "b"}}, reveal).others == {name: {"a": "b"}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("webb", "[webb]: there is no such section; did you mean [web]?"),
        ("Bot", "[Bot]: there is no such section; did you mean [bot]?"),
        ("rolls", "[rolls]: there is no such section; did you mean [roles]?"),
        ("network", "[network]: there is no such section; did you mean [network:NAME]?"),
        ("networks:libera", "[networks:libera]: there is no such section; did you mean [network:NAME]?"),
        ("chanel:#ops", "[chanel:#ops]: there is no such section; did you mean [channel:NAME]?"),
        ("wether", "[wether]: there is no such section; did you mean [weather]?"),
        (
            "zzzzzz",
            "[zzzzzz]: there is no such section; "
            "there are [bot], [database], [web], [feed], [titles], [jobs], [ssh], [roles], [network:], [channel:], "
            "[provider:], [machine:], [host:], [key:], [weather]",
        ),
    ],
)
def test_a_section_that_nobody_knows_is_answered_with_the_nearest(name, said):
    assert str(unknown_section(name, ["weather"])) == said
