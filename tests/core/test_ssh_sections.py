"""The sections about SSH: what is refused there, and with which words."""

import pytest

from chanops.core.errors import Problem
from chanops.core.sections import settings_from

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
HOST = {"address": "a.example"}


def read(sections):
    return settings_from(sections, lambda kind, value: "secret-of-a-key")


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        *(
            ({"ssh": {key: value}}, f"[ssh] {key} must be from")
            for key, value in {
                "connect_timeout": "0",
                "timeout": "8d",
                "wait": "2h",
                "idle": "0",
                "parallel": "0",
                "keep_output": "1023",
                "most_output": "1",
                "largest_file": "0",
            }.items()
        ),
        ({"ssh": {"parallel": "1001"}}, "[ssh] parallel must be from 1 to 1000"),
        ({"ssh": {"user": "two words"}}, "[ssh] user: must be one word"),
        ({"ssh": {"files": ""}}, "[ssh] files must be a folder"),
        ({"ssh": {"scripts": "a/../.."}}, "[ssh] scripts must be a folder, without .. in it"),
        ({"ssh": {"jump": "gate"}}, "[ssh] jump: there is no [host:gate]"),
        ({"machine:web": {"jump": "gate"}}, "[machine:web] jump: there is no [host:gate]"),
        ({"host:a": HOST | {"jump": "b"}}, "[host:a] jump: there is no [host:b]"),
        (
            {"host:a": HOST | {"jump": "b"}, "host:b": HOST | {"jump": "c"}, "host:c": HOST},
            "[host:a] jump: b is reached through another itself, and one is the most",
        ),
        ({"host:a": HOST | {"jump": "a"}}, "[host:a] jump: a is reached through another itself"),
        ({"key:alice": {}}, "[key:alice]: give either public or file"),
        ({"key:alice": {"public": KEY, "file": "x"}}, "[key:alice]: give either public or file"),
        ({"key:a b": {"public": KEY}}, "[key:a b]: its name must be an account"),
        ({"key:../x": {"public": KEY}}, "[key:../x]: its name must be an account"),
        ({"key:alice": {"public": "no key"}}, "[key:alice] public: "),
        ({"key:alice": {"public": "# none"}}, "[key:alice] public: there is no key in it"),
    ],
)
def test_what_cannot_be_meant_is_refused(sections, said):
    with pytest.raises(Problem) as caught:
        read(sections)
    assert said in str(caught.value)


def test_what_is_usual_and_when_it_is_on():
    assert not read({}).ssh.on
    assert read({"ssh": {"agent": "yes"}}).ssh.on
    found = read({"ssh": {"key_file": "id", "key_passphrase_file": "x"}, "key:al_ice-2": {"public": KEY}})
    assert found.ssh.on
    assert found.ssh.key_passphrase.get_secret_value() == "secret-of-a-key"
    assert "secret-of-a-key" not in repr(found)
    assert found.keys["al_ice-2"].public == KEY
