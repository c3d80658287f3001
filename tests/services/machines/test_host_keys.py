"""`.up` with SSH: a machine gets its host key, is known by it from its first answer on, and answers when it is up."""

import email
import re
from dataclasses import replace

import pytest

from chanops.core.public_keys import PublicKey
from chanops.simulator.digitalocean import CloudServer, Delays, Fault
from chanops.simulator.ssh_cloud import Ssh
from chanops.simulator.ssh_user_data import host_key
from chanops.ssh.known import KnownHosts
from chanops.testing import TOKEN, UNLIMITED, job_ended, provider_section, until

PORT = 2296
NEW = "size=s-1vcpu-1gb region=fra1 image=debian-13-x64"
JOBS = "[jobs]\nmost_jobs = 50\nper_minute = 1000\n"


@pytest.fixture
def delays():
    """How long things take in the cloud. Override it."""
    return Delays.quick()


@pytest.fixture
def cloud(ssh_keys, delays):
    if not Ssh().possible():
        pytest.skip("this system has one loopback address only")
    with CloudServer(token=TOKEN, delays=delays, seed=1, limits=UNLIMITED, ssh=Ssh(port=PORT)) as made:
        made.world.add_key("bot", ssh_keys.public("login"))
        yield made


@pytest.fixture
def wait():
    """[ssh] wait. Override it."""
    return "20"


@pytest.fixture
def extra_configuration(cloud, ssh_keys, wait):
    ssh = f"[ssh]\nkey_file = {ssh_keys.private('login')}\nwait = {wait}\nconnect_timeout = 5\n"
    return provider_section(cloud) + ssh + f"[machine:*]\nport = {PORT}\n" + JOBS


@pytest.fixture
def known(bot):
    """The host keys that the bot knows."""
    return KnownHosts(bot.app.configured.beside("data/known_hosts"))


@pytest.fixture
def do(bot):
    """Says something, confirms it if that is asked for, and waits for the job: it, when it is over."""

    def carry_out(text):
        jobs = bot.app.fleet.jobs
        before = len(jobs.newest(500))
        answers = bot.say(text)
        if answers and ".confirm" in answers[0]:
            answers = bot.say(f".confirm {re.search(r'[.]confirm ([0-9A-Z]+)', answers[0])[1]}")
        assert len(jobs.newest(500)) == before + 1, answers
        return job_ended(bot, before + 1)

    return carry_out


def droplet(cloud, name):
    """The droplet of a name, as it truly is."""
    [found] = [each for each in cloud.world.state()["droplets"] if each["name"] == name]
    return cloud.world.droplets.get(found["id"])


def shown_by(bot, name="web"):
    """The key that a machine shows."""
    remote = bot.app.fleet.remote
    [machine] = [each for each in bot.app.fleet.machines.look().machines if each.name == name]
    return remote.reach.shell.host_key(remote.reach.of(machine), 5)


def blobs(known, name="web"):
    """The keys by which a machine is known."""
    return {blob for each in known.keys((f"do/{name}",)).values() for blob in each}


def script(bot, name, text):
    bot.app.configured.beside(name).write_text(text)
    return f".up web {NEW} script={name}"


# ---------------------------------------------------------------- its key


def test_a_new_machine_is_known_by_the_key_that_it_was_given(bot, cloud, known, do):
    job = do(f".up web {NEW}")
    assert job.state == "done"
    assert job.text.endswith("; host key known, SSH answers"), job.text
    assert droplet(cloud, "web").user_data.startswith("#cloud-config\nssh_keys:\n  ed25519_private: |\n")
    assert blobs(known) == {shown_by(bot).blob}
    assert host_key(droplet(cloud, "web").user_data).startswith("-----BEGIN OPENSSH PRIVATE KEY-----")


def test_the_private_half_is_nowhere_on_our_side(bot, cloud, do):
    do(f".up web {NEW}")
    secret = host_key(droplet(cloud, "web").user_data).splitlines()[4]  # those before it hold the public half
    assert len(secret) > 50
    bot.app.database.wait(lambda connection: None, durable=True)
    for path in bot.app.configured.path.parent.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes(), path


def test_each_of_several_has_a_key_of_its_own(bot, known, do):
    do(f".up web {NEW} count=3")
    found = [blobs(known, f"web-{number}") for number in (1, 2, 3)]
    assert [len(each) for each in found] == [1, 1, 1]
    assert len(set.union(*found)) == 3


def test_commands_run_right_after_it_is_up(bot, do):
    do(f".up web {NEW}")
    job = do(".run web hostname")
    assert job.state == "done", job.text
    assert bot.heard.lines[-1][1] == "web: web"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("first.sh", "#!/bin/sh\necho hello > /etc/motd\n"),
        ("first.py", "#!/usr/bin/env python3\nprint('ü', \"\\n\")\n"),
        ("first.yaml", "#cloud-config\npackages:\n  - nginx\n"),
        (
            "mixed",
            'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=="\n\n--==\n'
            "Content-Type: text/x-shellscript\n\n#!/bin/sh\necho one\n\n--==\n"
            "Content-Type: text/cloud-config\n\n#cloud-config\nruncmd: [true]\n\n--==--\n",
        ),
        ("jinja", "## template: jinja\n#cloud-config\nhostname: {{ ds.meta_data.hostname }}\n"),
    ],
)
def test_a_script_goes_with_the_key_and_arrives_as_it_is(bot, cloud, known, do, name, text):
    job = do(script(bot, name, text))
    assert job.state == "done", job.text
    assert job.text.endswith("; host key known, SSH answers")
    assert blobs(known) == {shown_by(bot).blob}
    sent = email.message_from_string(droplet(cloud, "web").user_data).get_payload()
    bodies = [each.get_payload(decode=True).decode() for each in sent]
    if name == "mixed":
        assert [each.strip() for each in bodies[1:]] == ["#!/bin/sh\necho one", "#cloud-config\nruncmd: [true]"]
    else:
        assert bodies[1:] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n" + "# a long script\n" * 4090,
        "#cloud-config\nssh_keys:\n  rsa_private: |\n    -----BEGIN\n",
        "#cloud-config\nssh_deletekeys: false\n",
    ],
    ids=["too long", "keys of its own", "keeps its keys"],
)
def test_a_script_that_does_not_go_with_a_key_is_sent_as_it_is_and_the_machine_is_to_be_trusted(
    bot, cloud, known, do, text
):
    job = do(script(bot, "first", text))
    assert droplet(cloud, "web").user_data == text
    assert job.state == "done", job.text
    assert job.text.endswith("; its host key is not known: .trust web"), job.text
    assert blobs(known) == set()


def test_a_snapshot_that_is_restored_has_a_new_key_and_is_known(bot, known, do):
    do(f".up web {NEW}")
    before = blobs(known)
    assert do(".down web").state == "done"
    assert blobs(known) == before, "it may come back"
    job = do(".up web")
    assert (job.state, job.text.endswith("; host key known, SSH answers")) == ("done", True), job.text
    assert blobs(known) == {shown_by(bot).blob}
    assert do(".run web true").state == "done"


def test_a_snapshot_whose_image_keeps_its_keys_is_known_by_them(bot, cloud, known, do, monkeypatch):
    """cloud-init is not in that image, or was told to leave keys alone."""
    do(f".up web {NEW}")
    before = blobs(known)
    do(".down web")
    monkeypatch.setattr("chanops.simulator.ssh_cloud.host_key", lambda user_data: "")
    job = do(".up web")
    assert (job.state, job.text.endswith("; host key known, SSH answers")) == ("done", True), job.text
    assert blobs(known) == {shown_by(bot).blob} == before


def test_a_machine_that_was_off_answers_with_the_key_that_is_known(bot, known, do):
    do(f".up web {NEW}")
    do(".stop web")
    job = do(".up web")
    assert job.text.endswith("(was off); host key known, SSH answers"), job.text


def test_a_machine_that_was_there_before_is_to_be_trusted(bot, cloud, do):
    cloud.world.add_droplet("old", status="off")
    assert do(".up old").text.endswith("; its host key is not known: .trust old")


def test_a_lost_answer_makes_one_machine_and_it_is_known(bot, cloud, known, do):
    cloud.world.faults.add(Fault("500-after", method="POST", action="create"))
    job = do(f".up web {NEW}")
    assert job.state == "done", job.text
    assert blobs(known) == {shown_by(bot).blob}


def test_a_refused_attempt_makes_a_machine_with_the_key_of_the_last(bot, cloud, known, do):
    cloud.world.faults.add(Fault("500-before", method="POST", action="create"))
    job = do(f".up web {NEW}")
    assert job.state == "done", job.text
    assert blobs(known) == {shown_by(bot).blob}


# ---------------------------------------------------------------- until it answers


class TestLate:
    """A machine takes a while until it answers."""

    @pytest.fixture
    def delays(self):
        return replace(Delays.quick(), boot=1.0)

    def test_up_ends_only_when_it_answers(self, bot, cloud, do):
        bot.say(f".up web {NEW}")
        jobs = bot.app.fleet.jobs
        until(lambda: jobs.whole(1).units[0].text.endswith("; waiting for SSH"))
        assert droplet(cloud, "web").status == "active"
        assert not jobs.find(1).over
        assert job_ended(bot, 1).state == "done"
        assert shown_by(bot)


class TestNever:
    """A machine that does not answer at all."""

    @pytest.fixture
    def delays(self):
        return replace(Delays.quick(), boot=3600.0)

    @pytest.fixture
    def wait(self):
        return "0.6"

    def test_it_needs_attention_when_the_time_is_over(self, bot, cloud, do):
        job = do(f".up web {NEW}")
        assert job.state == "needs-attention"
        assert re.search(
            r"runs at 127\.\d+\.\d+\.\d+, and does not answer SSH within .*: look at its firewall, or give "
            r"\[machine:web\] ssh = no",
            job.text,
        ), job.text
        assert droplet(cloud, "web").status == "active"

    def test_it_is_up_where_nobody_wants_to_wait(self, bot, cloud, do):
        path = bot.app.configured.path
        path.write_text(path.read_text() + "[machine:web]\nssh = no\n")
        assert bot.say(".reload")[0].startswith("reloaded")
        assert do(f".up web {NEW}").state == "done"

    def test_it_is_cancelled_while_it_waits(self, bot, cloud):
        path = bot.app.configured.path
        path.write_text(path.read_text().replace("wait = 0.6", "wait = 60"))
        bot.say(".reload")
        bot.say(f".up web {NEW}")
        until(lambda: bot.app.fleet.jobs.whole(1).units[0].text.endswith("; waiting for SSH"))
        bot.say(".cancel 1")
        assert job_ended(bot, 1, 5).state == "cancelled"


def test_a_machine_that_shows_another_key_needs_attention(bot, cloud, do, monkeypatch):
    """Somebody stands between, or its image does what it likes: it is not logged into."""
    monkeypatch.setattr("chanops.simulator.ssh_cloud.host_key", lambda user_data: "")
    job = do(f".up web {NEW}")
    assert job.state == "needs-attention"
    assert re.search(r"runs at 127\.[0-9.]+, but THE HOST KEY OF web HAS CHANGED from ", job.text), job.text
    after = do(".run web true")
    assert after.state == "needs-attention"
    assert "THE HOST KEY OF web HAS CHANGED" in after.text


def test_a_bot_that_leaves_meanwhile_goes_on_with_the_same_key_afterwards(bot, cloud):
    bot.say(f".up web {NEW}")
    until(lambda: bot.app.fleet.jobs.whole(1).units[0].text)
    bot.app.close()
    with type(bot)(bot.app.configured) as again:
        job = job_ended(again, 1)
        assert job.state == "done", job.text
        assert job.text.endswith("; host key known, SSH answers")
    assert [each.kind for each in cloud.world.truth].count("create") == 1


# ---------------------------------------------------------------- other names, and the end


def test_a_new_name_keeps_the_key(bot, known, do):
    do(f".up web {NEW}")
    before = blobs(known)
    assert do(".rename web www").state == "done"
    assert (blobs(known), blobs(known, "www")) == (set(), before)
    assert do(".run www true").state == "done"


def test_a_machine_that_is_destroyed_is_forgotten(bot, known, do):
    do(f".up web {NEW}")
    assert do(".destroy web").state == "done"
    assert blobs(known) == set()
    assert do(f".up web {NEW}").text.endswith("; host key known, SSH answers")


def test_whose_name_was_another_s_before_is_not_mistaken_for_it(bot, known, do):
    """A machine that was made from no snapshot has nothing of the one that had its name."""
    do(f".up web {NEW}")
    old = blobs(known)
    do(".down web")
    known.pin("do/other", [PublicKey(kind, blob) for kind, each in known.keys(("do/web",)).items() for blob in each])
    job = do(f".up other {NEW}")
    assert job.state == "done", job.text
    assert blobs(known, "other").isdisjoint(old)


class TestWithoutSsh:
    """Nothing to log in with: all is as it was before there was SSH."""

    @pytest.fixture
    def extra_configuration(self, cloud):
        return provider_section(cloud) + JOBS

    def test_no_key_is_given_and_nobody_waits(self, bot, cloud, do):
        job = do(script(bot, "first", "#!/bin/sh\ntrue\n"))
        assert job.state == "done"
        assert "SSH" not in job.text
        assert "host key" not in job.text
        assert droplet(cloud, "web").user_data == "#!/bin/sh\ntrue\n"
