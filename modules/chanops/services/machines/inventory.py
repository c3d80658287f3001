"""What there is: the machines of all clouds and the plain hosts, and which of them a person means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from chanops.core.errors import Problem
from chanops.core.sections import Settings
from chanops.core.text import near
from chanops.core.words import Targets
from chanops.providers.base import Machine, ProviderError
from chanops.providers.hosts import HOSTS, hosts
from chanops.services.machines.clouds import RECENT, Clouds


@dataclass(frozen=True)
class Inventory:
    """Machines, and what could not be asked."""

    machines: Sequence[Machine]
    troubles: Sequence[str] = field(default=())

    def meant(self, which: Targets) -> tuple[list[Machine], list[str]]:
        """The machines that are meant, by name, and the selectors that matched nothing."""
        found = [each for each in self.machines if matches(which, each)]
        lost = {each for each in which.selectors if each.startswith("on:") and not self.have(each, self.machines)}
        missed = [
            each
            for each in which.selectors
            if each in lost or not (each.startswith("on:") or (lost and not found) or self.have(each, found))
        ]
        return sorted(found, key=lambda each: (each.name, each.provider, each.id)), missed

    @staticmethod
    def have(selector: str, machines: Sequence[Machine]) -> bool:
        """Whether a selector means one of these machines."""
        return any(not Targets.unmatched(selector, each.name, each.tags, each.provider, each.id) for each in machines)

    def nothing(self, selector: str) -> str:
        """What to say of a selector that matched nothing."""
        names = [each.name for each in self.machines]
        tags = [f"tag:{tag}" for each in self.machines for tag in each.tags]
        if selector in names or selector in tags:
            return f"{selector} is not there, but elsewhere"
        nearest = near(selector, [*names, *tags])
        return f"nothing matches {selector}" + (f"; did you mean {nearest}?" if nearest else "")


def matches(which: Targets, machine: Machine) -> bool:
    """Whether a machine is meant; an on: beside other selectors narrows them."""
    where = [each for each in which.selectors if each.startswith("on:")]
    rest = tuple(each for each in which.selectors if not each.startswith("on:"))
    if where and machine.provider not in {each[3:] for each in where}:
        return False
    return not rest or replace(which, selectors=rest).matches(machine.name, machine.tags, machine.provider, machine.id)


def look(clouds: Clouds, settings: Callable[[], Settings], only: str = "", age: float = RECENT) -> Inventory:
    """All machines there are, seen at most `age` seconds ago, of one provider or of all.

    A cloud that cannot be asked is told of.
    """
    found, troubles = [], []
    for name, cloud in clouds.by_name.items():
        if only in ("", name):
            try:
                found += cloud.machines.newer(cloud.recent(age))
            except ProviderError as error:
                troubles.append(str(error))
    if only in ("", HOSTS):
        found += hosts(settings().hosts)
    if only and only != HOSTS:
        clouds.of(only)
    return Inventory(found, troubles)


def one_each(machines: Sequence[Machine], which: Targets) -> None:
    """Raises Problem where a name that was typed is the name of several machines."""
    for selector in which.selectors:
        same = [each for each in machines if each.name == selector]
        if len(same) > 1:
            ids = " or ".join(f"id:{each.id} ({each.provider})" for each in same)
            raise Problem(f"{len(same)} machines are called {selector}: say {ids}")
