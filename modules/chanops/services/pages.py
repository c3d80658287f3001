"""The addresses of our own pages, as people reach them."""

from dataclasses import dataclass


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
