"""The database: its tables, who may read it, and that nothing acknowledged is ever lost."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import closing, contextmanager
from itertools import repeat

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, select, text

from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.query import read
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.dialects import TooSlow
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.jobs.rows import output_of, units_of
from chanops.services.links import Links
from chanops.services.migrating import NEWEST
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.tables import lines, metadata, moment, stamp
from chanops.services.visibility import Seen
from chanops.services.writing import MOST_AT_ONCE

DEADLINE = 30
WORDS = "line_words"  # the search index, and what SQLite keeps for it
START = """
import sys
from pathlib import Path
from chanops.services.database import Database
database = Database(Path(sys.argv[1]))
database.start()
"""
WRITE = """
def row(name):
    return lambda connection: connection.exec_driver_sql(
        "INSERT INTO replies (token, at, asked, text) VALUES (?, 0, '', '')", (name,))
"""
# Reports each write on its standard output as soon as it is acknowledged, and goes on until it is killed.
WRITES_UNTIL_KILLED = f"""{START}{WRITE}
for group in range(100_000):
    names = [f"{{sys.argv[2]}}-{{group}}-{{number}}" for number in range(7)]
    writes = [database.write(row(name)) for name in names]
    for name, write in zip(names, writes):
        write.result(20)
        sys.stdout.write(name + "\\n")
        sys.stdout.flush()
"""
WRITES_AND_STOPS = f"""{START}{WRITE}
for number in range(int(sys.argv[3])):
    database.write(row(f"{{sys.argv[2]}}-{{number}}"))
database.stop()
"""
ROWS_OF_002 = (
    "INSERT INTO jobs VALUES (7, 'up', 'up web-1', '{}', 'running', '', 'net', '#ops', 'alice', 'alice', 1, TRUE, 5, 6,"
    " NULL, 7, 'me', 1, '', FALSE)",
    "INSERT INTO units VALUES (7, 0, 'web-1', 'running', 'is up', 8)",
    "INSERT INTO output VALUES (1, 7, 0, 8, 'is being made')",
    "INSERT INTO locks VALUES ('do/web-1', 7)",
)
LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


def row(name):
    """What a task does that writes one row."""
    return lambda connection: connection.exec_driver_sql(
        "INSERT INTO replies (token, at, asked, text) VALUES (?, 0, '', '')", (name,)
    )


def fails(connection):
    connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")


def names_in(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in connection.execute("SELECT token FROM replies ORDER BY rowid")]


def child(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def held(database):
    """Have the writer wait inside a task; returns what it reached, and what lets it go on."""
    reached, go = threading.Event(), threading.Event()

    def hold(connection):
        reached.set()
        assert go.wait(DEADLINE)

    database.write(hold)
    assert reached.wait(DEADLINE)
    return go


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An empty database, migrated once: it costs half a second."""
    made = Database(tmp_path_factory.mktemp("template") / "data" / "chanops.db")
    made.start()
    made.stop()
    return made.path


@pytest.fixture
def path(template, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(template, folder / "chanops.db")
    (folder / "chanops.db").chmod(0o600)
    return folder / "chanops.db"


@pytest.fixture
def database(path):
    made = Database(path)
    made.start()
    yield made
    made.stop()


def shape(engine, table):
    """All that matters of a table."""
    found = inspect(engine)
    columns = sorted(
        (each["name"], str(each["type"]), each["nullable"], each.get("primary_key"), str(each["default"]))
        for each in found.get_columns(table)
    )
    indexes = sorted((each["name"], each["column_names"], each["unique"]) for each in found.get_indexes(table))
    keys = sorted(
        (each["constrained_columns"], each["referred_table"], each["referred_columns"])
        for each in found.get_foreign_keys(table)
    )
    return columns, indexes, keys


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request, path, tmp_path):
    """A database of either kind as the migrations made it, and an engine for one as the code knows it."""
    if request.param == "sqlite":
        url, other = "", f"sqlite:///{tmp_path}/made.db"
    else:
        server = request.getfixturevalue("postgresql")
        url, other = server.migrated(), server.new()
    database, made = Database(path, url), create_engine(other)
    database.start()
    metadata.create_all(made)
    yield database, made
    made.dispose()
    database.stop()
    if url:
        server.drop(url)
        server.drop(other)


def is_ours(name, kind, _):
    """Whether SQLAlchemy knows of a table: not of the search index, which differs."""
    return kind != "table" or not name.startswith(WORDS)


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(either):
    database, made = either
    how = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=how), metadata) == []
    found = {name for name in inspect(database.engine).get_table_names() if not name.startswith(WORDS)}
    assert found == {*metadata.tables, "alembic_version"}
    for table in metadata.tables:
        assert shape(database.engine, table) == shape(made, table)


def test_the_newest_version_is_the_head_of_the_migrations(database):
    config = Config()
    config.set_main_option("script_location", "chanops.services:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [NEWEST]
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [NEWEST]


def test_a_database_of_before_is_brought_up_to_date_with_all_that_is_in_it(tmp_path):
    path = tmp_path / "data" / "chanops.db"
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    config = Config()
    config.set_main_option("script_location", "chanops.services:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "002")
        for statement in ROWS_OF_002:
            connection.exec_driver_sql(statement)
    engine.dispose()
    database = Database(path)
    database.start()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT name, text, facts FROM units").all() == [("web-1", "is up", "{}")]
        assert connection.exec_driver_sql("SELECT text, stream FROM output").all() == [("is being made", 0)]
        assert connection.exec_driver_sql("SELECT key, base FROM locks").all() == [("do/web-1", "")]
        assert [row.facts for row in units_of(connection, 7)] == [{}]
        assert [line.stream for line in output_of(connection, 7)] == [0]
    database.stop()


LINES_OF_003 = (
    (160, "net", "#Ops", 1_700_000_000_000, "Alice", "message", "deploy of \x02web01\x02 https://a.example/", "m1"),
    (161, "net", "#ops", 1_700_000_000_500, "bob", "action", "looks at https://b.example/", "m1"),
    (177, "net", "#ops", 1_700_000_001_000, "ALICE", "topic", "Straße https://c.example/", None),
    (2_000_000_000_000, "net", "#ÉTÉ", 1_700_100_000_000, "Éve", "message", "日本 https://d.example/", "m1"),
    (2_000_000_000_001, "other", "#ops", 1_700_100_000_000, "alice", "message", "https://a.example/", "m1"),
)


@pytest.fixture
def of_003(new_database, tmp_path):
    """A database as chanops 003 left it, with lines, links and a job; not yet opened by ours."""
    url = new_database
    path = tmp_path / "old" / "chanops.db"
    path.parent.mkdir(mode=0o700)
    path.touch(mode=0o600)
    config = Config()
    config.set_main_option("script_location", "chanops.services:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(url or f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "002")
        for statement in ROWS_OF_002:
            connection.exec_driver_sql(statement)
        command.upgrade(config, "003")
        for number, row in enumerate(LINES_OF_003, 1):
            values = dict(zip(("id", "network", "channel", "at", "nick", "kind", "text", "msgid"), row, strict=True))
            connection.execute(
                text("INSERT INTO lines VALUES (:id, :network, :channel, :at, :nick, '', :kind, :text, :msgid)"), values
            )
            link = {"id": number, "line": row[0], "at": row[3], "public": number != 2}
            connection.execute(
                text("INSERT INTO links VALUES (:id, :line, 1, 'k', 'https://a.example/', 't', :public, :at, :at)"),
                link,
            )
        connection.exec_driver_sql("INSERT INTO mentions VALUES (1, 177)")
    engine.dispose()
    return Database(path, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request):
    """The url of a database with nothing in it, of either kind."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql")
    url = server.new()
    yield url
    server.drop(url)


def test_what_003_kept_is_read_found_and_forgotten_like_what_is_new(of_003):
    of_003.start()
    try:
        brought_up_to_date(of_003)
    finally:
        of_003.stop()


def brought_up_to_date(database):
    reading, search = Reading(database), Search(database)
    channels = reading.channels()
    assert [(each.network, fold(each.name)) for each in channels] == [
        ("net", "#ops"),
        ("net", fold("#ÉTÉ")),
        ("other", "#ops"),
    ]
    for number, network, channel, at, nick, kind, words, _ in LINES_OF_003:
        line = History(database).line(number)
        assert (line.network, fold(line.channel), stamp(line.at)) == (network, fold(channel), at)
        assert (line.nick, line.kind, line.text, line.public) == (nick, kind, words, number != 161)
    ops, summer, _ = channels
    assert [(day.spoken, day.events) for day in reading.days(ops.id, True)] == [(2, 1)]
    assert [(day.spoken, day.events) for day in reading.days(ops.id, False)] == [(1, 1)]
    assert reading.version(summer.id, moment(1_700_100_000_000).date(), False) == 1
    assert [reading.seen(ops.id, nick).id for nick in ("alice", "BOB")] == [177, 161]
    assert reading.seen(summer.id, "Éve").id == 2_000_000_000_000
    whole = [Seen(each, True) for each in channels]
    for words, numbers in (("web01", [160]), ("looks", [161]), ("strasse", [177]), ("日本", [2_000_000_000_000])):
        assert [line.id for line in search.find(read(words), whole).lines] == numbers
    assert search.find(read("looks"), [Seen(each, False) for each in channels]).lines == []
    links = Links(database, History(database), Settings)
    assert [link.said.id for link in links.newest(most=9)] == [2_000_000_000_001, 2_000_000_000_000, 177, 160]
    with database.read() as connection:
        assert connection.execute(
            select(lines.c.id).where(lines.c.msgid == "m1").order_by(lines.c.id)
        ).scalars().all() == [
            160,
            2_000_000_000_000,
            2_000_000_000_001,
        ]
        assert [row.name for row in units_of(connection, 7)] == ["web-1"]
    Forgetting(database, reading, search, search.purge).forget([160], "alice")
    assert search.find(read("web01"), whole).lines == []
    said = Message("net", "message", "alice", "", "#OPS", "again", moment(1_700_200_000_000), "again")
    [number] = database.wait(lambda connection: History(database, Settings, search).keep(connection, [said]))
    assert number > 2_000_000_000_001
    assert [line.channel_id for line in search.find(read("again"), whole).lines] == [ops.id]


def test_a_database_is_found_again_as_it_was_left(path):
    for name in ("first", "second"):
        database = Database(path)
        database.start()
        database.write(row(name)).result(DEADLINE)
        database.stop()
    assert names_in(path) == ["first", "second"]


@pytest.mark.parametrize(
    ("version", "told"),
    [(f"{int(NEWEST) + 1:03}", "newer chanops.*update"), ("999", "newer chanops"), ("000", "brought up")],
)
def test_a_database_of_another_version_is_refused_and_left_as_it_is(version, told, path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(Problem, match=told) as caught:
        Database(path).start()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"this is a letter to my aunt\n" * 400,
        lambda whole: b"\0" * 100 + whole[100:],
        lambda whole: whole[:100] + b"\xff" * (len(whole) - 100),
        lambda whole: whole[:700],
    ],
    ids=["a letter", "no header", "no tables", "cut off"],
)
def test_a_file_that_is_no_database_is_refused_with_a_mend_and_kept(spoil, path):
    spoiled = spoil(path.read_bytes())
    path.write_bytes(spoiled)
    with pytest.raises(Problem, match="Restore a backup") as caught:
        Database(path).start()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == spoiled


@pytest.mark.parametrize("name", ["a?b.db", "a%20b.db", "a#b.db", "a b.db", "ä:@.db", "a?mode=memory"])
def test_the_file_may_have_any_name_and_is_the_only_one(name, template, tmp_path):
    folder = tmp_path / f"of {name}"
    folder.mkdir(mode=0o700)
    shutil.copy(template, folder / name)
    (folder / name).chmod(0o600)
    database = Database(folder / name)
    database.start()
    database.write(row("here")).result(DEADLINE)
    database.stop()
    assert [each.name for each in folder.iterdir()] == [name]
    assert names_in(folder / name) == ["here"]


def test_a_new_file_may_have_any_name_too(tmp_path):
    database = Database(tmp_path / "what?" / "a?b%20c#d.db")
    database.start()
    database.stop()
    assert [each.name for each in database.path.parent.iterdir()] == [database.path.name]
    assert names_in(database.path) == []


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_may_read_what_is_made_whatever_the_umask(mask, tmp_path):
    database = Database(tmp_path / "data" / "chanops.db")
    with umask(mask):
        database.start()
        database.write(row("secret")).result(DEADLINE)
    made = {each.name: stat.S_IMODE(each.stat().st_mode) for each in database.path.parent.iterdir()}
    database.stop()
    assert made == {"chanops.db": 0o600, "chanops.db-wal": 0o600, "chanops.db-shm": 0o600}
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o660, 0o666, 0o644, 0o777])
def test_a_database_that_others_may_touch_is_refused(mode, path):
    path.chmod(mode)
    with pytest.raises(Problem, match=f"chmod 600 {path}"):
        Database(path).start()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o710, 0o701, 0o720, 0o702, 0o755, 0o777, 0o1777])
def test_a_data_folder_that_others_may_look_into_is_refused(mode, path):
    path.parent.chmod(mode)
    with pytest.raises(Problem, match=f"chmod 700 {path.parent}"):
        Database(path).start()


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Problem, match="cannot make the data folder"):
            Database(folder / "chanops.db").start()


def test_one_failing_task_takes_no_other_of_its_group_with_it(database):
    go = held(database)

    def writes_and_fails(connection):
        row("half")(connection)
        fails(connection)

    good = [database.write(row(f"before {number}")) for number in range(5)]
    bad = [database.write(fails), database.write(writes_and_fails)]
    good += [database.write(row(f"after {number}")) for number in range(5)]
    go.set()
    for task in good:
        task.result(DEADLINE)
    for task in bad:
        with pytest.raises(Exception, match="no such table: nowhere"):
            task.result(DEADLINE)
    expected = [f"{when} {number}" for when in ("before", "after") for number in range(5)]
    assert names_in(database.path) == expected


def test_what_a_task_returns_is_handed_to_whoever_waits(database):
    assert database.write(lambda connection: connection.exec_driver_sql("SELECT 6 * 7").scalar()).result(DEADLINE) == 42


def test_a_write_that_is_done_can_be_read(database):
    for number in range(50):
        database.write(row(str(number))).result(DEADLINE)
        with database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM replies").scalar() == number + 1


def test_a_write_that_nobody_waits_for_any_more_does_not_stop_the_writer(database):
    go = held(database)
    given_up = database.write(row("given up"))
    given_up.cancel()
    other = database.write(row("other"))
    go.set()
    other.result(5)
    database.write(row("later")).result(5)
    assert [name for name in names_in(database.path) if name != "given up"] == ["other", "later"]


def test_a_callback_that_fails_does_not_stop_the_writer(database, caplog):
    task = database.write(row("one"))
    task.add_done_callback(lambda _: 1 / 0)
    task.result(DEADLINE)
    database.write(row("two")).result(DEADLINE)


def test_many_threads_write_at_once_and_every_write_is_there(database):
    def write(who):
        for task in [database.write(row(f"{who}-{number}")) for number in range(200)]:
            task.result(DEADLINE)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(names_in(database.path)) == sorted(f"{who}-{number}" for who in range(8) for number in range(200))


def test_stop_writes_what_waits(path):
    database = Database(path)
    database.start()
    go = held(database)
    names = [str(number) for number in range(MOST_AT_ONCE * 2 + 1)]
    tasks = [database.write(row(name)) for name in names]
    stopping = threading.Thread(target=database.stop)
    stopping.start()
    go.set()
    stopping.join(DEADLINE)
    assert all(task.done() for task in tasks)
    assert names_in(path) == names


def test_stop_writes_also_what_a_waiting_task_brings_with_it(path):
    database = Database(path)
    database.start()
    go = held(database)
    database.write(lambda connection: database.write(lambda connection: database.write(row("brought"))))
    stopping = threading.Thread(target=database.stop)
    stopping.start()
    stopping.join(0.1)  # by now it has asked the writer to stop
    go.set()
    stopping.join(DEADLINE)
    assert names_in(path) == ["brought"]


@pytest.mark.parametrize("acknowledged", [1, 30, 500])
def test_every_acknowledged_write_is_there_after_kill_9(acknowledged, path):
    with child(WRITES_UNTIL_KILLED, path, "a") as writing:
        told = [writing.stdout.readline() for _ in range(acknowledged)]
        writing.kill()
        told += writing.stdout.readlines()
    assert writing.returncode == -9
    names = [line.strip() for line in told if line.endswith("\n")]
    assert len(names) >= acknowledged
    assert set(names) <= set(names_in(path))
    database = Database(path)
    database.start()
    database.write(row("afterwards")).result(DEADLINE)
    database.stop()
    assert names_in(path)[-1] == "afterwards"


def test_a_new_file_can_be_opened_by_several_at_once(tmp_path):
    path = tmp_path / "data" / "chanops.db"
    children = [child(WRITES_AND_STOPS, path, who, 3) for who in "abc"]
    for each in children:
        with each:
            assert each.wait(DEADLINE) == 0
    assert sorted(names_in(path)) == [f"{who}-{number}" for who in "abc" for number in range(3)]


def test_two_processes_write_at_once(path):
    children = [child(WRITES_AND_STOPS, path, who, 2000) for who in "ab"]
    for each in children:
        with each:
            assert each.wait(DEADLINE) == 0
    assert sorted(names_in(path)) == sorted(f"{who}-{number}" for who in "ab" for number in range(2000))


def test_a_write_waits_for_another_process_that_holds_the_database(database):
    with child(LOCKS, database.path) as holding:
        assert holding.stdout.readline() == "locked\n"
        tasks = [database.write(row(name)) for name in ("one", "two")]
        with pytest.raises(TimeoutError):
            tasks[0].result(0.2)
        with database.read() as connection:  # who only reads need not wait
            assert connection.exec_driver_sql("SELECT count(*) FROM replies").scalar() == 0
        holding.communicate("go on\n", DEADLINE)
        for task in tasks:
            task.result(DEADLINE)
    assert names_in(database.path) == ["one", "two"]


def test_a_locked_database_can_be_opened(path):
    with child(LOCKS, path) as holding:
        assert holding.stdout.readline() == "locked\n"
        database = Database(path)
        database.start()
        holding.communicate("go on\n", DEADLINE)
    database.stop()


ENDLESS = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n"


def test_what_takes_too_long_is_ended_and_told_and_the_connection_is_as_before(either):
    database, _ = either
    began = time.monotonic()
    with pytest.raises(TooSlow, match=r"took too long \(more than 0.2 s\)"), database.read(within=0.2) as connection:
        connection.exec_driver_sql(ENDLESS).scalar()
    assert 0.2 <= time.monotonic() - began < 5
    for within in (None, 20):
        with database.read(within) as connection:
            assert (
                connection.exec_driver_sql(f"{ENDLESS.replace('FROM n)', 'FROM n WHERE n < 200000)')}").scalar()
                == 200_000
            )
    assert database.engine.pool.checkedout() == 0


def test_the_time_is_for_all_that_is_read_within_and_not_for_each_part(either):
    database, _ = either
    began = time.monotonic()
    with pytest.raises(TooSlow), database.read(within=0.5) as connection:
        deque(map(connection.exec_driver_sql, repeat(ENDLESS.replace("FROM n)", "FROM n WHERE n < 20000)"))), 0)
    assert 0.5 <= time.monotonic() - began < 5


def test_who_watches_sees_that_anybody_has_written(database):
    watch = database.watch()
    before = watch.version()
    assert watch.version() == before
    database.wait(row("ours"))
    ours = watch.version()
    assert ours != before
    with child(WRITES_AND_STOPS, database.path, "theirs", 1) as writing:
        assert writing.wait(DEADLINE) == 0
    assert watch.version() != ours
    watch.close()


def test_what_is_deleted_is_gone_from_the_file(database):
    secret = "hunter2" * 700  # longer than a page
    database.wait(row(secret))
    database.wait(lambda connection: connection.exec_driver_sql("DELETE FROM replies"))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"hunter2" not in database.path.read_bytes()


def test_how_many_writes_wait_can_be_asked(database):
    go = held(database)
    waiting = [database.write(row(str(number))) for number in range(3)]
    assert database.waiting() == 3
    go.set()
    for each in waiting:
        each.result(DEADLINE)
    assert database.waiting() == 0
