"""`.put` and `.get`: whole or not at all, where they were meant to go, and nowhere else."""

import hashlib
import os
import stat

import pytest

from chanops.core.errors import Problem
from chanops.core.plan import Plan, Unit
from chanops.services.remote.filing import folder_of, place
from chanops.testing import provider_section
from tests.services.remote.conftest import NAMES, PAGE

CONTENT = b"one\r\ntwo\x00\xff\nno newline at the end"
SHORT = hashlib.sha256(CONTENT).hexdigest()[:16]
SAID = f"{len(CONTENT)} bytes, sha256 {SHORT}…"
FORCED = (
    'ForceCommand if [ "$SSH_ORIGINAL_COMMAND" = internal-sftp ]; then exec /usr/lib/openssh/sftp-server -d {}; '
    'else exec sh -c "$SSH_ORIGINAL_COMMAND"; fi'
)
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can log others in")


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def motd(ops):
    """A file that is ready to be sent."""
    return ops.write("files/motd", CONTENT)


@pytest.fixture
def got(ops):
    """What has been fetched: paths below the folder of files, with what they hold."""

    def found():
        folder = ops.beside("files")
        return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}

    return found


# ---------------------------------------------------------------- WHICH:PATH


@pytest.mark.parametrize(
    ("text", "which", "path"),
    [
        ("web-1:/etc/motd", "web-1", "/etc/motd"),
        ("web-*,db:/etc/motd", "web-*,db", "/etc/motd"),
        ("tag:web:/etc/motd", "tag:web", "/etc/motd"),
        ("tag:web:motd", "tag:web", "motd"),
        ("on:do,tag:a:/x", "on:do,tag:a", "/x"),
        ("id:7:/x", "id:7", "/x"),
        ("web-1:~/x", "web-1", "~/x"),
        ("tag:web:~/x", "tag:web", "~/x"),
        ("web-1:x/y", "web-1", "x/y"),
        ("web-1:/a:b", "web-1", "/a:b"),
        ("web-1:/a/b:c/d:/e", "web-1", "/a/b:c/d:/e"),
        ("web-1:/with space", "web-1", "/with space"),
        ("web-1:-rf", "web-1", "-rf"),
        ("*:/x", "*", "/x"),
    ],
)
def test_machines_and_a_path_are_told_apart(text, which, path):
    found, there = place(text)
    assert (str(found), there) == (which, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "web-1",
        "web-1:",
        ":/etc/motd",
        "/etc/motd",
        "tag:web",
        "tag:/etc/motd",
        "on:do",
        "id:7",
        "db,tag:web",
        "db,:/x",
        "a b:/x",
        "a;b:/x",
        "$(id):/x",
        "../x:/y",
        "web-1:/x\ny",
        "web-1:/x\x00y",
        "web-1:/x\u202ey",
        "web-1:/x\x1b[31m",
        "web-1:\ud800",
    ],
)
def test_what_says_not_where_is_refused(text):
    with pytest.raises(Problem) as caught:
        place(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


# ---------------------------------------------------------------- .put


def test_a_file_is_written_and_its_size_and_digest_are_said(ops, motd, scratch):
    assert ops.lines(f".put motd web-1:{scratch}/x") == [f"job 1: web-1 ok in T: {SAID} · {PAGE}/1"]
    assert (scratch / "x").read_bytes() == CONTENT
    assert mode(scratch / "x") == 0o644
    assert [each.name for each in scratch.iterdir()] == ["x"]
    assert ops.output() == SAID + "\n"
    assert ops.jobs.find(1).title == f"put motd as {scratch}/x on web-1"


def test_what_is_replaced_gives_its_mode(ops, motd, scratch):
    (scratch / "x").write_text("old")
    (scratch / "x").chmod(0o751)
    ops.ask(f".put motd web-1:{scratch}/x")
    assert ((scratch / "x").read_bytes(), mode(scratch / "x")) == (CONTENT, 0o751)


def test_a_folder_with_its_slash_gets_the_file_by_its_name(ops, motd, scratch):
    ops.write("files/sub/other", b"x")
    ops.ask(f".put motd web-1:{scratch}/")
    ops.ask(f".put sub/other web-1:{scratch}/")
    assert {each.name: each.read_bytes() for each in scratch.iterdir()} == {"motd": CONTENT, "other": b"x"}


def test_names_with_spaces_stand_in_quotes(ops, scratch):
    ops.write("files/my file", CONTENT)
    ops.ask(f".put 'my file' 'web-1:{scratch}/'")
    ops.ask(f""".put "my file" "web-1:{scratch}/it's *" """)
    assert sorted(each.name for each in scratch.iterdir()) == ["it's *", "my file"]


def test_several_machines_get_it_each(ops, motd, scratch):
    head, *more = ops.lines(f".put motd web-1,web-2:{scratch}/x parallel=1")
    assert (head, more) == (f"job 1: 2 machines · web-1 ok in T: {SAID} · web-2 ok in T: {SAID} · {PAGE}/1", [])


def test_an_empty_file_is_one(ops, scratch):
    ops.write("files/none", b"")
    [line] = ops.lines(f".put none web-1:{scratch}/x")
    assert "web-1 ok in T: 0 bytes, sha256 e3b0c44298fc1c14…" in line
    assert (scratch / "x").read_bytes() == b""


def test_where_it_cannot_be_written_it_is_told_and_all_is_as_it_was(ops, motd, scratch):
    (scratch / "folder").mkdir()
    (scratch / "link").symlink_to(scratch / "folder")
    (scratch / "pipe").symlink_to("/dev/null")
    before = sorted(scratch.rglob("*"))
    for path, why in {
        f"{scratch}/missing/x": f"web-1 has no folder {scratch}/missing",
        f"{scratch}/folder": f"{scratch}/folder on web-1 is a folder: name the file as well, {scratch}/folder/NAME",
        f"{scratch}/link": f"{scratch}/link on web-1 is a link to {scratch}/folder: name that one",
        f"{scratch}/pipe": f"{scratch}/pipe on web-1 is a link to /dev/null: name that one",
        f"{scratch}/..": f"{scratch}/.. on web-1 is a folder",
        "~bob/x": "~bob/x: write the whole path, or ~/ for the login user's home",
    }.items():
        [line] = ops.lines(f".put motd web-1:{path}")
        assert why in line
        assert ops.parts()["web-1"][0] == "failed"
    assert sorted(scratch.rglob("*")) == before


def test_dry_run_sends_nothing(ops, motd, scratch):
    assert ops.bot.say(f".put motd web-1:{scratch}/x -n") == [f"would: put motd as {scratch}/x on web-1"]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["../config.ini", "/etc/passwd", "..", "''", "out", "got", "n" * 256, "nope"])
def test_only_files_of_the_folder_are_sent(ops, motd, scratch, name):
    (ops.beside("files") / "out").symlink_to("/etc/hostname")
    (ops.beside("files") / "got").mkdir()
    refused = ops.refused(f".put {name} web-1:{scratch}/x")
    assert refused.startswith("there is no file ")
    assert refused.endswith(("there are motd", "there are motd, out"))
    assert list(scratch.iterdir()) == []


class TestSmallFilesOnly:
    """[ssh] largest_file."""

    @pytest.fixture
    def ssh_options(self):
        return {"largest_file": "10"}

    def test_what_is_too_large_is_neither_sent_nor_fetched(self, ops, motd, scratch, got):
        assert ops.refused(f".put motd web-1:{scratch}/x") == (
            "motd has more than 10 bytes, which [ssh] largest_file allows"
        )
        (scratch / "y").write_bytes(b"12345678901")
        [line] = ops.lines(f".get web-1:{scratch}/y")
        assert f"{scratch}/y on web-1 has 11 bytes: at most 10 are read" in line
        assert set(got()) == {"motd"}


@pytest.mark.parametrize("change", ["other", "longer", "gone"])
def test_a_file_that_changes_between_asking_and_sending_is_not_sent(ops, motd, scratch, change):
    """The second machine's turn comes after the change."""
    journal = ops.jobs.journal
    intend = journal.intend

    def meanwhile(*args, **options):
        if change == "gone":
            motd.unlink(missing_ok=True)
        else:
            motd.write_bytes(CONTENT[::-1] if change == "other" else CONTENT + b"x")
        return intend(*args, **options)

    journal.intend = meanwhile
    [line] = ops.lines(f".put motd web-1:{scratch}/x")
    assert ops.parts()["web-1"][0] == "failed"
    assert "motd has changed since it was asked for: ask again" in line
    assert list(scratch.iterdir()) == []


def test_put_again_sends_what_was_asked_for(bot, ops, motd, scratch):
    ops.ask(f".put motd web-1:{scratch}/missing/x")
    (scratch / "missing").mkdir()
    ops.lines(".again 1")
    assert (scratch / "missing" / "x").read_bytes() == CONTENT
    assert ops.jobs.find(2).title == ops.jobs.find(1).title


# ---------------------------------------------------------------- .get


def test_a_file_is_fetched_into_a_folder_of_its_job_and_machine(ops, scratch, got):
    (scratch / "x").write_bytes(CONTENT)
    assert ops.lines(f".get web-1:{scratch}/x") == [f"job 1: web-1 ok in T: {SAID}, in got/1/web-1/x · {PAGE}/1"]
    assert got() == {"got/1/web-1/x": CONTENT}
    folder = ops.beside("files")
    assert mode(folder / "got/1/web-1/x") == 0o600
    assert {mode(folder / each) for each in ("got", "got/1", "got/1/web-1")} == {0o700}


def test_several_machines_and_jobs_do_not_write_over_each_other(ops, scratch, got):
    (scratch / "x").write_bytes(b"1")
    ops.ask(f".get web-*:{scratch}/x")
    (scratch / "x").write_bytes(b"2")
    ops.ask(f".get web-1:{scratch}/x")
    assert got() == {f"got/1/{name}/x": b"1" for name in NAMES} | {"got/2/web-1/x": b"2"}


@pytest.mark.parametrize(
    "name", ["with space", "it's *", "-rf", ".hidden", "日本 🎉", "n" * 255, "ü" * 127, "a:b", "$(id)"]
)
def test_names_are_kept_as_they_are(ops, scratch, got, name):
    (scratch / name).write_bytes(CONTENT)
    [line] = ops.lines(f'.get "web-1:{scratch}/{name}"')
    assert "web-1 ok in T" in line
    assert got() == {f"got/1/web-1/{name}": CONTENT}


def test_a_link_is_followed_where_a_file_is_read(ops, scratch, got):
    (scratch / "x").write_bytes(CONTENT)
    (scratch / "link").symlink_to("x")
    ops.ask(f".get web-1:{scratch}/link")
    assert got() == {"got/1/web-1/link": CONTENT}


def test_where_it_cannot_be_read_it_is_told_and_nothing_is_kept(ops, scratch, got):
    (scratch / "folder").mkdir()
    for path, why in {
        f"{scratch}/missing": f"there is no {scratch}/missing on web-1",
        f"{scratch}/folder": f"{scratch}/folder on web-1 is a folder",
        "/dev/zero": "/dev/zero on web-1 is no regular file",
        "~bob/x": "write the whole path, or ~/",
    }.items():
        [line] = ops.lines(f".get web-1:{path}")
        assert why in line
        assert ops.parts()["web-1"][0] == "failed"
    assert got() == {}


@pytest.mark.parametrize("path", ["/etc/", "/etc/..", "/etc/.", "..", ".", "~/..", "~/", "~", "a/.."])
def test_a_folder_is_refused_at_once(ops, path):
    assert "folder" in ops.refused(f".get web-1:{path}")


def test_dry_run_fetches_nothing(ops, got):
    assert ops.bot.say(".get web-1:/etc/hostname -n") == ["would: get /etc/hostname on web-1"]
    assert got() == {}


def test_a_folder_that_others_can_read_is_refused_before_anything_is_fetched(ops, scratch, got):
    (scratch / "x").write_bytes(CONTENT)
    ops.write("files/got/motd", b"").parent.chmod(0o755)
    [line] = ops.lines(f".get web-1:{scratch}/x")
    assert "chmod 700" in line
    assert set(got()) == {"got/motd"}


def test_a_link_where_the_folder_should_be_leads_nowhere(ops, scratch, tmp_path):
    """Somebody who can write in the folder of files cannot have the bot write elsewhere."""
    (scratch / "x").write_bytes(CONTENT)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder = ops.write("files/motd", b"").parent / "got" / "1" / "web-1"
    folder.mkdir(parents=True, mode=0o700)
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o700)
    (folder / "x").symlink_to(elsewhere / "y")
    ops.ask(f".get web-1:{scratch}/x")
    assert list(elsewhere.iterdir()) == []


# ---------------------------------------------------------------- homes, and users without rights


class TestHome:
    """A server whose SFTP begins in a folder of the test's."""

    @pytest.fixture
    def server(self, fresh_sshd, scratch):
        return fresh_sshd(FORCED.format(scratch))

    def test_what_is_relative_is_at_home(self, ops, motd, scratch, got):
        for path in ("~/one", "two", "~/"):
            ops.ask(f".put motd web-1:{path}")
        assert {each.name for each in scratch.iterdir()} == {"one", "two", "motd"}
        ops.ask(".get web-1:~/one")
        ops.ask(".get web-1:two")
        assert got() == {"motd": CONTENT, "got/4/web-1/one": CONTENT, "got/5/web-1/two": CONTENT}


@root_only
class TestNobody:
    """A server that lets nobody in by that name."""

    @pytest.fixture
    def server(self, fresh_sshd):
        return fresh_sshd("ForceCommand internal-sftp")

    def test_without_permission_nothing_is_done(self, ops, motd, scratch, got):
        (scratch / "x").write_text("old")
        (scratch / "x").chmod(0o600)
        for folder in (scratch, scratch.parent):
            folder.chmod(0o755)
        [put] = ops.lines(f".put motd web-1:{scratch}/x as=nobody")
        [get] = ops.lines(f".get web-1:{scratch}/x as=nobody")
        for line in (put, get):
            assert "web-1 " in line
            assert "nobody" in line
        assert [state for state, _ in ops.parts().values()] == ["failed"]
        assert [each.name for each in scratch.iterdir()] == ["x"]
        assert (scratch / "x").read_text() == "old"
        assert set(got()) == {"motd"}


# ---------------------------------------------------------------- machines whose names are a cloud's


def plan_of(*machines):
    return Plan("get", "get", tuple(Unit(name, provider, str(at)) for at, (name, provider) in enumerate(machines)))


def test_the_folders_of_all_machines_differ_and_are_one_name_each():
    names = ("web", "Web", "WEB", "a/b", "a_b", "../../etc", "..", ".", "", " ", "/", "\0", "a\nb", "ü", "x" * 300)
    names += ("x" * 301, "web-do-1", "web-aws-0", "a_b-do-8", "_-do-9", ".ssh", "-rf", "machine")
    plan = plan_of(*((name, provider) for name in names for provider in ("do", "aws")))
    folders = [folder_of(plan, unit) for unit in plan.units]
    assert len({each.casefold() for each in folders}) == len(folders)
    for each in folders:
        assert len(each) < 200
        assert each not in ("", ".", "..")
        assert "/" not in each
        assert not each.startswith(".")
        assert each.isprintable()


def test_a_machine_alone_has_its_own_name():
    plan = plan_of(("web-1", "do"), ("web-2", "do"))
    assert [folder_of(plan, unit) for unit in plan.units] == ["web-1", "web-2"]


class TestTwoClouds:
    """Both have a machine of the same name; both are the test's server."""

    @pytest.fixture
    def known_hosts(self, known_hosts):
        text = known_hosts.read_text()
        lines = [line.partition(" ")[2] for line in text.splitlines() if line.startswith("hosts/web-1 ")]
        names = ("do/twin", "aws/twin", "do/../../evil")
        known_hosts.write_text(text + "".join(f"{name} {line}\n" for name in names for line in lines))
        return known_hosts

    @pytest.fixture
    def more_sections(self, cloud, server):
        sections = provider_section(cloud, "do") + provider_section(cloud, "aws")
        return sections + f"[machine:*]\nport = {server.port}\n"

    @pytest.fixture
    def place(self, cloud, server, monkeypatch):
        """The cloud's machines are all at the server's address."""
        monkeypatch.setattr(type(cloud.world), "new_addresses", lambda *_: (server.address, "10.0.0.9"))

    def test_nothing_is_written_over(self, ops, cloud, place, scratch, got):
        number = cloud.world.add_droplet("twin", tags=("both",))
        (scratch / "x").write_bytes(CONTENT)
        ops.ask(f".get tag:both:{scratch}/x")
        assert len(ops.parts()) == 1
        units = ops.jobs.whole(1).units
        assert [each.state for each in units] == ["done", "done"], [each.text for each in units]
        assert list(got().values()) == [CONTENT] * 2
        assert number

    def test_a_name_that_is_a_path_stays_in_the_folder(self, ops, cloud, place, scratch, got):
        cloud.world.add_droplet("../../evil", tags=("evil",))
        (scratch / "x").write_bytes(CONTENT)
        ops.ask(f".get tag:evil,on:do:{scratch}/x")
        assert not list(ops.beside(".").glob("evil*"))
        assert all(each.startswith("got/1/") and each.count("/") == 3 for each in got())
