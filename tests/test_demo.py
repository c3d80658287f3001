"""The demo, as somebody who has just cloned the project runs it."""

import os
import pty
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "chanops", "demo"]


def test_the_played_conversation_ends_by_itself_and_well():
    done = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for wanted in (
        "<chanops> kept: How the site limits requests",
        "did you mean .url?",
        "this needs the role admin",
        "feed.rss now has",
        "Every answer was what it should be.",
    ):
        assert wanted in done.stdout
    assert done.stderr == ""


def test_the_prompt_speaks_as_somebody_with_a_role():
    ours, theirs = pty.openpty()
    with subprocess.Popen(COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        seen = read_until(ours, "You are alice in #ops")
        os.write(ours, b".whoami\n")
        seen += read_until(ours, "alice: account alice on demo; roles: admin, ops")
        os.write(ours, b"/guest .reload\n")
        seen += read_until(ours, "guest: .reload: this needs the role admin")
        os.write(ours, b"/quit\n")
        assert process.wait(20) == 0
    os.close(ours)


def read_until(terminal, wanted, within=20.0):
    seen, end = "", time.monotonic() + within
    while wanted not in seen:
        assert time.monotonic() < end, seen
        try:
            seen += os.read(terminal, 4096).decode("utf-8", "replace")
        except OSError as error:  # nobody is there any more
            raise AssertionError(seen) from error
    return seen
