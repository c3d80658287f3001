"""What the log shows, and what it never does."""

import io
import logging
import sys
import threading

import pytest

from chanops import logs
from chanops.core.masking import mask_for

SECRET = "a-secret-of-the-test"


@pytest.fixture
def shown(monkeypatch):
    """What a log shows that begins as ours does; afterwards all is as before."""
    stream = io.StringIO()
    root, irc = logging.getLogger(), logging.getLogger("irc")
    levels = root.level, irc.level
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logs.formatter, "mask", mask_for([SECRET]))
    logs.start("info")
    yield stream.getvalue
    root.setLevel(levels[0])
    irc.setLevel(levels[1])


def test_a_line_has_its_time_level_and_place_and_no_secret(shown):
    logging.getLogger("there").info("logged in with %s", SECRET)
    assert shown().endswith(" INFO there: logged in with [secret]\n")


def test_what_looks_like_a_secret_is_masked_too(shown):
    logging.getLogger("there").info("sent %r", {"Authorization": "Bearer abcdefgh"})
    assert "{'Authorization': 'Bearer [secret]'}" in shown()


def test_a_traceback_is_masked(shown):
    try:
        raise ValueError(f"cannot log in with {SECRET}")
    except ValueError:
        logging.getLogger("there").exception("it failed", stack_info=True)
    assert "ValueError: cannot log in with [secret]\n" in shown()
    assert "Stack (most recent call last)" in shown()
    assert SECRET not in shown()


def test_a_reload_changes_what_is_masked(shown):
    logs.use(mask_for(["another-secret"]))
    logging.getLogger("there").info("%s", "another-secret")
    assert "another-secret" not in shown()


def test_a_record_that_cannot_be_formatted_is_lost_with_what_was_in_it():
    stream = io.StringIO()
    output = logs.Output(stream)
    output.setFormatter(logs.formatter)
    output.handle(logging.LogRecord("there", logging.INFO, "here.py", 7, "%d machines", ("some-secret",), None))
    assert stream.getvalue() == "here.py:7: a line of the log is lost: TypeError\n"


def test_nothing_is_raised_where_nobody_reads_the_log_any_more():
    stream = io.StringIO()
    output = logs.Output(stream)
    stream.close()
    output.handle(logging.makeLogRecord({"msg": "nobody reads this"}))


def fail():
    raise ValueError(f"cannot log in with {SECRET}")


def test_what_nobody_catches_is_logged_and_masked(shown):
    logs.catch()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert " CRITICAL chanops.logs: nobody caught this\nTraceback" in shown()
    assert "ValueError: cannot log in with [secret]\n" in shown()


def test_nor_does_a_thread_that_fails_tell_a_secret(shown):
    logs.catch()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert "ValueError: cannot log in with [secret]\n" in shown()


def test_an_interrupt_is_no_failure(shown):
    logs.catch()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert shown() == ""
