"""Backups: whole, made while others write, for nobody else's eyes, and never in place of anything."""

import os
import shutil
import stat
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import require_tools
from sqlalchemy import select, text

from chanops.core.errors import Problem
from chanops.core.sections import Settings
from chanops.services import backup
from chanops.services.backup import back_up
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.tables import metadata
from chanops.testing import line, private_copy, until

DEADLINE = 30
NOWHERE = Path("/nonexistent/chanops.db")


@pytest.fixture
def kept(tmp_path, empty_database):
    """A SQLite database with a bit of everything in it."""
    database = Database(private_copy(empty_database, tmp_path / "data") / "chanops.db")
    database.start()
    fill(database)
    yield database
    database.stop()


def fill(database):
    links = Links(database, History(database, Settings), Settings)
    for number in range(20):
        links.add(f"https://example.org/{number}", f"title {number}", line(f".url {number} \x02bold\x02 é"))
    database.wait(
        lambda connection: connection.exec_driver_sql("INSERT INTO runners (token, beat) VALUES ('me', 1), ('you', 2)")
    )


def row(name):
    return lambda connection: connection.execute(
        text("INSERT INTO replies (token, at, asked, text) VALUES (:name, 0, '', '')"), {"name": name}
    )


def all_of(database):
    """Every row of every table."""
    with database.read() as connection:
        rows = {name: connection.execute(select(table)).all() for name, table in metadata.tables.items()}
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


@contextmanager
def opened(path, folder, url=""):
    """A copy, as a bot has it that is restored from it."""
    if path is not None:
        folder.mkdir(mode=0o700)
        shutil.copy(path, folder / "chanops.db")
    database = Database(folder / "chanops.db", url)
    database.start()
    try:
        yield database
    finally:
        database.stop()


def test_a_copy_has_all_there_is_and_says_how_much(kept, tmp_path):
    made = back_up(kept, tmp_path / "copy.db")
    assert (made.path, made.size) == (tmp_path / "copy.db", (tmp_path / "copy.db").stat().st_size)
    assert made.lines == 20
    with opened(made.path, tmp_path / "restored") as restored:
        assert all_of(restored) == all_of(kept)
        assert len(all_of(restored)["links"]) == 20
        restored.wait(row("and it can be written to"))


def test_a_copy_made_while_others_write_has_all_that_was_acknowledged_before(kept, tmp_path):
    stop, acknowledged = threading.Event(), []

    def write():
        while not stop.is_set():
            names = [f"{len(acknowledged)}-{number}" for number in range(20)]
            for name, each in zip(names, [kept.write(row(name)) for name in names], strict=True):
                each.result(DEADLINE)
                acknowledged.append(name)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            until(lambda most=number * 200: len(acknowledged) > most)
            before = set(acknowledged)
            made = back_up(kept, tmp_path / f"{number}.db")
            with opened(made.path, tmp_path / f"restored {number}") as restored, restored.read() as connection:
                there = connection.exec_driver_sql("SELECT token FROM replies ORDER BY rowid").scalars().all()
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
            assert before <= set(there)
    finally:
        stop.set()
        writing.join(DEADLINE)
    assert there == acknowledged[: len(there)]


def test_a_copy_is_one_file_that_nobody_else_may_read_whatever_the_umask(kept, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    before = os.umask(0)
    try:
        back_up(kept, folder / "copy.db")
    finally:
        os.umask(before)
    assert [(each.name, stat.S_IMODE(each.stat().st_mode)) for each in folder.iterdir()] == [("copy.db", 0o600)]


def test_in_a_folder_a_copy_is_called_after_its_time(kept, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    made = back_up(kept, folder)
    assert [made.path] == list(
        folder.glob("chanops-20[0-9][0-9]-[01][0-9]-[0-3][0-9]-[0-2][0-9][0-5][0-9][0-5][0-9].db")
    )


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")], ids=["a file", "a broken link"])
def test_nothing_is_overwritten(make, kept, tmp_path):
    folder = tmp_path / "copies"
    folder.mkdir()
    make(folder / "copy.db")
    with pytest.raises(Problem, match="is there already"):
        back_up(kept, folder / "copy.db")
    assert [each.name for each in folder.iterdir()] == ["copy.db"]
    assert not (folder / "nowhere").exists()


def test_a_file_that_came_meanwhile_is_not_overwritten_either(kept, tmp_path, monkeypatch):
    folder = tmp_path / "copies"
    folder.mkdir()
    synced = backup.synced

    def slowly(path):
        synced(path)
        (folder / "copy.db").write_text("mine")

    monkeypatch.setattr(backup, "synced", slowly)
    with pytest.raises(Problem, match="is there already"):
        back_up(kept, folder / "copy.db")
    assert [(each.name, each.read_text()) for each in folder.iterdir()] == [("copy.db", "mine")]


def test_of_a_damaged_database_there_is_no_copy(kept, tmp_path):
    kept.stop()
    whole = kept.path.read_bytes()
    pages = len(whole) // 4096
    kept.path.write_bytes(
        whole[:4096] + b"".join(b"\xff" * 100 + whole[n * 4096 + 100 :][:3996] for n in range(1, pages))
    )
    folder = tmp_path / "copies"
    folder.mkdir()
    with pytest.raises(Problem, match=r"damaged|malformed"):
        back_up(kept, folder / "copy.db")
    assert list(folder.iterdir()) == []


def test_where_there_is_no_database_this_is_told(tmp_path):
    with pytest.raises(Problem, match="no database yet"):
        back_up(Database(tmp_path / "data" / "chanops.db"), tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_where_no_file_can_be_made_this_is_told(kept, tmp_path):
    with pytest.raises(Problem, match="no copy was made: No such file"):
        back_up(kept, tmp_path / "nowhere" / "copy.db")


def test_where_the_disk_is_full_nothing_is_left(kept, tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        kept.wait(row("x" * 300_000))
        with pytest.raises(Problem, match=r"no copy was made: .*full"):
            back_up(kept, folder / "copy.db")
        assert list(folder.iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_copy_of_postgresql_is_made_by_its_own_program_and_has_all_there_is(postgresql, tmp_path, monkeypatch):
    require_tools("pg_dump", "pg_restore")
    run, given = subprocess.run, []
    monkeypatch.setattr(backup.subprocess, "run", lambda command, **how: given.append(command) or run(command, **how))
    name = postgresql.migrated().partition("@/")[2].partition("?")[0]
    url = postgresql.url_with_password(name)
    with opened(None, tmp_path / "nothing", url) as database:
        fill(database)
        before = all_of(database)
    made = back_up(Database(NOWHERE, url), tmp_path)
    assert made.path.suffix == ".dump"
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert made.lines == 20
    assert "w/rd" not in repr(given)
    assert "w%2Frd" not in repr(given)
    again = postgresql.new()
    where = again.replace("postgresql+psycopg:", "postgresql:")
    run(["pg_restore", f"--dbname={where}", made.path], check=True, timeout=DEADLINE)
    with opened(None, tmp_path / "nothing", again) as restored:
        assert all_of(restored) == before
        assert len(before["links"]) == 20


def test_what_pg_dump_says_is_told_and_nothing_is_left(postgresql, tmp_path):
    require_tools("pg_dump")
    with pytest.raises(Problem, match=r"no copy was made.*nowhere") as caught:
        back_up(Database(NOWHERE, postgresql.url_with_password("nowhere")), tmp_path)
    assert "w/rd" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_pg_dump_it_is_told_what_to_install(postgresql, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="apt install postgresql-client"):
        back_up(Database(NOWHERE, postgresql.url("postgres")), tmp_path)
