"""PostgreSQL: what is wrong is told without the password, connections that are lost, and nothing is written twice."""

import logging
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pgserver import PASSWORD, PostgresServer
from servers import HOST, reserve_port
from sqlalchemy import text

from chanops.core.errors import Problem
from chanops.services import migrating, writing
from chanops.services.audit import Audit
from chanops.services.database import Database, NotStored
from chanops.services.postgresql import DRIVER
from chanops.testing import until

DEADLINE = 30
NOWHERE = Path("/nonexistent/chanops.db")
NOTES = """
import sys
from pathlib import Path
from chanops.services.audit import Audit
from chanops.services.database import Database
database = Database(Path("/nonexistent/chanops.db"), sys.stdin.readline().strip())
database.start()
audit = Audit(database)
done = [database.write(lambda connection: audit.note(connection, "test", "", sys.argv[1])) for _ in range(300)]
for each in done:
    each.result(20)
database.stop()
"""
WITHOUT_PSYCOPG = f"""
import sys
sys.modules["psycopg"] = None
from pathlib import Path
from chanops.core.errors import Problem
from chanops.services.database import Database
try:
    Database(Path("/nonexistent/chanops.db"), "{DRIVER}://chanops:s3cret@127.0.0.1/chanops").start()
except Problem as problem:
    print(problem)
"""


def row(name):
    """What a task does that writes one row."""
    return lambda connection: connection.execute(
        text("INSERT INTO replies (token, at, asked, text) VALUES (:name, 0, '', '')"), {"name": name}
    )


def names_in(database):
    with database.read() as connection:
        return [name for (name,) in connection.exec_driver_sql("SELECT token FROM replies ORDER BY token")]


@contextmanager
def opened(url):
    database = Database(NOWHERE, url)
    database.start()
    try:
        yield database
    finally:
        database.stop()


@pytest.fixture
def url(postgresql):
    made = postgresql.migrated()
    yield made
    postgresql.drop(made)


@pytest.fixture
def stored(url):
    with opened(url) as database:
        yield database


def refused(url):
    """What is said of a url with which nothing can be done."""
    with pytest.raises(Problem) as caught:
        Database(NOWHERE, url).start()
    shown = "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)
    for secret in (PASSWORD, "s3cret", "w/rd", "w%2Frd"):
        assert secret not in shown
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3cret",
        "sqlite:////tmp/chanops.db",
        "mysql://chanops:s3cret@127.0.0.1/chanops",
        "postgresql+asyncpg://chanops:s3cret@127.0.0.1/chanops",
        "postgresql+psycopg://chanops:pass@s3cret@127.0.0.1/chanops",
        "postgresql+psycopg://chanops:s3cret@127.0.0.1:s3cret/chanops",
        "postgresql+psycopg://chanops@127.0.0.1/chanops?password=s3cret",
    ],
)
def test_a_url_that_is_none_is_refused_at_once_and_not_shown(url):
    assert "postgresql+psycopg://USER:PASSWORD@HOST/NAME" in refused(url)


def test_without_the_driver_it_is_told_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PSYCOPG], capture_output=True, text=True, timeout=DEADLINE)
    assert "pip install 'chanops[postgresql]'" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_a_server_that_does_not_answer_is_told():
    with closing(reserve_port()) as port:
        told = refused(f"{DRIVER}://chanops:s3cret@{HOST}:{port.getsockname()[1]}/chanops")
    assert "chanops:***@127.0.0.1" in told
    assert "refused" in told


def test_a_wrong_password_is_told_and_not_shown(postgresql):
    assert "authentication failed" in refused(f"{DRIVER}://chanops:s3cret@{HOST}:{postgresql.port}/postgres")


def test_a_database_that_is_not_there_is_told(postgresql):
    assert '"nowhere" does not exist' in refused(postgresql.url_with_password("nowhere"))


def test_a_database_that_does_not_hold_all_letters_is_refused(postgresql):
    url = postgresql.new("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    assert "createdb -E UTF8" in refused(url)
    postgresql.drop(url)


def test_a_database_of_a_newer_chanops_is_refused_and_one_of_nobody_s_too(postgresql, url):
    with opened(url) as database:
        database.wait(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = '999'"))
    assert "newer chanops" in refused(url)
    postgresql.execute("UPDATE alembic_version SET version_num = '000'", url.partition("@/")[2].partition("?")[0])
    assert "brought up to date" in refused(url)


def test_the_password_is_never_on_a_command_line(postgresql, monkeypatch):
    run, given = subprocess.run, []

    def recorded(command, **how):
        given.append((command, how.get("env")))
        return run(command, **how)

    monkeypatch.setattr(migrating.subprocess, "run", recorded)
    name = postgresql.new().partition("@/")[2].partition("?")[0]
    with opened(postgresql.url_with_password(name)) as database:
        assert names_in(database) == []
    assert len(given) == 1
    assert not any(part in repr(given) for part in (PASSWORD, "w/rd", "w%2Frd"))
    assert PASSWORD not in f"{database} {database.store} {database.engine} {database.store.shown}"


def test_two_that_open_a_new_database_at_once_both_can(postgresql):
    url = postgresql.new()
    children = [notes(url, name) for name in "ab"]
    for each in children:
        with each:
            assert each.wait(DEADLINE) == 0
    with opened(url) as database:
        assert Audit(database).verify().rows == 600
    postgresql.drop(url)


def notes(url, name):
    """A process that adds to the audit, whose numbers are given by what is there."""
    made = subprocess.Popen([sys.executable, "-c", NOTES, name], stdin=subprocess.PIPE, text=True)
    made.stdin.write(f"{url}\n")
    made.stdin.flush()
    return made


def test_what_several_processes_write_gets_numbers_without_gaps(url):
    children = [notes(url, name) for name in "abc"]
    for each in children:
        with each:
            assert each.wait(DEADLINE) == 0
    with opened(url) as database:
        verdict = Audit(database).verify()
    assert (verdict.rows, verdict.broken_at) == (900, 0)


def test_only_what_must_survive_a_power_cut_waits_for_the_disk(stored):
    def asked(connection):
        return connection.exec_driver_sql("SHOW synchronous_commit").scalar()

    assert [stored.wait(asked, durable=durable) for durable in (True, False, True)] == ["on", "off", "on"]


def test_one_failing_task_takes_no_other_of_its_group_with_it(stored):
    go = threading.Event()
    stored.write(lambda connection: go.wait(DEADLINE))
    good = [stored.write(row(str(number))) for number in range(5)]
    bad = stored.write(lambda connection: connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)"))
    good.append(stored.write(row("5")))
    go.set()
    for each in good:
        each.result(DEADLINE)
    with pytest.raises(NotStored, match='"nowhere" does not exist'):
        stored.stored(bad)
    assert names_in(stored) == list("012345")


def cut_all(server, url):
    """The server ends every connection to a database."""
    name = url.partition("@/")[2].partition("?")[0]
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_connections_that_the_server_ended_are_made_anew(postgresql, url, stored):
    watch = stored.watch()
    for number in range(3):
        stored.wait(row(str(number)))
        before = watch.version()
        cut_all(postgresql, url)
        stored.wait(row(f"{number} again"))
        assert watch.version() != before
    assert len(names_in(stored)) == 6


def test_a_connection_lost_within_a_transaction_is_no_loss(stored):
    went = []

    def lost_once(connection):
        row("before")(connection)
        went.append(connection)
        if len(went) == 1:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        row("after")(connection)

    stored.wait(lost_once)
    assert len(went) == 2
    assert names_in(stored) == ["after", "before"]


def test_what_loses_every_connection_is_told_and_others_go_on(stored):
    def loses(connection):
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(NotStored, match="terminating connection"):
        stored.wait(loses)
    stored.wait(row("later"))
    assert names_in(stored) == ["later"]


def test_while_the_server_is_restarted_writers_wait_and_readers_are_told(fresh_postgresql):
    with opened(fresh_postgresql.migrated()) as database:
        database.wait(row("before"))
        fresh_postgresql.stop()
        waiting = [database.write(row(f"while it was away {number}")) for number in range(3)]
        with pytest.raises(writing.OperationalError), database.read():
            pass
        fresh_postgresql.start()
        for each in waiting:
            each.result(DEADLINE)
        assert len(names_in(database)) == 4


def test_a_server_that_stays_away_is_told_at_once_but_for_the_first_time(fresh_postgresql, monkeypatch):
    monkeypatch.setattr(writing, "LOCKED", 300)
    with opened(fresh_postgresql.migrated()) as database:
        database.wait(row("before"))
        fresh_postgresql.stop()
        for number in range(20):
            with pytest.raises(NotStored, match=r"not stored: .*(terminating|refused|No such file)") as caught:
                database.wait(row(str(number)))
            assert isinstance(caught.value.__cause__, writing.OperationalError)
        fresh_postgresql.start()
        database.wait(row("after"))
        assert names_in(database) == ["after", "before"]


class Between:
    """Stands between a client and the server, and cuts the line once when something is committed."""

    def __init__(self, server: PostgresServer, answered: bool) -> None:
        self.server, self.answered = server, answered
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.armed = self.closed = self.for_good = False
        self.cuts = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, name):
        return self.server.url_with_password(name).replace(f":{self.server.port}/", f":{self.port}/")

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.closed:
                client.close()
                continue
            other = socket.create_connection((HOST, self.server.port))
            threading.Thread(target=self.forward, args=(client, other), daemon=True).start()
            threading.Thread(target=self.back, args=(other, client), daemon=True).start()

    def forward(self, client, server):
        with client, server:
            while data := received(client):
                if self.armed and b"COMMIT" in data:
                    self.armed, self.closed = False, self.for_good
                    self.cuts += 1
                    if self.answered:
                        self.cutting = True
                        server.sendall(data)
                        until(lambda: self.held, DEADLINE)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)

    cutting = held = False

    def back(self, server, client):
        while data := received(server):
            if self.cutting:  # it was committed: this is the answer, which nobody gets
                self.cutting, self.held = False, True
                return
            try:
                client.sendall(data)
            except OSError:
                return


def received(connection):
    try:
        return connection.recv(65536)
    except OSError:
        return b""


@pytest.mark.parametrize(
    "answered", [True, False], ids=["after it is committed", "before it is committed, and the server does not know"]
)
def test_what_was_being_committed_as_the_line_was_cut_is_stored_once(answered, postgresql, url):
    between = Between(postgresql, answered)
    name = url.partition("@/")[2].partition("?")[0]
    with closing(between.listener), opened(between.url(name)) as database:
        calls = []

        def counted(connection):
            calls.append(1)
            before = connection.exec_driver_sql("SELECT count(*) FROM replies").scalar()
            row(f"row {before}")(connection)
            return before

        between.armed = True
        assert database.wait(counted, durable=True) == 0
        assert between.cuts == 1
        assert len(calls) == (1 if answered else 2)
        assert database.wait(counted) == 1
        assert names_in(database) == ["row 0", "row 1"]


def test_where_nobody_can_be_asked_whether_it_was_stored_this_is_said(postgresql, url, monkeypatch):
    monkeypatch.setattr(writing, "LOCKED", 300)
    between = Between(postgresql, answered=True)
    between.for_good = True
    name = url.partition("@/")[2].partition("?")[0]
    with closing(between.listener), opened(between.url(name)) as database:
        between.armed = True
        with pytest.raises(NotStored, match="may be stored, or not"):
            database.wait(row("one"))
        between.closed = False
        until(lambda: database.write(row("two")).exception(DEADLINE) is None)
        assert names_in(database) == ["one", "two"]


def test_the_log_of_what_could_not_be_written_has_no_password(fresh_postgresql, monkeypatch, caplog):
    monkeypatch.setattr(writing, "LOCKED", 100)
    name = fresh_postgresql.migrated().partition("@/")[2].partition("?")[0]
    with opened(fresh_postgresql.url_with_password(name)) as database, caplog.at_level(logging.DEBUG):
        fresh_postgresql.stop()
        with pytest.raises(NotStored):
            database.wait(row("one"))
        fresh_postgresql.start()
    assert "not written" in caplog.text
    assert PASSWORD not in caplog.text
