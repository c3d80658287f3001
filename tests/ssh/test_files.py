"""Files over SFTP: whole or not at all, byte for byte, whatever the host or the line does meanwhile."""

import contextlib
import hashlib
import io
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from sshd import Sshd

from chanops.core.errors import Problem
from chanops.ssh.base import Halt, Left, NoAnswer, SshError, go_on
from chanops.ssh.files import RemoteFiles
from chanops.ssh.replacing import Replacement, Unsure
from chanops.ssh.sftp_packets import Broken
from chanops.ssh.watchdog import Guard
from chanops.testing import until
from tests.ssh.conftest import at_once, login_to, run
from tests.ssh.test_trouble import told

MEGABYTE = 1_000_000
NOBODY = 65534
STRANGE = Path(__file__).with_name("strange_sftp.py")
NAMES = (
    "with spaces",
    'it\'s "quoted" `id` $(id) $HOME',
    "two\nlines",
    "Grüße-日本-🎉",
    "-rf",
    "*?[a-z]",
    "a\\b",
    "\x1b[31mred",
    "~",
    "n" * 255,
    "ü" * 127,
    "\udcff\udcfe",  # no UTF-8
)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root lets somebody else log in, and mounts disks")


@contextlib.contextmanager
def files_of(engine, login, *, timeout=20.0, halt=go_on):
    end = time.monotonic() + timeout
    with (
        engine.pool.session(login, end, go_on) as (_, channel),
        engine.pool.watchdog.over(end, lambda guard: channel.event.set(), halt) as guard,
    ):
        yield RemoteFiles(login, channel, guard)


@pytest.fixture
def there(tmp_path):
    """A folder of the host."""
    made = tmp_path / "there"
    made.mkdir()
    return made


@pytest.fixture
def files(engine, host):
    with files_of(engine, host) as made:
        yield made


class Watched(io.BytesIO):
    """A source, or a target, at the middle of which something happens."""

    def __init__(self, data=b"", at=0, happens=lambda: None):
        super().__init__(data)
        self.left, self.happens, self.happened = at, happens, False

    def count(self, data):
        self.left -= len(data)
        if self.left < 0 and not self.happened:
            self.happened = True
            self.happens()
        return data

    def read(self, *most):
        return self.count(super().read(*most))

    def write(self, data):
        return super().write(self.count(data))


def put(files, data, path, mode=None):
    return files.put(io.BytesIO(data), str(path), mode, len(data))


def get(files, path, most=MEGABYTE):
    target = io.BytesIO()
    size, digest = files.get(str(path), target, most)
    assert size == len(target.getvalue())
    assert digest == hashlib.sha256(target.getvalue()).hexdigest()
    return target.getvalue()


def sum_of(path):
    """As the host's own sha256sum sees it."""
    return subprocess.run(["sha256sum", path], capture_output=True, check=True).stdout[:64].decode()


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def everything_in(folder):
    return sorted(each.name for each in folder.iterdir())


def test_twenty_megabytes_there_and_back_are_the_same_bytes(files, there, sshd, ssh_keys):
    data, path = os.urandom(20 * MEGABYTE + 1), there / "big"
    assert put(files, data, path) == sum_of(path) == hashlib.sha256(data).hexdigest()
    assert get(files, path, len(data)) == data
    assert everything_in(there) == ["big"]
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    key = ["-P", str(sshd.port), "-i", str(ssh_keys.private("login"))]
    with tempfile.TemporaryDirectory() as folder:
        command = ["sftp", "-q", *options, *key, f"{sshd.user}@{sshd.address}:{path}", f"{folder}/copy"]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        assert Path(folder, "copy").read_bytes() == data


def test_files_of_all_lengths_come_through(files, there):
    for size in (0, 1, 31_999, 32_000, 32_001, 32_767, 32_768, 32_769, 65_536, 2_097_153):
        data = os.urandom(size)
        assert put(files, data, there / "x") == sum_of(there / "x")
        assert get(files, there / "x", size) == data


def test_names_are_taken_as_they_are(files, there):
    for number, name in enumerate(NAMES):
        path = os.path.join(there, name)
        put(files, b"first", path)
        put(files, b"second %d" % number, path)
        assert Path(path).read_bytes() == get(files, path) == b"second %d" % number
    assert sorted(map(os.fsencode, os.listdir(there))) == sorted(map(os.fsencode, NAMES))


def test_what_is_relative_is_at_home(fresh_sshd, engine, there):
    server = fresh_sshd(f"ForceCommand internal-sftp -d {there}")
    with files_of(engine, login_to(server)) as files:
        for path, name in (("a", "a"), ("~/b", "b"), ("./c", "c"), ("~//d", "d"), ("./~e", "~e"), ("-f", "-f")):
            put(files, path.encode(), path)
            assert (there / name).read_bytes() == get(files, path) == path.encode()
        assert files.change("~/.ssh/authorized_keys", lambda old: old + b"a key\n", 0o700, 0o600)
    assert (there / ".ssh/authorized_keys").read_bytes() == b"a key\n"


def test_a_path_that_is_none_is_refused_before_anything_happens(files, there):
    for path in ("", "a\0b", "~bob/x", "a\ud800b", "~", "~/", ".", "..", "/", f"{there}/", f"{there}/."):
        with pytest.raises(Problem) as error:
            put(files, b"x", path)
        told(error)
        with pytest.raises(Problem):
            files.change(path, lambda old: old + b"x", 0o700, 0o600)
    assert everything_in(there) == []


def test_a_new_file_has_the_mode_that_is_asked_for_and_else_the_usual_one(files, there):
    for mode in (0o600, 0o755, 0o4711, 0o000, 0o666):
        put(files, b"x", there / f"{mode:o}", mode)
        assert mode_of(there / f"{mode:o}") == mode
    put(files, b"x", there / "usual")
    assert mode_of(there / "usual") == 0o644


def test_a_file_that_is_replaced_gives_its_mode_and_its_owner(files, there):
    path = there / "x"
    for mode in (0o600, 0o755, 0o4750, 0o640):
        path.write_bytes(b"old")
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(mode)
        put(files, b"new", path)
        assert (path.read_bytes(), mode_of(path)) == (b"new", mode)
        assert path.owner() == ("nobody" if os.geteuid() == 0 else Sshd.user)
    put(files, b"newer", path, 0o444)
    assert mode_of(path) == 0o444


def test_nobody_else_reads_a_file_before_it_has_its_mode(files, there):
    modes = []
    source = Watched(bytes(3 * MEGABYTE), MEGABYTE, lambda: modes.extend(map(mode_of, there.iterdir())))
    files.put(source, str(there / "x"), 0o644, 3 * MEGABYTE)
    assert modes == [0o600]
    assert mode_of(there / "x") == 0o644


def test_whoever_reads_meanwhile_sees_the_old_file_or_the_new_one(files, there):
    path, over, seen = there / "x", threading.Event(), set()
    versions = [bytes([letter]) * 300_000 for letter in b"abcdef"]
    path.write_bytes(versions[0])
    with path.open("rb") as kept:

        def read():
            while not over.is_set():
                seen.add(path.read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        for version in versions:
            put(files, version, path)
        over.set()
        reader.join()
        assert kept.read() == versions[0]
    assert seen <= set(versions)
    assert path.read_bytes() == versions[-1]


def test_a_source_that_changes_while_it_is_sent_is_not_sent(files, there):
    path = there / "x"
    path.write_bytes(b"old")
    for size in (99_999, 100_001):
        with pytest.raises(Problem, match="changed while it was sent"):
            files.put(io.BytesIO(bytes(100_000)), str(path), None, size)
    assert (path.read_bytes(), everything_in(there)) == (b"old", ["x"])


def test_an_error_of_our_own_leaves_nothing_behind(files, there):
    def fail():
        raise OSError("our own disk")

    with pytest.raises(OSError, match="our own disk"):
        files.put(Watched(bytes(MEGABYTE), 500_000, fail), str(there / "x"), None, MEGABYTE)
    assert everything_in(there) == []
    (there / "y").write_bytes(bytes(MEGABYTE))
    with pytest.raises(OSError, match="our own disk"):
        files.get(str(there / "y"), Watched(at=500_000, happens=fail), MEGABYTE)
    assert get(files, there / "y") == bytes(MEGABYTE)


def test_what_is_no_regular_file_is_not_replaced(files, there):
    (there / "folder").mkdir()
    (there / "folder/x").write_bytes(b"old")
    (there / "link").symlink_to("folder/x")
    (there / "astray").symlink_to("/nowhere")
    os.mkfifo(there / "fifo")
    for name, words in (
        ("folder", "/folder/NAME"),
        ("folder/", "/folder/NAME"),
        ("link", f"is a link to {there}/folder/x"),
        ("astray", "is a link to /nowhere"),
        ("fifo", "no regular file"),
        ("none/x", f"has no folder {there}/none"),
        ("folder/x/y", "has no folder"),
    ):
        with pytest.raises(Problem) as error:
            put(files, b"new", f"{there}/{name}")
        told(error, words, "web")
    assert everything_in(there) == ["astray", "fifo", "folder", "link"]
    assert everything_in(there / "folder") == ["x"]
    assert (there / "folder/x").read_bytes() == b"old"


def test_only_regular_files_that_are_not_too_large_are_read(files, there):
    (there / "x").write_bytes(b"12345")
    (there / "link").symlink_to("x")
    os.mkfifo(there / "fifo")
    assert get(files, there / "link", 5) == b"12345"
    for path, words in (
        (there / "x", "has 5 bytes: at most 4"),
        (there / "none", "there is no"),
        (there, "is a folder"),
        (there / "fifo", "no regular file"),
        (Path("/proc/version"), "changed while it was read"),
    ):
        with pytest.raises(Problem) as error:
            get(files, path, 4)
        told(error, words, "web")


@pytest.mark.parametrize("change", ["grows", "shrinks", "is emptied"])
def test_a_file_that_changes_while_it_is_read_is_told(change, files, there):
    path, size = there / "x", 6 * MEGABYTE
    path.write_bytes(bytes(size))
    to = {"grows": size + 1, "shrinks": size - 1, "is emptied": 0}[change]
    with pytest.raises(Problem, match="changed while it was read"):
        files.get(str(path), Watched(at=MEGABYTE, happens=lambda: os.truncate(path, to)), 2 * size)


def test_a_file_of_keys_is_made_with_its_folder(files, there):
    path = there / ".ssh/authorized_keys"
    assert files.change(str(path), lambda old: old + b"first\n", 0o700, 0o600)
    assert (path.read_bytes(), mode_of(path), mode_of(path.parent)) == (b"first\n", 0o600, 0o700)
    assert files.change(str(path), lambda old: old + b"second\n", 0o755, 0o666)
    assert (path.read_bytes(), mode_of(path), mode_of(path.parent)) == (b"first\nsecond\n", 0o600, 0o700)
    with pytest.raises(Problem, match=f"has no folder {there}/none/.ssh"):
        files.change(f"{there}/none/.ssh/authorized_keys", lambda old: b"x", 0o700, 0o600)


def test_a_change_that_changes_nothing_touches_nothing(files, there):
    path = there / "x"
    path.write_bytes(b"old")
    before = path.stat()
    assert not files.change(str(path), lambda old: old, 0o700, 0o600)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not files.change(str(there / "none/x"), lambda old: old, 0o700, 0o600)
    assert everything_in(there) == ["x"]


def test_a_link_stays_a_link_and_its_file_is_changed(files, there):
    (there / "real").mkdir()
    (there / "real/keys").write_bytes(b"old\n")
    (there / "real/keys").chmod(0o640)
    (there / "folder").symlink_to("real")
    (there / "one").symlink_to("two")
    (there / "two").symlink_to(there / "folder/keys")
    (there / "astray").symlink_to("new")
    assert files.change(str(there / "one"), lambda old: old + b"new\n", 0o700, 0o600)
    assert (there / "real/keys").read_bytes() == b"old\nnew\n"
    assert mode_of(there / "real/keys") == 0o640
    assert all((there / each).is_symlink() for each in ("one", "two", "folder"))
    assert files.change(str(there / "astray"), lambda old: old + b"x", 0o700, 0o600)
    assert (there / "new").read_bytes() == b"x"
    (there / "round").symlink_to("about")
    (there / "about").symlink_to("round")
    with pytest.raises(Problem, match="circle"):
        files.change(str(there / "round"), lambda old: b"x", 0o700, 0o600)
    assert everything_in(there / "real") == ["keys"]


def test_what_somebody_else_adds_meanwhile_is_not_lost(files, there):
    path, asked = there / "x", []

    def change(old):
        asked.append(old)
        if len(asked) == 1:
            path.write_bytes(old + b"theirs\n")
        return old + b"ours\n"

    assert files.change(str(path), change, 0o700, 0o600)
    assert (asked, path.read_bytes()) == ([b"", b"theirs\n"], b"theirs\nours\n")

    def always(old):
        path.write_bytes(old + b"x")
        return old + b"y"

    with pytest.raises(Problem, match="somebody else changes"):
        files.change(str(path), always, 0o700, 0o600)
    assert b"y" not in path.read_bytes().partition(b"ours")[2]
    assert everything_in(there) == ["x"]


def test_only_a_small_file_is_changed_and_a_change_may_refuse(files, there):
    path = there / "x"
    path.write_bytes(bytes(MEGABYTE + 1))
    with pytest.raises(Problem, match="at most 1,000,000"):
        files.change(str(path), lambda old: b"", 0o700, 0o600)

    def refuse(old):
        raise Problem("that is no key")

    path.write_bytes(b"old")
    with pytest.raises(Problem, match="that is no key"):
        files.change(str(path), refuse, 0o700, 0o600)
    assert (path.read_bytes(), everything_in(there)) == (b"old", ["x"])


@pytest.mark.parametrize("how", [Halt.END, Halt.LEAVE, None])
def test_what_is_halted_leaves_nothing_behind_and_the_connection_serves_on(how, engine, sshd, cable, there):
    path, halted = there / "x", threading.Event()
    path.write_bytes(b"old")
    line = cable(sshd)
    login = login_to(line)
    run(engine, login, "true")
    raised, word = {Halt.END: (Problem, "cancelled"), Halt.LEAVE: (Left, "left"), None: (NoAnswer, "its time")}[how]
    with files_of(
        engine, login, timeout=20.0 if how else 0.3, halt=lambda: how if how and halted.is_set() else Halt.GO
    ) as files:

        def halt():
            halted.set()
            until(lambda: files.guard.late or files.guard.halted is not Halt.GO, 5.0)

        with pytest.raises(raised) as error:
            files.put(Watched(bytes(9 * MEGABYTE), 4 * MEGABYTE, halt), str(path), None, 9 * MEGABYTE)
        told(error, word, str(path), "what was there still is")
    assert (path.read_bytes(), everything_in(there)) == (b"old", ["x"])
    assert run(engine, login, "echo hello").out == b"hello\n"
    assert line.connections == 1


def test_a_host_that_stands_still_is_left_in_time(fresh_sshd, engine, there):
    server = fresh_sshd()
    (there / "x").write_bytes(b"old")
    began = time.monotonic()
    with pytest.raises(NoAnswer) as error, files_of(engine, login_to(server), timeout=0.5) as files:
        files.put(Watched(bytes(40 * MEGABYTE), MEGABYTE, server.freeze), str(there / "x"), None, 40 * MEGABYTE)
    assert time.monotonic() - began < 3.0
    told(error, "within its time")
    assert (there / "x").read_bytes() == b"old"


def test_a_connection_lost_in_the_midst_leaves_what_was_there(fresh_sshd, engine, there):
    server = fresh_sshd()
    (there / "old").write_bytes(b"old")
    for name in ("old", "new"):
        source = Watched(bytes(9 * MEGABYTE), 4 * MEGABYTE, server.kill_sessions)
        with pytest.raises(SshError) as error, files_of(engine, login_to(server)) as files:
            files.put(source, str(there / name), None, 9 * MEGABYTE)
        told(error, "lost", "what was there still is")
        assert not isinstance(error.value, Unsure)
    assert (there / "old").read_bytes() == b"old"
    assert not (there / "new").exists()
    (there / "big").write_bytes(bytes(9 * MEGABYTE))
    with pytest.raises(SshError, match="lost"), files_of(engine, login_to(server)) as files:
        files.get(str(there / "big"), Watched(at=4 * MEGABYTE, happens=server.kill_sessions), 9 * MEGABYTE)


def test_many_sessions_share_one_connection(engine, sshd, cable, there):
    line = cable(sshd)
    login = login_to(line)
    run(engine, login, "true")
    data = [os.urandom(2 * MEGABYTE) for _ in range(4)]

    def work(number):
        if number >= 4:
            return run(engine, login, f"echo {number}").out == b"%d\n" % number
        with files_of(engine, login) as files:
            put(files, data[number], there / str(number))
            return get(files, there / str(number), 2 * MEGABYTE) == data[number]

    assert at_once(8, work) == [True] * 8
    assert line.connections == 1
    assert [(there / str(number)).read_bytes() for number in range(4)] == data


def test_several_who_put_the_same_file_each_put_it_whole(engine, host, there):
    data = [bytes([number]) * MEGABYTE for number in range(4)]

    def work(number):
        with files_of(engine, host) as files:
            return put(files, data[number], there / "x")

    assert at_once(4, work) == [hashlib.sha256(each).hexdigest() for each in data]
    assert (there / "x").read_bytes() in data
    assert everything_in(there) == ["x"]


@root_only
def test_a_full_disk_is_named_and_keeps_its_old_file(files, there):
    disk = there / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (disk / "x").write_bytes(b"old")
        source = Watched(bytes(3 * MEGABYTE), 0)
        with pytest.raises(Problem) as error:
            files.put(source, str(disk / "x"), None, 3 * MEGABYTE)
        told(error, "the disk is full", "3,000,000", str(disk))
        assert not source.happened, "it was begun all the same"
        source = Watched(bytes(MEGABYTE), 300_000, lambda: (disk / "other").write_bytes(bytes(1_500_000)))
        with pytest.raises(Problem) as error:
            files.put(source, str(disk / "x"), None, MEGABYTE)
        told(error, "the disk is full", str(disk))
        assert ((disk / "x").read_bytes(), everything_in(disk)) == (b"old", ["other", "x"])
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(Problem) as error:
            put(files, b"x", disk / "y")
        told(error, "read-only", str(disk))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@root_only
def test_who_is_not_permitted_is_told_so(fresh_sshd, engine, ssh_keys):
    with tempfile.TemporaryDirectory(prefix="chanops-files-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "keys").write_text(ssh_keys.public("login"))
        server = fresh_sshd(f"AuthorizedKeysFile {folder}/keys", "ForceCommand internal-sftp")
        (folder / "own").mkdir()
        (folder / "own").chmod(0o755)
        for each, mode in (("secret", 0o600), ("own/x", 0o644), ("theirs", 0o4755)):
            (folder / each).write_bytes(b"old")
            (folder / each).chmod(mode)
        with files_of(engine, login_to(server, user="nobody")) as files:
            with pytest.raises(Problem) as error:
                get(files, folder / "secret")
            told(error, "does not permit nobody reading", "secret")
            for path in ("own/x", "own/y"):
                with pytest.raises(Problem) as error:
                    put(files, b"new", folder / path)
                told(error, "nobody may not write in", "own")
            with pytest.raises(Problem) as error:
                files.change(f"{folder}/own/.ssh/keys", lambda old: b"new", 0o700, 0o600)
            told(error, "nobody may not make", "own/.ssh")
            put(files, b"new", folder / "theirs")
        assert (folder / "theirs").read_bytes() == b"new"
        assert mode_of(folder / "theirs") == 0o755, "what was root's would run as nobody now"
        assert everything_in(folder / "own") == ["x"]


def test_a_limit_of_the_host_is_told(fresh_sshd, engine, there):
    script = there / "limited"
    script.write_text("#!/bin/sh\ntrap '' XFSZ\nulimit -f 200\nexec /usr/lib/openssh/sftp-server\n")
    script.chmod(0o755)
    with files_of(engine, login_to(fresh_sshd(f"ForceCommand {script}"))) as files:
        (there / "x").write_bytes(b"old")
        with pytest.raises(Problem) as error:
            put(files, bytes(MEGABYTE), there / "x")
        told(error, "takes no more", "quota")
    assert ((there / "x").read_bytes(), everything_in(there)) == (b"old", ["limited", "x"])


def test_a_host_without_sftp_is_told_so(fresh_sshd, engine, there):
    for command in ("/bin/false", "/bin/true"):
        with files_of(engine, login_to(fresh_sshd(f"ForceCommand {command}"))) as files:
            with pytest.raises(Problem) as error:
                put(files, b"x", there / "x")
            told(error, "web has no SFTP", "Subsystem sftp")
            assert not isinstance(error.value, SshError)


@pytest.fixture(scope="module")
def strange_server(ssh_keys):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        command = f"{sys.executable} -ISB {STRANGE} {folder}"
        yield stack.enter_context(Sshd(ssh_keys, f"ForceCommand {command}")), Path(folder)


@pytest.fixture
def strange(strange_server, engine):
    """The files of a host that is strange in one way."""
    server, folder = strange_server
    with contextlib.ExitStack() as stack:

        def make(how, **options):
            (folder / "how").write_text(how)
            return stack.enter_context(files_of(engine, login_to(server), **options))

        yield make


@pytest.mark.parametrize("how", ["short", "backwards"])
def test_answers_may_come_as_they_like(how, strange, there):
    files, data = strange(how), os.urandom(MEGABYTE)
    put(files, data, there / "x")
    assert get(files, there / "x") == data
    assert sum_of(there / "x") == hashlib.sha256(data).hexdigest()


def test_what_does_not_arrive_as_it_was_sent_is_thrown_away(strange, there):
    (there / "x").write_bytes(b"old")
    with pytest.raises(Problem, match="is not what was sent"):
        put(strange("flip"), b"new", there / "x")
    assert ((there / "x").read_bytes(), everything_in(there)) == (b"old", ["x"])


def test_a_server_that_cannot_replace_makes_new_files_and_says_so(strange, there):
    files = strange("plain")
    put(files, b"first", there / "x")
    with pytest.raises(Problem, match="remove it first"):
        put(files, b"second", there / "x")
    assert ((there / "x").read_bytes(), everything_in(there)) == (b"first", ["x"])


@pytest.mark.parametrize(("how", "now"), [("gone_before", b"old"), ("gone_after", b"new")])
def test_a_connection_lost_in_the_last_step_is_told_as_unknown(how, now, strange, there):
    (there / "x").write_bytes(b"old")
    with pytest.raises(Unsure) as error:
        put(strange(how), b"new", there / "x")
    told(error, "nobody knows", str(there / "x"))
    assert (there / "x").read_bytes() == now


def test_what_is_halted_just_before_the_last_step_is_not_told_as_unknown(engine, host, there):
    guard, path = Guard(time.monotonic() + 20.0, go_on, lambda _: None), there / "x"
    path.write_bytes(b"old")
    with engine.pool.session(host, guard.until, go_on) as (_, channel):
        files = RemoteFiles(host, channel, guard)
        files.begin()
        replacement = Replacement(files.sftp, host, os.fsencode(path), files.find(os.fsencode(path)))
        with pytest.raises(Broken):
            replacement.write([b"new"], 3, None, lambda: setattr(guard, "late", True))
    assert (path.read_bytes(), everything_in(there)) == (b"old", ["x"])


@pytest.mark.parametrize("how", ["bigger", "empty", "stranger", "cut", "huge", "red", "greeting"])
def test_a_host_that_talks_nonsense_is_told_in_one_line(how, strange, there):
    (there / "x").write_bytes(b"old")
    files = strange(how)
    for do in (lambda: get(files, there / "x"), lambda: put(files, b"new", there / "x")):
        began = time.monotonic()
        with pytest.raises(Problem) as error:
            do()
        told(error, "web")
        assert time.monotonic() - began < 2.0
    assert (there / "x").read_bytes() == b"old"


def test_a_server_that_never_answers_is_left_in_time(strange, there):
    files = strange("silent", timeout=0.4)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="within its time"):
        put(files, b"new", there / "x")
    assert time.monotonic() - began < 1.0
