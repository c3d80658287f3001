"""Connections are kept and shared, never too many, replaced when they die, and closed when nobody needs them."""

import contextlib
import os
import signal
import threading
import time
from itertools import cycle, islice

import paramiko
import pytest
from paramiko.common import MSG_CHANNEL_EOF
from sshd import BAD_HOSTS, Sshd

from chanops.core.public_keys import public_key
from chanops.ssh import pool as pools
from chanops.ssh.base import End, Login, NoAnswer, NotLetIn, SshError
from chanops.testing import until
from tests.ssh.conftest import NAME, at_once, engine_with, login_to, run

# Which connection served it (the number of sshd's process), and from when to when.
WHICH = "echo $PPID; date +%s%N; sleep 0.25; date +%s%N"


def told(results):
    """Each command's output, or what went wrong."""
    return [each.out if getattr(each, "end", "") is End.EXITED else getattr(each, "outcome", each) for each in results]


def connections(rans):
    """By connection, the most commands that it served at one moment."""
    served, most = {}, {}
    for ran in rans:
        which, began, ended = map(int, ran.out.split())
        served.setdefault(which, []).append((began, ended))
    for which, times in served.items():
        most[which] = max(sum(a <= moment < b for a, b in times) for moment, _ in times)
    return most


def test_commands_one_after_another_share_a_connection(engine, sshd, cable):
    line = cable(sshd)
    for n in range(20):
        assert run(engine, login_to(line), f"echo {n}").out == b"%d\n" % n
    assert (line.connections, line.open) == (1, 1)


def test_commands_which_end_at_once_do_not_end_the_connection_that_others_use(make_engine, host):
    """A command can be over before all its input is sent: what is sent after that is an offence to sshd."""
    for _ in range(6):
        engine = make_engine()
        results = at_once(4, lambda n: [run(engine, host, "exit 7", stdin=b"x" * 4_000_000) for _ in range(4)])
        assert {(each.end, each.status) for some in results for each in some} == {(End.EXITED, 7)}


def test_a_command_that_ends_before_we_end_its_input_does_not_end_the_connection(engine, sshd, cable, monkeypatch):
    send = paramiko.Transport._send_user_message

    def late(self, data):
        """A thread may stand still for a moment just before it sends."""
        there = int.from_bytes(data.asbytes()[1:5], "big")
        channel = next((each for each in self._channels.values() if each.remote_chanid == there), None)
        if data.asbytes()[0] == MSG_CHANNEL_EOF and channel and threading.current_thread() is not self:
            with contextlib.suppress(AssertionError):
                until(lambda: channel.closed, 0.1)
        send(self, data)

    monkeypatch.setattr(paramiko.Transport, "_send_user_message", late)
    line = cable(sshd)
    for _ in range(4):
        assert run(engine, login_to(line), "exit 7").status == 7
    assert line.connections == 1


def test_many_commands_at_once_share_few_connections_and_none_has_too_many(engine, sshd, cable):
    line = cable(sshd)
    rans = at_once(30, lambda n: run(engine, login_to(line), WHICH))
    assert {type(each) for each in told(rans)} == {bytes}, told(rans)
    used = connections(rans)
    assert max(used.values()) <= 8
    assert len(used) == line.connections <= 6


def test_a_host_that_allows_fewer_sessions_than_we_thought_still_serves_all(fresh_sshd, engine, cable):
    line = cable(fresh_sshd("MaxSessions 2"))
    rans = at_once(12, lambda n: run(engine, login_to(line), WHICH))
    assert {type(each) for each in told(rans)} == {bytes}, told(rans)
    assert max(connections(rans).values()) <= 2


def test_a_host_that_allows_one_session_only_serves_one_after_another(fresh_sshd, engine):
    host = login_to(fresh_sshd("MaxSessions 1"))
    assert [run(engine, host, "echo hi").out for _ in range(3)] == [b"hi\n"] * 3
    assert told(at_once(4, lambda n: run(engine, host, "echo hi"))) == [b"hi\n"] * 4


def test_a_host_that_gives_no_session_at_all_is_an_error(fresh_sshd, make_engine):
    with pytest.raises(SshError):
        run(make_engine(connect=1.0), login_to(fresh_sshd("MaxSessions 0")), "true")


def test_a_host_that_turns_most_away_at_once_serves_all_in_the_end(fresh_sshd, engine):
    server = fresh_sshd("MaxStartups 3:100:3")
    rans = at_once(60, lambda n: run(engine, login_to(server), f"echo {n}"))
    assert told(rans) == [b"%d\n" % n for n in range(60)]


def test_many_users_of_one_jump_host_do_not_storm_it(fresh_sshd, sshd_fleet, engine):
    """As a bastion sees it: forty hosts behind it, asked for at once."""
    gate = login_to(fresh_sshd("MaxStartups 3:100:3"))

    def one(number):
        host = Login(sshd_fleet.addresses[number], sshd_fleet.port, Sshd.user, (NAME,), gate)
        return run(engine, host, f"echo {number}")

    rans = at_once(40, one)
    assert told(rans) == [b"%d\n" % n for n in range(40)]


def test_no_more_than_allowed_connect_to_one_address_at_once(make_engine, fresh_sshd):
    server = fresh_sshd("LogLevel DEBUG1", "MaxStartups 100")
    engine, before = make_engine(at_once=2, sessions=1), server.settled()
    rans = at_once(12, lambda n: run(engine, login_to(server), "sleep 0.2"))
    assert told(rans) == [b""] * 12
    now = most = 0
    for line in server.log()[before:].splitlines():
        now += line.startswith("Connection from") - line.startswith("Accepted publickey")
        most = max(most, now)
    assert 0 < most <= 2


@pytest.mark.parametrize("death", ["the host ends it", "a reset"])
def test_a_dead_connection_is_replaced_and_the_command_runs_once(death, fresh_sshd, engine, cable, tmp_path):
    server = fresh_sshd()
    line = cable(server)
    command = f"echo ran >>{tmp_path}/ran"
    for n in range(1, 6):
        assert run(engine, login_to(line), command).status == 0
        assert (tmp_path / "ran").read_text() == "ran\n" * n
        server.kill_sessions() if death == "the host ends it" else line.cut(reset=True)
    assert line.connections == 5


def test_a_host_that_was_started_anew_is_connected_anew(fresh_sshd, engine):
    server = fresh_sshd()
    assert run(engine, login_to(server), "true").status == 0
    server.stop()
    with pytest.raises(NoAnswer):
        run(engine, login_to(server), "true")
    server.start()
    assert run(engine, login_to(server), "true").status == 0


def test_many_find_out_at_once_that_their_connection_is_dead(fresh_sshd, engine, tmp_path):
    server = fresh_sshd()
    assert {ran.status for ran in at_once(8, lambda n: run(engine, login_to(server), "true"))} == {0}
    server.kill_sessions()
    rans = at_once(16, lambda n: run(engine, login_to(server), f"echo ran >>{tmp_path}/{n}"))
    assert told(rans) == [b""] * 16
    assert [(tmp_path / str(n)).read_text() for n in range(16)] == ["ran\n"] * 16


def test_a_connection_that_died_silently_is_found_by_asking_and_replaced(engine, sshd, cable, tmp_path, monkeypatch):
    monkeypatch.setattr(pools, "STALE", 0.05)
    monkeypatch.setattr(pools, "PROBE", 0.3)
    line = cable(sshd)
    assert run(engine, login_to(line), "true").status == 0
    line.cut(reset=False)
    idle = time.monotonic() + 0.1
    until(lambda: time.monotonic() > idle)
    began = time.monotonic()
    assert run(engine, login_to(line), f"echo ran >>{tmp_path}/ran").status == 0
    assert time.monotonic() - began < 1.0
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert line.connections == 2
    assert run(engine, login_to(line), "true").status == 0
    assert line.connections == 2


def test_a_connection_that_only_idled_is_asked_and_kept(engine, sshd, cable, monkeypatch):
    monkeypatch.setattr(pools, "STALE", 0.0)
    line = cable(sshd)
    for _ in range(4):
        assert run(engine, login_to(line), "true").status == 0
    assert line.connections == 1


def test_a_connection_that_nobody_uses_is_closed(make_engine, sshd, cable):
    engine, line = make_engine(idle=0.3), cable(sshd)
    assert run(engine, login_to(line), "true").status == 0
    assert line.open == 1
    until(lambda: not line.open, 3.0)
    assert run(engine, login_to(line), "true").status == 0
    assert line.connections == 2


def test_a_connection_is_not_closed_while_a_command_is_quiet(make_engine, sshd, cable):
    engine, line = make_engine(idle=0.2), cable(sshd)
    assert run(engine, login_to(line), "sleep 1.8; echo still there").out == b"still there\n"


def test_two_users_never_share_a_connection(engine, sshd, cable):
    line = cable(sshd)
    assert run(engine, login_to(line), "id -un").out.decode().strip() == Sshd.user
    other = "nobody" if Sshd.user != "nobody" else "daemon"
    try:
        ran = run(engine, login_to(line, user=other), "id -un")
    except NotLetIn:
        pass  # only root's sshd lets others in
    else:
        assert ran.out.decode().strip() != Sshd.user
    assert line.connections == 2


def test_two_keys_of_one_address_never_share_a_connection(engine, sshd, cable):
    """An address that was lent to another machine: what is known by another name is checked by that name."""
    line = cable(sshd)
    assert run(engine, login_to(line), "true").status == 0
    with pytest.raises(SshError):
        run(engine, login_to(line, "hosts/other"), "true")


def test_a_key_that_is_no_longer_known_is_not_used_through_a_kept_connection(engine, sshd, cable, known, ssh_keys):
    line = cable(sshd)
    assert run(engine, login_to(line), "true").status == 0
    known.pin(NAME, [public_key(ssh_keys.public("other"))])
    with pytest.raises(SshError):
        run(engine, login_to(line), "true")


def what_is_open():
    numbers = []
    for number in os.listdir("/proc/self/fd"):
        try:
            numbers.append((number, os.readlink(f"/proc/self/fd/{number}")))
        except FileNotFoundError:
            continue  # the folder itself
    return {*numbers}


def test_a_closed_engine_leaves_no_thread_no_socket_and_no_file(known, ssh_keys, fresh_sshd, sshd):
    gate = fresh_sshd()
    before, threads = what_is_open(), {*threading.enumerate()}
    engine = engine_with(known, ssh_keys.private("login"))
    hosts = [login_to(sshd), login_to(gate), login_to(sshd, jump=login_to(gate))]
    assert {run(engine, each, "true").status for each in hosts} == {0}
    assert run(engine, hosts[0], "sleep 1000", timeout=0.1).end is End.TIMED_OUT
    engine.host_key(hosts[2], 5.0)
    for kind in BAD_HOSTS:
        with kind() as bad, pytest.raises(SshError):
            engine.host_key(login_to(bad), 0.1)
    gate.kill_sessions()
    engine.close()
    until(lambda: {*threading.enumerate()} <= threads, 2.0)
    assert what_is_open() <= before
    engine.close()
    with pytest.raises(SshError):
        run(engine, hosts[0], "true")


def test_an_engine_may_be_closed_while_commands_run(known, ssh_keys, sshd):
    before, threads = what_is_open(), {*threading.enumerate()}
    engine = engine_with(known, ssh_keys.private("login"))
    began = threading.Semaphore(0)
    pids, results = [], []

    def on_output(output):
        pids.append(int(output))
        began.release()

    def one():
        try:
            results.append(run(engine, login_to(sshd), "echo $$; sleep 1000", on_output=on_output).end)
        except SshError as error:
            results.append(error)

    running = [threading.Thread(target=one) for _ in range(10)]
    for each in running:
        each.start()
    for _ in running:
        assert began.acquire(timeout=10)
    engine.close()
    for each in running:
        each.join(3)
    assert len(results) == 10
    assert all(each is End.LOST or isinstance(each, SshError) for each in results)
    until(lambda: {*threading.enumerate()} <= threads, 2.0)
    assert what_is_open() <= before
    for each in pids:
        os.kill(each, signal.SIGKILL)


def test_two_hundred_hosts_of_which_twenty_are_bad(make_engine, sshd_fleet):
    engine = make_engine(connect=4.0)
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(kind()) for kind in islice(cycle(BAD_HOSTS), 20)]
        hosts = [Login(each, sshd_fleet.port, Sshd.user, (NAME,)) for each in sshd_fleet.addresses[:180]]
        for n, each in enumerate(bad):
            hosts.insert(n * 9, login_to(each))

        def one(number):
            began = time.monotonic()
            try:
                return run(engine, hosts[number], f"echo {number}").out
            except NoAnswer:
                return time.monotonic() - began

        results = at_once(200, one)
    for n, (host, result) in enumerate(zip(hosts, results, strict=True)):
        if host.address in sshd_fleet.addresses:
            assert result == b"%d\n" % n
        else:
            assert isinstance(result, float)
            assert result < 4.0 + 1.0
