"""What tests do to a database behind the bot's back, in the words of either kind."""

import os

from sqlalchemy.exc import OperationalError

from chanops.services.postgresql import Postgresql
from chanops.services.tables import metadata
from chanops.testing import until

PROCEDURE = (
    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION '{why}' USING ERRCODE = 'disk_full'; END $$"
)


def is_postgresql(database):
    return isinstance(database.store, Postgresql)


def tamper(database, *statements):
    """Change what is in a database, past the writer."""
    with database.engine.connect() as connection:
        for statement in statements:
            until(lambda statement=statement: passes(connection, statement))


def passes(connection, statement):
    """Whether a statement is carried out; not while the writer holds the file."""
    try:
        connection.exec_driver_sql(statement)
    except OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    return True


def refuse(database, what, table, why="disk full"):
    """From now on, nobody can INSERT, or UPDATE, a row of a table."""
    if is_postgresql(database):
        trigger = f"CREATE TRIGGER refuse BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        tamper(database, PROCEDURE.format(why=why), trigger)
    else:
        tamper(database, f"CREATE TRIGGER refuse BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, '{why}'); END")


def shut(database, table):
    """From now on a table takes no rows, for a reason that can pass; the table's name meanwhile."""
    if is_postgresql(database):
        refuse(database, "INSERT", table)
        return table
    tamper(database, f"ALTER TABLE {table} RENAME TO elsewhere")
    return "elsewhere"


def opened(database, table):
    """It takes them again."""
    if is_postgresql(database):
        allow(database, table)
    else:
        tamper(database, f"ALTER TABLE elsewhere RENAME TO {table}")


def after_insert(database, table, statement):
    """From now on, something else happens with each new row of a table."""
    if is_postgresql(database):
        procedure = f"RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement} RETURN NULL; END $$"
        trigger = f"CREATE TRIGGER more AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION more()"
        tamper(database, f"CREATE FUNCTION more() {procedure}", trigger)
    else:
        tamper(database, f"CREATE TRIGGER more AFTER INSERT ON {table} BEGIN {statement} END")


def allow(database, table):
    """From now on, one can again."""
    tamper(database, f"DROP TRIGGER refuse{f' ON {table}' if is_postgresql(database) else ''}")


def environment(database):
    """For a process that opens the same database: its url is in DATABASE_URL, "" for SQLite."""
    url = database.store.url.render_as_string(hide_password=False) if is_postgresql(database) else ""
    return {**os.environ, "DATABASE_URL": url}


def all_bytes(database):
    """All that is in a database: its files, or each row of a server's."""
    if not is_postgresql(database):
        return b"".join(path.read_bytes() for path in database.path.parent.glob("chanops.db*"))
    with database.read() as connection:
        rows = [
            connection.exec_driver_sql(f'SELECT t::text FROM "{name}" AS t')
            for name in (*metadata.tables, "line_words")
        ]
        return "\n".join(row for found in rows for row in found.scalars()).encode()
