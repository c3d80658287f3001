"""`.down` and `.destroy`: a machine goes, and nothing is lost unless it was asked for."""

import json
import time

from chanops.core.money import a_month, an_hour
from chanops.providers.base import Image, Machine, State
from chanops.services.jobs.rows import Attention
from chanops.services.machines import host_keys
from chanops.services.machines.memory import specification
from chanops.services.machines.moves import FRESH, RECENT, Tools, destroy, here, itself, switch_off
from chanops.services.machines.snapshots import checked, prune, snapshot_name, take_snapshot

WHOLE_PAGE = 100  # so many actions may be only the newest of what there was: then the machine's own are asked for


def down(tools: Tools) -> str:
    """Shut down, snapshot, check, destroy; after each crash, on from where it was."""
    work, id = tools.work, tools.work.unit.id
    if work.fact("stops"):
        switch_off(tools, id)
        return "is off"
    price = float(work.fact("price", 0.0))
    image = work.done("checked")
    if image is None:
        machine = remember(tools, id)
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
    machine = itself(tools, id)
    if machine is None:
        return  # there is nothing to destroy; that is found out next
    used = used_since(tools, id)
    if machine.state != State.OFF or used:
        raise Attention(
            f"(id {id}) was used after its snapshot ({used or f'it is {machine.state}'}): it is kept, for what it did "
            f"is in none; .down {tools.name} again takes a new one"
        )
    image: Image | None = checked(tools, machine, snapshot_name(tools), time.monotonic())
    if image is None:
        raise Attention(f"(id {id}) is off and kept: its snapshot was there and is not any more")


def used_since(tools: Tools, id: str) -> str:
    """What was done with the machine after its snapshot was begun, by whomever; "" where nothing was."""
    taken = tools.work.done("snapshot") or {}
    ours = {str(tools.work.done(step)) for step in ("shutdown", "power-off")} | {str(taken.get("action"))}
    step = tools.work.last("snapshot")
    before = json.loads(step.asked) if step is not None else None
    since = int(taken.get("action") or (before or {}).get("newest", 0))
    found = [each for each in tools.actions(time.monotonic()) if each.id.isdecimal()]
    if len(found) >= WHOLE_PAGE and all(int(each.id) > since for each in found):
        found = [each for each in tools.provider.machine_actions(id) if each.id.isdecimal()]
    new = [each for each in found if each.machine == id and int(each.id) > since and each.id not in ours]
    return ", ".join(each.kind for each in new if each.kind not in ("snapshot", "destroy"))


def destroy_only(tools: Tools) -> str:
    """Destroy a machine without a snapshot of now: that was asked for, and confirmed."""
    id = tools.work.unit.id
    if tools.work.last("destroy") is None:
        remember(tools, id)
    destroy(tools, id, lambda: itself(tools, id))
    tools.memory.forget(tools.provider.name, tools.name)
    host_keys.forget(tools)
    return f"is destroyed, saves {an_hour(float(tools.work.fact('price', 0.0)))}"
