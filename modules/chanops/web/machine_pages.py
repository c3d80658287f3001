"""The page of all machines: what there is, what it costs, what can come up. Reading it changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chanops.services.machines.clouds import Clouds
from chanops.services.machines.inventory import look
from chanops.services.machines.service import Machines
from chanops.web.frame import Frame
from chanops.web.looks import Look, Looks
from chanops.web.rows import MOST_DOWN, Account, DownRow, down_rows, machine_rows, names_by_account

HOSTS = "hosts"


@dataclass(frozen=True)
class Overview:
    """All accounts, the plain hosts, and the names of which nobody says where they would come up."""

    accounts: list[Account]
    hosts: Account
    elsewhere: list[DownRow]

    @property
    def hourly(self) -> float:
        """What all of it costs an hour, without snapshots."""
        return sum(each.hourly for each in self.accounts)


class MachinePages:
    """Shows the machines."""

    def __init__(self, machines: Machines, frame: Frame) -> None:
        self.machines, self.frame = machines, frame
        self.looks = Looks(machines)

    @property
    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/machines", self.all)]

    async def all(self, request: Request) -> Response:
        """All machines, by account and tag."""
        if not self.frame.settings().web.machines:
            return self.frame.missing(request)
        looks = await self.looks.all()
        return await run_in_threadpool(self.rendered, looks)

    def rendered(self, looks: Mapping[str, Look]) -> Response:
        """The page."""
        return self.frame.page("machines.html", found=self.overview(looks), prefix=self.frame.settings().bot.prefix)

    def overview(self, looks: Mapping[str, Look]) -> Overview:
        """What is shown of what was seen."""
        settings, memory = self.frame.settings(), self.machines.memory
        names = names_by_account(memory, settings, list(looks))
        accounts = []
        for name, seen in looks.items():
            there = {each.name for each in seen.machines}
            # Where the machines could not be listed, nobody knows which are down.
            down = [each for each in names[name] if each not in there] if seen.at is not None else []
            rows = down_rows(down[:MOST_DOWN], name, seen.snapshots, memory, settings)
            more = max(0, len(down) - MOST_DOWN)
            accounts.append(Account(name, seen.machines, seen.snapshots, rows, seen.troubles, seen.at, more))
        hosts = Account(HOSTS, machine_rows(look(Clouds({}), self.machines.settings, HOSTS), False))
        return Overview(accounts, hosts, down_rows(names[""][:MOST_DOWN], "", (), memory, settings))
