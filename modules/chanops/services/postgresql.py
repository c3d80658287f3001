"""PostgreSQL, by psycopg: for teams that have a server already."""

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, Connection, Engine, Integer, Select, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from chanops.core.errors import Problem
from chanops.core.text import storable
from chanops.services.dialects import LOCKED, TooSlow, roll_back
from chanops.services.migrating import migrate
from chanops.services.migrations.lock import ALONE

DRIVER = "postgresql+psycopg"
EXAMPLE = f"{DRIVER}://USER:PASSWORD@HOST/NAME"
CANCELLED, NOT_YET = "57014", "22023"  # query_canceled; invalid_parameter_value: a transaction that never was
OLDEST = 13  # the first with pg_xact_status and pg_current_snapshot
HOST = re.compile(r"[\w.:%,/-]*")
# A server that is gone without a word is noticed within half a minute.
USUAL = {
    "application_name": "chanops",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
# And if we are gone, or stand still, others need not wait for ever either.
BEGIN = f"BEGIN; SET LOCAL lock_timeout = {LOCKED}; SET LOCAL idle_in_transaction_session_timeout = 60000"
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = %(name)s::xid8::xid"
WAIT = f"SELECT pg_advisory_xact_lock({ALONE})"


class Postgresql:
    """A database on a server."""

    def __init__(self, url: str) -> None:
        self.url = address(url)
        self.shown = self.url.set(query={}).render_as_string(hide_password=True)

    def engine(self) -> Engine:
        """What connects, if asked. Raises Problem."""
        try:
            made = create_engine(self.url, isolation_level="AUTOCOMMIT", pool_pre_ping=True, hide_parameters=True)
        except ModuleNotFoundError:
            raise Problem(f"{self.shown}: PostgreSQL needs psycopg: pip install 'chanops[postgresql]'") from None
        # A number in a query is as wide as it is: one may ask for job 10_000_000_000, which an INTEGER cannot be.
        made.dialect.colspecs = {**made.dialect.colspecs, Integer: Integer}
        take_any_text(made)
        return made

    def open(self) -> Engine:
        """Connect, and see that it will do. Raises Problem."""
        engine = self.engine()
        try:
            with engine.connect() as connection:
                self.check(connection)
            migrate(engine, self.url, self.shown)
        except DatabaseError as error:
            engine.dispose()
            raise Problem(f"{self.shown}: {self.told(error)}: is the server up, and [database] url right?") from None
        except Problem as problem:
            engine.dispose()
            raise Problem(self.masked(str(problem))) from None
        return engine

    def check(self, connection: Connection) -> None:
        """Whether it is one that will do. Raises Problem."""
        version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
        if int(version) < OLDEST * 10_000:
            raise Problem(f"{self.shown}: this PostgreSQL is too old: it must be {OLDEST} or newer")
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise Problem(f"{self.shown} is in {encoding}: make it with `createdb -E UTF8 -T template0 NAME`")

    @property
    def plain_url(self) -> str:
        """As PostgreSQL's own programs read it, without the password."""
        own = self.url
        url = URL.create("postgresql", own.username, None, own.host, own.port, own.database, own.query)
        return url.render_as_string(hide_password=False)

    @property
    def secret_environment(self) -> dict[str, str]:
        """The password, as PostgreSQL's own programs look for it."""
        return {"PGPASSWORD": str(self.url.password)} if self.url.password else {}

    def count(self, query: Select[Any]) -> int:
        """A number, without anything else of the database. Raises Problem."""
        engine = self.engine()
        try:
            with engine.connect() as connection:
                return int(connection.execute(query).scalar_one())
        except DatabaseError as error:
            raise Problem(f"{self.shown}: {self.told(error)}") from None
        finally:
            engine.dispose()

    def told(self, error: DatabaseError) -> str:
        """What the driver says, as one line."""
        return self.masked(next(iter(str(error.orig).strip().splitlines()), "?").rstrip("."))

    def masked(self, text: str) -> str:
        """A text without the password, however it is spelt."""
        password = self.url.password
        for form in (str(password), quote(str(password), safe=""), quote_plus(str(password))) if password else ():
            text = text.replace(form, "***")
        return text

    def begin(self, connection: Connection, durable: bool) -> str:
        """Begin, once no other process writes: numbers are given by what is there."""
        connection.exec_driver_sql(f"{BEGIN}; SET LOCAL synchronous_commit = {'on' if durable else 'off'}")
        return str(connection.exec_driver_sql(f"{WAIT}, pg_current_xact_id()::text").one()[1])

    def outcome(self, connection: Connection, name: str) -> bool:
        """What became of a transaction, which the server knows; once the lost connection is over there too."""
        given = {"name": name}
        connection.exec_driver_sql(BEGIN)
        try:
            connection.exec_driver_sql(END, given)
            connection.exec_driver_sql(WAIT)
            found = connection.exec_driver_sql("SELECT pg_xact_status(%(name)s::xid8)", given).scalar()
        except DatabaseError as error:
            if state_of(error) != NOT_YET:
                raise
            found = None
        finally:
            roll_back(connection)
        return found == "committed"

    @contextmanager
    def limited(self, connection: Connection, within: float) -> Iterator[None]:
        """Have the server end the statement that is under way then; it knows of no limit for several."""
        limit = Limit(within)
        connection.exec_driver_sql("BEGIN READ ONLY")
        event.listen(connection, "before_cursor_execute", limit.tell)
        try:
            yield
        except OperationalError as error:
            if state_of(error) == CANCELLED:
                raise TooSlow(within) from None
            raise
        finally:
            event.remove(connection, "before_cursor_execute", limit.tell)
            roll_back(connection)

    def watch(self, engine: Engine) -> "PostgresqlWatch":
        """Begin to watch."""
        return PostgresqlWatch(engine)


class Limit:
    """The time that is left for statements; it is told to the server again where some of it is gone."""

    def __init__(self, within: float) -> None:
        self.within, self.end, self.told = within, time.monotonic() + within, math.inf

    def tell(self, _: Connection, cursor: Any, *__: object) -> None:
        """Before each statement. Raises TooSlow."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TooSlow(self.within)
        if self.told - left > self.within / 10:
            cursor.connection.execute(f"SET LOCAL statement_timeout = {max(1, round(left * 1000))}")
            self.told = left


class PostgresqlWatch:
    """Asks which transactions can be seen: whoever sees the same ones sees the same rows."""

    instant = False

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def version(self) -> object:
        """The server's snapshot."""
        with self.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT pg_current_snapshot()::text").scalar()

    def close(self) -> None:
        """Nothing is held."""


def take_any_text(engine: Engine) -> None:
    """Have a text that PostgreSQL would refuse go in without what it refuses: else its whole transaction would fail."""
    driver: Any = engine.dialect.dbapi
    usual = driver.types.string.StrDumperUnknown
    dump = {"dump": lambda self, text: usual.dump(self, storable(text))}
    own = type("AnyText", (usual,), dump)
    event.listen(engine, "connect", lambda connection, _: connection.adapters.register_dumper(str, own))


def address(url: str) -> URL:
    """A url as it was given. Raises Problem, which does not show it: a part of the password may be anywhere in it."""
    wrong = Problem(
        f"[database] url is none such as {EXAMPLE} (in a password, write @ : / % as %40 %3A %2F %25); empty is SQLite"
    )
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise wrong from None
    if found.drivername not in ("postgresql", DRIVER) or not HOST.fullmatch(found.host or ""):
        raise wrong
    if "password" in found.query:
        raise Problem(f"[database] url: the password's place is before the @: {EXAMPLE}")
    usual = {name: value for name, value in USUAL.items() if name not in found.query}
    return found.set(drivername=DRIVER).update_query_dict(usual)


def state_of(error: DatabaseError) -> str:
    """PostgreSQL's code for what went wrong."""
    return getattr(error.orig, "sqlstate", None) or ""
