"""chanops import and chanops export, as they are typed."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chanops.cli import main

LOGS = Path(__file__).parent / "data" / "logs"
CONFIGURATION = (
    "[bot]\ndata_dir = data\n[network:Libera]\nhost = irc.example.net\nchannels = #ops #secret\n[web]\nurl = https://ops.example\n"
    "[channel:#secret]\nprivate = yes\n"
)


@pytest.fixture
def config(tmp_path, monkeypatch, empty_database, database_url):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "chanops.db").write_bytes(empty_database.read_bytes())
    (data / "chanops.db").chmod(0o600)
    path = tmp_path / "config.ini"
    path.touch(mode=0o600)
    path.write_text(CONFIGURATION + (f"[database]\nurl = {database_url}\n" if database_url else ""))
    return path


def run(capsys, *words):
    code = main(list(map(str, words)))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_log_goes_in_and_comes_out_under_the_networks_own_name(config, capsys):
    code, out, err = run(capsys, "import", "irssi", LOGS / "irssi")
    assert code == 0
    assert "→ Libera/#ops: 27 lines: 18 added, 0 there already" in out
    assert "1 files, 27 lines, 18 added in" in out
    assert "; 1 files are no channel's and were left out" in out
    assert err == ""
    code, out, err = run(capsys, "export")
    assert (code, err) == (0, "")
    first = json.loads(out.splitlines()[0])
    assert (first["network"], first["kind"], first["at"]) == ("Libera", "join", "2024-11-21T11:58:00.000Z")
    assert first["address"] == f"https://ops.example/line/{first['id']}"


def test_a_second_time_all_is_there_already_and_that_is_no_failure(config, capsys):
    run(capsys, "import", "irssi", LOGS / "irssi")
    code, out, _ = run(capsys, "import", "irssi", LOGS / "irssi")
    assert code == 0
    assert "0 added, 18 there already" in out


def test_a_dry_run_says_what_would_be_added(config, capsys):
    _, out, _ = run(capsys, "import", "--dry-run", "irssi", LOGS / "irssi")
    assert "18 would be added" in out
    assert run(capsys, "export")[1] == ""


def test_quiet_is_one_line(config, capsys):
    code, out, err = run(capsys, "import", "--quiet", "znc", LOGS / "znc")
    assert (code, out.count("\n"), err) == (0, 1, "")
    assert "2 files, 16 lines, 14 added" in out


def test_what_is_not_understood_is_shown_and_nothing_at_all_is_exit_1(config, capsys, tmp_path):
    path = tmp_path / "#ops.log"
    path.write_bytes(b"what\x1b[2J\nis\nthis\nall\nabout\nhere\nand there\n")
    code, out, _ = run(capsys, "import", "irssi", path, "--network", "Libera")
    assert code == 1
    assert "7 not understood" in out
    assert "line 1: 'what\\x1b[2J'" in out
    assert "and 2 more" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("irssi", "nothing.log"), "there is no such file"),
        (("irssi", LOGS / "irssi/libera/alice.log"), "which channel it is of"),
        (("irssi", LOGS / "irssi", "--zone", "Berlin"), "--zone Berlin: not known"),
        (("irssi", LOGS / "irssi", "--zone", "../../etc/passwd"), "not known"),
        (("irssi", LOGS / "irssi", "--encoding", "utf-16"), "iconv -f utf-16"),
        (("pmxbot", LOGS / "irssi/libera/alice.log", "--network", "Libera"), "not a SQLite file"),
    ],
)
def test_what_can_be_mended_is_one_line_and_exit_2(config, capsys, words, problem):
    code, out, err = run(capsys, "import", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert problem in err


def test_a_network_that_is_not_configured_is_told(config, capsys, tmp_path):
    run(capsys, "import", "--dry-run", "irssi", LOGS / "irssi/libera/#ops.log", "--network", "liberra")
    path = tmp_path / "nowhere" / "#ops.log"
    path.parent.mkdir()
    path.write_text("")
    _, _, err = run(capsys, "import", "irssi", path, LOGS / "irssi/libera/#ops.log", "--network", "liberra")
    assert err == "chanops: the configuration has no [network:liberra]; if it is Libera, say --network Libera\n"


def test_an_unknown_format_names_those_that_are_known(config, capsys):
    with pytest.raises(SystemExit):
        main(["import", "icq", "x"])
    assert "'irssi', 'weechat', 'znc', 'energymech', 'mirc', 'pmxbot', 'chanops'" in capsys.readouterr().err


def test_export_to_a_file_that_only_we_can_read_and_back(config, capsys, tmp_path):
    run(capsys, "import", "znc", LOGS / "znc")
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    out.chmod(0o644)
    assert run(capsys, "export", "--output", out)[:2] == (0, "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text() == run(capsys, "export")[1]
    code, text, _ = run(capsys, "import", "chanops", out)
    assert code == 0
    assert "0 added, 14 there already" in text
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".out")] == []


def test_an_output_that_cannot_be_written_is_a_problem(config, capsys, tmp_path):
    code, _, err = run(capsys, "export", "--output", tmp_path / "no" / "such")
    assert code == 2
    assert "not written: No such file" in err


def test_private_lines_are_exported_only_when_asked_for(config, capsys, tmp_path):
    path = tmp_path / "Libera" / "#secret.log"
    path.parent.mkdir()
    path.write_text("--- Log opened Thu Nov 21 11:00:00 2024\n12:00 <alice> psst\n")
    run(capsys, "import", "irssi", path)
    assert run(capsys, "export") == (0, "", "1 lines are not for everybody and were left out; --private has them\n")
    assert "psst" in run(capsys, "export", "--private", "--form", "text")[1]


def test_what_is_private_today_is_not_exported(config, capsys):
    run(capsys, "import", "irssi", LOGS / "irssi")
    config.write_text(config.read_text() + "[channel:#ops]\nprivate = yes\n")
    assert run(capsys, "export") == (0, "", "18 lines are not for everybody and were left out; --private has them\n")


def test_a_channel_that_is_not_logged_is_left_out_in_a_line_and_exit_1(config, capsys, tmp_path):
    config.write_text(config.read_text() + "[channel:#ops]\nlog = no\n")
    code, out, err = run(capsys, "import", "znc", LOGS / "znc")
    assert (code, err) == (1, "")
    assert out.count("→ Libera/#ops: left out, since the channel is not logged (log = no)\n") == 2
    assert "2 files are of channels that are not logged and were left out\n" in out
    assert run(capsys, "export", "--private") == (0, "", "")
    quiet = run(capsys, "import", "--quiet", "znc", LOGS / "znc")[1]
    assert (quiet.count("\n"), "2 files are of channels that are not logged" in quiet) == (1, True)


def test_lines_of_an_export_whose_channel_is_not_logged_are_counted(config, capsys, tmp_path):
    run(capsys, "import", "znc", LOGS / "znc")
    out = tmp_path / "out.jsonl"
    run(capsys, "export", "--output", out)
    config.write_text(config.read_text() + "[channel:#ops]\nlog = no\n")
    code, text, _ = run(capsys, "import", "chanops", out)
    assert code == 0
    assert "0 added, 0 there already, 14 of channels that are not logged (log = no)" in text


def test_names_in_latin_1_are_no_hindrance(config, capsys, tmp_path):
    path = tmp_path / "Libera" / os.fsdecode(b"#caf\xe9.log")
    path.parent.mkdir()
    path.write_text("--- Log opened Thu Nov 21 11:00:00 2024\n12:00 <alice> hello\n")
    assert "→ Libera/#caf\u00e9: 2 lines: 1 added" in run(capsys, "import", "irssi", path.parent)[1]
    words = ("import", "irssi", path, "--channel", os.fsdecode(b"#caf\xe9"), "--network", "Libera")
    assert "0 added, 1 there already" in run(capsys, *words)[1]
    assert run(capsys, "export", "--channel", os.fsdecode(b"#caf\xe9"))[1].count("\n") == 1


def test_times_choose_what_is_exported(config, capsys):
    run(capsys, "import", "znc", LOGS / "znc")
    assert run(capsys, "export", "--since", "2024-11-22", "--form", "text")[1].endswith("<bob> the next day\n")
    assert run(capsys, "export", "--until", "2024-11-21T12:00:00")[1].count("\n") == 1
    with pytest.raises(SystemExit):
        main(["export", "--since", "lately"])


def test_on_a_terminal_it_says_how_far_it_is(config, tmp_path):
    path = tmp_path / "Libera" / "#ops.log"
    path.parent.mkdir()
    path.write_text("--- Log opened Thu Nov 21 11:00:00 2024\n" + "".join(f"12:00 <a> {at}\n" for at in range(20_000)))
    master, slave = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "chanops", "--config", str(config), "import", "irssi", str(path)],
        stdout=subprocess.PIPE,
        stderr=slave,
        check=True,
        timeout=100,
    )
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert "% ·" in shown
    assert "/s" in shown
    assert shown.endswith("\r\x1b[K")
    assert b"20,000 added" in done.stdout


def test_whoever_reads_an_export_may_stop(config, capsys, tmp_path):
    path = tmp_path / "Libera" / "#ops.log"
    path.parent.mkdir()
    path.write_text("--- Log opened Thu Nov 21 11:00:00 2024\n" + "".join(f"12:00 <a> {at}\n" for at in range(5000)))
    run(capsys, "import", "irssi", path)
    done = subprocess.run(
        f"{sys.executable} -m chanops --config {config} export | head -n 1",
        shell=True,
        capture_output=True,
        check=True,
        timeout=100,
    )
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_what_cannot_be_exported_is_said_with_what_can_be(config, capsys):
    code, out, err = run(capsys, "export", "--channel", "#nowhere")
    assert (code, out) == (2, "")
    assert "there is no log of #nowhere; there are: " in err
    with pytest.raises(SystemExit):
        run(capsys, "export", "--since", "soon")
    assert "'soon' is no day or time: give one as 2026-11-21" in capsys.readouterr().err
