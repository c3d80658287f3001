"""Writing the log: in groups, once, and through whatever keeps the database from taking it."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, Settings
from chanops.services import scribe as scribing
from chanops.services import writing as writing_to
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.reading import Reading
from chanops.services.scribe import Scribe
from chanops.testing import until

DEADLINE = 15


def said(text, event="message", channel="#ops", **more):
    return Message("libera", event, "alice", "alice", channel, text, datetime.now(UTC), text, **more)


class Writing:
    def __init__(self, database, settings):
        self.database, self.reading = database, Reading(database)
        self.scribe = Scribe(database, History(database, lambda: settings))
        self.told = []
        self.scribe.on_kept.append(self.told.extend)
        self.scribe.start()

    def texts(self):
        channel = self.reading.channel("libera", "#ops")
        return [line.text for line in self.reading.day(channel.id, datetime.now(UTC).date(), True)] if channel else []


@pytest.fixture
def writing(database):
    made = Writing(database, Settings(channels={"#quiet": ChannelSettings(log=False)}))
    yield made
    made.scribe.stop()


def test_what_was_heard_is_written_soon_in_its_order_and_told(writing):
    began = time.monotonic()
    for number in range(300):
        writing.scribe.hear(said(str(number)))
    until(lambda: len(writing.told) == 300)
    assert time.monotonic() - began < 5
    assert [line.text for line in writing.told] == writing.texts() == [str(number) for number in range(300)]


def test_a_quit_is_in_each_channel_where_they_were(writing):
    writing.scribe.hear(said("bye", "quit", "", channels=("#ops", "#dev")))
    until(lambda: len(writing.told) == 2)
    assert {(line.channel, line.kind, line.text) for line in writing.told} == {
        ("#ops", "quit", "bye"),
        ("#dev", "quit", "bye"),
    }


def test_what_is_off_and_what_is_not_logged_is_never_written(writing):
    writing.scribe.hear(said("[off] a secret"))
    writing.scribe.hear(said("\x02[OFF]\x02 another"))
    writing.scribe.hear(said("quiet", channel="#quiet"))
    writing.scribe.hear(said("to the bot", channel=""))
    writing.scribe.hear(said("heard"))
    until(lambda: writing.told)
    assert [line.text for line in writing.told] == writing.texts() == ["heard"]


def test_a_line_that_is_played_back_is_there_once(writing):
    first = said("once", msgid="m1")
    writing.scribe.hear(first)
    writing.scribe.hear(said("again", msgid="m2"))
    writing.scribe.hear(first._replace(replayed=True))
    writing.scribe.hear(said("last"))
    until(lambda: [line.text for line in writing.told][-1:] == ["last"])
    assert writing.texts() == ["once", "again", "last"]


def test_a_message_id_that_is_there_already_costs_its_neighbours_nothing(writing):
    writing.scribe.hear(said("first", msgid="same"))
    until(lambda: writing.told)
    writing.scribe.hear(said("twin", msgid="same"))
    writing.scribe.hear(said("neighbour"))
    until(lambda: "neighbour" in writing.texts())
    assert writing.texts() == ["first", "neighbour"]


def test_a_locked_database_is_said_once_and_the_lines_wait_for_it(writing, caplog, monkeypatch):
    if writing.database.engine.dialect.name != "sqlite":
        pytest.skip("another process can lock only SQLite's file")
    with closing(sqlite3.connect(writing.database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for number in range(20):
            writing.scribe.hear(said(str(number)))
        until(writing.scribe.health, within=40)
        assert "cannot be written" in caplog.text
        other.execute("ROLLBACK")
    until(lambda: len(writing.told) == 20, within=40)
    assert writing.texts() == [str(number) for number in range(20)]
    until(lambda: not writing.scribe.health())
    assert caplog.text.count("cannot be written") == caplog.text.count("is written again") == 1


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_while_the_server_is_gone_this_is_said_once_and_nothing_is_lost_or_written_twice(
    how, fresh_postgresql, caplog, monkeypatch
):
    monkeypatch.setattr(writing_to, "LOCKED", 300)
    monkeypatch.setattr(scribing, "MOST_WAITING", 500)
    database = Database(Path("/nonexistent/chanops.db"), fresh_postgresql.migrated())
    database.start()
    writing = Writing(database, Settings())
    try:
        for number in range(200):
            writing.scribe.hear(said(str(number)))
        until(lambda: len(writing.told) == 200)
        fresh_postgresql.execute("CHECKPOINT")  # a server that is killed may lose what was committed just before
        if how == "restarted":
            fresh_postgresql.stop()
        else:
            fresh_postgresql.daemon.kill()
        for number in range(200, 300):
            writing.scribe.hear(said(str(number)))
        until(writing.scribe.health, within=40)
        for number in range(300, 400):
            writing.scribe.hear(said(str(number)))
        fresh_postgresql.start()
        until(lambda: len(writing.told) == 400, within=60)
        assert [line.text for line in writing.told] == writing.texts() == [str(number) for number in range(400)]
        until(lambda: not writing.scribe.health())
        assert caplog.text.count("cannot be written") == caplog.text.count("is written again") == 1
        assert writing.scribe.lost == 0
    finally:
        writing.scribe.stop()
        database.stop()


@pytest.mark.parametrize(
    "text", ["NUL \0 here", "word" * 20_000, "\U0010ffff \ufffe", "\x02\x03\x04", "' \\ :1 %s %(a)s {}"]
)
def test_any_text_is_written_and_costs_its_neighbours_nothing(text, writing):
    for each in ("before", text, "after"):
        writing.scribe.hear(said(each, msgid=each[:9] * 2))
    until(lambda: len(writing.told) == 3)
    first, odd, last = writing.texts()
    assert (first, last) == ("before", "after")
    assert odd.replace("\ufffd", "\0") == text


LOAD = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from chanops.core.message import Message
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.scribe import Scribe

database = Database(Path(sys.argv[1]))
database.start()
scribe = Scribe(database, History(database))
scribe.on_kept.append(lambda new: print(*(line.text for line in new), flush=True))
scribe.start()
number = 0
while True:
    text = str(number)
    scribe.hear(Message("libera", "message", "alice", "", "#ops", text, datetime.now(UTC), text))
    number += 1
    if number % 10 == 0:
        threading.Event().wait(0.005)
"""


@pytest.mark.parametrize("kill_at", [200, 900, 2500])
def test_what_was_acknowledged_survives_kill_9_under_load(tmp_path, kill_at):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    load = subprocess.Popen([sys.executable, "-c", LOAD, str(folder / "chanops.db")], stdout=subprocess.PIPE, text=True)
    told = []
    while len(told) < kill_at:
        told += load.stdout.readline().split()
    os.kill(load.pid, signal.SIGKILL)
    told += load.stdout.read().rpartition("\n")[0].split()
    load.stdout.close()
    load.wait()
    with closing(sqlite3.connect(folder / "chanops.db")) as connection:
        kept = [row[0] for row in connection.execute("SELECT text FROM lines ORDER BY id")]
        connection.execute("INSERT INTO line_words(line_words, rank) VALUES ('integrity-check', 0)")
    assert kept[: len(told)] == told == [str(number) for number in range(len(told))]


def test_what_is_taken_back_at_once_is_taken_back_when_it_is_written(writing):
    taken_back = []
    writing.scribe.on_redact = lambda message: taken_back.append((message.msgid, writing.texts()))
    writing.scribe.hear(said("oops", msgid="m1"))
    writing.scribe.hear(said("", "redact", msgid="m1"))
    writing.scribe.hear(said("later"))
    until(lambda: len(writing.told) == 2)
    assert taken_back == [("m1", ["oops"])]


def test_a_writer_that_is_busy_for_long_gets_each_line_once(writing, monkeypatch, caplog):
    monkeypatch.setattr(scribing, "AGAIN", 0.05)
    monkeypatch.setattr(scribing, "SOON", 0.2)
    go = threading.Event()
    writing.database.write(lambda connection: go.wait(DEADLINE))
    writing.scribe.hear(said("once"))
    until(lambda: writing.scribe.health() == "the database is busy")
    go.set()
    until(lambda: writing.told)
    writing.scribe.hear(said("and more"))
    until(lambda: len(writing.told) == 2)
    assert writing.texts() == ["once", "and more"]
    assert writing.scribe.health() == ""
    assert len([each for each in caplog.records if "busy" in each.getMessage()]) == 1


def test_who_shows_lines_and_fails_does_not_end_the_log(writing, caplog):
    def fail(lines):
        raise ValueError("a page is broken")

    writing.scribe.on_kept.insert(0, fail)
    writing.scribe.hear(said("one"))
    until(lambda: writing.told)
    writing.scribe.hear(said("two"))
    until(lambda: len(writing.told) == 2)
    assert "a page is broken" in caplog.text


def test_a_line_that_can_never_be_written_takes_no_other_with_it(writing, caplog):
    keep_new = writing.scribe.history.keep_new

    def refuse(connection, messages, careful=False):
        if any(each.text == "bad" for each in messages):
            raise ValueError("no such line")
        return keep_new(connection, messages, careful)

    writing.scribe.history.keep_new = refuse
    for text in ("good", "bad", "better"):
        writing.scribe.hear(said(text))
    until(lambda: len(writing.told) == 2)
    assert writing.texts() == ["good", "better"]
    assert writing.scribe.lost == 1
    assert "can never be written: no such line" in caplog.text


def test_a_line_that_was_kept_with_its_link_before_is_told_once_as_well(writing):
    history = writing.scribe.history
    first, line = said("before"), said("see https://example.org/")
    writing.database.wait(lambda connection: history.keep(connection, [line]))
    writing.scribe.hear(first)
    writing.scribe.hear(line)
    until(lambda: len(writing.told) == 2)
    writing.database.wait(lambda connection: history.keep(connection, [line]))
    writing.scribe.hear(said("behind"))
    until(lambda: len(writing.told) == 3)
    assert sorted(each.text for each in writing.told) == ["before", "behind", "see https://example.org/"]
    assert sorted(writing.texts()) == ["before", "behind", "see https://example.org/"]
