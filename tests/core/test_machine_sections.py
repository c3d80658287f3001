"""The sections about machines: what is refused there, and which of several holds for a machine."""

import pytest

from chanops.core.errors import Problem
from chanops.core.machine_sections import MachineSettings, meant, value_for
from chanops.core.sections import settings_from

HUSH = "hunter2-is-the-secret"
PROVIDER = {"kind": "digitalocean", "token": HUSH}
HOST = {"address": "backup.example.org"}
LONG = "a" * 64


def read(sections):
    return settings_from(sections, lambda kind, value: HUSH)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"provider:a b": PROVIDER}, "[provider:a b]: its name must be letters, digits, dots and hyphens"),
        ({"provider:hosts": PROVIDER}, "and not hosts"),
        ({f"provider:{LONG}": PROVIDER}, "at most 63"),
        ({"provider:-do": PROVIDER}, "a letter or digit at both ends"),
        ({"provider:do": {"kind": "digitalocean"}}, "[provider:do] token is missing: add `token_file = PATH`"),
        ({"provider:do": PROVIDER | {"token": "tökén"}}, "[provider:do] token: it has characters that no token has"),
        ({"provider:do": PROVIDER | {"token": "a\x00b"}}, "[provider:do] token: it has characters that no token has"),
        ({"provider:do": PROVIDER | {"kind": "digtalocean"}}, "[provider:do] kind: should be 'digitalocean'"),
        ({"provider:do": {"token": HUSH}}, "[provider:do] kind is missing"),
        ({"provider:do": PROVIDER | {"keep": "0"}}, "[provider:do] keep must be from 1 to 1000"),
        ({"provider:do": PROVIDER | {"keep": "1001"}}, "[provider:do] keep must be from 1 to 1000"),
        ({"provider:do": PROVIDER | {"per_minute": "9"}}, "[provider:do] per_minute must be from 10 to 250"),
        ({"provider:do": PROVIDER | {"per_minute": "251"}}, "[provider:do] per_minute must be from 10 to 250"),
        ({"provider:do": PROVIDER | {"poll": "0"}}, "[provider:do] poll must be from 0.01 to 21600"),
        ({"provider:do": PROVIDER | {"create": "7h"}}, "[provider:do] create must be from 0.01 to 21600"),
        ({"provider:do": PROVIDER | {"grace": "0"}}, "[provider:do] grace must be"),
        ({"provider:do": PROVIDER | {"shutdown": "0"}}, "[provider:do] shutdown must be"),
        ({"provider:do": PROVIDER | {"least_snapshot": "0"}}, "[provider:do] least_snapshot must be"),
        ({"provider:do": PROVIDER | {"endpoint": "cloud"}}, "[provider:do] endpoint: must be an address"),
        ({"machine:a b": {}}, "[machine:a b]: a name is letters, digits"),
        ({"machine:web_1": {}}, "[machine:web_1]: a name is"),
        ({"machine:[ab]": {}}, "* and ? make it a pattern"),
        ({"machine:web": {"provider": "do"}}, "[machine:web] provider: there is no [provider:do]"),
        ({"machine:web": {"protect": "all"}}, "[machine:web] protect: should be '' or 'stop-only'"),
        ({"machine:web": {"down": "destroy"}}, "[machine:web] down: should be '', 'snapshot' or 'stop'"),
        ({"machine:web": {"size": "two words"}}, "[machine:web] size: must be one word"),
        ({"machine:web": {"user": "two words"}}, "[machine:web] user: must be one word"),
        ({"machine:web": {"dns": "a\nb"}}, "[machine:web] dns: must not hold characters that nobody sees"),
        ({"host:a b": HOST}, "[host:a b]: its name must be letters"),
        ({"host:backup": {}}, "[host:backup] address is missing"),
        ({"host:backup": HOST | {"port": "0"}}, "[host:backup] port must be from 1 to 65535"),
        ({"host:backup": HOST | {"port": "65536"}}, "[host:backup] port must be from 1 to 65535"),
        *(
            ({"jobs": {key: value}}, f"[jobs] {key} must be from 1 to 1000")
            for key in ("parallel", "most_machines", "most_jobs", "per_minute")
            for value in ("0", "1001")
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_and_no_secret_is_shown(sections, said):
    with pytest.raises(Problem) as caught:
        read(sections)
    assert said in str(caught.value)
    assert HUSH not in str(caught.value)


@pytest.mark.parametrize("key", ["provider", "size", "region", "image", "script", "reserved_address", "dns", "tags"])
def test_an_empty_key_of_a_machine_says_nothing(key):
    assert read({"machine:web": {key: ""}}).machines["web"] == MachineSettings()


def test_a_token_may_stand_elsewhere_and_is_never_shown():
    made = read({"provider:do": {"kind": "digitalocean", "token_env": "TOKEN"}})
    assert made.providers["do"].token.get_secret_value() == HUSH
    assert HUSH not in repr(made)


SECTIONS = {
    "*": MachineSettings(region="nyc1", size="s-1", tags=("all",)),
    "web-*": MachineSettings(size="s-2", protect="stop-only"),
    "web-1?": MachineSettings(size="s-3"),
    "web-12": MachineSettings(image="debian"),
}


def test_a_machine_s_own_section_comes_first_and_then_the_longest_pattern():
    assert [name for name, _ in meant("web-12", SECTIONS)] == ["web-12", "web-1?", "web-*", "*"]
    assert [name for name, _ in meant("db", SECTIONS)] == ["*"]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("web-12", "image", "debian"),
        ("web-12", "size", "s-3"),
        ("web-12", "region", "nyc1"),
        ("web-12", "protect", "stop-only"),
        ("web-2", "size", "s-2"),
        ("db", "size", "s-1"),
        ("db", "protect", ""),
        ("db", "tags", ("all",)),
        ("db", "user", ""),
        ("WEB-2", "size", "s-1"),
    ],
)
def test_each_key_is_what_the_first_section_says_that_says_anything(name, key, value):
    assert value_for(name, key, SECTIONS) == value
