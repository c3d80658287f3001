"""What a database must be able to do so that chanops can keep its things there; and SQL that both kinds understand."""

from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from chanops.core.errors import Problem

LOCKED = 10_000  # milliseconds to wait for another process that writes


class TooSlow(Problem):
    """Reading took longer than whoever asked wants to wait."""

    def __init__(self, within: float) -> None:
        super().__init__(f"this took too long (more than {within:g} s): ask for less")


class Watch(Protocol):
    """Sees whether anybody has written."""

    instant: bool
    """Whether it is asked without waiting for anything but the processor."""

    def version(self) -> object:
        """What differs once anybody has written, whichever process that was."""

    def close(self) -> None:
        """Stop watching."""


class Store(Protocol):
    """One kind of database."""

    shown: str
    """What people know it by; without its password."""

    def open(self) -> Engine:
        """Open it, and bring its tables up to date. Raises Problem."""

    def begin(self, connection: Connection, durable: bool) -> str:
        """Begin to write, once nobody else does; a name for it, by which `outcome` knows it, if there is one.

        The durable is on disk once it is committed, whatever happens to the machine.
        """

    def outcome(self, connection: Connection, name: str) -> bool:
        """Whether what was begun by that name, on a connection that was lost then, was committed; it is over now."""

    def limited(self, connection: Connection, within: float) -> AbstractContextManager[None]:
        """What is read within ends after so many seconds. Raises TooSlow."""

    def watch(self, engine: Engine) -> Watch:
        """Begin to watch."""


class Each(FunctionElement[Any]):
    """The values in a parameter that is a JSON list, as rows: `Each(bindparam("given")).table_valued("value")`.

    All in one parameter: else each number of them would be a statement of its own. Numbers are to be cast.
    """

    name = "json_each"
    inherit_cache = True


@compiles(Each, "postgresql")
def each_on_postgresql(element: Each, compiler: SQLCompiler, **how: Any) -> str:
    """PostgreSQL's name for it."""
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **how)} AS JSON))"


@compiles(Each)
def each_on_sqlite(element: Each, compiler: SQLCompiler, **how: Any) -> str:
    """SQLite's."""
    return f"json_each({compiler.process(element.clauses, **how)})"


def roll_back(connection: Connection) -> None:
    """Undo what was begun, unless the connection is lost."""
    if not connection.invalidated:
        with suppress(DatabaseError):  # SQLite rolls back by itself where the disk is full, and then knows of no more
            connection.exec_driver_sql("ROLLBACK")
