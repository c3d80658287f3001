"""What commands write: kept whole or by its ends, decoded, and without secrets wherever it is shown."""

import shutil
import subprocess

import pytest
from stores import all_bytes

from chanops.services.remote.output import EVERY
from chanops.simulator.digitalocean import CloudServer, Delays
from chanops.testing import UNLIMITED, provider_section, until
from tests.services.remote.conftest import PAGE, Operator, host_section, ssh_section
from tests.web.served import Served

SECRET = "dop_v1_" + "0a1b2c3d" * 8
PLAIN = "correct horse battery staple"  # a secret that only the configuration tells
MARK = "[secret]"


# ---------------------------------------------------------------- what is kept


def test_both_streams_are_kept_each_by_itself(ops):
    ops.ask(".run web-1 echo out; echo err >&2")
    assert (ops.output(stream=1), ops.output(stream=2)) == ("out\n", "err\n")


def test_what_is_written_is_kept_while_the_command_runs(ops, gate):
    ops.begin(f".run web-1 echo first; {gate.command}; echo second")
    until(lambda: ops.output() == "first\n", 5 * EVERY + 5)
    gate.go()
    until(lambda: ops.jobs.find(1).over)
    assert ops.output() == "first\nsecond\n"


def test_letters_that_come_in_two_pieces_are_whole(ops):
    ops.ask(r".run web-1 printf '\303'; sleep 0.1; printf '\274\n\360\237\246'; sleep 0.1; printf '\212\n'")
    assert ops.output() == "ü\n🦊\n"


def test_what_is_no_utf_8_is_shown_as_such(ops):
    assert ops.lines(r".run web-1 printf 'a\377b\300\n\355\240\200\n'")[1:] == [
        "web-1: a\ufffdb\ufffd",
        "web-1: \ufffd\ufffd\ufffd",
    ]


def test_bytes_that_no_text_has_are_kept_harmless(ops):
    ops.ask(r".run web-1 printf 'a\000b\n'; head -c 100000 /dev/urandom")
    assert ops.parts()["web-1"][0] == "done"
    assert ops.output().startswith("a")


def test_all_is_kept_of_what_is_not_too_much(ops):
    ops.ask(".run web-1 seq 30000")
    assert ops.output() == "".join(f"{number}\n" for number in range(1, 30001))
    facts = ops.facts()
    assert (facts["written"], facts["kept"], facts["left_out"]) == (168894, 168894, 0)


class TestMuch:
    """[ssh] keep_output."""

    @pytest.fixture
    def ssh_options(self):
        return {"keep_output": "4000", "most_output": "6000000"}

    def test_of_five_megabytes_head_and_tail_are_kept_and_it_is_said(self, ops):
        ops.ask(".run web-1 seq -w 800000 | head -c 5000000")
        whole = "".join(f"{number:06}\n" for number in range(1, 800001))[:5_000_000]
        output = ops.output()
        assert output == f"{whole[:2000]}\n… 4,996,000 characters are left out …\n{whole[-2000:]}"
        facts = ops.facts()
        assert (facts["written"], facts["kept"], facts["left_out"]) == (5_000_000, 4000, 4_996_000)

    @pytest.mark.parametrize("size", [3999, 4000, 4001])
    def test_at_the_limit_no_letter_is_lost(self, ops, size):
        whole = ("0123456789" * 401)[:size]
        ops.ask(f".run web-1 printf %s {whole[:1]}; head -c {size - 1} {ops.write('x', whole[1:])}")
        left = max(0, size - 4000)
        expected = f"{whole[:2000]}\n… {left:,} characters are left out …\n{whole[-2000:]}" if left else whole
        assert ops.output() == expected

    def test_in_between_it_is_said_how_much_is_left_out(self, ops):
        assert "web-1: … 699,997 more lines before these" in ops.lines(".run web-1 seq 700000")

    def test_letters_are_counted_and_not_bytes(self, ops):
        ops.ask(".run web-1 for i in $(seq 1000); do printf 🦊; done")
        assert ops.output() == "🦊" * 1000

    def test_stdout_that_floods_does_not_push_out_the_end_of_stderr(self, ops):
        ops.ask(".run web-1 seq 100000; echo the reason >&2; exit 1")
        assert ops.output(stream=2) == "the reason\n"

    def test_what_writes_without_end_is_ended(self, ops, scratch):
        head, *_ = ops.lines(f".run web-1 echo $$ >{scratch}/pid; exec yes")
        assert head == f"job 1: web-1 wrote more than 6,000,000 bytes, and was ended there · {PAGE}/1"
        pid = (scratch / "pid").read_text().strip()
        until(lambda: subprocess.run(["pgrep", "-x", "yes", "-s", pid], capture_output=True).returncode)
        assert ops.facts()["end"] == "flooded"

    def test_identical_outputs_are_folded_also_where_only_the_left_out_differs(self, ops, scratch):
        """Two that differ somewhere in the middle are not the same, though all that is kept of them is."""
        command = f"seq 1000; mkdir {scratch}/first 2>&- && echo 1 || echo 2; seq 1000"
        _, *rest = ops.lines(f".run web-1,web-2 {command}")
        assert not any(line.startswith("web-1, web-2:") for line in rest)


def test_many_hosts_write_at_once_and_nothing_is_mixed(ops):
    ops.ask(".run web-* i=0; while [ $i -lt 300 ]; do echo $$ $i; i=$((i+1)); done")
    for unit in range(6):
        lines = [line.split() for line in ops.output(unit=unit).splitlines()]
        assert [int(number) for _, number in lines] == list(range(300))
        assert len({pid for pid, _ in lines}) == 1


# ---------------------------------------------------------------- secrets


@pytest.fixture
def cloud():
    with CloudServer(token=SECRET, delays=Delays.quick(), limits=UNLIMITED) as made:
        yield made


@pytest.fixture
def more_sections(cloud):
    return provider_section(cloud)


def bytes_of(bot):
    """All that is in the database's files."""
    bot.app.database.wait(lambda connection: None, durable=True)
    return all_bytes(bot.app.database)


def no_trace(bot, ops, secret=SECRET):
    """Nobody is told a secret, and it is nowhere on our disk."""
    said = "\n".join(line for _, line in bot.heard.lines)
    assert secret not in said
    assert secret.encode() not in bytes_of(bot)


@pytest.mark.parametrize(
    "how",
    [
        "cat {}",
        "cat {} >&2; exit 1",
        "T=$(cat {}); printf %s ${{T%????????}}; sleep 0.1; printf '%s\\n' ${{T#${{T%????????}}}}",
        "for c in $(fold -w1 {}); do printf %s $c; sleep 0.001; done",
        "printf 'Authorization: Bearer %s\\n' $(cat {})",
        "base64 -w0 {}",
        "head -c 300000 /dev/zero | tr '\\0' x; cat {}",
    ],
)
def test_a_secret_that_a_command_writes_reaches_nobody(bot, ops, scratch, how):
    file = scratch / "secret"
    file.write_text(SECRET)
    ops.ask(f".run web-1 {how.format(file)}")
    no_trace(bot, ops)
    assert MARK in ops.output() or "[secret" in ops.output()[-20:]


class TestWithServedPages:
    """A bot with pages: a secret is in none of them, nor in the feeds."""

    @pytest.fixture
    def served(self, tmp_path, empty_database, new_database_url, server, ssh_keys, known_hosts, cloud):
        sections = ssh_section(ssh_keys, known_hosts) + host_section(server, "web-1") + provider_section(cloud)
        made = Served(tmp_path / "served", empty_database, sections, new_database_url())
        yield made
        made.stop()

    def test_a_secret_is_on_no_page_and_in_no_feed(self, served, scratch):
        (scratch / "secret").write_text(SECRET)
        ops = Operator(served.bot)
        ops.ask(f".run web-1 echo before; cat {scratch}/secret; exit 1")
        ops.ask(f".run web-1 echo {SECRET}; exit 1")
        for number in (1, 2):
            page = served.ask(f"/jobs/{number}").body
            assert MARK in page
            assert SECRET not in page
            assert SECRET not in served.ask(f"/jobs/{number}/output/0.txt").body
        for path in ("/jobs", "/feed.atom", "/feed.rss", "/jobs.atom", "/jobs.rss", "/machines"):
            answer = served.ask(path)
            assert answer.status == 200, path
            assert SECRET not in answer.body, path
        assert MARK in served.ask("/jobs.atom").body


def test_a_secret_in_the_command_itself_is_not_said_nor_in_title_and_audit(bot, ops):
    """It stays in the plan, since it is to be run, and in the line that somebody typed."""
    lines = ops.lines(f".run web-1,nope echo {SECRET} | wc -c")
    assert lines[0].startswith(f"job 1: run echo {MARK} | wc -c on web-1; nothing matches nope")
    assert lines[-1] == f"web-1: {len(SECRET) + 1}"
    assert ops.jobs.find(1).title == f"run echo {MARK} | wc -c on web-1"
    assert SECRET not in repr(ops.audited())
    assert SECRET not in "\n".join(bot.say(".jobs") + bot.say(".job 1"))


def test_a_secret_in_a_dry_run_is_not_said(bot, ops):
    assert bot.say(f".run web-1 -n echo {SECRET}") == [f"would: run echo {MARK} on web-1"]


def test_a_secret_in_what_was_refused_is_not_said_nor_in_the_audit(bot, ops):
    assert SECRET not in ops.refused(f".run nope echo {SECRET}")
    assert SECRET not in repr(ops.audited())


def test_a_secret_that_is_cut_in_the_title_is_hidden_all_the_same(bot, ops):
    """The title has 80 letters: what is left of the secret there is no secret that anybody would know."""
    ops.ask(f".run web-1 : {'x' * 50} {SECRET}")
    assert SECRET[:16] not in ops.jobs.find(1).title
    assert SECRET[:16] not in repr(ops.audited("job"))


def test_a_secret_in_a_script_s_arguments_is_not_in_title_and_audit(bot, ops):
    ops.write("scripts/x", "#!/bin/sh\necho $#\n")
    ops.ask(f".script x web-1 {SECRET}")
    assert SECRET not in ops.jobs.find(1).title
    assert SECRET not in repr(ops.audited())


def test_a_secret_in_a_script_is_not_in_the_audit(bot, ops):
    ops.write("scripts/x", f"#!/bin/sh\ntrue {SECRET}\n")
    ops.ask(".script x web-1")
    assert SECRET not in repr(ops.audited())


def test_a_secret_in_what_goes_wrong_is_hidden(bot, ops):
    ops.ask(f".run web-1 kill -9 $$; : {SECRET}")
    assert SECRET not in repr(ops.parts())


def test_a_secret_of_a_reloaded_configuration_is_hidden_from_then_on(bot, ops, scratch):
    new = "dop_v1_" + "9f8e7d6c" * 8
    (scratch / "plain").write_text(PLAIN)
    ops.configure(lambda text: text.replace("key_file", f"key_passphrase = {PLAIN}\nkey_file", 1))
    ops.ask(f".run web-1 cat {scratch}/plain; echo {new[:3]}")
    assert PLAIN not in ops.output()
    no_trace(bot, ops, PLAIN)


def test_a_line_that_begins_with_off_is_nobody_s_business(bot, ops, scratch):
    (scratch / "x").write_text("on\n[off] private thing\n  [off]private\nno [off] here\n")
    lines = ops.lines(f".run web-1 cat {scratch}/x")
    assert lines[2:] == ["web-1: [off]", "web-1: [off]", "web-1: no [off] here"]
    assert ops.output() == "on\n[off]\n[off]\nno [off] here\n"
    assert b"private" not in bytes_of(bot)


def test_a_private_key_is_hidden_whole(bot, ops, ssh_keys, scratch):
    shutil.copy(ssh_keys.private("login"), scratch / "key")
    body = (scratch / "key").read_text().splitlines()[1:-1]
    ops.ask(f".run web-1 echo before; cat {scratch}/key; echo after")
    assert ops.output() == f"before\n{MARK}\nafter\n"
    for each in body:
        assert each.encode() not in bytes_of(bot)
