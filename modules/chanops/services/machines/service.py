"""The machines, as commands and pages ask for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from chanops.core.confirm import Confirmations
from chanops.core.errors import Problem, Refused
from chanops.core.message import Message
from chanops.core.plan import Plan
from chanops.core.public_keys import PublicKey
from chanops.core.sections import Settings
from chanops.core.words import Targets, targets
from chanops.providers.base import Image, Key, Region, Size
from chanops.services.audit import person
from chanops.services.jobs.engine import Workflow
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.rows import Attention, Is
from chanops.services.jobs.work import Work
from chanops.services.machines import changes
from chanops.services.machines.cloud_keys import add_key, plan_keys
from chanops.services.machines.clouds import Cloud, Clouds
from chanops.services.machines.costs import Bill, bills
from chanops.services.machines.down import destroy_only, down
from chanops.services.machines.inventory import Inventory, look
from chanops.services.machines.memory import Memory
from chanops.services.machines.moves import OURS, Tools
from chanops.services.machines.planner import STILL_ALLOWED, Planner, nearest_of, question
from chanops.services.machines.planner_up import UpPlanner
from chanops.services.machines.up import up
from chanops.services.remote.reach import Reach

WORKFLOWS: Mapping[str, Callable[[Tools], str]] = {
    "up": up,
    "down": down,
    "destroy": destroy_only,
    "start": changes.start,
    "stop": changes.stop,
    "reboot": changes.reboot,
    "resize": changes.resize,
    "rename": changes.rename,
    "snapshot": changes.snapshot,
    "restore": changes.restore,
    "tag": changes.tag,
    "key": add_key,
}


@dataclass(frozen=True)
class Machines:
    """What there is in all clouds; and what is to be done there, as jobs."""

    clouds: Clouds
    memory: Memory
    jobs: Jobs
    confirmations: Confirmations
    settings: Callable[[], Settings]
    folder: Path

    @property
    def planner(self) -> Planner:
        """Makes plans for machines that are there."""
        return Planner(self.clouds, self.memory, self.settings)

    def plan(self, kind: str, which: Targets, options: Mapping[str, Any]) -> Plan:
        """What would be done. Raises Problem; changes nothing."""
        if kind == "up":
            return UpPlanner(self.planner, self.folder).plan(which, options)
        return self.planner.plan(kind, which, options)

    def request(self, kind: str, which: Targets, said: Message, dry: bool = False, **options: Any) -> list[str]:
        """Have something done with machines: what says that it was begun, or asks to confirm it."""
        with self.jobs.refusals_noted(said):
            plan = self.plan(kind, which, options)
        shown, names = question(plan, self.look()) if plan.destroys else ("", [])
        if dry:
            return [f"would: {plan.title}" + (f" · {shown}" if shown else ""), *names]
        with self.jobs.refusals_noted(said):
            if not plan.destroys:
                told = "" if kind == "up" else "".join(f"; {each}" for each in plan.warnings)
                return [self.jobs.submit(plan, said, told)]
            self.jobs.audit.write("asked", person(said), plan.shown)
            again = partial(self.carry_out, plan, kind, which, options, said)
            return [self.confirmations.ask(shown, again, said), *names]

    def carry_out(self, shown: Plan, kind: str, which: Targets, options: Mapping[str, Any], said: Message) -> str:
        """Do what was confirmed, if it is still the same that was shown. What was seen before does not count."""
        for cloud in self.clouds.by_name.values():
            cloud.changed()
        with self.jobs.refusals_noted(said):
            plan = self.plan(kind, which, options)
            if plan.digest != shown.digest:
                raise Refused("what it would act on has changed since it was shown: nothing was done; ask again")
            self.jobs.audit.write("confirmed", person(said), plan.digest)
            return self.jobs.submit(plan, said)

    def again(self, number: int, said: Message) -> list[str]:
        """Ask for a job again: for the machines that were not done, or for all if all were."""
        whole = self.jobs.whole(number)
        if not whole.job.over:
            raise Problem(f"job {number} is not over yet")
        request = whole.job.plan.request
        left = [
            unit
            for unit, part in zip(whole.job.plan.units, whole.units, strict=True)
            if part.state != Is.DONE or whole.job.state == Is.DONE
        ]
        if not request or not left:
            raise Problem(f"job {number} cannot be asked for again")
        names = ",".join(unit.name if request["kind"] == "up" or not unit.id else f"id:{unit.id}" for unit in left)
        return self.request(str(request["kind"]), targets(names), said, **request["options"])

    def bills(self) -> tuple[list[Bill], list[str]]:
        """What each account costs, and what could not be asked."""
        return bills(self.clouds)

    @staticmethod
    def machine_of(image: Image) -> str:
        """The machine that a snapshot is of, by its name; the snapshot's own name where that does not say."""
        found = OURS.match(image.name)
        return found["machine"] if found else image.name

    def look(self, only: str = "") -> Inventory:
        """All machines there are."""
        return look(self.clouds, self.settings, only)

    def cloud(self, on: str = "") -> Cloud:
        """The account of that name, or the only one. Raises Problem."""
        return self.clouds.of(on or self.clouds.only())

    def sizes(self, on: str = "", region: str = "") -> list[Size]:
        """The sizes that can be had, cheapest first; in one region."""
        provider = self.cloud(on).provider
        known = {each.slug: each for each in provider.regions()}
        if region and region not in known:
            raise Problem(nearest_of("region", region, known))
        found = [each for each in provider.sizes() if each.available and (not region or region in each.regions)]
        return sorted(found, key=lambda each: (each.hourly, each.memory))

    def regions(self, on: str = "") -> list[Region]:
        """The regions."""
        return sorted(self.cloud(on).provider.regions(), key=lambda each: each.slug)

    def images(self, on: str = "") -> list[Image]:
        """The public images, by name, and our own."""
        provider = self.cloud(on).provider
        return [*sorted(provider.images(own=False), key=lambda each: each.slug), *provider.images(own=True)]

    def keys(self, on: str = "") -> list[Key]:
        """The SSH keys."""
        return self.cloud(on).provider.keys()

    def add_keys(self, keys: Sequence[tuple[str, PublicKey]], on: str, said: Message) -> list[str]:
        """Have a cloud give new machines these keys too, which are (name, key)."""
        with self.jobs.refusals_noted(said):
            return [self.jobs.submit(plan_keys(self.cloud(on), keys), said)]

    def snapshots(self, on: str = "") -> list[tuple[str, Image]]:
        """All snapshots as (provider, image), newest first."""
        names = [on] if on else list(self.clouds.by_name)
        clouds = {name: self.clouds.of(name) for name in names}
        found = [(name, each) for name, cloud in clouds.items() for each in cloud.snapshots.newer(cloud.recent())]
        return sorted(found, key=lambda each: each[1].created, reverse=True)


def workflows(clouds: Clouds, memory: Memory, settings: Callable[[], Settings], reach: Reach) -> dict[str, Workflow]:
    """What is done for each kind of plan."""

    def bound(kind: str, flow: Callable[[Tools], str]) -> Workflow:
        def run(work: Work) -> str:
            tools = Tools(work, cloud_of(work, clouds), memory, settings, reach)
            if kind not in STILL_ALLOWED and work.last("destroy") is None:
                tools.refuse_protected()
            try:
                return flow(tools)
            finally:
                tools.cloud.changed()

        return run

    return {kind: bound(kind, flow) for kind, flow in WORKFLOWS.items()}


def cloud_of(work: Work, clouds: Clouds) -> Cloud:
    """The account that a machine was planned with. Raises Attention where it is not to be had any more."""
    name = work.unit.provider
    cloud = clouds.by_name.get(name)
    kept = f"nothing more was done, after: {work.told or 'nothing'}"
    if cloud is None:
        raise Attention(f"there is no [provider:{name}] any more; {kept}: configure it again, then .again {work.job}")
    planned = work.plan.request.get("accounts", {}).get(name, "")
    if planned and planned != work.patiently(cloud.identity):
        raise Attention(f"[provider:{name}] is another account than it was; {kept}: look at the old one's machines")
    return cloud
