"""A command over SSH: every byte that it writes, how it ended, and its end when we want it, with a real sshd."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sshd import Sshd, state_of, wait_for

from chanops.core.errors import Problem
from chanops.ssh.base import End, Halt, Left
from chanops.testing import until
from tests.ssh.conftest import NAME, at_once, engine_with, login_to, run, trusting

MB = 1_000_000
LATEST = 1.0  # seconds after its deadline by which a command must have been given up
STAYS = "sleep 1000 & echo $$ $!;"  # says its own number and its child's, who only waits
PYTHON = f"{sys.executable} -ISc"
# Both streams in turn, more than a host may have under way (2 MiB) in each; every line differs.
BOTH = """import os
for n in range(500):
    for stream in 1, 2:
        os.write(stream, b"".join(b"%d %06d\\n" % (stream, n * 1000 + i) for i in range(1000)))"""


@pytest.fixture(scope="module")
def warm(sshd, ssh_keys, tmp_path_factory):
    """A function which runs a command where we are logged in already; .engine and .host are what it uses."""
    known = trusting(tmp_path_factory.mktemp("warm") / "known_hosts", ssh_keys)
    engine, host = engine_with(known, ssh_keys.private("login")), login_to(sshd)

    def execute(command, **options):
        return run(engine, host, command, **options)

    execute.engine, execute.host = engine, host
    yield execute
    engine.close()


@pytest.fixture(scope="module")
def judge(sshd, ssh_keys, tmp_path_factory):
    """A function which runs a command through OpenSSH's own client, with the host keys of a file of ours."""
    folder = tmp_path_factory.mktemp("judge")
    trusting(folder / "known_hosts", ssh_keys)
    options = [f"UserKnownHostsFile={folder / 'known_hosts'}", f"HostKeyAlias={NAME}", "StrictHostKeyChecking=yes"]
    options += [f"IdentityFile={ssh_keys.private('login')}", f"ControlPath={folder / 'control'}", "BatchMode=yes"]
    ssh = ["ssh", "-F", "none", *(f"-o{each}" for each in options), "-p", str(sshd.port), "-l", Sshd.user]
    with subprocess.Popen([*ssh, "-M", "-N", sshd.address]) as master:
        wait_for((folder / "control").exists, "ssh to log in")
        yield lambda command, stdin=b"": subprocess.run([*ssh, sshd.address, command], input=stdin, capture_output=True)
        master.kill()  # told to end, it may wait for a session that is about to end


def gone(*pids):
    """Wait until processes of this machine, which is the host, too, are no more."""
    until(lambda: not any(state_of(each) for each in pids), 2.0)


def numbers(ran):
    return [int(each) for each in ran.out.split()[:2]]


def peak(what):
    """Bytes of memory at most in use while doing something, above what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")

    def value(name):
        return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])

    before = value("VmRSS")
    what()
    return value("VmHWM") - before


def test_five_megabytes_on_each_stream_at_once_arrive_whole_and_in_order(warm):
    ran = warm(f"{PYTHON} '{BOTH}'")
    assert (ran.end, ran.status) == (End.EXITED, 0)
    for stream, got in ((1, ran.out), (2, ran.err)):
        assert got == b"".join(b"%d %06d\n" % (stream, n) for n in range(500_000))
    assert ran.outcome.written == len(ran.out) + len(ran.err)


def test_what_is_written_before_a_failure_is_not_lost(warm):
    ran = warm("head -c 4000000 /dev/zero; echo sorry >&2; exit 3")
    assert (ran.end, ran.status, len(ran.out), ran.err) == (End.EXITED, 3, 4 * MB, b"sorry\n")


def test_the_last_bytes_are_never_lost(warm):
    for _ in range(25):
        ran = warm("head -c 150000 /dev/zero; exec >&-; echo end >&2")
        assert (ran.status, len(ran.out), ran.err) == (0, 150_000, b"end\n")


def test_output_is_delivered_while_the_command_runs(warm, tmp_path):
    def answer(output):
        (tmp_path / "heard").touch()

    ran = warm(f"echo hello; until [ -e {tmp_path}/heard ]; do sleep 0.02; done; echo you heard", on_output=answer)
    assert (ran.status, ran.out) == (0, b"hello\nyou heard\n")


def test_a_command_that_reads_finds_the_end_at_once(warm):
    ran = warm("cat; read line || echo nothing")
    assert (ran.status, ran.out) == (0, b"nothing\n")


@pytest.mark.parametrize("size", [1, 1 * MB, 6 * MB])
def test_input_arrives_byte_for_byte(warm, size):
    given = os.urandom(size)
    ran = warm("cat; echo end >&2", stdin=given)
    assert (ran.end, ran.status, ran.err) == (End.EXITED, 0, b"end\n")
    assert ran.out == given


@pytest.mark.parametrize("command", ["true", "head -c 10 >/dev/null", "exec <&-; sleep 0.1; true"])
def test_input_that_nobody_reads_holds_nothing_up(warm, command):
    ran = warm(f"{command}; echo done", stdin=b"x" * 6 * MB)
    assert (ran.end, ran.status, ran.out) == (End.EXITED, 0, b"done\n")
    assert ran.outcome.seconds < 2.0


def test_all_bytes_arrive_as_they_are(warm):
    ran = warm(f"{PYTHON} 'import os; os.write(1, bytes(range(256))); os.write(2, bytes(range(255, -1, -1)))'")
    assert (ran.out, ran.err) == (bytes(range(256)), bytes(range(255, -1, -1)))


@pytest.mark.parametrize("status", [0, 1, 2, 126, 143, 255])
def test_the_exit_status_is_what_it_was(warm, status):
    ran = warm(f"exit {status}")
    assert (ran.end, ran.status, ran.outcome.signal) == (End.EXITED, status, "")


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "HUP", "USR1"])
def test_a_command_that_a_signal_ended_says_which(warm, name):
    ran = warm(f"echo before; kill -{name} $$; sleep 1")
    assert (ran.end, ran.status, ran.outcome.signal, ran.out) == (End.SIGNALLED, None, name, b"before\n")


def test_what_goes_on_in_the_background_holds_nobody_up(warm):
    ran = warm("sleep 60 & echo hi $!")
    pid = int(ran.out.split()[1])
    assert state_of(pid), "it was ended, and should not have been"
    os.kill(pid, signal.SIGKILL)
    assert (ran.end, ran.status) == (End.EXITED, 0)
    assert ran.outcome.seconds < 1.5


def test_what_comes_from_the_background_soon_after_is_heard(warm):
    ran = warm("(sleep 0.2; echo late; echo later >&2) & echo hi")
    assert (ran.status, ran.out, ran.err) == (0, b"hi\nlate\n", b"later\n")


CHATTY = "while :; do echo chat; sleep 0.02; done"
STUBBORN = "trap '' TERM; sleep 1000"
FAMILY = "(sleep 1000 & sleep 1000) & sleep 1000 | cat; echo over"


@pytest.mark.parametrize("command", [CHATTY, "sleep 1000", STUBBORN, FAMILY, "exec >&- 2>&-; sleep 1000", "yes"])
def test_a_command_is_over_soon_after_its_time_with_all_its_children(warm, command):
    began = time.monotonic()
    ran = warm(f"{STAYS} {command}", timeout=0.4, flood=10**12)
    assert 0.35 < time.monotonic() - began < 0.4 + LATEST
    assert (ran.end, ran.status) == (End.TIMED_OUT, None)
    gone(*numbers(ran))


def test_who_takes_output_slowly_is_not_held_up(warm):
    ran = warm(f"{STAYS} yes", timeout=0.5, flood=20 * MB, on_output=lambda _: threading.Event().wait(0.01))
    assert ran.end is End.TIMED_OUT
    assert ran.outcome.seconds < 0.5 + LATEST
    gone(*numbers(ran))


def test_a_child_that_ignores_the_first_signal_is_ended_like_the_others(warm):
    ran = warm("(trap '' TERM; sleep 1000) & echo $$ $!; wait", timeout=0.4)
    assert ran.end is End.TIMED_OUT
    gone(*numbers(ran))


@pytest.mark.parametrize("command", [CHATTY, "sleep 1000", STUBBORN, "yes"])
def test_a_command_that_is_halted_is_ended_with_all_its_children(warm, command):
    heard = []
    ran = warm(
        f"{STAYS} {command}",
        flood=10**12,
        stdin=b"x" * 6 * MB,  # more than the host takes while nobody reads it
        on_output=lambda output: heard or heard.append(time.monotonic()),
        halt=lambda: Halt.END if heard else Halt.GO,
    )
    assert time.monotonic() - heard[0] < LATEST + 0.2
    assert (ran.end, ran.status) == (End.CANCELLED, None)
    gone(*numbers(ran))


def test_a_command_that_we_leave_goes_on_without_us(warm):
    pids, began = [], time.monotonic()
    with pytest.raises(Left):
        warm(
            f"{STAYS} sleep 1000",
            on_output=lambda output: pids.extend(map(int, output.split())),
            halt=lambda: Halt.LEAVE if pids else Halt.GO,
        )
    assert time.monotonic() - began < LATEST
    assert all(state_of(each) for each in pids)
    for each in pids:
        os.kill(each, signal.SIGKILL)
    assert warm("echo again").out == b"again\n"


@pytest.mark.parametrize("command", ["yes", "yes >&2", "yes & yes >&2"])
def test_a_flood_is_stopped(warm, command):
    ran = warm(f"echo $$ $$; {command}", flood=MB)
    assert (ran.end, ran.status) == (End.FLOODED, None)
    assert MB <= len(ran.out) + len(ran.err) <= MB + 100_000
    assert ran.outcome.written == len(ran.out) + len(ran.err)
    assert ran.outcome.seconds < 2.0
    gone(*numbers(ran))


def test_a_flood_takes_no_memory(warm):
    def flood():
        outcome = warm.engine.run(warm.host, "yes", lambda stream, data: None, timeout=20, flood=40 * MB)
        assert outcome.end is End.FLOODED

    assert peak(flood) < 12 * MB


def test_output_that_nobody_takes_waits_at_the_host(warm):
    looks = []

    def look(pid):
        looks.append(int(re.search(r"wchar: (\d+)", Path(f"/proc/{pid}/io").read_text())[1]))
        return len(looks) > 20 and len(set(looks[-20:])) == 1

    def wait(output):
        if not looks:
            until(lambda: look(int(output.split()[0])), 5.0)

    ran = warm("echo $$; exec head -c 30000000 /dev/zero", on_output=wait)
    assert len(ran.out) > 30 * MB
    assert looks[-1] < 8 * MB


def test_a_sink_that_fails_takes_nothing_else_with_it(warm):
    def full(output):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        warm("echo one; sleep 1000", on_output=full)
    assert warm("echo two").out == b"two\n"


def test_sent_is_called_once_and_before_anything_comes(warm):
    calls = []
    ran = warm("echo hi", sent=lambda: calls.append("sent"), on_output=lambda output: calls.append("output"))
    assert (calls, ran.status) == (["sent", "output"], 0)


def test_a_command_that_is_too_long_is_refused_and_not_run(warm):
    assert warm(": " + "x" * 65534).status == 0
    with pytest.raises(Problem, match="65,536"):
        warm(": " + "x" * 65535)
    with pytest.raises(Problem):
        warm(": " + "é" * 33000)


def test_a_command_with_a_nul_is_refused_and_not_run(warm, tmp_path):
    with pytest.raises(Problem):
        warm(f"touch {tmp_path}/ran\0 more")
    assert not (tmp_path / "ran").exists()


def test_many_commands_at_once_do_not_mix(warm):
    rans = at_once(24, lambda n: warm(f"seq {n}000 {n}999; echo {n} >&2; exit {n}"))
    for n, ran in enumerate(rans):
        assert (ran.status, ran.err) == (n, b"%d\n" % n)
        assert ran.out == b"".join(b"%d\n" % i for i in range(n * 1000, n * 1000 + 1000))


def test_keys_are_exchanged_anew_in_the_midst_of_a_transfer(fresh_sshd, engine):
    host = login_to(fresh_sshd("RekeyLimit 1M"))
    given = os.urandom(6 * MB)
    ran = run(engine, host, "cat", stdin=given)
    assert (ran.end, ran.status) == (End.EXITED, 0)
    assert ran.out == given


def test_rekeying_does_not_hold_up_a_timeout(fresh_sshd, engine):
    host = login_to(fresh_sshd("RekeyLimit 1M"))
    assert run(engine, host, "true").status == 0
    ran = run(engine, host, f"{STAYS} yes", timeout=0.5, flood=10**12)
    assert ran.end is End.TIMED_OUT
    assert ran.outcome.seconds < 0.5 + LATEST
    gone(*numbers(ran))


@pytest.mark.parametrize("noise", ["echo Welcome", "printf 'no newline at the end'", "seq 3000; seq 3000 >&2", "cat"])
def test_what_a_login_writes_by_itself_is_heard_like_everything_else(noise, fresh_sshd, engine):
    server = fresh_sshd()
    (server.home / ".bashrc").write_text(f"{noise}\n")
    expected = subprocess.run(["bash", "-c", noise], stdin=subprocess.DEVNULL, capture_output=True)
    ran = run(engine, login_to(server), "echo hi; exit 3")
    assert (ran.end, ran.status) == (End.EXITED, 3)
    assert (ran.out, ran.err) == (expected.stdout + b"hi\n", expected.stderr)
    ran = run(engine, login_to(server), f"echo; {STAYS} sleep 1000", timeout=0.4)
    assert ran.end is End.TIMED_OUT
    gone(*map(int, ran.out.split()[-2:]))


def test_a_host_that_runs_what_it_likes_is_heard_too(fresh_sshd, engine):
    ran = run(engine, login_to(fresh_sshd("ForceCommand echo not today; exit 5")), "echo hi")
    assert (ran.end, ran.status, ran.out) == (End.EXITED, 5, b"not today\n")


TRICKY = [
    'echo \'single\' "double" it\\\'s \\"quoted\\" \'"\' "\'"',
    'echo "$HOME" \'$HOME\' \\$HOME ${UNSET:-none} $((6 * 7)) `echo ticks` $(echo "a  b")',
    "echo one\necho two\n\n  echo three  \n",
    "echo 'grüße 日本 🙂'; printf 'caf\\351 \\377\\000\\001'",
    "cd / && echo e*c [a-u]sr no*such; echo '*'",
    "seq 100 | sort -r | head -3 | tr '\\n' ','",
    "echo out; echo err >&2; (echo both >&2) 2>&1; cat </etc/passwd >/dev/null; cat <no-such-file",
    "cat <<'END'\n$HOME `date` \\\nEND",
    "false",
    "false || exit 255",
    "(exit 7); echo $?; exit 300",
    "no-such-command --at-all",
    "/etc/passwd",
    'echo "never closed',
    "trap 'echo bye; exit 4' EXIT; echo hi; exit 9",
    "echo last words; kill -TERM $$",
    "{ sh -c 'kill -KILL $$'; } 2>/dev/null; echo $?",
    "FOO='a b' env | grep ^FOO; env | grep -v -e ^SSH_ -e ^_= | sort; umask; pwd; id",
    'tty; test -t 1; echo $?; read line; echo "$? <$line>"',
    "echo a\tb  c \\  d # a comment\t",
    "exec >&-; echo nobody hears; echo $? >&2",
    "set -e; echo first; false; echo never",
    "yes | head -c 300000; yes no | head -c 300000 >&2",
    "printf '\\r\\n\\033[31mred\\a\\b'; printf 'no newline at the end'",
    "f() { echo \"$# $1\"; }; f 'a b' c; for i in 1 2; do echo $i; done; case x in x) echo x;; esac",
    ":",
    " ",
    "exit",
]


@pytest.mark.parametrize("command", TRICKY)
def test_a_command_does_what_it_does_through_openssh(warm, judge, command):
    ours, theirs = warm(command), judge(command)
    assert (ours.out, ours.err) == (theirs.stdout, theirs.stderr)
    # OpenSSH has no words for a signal; it says 255.
    assert (ours.status if ours.end is End.EXITED else 255) == theirs.returncode
    assert ours.end in (End.EXITED, End.SIGNALLED)


def test_input_does_what_it_does_through_openssh(warm, judge):
    command, given = 'read first; echo "$first"; tr a-z A-Z; wc -c', b"one\ntwo\n\xff\x00three"
    ours, theirs = warm(command, stdin=given), judge(command, given)
    assert (ours.out, ours.err, ours.status) == (theirs.stdout, theirs.stderr, theirs.returncode)
