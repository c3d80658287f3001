"""How much there is in the database, as figures."""

from sqlalchemy import func, select

from chanops.services.database import Database
from chanops.services.tables import jobs, links


class Figures:
    """Counts rows; each time anew, from an index."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def jobs(self) -> dict[str, int]:
        """Jobs by state."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        with self.database.read() as connection:
            return {state: int(count) for state, count in connection.execute(query)}

    def links(self) -> int:
        """Links that are there."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.count(links.c.id))).scalar() or 0)
