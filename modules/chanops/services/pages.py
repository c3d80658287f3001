"""The addresses of our own pages, as people reach them."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote


@dataclass(frozen=True)
class Pages:
    """Where pages are; "" where none are served."""

    root: str

    @property
    def home(self) -> str:
        """The first page."""
        return f"{self.root}/" if self.root else ""

    def line(self, number: int) -> str:
        """A line's permanent address."""
        return f"{self.root}/line/{number}" if self.root else ""

    def reply(self, token: str) -> str:
        """A long answer's address."""
        return f"{self.root}/reply/{token}" if self.root else ""

    def feed(self, form: str, which: str = "feed") -> str:
        """A feed's address as "rss" or "atom": "feed" with all there is, "links", or "jobs"."""
        return f"{self.root}/{which}.{form}" if self.root else ""

    def channel(self, network: str, name: str) -> str:
        """The calendar of a channel's log."""
        return f"{self.root}/log/{quote(network, safe='')}/{quote(name, safe='')}/" if self.root else ""

    def day(self, network: str, name: str, day: date, line: int = 0) -> str:
        """The log of one UTC day, at a line if one is given."""
        anchor = f"#l{line}" if line else ""
        return f"{self.channel(network, name)}{day.isoformat()}{anchor}" if self.root else ""

    def search(self, query: str) -> str:
        """What a search finds."""
        return f"{self.root}/search?q={quote(query, safe='')}" if self.root else ""

    def missed(self, token: str) -> str:
        """What somebody missed."""
        return f"{self.root}/missed/{token}" if self.root else ""

    @property
    def jobs(self) -> str:
        """The page of the newest jobs."""
        return f"{self.root}/jobs" if self.root else ""

    def job(self, number: int) -> str:
        """A job's page."""
        return f"{self.root}/jobs/{number}" if self.root else ""

    @property
    def machines(self) -> str:
        """The page of all machines."""
        return f"{self.root}/machines" if self.root else ""
