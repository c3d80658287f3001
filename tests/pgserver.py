"""A real PostgreSQL server for the tests, with nothing in it but what they make."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from servers import HOST, Daemon, find_tool, give_to_server_user, require_tools, reserve_port, wait_until
from sqlalchemy import make_url

from chanops.services.database import Database

USER, PASSWORD = "chanops", "p@ss:w/rd %41"
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "listen_addresses": HOST,
    "autovacuum": "off",
}
# All that a test may change of a database beside its rows.
SHAPE = """
SELECT array(SELECT version_num FROM alembic_version),
    (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
    (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
    (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
    array(SELECT (relname, attname, atttypid, attnotnull)::text
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY 1)
"""
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
FILLED = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
        AND pg_relation_size(oid) > 0
"""


class Postmaster(Daemon):
    """The server's process; it is told to end without waiting for its clients."""

    def stop(self) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)


class PostgresServer:
    """A server on a port and in a folder of its own; a password is asked for at the port only."""

    def __init__(self) -> None:
        self._socket = reserve_port()
        self.port = self._socket.getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="chanops-pg-", dir="/tmp"))  # a socket's path must be short
        self._numbers = itertools.count(1)
        self._template = ""
        self._shape: list[tuple] = []
        self._emptied: list[str] = []
        (self.folder / "password").write_text(PASSWORD)
        give_to_server_user(self.folder, self.folder / "password")
        self._initdb()
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        where = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)]
        self.daemon = Postmaster(["postgres", *where, *options], self.folder)

    def _initdb(self) -> None:
        user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        command = [find_tool("initdb"), "-D", self.folder / "data", "-U", USER, "--no-sync", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256"]
        command += ["--pwfile", self.folder / "password"]
        subprocess.run([*user, *map(str, command)], check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        self.daemon.start()
        wait_until(self.answers, 30.0, "PostgreSQL to answer", self.daemon)

    def stop(self) -> None:
        self.daemon.stop()

    def close(self) -> None:
        self.stop()
        self._socket.close()
        shutil.rmtree(self.folder)

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str, name: str = "postgres") -> list[tuple]:
        """Have the server do something, as its superuser."""
        with closing(psycopg.connect(self.url(name, "postgresql"), autocommit=True)) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def url(self, name: str, kind: str = "postgresql+psycopg") -> str:
        """Where a database is, by the socket."""
        return f"{kind}://{USER}@/{name}?host={self.folder}&port={self.port}"

    def url_with_password(self, name: str) -> str:
        """Where a database is, by the port."""
        url = make_url(f"postgresql+psycopg://{HOST}:{self.port}/{name}").set(username=USER, password=PASSWORD)
        return url.render_as_string(hide_password=False)

    def new(self, *options: str) -> str:
        """The URL of a new database with nothing in it."""
        name = f"test_{next(self._numbers)}"
        self.execute(" ".join([f"CREATE DATABASE {name}", *options]))
        return self.url(name)

    def migrated(self) -> str:
        """The URL of a database with its tables, and nothing in them."""
        if self._emptied:
            return self._emptied.pop()
        if not self._template:
            url = self.new()
            database = Database(self.folder / "nothing", url)
            database.start()
            database.stop()
            self._template = make_url(url).database or ""
            self._shape = self.execute(SHAPE, self._template)
        return self.new("TEMPLATE", self._template)

    def drop(self, url: str) -> None:
        """A database is not needed any more."""
        self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def give_back(self, url: str) -> None:
        """One from `migrated` is not needed any more: emptied it serves the next, in a tenth of a new one's time."""
        name = make_url(url).database or ""
        with closing(psycopg.connect(self.url(name, "postgresql"), autocommit=True)) as connection:
            connection.execute(OTHERS)
            whole = connection.execute(SHAPE).fetchall() == self._shape
            if whole and (filled := connection.execute(FILLED).fetchone()[0]):
                connection.execute(f"TRUNCATE {filled} RESTART IDENTITY CASCADE")
        if whole:
            self._emptied.append(url)
        else:
            self.drop(url)


def make_server() -> PostgresServer:
    require_tools("setpriv", "postgres", "initdb")
    made = PostgresServer()
    try:
        made.start()
    except BaseException:
        made.close()
        raise
    return made


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A server shared by all tests: do not stop it."""
    made = make_server()
    yield made
    made.close()


@pytest.fixture
def fresh_postgresql() -> Iterator[PostgresServer]:
    """One which the test may treat as it likes."""
    made = make_server()
    yield made
    if not made.daemon.running:
        made.start()
    made.close()
