"""python -m chanops.services.migrations: bring a database's tables up to date; its URL comes in, as JSON."""

import json
import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import DatabaseError

from chanops.services.migrations.lock import ALONE

BEGIN = {
    "sqlite": ("PRAGMA journal_mode=WAL", "PRAGMA secure_delete=ON", "BEGIN IMMEDIATE"),
    "postgresql": ("BEGIN", f"SELECT pg_advisory_xact_lock({ALONE})"),
}


def migrate(url: URL) -> None:
    """Run what is missing, in one transaction."""
    config = Config()
    config.set_main_option("script_location", "chanops.services:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    with engine.connect() as connection:
        for statement in BEGIN[engine.dialect.name]:
            connection.exec_driver_sql(statement)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql("COMMIT")


if __name__ == "__main__":
    try:
        migrate(URL.create(*json.load(sys.stdin)))
    except DatabaseError as error:
        sys.exit(str(error.orig).strip().partition("\n")[0])
