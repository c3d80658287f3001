"""From what was typed to a plan: which machines, what with each; whatever cannot be is refused before it is begun."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chanops.core.errors import Problem
from chanops.core.machine_sections import NAME, NAME_RULE, value_for
from chanops.core.money import an_hour
from chanops.core.plan import Plan, Unit
from chanops.core.sections import Settings
from chanops.core.text import near, visible
from chanops.core.words import Targets
from chanops.providers.base import Can, Image, Machine, Reserved, State
from chanops.providers.hosts import HOSTS
from chanops.services.machines.clouds import Clouds
from chanops.services.machines.inventory import Inventory, look, one_each
from chanops.services.machines.memory import JOB_TAG, Memory
from chanops.services.machines.moves import OURS, STOP_ONLY

MOST_NAMED = 8
STILL_ALLOWED = ("start", "stop", "up")  # up makes and starts, and changes nothing of a machine that is there
DESTROYS = ("down", "destroy", "restore")
VERBS = {
    "down": "snapshots, checks and then destroys",
    "destroy": "destroys WITHOUT a new snapshot",
    "restore": "replaces all that is on",
}
TAG_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-")


@dataclass(frozen=True)
class Planner:
    """Makes plans; asks clouds, changes nothing."""

    clouds: Clouds
    memory: Memory
    settings: Callable[[], Settings]

    def plan(self, kind: str, which: Targets, options: Mapping[str, Any]) -> Plan:
        """What is to be done with machines that are there. Raises Problem."""
        check_options(kind, options)
        seen = look(self.clouds, self.settings)
        found, missed = seen.meant(which)
        if missed and (not found or kind in DESTROYS):
            raise Problem("; ".join([*map(seen.nothing, missed), *seen.troubles]))
        if not found:
            raise Problem("; ".join([f"nothing matches {which}", *seen.troubles]))
        one_each(found, which)
        self.refuse(kind, found)
        if kind in ("down", "snapshot"):
            refuse_namesakes(found, seen)
        if kind == "rename":
            self.refuse_taken(found[0], str(options["new_name"]), seen)
        warnings = [*map(seen.nothing, missed), *seen.troubles]
        units = tuple(self.unit(kind, machine, options) for machine in found)
        destroyed = [each for each, unit in zip(found, units, strict=True) if not unit.facts.get("stops")]
        destroys = kind in DESTROYS and bool(destroyed)
        if destroys:
            warnings += self.warnings(kind, destroyed)
        accounts = {name: self.clouds.of(name).identity() for name in {each.provider for each in found}}
        request = {"kind": kind, "which": str(which), "options": dict(options), "accounts": accounts}
        return Plan(kind, title(kind, found, options), units, destroys, tuple(warnings), request)

    def refuse(self, kind: str, found: Sequence[Machine]) -> None:
        """Raises Problem where something may not be done with one of the machines, or with so many."""
        most = self.settings().jobs.most_machines
        if len(found) > most:
            raise Problem(f"that is {len(found)} machines, and at most {most} are allowed at once: name fewer")
        for machine in found:
            if machine.provider == HOSTS:
                raise Problem(f"{machine.name} is a plain host: no cloud can {kind} it; .run works there")
            if value_for(machine.name, "protect", self.settings().machines) == STOP_ONLY and kind not in STILL_ALLOWED:
                raise Problem(f"{machine.name} is protected ({STOP_ONLY}): .stop and .start work, .{kind} never does")
            if machine.state == State.CREATING and kind != "destroy":
                raise Problem(f"{machine.name} (id {machine.id}) is still being made: wait for it")
        if kind == "rename" and len(found) > 1:
            raise Problem("one machine at a time can be given a new name")

    def refuse_taken(self, machine: Machine, new: str, seen: Inventory) -> None:
        """Raises Problem where a name is another machine's, or was, and its snapshots are still there."""
        same = [each for each in seen.machines if (each.name, each.provider) == (new, machine.provider)]
        if same:
            raise Problem(f"there is a {new} already (id {same[0].id}): choose another name")
        if self.memory.own(machine.provider, new):
            raise Problem(f"there are snapshots of an earlier {new}, which .up {new} brings back: choose another name")

    def unit(self, kind: str, machine: Machine, options: Mapping[str, Any]) -> Unit:
        """One machine, and what the workflow must know of it."""
        facts: dict[str, Any] = {}
        if kind == "down":
            facts = {"price": machine.price, "region": machine.region, "stops": self.only_stops(machine)}
        elif kind == "destroy":
            facts = {"price": machine.price, "region": machine.region}
        elif kind == "resize":
            size = self.size(machine, str(options["size"]), bool(options.get("disk")))
            facts = {"size": size, "disk": bool(options.get("disk"))}
        elif kind == "rename":
            facts = {"new_name": options["new_name"]}
        elif kind == "restore":
            image = self.image_to_restore(machine, str(options.get("image") or ""))
            facts = {"image": image.id, "image_name": image.name}
        elif kind == "stop":
            facts = {"force": bool(options.get("force"))}
        elif kind == "snapshot":
            facts = {"off": bool(options.get("off"))}
        elif kind == "tag":
            here = set(machine.tags)
            add = [each for each in options["add"] if each not in here]
            facts = {"add": add, "remove": [each for each in options["remove"] if each in here]}
        return Unit(machine.name, machine.provider, machine.id, facts)

    def only_stops(self, machine: Machine) -> bool:
        """Whether `.down` only stops this machine: asked for, or a stopped one costs nothing."""
        wanted = value_for(machine.name, "down", self.settings().machines)
        charged = Can.CHARGES_WHEN_OFF in self.clouds.of(machine.provider).provider.can
        return bool(wanted == "stop" or (not wanted and not charged))

    def size(self, machine: Machine, wanted: str, disk: bool) -> str:
        """A size that the machine can get. Raises Problem."""
        sizes = {each.slug: each for each in self.clouds.of(machine.provider).provider.sizes()}
        if wanted not in sizes:
            raise Problem(nearest_of("size", wanted, sizes))
        size = sizes[wanted]
        if machine.region not in size.regions or not size.available:
            raise Problem(
                f"{wanted} is not to be had in {machine.region}: .sizes {machine.region} lists those that are"
            )
        if wanted == machine.size:
            raise Problem(f"{machine.name} is {wanted} already")
        if size.disk < machine.disk:
            raise Problem(f"{wanted} has {size.disk} GB of disk and {machine.name} {machine.disk}: disks cannot shrink")
        return wanted

    def image_to_restore(self, machine: Machine, wanted: str) -> Image:
        """A snapshot of this machine: the newest, or the one that was named. Raises Problem."""
        images = self.snapshots_of(machine.provider, machine.name, machine.id)
        if wanted:
            named = [each for each in images if wanted in (each.id, each.name)]
            if not named:
                names = [each.name for each in images]
                raise Problem(nearest_of(f"snapshot of {machine.name}", wanted, names))
            return named[0]
        if not images:
            raise Problem(f"there is no snapshot of {machine.name}: .snapshot {machine.name} makes one")
        return images[0]

    def snapshots_of(self, provider: str, name: str, id: str = "") -> list[Image]:
        """The good snapshots of a machine, newest first: our own, and those of that very id."""
        cloud = self.clouds.of(provider)
        own = {each.image: each.machine for each in self.memory.own(provider)}
        # What we remember of a snapshot counts before its name, which does not change with its machine's.
        return [
            each
            for each in sorted(cloud.snapshots.newer(cloud.recent()), key=age, reverse=True)
            if each.available
            and each.size > 0
            and (own[each.id] == name if each.id in own else (id and each.of == id) or is_called(each, name))
        ]

    def warnings(self, kind: str, found: Sequence[Machine]) -> list[str]:
        """What to think of before something is destroyed."""
        told = []
        pointing = {each.machine for provider in {each.provider for each in found} for each in self.reserved(provider)}
        for machine in found:
            if machine.volumes:
                told.append(f"{machine.name} has {len(machine.volumes)} volumes, which no snapshot has; they stay")
            if kind == "restore":
                continue
            if machine.backups:
                told.append(f"the backups of {machine.name} go with it")
            if machine.id in pointing:
                told.append(f"{machine.name} has a reserved address, which costs while it points at nothing")
            if kind == "destroy" and not self.snapshots_of(machine.provider, machine.name, machine.id):
                told.append(f"THERE IS NO SNAPSHOT of {machine.name}")
        return told

    def reserved(self, provider: str) -> list[Reserved]:
        """A provider's reserved addresses; none where it has no such thing."""
        cloud = self.clouds.of(provider)
        return cloud.reserved.newer(cloud.recent())


def refuse_namesakes(found: Sequence[Machine], seen: Inventory) -> None:
    """Raises Problem where another machine has the same name: their snapshots could not be told apart."""
    for machine in found:
        same = [each.id for each in seen.machines if (each.name, each.provider) == (machine.name, machine.provider)]
        if len(same) > 1:
            raise Problem(
                f"{len(same)} machines are called {machine.name} (ids {', '.join(same)}), and nobody could "
                f"tell their snapshots apart: .rename id:{same[0]} NEW-NAME first"
            )


def check_options(kind: str, options: Mapping[str, Any]) -> None:
    """Raises Problem for what can be seen to be wrong before any cloud is asked."""
    if kind == "rename":
        check_name(str(options["new_name"]))
    if kind == "tag":
        for tag in (*options["add"], *options["remove"]):
            check_tag(tag)
        if not options["add"] and not options["remove"]:
            raise Problem("say which tags: +web adds one, -old takes one away")


def check_tag(tag: str) -> None:
    """Raises Problem unless people may give a machine this tag."""
    if not tag or len(tag) > 255 or not set(tag) <= TAG_LETTERS:
        raise Problem(f"{visible(tag)[:60]!r} is no tag: letters, digits, : _ and - make one")
    if tag.startswith(JOB_TAG):
        raise Problem(f"tags that begin with {JOB_TAG} are chanops' own")


def check_name(name: str) -> None:
    """Raises Problem unless a machine can be called so."""
    if not NAME.match(name):
        raise Problem(f"{visible(name)[:80]!r} is no name for a machine: {NAME_RULE}")


def nearest_of(what: str, wanted: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """There is no such thing; the nearest, or the command that lists them."""
    nearest = near(wanted, known)
    lists = f"; .{what}s lists those that there are" if what in ("size", "region", "image", "key") else ""
    return f"there is no {what} {visible(wanted)[:60]}" + (f"; did you mean {nearest}?" if nearest else lists)


def is_called(image: Image, machine: str) -> bool:
    """Whether a snapshot has the name that ours of that machine have."""
    found = OURS.match(image.name)
    return bool(found and found["machine"] == machine)


def age(image: Image) -> tuple[Any, int]:
    """What snapshots are sorted by."""
    return image.created, int(image.id) if image.id.isdecimal() else 0


def described(machine: Machine) -> str:
    """scraper-1 (id 481, fra1)."""
    return f"{machine.name} (id {machine.id}, {machine.region})"


def title(kind: str, found: Sequence[Machine], options: Mapping[str, Any]) -> str:
    """The plan in a few words."""
    names = ", ".join(each.name for each in found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")
    providers = ", ".join(sorted({each.provider for each in found}))
    added, removed = options.get("add", []), options.get("remove", [])
    more = {
        "resize": f" to {options.get('size')}",
        "rename": f" to {options.get('new_name')}",
        "tag": "".join([*(f" +{each}" for each in added), *(f" -{each}" for each in removed)]),
    }.get(kind, "")
    costs = sum(each.price for each in found)
    saves = f" · saves {an_hour(costs)}" if kind in ("down", "destroy") and costs else ""
    return f"{kind} {names}{more} ({providers}){saves}"


def question(plan: Plan, seen: Inventory) -> tuple[str, list[str]]:
    """What is shown before something is destroyed: machines with their ids, and what to think of; and all, where many.

    The second is empty unless the first leaves machines out.
    """
    by_id = {(each.provider, each.id): each for each in seen.machines}
    machines = [by_id.get((unit.provider, unit.id)) for unit in plan.units]
    stops = {(unit.provider, unit.id) for unit in plan.units if unit.facts.get("stops")}
    names = [described(each) for each in machines if each is not None and (each.provider, each.id) not in stops]
    stopped = [each.name for each in machines if each is not None and (each.provider, each.id) in stops]
    shown = names if len(names) <= MOST_NAMED else [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more"]
    listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
    warned = "".join(f"; {each}" for each in plan.warnings)
    image = f" with {plan.units[0].facts['image_name']}" if plan.kind == "restore" and len(names) == 1 else ""
    only = f"; it only stops {', '.join(stopped)}" if stopped else ""
    return f"this {VERBS[plan.kind]} {listed}{image}{only}{warned}", names if shown != names else []
