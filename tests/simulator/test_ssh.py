"""The pretended machines answer SSH: paramiko and OpenSSH's own clients are the judges."""

import io
import os
import shutil
import socket
import subprocess
import threading

import paramiko
import pytest

from chanops.simulator.ssh_fleet import SshFleet
from chanops.simulator.ssh_machine import SshMachine
from chanops.testing import until
from tests.simulator.ssh_client import KEY, KEY_TEXT, Client, line, new_key, refused

openssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH's clients are not installed")


@pytest.fixture
def fleet():
    with SshFleet() as fleet:
        yield fleet


@pytest.fixture
def web(fleet):
    """Where a machine called web answers."""
    return fleet.open(SshMachine("web", [line(KEY)]), "127.77.0.9")


def test_a_command_has_its_output_its_errors_and_its_status(web):
    with Client(web) as client:
        assert client.do("hostname; echo wrong >&2; exit 3") == (3, b"web\n", b"wrong\n")
        assert client.do("cat; sh -s x", b"") == (0, b"", b"")
        assert client.do("sh -c W chanops-script 'a b'", b'cat; echo "$1"; exit 7') == (7, b"a b\n", b"")
        assert client.do("nosuchtool") == (127, b"", b"sh: 1: nosuchtool: not found\n")
        assert client.do("head -c 3000000 /dev/zero | tee f; wc -c f >&2") == (0, bytes(3_000_000), b"3000000 f\n")
        many = [client.begin(f"sleep 0.0{number}; echo {number}") for number in range(8)]
        assert [each.makefile().read() for each in many] == [b"%d\n" % number for number in range(8)]


def test_only_the_keys_on_its_disk_let_people_in(web):
    other, _ = new_key()
    with pytest.raises(paramiko.AuthenticationException):
        Client(web, other)
    with Client(web, None) as client, pytest.raises(paramiko.BadAuthenticationType):
        client.auth_password("root", "demo")
    with Client(web) as client, client.sftp() as sftp, sftp.open(".ssh/authorized_keys", "a") as file:
        file.write(f"restrict {line(other)}\n")
    with Client(web, other, "ada") as client:
        assert client.do("whoami; pwd")[1] == b"ada\n/home/ada\n"


def test_signals_end_what_runs(web):
    with Client(web) as client:
        for command in ("sleep 1000", "cat", "yes", "sh -s", "while true; do :; done", "yes | tail -1"):
            channel = client.begin(command)
            client.send_signal(channel, "TERM")
            until(lambda channel=channel: channel.closed)
            assert client.signals[channel.chanid] == "TERM", command
        channel = client.begin("trap '' TERM; echo ready; sleep 1000")
        assert channel.recv(100) == b"ready\n"
        client.send_signal(channel, "TERM")
        client.send_signal(channel, "nonsense")
        assert client.do("true")[0] == 0
        assert not channel.closed
        client.send_signal(channel, "KILL")
        until(lambda: channel.closed)
        assert client.signals[channel.chanid] == "KILL"
        client.send_signal(channel, "KILL")
        assert client.do("true")[0] == 0


def test_what_nobody_waits_for_ends_and_what_stays_behind_holds_the_channel(web):
    def running():
        return [each.name for each in threading.enumerate() if each.name in ("ssh-job", "ssh-background")]

    with Client(web) as client:
        for command in ("sleep 1000", "yes", "cat"):
            client.begin(command).close()
        until(lambda: not running())
        channel = client.begin("sleep 1000 & echo out")
        assert channel.recv_exit_status() == 0
        assert channel.recv(100) == b"out\n"
        assert not channel.closed
        channel.close()
        until(lambda: not running())
        client.begin("sleep 1000")
    until(lambda: not running())


def test_files_go_over_sftp(web):
    data = os.urandom(300_000)
    with Client(web) as client, client.sftp() as sftp:
        sftp.putfo(io.BytesIO(data), "/srv/new")
        sftp.chmod("/srv/new", 0o750)
        assert (sftp.stat("/srv/new").st_size, sftp.stat("/srv/new").st_mode) == (300_000, 0o100750)
        sftp.mkdir("/srv/d")
        with sftp.open("/srv/d/old", "w") as file:
            file.write("x")
        with pytest.raises(OSError):
            sftp.rename("/srv/new", "/srv/d/old")
        sftp.posix_rename("/srv/new", "/srv/d/old")
        sftp.symlink("d/old", "/srv/link")
        assert sorted(sftp.listdir("/srv")) == ["d", "link", "www"]
        assert (sftp.readlink("/srv/link"), sftp.normalize(".")) == ("d/old", "/root")
        assert sftp.lstat("/srv/link").st_size == 5
        kept = io.BytesIO()
        assert sftp.getfo("/srv/link", kept) == 300_000
        assert kept.getvalue() == data
        with pytest.raises(OSError):
            sftp.rmdir("/srv/d")
        with pytest.raises(FileNotFoundError):
            sftp.stat("/srv/new")
        with sftp.open("/srv/huge", "w") as file:
            file.seek(1 << 40)
            with pytest.raises(OSError):
                file.write("x")
        sftp.remove("/srv/d/old")
        sftp.rmdir("/srv/d")
        with sftp.open("/srv/www/once", "wx") as file:
            file.write("x")
        with pytest.raises(OSError):
            sftp.open("/srv/www/once", "wx")


def test_somebody_at_a_terminal_is_prompted(web):
    with Client(web) as client:
        channel = client.open_session(timeout=10)
        channel.settimeout(10)
        channel.get_pty()
        channel.invoke_shell()
        shown = b""
        for typed, expected in (
            ("", "root@web:~# "),
            ("cd /etcc\x7f; A=1\r", "cd /etcc\b \b; A=1\r\nroot@web:/etc# "),
            ("echo $A `hostname`\r", "\r\n1 web\r\nroot@web:/etc# "),
            ("yes\r", "y\r\ny\r\n"),
            ("\x03", "^C\r\nroot@web:/etc# "),
            ("half", "half"),
            ("\x03", "^C\r\nroot@web:/etc# "),
            ("if\r", "unexpected\r\nroot@web:/etc# "),
            ("sleep 1000\r\x03", "^C\r\nroot@web:/etc# "),
        ):
            channel.sendall(typed)
            shown = b""
            while expected.encode() not in shown:
                shown = shown[-1000:] + channel.recv(1 << 20)
        channel.sendall("exit 5\r")
        assert channel.recv_exit_status() == 5
        channel = client.open_session(timeout=10)
        channel.get_pty()
        channel.invoke_shell()
        channel.sendall("\x04")
        assert channel.recv_exit_status() == 0


@openssh
def test_the_clients_of_openssh_get_along_with_it(fleet, web, tmp_path):
    address, port = web
    key, known, data = tmp_path / "key", tmp_path / "known", tmp_path / "data"
    key.touch(0o600)
    key.write_text(KEY_TEXT)
    options = [
        "-F",
        "none",
        "-i",
        key,
        "-o",
        f"UserKnownHostsFile={known}",
        "-o",
        "BatchMode=yes",
        "-o",
        "LogLevel=ERROR",
    ]
    options += ["-o", "StrictHostKeyChecking=accept-new"]

    def call(program, *words, stdin=b""):
        return subprocess.run([program, *options, *words], input=stdin, capture_output=True, timeout=30)

    done = call("ssh", "-p", str(port), f"root@{address}", "cat; hostname; echo wrong >&2; exit 3", stdin=b"given\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"given\nweb\n", b"wrong\n")
    data.write_bytes(os.urandom(200_000))
    assert call("scp", "-P", str(port), data, f"root@{address}:/root/there").returncode == 0
    batch = f"put {data} new\nrename new there\nget there {tmp_path}/back\nls -l\nbye\n".encode()
    done = call("sftp", "-b", "-", "-P", str(port), f"root@{address}", stdin=batch)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "back").read_bytes() == data.read_bytes()
    known.unlink()
    inner = fleet.open(SshMachine("inner", [line(KEY)]), "127.77.0.10")
    through = " ".join(map(str, ["ssh", *options, "-p", port, "-W", "%h:%p", f"root@{address}"]))
    jump = ("-o", f"ProxyCommand={through}", "-p", str(inner[1]), f"root@{inner[0]}", "hostname")
    assert call("ssh", *jump).stdout == b"inner\n"
    with socket.create_server(("127.0.0.1", 0)) as ours:
        done = call("ssh", "-p", str(port), "-W", f"127.0.0.1:{ours.getsockname()[1]}", f"root@{address}")
        assert b"stdio forwarding failed" in done.stderr
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.accept()


def test_a_machine_that_goes_cuts_everything_and_comes_back_as_itself(fleet):
    machine = SshMachine("web", [line(KEY)])
    address = fleet.open(machine, "127.77.0.9")
    with Client(address) as client, client.sftp() as sftp:
        sftp.putfo(io.BytesIO(b"kept"), "kept")
        channel, before = client.begin("sleep 1000"), client.get_remote_server_key()
        fleet.close(machine)
        until(lambda: not client.is_active())
        assert channel.recv_exit_status() == -1
    assert refused(address)
    fleet.open(machine, *address)
    with Client(address) as client:
        assert client.get_remote_server_key() == before
        assert client.do("cat kept")[1] == b"kept"
        assert client.do("cat /etc/ssh/ssh_host_ed25519_key.pub")[1].split()[1].decode() == before.get_base64()


def test_it_is_the_host_key_that_was_given(fleet):
    key, text = new_key()
    machine = SshMachine("web", host_key=text)
    with Client(fleet.open(machine, "127.77.0.9"), None) as client:
        assert client.get_remote_server_key() == key
    assert machine.host_key == f"ssh-ed25519 {key.get_base64()} root@web"
    with Client(fleet.open(SshMachine("web", host_key="nonsense"), "127.77.0.10"), None) as client:
        assert client.get_remote_server_key() != key


def test_it_listens_on_its_own_address_only(fleet, web):
    assert refused(("127.0.0.1", web[1]))
    assert refused(("127.77.0.10", web[1]))
    for outside in ("0.0.0.0", "192.0.2.1"):
        with pytest.raises(ValueError):
            fleet.open(SshMachine("web"), outside)
    with pytest.raises(OSError):
        fleet.open(SshMachine("other"), *web)


def test_many_machines_share_a_thread_and_nothing_is_left_of_them():
    before, files = threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 0
    with SshFleet() as fleet:
        port = 0
        for number in range(20):
            address = fleet.open(SshMachine(f"m{number}", [line(KEY)]), f"127.77.1.{number + 1}", port)
        assert threading.active_count() == before + 1
        clients = [Client(address) for _ in range(3)]
        channels = [
            client.begin(command) for client, command in zip(clients, ("sleep 1000", "yes", "cat"), strict=True)
        ]
        half = socket.create_connection(address)
        clients[0].sftp()
        assert len([each.recv(10) for each in channels[1:2]]) == 1
    for client in clients:
        client.close()
        client.join(10)
    half.close()
    until(lambda: threading.active_count() == before)
    assert refused(address)
    if files:
        until(lambda: len(os.listdir("/proc/self/fd")) == files)
