"""Takes the bytes of what was removed out of what a database holds beside its rows, and does not give that up."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from chanops.services.database import Database, NotStored, said_by

log = logging.getLogger(__name__)
VACUUM = "VACUUM lines, line_words, links, mentions"
MARK = "scrub.due"


class Scrub:
    """Segments of the index, free pages and the journal keep what is gone; a file says that it is to be done."""

    def __init__(self, database: Database, purge: Callable[[Connection], bool]) -> None:
        self.database, self.purge = database, purge
        self.mark = database.path.parent / MARK
        self.turn = threading.Lock()

    def due(self) -> None:
        """Something is about to be removed: from now on this is to be done, also after a crash."""
        self.mark.touch(mode=0o600)

    def run(self) -> bool:
        """Do it; False where it has to be done again: the database is busy, or somebody still reads what is gone."""
        with self.turn:
            try:
                self.mark.touch(mode=0o600)
                while self.database.wait(self.purge, durable=True):
                    pass  # a part at a time: others write in between
                done = self.emptied()
            except (NotStored, DatabaseError) as error:
                why = said_by(error) if isinstance(error, DatabaseError) else str(error)
                log.warning("what was forgotten is still in the file, and leaves it later: %s", why)
                return False
            if done:
                self.mark.unlink(missing_ok=True)
            else:
                log.warning("a reader holds on to what was forgotten: it leaves the file later")
            return done

    def emptied(self) -> bool:
        """Whether the journal is empty now, and no free page has anything."""
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "sqlite":
                return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            connection.exec_driver_sql(VACUUM)
            return True

    def look_after(self) -> None:
        """Do it if it is due."""
        if self.mark.exists():
            self.run()
