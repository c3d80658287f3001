"""python -m chanops.services.migrations FILE: bring a database's tables up to date."""

import sys

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine


def migrate(path: str) -> None:
    """Run what is missing, in one transaction."""
    config = Config()
    config.set_main_option("script_location", "chanops.services:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(URL.create("sqlite", database=path), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql("COMMIT")


if __name__ == "__main__":
    migrate(sys.argv[1])
