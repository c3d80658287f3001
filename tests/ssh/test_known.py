"""The file of known host keys: what we write OpenSSH reads, and the other way round; nothing of the user's is lost."""

import base64
import hmac
import os
import stat
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import require_tools

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, public_key
from chanops.ssh.keys import new_host_key
from chanops.ssh.known import KnownHosts

KEYS = [new_host_key()[1] for _ in range(8)]
ONE, TWO, THREE, *_ = KEYS
ECDSA = public_key(
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5"
    "N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)


@pytest.fixture(scope="module", autouse=True)
def ssh_keygen():
    require_tools("ssh-keygen")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "known_hosts"


@pytest.fixture
def known(path):
    return KnownHosts(path)


def written(path, text):
    """The file, with that in it."""
    path.write_text(text)
    path.chmod(0o600)
    return KnownHosts(path)


def of(*keys):
    """What is known of a host with these keys."""
    return {key.type: frozenset(each.blob for each in keys if each.type == key.type) for key in keys}


def keygen(path, *options):
    return subprocess.run(["ssh-keygen", *options, "-f", path], capture_output=True, text=True, timeout=60)


def openssh_knows(path, name):
    """The keys that OpenSSH finds under a name, as of() has them."""
    lines = keygen(path, "-F", name).stdout.splitlines()
    return of(*(public_key(line.split(" ", 1)[1]) for line in lines if not line.startswith("#")))


@pytest.mark.parametrize("name", ["do/web-1", "hosts/nas", "10.0.0.1", "[10.0.0.1]:2222", "[fe80::1%eth0]:22"])
def test_what_is_pinned_openssh_finds(name, known, path):
    known.pin("other/web", [THREE])
    known.pin(name, [ONE, ECDSA, TWO])
    assert known.keys([name]) == openssh_knows(path, name) == of(ONE, ECDSA, TWO)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    known.pin(name, [TWO])
    assert known.keys([name]) == openssh_knows(path, name) == of(TWO)
    known.forget(name)
    assert known.keys([name]) == openssh_knows(path, name) == {}
    assert known.keys(["other/web"]) == of(THREE)


def test_the_fixture_key_is_one_to_openssh_too(known, path):
    known.pin("web", [ECDSA])
    assert ECDSA.fingerprint in keygen(path, "-l").stdout


def test_a_key_that_is_pinned_twice_is_written_once_and_without_its_comment(known, path):
    known.pin("web", [PublicKey(ONE.type, ONE.blob, "a\nevil ssh-rsa AAAA"), ONE, ONE])
    assert path.read_text() == f"web {ONE.line}\n"


def test_no_file_is_no_keys_and_forgetting_makes_none(known, path):
    assert known.keys(["web"]) == {}
    assert not known.revoked(ONE.blob)
    known.forget("web")
    known.rename("web", "www")
    assert not path.exists()
    known.pin("web", [ONE])
    path.unlink()
    assert known.keys(["web"]) == {}


def test_the_first_of_the_names_that_has_any_keys_counts(known):
    known.pin("hosts/nas", [ONE])
    known.pin("10.0.0.1", [TWO])
    assert known.keys(["hosts/nas", "10.0.0.1"]) == of(ONE)
    assert known.keys(["hosts/none", "[10.0.0.1]:2222", "10.0.0.1", "hosts/nas"]) == of(TWO)
    assert known.keys(["hosts/none"]) == known.keys([]) == {}


def test_what_is_handed_out_is_nobody_elses(known):
    known.pin("web", [ONE])
    known.keys(["web"]).clear()
    assert known.keys(["web"]) == of(ONE)


def test_names_that_openssh_hashed_are_found_replaced_and_renamed(known, path):
    for number, name in enumerate(("do/web", "do/db", "[10.0.0.1]:2222", "do/Big")):
        known.pin(name, [KEYS[number]])
    assert keygen(path, "-H").returncode == 0
    assert "web" not in path.read_text()
    assert known.keys(["do/web"]) == of(ONE)
    assert known.keys(["[10.0.0.1]:2222"]) == of(THREE)
    assert known.keys(["10.0.0.1"]) == known.keys(["do/we"]) == {}
    assert known.keys(["do/Big"]) == of(KEYS[3])
    known.pin("do/web", [KEYS[4]])
    known.rename("do/db", "do/db-2")
    assert known.keys(["do/web"]) == openssh_knows(path, "do/web") == of(KEYS[4])
    assert known.keys(["do/db-2"]) == openssh_knows(path, "do/db-2") == of(TWO)
    assert known.keys(["do/db"]) == openssh_knows(path, "do/db") == {}
    known.forget("[10.0.0.1]:2222")
    assert known.keys(["[10.0.0.1]:2222"]) == {}
    assert path.read_text().count("|1|") == 1
    known.forget("do/Big")
    assert known.keys(["do/Big"]) == {}
    assert "|1|" not in path.read_text()


def test_what_others_change_is_seen(known, path):
    known.pin("web", [ONE])
    known.pin("db", [TWO])
    assert known.keys(["web"]) == of(ONE)
    assert keygen(path, "-R", "web").returncode == 0
    assert known.keys(["web"]) == {}
    with path.open("a") as file:
        file.write(f"web {THREE.line}\n@revoked * {ONE.line}\n")
    assert known.keys(["web"]) == of(THREE)
    assert known.revoked(ONE.blob)


def hashed(name):
    """A name as ssh-keygen -H writes it."""
    parts = b"salt" * 5, hmac.digest(b"salt" * 5, name.encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(each).decode() for each in parts)


HOSTS = [
    ("web", "web", True),
    ("web", "web2", False),
    ("web", "WEB", True),
    ("Web.Example", "web.example", True),
    ("web,10.0.0.1", "10.0.0.1", True),
    ("10.0.0.*", "10.0.0.77", True),
    ("10.0.0.*", "10.0.1.77", False),
    ("10.0.0.?", "10.0.0.7", True),
    ("10.0.0.?", "10.0.0.77", False),
    ("*", "anything", True),
    ("w**b", "wb", True),
    ("*.example", "a.b.example", True),
    ("*.EXAMPLE", "web.example", True),
    ("*.example,!db.example", "web.example", True),
    ("*.example,!db.example", "db.example", False),
    ("!db.example,*.example", "db.example", False),
    ("db.example,!db.example", "db.example", False),
    ("db.example,!d*", "db.example", False),
    ("!db.example", "web.example", False),
    ("web,*.example", "web", True),
    ("[10.0.0.1]:2222", "10.0.0.1", False),
    ("[10.0.0.1]:2222", "[10.0.0.1]:2222", True),
    ("[10.0.0.*]:2222", "[10.0.0.1]:2222", True),
    ("[abc]", "a", False),
    ("a.b", "aXb", False),
    (",web,", "web", True),
    ("|1|c2FsdA==|nohash", "web", False),
    (hashed("web"), "web", True),
    (hashed("web").replace("|1|", "|2|"), "web", False),
    ("|2|c2FsdA==|c2FsdA==", "web", False),
    ("|1|c2FsdA==", "web", False),
]


@pytest.mark.parametrize(("hosts", "name", "known_there"), HOSTS)
def test_names_and_patterns_mean_what_they_mean_to_openssh(hosts, name, known_there, path):
    known = written(path, f"{hosts} {ONE.line}\n")
    assert bool(openssh_knows(path, name)) == known_there
    assert known.keys([name]) == (of(ONE) if known_there else {})


def test_names_that_differ_in_large_letters_only_are_two_where_both_are_known(known):
    known.pin("do/web", [ONE])
    assert known.keys(["do/WEB"]) == of(ONE)
    known.pin("do/WEB", [TWO])
    assert known.keys(["do/web"]) == of(ONE)
    assert known.keys(["do/WEB"]) == of(TWO)
    known.forget("do/web")
    assert known.keys(["do/WEB"]) == of(TWO)


def test_a_pattern_counts_only_where_the_name_itself_has_no_key(path):
    known = written(path, f"* {ONE.line}\n10.* {TWO.line}\n10.0.0.1 {THREE.line}\n")
    assert known.keys(["10.0.0.1"]) == of(THREE)
    assert known.keys(["10.0.0.2"]) == of(ONE, TWO)
    known.forget("10.0.0.1")
    assert known.keys(["10.0.0.1"]) == of(ONE, TWO)


def test_revoked_keys_are_told_and_authorities_are_no_host_keys(path):
    known = written(path, f"@revoked * {ONE.line}\n@cert-authority web {TWO.line}\n@other web {THREE.line}\n")
    with path.open("a") as file:
        file.write(f"@revoked {TWO.line}\n@revoked @cert-authority {TWO.line}\n#web {TWO.line}\n")
    assert known.revoked(ONE.blob)
    assert not known.revoked(TWO.blob)
    assert not known.revoked(THREE.blob)
    assert known.keys(["web"]) == known.keys(["@revoked"]) == known.keys(["#web"]) == {}


@pytest.mark.parametrize("mark", ["@revoked", "@cert-authority"])
def test_marked_lines_stay_when_their_name_is_pinned_or_forgotten(mark, path):
    text = f"{mark} web {ONE.line} mine\n"
    known = written(path, f"{text}web {TWO.line}\n")
    known.pin("web", [THREE])
    assert path.read_text() == f"{text}web {THREE.line}\n"
    known.rename("web", "www")
    known.forget("www")
    assert path.read_text() == text


def test_a_line_of_several_names_is_kept_for_the_others(path):
    known = written(path, f"a,web,b {ONE.line}  of mine \nweb {TWO.line}\n\tweb,web\t{THREE.line}\n")
    known.pin("web", [KEYS[3]])
    assert path.read_text() == f"a,b {ONE.line}  of mine \nweb {KEYS[3].line}\n"
    known.forget("a")
    assert path.read_text() == f"b {ONE.line}  of mine \nweb {KEYS[3].line}\n"
    assert openssh_knows(path, "b") == of(ONE)


def test_all_that_is_not_of_the_name_is_kept_byte_for_byte(known, path):
    before = (
        b"# my hosts\n\n \t\n#web " + ONE.line.encode() + b"\nweb ssh-ed25519 AAAA\nweb ssh-dss AAAAB3NzaC1kc3M=\n"
        b"\xff\xfe \x00\r\nweb\n@revoked\n  b   ssh-ed25519\t" + TWO.line.split()[1].encode() + b"  \xe9 x \r\n"
        b"|1|broken " + TWO.line.encode() + b"\nlast " + TWO.line.encode()
    )
    path.write_bytes(before)
    path.chmod(0o600)
    assert known.keys(["b"]) == known.keys(["last"]) == of(TWO)
    known.forget("web")
    assert path.read_bytes() == before
    known.pin("web", [ONE])
    assert path.read_bytes() == before + f"\nweb {ONE.line}\n".encode()
    known.forget("web")
    assert path.read_bytes() == before + b"\n"


def test_a_renamed_host_keeps_its_keys_and_takes_the_place_of_another(path):
    known = written(path, f"x,web {ONE.line} its comment\nwww {TWO.line}\ny,www {THREE.line}\nweb,www {ECDSA.line}\n")
    known.rename("web", "www")
    assert path.read_text() == f"x,www {ONE.line} its comment\ny {THREE.line}\nwww {ECDSA.line}\n"
    assert openssh_knows(path, "www") == of(ONE, ECDSA)


def test_renaming_what_has_no_key_or_to_the_same_name_changes_nothing(path):
    text = f"web,x {ONE.line}\nwww {TWO.line}\n"
    known = written(path, text)
    inode = path.stat().st_ino
    known.rename("none", "www")
    known.rename("web", "web")
    assert path.read_text() == text
    assert path.stat().st_ino == inode


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "a,b",
        "*",
        "w?b",
        "!web",
        "#web",
        "@revoked",
        "|1|x",
        "a\nb",
        "a\tb",
        "a\x00",
        "zoë",
        "a\ud800",
    ],
)
def test_names_that_mean_something_else_in_the_file_are_refused(name, known, path):
    known.pin("web", [ONE])
    before = path.read_bytes()
    for change in (lambda: known.pin(name, [TWO]), lambda: known.rename("web", name)):
        with pytest.raises(Problem, match=r"no host key can be kept for .*: rename the machine") as caught:
            change()
        assert str(caught.value).isprintable()
    assert path.read_bytes() == before
    assert known.keys([name]) == {}


def test_a_key_that_could_not_be_read_again_is_not_written(known, path):
    known.pin("web", [ONE])
    for wrong in (PublicKey("ssh-ed25519", b""), PublicKey("x\nevil", ONE.blob), PublicKey("ssh-rsa", ONE.blob)):
        with pytest.raises(Problem):
            known.pin("web", [TWO, wrong])
    assert path.read_text() == f"web {ONE.line}\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_file_that_others_may_change_is_refused(mode, known, path):
    known.pin("web", [ONE])
    before = path.read_bytes()
    assert known.keys(["web"])
    path.chmod(mode)
    for use in (
        lambda: known.keys(["web"]),
        lambda: known.revoked(ONE.blob),
        lambda: known.pin("web", [TWO]),
        lambda: known.forget("web"),
    ):
        with pytest.raises(Problem, match=f"^{path}: others may change the known host keys: chmod 600 {path}$"):
            use()
    assert path.read_bytes() == before


def test_a_file_that_others_may_read_is_read_and_closed_when_it_is_written(known, path):
    known.pin("web", [ONE])
    path.chmod(0o644)
    assert known.keys(["web"]) == of(ONE)
    known.pin("db", [ONE])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_somebody_else_is_refused(known, path):
    known.pin("web", [ONE])
    os.chown(path, 12345, -1)
    with pytest.raises(Problem, match=r"belong to another user: chown it to the bot's user$"):
        known.keys(["web"])


def test_what_cannot_be_read_or_written_is_a_problem(tmp_path):
    folder = KnownHosts(tmp_path)
    with pytest.raises(Problem, match=f"^cannot read the known host keys {tmp_path}: Is a directory$"):
        folder.keys(["web"])
    nowhere = KnownHosts(tmp_path / "none" / "known_hosts")
    assert nowhere.keys(["web"]) == {}
    nowhere.forget("web")
    with pytest.raises(Problem, match=r"^cannot write the known host keys .*: No such file or directory$"):
        nowhere.pin("web", [ONE])
    behind = KnownHosts(tmp_path / "file" / "known_hosts")
    (tmp_path / "file").touch()
    for use in (lambda: behind.keys(["web"]), lambda: behind.forget("web"), lambda: behind.pin("web", [ONE])):
        with pytest.raises(Problem, match="Not a directory"):
            use()


def test_a_link_to_the_file_stays_one(known, path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere" / "hosts")
    known.pin("web", [ONE])
    known.pin("web", [TWO])
    assert path.is_symlink()
    assert (tmp_path / "elsewhere" / "hosts").read_text() == f"web {TWO.line}\n"
    assert os.listdir(tmp_path / "elsewhere") == ["hosts"]


def test_what_a_crash_left_behind_is_no_hindrance_and_no_trap(known, path, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "known_hosts.new").symlink_to(victim)
    known.pin("web", [ONE])
    assert victim.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["known_hosts", "victim"]
    assert not path.is_symlink()


def test_a_failed_write_leaves_the_file_as_it_was(known, path, tmp_path):
    known.pin("web", [ONE])
    (tmp_path / "known_hosts.new").mkdir()
    with pytest.raises(Problem, match=r"^cannot write the known host keys"):
        known.pin("web", [TWO])
    assert path.read_text() == f"web {ONE.line}\n"


def test_many_threads_and_processes_pin_at_once_and_nothing_is_lost(path):
    # A file's lock belongs to whoever opened it, so two of them in one process are as two processes.
    both, each = (KnownHosts(path), KnownHosts(path)), 6
    gate = threading.Barrier(8)
    wrong = []

    def work(number):
        gate.wait(30)
        for turn in range(each):
            both[turn % 2].pin(f"do/m-{number}-{turn}", [KEYS[number]])
            both[turn % 2].pin("shared", [KEYS[number]])
            found = both[number % 2].keys([f"do/m-{number}-{turn}"])
            if found != of(KEYS[number]) or len(both[number % 2].keys(["shared"])) != 1:
                wrong.append((number, turn, found))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert len(path.read_text().splitlines()) == 8 * each + 1
    for known in both:
        for number in range(8):
            for turn in range(each):
                assert known.keys([f"do/m-{number}-{turn}"]) == of(KEYS[number])


HOLD = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


def test_who_pins_waits_while_another_process_changes_the_file(known, path):
    known.pin("web", [ONE])
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        done = threading.Event()
        pinning = threading.Thread(target=lambda: (known.pin("db", [TWO]), done.set()))
        pinning.start()
        assert not done.wait(0.1)
        assert known.keys(["web"]) == of(ONE)
        path.with_name("other").write_text(f"web {THREE.line}\n")
        path.with_name("other").replace(path)
        other.communicate(b"\n", timeout=30)
        assert done.wait(30)
        pinning.join(30)
    assert known.keys(["web"]) == of(THREE)
    assert known.keys(["db"]) == of(TWO)


def test_the_file_is_read_again_only_when_it_changed(known, path):
    known.pin("web", [ONE])
    assert known.keys(["web"]) == of(ONE)
    before = path.stat()
    with path.open("r+") as file:
        file.write(f"web {TWO.line}\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert known.keys(["web"]) == of(ONE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert known.keys(["web"]) == of(TWO)


@pytest.mark.parametrize("form", ["do/m{}", "hashed"])
def test_a_lookup_among_a_thousand_hosts_costs_microseconds(form, path):
    names = [f"do/m{number}" for number in range(1000)]
    written_names = names if form != "hashed" else map(hashed, names)
    known = written(path, "".join(f"{name} {KEYS[n % 8].line}\n" for n, name in enumerate(written_names)))
    wanted = [(names[number], of(KEYS[number % 8])) for number in (1, 500, 999)]
    assert all(known.keys([name]) == keys for name, keys in wanted)
    assert known.keys(["do/none"]) == {}
    start = time.process_time()
    for _ in range(2500):
        assert all(known.keys(["do/none", name]) == keys for name, keys in wanted)
    # Some 4 µs each; reading the file again, or one look through a thousand hashes, would be 500 times that.
    assert (time.process_time() - start) / 7500 < 200e-6


OTHERS = st.one_of(
    st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")),
    st.sampled_from([b"", b"# web", b"web", b"@revoked web " + ONE.line.encode(), b"web ssh-ed25519 AAAA"]),
    st.tuples(st.sampled_from([b"db", b"a,b", b"*", b"!x,y*", b"|1|a|b", b"WEB", b"web2"]), st.sampled_from(KEYS)).map(
        lambda line: line[0] + b" " + line[1].line.encode() + b" \xff"
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(OTHERS, st.booleans())), st.lists(st.sampled_from([*KEYS, ECDSA]), min_size=1), st.booleans())
def test_pins_come_and_go_and_all_other_lines_stay(path, lines, keys, ended):
    mixed, others = b"", b""
    for other, after_a_pin in lines:
        mixed += f"web {THREE.line}\n".encode() * after_a_pin + other + b"\n"
        others += other + b"\n"
    last = lines[-1][0] if lines else b""
    path.write_bytes(mixed if ended or not last else mixed[:-1])
    path.chmod(0o600)
    known = KnownHosts(path)
    known.pin("web", keys)
    assert known.keys(["web"]) == KnownHosts(path).keys(["web"]) == of(*keys)
    assert path.read_bytes() == others + b"".join(f"web {key.line}\n".encode() for key in dict.fromkeys(keys))
    known.forget("web")
    assert path.read_bytes() == others
