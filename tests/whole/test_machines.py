"""Machines and jobs in the running bot: a real IRC server with accounts, a simulated cloud, kills, a lost network."""

import re
import signal
import socket
import time

import pytest

from chanops.simulator.chat import Chat
from chanops.simulator.digitalocean import CloudServer, Delays, Fault, Limits
from chanops.simulator.ircd import IrcServer
from tests.whole.running import RunningBot, eventually, fetch

CHANNEL, TOKEN = "#ops", "a-token-that-nobody-may-see"
SLOW = Delays.realistic(0.5)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def cloud():
    with CloudServer(token=TOKEN, delays=SLOW, limits=Limits(minute=100_000)) as server:
        server.world.add_droplet("spider")
        server.world.add_droplet("web-1")
        yield server


@pytest.fixture
def bot(inspircd, cloud, tmp_path):
    """A bot that is set up and not started, and where its pages will be."""
    port = free_port()
    text = f"""\
[network:test]
host = {inspircd.host}
port = {inspircd.port}
tls = no
nick = chanops
channels = {CHANNEL}
reconnect_min = 0.3
reconnect_max = 1
send_burst = 50
send_interval = 0.05
sasl_user = chanops
sasl_password = botpw
[roles]
ops = alice bob
[web]
listen = 127.0.0.1:{port}
[provider:do]
kind = digitalocean
token = {TOKEN}
endpoint = {cloud.url.rstrip("/")}
poll = 0.1
grace = 1
[machine:new-*]
size = s-1vcpu-1gb
region = fra1
image = debian-13-x64
[machine:spider]
protect = stop-only
"""
    running = RunningBot(tmp_path / "bot", text)
    yield running, f"http://127.0.0.1:{port}"
    running.stop()
    assert TOKEN not in "\n".join(running.log)


@pytest.fixture
def alice(inspircd):
    with inspircd.client("alice", caps=("account-tag",), sasl=("alice", "alicepw")) as client:
        client.join(CHANNEL)
        yield client


def started(bot, client):
    bot.start()
    eventually(lambda: is_there(client))


def is_there(client):
    client.send(f"NAMES {CHANNEL}")
    return "chanops" in client.expect(rf" 353 .*{CHANNEL} ")


def talk(client, text, wanted, within=10.0):
    client.say(CHANNEL, text)
    return said(client, wanted, within)


def said(client, wanted, within=20.0):
    return client.expect(rf":chanops!\S+ PRIVMSG {CHANNEL} :{wanted}", within)


def code_in(line):
    return re.search(r"\.confirm ([0-9A-Z]{6})", line)[1]


def kinds(cloud):
    return [event.kind for event in cloud.world.truth]


def test_a_day_with_machines(bot, cloud, alice, inspircd):
    process, pages = bot
    started(process, alice)
    talk(alice, ".up new-1,new-2", r"job 1: up new-1, new-2 \(do: s-1vcpu-1gb, fra1, from debian-13-x64\) · \$")
    said(alice, r"job 1: done in .* new-1 203\.0\.113\.\d+; new-2 203\.0\.113\.\d+ http")
    with inspircd.client("mallory") as mallory, inspircd.client("bob", caps=(), sasl=("bob", "bobpw")) as bob:
        for client in (mallory, bob):
            client.join(CHANNEL)
        talk(mallory, ".down new-1", r"mallory: \.down: this needs the role ops")
        shown = talk(
            alice, ".down new-*", r"alice: this snapshots, checks and then destroys new-1 \(id \d+, fra1\) and new-2"
        )
        talk(bob, f".confirm {code_in(shown)}", "bob: nothing of yours waits under that code")
        talk(mallory, f".confirm {code_in(shown)}", "mallory: ")
        alice.say(CHANNEL, "yes")
        talk(alice, ".down spider", r"alice: spider is protected \(stop-only\)")
        assert "destroy" not in kinds(cloud)
        talk(alice, f".confirm {code_in(shown)}", r"job 2: down new-1, new-2 \(do\) · saves \$")
        said(alice, r"job 2: done in .* new-1 is down: snapshot new-1-\d{8}T\d{6}Z-j2")
        talk(alice, f".confirm {code_in(shown)}", "alice: nothing of yours waits under that code")
    assert {each["name"] for each in cloud.world.state()["droplets"]} == {"spider", "web-1"}
    assert "job 2: down new-1, new-2" in fetch(f"{pages}/feed.rss")[2].decode()
    assert "new-2" in fetch(f"{pages}/jobs/2")[2].decode()
    assert "spider" in fetch(f"{pages}/machines")[2].decode()


@pytest.mark.parametrize("instant", ["shutdown", "off", "snapshot-start", "snapshot-ready", "destroy"])
def test_killed_in_the_midst_of_a_down_it_goes_on_and_says_how_it_ended(bot, cloud, alice, instant):
    process, _ = bot
    started(process, alice)
    talk(alice, f".confirm {code_in(talk(alice, '.down web-1', 'alice: this snapshots'))}", "job 1: down web-1")
    eventually(lambda: instant in kinds(cloud))
    process.kill()
    seen = len(process.log)
    process.start()
    process.wait_for("online as chanops", after=seen)
    said(alice, r"job 1: done in .* web-1 is down: snapshot web-1-\d{8}T\d{6}Z-j1", 30)
    assert kinds(cloud).count("destroy") == kinds(cloud).count("snapshot-ready") == 1


def test_told_to_leave_in_the_midst_of_a_job_it_leaves_at_once_and_goes_on_later(bot, cloud, alice):
    process, _ = bot
    started(process, alice)
    cloud.world.faults.add(Fault("hang-after", path="actions", method="POST", seconds=60))
    talk(alice, ".stop web-1", "job 1: stop web-1")
    eventually(lambda: "shutdown" in kinds(cloud))
    began = time.monotonic()
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(15) == 0
    assert time.monotonic() - began < 8
    process.start()
    said(alice, "job 1: done in .* web-1 is off", 30)


def test_the_end_of_a_job_is_said_when_the_bot_is_back_in_the_channel(cloud, tmp_path):
    port = free_port()
    text = f"""\
[network:test]
host = 127.0.0.1
port = {port}
tls = no
channels = {CHANNEL}
reconnect_min = 0.3
reconnect_max = 0.5
[roles]
ops = alice
[web]
listen =
[provider:do]
kind = digitalocean
token = {TOKEN}
endpoint = {cloud.url.rstrip("/")}
poll = 0.1
"""
    with RunningBot(tmp_path / "bot", text):
        with IrcServer(port=port, accounts={"alice": "pw"}):
            alice = Chat(("127.0.0.1", port), "alice", CHANNEL, "pw")
            assert alice.wait_for("chanops", 20)
            alice.say(".stop web-1")
            assert alice.hear(lambda line: line.text.startswith("job 1: stop web-1"))
            alice.leave()
        eventually(lambda: "off" in kinds(cloud))
        with IrcServer(port=port):
            reader = Chat(("127.0.0.1", port), "reader", CHANNEL)
            heard = reader.hear(lambda line: line.text.startswith("job 1: done in"), 30)
            reader.leave()
    assert heard is not None
    assert "web-1 is off" in heard.text


def test_a_job_is_cancelled_and_it_is_said_how_that_leaves_things(bot, cloud, alice):
    process, _ = bot
    started(process, alice)
    cloud.world.faults.add(Fault("shutdown-ignored"))
    talk(alice, ".down -n web-1", "would: down web-1")
    talk(alice, f".confirm {code_in(talk(alice, '.down web-1', 'alice: this snapshots'))}", "job 1: down web-1")
    eventually(lambda: "shutdown" in kinds(cloud))
    talk(alice, ".stop web-1", r"job 2: stop web-1 \(do\) \(waits for job 1\)")
    talk(alice, ".cancel 1", "job 1 ends at its next step; now: web-1 is shutting down")
    said(alice, "job 1: cancelled in .* web-1 cancelled; is shutting down")
    said(alice, "job 2: done in .* web-1 is off", 30)
    assert "destroy" not in kinds(cloud)
