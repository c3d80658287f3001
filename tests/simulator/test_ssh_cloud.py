"""The simulated DigitalOcean's droplets as machines that answer SSH."""

import base64
import threading
import time
from contextlib import suppress
from dataclasses import replace

import paramiko
import pytest

from chanops.simulator.digitalocean import CloudServer, Delays, Limits
from chanops.simulator.ssh_cloud import Ssh
from chanops.simulator.ssh_user_data import host_key
from chanops.testing import until
from tests.simulator.ssh_client import KEY, KEY_TEXT, Client, line, new_key, refused

requests = pytest.importorskip("requests")

PORT = 2299
BODY = {"size": "s-2vcpu-4gb", "image": "debian-12-x64", "region": "fra1"}
GIVEN, GIVEN_TEXT = new_key()
INDENTED = "".join(f"    {each}\n" for each in GIVEN_TEXT.splitlines())
CONFIG = f"#cloud-config\nssh_keys:\n  ed25519_private: |\n{INDENTED}  ed25519_public: {line(GIVEN)}\n"


@pytest.fixture
def cloud():
    if not Ssh().possible():
        pytest.skip("this system has one loopback address only")
    with CloudServer(delays=Delays.quick(), seed=3, limits=Limits(minute=50_000), ssh=Ssh(port=PORT)) as cloud:
        cloud.key = cloud.world.add_key("laptop", line(KEY))
        yield cloud


def ask(cloud, method, path, **body):
    headers = {"Authorization": f"Bearer {cloud.token}"}
    with requests.Session() as session:
        answer = session.request(method, cloud.url + path, json=body or None, headers=headers, timeout=10)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


def create(cloud, name, **more):
    """A new droplet's number."""
    return ask(cloud, "POST", "droplets", name=name, ssh_keys=[cloud.key], **{**BODY, **more})["droplet"]["id"]


def act(cloud, number, kind, **more):
    """Do it, and wait until it is done."""
    action = ask(cloud, "POST", f"droplets/{number}/actions", type=kind, **more)["action"]["id"]
    until(lambda: ask(cloud, "GET", f"actions/{action}")["action"]["status"] == "completed")


def address(cloud, number):
    droplet = next(each for each in cloud.world.state()["droplets"] if each["id"] == number)
    return (droplet["address"], PORT)


def answers(cloud, number):
    """A client of a droplet, as soon as it answers; nobody asks the API meanwhile."""
    until(lambda: any(each.kind == "active" for each in cloud.world.truth if each.droplet == number))
    place = address(cloud, number)

    def found():
        with suppress(ConnectionError, EOFError, paramiko.SSHException):
            return Client(place)

    return until(found)


def test_a_new_droplet_answers_a_while_after_it_is_active():
    quick = Delays.quick()
    for boot in (0.03, 3600):
        with CloudServer(delays=replace(quick, boot=boot), ssh=Ssh(port=PORT)) as cloud:
            cloud.key = cloud.world.add_key("laptop", line(KEY))
            number = create(cloud, "web-1")
            until(lambda cloud=cloud: [each.kind for each in cloud.world.truth] == ["create", "active"])
            if boot == 3600:
                assert refused(address(cloud, number))
            else:
                with answers(cloud, number) as client:
                    said = client.do("hostname; nproc; hostname -I; uptime -p")[1].decode().split("\n")
                assert said[:2] == ["web-1", "2"]
                assert said[2].startswith(f"{address(cloud, number)[0]} 10.")
                assert said[3] == "up 0 minutes"


def test_the_host_key_of_the_user_data_is_the_machine_s_and_only_the_named_keys_log_in(cloud):
    other, _ = new_key()
    cloud.world.add_key("other", line(other))
    number = create(cloud, "web-1", user_data=CONFIG)
    with answers(cloud, number) as client:
        assert client.get_remote_server_key() == GIVEN
    with pytest.raises(paramiko.AuthenticationException):
        Client(address(cloud, number), other)
    with answers(cloud, create(cloud, "web-2")) as client:
        assert client.get_remote_server_key() != GIVEN


def test_what_is_off_answers_nobody_and_comes_back_as_it_was(cloud):
    number = create(cloud, "web-1")
    client = answers(cloud, number)
    place, key = address(cloud, number), client.get_remote_server_key()
    client.do("echo kept > /srv/file")
    for off, on in (("shutdown", "power_on"), ("power_off", "power_on"), ("reboot", None), ("power_cycle", None)):
        act(cloud, number, off)
        until(lambda client=client: not client.is_active())
        client.join(10)
        if on:
            assert refused(place)
            act(cloud, number, on)
        client = answers(cloud, number)
        assert client.get_remote_server_key() == key
        assert client.do("cat /srv/file; uptime -p")[1] == b"kept\nup 0 minutes\n"
    for command, status in (("sudo reboot", "active"), ("poweroff", "off")):
        channel = client.begin(command)
        assert channel.recv_exit_status() == -1
        until(lambda client=client: not client.is_active())
        client.join(10)
        assert cloud.world.state()["droplets"][0]["status"] == status
        client = answers(cloud, number) if status == "active" else client
    assert refused(place)
    cloud.world.set_status(number, "active")
    with answers(cloud, number) as client:
        ask(cloud, "DELETE", f"droplets/{number}")
        until(lambda: not client.is_active())
    assert refused(place)


def test_a_snapshot_keeps_the_disk_and_the_host_key(cloud):
    number = create(cloud, "web-1")
    with answers(cloud, number) as client:
        key = client.get_remote_server_key()
        client.do("echo one > /srv/file")
        act(cloud, number, "snapshot", name="saved")
        client.do("echo two > /srv/file; rm /etc/ssh/ssh_host*")
    image = cloud.world.state()["snapshots"][0]["id"]
    copies = [create(cloud, "web-2", image=image), create(cloud, "web-3", image=image, user_data=CONFIG)]
    act(cloud, number, "reboot")
    with answers(cloud, number) as client:
        assert client.get_remote_server_key() != key
        assert client.do("cat /srv/file")[1] == b"two\n"
    for copy, host, expected in zip(copies, ("web-2", "web-3"), (key, GIVEN), strict=True):
        with answers(cloud, copy) as client:
            assert client.get_remote_server_key() == expected
            assert client.do("cat /srv/file; hostname")[1].decode() == f"one\n{host}\n"
    act(cloud, number, "restore", image=image)
    with answers(cloud, number) as client:
        assert client.get_remote_server_key() == key
        assert client.do("cat /srv/file")[1] == b"one\n"
    act(cloud, number, "rebuild", image="debian-12-x64")
    with answers(cloud, number) as client:
        assert client.get_remote_server_key() != key
        assert client.do("cat /srv/file")[0] == 1


def test_furnished_droplets_answer_at_once_and_an_outage_spares_their_disks(cloud):
    numbers = [cloud.world.add_droplet(f"m{number}") for number in range(5)]
    off = cloud.world.add_droplet("off", status="off")
    places = [address(cloud, number) for number in numbers]
    assert len({place[0] for place in places}) == 5
    assert all(place[0].startswith("127.77.") and place[0].rpartition(".")[2] not in ("0", "255") for place in places)
    with Client(places[0]) as client:
        key = client.get_remote_server_key()
        assert key.get_base64() in cloud.ssh.machine(numbers[0]).host_key
        assert b"days" in client.do("uptime; echo here > f")[1]
    assert refused(address(cloud, off))
    began = time.monotonic()
    waiting = Client(places[1])
    waiting.begin("sleep 1000")
    cloud.stop()
    assert time.monotonic() - began < 5
    until(lambda: not waiting.is_active())
    waiting.join(10)
    assert not [each for each in threading.enumerate() if each.name.startswith("ssh-")]
    assert refused(places[0])
    cloud.start()
    with Client(places[0]) as client:
        assert client.get_remote_server_key() == key
        assert client.do("cat f")[1] == b"here\n"
    cloud.world.reset()
    assert refused(places[0])


def test_without_it_droplets_are_records_with_addresses_of_the_documentation():
    with CloudServer(delays=Delays.quick()) as cloud:
        assert cloud.ssh is None
        assert address(cloud, cloud.world.add_droplet("web"))[0].startswith("203.0.113.")
        assert [each.name for each in threading.enumerate() if each.name.startswith("ssh-")] == []
    with pytest.raises(ValueError):
        Ssh("10.0.0.0/8")


def mime(*parts):
    lines = ['Content-Type: multipart/mixed; boundary="B"', "MIME-Version: 1.0", ""]
    for kind, text, *more in parts:
        lines += ["--B", f'Content-Type: text/{kind}; charset="utf-8"', *more, "", text]
    return "\n".join([*lines, "--B--", ""])


SHELL = ("x-shellscript", "#!/bin/sh\necho hi\n")
IN_BASE64 = base64.encodebytes(CONFIG.encode()).decode()
QUOTED = GIVEN_TEXT.replace("\n", "\\n")


@pytest.mark.parametrize(
    "user_data",
    [
        CONFIG,
        CONFIG.replace("\n", "\r\n"),
        CONFIG.replace("private: |", "private: |-  # ours"),
        CONFIG.replace("    ", "          "),
        f"#cloud-config\npackages: [git]\n{CONFIG.partition(chr(10))[2]}runcmd:\n  - echo hi\n",
        f"#cloud-config\n# remark\n\nssh_keys:\n\n  # another\n  rsa_private: |\n    no\n{CONFIG.split(chr(10), 2)[2]}",
        f'#cloud-config\n"ssh_keys":\n  "ed25519_private": "{QUOTED}"\n',
        f'#cloud-config\n{{"ssh_keys": {{"ed25519_private": "{QUOTED}"}}, "packages": []}}\n',
        f'#cloud-config\nssh_keys: {{ed25519_private: "{QUOTED}"}}\n',
        f"## template: jinja\n{CONFIG}",
        mime(("cloud-config", CONFIG), SHELL),
        mime(SHELL, ("cloud-config", CONFIG.partition("\n")[2])),
        mime(SHELL, ("cloud-config", IN_BASE64, "Content-Transfer-Encoding: base64")),
        mime(("plain", CONFIG)),
    ],
)
def test_cloud_init_s_user_data_gives_the_host_key(user_data):
    assert host_key(user_data) == GIVEN_TEXT


@pytest.mark.parametrize(
    "user_data",
    [
        "",
        "#!/bin/sh\nssh_keys:\n",
        CONFIG.partition("\n")[2],
        f"#!/bin/sh\n{CONFIG}",
        CONFIG.replace("ssh_keys", "keys"),
        CONFIG.replace("ed25519_private", "rsa_private"),
        CONFIG.replace("-----BEGIN", "----BEGIN"),
        "#cloud-config\nssh_keys:\n  ed25519_private: |\n",
        '#cloud-config\nssh_keys:\n  ed25519_private: "unfinished\n',
        f"#cloud-config\nother:\n  ssh_keys:\n    ed25519_private: |\n{INDENTED}",
        mime(SHELL),
        mime(("plain", GIVEN_TEXT)),
    ],
)
def test_anything_else_gives_none(user_data):
    assert host_key(user_data) == ""


def test_the_key_of_a_user_data_with_another_below_it_ends_where_it_ends():
    two = CONFIG + "".join(
        f"  {each}\n" for each in ("rsa_private: |", *(f"  {each}" for each in KEY_TEXT.split("\n")))
    )
    assert host_key(two) == GIVEN_TEXT
