"""`.trust`: a host's key is shown before it is kept, and what is kept is what was shown."""

import subprocess

import pytest
from sshd import TYPES, BannerOnly, Closes, Garbage, WebServer

from chanops.core.public_keys import public_key
from chanops.testing import provider_section
from tests.services.remote.conftest import PAGE, host_section


@pytest.fixture
def more_sections(server, cloud):
    hosts = [host_section(server, f"new-{number}") for number in range(1, 10)]
    return "".join(hosts) + host_section(server, "gone", port=1) + provider_section(cloud)


@pytest.fixture
def ssh_options():
    return {"connect_timeout": "3"}


@pytest.fixture
def shown(ssh_keys):
    """What is said of a key."""

    def said(name="host_ed25519"):
        key = public_key(ssh_keys.public(name))
        return f"{key.type.removeprefix('ssh-')} {key.fingerprint}"

    return said


def test_a_new_host_s_key_is_shown_and_kept_once_that_is_confirmed(bot, ops, server, known, shown, ssh_keys):
    first, question = bot.say(".trust new-1")
    place = f"{server.address}:{server.port}"
    assert first == f"new-1 ({place}) shows {shown()}: compare it with ssh-keygen -l there"
    assert question.startswith("alice: this trusts new-1 by these keys. Say .confirm ")
    assert known.keys(("hosts/new-1",)) == {}
    assert bot.say(ops.code([question])) == ["trusted: new-1"]
    key = public_key(ssh_keys.public("host_ed25519"))
    assert known.keys(("hosts/new-1",)) == {"ssh-ed25519": frozenset({key.blob})}
    assert ops.audited("trust") == [("trust", f"hosts/new-1 {place} ssh-ed25519 {key.fingerprint}")]
    assert ops.lines(".run new-1 echo in") == [f"job 1: new-1 ok in T · {PAGE}/1", "new-1: in"]


def test_what_is_shown_is_what_ssh_keygen_says(bot, ssh_keys):
    said = subprocess.run(
        ["ssh-keygen", "-lf", ssh_keys.private("host_ed25519")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert said in bot.say(".trust new-1")[0]


def test_a_host_that_is_known_by_its_key_is_told_as_such(bot, ops, shown):
    assert bot.say(".trust web-1") == [f"web-1 is known by that key already: {shown()}"]
    assert ops.audited("trust") == []


@pytest.mark.parametrize("kind", TYPES)
def test_a_host_that_is_known_by_one_of_its_keys_is_not_told_as_another(bot, known, ssh_keys, kind):
    """The bot logs in by that one: a host has several, and shows that which is asked for."""
    known.pin("hosts/web-1", [public_key(ssh_keys.public(f"host_{kind}"))])
    answers = bot.say(".trust web-1")
    assert len(answers) == 1
    assert answers[0].startswith("web-1 is known by that key already")


def test_a_changed_key_is_shown_with_the_old_one_and_replaces_it(bot, ops, known, shown, ssh_keys):
    other = public_key(ssh_keys.public("other"))
    known.pin("hosts/web-1", [other])
    before = known.keys(("hosts/web-2",))
    first, question = bot.say(".trust web-1")
    assert "SHOWS ANOTHER KEY THAN BEFORE" in first
    assert f": {shown()}; it was " in first
    assert other.fingerprint in first
    bot.say(ops.code([question]))
    assert known.keys(("hosts/web-1",)) == {
        "ssh-ed25519": frozenset({public_key(ssh_keys.public("host_ed25519")).blob})
    }
    assert known.keys(("hosts/web-2",)) == before
    assert ops.lines(".run web-1 true") == [f"job 1: web-1 ok in T · {PAGE}/1"]


def test_a_revoked_key_is_never_trusted(bot, ops, known_hosts, ssh_keys):
    with known_hosts.open("a") as file:
        file.write(f"@revoked * {ssh_keys.public('host_ed25519')}\n")
    [answer] = bot.say(".trust new-1")
    assert answer.startswith("new-1 shows SHA256:")
    assert answer.endswith(", which is REVOKED in known_hosts: it is not trusted")


def test_a_host_that_does_not_answer_is_told_and_the_others_are_shown(bot, ops, known):
    first, second, question = bot.say(".trust gone,new-1")
    assert first.startswith("gone: no answer from ")
    assert second.startswith("new-1 ")
    assert "this trusts new-1 by these keys" in question
    bot.say(ops.code([question]))
    assert known.keys(("hosts/gone",)) == {}
    assert bot.say(".trust gone") == [first]


def test_several_are_kept_together_each_by_its_own_name(bot, ops, known):
    *_, question = bot.say(".trust new-1,new-2,web-1")
    assert "this trusts new-1, new-2 by these keys" in question
    assert bot.say(ops.code([question])) == ["trusted: new-1, new-2"]
    assert len(ops.audited("trust")) == 2


def test_nobody_compares_more_than_eight(bot):
    assert bot.say(".trust new-*") == [
        "alice: that is 9 hosts, and nobody compares more than 8 fingerprints: name fewer"
    ]


def test_what_is_not_there_or_has_no_address_is_told(bot, cloud):
    cloud.world.add_droplet("off", status="off")
    assert bot.say(".trust nope") == ["alice: nothing matches nope"]
    assert bot.say(".trust new-1,bad") == ["alice: nothing matches bad"]
    assert bot.say(".trust off") == ["alice: off is off"]


def test_only_who_asked_confirms_and_only_once(bot, ops, known):
    *_, question = bot.say(".trust new-1")
    code = ops.code([question])
    bot.say(code, nick="carol")
    assert known.keys(("hosts/new-1",)) == {}
    bot.say(code)
    assert "nothing of yours waits" in bot.say(code)[0]
    assert len(ops.audited("trust")) == 1


class TestAnotherKeyAfterwards:
    """The host changes its key after it was shown."""

    @pytest.fixture
    def server(self, fresh_sshd):
        return fresh_sshd(types=("ed25519",))

    def test_what_is_kept_is_what_was_shown(self, bot, ops, known, server, ssh_keys):
        *_, question = bot.say(".trust new-1")
        server.stop()
        server._config = server._config.replace("host_ed25519", "other")
        server.start()
        bot.say(ops.code([question]))
        shown = public_key(ssh_keys.public("host_ed25519"))
        assert known.keys(("hosts/new-1",)) == {"ssh-ed25519": frozenset({shown.blob})}
        [line] = ops.lines(".run new-1 true")
        assert ops.parts()["new-1"][0] == "needs-attention", line


class TestHostile:
    """Who answers is no SSH server."""

    @pytest.fixture
    def ssh_options(self):
        return {"connect_timeout": "1"}

    @pytest.fixture
    def evil(self):
        with Garbage() as garbage, BannerOnly() as banner, Closes() as closes, WebServer() as web:
            yield garbage, banner, closes, web

    @pytest.fixture
    def more_sections(self, evil):
        return "".join(host_section(each, f"bad-{number}") for number, each in enumerate(evil))

    def test_nothing_is_kept_and_each_is_told_in_one_line(self, bot):
        answers = bot.say(".trust bad-*")
        assert [each.partition(":")[0] for each in answers] == ["bad-0", "bad-1", "bad-2", "bad-3"]
        assert all(each.isprintable() and len(each) < 300 for each in answers)
