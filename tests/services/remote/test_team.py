"""`.authorize` and `.deauthorize`: once, and all that is not theirs stays as it is."""

import stat
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.errors import Problem
from chanops.core.public_keys import PublicKey, public_key
from chanops.services.remote.team import lines_with, lines_without
from tests.services.remote.conftest import PAGE
from tests.services.remote.test_filing import FORCED

ALICE, SECOND, BOB = (
    PublicKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes([number]) * 32) for number in (1, 2, 3)
)
OTHERS = (
    "# a comment, \t with spaces  \n"
    "\n"
    f"{BOB.line} bob at home\n"
    f'command="echo \\"hi there\\"",no-pty,from="10.0.0.0/8" {SECOND.line} second\r\n'
    "what is no key at all \xff\n"
).encode("latin-1")
WHERE = ".ssh/authorized_keys"


# ---------------------------------------------------------------- the lines


def test_a_key_is_added_at_the_end_with_its_account_where_it_has_no_comment():
    added = lines_with(OTHERS, [ALICE], "alice")
    assert added == OTHERS + f"{ALICE.line} alice\n".encode()
    named = PublicKey(ALICE.type, ALICE.blob, "alice@laptop")
    assert lines_with(b"", [named], "alice") == f"{ALICE.line} alice@laptop\n".encode()


def test_a_key_that_is_there_is_not_added_again():
    once = lines_with(OTHERS, [ALICE], "alice")
    assert lines_with(once, [ALICE, ALICE], "alice") == once
    assert lines_with(once, [PublicKey(ALICE.type, ALICE.blob, "other")], "alice") == once


def test_a_key_with_options_before_it_is_there():
    assert lines_with(OTHERS, [SECOND], "alice") == OTHERS


def test_a_key_in_a_comment_is_not_there():
    before = f"# {ALICE.line} alice\n  #{ALICE.line}\n".encode()
    assert lines_with(before, [ALICE], "alice") == before + f"{ALICE.line} alice\n".encode()


def test_a_last_line_without_its_end_is_ended_first():
    before = BOB.line.encode()
    assert lines_with(before, [ALICE], "alice") == before + f"\n{ALICE.line} alice\n".encode()
    assert lines_with(b"# end", [ALICE], "alice") == f"# end\n{ALICE.line} alice\n".encode()


def test_several_keys_are_added_each_once_also_where_one_is_given_twice():
    added = lines_with(b"", [ALICE, SECOND, ALICE], "alice")
    assert added == f"{ALICE.line} alice\n{SECOND.line} alice\n".encode()


def test_keys_are_taken_away_with_their_options_and_nothing_else():
    kept = lines_without(OTHERS, [SECOND])
    assert kept == OTHERS.replace(OTHERS.splitlines(keepends=True)[3], b"")
    twice = lines_with(OTHERS, [ALICE], "alice") + f"no-pty {ALICE.line}\n".encode()
    assert lines_without(twice, [ALICE]) == OTHERS


def test_what_is_not_there_is_not_taken_away():
    for before in (OTHERS, b"", b"# nothing\n", BOB.line.encode()):
        assert lines_without(before, [ALICE]) == before


@pytest.mark.parametrize("rest", [b"", b"\n\n", b"# a comment\n", f"# {BOB.line}\n".encode()])
def test_the_last_key_is_not_taken_away(rest):
    with pytest.raises(Problem, match="it is the only key there, and nobody could log in without it"):
        lines_without(rest + f"{ALICE.line}\n{SECOND.line}\n".encode(), [ALICE, SECOND])


def test_a_line_that_holds_no_key_lets_nobody_in():
    """What is neither a comment nor a key does not count as one that is left."""
    with pytest.raises(Problem, match="it is the only key there"):
        lines_without(f"what is no key at all\n{ALICE.line}\n".encode(), [ALICE])


@given(st.lists(st.binary().map(lambda some: some.replace(ALICE.line.split()[1].encode(), b""))))
@settings(max_examples=200, deadline=None)
def test_whatever_else_is_there_stays_byte_for_byte(lines):
    before = b"\n".join(lines)
    added = lines_with(before, [ALICE], "alice")
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    assert added == before + gap + f"{ALICE.line} alice\n".encode()
    assert lines_without(f"{BOB.line}\n".encode() + added, [ALICE]) == f"{BOB.line}\n".encode() + before + gap


def test_a_line_end_of_another_kind_ends_no_line():
    """sshd knows only the newline: what stands behind a carriage return or a form feed belongs to the same line."""
    for odd in (b"\r", b"\x0b", b"\x0c", b"\x1c", b"\x85"):
        before = b"# old key:" + odd + f"{ALICE.line}\n{BOB.line}\n".encode()
        assert lines_with(before, [ALICE], "alice") == before + f"{ALICE.line} alice\n".encode(), odd
        assert lines_without(before, [ALICE]) == before, odd


# ---------------------------------------------------------------- on machines


@pytest.fixture
def alice(tmp_path):
    """The line of a key that ssh-keygen made."""
    path = tmp_path / "alice_key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "alice@laptop", "-f", path],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path.with_name("alice_key.pub").read_text().strip()


@pytest.fixture
def home(scratch, ssh_keys):
    """The home of whoever logs in; only those in its file may."""
    (scratch / ".ssh").mkdir(mode=0o700)
    (scratch / WHERE).write_text(f"# keys\n{ssh_keys.public('login')}\n")
    (scratch / WHERE).chmod(0o640)
    scratch.parent.chmod(0o711)
    return scratch


@pytest.fixture
def server(fresh_sshd, home):
    return fresh_sshd(f"AuthorizedKeysFile {home}/{WHERE}", FORCED.format(home))


@pytest.fixture
def more_sections(alice, ssh_keys):
    sections = {"alice": f"public = {alice}", "bot": f"public = {ssh_keys.public('login')}", "crew": "file = crew.pub"}
    return "".join(f"[key:{name}]\n{key}\n" for name, key in sections.items())


def test_a_key_is_put_there_once_and_taken_away_and_the_bot_logs_in_all_the_while(ops, server, home, alice):
    path = home / WHERE
    before = path.read_bytes()
    user = server.user
    for verb, text, after in (
        ("authorize", f"alice is in {user}'s {WHERE}", before + f"{alice}\n".encode()),
        ("authorize", f"alice is in {user}'s {WHERE} already", before + f"{alice}\n".encode()),
        ("deauthorize", f"alice is not in {user}'s {WHERE}", before),
        ("deauthorize", f"alice is not in {user}'s {WHERE} already", before),
    ):
        [line] = ops.lines(f".{verb} alice web-1")
        assert line == f"job {ops.newest()}: web-1 ok in T: {text} · {PAGE}/{ops.newest()}"
        assert path.read_bytes() == after
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        server.kill_sessions()
    assert ops.lines(".run web-1 echo in")[-1] == "web-1: in"
    assert [each.name for each in (home / ".ssh").iterdir()] == ["authorized_keys"]
    assert ops.jobs.find(1).title == "authorize alice on web-1"


def test_ssh_keygen_reads_what_was_written(ops, home, alice):
    path = home / WHERE
    path.write_text(path.read_text().rstrip("\n"))
    ops.ask(".authorize alice web-1")
    listed = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout
    assert len(listed.splitlines()) == 2
    assert public_key(alice).fingerprint in listed


def test_the_last_key_stays(ops, home):
    before = (home / WHERE).read_bytes()
    [line] = ops.lines(".deauthorize bot web-1")
    assert "that is a key with which chanops itself logs in: take it away there by hand" in line
    assert ops.parts()["web-1"][0] == "failed"
    assert (home / WHERE).read_bytes() == before


def test_all_keys_of_a_file_are_put_there(ops, home, alice, ssh_keys):
    ops.write("crew.pub", f"# the crew\n\n{alice}\n{ssh_keys.public('stranger')}\n{ssh_keys.public('login')}\n")
    ops.ask(".authorize crew web-1")
    lines = (home / WHERE).read_text().splitlines()
    assert lines == ["# keys", ssh_keys.public("login"), alice, ssh_keys.public("stranger")]
    ops.ask(".deauthorize alice web-1")
    assert alice not in (home / WHERE).read_text()


def test_a_link_stays_a_link_and_its_file_is_changed(ops, home, alice, tmp_path):
    other = tmp_path / "other"
    (home / WHERE).rename(other)
    (home / WHERE).symlink_to(other)
    ops.ask(".authorize alice web-1")
    assert other.read_text().endswith(f"{alice}\n")
    assert (home / WHERE).is_symlink()


def test_machines_at_one_account_at_once_write_it_once(ops, home, alice):
    """All six are the same file, and change it at the same time."""
    ops.ask(".authorize alice web-*")
    assert (home / WHERE).read_text().count(alice) == 1
    states = {state for state, _ in ops.parts().values()}
    assert "done" in states
    for state, text in ops.parts().values():
        assert state == "done" or "somebody else changes" in text


def test_dry_run_changes_nothing(ops, home):
    before = (home / WHERE).read_bytes()
    assert ops.bot.say(".authorize alice web-1 -n") == ["would: authorize alice on web-1"]
    assert ops.bot.say(".deauthorize bot web-1 -n") == ["would: deauthorize bot on web-1"]
    assert (home / WHERE).read_bytes() == before


def test_an_account_without_a_key_is_refused(ops):
    assert ops.refused(".authorize alic web-1") == "there is no key of alic; did you mean alice?"
    assert ops.refused(".deauthorize zoë web-1").startswith("there is no key of zoë; an admin adds [key:zoë]")
    assert "is no file of at most 65536 bytes" in ops.refused(".authorize crew web-1")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "there is no key in it"),
        (b"# none\n", "there is no key in it"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (b"#" * 65537, "is no file of at most 65536 bytes"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "[key:crew] crew.pub: "),
        (b"ssh-ed25519 AAAA\n", "[key:crew] crew.pub: "),
    ],
)
def test_a_file_without_keys_is_refused_before_anything_is_done(ops, content, why):
    ops.write("crew.pub", content)
    assert why in ops.refused(".authorize crew web-1")


def test_who_was_let_in_is_in_the_audit(ops):
    ops.ask(".authorize alice web-1")
    [(_, text)] = ops.audited("job")
    assert "authorize alice on web-1" in text


def test_a_key_in_another_line_s_comment_or_options_is_not_that_line_s_key():
    blob = ALICE.line.split()[1]
    for line in (f"{BOB.line} was {blob} once", f'command="echo {blob} x" {BOB.line}'):
        before = f"{line}\n".encode()
        assert lines_with(before, [ALICE], "alice") == before + f"{ALICE.line} alice\n".encode()
        assert lines_without(before + f"{SECOND.line}\n".encode(), [ALICE]).startswith(before)
