"""The audit: rows that follow one another, where every kind of tampering shows."""

import json
import subprocess
import sys

import pytest
from stores import environment, refuse, tamper

from chanops.services.audit import BEGINNING, Audit, person
from chanops.services.database import NotStored
from chanops.testing import line

ROWS = 5
COLUMNS = "id, at, kind, who, job, text, hash"
APPENDS = """
import os, sys
from pathlib import Path
from chanops.services.audit import Audit
from chanops.services.database import Database
database = Database(Path(sys.argv[1]), os.environ["DATABASE_URL"])
database.start()
for number in range(int(sys.argv[3])):
    Audit(database).write("refused", "", f"{sys.argv[2]} {number}")
database.stop()
"""


@pytest.fixture
def audit(database):
    made = Audit(database)
    for number in range(ROWS):
        made.write("refused", person(line(".up x", nick=f"nick{number}")), f"text {number}")
    return made


def test_an_empty_audit_is_whole(database):
    assert (Audit(database).verify().rows, Audit(database).verify().head) == (0, BEGINNING)


def test_rows_that_were_only_added_are_whole(audit):
    found = audit.verify()
    assert (found.rows, found.broken_at, found.broken_on) == (ROWS, 0, None)


def test_a_head_that_was_noted_elsewhere_is_found_again_and_a_cut_off_end_shows(audit):
    before = audit.verify().head
    audit.write("refused", "", "one more")
    assert audit.verify(before).head_seen
    head = audit.verify().head
    tamper(audit.database, "DELETE FROM audit WHERE id > 4")
    assert audit.verify().broken_at == 0
    assert not audit.verify(head).head_seen


CHANGES = (
    "text = 'other'",
    "text = text || ' '",
    "who = ''",
    "kind = 'done'",
    "job = 7",
    "at = at + 1",
    "at = 9223372036854775807",
    "hash = substr(hash, 2) || 'x'",
)
UNTYPED = ("text = x'ff'", "text = CAST(x'ff' AS TEXT)", "at = 'x'")  # what only SQLite takes
COPY = f"INSERT INTO audit ({COLUMNS}) SELECT {{}}, at, kind, who, job, {{}}, hash FROM audit WHERE id = {{}}"
MAKE_ROOM = ("UPDATE audit SET id = -id WHERE id > 2", "UPDATE audit SET id = 1 - id WHERE id < 0")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("row", [1, 3, ROWS])
def test_a_row_that_was_changed_is_found(audit, change, row):
    tamper(audit.database, f"UPDATE audit SET {change} WHERE id = {row}")
    assert audit.verify().broken_at == row


@pytest.mark.parametrize("change", UNTYPED)
@pytest.mark.parametrize("row", [1, 3, ROWS])
def test_a_row_that_was_changed_into_what_it_cannot_be_is_found(audit, change, row, sqlite_only):
    tamper(audit.database, f"UPDATE audit SET {change} WHERE id = {row}")
    assert audit.verify().broken_at == row


@pytest.mark.parametrize(
    ("statements", "broken_at"),
    [
        (["DELETE FROM audit WHERE id = 1"], 1),
        (["DELETE FROM audit WHERE id = 3"], 3),
        (["DELETE FROM audit WHERE id IN (2, 3)"], 2),
        (["DELETE FROM audit WHERE id = 3", "UPDATE audit SET id = id - 1 WHERE id > 3"], 3),
    ],
)
def test_rows_that_were_removed_are_found(audit, statements, broken_at):
    tamper(audit.database, *statements)
    assert audit.verify().broken_at == broken_at


@pytest.mark.parametrize(
    ("statements", "broken_at"),
    [
        ([COPY.format(0, "text", 1)], 1),
        ([COPY.format(-1, "text", 1)], 1),
        ([COPY.format(ROWS + 1, "'put in'", 5)], ROWS + 1),
        ([COPY.format(ROWS + 9, "text", 5)], ROWS + 1),
        ([*MAKE_ROOM, COPY.format(3, "'put in'", 2)], 3),
    ],
)
def test_rows_that_were_put_in_are_found(audit, statements, broken_at):
    tamper(audit.database, *statements)
    assert audit.verify().broken_at == broken_at


def test_rows_that_were_swapped_are_found(audit):
    swap = [f"UPDATE audit SET id = {new} WHERE id = {old}" for old, new in ((2, 99), (3, 2), (99, 3))]
    tamper(audit.database, *swap)
    found = audit.verify()
    assert found.broken_at == 2
    assert found.broken_on is not None


def test_rows_of_two_processes_make_one_chain(audit):
    command = [sys.executable, "-c", APPENDS, str(audit.database.path)]
    children = [subprocess.Popen([*command, who, "40"], env=environment(audit.database)) for who in ("a", "b")]
    for number in range(40):
        audit.write("refused", "", f"ours {number}")
    assert [child.wait(30) for child in children] == [0, 0]
    found = audit.verify()
    assert (found.rows, found.broken_at) == (ROWS + 120, 0)


def test_a_row_that_cannot_be_written_takes_the_deed_with_it(audit):
    refuse(audit.database, "INSERT", "audit")

    def deed(connection):
        connection.exec_driver_sql("INSERT INTO replies (token, at, asked, text) VALUES ('x', 0, '', '')")
        audit.note(connection, "done", "", "")

    with pytest.raises(NotStored, match="disk full"):
        audit.database.wait(deed, durable=True)
    with audit.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM replies").scalar() == 0


def test_text_of_any_kind_is_kept_and_whole(audit):
    for text in ("", "ünï", "a\x00b", "\ud800", "'; DROP TABLE audit; --", "x" * 100_000):
        audit.write("refused", text, text)
    assert audit.verify().broken_at == 0


def test_who_asked_is_told_with_network_channel_account_nick_and_message():
    said = line(".up x")._replace(user="~a", host="example.org", msgid="m1")
    assert json.loads(person(said)) == {
        "network": "test",
        "channel": "#ops",
        "account": "alice",
        "nick": "alice!~a@example.org",
        "msgid": "m1",
    }
