"""`.run`: what the channel reads, from one host to many, and what its options do."""

import os
import re
import subprocess
import time

import pytest

from chanops.testing import provider_section, until
from tests.services.remote.conftest import NAMES, PAGE, host_section

ALL = "web-1, web-2, web-3, web-4 and 2 more"


# ---------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("uname -s", ["web-1 ok in T", "web-1: Linux"]),
        ("true", ["web-1 ok in T"]),
        ("exit 3", ["web-1 exit 3 in T"]),
        ("kill -SEGV $$", ["web-1 killed by SIGSEGV after T"]),
        ("echo out; echo err >&2; exit 1", ["web-1 exit 1 in T", "web-1: out", "web-1: err"]),
        (r"printf 'a\n\n  \nb\n'", ["web-1 ok in T", "web-1: a", "web-1: b"]),
        (r"printf 'no newline'", ["web-1 ok in T", "web-1: no newline"]),
        (r"printf '10%%\r50%%\r100%%\n'", ["web-1 ok in T", "web-1: 100%"]),
        (r"printf '\033[1;31mred\033[0m\a\n'", ["web-1 ok in T", "web-1: red␇"]),
        (r"printf '\342\200\256evil\n'", ["web-1 ok in T", r"web-1: \u202eevil"]),
        ("seq 3", ["web-1 ok in T", "web-1: 1", "web-1: 2", "web-1: 3"]),
        ("seq 5", ["web-1 ok in T", "web-1: … 2 more lines before these", "web-1: 3", "web-1: 4", "web-1: 5"]),
        ("'echo  \"two  spaces\"'", ["web-1 ok in T", "web-1: two  spaces"]),
        ("echo 'a' \"b\" # c", ["web-1 ok in T", "web-1: a b"]),
        ("LC_ALL=C echo it; echo $LC_ALL", ["web-1 ok in T", "web-1: it"]),
        ("cat; echo stdin is empty", ["web-1 ok in T", "web-1: stdin is empty"]),
    ],
)
def test_on_one_host_its_end_and_its_last_lines_are_said(ops, command, lines):
    head, *rest = lines
    assert ops.lines(f".run web-1 {command}") == [f"job 1: {head} · {PAGE}/1", *rest]


@pytest.mark.parametrize("command", ["a=1; echo $a", "i=1; echo $i", "s=1; echo $s", "url=1; echo $url"])
def test_a_command_may_begin_with_a_variable_of_its_own(ops, command):
    assert ops.lines(f".run web-1 {command}")[1:] == ["web-1: 1"]


def test_a_few_hosts_are_told_of_each_and_what_they_wrote_alike_once(ops):
    assert ops.lines(".run web-1,web-2 echo hi") == [
        f"job 1: 2 machines · web-1 ok in T · web-2 ok in T · {PAGE}/1",
        "web-1, web-2: hi",
    ]


def test_a_few_hosts_that_wrote_different_things_are_told_of_one_after_another(ops, scratch):
    (scratch / "count").write_text("0")
    number = f"flock {scratch} sh -c 'n=$(($(cat {scratch}/count) + 1)); echo $n | tee {scratch}/count'"
    head, *rest = ops.lines(f".run one-by-one=yes web-1,web-2,web-3 {number}")
    assert head == f"job 1: 3 machines · web-1 ok in T · web-2 ok in T · web-3 ok in T · {PAGE}/1"
    assert rest == ["web-1: 1", "web-2: 2", "web-3: 3"]


def test_many_hosts_are_counted(ops):
    assert ops.lines(".run web-* echo hi") == [f"job 1: 6 ok in T · {PAGE}/1", "all 6: hi"]


def test_of_many_hosts_the_exceptions_are_named(ops, scratch):
    """Only the first that comes fails, and writes something else."""
    command = f"mkdir {scratch}/first 2>&- && {{ echo bad; exit 7; }}; echo fine"
    head, *rest = ops.lines(f".run web-* {command}")
    [bad] = [name for name, (state, _) in ops.parts().items() if state == "failed"]
    others = [name for name in NAMES if name != bad]
    assert head == f"job 1: 5 ok · 1 failed in T: {bad} exit 7 · {PAGE}/1"
    assert rest == [f"{others[0]}, {others[1]} and 3 more: fine", f"{bad}: bad"]


def test_many_hosts_that_all_wrote_something_else_are_not_all_told_of(ops):
    assert ops.lines(".run web-* echo $$") == [f"job 1: 6 ok in T · {PAGE}/1"]


def test_the_same_output_with_another_end_is_another_group(ops, scratch):
    command = f"echo hi; mkdir {scratch}/first 2>&- && exit 0; exit 1"
    _, *rest = ops.lines(f".run web-1,web-2 {command}")
    assert sorted(rest) == ["web-1: hi", "web-2: hi"]


def test_of_long_output_it_is_said_how_much_there_is_before_its_end(ops):
    assert ops.lines(".run web-1 seq 10000") == [
        f"job 1: web-1 ok in T · {PAGE}/1",
        "web-1: … 9,997 more lines before these",
        "web-1: 9998",
        "web-1: 9999",
        "web-1: 10000",
    ]


def test_long_lines_are_cut(ops):
    *_, line = ops.lines(".run web-1 printf '%05000d' 7")
    assert line == f"web-1: {'0' * 299}…"


def test_a_quick_job_says_nothing_at_its_begin(bot, ops, gate):
    number, answers = ops.begin(f".run web-1 {gate.command}")
    gate.wait()
    assert answers == []
    ops.jobs.speak()
    assert bot.heard.lines == []
    gate.go()
    until(lambda: bot.heard.lines)
    assert [each[1].startswith(f"job {number}: web-1 ok in ") for each in bot.heard.lines] == [True]


def test_a_slow_job_says_one_line_after_two_seconds(bot, ops, gate):
    command = f"echo half; {gate.command}"
    began = time.monotonic()
    ops.begin(f".run web-1,web-2 {command}")
    gate.wait(2)
    until(lambda: ops.jobs.speak() or bot.heard.lines)
    assert 1.9 < time.monotonic() - began < 4.0
    assert [line for _, line in bot.heard.lines] == [
        f"job 1: run {command[:119].rstrip()}… on web-1, web-2 · 0 of 2 done · {PAGE}/1"
    ]
    for _ in range(50):
        ops.jobs.speak()
    assert len(bot.heard.lines) == 1


def test_a_machine_whose_command_runs_is_shown_as_running(bot, ops, gate):
    ops.begin(f".run parallel=1 web-1,web-2 {gate.command}")
    gate.wait()
    _, first, second, _ = bot.say(".job 1")
    assert first.startswith("  web-1: running")
    assert second.startswith("  web-2: waiting")


def test_dry_run_says_what_would_be_done_and_does_nothing(bot, ops, scratch):
    assert bot.say(f".run web-1,web-2,nope -n touch {scratch}/x") == [
        f"would: run touch {scratch}/x on web-1, web-2; nothing matches nope"
    ]
    assert ops.newest() == 0
    assert list(scratch.iterdir()) == []


def test_a_long_command_is_cut_in_the_title_and_whole_when_it_runs(ops, scratch):
    ops.ask(f".run web-1 : {'x' * 200}; echo done >{scratch}/end")
    assert (scratch / "end").exists()
    assert ops.jobs.find(1).title == f"run : {'x' * 117}… on web-1"


def test_what_matches_nothing_is_told_and_the_rest_is_done(ops):
    first, *rest = ops.lines(".run web-1,wep-2,tag:nope echo hi")
    assert first == (
        f"job 1: run echo hi on web-1; nothing matches wep-2; did you mean web-2?; "
        f"nothing matches tag:nope; did you mean tag:web? {PAGE}/1"
    )
    assert rest == [f"job 1: web-1 ok in T · {PAGE}/1", "web-1: hi"]


def test_a_report_over_all_of_them_comes_with_the_channel_s_page(ops):
    assert ops.jobs.pages().job(7) == f"{PAGE}/7"
    [head, *_] = ops.ask(".run web-1 true")
    assert head.endswith(f" · {PAGE}/1")


# ---------------------------------------------------------------- the options


def test_timeout_ends_a_command_and_says_so(ops, gate):
    assert ops.lines(f".run timeout=1s web-1 echo begun; {gate.command}") == [
        f"job 1: web-1 timed out after T, and was ended there · {PAGE}/1",
        "web-1: begun",
    ]
    until(lambda: not gate.running())
    assert ops.facts()["end"] == "timed-out"


def test_one_by_one_ends_at_the_first_that_fails(ops, scratch):
    command = f"echo x >>{scratch}/ran; [ $(wc -l <{scratch}/ran) -lt 3 ]"
    assert ops.lines(f".run web-* one-by-one=yes {command}") == [
        f"job 1: 2 ok · 3 cancelled · 1 failed in T: web-3 exit 1 · {PAGE}/1"
    ]
    assert len((scratch / "ran").read_text().split()) == 3
    assert ops.parts()["web-4"] == ("cancelled", "cancelled; not begun, since web-3 failed")


def test_stop_after_begins_no_more_once_so_many_have_failed(ops, scratch):
    assert ops.lines(f".run stop-after=2 parallel=1 web-* echo x >>{scratch}/ran; false") == [
        f"job 1: 4 cancelled · 2 failed in T: web-1, web-2 exit 1 · {PAGE}/1"
    ]
    assert len((scratch / "ran").read_text().split()) == 2
    assert ops.parts()["web-6"] == ("cancelled", "cancelled; not begun, since 2 failed")


def test_stop_after_counts_failures_only(ops):
    assert ops.lines(".run stop-after=1 parallel=1 web-* true") == [f"job 1: 6 ok in T · {PAGE}/1"]


@pytest.mark.parametrize(("option", "most"), [("parallel=2", 2), ("parallel=6", 6), ("one-by-one=yes", 1)])
def test_so_many_run_at_once(ops, gate, scratch, option, most):
    ops.begin(f".run {option} web-* {gate.command}")
    gate.wait(most)
    assert gate.begun == most
    gate.go()
    until(lambda: ops.jobs.find(1).over)
    assert {state for state, _ in ops.parts().values()} == {"done"}


class TestParallelIsConfigured:
    """[ssh] parallel."""

    @pytest.fixture
    def ssh_options(self):
        return {"parallel": "1"}

    def test_so_many_run_at_once(self, ops, scratch):
        command = f"mkdir {scratch}/lock && sleep 0.02 && rmdir {scratch}/lock"
        assert ops.lines(f".run web-* {command}") == [f"job 1: 6 ok in T · {PAGE}/1"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's sshd lets others in")
def test_another_user_may_be_asked_for(ops, scratch):
    scratch.chmod(0o777)
    shell = subprocess.run(["getent", "passwd", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
    lines = ops.lines(".run web-1 as=nobody id -un")
    if shell.endswith("nologin"):
        assert lines[0] == f"job 1: web-1 exit 1 in T · {PAGE}/1"
        assert "web-1: This account is currently not available." in lines
    else:
        assert lines[-1] == "web-1: nobody"


def test_another_user_who_does_not_let_us_in_is_named(ops):
    [line] = ops.lines(".run web-1 as=there-is-nobody-of-that-name true")
    assert "there-is-nobody-of-that-name" in line
    assert ops.parts()["web-1"][0] == "failed"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("timout=5s", "there is no timout=; did you mean timeout=?"),
        ("one_by_on=yes", "there is no one_by_on=; did you mean one-by-one=?"),
        ("stopafter=1", "there is no stopafter=; did you mean stop-after=?"),
        ("timeout=5", "timeout must be a length of time such as 90s, 10m, 1h30m or 2d, not '5'"),
        ("timeout=8d", "timeout must be from 1 to 604800 s"),
        ("timeout=0.5s", "timeout must be from 1 to 604800 s"),
        ("timeout=0s", "timeout must be from 1 to 604800 s"),
        ("parallel=0", "parallel must be from 1 to 1000"),
        ("parallel=-1", "parallel must be from 1 to 1000"),
        ("parallel=1001", "parallel must be from 1 to 1000"),
        ("stop-after=-1", "stop-after must be from 1 to 10000"),
        ("stop-after=x", "stop-after must be a whole number, not 'x'"),
        ("sudo=perhaps", "sudo must be yes or no, not 'perhaps'"),
        ("one-by-one=yes parallel=3", "one-by-one and parallel do not go together: leave one out"),
        ("as='a b'", "as=a b: that is no user's name"),
        ("as=$(id)", "as=$(id): that is no user's name"),
        ("as=" + "a" * 64, "as=" + "a" * 40 + ": that is no user's name"),
        ("timeout=5s timeout=6s", "timeout is given twice"),
    ],
)
def test_wrong_options_are_refused_and_nothing_runs(ops, sshd, options, why):
    connections = sshd.log().count("Connection from")
    assert ops.refused(f".run {options} web-1 true").partition(". Usage: ")[0] == why
    assert sshd.log().count("Connection from") == connections


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (".run", "which is missing"),
        (".run web-1", "command is missing"),
        (".run web-1 ''", "command is missing"),
        (".run web-1 timeout=5s", "command is missing"),
        (".run nope true", "nothing matches nope"),
        (".run wep-1 true", "nothing matches wep-1; did you mean web-1?"),
        (".run a/b true", "which must be names, globs or tags, separated by commas: web1,db-*,tag:scraper, not 'a/b'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(ops, text, why):
    assert why in ops.refused(text)


def test_whoever_has_not_the_role_runs_nothing(bot, ops, scratch):
    (scratch / "keep").touch()
    for command in ("run web-1 ", "script x web-1 ", "put x web-1:", "get web-1:", "authorize x web-1 ", "trust web-1"):
        for account in ("bob", ""):
            [answer] = bot.say(f".{command}{scratch}/x", nick="bob", account=account)
            assert "needs the role ops" in answer, command
    assert ops.newest() == 0
    assert [each.name for each in scratch.iterdir()] == ["keep"]


def test_what_was_refused_is_in_the_audit(ops):
    ops.refused(".run nope true")
    assert ops.audited() == [("refused", ".run nope true: nothing matches nope")]


def test_who_ran_what_and_where_is_in_the_audit(ops):
    ops.ask(".run web-1,web-2 echo hi")
    [(_, job)] = ops.audited("job")
    for each in ("run echo hi on web-1, web-2", "web-1", "web-2"):
        assert each in job
    assert len(ops.audited("intend")) == 2
    assert ops.jobs.audit.verify().broken_at == 0


# ---------------------------------------------------------------- sudo


class TestSudo:
    """There is a sudo that notes how it was called."""

    @pytest.fixture
    def server(self, fresh_sshd, tmp_path):
        self.folder = tmp_path / "sudo"
        self.folder.mkdir()
        sudo = self.folder / "sudo"
        sudo.write_text(
            f'#!/bin/sh\nfor each; do printf "%s\\0" "$each"; done >>{self.folder}/asked; echo >>{self.folder}/asked\n'
            '[ "$1" = -n ] && shift; [ "$1" = -- ] && shift; exec env IS_ROOT=yes "$@"\n'
        )
        sudo.chmod(0o755)
        return fresh_sshd(f"SetEnv HOME={self.folder} PATH={self.folder}:/usr/bin:/bin")

    @property
    def asked(self):
        """The arguments of each call."""
        calls = (self.folder / "asked").read_text().split("\0\n")
        return [call.split("\0") for call in calls if call]

    def test_a_command_runs_by_sudo_which_never_asks(self, ops):
        command = """echo "$IS_ROOT 'twice  '"; exit 4"""
        assert ops.lines(f".run sudo=yes web-1 {command}") == [
            f"job 1: web-1 exit 4 in T · {PAGE}/1",
            "web-1: yes 'twice  '",
        ]
        assert self.asked == [["-n", "--", "sh", "-c", command]]

    def test_a_script_runs_by_sudo_with_its_arguments(self, ops):
        ops.write("scripts/args.sh", '#!/bin/sh\nprintf "<%s>" "$IS_ROOT" "$@"\n')
        *_, line = ops.lines(""".script args.sh web-1 sudo=yes "it's" 'a "b"' '$x' ''""")
        assert line == """web-1: <yes><it's><a "b"><$x><>"""

    def test_a_command_under_sudo_is_ended_by_sudo(self, ops, gate):
        ops.ask(f".run sudo=yes timeout=1s web-1 {gate.command}")
        until(lambda: not gate.running())
        assert ops.facts()["end"] == "timed-out"
        assert self.asked[1][0] == "-n"
        assert any("kill" in each and "TERM" in each for each in (" ".join(call) for call in self.asked[1:]))


class TestWithoutSudo:
    """Nothing of that name is there."""

    def test_it_is_told(self, ops):
        head, line = ops.lines(".run sudo=yes web-1 true")
        assert head == f"job 1: web-1 exit 127 in T · {PAGE}/1"
        assert "sudo: command not found" in line


# ---------------------------------------------------------------- what is there, and what is off


class TestAClouds:
    """Machines of a cloud beside plain hosts."""

    @pytest.fixture
    def more_sections(self, cloud):
        return provider_section(cloud)

    def test_machines_that_are_off_are_told(self, ops, cloud):
        cloud.world.add_droplet("web-9", status="off")
        first, *rest = ops.lines(".run web-* true")
        assert first == f"job 1: run true on {ALL}; web-9 is off {PAGE}/1"
        assert rest == [f"job 1: 6 ok in T · {PAGE}/1"]

    def test_where_all_are_off_nothing_is_begun(self, ops, cloud):
        cloud.world.add_droplet("db", status="off")
        assert ops.refused(".run db true") == "db is off"

    def test_a_cloud_that_cannot_be_asked_is_told(self, ops, cloud):
        cloud.stop()
        first, *rest = ops.lines(".run web-1,gone true")
        assert first.startswith("job 1: run true on web-1; ")
        assert "do " in first
        assert rest == [f"job 1: web-1 ok in T · {PAGE}/1"]

    def test_a_name_that_two_machines_have_is_refused(self, ops, cloud):
        number = cloud.world.add_droplet("web-1")
        assert ops.refused(".run web-1 true").startswith(f"2 machines are called web-1: say id:{number} (do)")


class TestWithoutSsh:
    """No [ssh] key_file, and no agent."""

    @pytest.fixture
    def ssh_options(self):
        return {"key_file": ""}

    def test_every_command_says_what_to_do(self, ops):
        ops.write("files/motd", "hello")
        ops.write("scripts/x", "true")
        for text in (
            "run web-1 true",
            "script x web-1",
            "put motd web-1:/etc/motd",
            "get web-1:/etc/motd",
            "trust web-1",
        ):
            assert ops.refused(f".{text}") == (
                "there is no key to log in with: an admin gives [ssh] a key_file, or agent = yes"
            ), text


class TestBadHosts:
    """One of the hosts is not there."""

    @pytest.fixture
    def ssh_options(self):
        return {"connect_timeout": "1.5"}

    @pytest.fixture
    def more_sections(self, server):
        return host_section(server, "dead", "web", port=1) + host_section(server, "new", "web")

    def test_it_is_the_exception_that_is_named(self, ops, server):
        head, *rest = ops.lines(".run tag:web echo hi")
        assert head.startswith("job 1: 6 ok · 2 failed in T: dead no answer, new ")
        assert rest == ["web-1, web-2 and 4 more: hi"]

    def test_a_host_that_is_not_known_is_not_logged_into(self, ops, server):
        before = server.log().count("Accepted publickey")
        [head] = ops.lines(".run new true")
        assert re.fullmatch(r"job 1: new .*not known.*\.trust new.* · http://ops.example/jobs/1", head), head
        assert server.log().count("Accepted publickey") == before
        assert ops.parts()["new"][0] == "failed"
