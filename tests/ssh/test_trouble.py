"""What can go wrong with a host: each really happens, has its own error, in time, and nothing runs unasked."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sshd import BAD_HOSTS, Closes, Sshd, Tarpit, name_of, state_of

from chanops.core.errors import Problem
from chanops.core.public_keys import public_key
from chanops.ssh.base import ChangedKey, End, Halt, Left, Login, NoAnswer, NotLetIn, SshError, UnknownKey
from chanops.testing import until
from tests.ssh.conftest import NAME, at_once, login_to, run

CONNECT = 0.3  # seconds in which a host has to let us in
LATEST = 0.5  # seconds after that by which we have given up
RAN = "echo ran >>{}"
OTHER = "hosts/other"


@pytest.fixture
def ran(tmp_path):
    """A file to which commands add a line."""
    return tmp_path / "ran"


def count(ran):
    """How often a command added its line."""
    return len(ran.read_text().splitlines()) if ran.exists() else 0


@pytest.fixture
def watched(fresh_sshd):
    """A server which tells all that it is asked; `asked_to_log_in()` is whether anybody did, when all have gone."""
    server = fresh_sshd("LogLevel DEBUG1")
    before = server.settled()

    def asked_to_log_in():
        until(lambda: "Connection from" in server.log()[before:])
        server.settled()
        return "userauth-request" in server.log()

    server.asked_to_log_in = asked_to_log_in
    return server


def told(error, *parts):
    """An error is one line that can be said in a channel, whatever a host has put into it, with these parts."""
    text = str(error.value if hasattr(error, "value") else error)
    assert text.isprintable(), text
    assert len(text) < 400
    for each in parts:
        assert each in text


def each_kind(kinds, engine, limit, ask):
    """Ask hosts of all these kinds at once: each is given up in time, with a line that names it."""

    def one(number):
        with kinds[number]() as bad:
            began = time.monotonic()
            with pytest.raises(NoAnswer) as error:
                ask(bad)
            assert time.monotonic() - began < limit + LATEST
            told(error, str(bad.port))

    assert {kind.__name__: error for kind, error in zip(kinds, at_once(len(kinds), one)) if error} == {}


def test_bad_hosts_are_given_up_in_time(make_engine):
    engine = make_engine(connect=CONNECT)
    each_kind(BAD_HOSTS, engine, CONNECT, lambda bad: run(engine, login_to(bad), "true"))


def test_bad_hosts_have_no_key_to_show(engine):
    each_kind(BAD_HOSTS, engine, 0.2, lambda bad: engine.host_key(login_to(bad), 0.2))
    each_kind(BAD_HOSTS, engine, 0.2, lambda bad: engine.answers(login_to(bad), 0.2))


def test_a_host_that_hangs_up_is_not_asked_for_ever(make_engine):
    with Closes() as bad, pytest.raises(NoAnswer):
        run(make_engine(), login_to(bad), "true")
    assert bad.accepted <= 3


def test_an_address_that_is_none_is_an_error_of_one_line(engine):
    for address in ("no such host", "", "x" * 300, "a..b", "\x1b[31m", "256.256.256.256", "host.invalid"):
        with pytest.raises(Problem) as error:
            run(engine, Login(address, 22, "root", (NAME,)), "true", timeout=1.0)
        told(error)


@pytest.mark.parametrize("reset", [False, True], ids=["silently", "with a reset"])
def test_wherever_the_line_is_cut_what_raises_has_not_run(reset, make_engine, sshd, cable, tmp_path):
    engine = make_engine(connect=1.0)
    whole = cable(sshd)
    assert run(engine, login_to(whole), "echo hello").status == 0
    places = range(20, whole.bytes + 400, whole.bytes // 15)
    lines = [cable(sshd, cut_after=each, reset=reset) for each in places]

    def one(number):
        file, began = tmp_path / str(number), time.monotonic()
        try:
            end = run(engine, login_to(lines[number]), f"{RAN.format(file)}; echo hello", timeout=1.2).end
        except SshError as error:
            told(error)
            end = None
        assert time.monotonic() - began < 1.2 + 2 * LATEST
        return end, file

    ended = at_once(len(places), one)
    results = [(end, count(file)) for end, file in ended]
    assert {*results} <= {(None, 0), (End.LOST, 0), (End.LOST, 1), (End.EXITED, 1)}, [*zip(places, results)]
    assert results[0] == (None, 0)
    assert results[-1] == (End.EXITED, 1)


def test_a_host_that_is_not_known_is_told_with_its_fingerprint_and_shown_nothing(make_engine, watched, known, ssh_keys):
    with pytest.raises(UnknownKey) as error:
        run(make_engine(), login_to(watched, OTHER), "true")
    shown = [public_key(ssh_keys.public(f"host_{each}")).fingerprint for each in ("ed25519", "ecdsa", "rsa")]
    assert any(each in str(error.value) for each in shown)
    told(error, "other")
    assert not watched.asked_to_log_in()


def test_a_changed_key_is_an_alarm_and_never_tried_again(make_engine, watched, cable, known, ssh_keys):
    was = public_key(ssh_keys.public("other"))
    known.pin(NAME, [was])
    line = cable(watched)
    with pytest.raises(ChangedKey) as error:
        run(make_engine(), login_to(line), "true")
    told(error, "web", was.fingerprint, public_key(ssh_keys.public("host_ed25519")).fingerprint)
    assert line.connections == 1
    assert not watched.asked_to_log_in()


def test_a_revoked_key_lets_nobody_in(make_engine, watched, known, ssh_keys, tmp_path):
    path, key = tmp_path / "known_hosts", public_key(ssh_keys.public("host_ed25519"))
    path.write_text(f"{path.read_text()}@revoked * {key.line}\n")
    with pytest.raises(SshError, match="revoked") as error:
        run(make_engine(), login_to(watched), "true")
    told(error, "web")
    assert not watched.asked_to_log_in()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_host_is_asked_for_the_key_that_we_know(kind, engine, host, known, ssh_keys):
    mine = public_key(ssh_keys.public(f"host_{kind}"))
    known.pin(NAME, [mine])
    assert run(engine, host, "echo hi").out == b"hi\n"
    assert engine.answers(host, 5.0).blob == mine.blob


def test_a_host_which_has_only_keys_of_another_type_is_not_believed(fresh_sshd, engine, cable, known, ssh_keys, ran):
    known.pin(NAME, [public_key(ssh_keys.public("host_rsa"))])
    line = cable(fresh_sshd(types=["ed25519"]))
    with pytest.raises((UnknownKey, ChangedKey)) as error:
        run(engine, login_to(line), RAN.format(ran))
    told(error, "web")
    assert (line.connections, count(ran)) == (1, 0)


def test_any_of_several_known_keys_of_one_type_will_do(engine, host, known, ssh_keys):
    known.pin(NAME, [public_key(ssh_keys.public(each)) for each in ("other", "host_ed25519")])
    assert run(engine, host, "echo hi").out == b"hi\n"


def test_the_key_that_a_host_shows_is_told_without_logging_in(engine, watched, ssh_keys):
    shown = engine.host_key(login_to(watched, OTHER), 5.0)
    assert shown.fingerprint == public_key(ssh_keys.public("host_ed25519")).fingerprint
    with pytest.raises(UnknownKey):
        engine.answers(login_to(watched, OTHER), 5.0)
    assert engine.answers(login_to(watched), 5.0) == shown
    assert not watched.asked_to_log_in()


def test_answers_sees_a_changed_key(engine, host, known, ssh_keys):
    known.pin(NAME, [public_key(ssh_keys.public("other"))])
    with pytest.raises(ChangedKey):
        engine.answers(host, 5.0)


def test_who_is_not_let_in_is_told_so_at_once(make_engine, host, cable, sshd, ran):
    line = cable(sshd)
    with pytest.raises(NotLetIn) as error:
        run(make_engine(key="stranger"), login_to(line), RAN.format(ran))
    told(error, "web", Sshd.user)
    assert (line.connections, count(ran)) == (1, 0)


@pytest.mark.parametrize(
    "option", ["PubkeyAuthentication no", "DenyUsers *", "AuthenticationMethods publickey,password"]
)
def test_a_host_that_wants_something_else_does_not_let_us_in(option, fresh_sshd, engine):
    with pytest.raises(NotLetIn) as error:
        run(engine, login_to(fresh_sshd(option, "PasswordAuthentication yes")), "true")
    told(error, "web")


def test_a_host_s_greeting_is_no_part_of_what_a_command_writes(fresh_sshd, engine, tmp_path):
    (tmp_path / "greeting").write_text("\x1b[31mAll is recorded\n" * 300)
    ran = run(engine, login_to(fresh_sshd(f"Banner {tmp_path}/greeting")), "echo hi")
    assert (ran.out, ran.err) == (b"hi\n", b"")


@pytest.mark.parametrize("reset", [False, True], ids=["by the host", "with a reset"])
def test_a_connection_lost_in_the_midst_is_told_with_what_came_before(reset, fresh_sshd, engine, cable):
    server = fresh_sshd()
    line = cable(server)
    cut = (lambda: line.cut(reset=True)) if reset else server.kill_sessions
    ran = run(engine, login_to(line), "echo begun; echo bad >&2; sleep 1000", on_output=lambda o: b"bad" in o and cut())
    assert (ran.end, ran.status, ran.out, ran.err) == (End.LOST, None, b"begun\n", b"bad\n")
    assert ran.outcome.seconds < 1.0


def test_a_connection_lost_after_much_output_loses_none_of_what_had_come(fresh_sshd, engine):
    server, sizes = fresh_sshd(), []

    def on_output(output):
        sizes.append(len(output))
        if sum(sizes) == 1_500_000:
            server.kill_sessions()

    ran = run(engine, login_to(server), "head -c 1500000 /dev/zero; sleep 1000", on_output=on_output)
    assert (ran.end, len(ran.out)) == (End.LOST, 1_500_000)


@pytest.mark.parametrize("fault", ["frozen", "cut"])
def test_a_host_that_goes_silent_in_the_midst_is_lost_when_the_time_is_over(fault, fresh_sshd, engine, cable):
    server = fresh_sshd()
    line = cable(server)
    silence = server.freeze if fault == "frozen" else lambda: line.cut(reset=False)
    assert run(engine, login_to(line), "true").status == 0
    ran = run(engine, login_to(line), "echo $$; sleep 1000", timeout=0.3, on_output=lambda output: silence())
    assert 0.25 < ran.outcome.seconds < 0.3 + 1.0
    assert (ran.end, ran.status) == (End.LOST, None)
    assert state_of(int(ran.out))


@pytest.mark.parametrize("how", [Halt.END, Halt.LEAVE])
@pytest.mark.parametrize("fault", ["frozen", "cut"])
def test_a_silent_host_does_not_hold_us_when_we_halt(how, fault, fresh_sshd, engine, cable):
    server = fresh_sshd()
    line = cable(server)
    silence = server.freeze if fault == "frozen" else lambda: line.cut(reset=False)
    silent = []

    def on_output(output):
        silence()
        silent.append(time.monotonic())

    def halted():
        return run(
            engine, login_to(line), "echo $$; sleep 1000", on_output=on_output, halt=lambda: how if silent else Halt.GO
        )

    if how is Halt.END:
        assert halted().end is End.LOST
    else:
        with pytest.raises(Left):
            halted()
    assert time.monotonic() - silent[0] < 1.2


@pytest.mark.parametrize("fault", ["frozen", "cut"])
def test_a_host_that_goes_silent_as_the_command_leaves_is_lost(fault, fresh_sshd, engine, cable):
    server = fresh_sshd()
    line = cable(server)
    assert run(engine, login_to(line), "true").status == 0
    silence = server.freeze if fault == "frozen" else lambda: line.cut(reset=False)
    ran = run(engine, login_to(line), "true", timeout=0.4, sent=silence)
    assert ran.end is End.LOST
    assert ran.outcome.seconds < 0.4 + 8.0  # to freeze all of it can take a while where much goes on


def test_a_frozen_host_that_was_connected_gives_no_session_and_nothing_runs(fresh_sshd, make_engine, ran):
    server, engine = fresh_sshd(), make_engine(connect=1.2)
    assert run(engine, login_to(server), "true").status == 0
    server.freeze()
    began = time.monotonic()
    with pytest.raises(NoAnswer):
        run(engine, login_to(server), RAN.format(ran))
    assert time.monotonic() - began < 1.2 + LATEST
    server.thaw()
    assert run(engine, login_to(server), RAN.format(ran) + "; echo again").out == b"again\n"
    assert count(ran) == 1


def test_we_may_leave_or_halt_while_nobody_answers(make_engine):
    engine = make_engine(connect=5.0)
    with Tarpit() as bad:
        for how in (Halt.LEAVE, Halt.END):
            began = time.monotonic()
            with pytest.raises(SshError):
                run(engine, login_to(bad), "true", halt=lambda how=how: how)
            assert time.monotonic() - began < 1.0


def test_a_host_behind_another_is_reached_through_it(sshd_fleet, sshd, engine, cable):
    line = cable(sshd)
    jump = login_to(line)
    behind = login_to(sshd_fleet, jump=jump)
    ran = run(engine, behind, "echo $SSH_CONNECTION; head -c 3000000 /dev/zero | wc -c; cat", stdin=b"given")
    assert ran.out.split()[2].decode() == sshd_fleet.address
    assert ran.out.split()[4:] == [b"3000000", b"given"]
    assert engine.host_key(behind, 5.0) == engine.host_key(jump, 5.0)
    assert run(engine, behind, "sleep 1000", timeout=0.3).end is End.TIMED_OUT
    assert line.connections <= 3, "each thing had a connection of its own to the jump host"


def test_a_jump_host_that_is_not_known_is_named_and_nothing_goes_through_it(watched, sshd, engine, ran):
    with pytest.raises(UnknownKey) as error:
        run(engine, login_to(sshd, jump=login_to(watched, "hosts/gate")), RAN.format(ran))
    told(error, "gate")
    assert "web" not in str(error.value)
    assert not watched.asked_to_log_in()
    assert count(ran) == 0


def test_a_host_behind_another_has_to_be_known_too(sshd_fleet, sshd, engine):
    with pytest.raises(UnknownKey) as error:
        run(engine, login_to(sshd_fleet, OTHER, jump=login_to(sshd)), "true")
    told(error, "other")


def test_bad_hosts_behind_another_are_given_up_in_time(sshd, make_engine):
    engine, gate = make_engine(connect=0.9), login_to(sshd)
    assert run(engine, gate, "true").status == 0
    each_kind(BAD_HOSTS, engine, 0.9, lambda bad: run(engine, login_to(bad, jump=gate), "true"))
    assert run(engine, gate, "echo the gate is well").status == 0


def test_bad_jump_hosts_are_given_up_in_time(sshd, make_engine):
    engine = make_engine(connect=CONNECT)
    behind = lambda bad: login_to(sshd, jump=login_to(bad, "hosts/gate"))  # noqa: E731
    each_kind(BAD_HOSTS, engine, CONNECT, lambda bad: run(engine, behind(bad), "true"))


def test_a_jump_host_that_forwards_nothing_is_named(fresh_sshd, sshd, engine):
    gate = login_to(fresh_sshd("AllowTcpForwarding no"))
    with pytest.raises(SshError) as error:
        run(engine, login_to(sshd, jump=gate), "true")
    told(error, "web")


def test_a_jump_host_that_goes_silent_loses_what_runs_behind_it(fresh_sshd, sshd, engine):
    gate = fresh_sshd()
    host = login_to(sshd, jump=login_to(gate))
    assert run(engine, host, "true").status == 0
    ran = run(engine, host, "echo $$; sleep 1000", timeout=0.4, on_output=lambda output: gate.freeze())
    assert ran.end is End.LOST
    assert ran.outcome.seconds < 0.4 + 1.0
    os.kill(int(ran.out), signal.SIGKILL)


def test_no_server_outlives_tests_that_were_killed(ssh_keys, tmp_path):
    program = f"""
import sys; sys.path[:0] = {[str(Path(__file__).parent.parent)]!r}
from sshd import Keys, Path, Sshd
server = Sshd.__new__(Sshd); keys = Keys.__new__(Keys); keys.folder = Path({str(ssh_keys.folder)!r})
server.__init__(keys, addresses=["127.0.9.1", "127.0.9.2"])
server.start()
print(server._keeper.pid, *server._masters, server.folder, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        *pids, folder = tests.stdout.readline().split()
        assert {name_of(int(each)) for each in pids[1:]} == {"sshd"}
        tests.kill()
        until(lambda: not any(state_of(int(each)) for each in pids), 5.0)
    subprocess.run(["rm", "-r", folder], check=True)
