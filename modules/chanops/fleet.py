"""The part of the bot that acts on machines: the clouds of the configuration, the jobs, what may be asked of both."""

from collections.abc import Callable
from pathlib import Path

from chanops.configuration import Configuration
from chanops.core.confirm import Confirmations
from chanops.core.sections import Settings
from chanops.providers import open_provider
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.work import may_act, may_ask
from chanops.services.machines.clouds import Cloud, Clouds
from chanops.services.machines.memory import Memory
from chanops.services.machines.service import Machines, workflows
from chanops.services.pages import Pages


class Fleet:
    """Made once; a reload changes which clouds there are."""

    def __init__(
        self,
        database: Database,
        history: History,
        confirmations: Confirmations,
        settings: Callable[[], Settings],
        pages: Callable[[], Pages],
        folder: Path,
    ) -> None:
        self.clouds = Clouds({})
        memory = Memory(database)
        self.jobs = Jobs(database, history, settings, pages, workflows(self.clouds, memory, settings))
        self.machines = Machines(self.clouds, memory, self.jobs, confirmations, settings, folder)

    def opened(self, configured: Configuration) -> dict[str, Cloud]:
        """The clouds of a configuration; those that are as before are the same, with all that waits for them."""
        before = self.clouds.by_name
        return {
            name: before[name]
            if name in before and before[name].settings == settings
            else Cloud(open_provider(name, settings, may_act, may_ask), settings)
            for name, settings in configured.settings.providers.items()
        }

    def use(self, clouds: dict[str, Cloud]) -> None:
        """From now on these are the clouds."""
        self.clouds.by_name = clouds
