"""`.down` and `.destroy`: a machine goes, and nothing is lost unless it was asked for."""

import time

from chanops.core.errors import Problem
from chanops.core.machine_sections import value_for
from chanops.core.money import a_month, an_hour
from chanops.providers.base import Can, Image, Machine, State
from chanops.services.jobs.rows import Attention
from chanops.services.machines.memory import specification
from chanops.services.machines.moves import FRESH, RECENT, Tools, destroy, here, switch_off
from chanops.services.machines.snapshots import checked, prune, snapshot_name, take_snapshot


def only_stops(tools: Tools) -> bool:
    """Whether `.down` only stops this machine: asked for, or a stopped one costs nothing."""
    wanted = value_for(tools.name, "down", tools.settings().machines)
    return bool(wanted == "stop" or (not wanted and Can.CHARGES_WHEN_OFF not in tools.provider.can))


def down(tools: Tools) -> str:
    """Shut down, snapshot, check, destroy; after each crash, on from where it was."""
    work, id = tools.work, tools.work.unit.id
    if only_stops(tools):
        switch_off(tools, id)
        return "is off"
    price = float(work.fact("price", 0.0))
    image = work.done("checked")
    if image is None:
        machine = remember(tools, id)
        tools.refuse_protected()
        switch_off(tools, id)
        found = take_snapshot(tools, machine)
        image = work.once("checked", lambda: [found.id, found.name, found.size])
    destroy(tools, id, lambda: sure(tools, id))
    pruned = prune(tools)
    cost = image[2] * tools.cloud.settings.snapshot_price
    return f"is down: snapshot {image[1]} ({image[2]:g} GB, {a_month(cost)}), saves {an_hour(price)}" + (
        f"; {pruned} old snapshot{'s' * (pruned > 1)} deleted" if pruned else ""
    )


def remember(tools: Tools, id: str) -> Machine:
    """Keep how the machine was made, before anything is done to it."""
    machine = here(tools, id, FRESH)
    known = tools.memory.recall(tools.provider.name, tools.name)
    reserved = tools.work.once("reserved", lambda: pointing_at(tools, id))
    found = specification(machine, known.script if known else "", tuple(reserved))
    tools.memory.remember(tools.provider.name, tools.name, found)
    return machine


def pointing_at(tools: Tools, id: str) -> list[str]:
    """The reserved addresses of a machine."""
    found = tools.cloud.reserved.newer(time.monotonic() - RECENT, check=tools.work.check)
    return [each.address for each in found if each.machine == id]


def sure(tools: Tools, id: str) -> None:
    """Raises unless, just now, the machine is off and its snapshot is there, complete and not empty."""
    machine = tools.work.patiently(lambda: tools.machine(id, time.monotonic() - FRESH))
    if machine is None:
        return  # there is nothing to destroy; that is found out next
    if machine.state != State.OFF:
        raise Attention(
            f"(id {id}) was switched on after its snapshot: it is kept, since it may have done something since; "
            f".down {tools.name} again takes a new one"
        )
    image: Image | None = checked(tools, machine, snapshot_name(tools), time.monotonic() - FRESH)
    if image is None:
        raise Attention(f"(id {id}) is off and kept: its snapshot was there and is not any more")


def destroy_only(tools: Tools) -> str:
    """Destroy a machine without a snapshot of now: that was asked for, and confirmed."""
    id = tools.work.unit.id
    if tools.work.last("destroy") is None:
        machine = remember(tools, id)
        if machine.name != tools.name:
            raise Problem(f"(id {id}) is called {machine.name} now: ask again")
    destroy(tools, id, lambda: None)
    return f"is destroyed, saves {an_hour(float(tools.work.fact('price', 0.0)))}"
