"""pmxbot's SQLite file is read, and only read."""

import sqlite3
from contextlib import closing
from zoneinfo import ZoneInfo

import pytest

from chanops.core.errors import Problem
from chanops.services.oldlogs.base import Given
from chanops.services.oldlogs.pmxbot import sources
from chanops.services.tables import moment

TABLE = (
    "CREATE TABLE logs (id INTEGER NOT NULL, datetime DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,"
    " channel VARCHAR NOT NULL, nick VARCHAR NOT NULL, message TEXT, PRIMARY KEY (id))"
)
ROWS = [
    ("2026-11-21 12:00:00.123456", "ops", "alice", "hello"),
    ("2026-11-21 12:00:01", "ops", "bob", "caf\u00e9\nnext \0line"),
    ("2026-11-21 12:00:02.5", "dev", "carol", None),
    ("yesterday", "ops", "alice", "when?"),
    ("2026-11-21 12:00:03", "ops", "", "who?"),
    ("2026-11-21 12:00:04", "ops", "alice", b"caf\xe9"),
    ("2026-11-21 12:00:05", "ops", "alice", 42),
    ("2026-11-21 12:00:06", "o ps", "alice", "no channel"),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pmxbot.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(TABLE)
        connection.executemany("INSERT INTO logs (datetime, channel, nick, message) VALUES (?, ?, ?, ?)", ROWS)
        connection.commit()
    return path


def given(**more):
    return Given(ZoneInfo("America/Los_Angeles"), network="net", **more)


def test_each_channel_is_read_with_its_times_and_oddities(file):
    before = file.read_bytes()
    dev, ops = sources(file, given())
    assert (dev.place.channel, ops.place.channel) == ("#dev", "#ops")
    assert [(old.nick, old.text) for old in dev.read()] == [("carol", "")]
    found = [(f"{moment(old.at):%H:%M:%S.%f}", old.nick, old.text) for old in ops.read()]
    assert found == [
        ("20:00:00.123000", "alice", "hello"),
        ("20:00:01.000000", "bob", "caf\u00e9 next line"),
        ("20:00:04.000000", "alice", "caf\u00e9"),
        ("20:00:05.000000", "alice", "42"),
    ]
    assert (ops.tally.lines, ops.tally.strange, ops.tally.recoded) == (6, 2, 1)
    assert "yesterday" in ops.tally.samples[0]
    assert ops.tally.size == ops.size
    assert file.read_bytes() == before


def test_one_channel_may_be_meant(file):
    assert [each.place.channel for each in sources(file, given(channel="#OPS"))] == ["#ops"]


def test_another_file_is_a_problem(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(Problem, match="not a SQLite file of pmxbot's"):
        sources(path, given())
    with closing(sqlite3.connect(tmp_path / "y.db")) as connection:
        connection.execute("CREATE TABLE other (id)")
    with pytest.raises(Problem, match="no such table"):
        sources(tmp_path / "y.db", given())


def test_a_file_that_is_cut_off_is_a_problem_and_what_came_before_was_read(tmp_path):
    path = tmp_path / "pmxbot.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(TABLE)
        rows = [("2026-11-21 12:00:00", "ops", "alice", "x" * 500)] * 2000
        connection.executemany("INSERT INTO logs (datetime, channel, nick, message) VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    (source,) = sources(path, given())
    with path.open("r+b") as cut:
        cut.truncate(300_000)
    read = []
    with pytest.raises(Problem, match="is the file whole"):
        read.extend(source.read())
