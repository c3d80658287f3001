"""`.script`: arguments arrive byte for byte, scripts of any kind run whole, and nothing stays behind."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.services.remote.running import script_command
from chanops.ssh.base import Login
from chanops.testing import job_ended, until
from tests.services.remote.conftest import PAGE
from tests.ssh.conftest import NAME, engine_with, run, trusting

SHOW = '#!/bin/sh\nprintf "<%s>" "$@"\n'
# Sent once before many lists: it says how many words it was given, and each of them.
COUNTING = 'show() { printf "%d\\0" $#; [ $# = 0 ] || printf "%s\\0" "$@"; }\n'
MOST = 60_000  # bytes of one command
# All that a line on IRC can hold, the meanest of it often; no NUL, CR or LF.
MEAN = "'\"\\$`!*?[]{}()<>|&;#~=%^-\t \x01\x02\x03\x0f\x16\x1b\x1f\x7f\x80\x9f\xa0ÿ\u200b\u202e\ufeff日🎉\U0010ffff"
WORDS = (
    "",
    "-n",
    "--",
    "$(id)",
    "`id`",
    "a'b",
    "'",
    '"',
    "\\",
    "\\\\",
    "*",
    "~",
    "!!",
    "a=b",
    " ",
    "''",
    "$'\\n'",
    "%s",
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from(MEAN))


@pytest.fixture(scope="module")
def host(sshd, ssh_keys, tmp_path_factory):
    """Run a command there: its output."""
    known = trusting(tmp_path_factory.mktemp("known") / "known_hosts", ssh_keys)
    engine = engine_with(known, ssh_keys.private("login"))
    login = Login(sshd.address, sshd.port, sshd.user, (NAME,))

    def there(command, **options):
        ran = run(engine, login, command, **options)
        assert ran.err == b""
        return ran.out

    yield there
    engine.close()


@pytest.fixture
def script(ops):
    """Run a script with what is typed after its name: the job's first line, and all that it wrote."""

    def carry_out(content, typed="web-1"):
        ops.write("scripts/it", content)
        head, *_ = ops.lines(f".script it {typed}")
        return head.partition(": ")[2].removesuffix(f" · {PAGE}/{ops.newest()}"), ops.output()

    return carry_out


def arrived(host, lists):
    """What becomes of these lists of arguments there, many at once."""
    prefix = script_command([])
    commands = []
    for each in lists:
        command = script_command(each)
        assert command.startswith(prefix)
        commands.append(f"show{command[len(prefix) :]}\n".encode())
    found, some, size = [], [], len(COUNTING)
    for command in [*commands, b""]:
        if some and (not command or size + len(command) > MOST):
            found += counted(host(COUNTING + b"".join(some).decode()))
            some, size = [], len(COUNTING)
        some.append(command)
        size += len(command)
    return found


def counted(output):
    """The lists in what COUNTING's function wrote."""
    words, found = iter(output.split(b"\0")[:-1]), []
    for count in words:
        found.append([next(words).decode() for _ in range(int(count))])
    return found


# ---------------------------------------------------------------- arguments


def test_ten_thousand_lists_of_arguments_arrive_byte_for_byte(host):
    chance = random.Random(7)
    every = [chr(code) for code in range(1, 0x250) if chr(code) not in "\r\n"] + list(MEAN)

    def word():
        if chance.random() < 0.3:
            return chance.choice(WORDS)
        letters = chance.choice((MEAN, every))
        return "".join(chance.choices(letters, k=chance.choice((1, 1, 2, 3, 5, 8))))

    lists = [[word() for _ in range(chance.randrange(6))] for _ in range(10_000)]
    assert {letter for each in lists for word in each for letter in word} >= set(every)
    assert arrived(host, lists) == lists


@given(st.lists(st.lists(TEXT, max_size=6), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_any_arguments_without_nul_arrive_also_with_several_lines(host, lists):
    assert arrived(host, lists) == lists


def test_arguments_arrive_through_the_whole_wrapper(host):
    lists = [[], [""], list(WORDS), [MEAN], ["x" * 1000] * 20, ["two\nlines", "cr\r\n", "\n"], ["-c", "echo pwned"]]
    for each in lists:
        out = host(script_command(each), stdin=b'#!/bin/sh\nprintf "%s\\0" "$#" "$@"\n')
        assert out.decode() == "\0".join([str(len(each)), *each, ""])


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("", "<>"),
        ("a  b", "<a><b>"),
        ("'a  b' \"c d\"", "<a  b><c d>"),
        ("''", "<>"),
        ("$HOME `id` $(id) *", "<$HOME><`id`><$(id)><*>"),
        ("it's", "<it's>"),
        (r'"say \"hi\""', '<say "hi">'),
        (r"a\b 'c\d'", r"<a\b><c\d>"),
        ("-n --help -- -", "<-n><--help><--><->"),
        ("timeout=5s as=root sudo=yes", "<timeout=5s><as=root><sudo=yes>"),
        ("a=b;c&d|e", "<a=b;c&d|e>"),
        ("Grüße 日本 🎉", "<Grüße><日本><🎉>"),
    ],
)
def test_arguments_arrive_as_they_are_typed_in_the_channel(script, typed, shown):
    first = "x " if typed else ""  # so that no word is an option of ours
    head, output = script(SHOW, f"web-1 {first}{typed}")
    assert head == "web-1 ok in T"
    assert output == ("<x>" if first else "") + shown


def test_a_quote_that_is_not_closed_is_refused(ops):
    ops.write("scripts/it", SHOW)
    assert "is not closed: type another" in ops.refused(".script it web-1 'a")


# ---------------------------------------------------------------- what a script may be


def test_a_script_without_a_first_line_is_a_shell_s(script):
    assert script('echo "$1"; exit 5', "web-1 hi") == ("web-1 exit 5 in T", "hi\n")


def test_a_script_may_be_of_another_language(script):
    text = "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], repr(sys.stdin.read()))\nsys.exit(3)\n"
    assert script(text, "web-1 a 'b c'") == ("web-1 exit 3 in T", "['a', 'b c'] ''\n")


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("exit 0", "web-1 ok in T"),
        ("exit 1", "web-1 exit 1 in T"),
        ("exit 255", "web-1 exit 255 in T"),
        ("kill -KILL $$", "web-1 exit 137 in T"),
        ("#!/nowhere/sh\n", "web-1 exit 127 in T"),
        ("", "web-1 ok in T"),
    ],
)
def test_how_a_script_ends_is_said(script, text, head):
    assert script(text)[0] == head


def test_a_script_that_reads_gets_the_end_of_its_input(script):
    assert script("cat; read x; echo $?") == ("web-1 ok in T", "1\n")


def test_a_script_arrives_byte_for_byte_with_its_ends_of_lines(script):
    text = "#!/bin/sh\nod -An -tx1 -v $0 | tr -d ' \\n'\n: '\r\n\ttwo\r \x01 日本 🎉'\r\n"
    head, output = script(text)
    assert bytes.fromhex(output) == text.encode()
    assert head.startswith("web-1 ")


def test_a_script_is_nobody_else_s_business_and_gone_after_its_end(script):
    head, output = script('stat -c "%a %n" "$0"')
    mode, path = output.split()
    assert (head, mode) == ("web-1 ok in T", "700")
    assert re.fullmatch(r"/tmp/chanops-script\.\w{8}", path)
    assert script(f"ls {path}")[0] == "web-1 exit 2 in T"


@pytest.mark.parametrize("how", ["cancelled", "timed-out"])
def test_a_script_that_is_ended_leaves_nothing_behind(bot, ops, gate, scratch, how):
    ops.write("scripts/it", f'#!/bin/sh\nstat -c "%n" "$0" >{scratch}/name\n{gate.command}\n')
    ops.begin(f".script it web-1{' timeout=1s' if how == 'timed-out' else ''}")
    gate.wait()
    if how == "cancelled":
        bot.say(".cancel 1")
    job_ended(bot, 1)
    assert ops.facts()["end"] == how
    path = (scratch / "name").read_text().strip()
    until(lambda: not gate.running())
    assert path.startswith("/tmp/chanops-script.")
    until(lambda: not Path(path).exists())


def test_several_machines_run_the_script_each(ops):
    ops.write("scripts/it", SHOW)
    assert ops.lines(".script it web-* x") == [f"job 1: 6 ok in T · {PAGE}/1", "all 6: <x>"]


def test_a_script_s_options_stand_between_the_machines_and_its_arguments(ops):
    ops.write("scripts/it", SHOW)
    *_, line = ops.lines(".script it web-1,web-2 one-by-one=yes x -n")
    assert line == "web-1, web-2: <x><-n>"
    assert ops.bot.say(".script it web-1 -n x y") == ["would: script it x y on web-1"]


def test_asking_again_runs_the_script_as_it_was(bot, ops):
    path = ops.write("scripts/it", "echo old; exit 1")
    ops.ask(".script it web-1 'a b'")
    path.write_text('echo new "$1"')
    bot.say(".again 1")
    job_ended(bot, 2)
    assert ops.output(2) == "old\n"


# ---------------------------------------------------------------- which scripts there are


def test_where_there_is_no_such_script_those_that_are_there_are_named(ops):
    assert ops.refused(".script nope web-1") == "there is no script nope: the folder scripts has none"
    for name in ("b.sh", "a.sh"):
        ops.write(f"scripts/{name}", "true")
    assert ops.refused(".script nope web-1") == "there is no script nope: there are a.sh, b.sh"


@pytest.mark.parametrize(
    "name",
    ["../config.ini", "/etc/passwd", "..", ".", "''", "a.sh/../../config.ini", "~/x", "out", "folder", "n" * 256],
)
def test_nothing_outside_the_folder_and_nothing_but_a_file_is_run(ops, name):
    ops.write("scripts/a.sh", "true")
    (ops.beside("scripts") / "out").symlink_to("/etc/hostname")
    (ops.beside("scripts") / "folder").mkdir()
    refused = ops.refused(f".script {name} web-1")
    assert refused.startswith("there is no script ")
    assert "config.ini" in name or "nick =" not in refused
    assert "a.sh" in refused


def test_a_script_in_a_folder_of_the_folder_is_one(ops):
    ops.write("scripts/db/it.sh", SHOW)
    assert ops.lines(".script db/it.sh web-1 x")[-1] == "web-1: <x>"


def test_a_script_of_64_kib_runs_and_one_byte_more_is_refused(ops):
    text = "echo begun\n" + "#" * (65536 - 20) + "\necho all"
    path = ops.write("scripts/it", text + "\n" * (65536 - len(text)))
    assert path.stat().st_size == 65536
    ops.ask(".script it web-1")
    assert ops.output() == "begun\nall\n"
    path.write_bytes(path.read_bytes() + b"\n")
    assert ops.refused(".script it web-1") == "it has more than 65536 bytes: .put it there, and .run it"


def test_a_script_that_is_no_text_is_refused(ops):
    ops.write("scripts/it", b"echo \xff\n")
    assert ops.refused(".script it web-1") == "script it: not UTF-8"
