"""What a plugin may ask for beside the message; each wraps one outside thing."""

from chanops.core.access import Roles
from chanops.core.book import Book
from chanops.core.confirm import Confirmations
from chanops.core.sections import Settings
from chanops.services.jobs.jobs import Jobs
from chanops.services.links import Links
from chanops.services.machines.service import Machines
from chanops.services.missed import Missed
from chanops.services.pages import Pages
from chanops.services.recall import Recall
from chanops.services.remote.service import Remote

__all__ = [
    "Book",
    "Confirmations",
    "Jobs",
    "Links",
    "Machines",
    "Missed",
    "Pages",
    "Recall",
    "Remote",
    "Roles",
    "Settings",
]
