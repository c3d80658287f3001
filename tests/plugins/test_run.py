"""The plugin run: each command once, through the whole bot, with its usage line; and `.run` beside other jobs."""

# ruff: noqa: F811  fixtures that are named are used

import pytest

from chanops.testing import job_ended, provider_section, until
from tests.services.remote.conftest import (  # noqa: F401  fixtures
    extra_configuration,
    gate,
    known_hosts,
    ops,
    scratch,
    server,
    ssh_options,
)


@pytest.fixture
def more_sections(cloud, server, ssh_keys):
    key = f"[key:alice]\npublic = {ssh_keys.public('login')}\n"
    return provider_section(cloud) + f"[machine:*]\nport = {server.port}\n" + key


@pytest.fixture
def box(cloud, server, monkeypatch, known_hosts):
    """A machine of the cloud which is at the server's address."""
    monkeypatch.setattr(type(cloud.world), "new_addresses", lambda *_: (server.address, "10.0.0.9"))
    text = known_hosts.read_text()
    lines = [line.replace("hosts/web-1 ", "do/box ") for line in text.splitlines() if line.startswith("hosts/web-1 ")]
    known_hosts.write_text("\n".join([text, *lines, ""]))
    return cloud.world.add_droplet("box")


OPTIONS = "[timeout=…] [parallel=…] [as=…] [sudo=…] [stop-after=…] [one-by-one=…] [-n]"


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("run", f".run WHICH {OPTIONS} COMMAND…"),
        ("script", f".script NAME WHICH {OPTIONS} [ARGUMENTS…]"),
        ("put", ".put FILE WHERE [parallel=…] [as=…] [-n]"),
        ("get", ".get WHERE [parallel=…] [as=…] [-n]"),
        ("authorize", ".authorize ACCOUNT WHICH [as=…] [-n]"),
        ("deauthorize", ".deauthorize ACCOUNT WHICH [as=…] [-n]"),
        ("trust", ".trust WHICH"),
    ],
)
def test_each_command_without_its_words_says_its_usage(bot, command, usage):
    [answer] = bot.say(f".{command}")
    assert answer.endswith(f"Usage: {usage}"), answer
    assert "is missing" in answer


def test_each_command_once(bot, ops, scratch):
    ops.write("scripts/it", "echo it")
    ops.write("files/motd", "hello")
    for text, wanted in (
        (".run web-1 echo hi", "web-1 ok in T"),
        (".script it web-1", "web-1 ok in T"),
        (f".put motd web-1:{scratch}/motd", "web-1 ok in T: 5 bytes"),
        (f".get web-1:{scratch}/motd", "web-1 ok in T: 5 bytes"),
    ):
        head, *_ = ops.lines(text)
        assert head.startswith(f"job {ops.newest()}: {wanted}"), head
    for command in (".authorize alice web-1 -n", ".deauthorize alice web-1 -n"):
        assert bot.say(command) == [f"would: {command[1:-3].replace(' web-1', ' on web-1')}"]
    assert "is known by that key already" in bot.say(".trust web-1")[0]


def test_a_command_and_a_change_of_the_same_machine_wait_for_each_other(bot, ops, box, cloud, gate):
    ops.begin(f".run box {gate.command}")
    ops.begin(f".run box {gate.command}")
    gate.wait(2)  # two commands share the machine
    number, answers = ops.begin(".stop box")
    assert "(waits for job" in answers[0]
    assert not [each for each in cloud.requests if each.method != "GET"]
    later, _ = ops.begin(".run box echo later")
    gate.go()
    assert job_ended(bot, number).state == "done"
    assert {job_ended(bot, each).state for each in (1, 2)} == {"done"}
    until(lambda: ops.jobs.find(later).over)
