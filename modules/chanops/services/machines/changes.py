"""The other things that are done with a machine, each from its beginning to its end."""

from collections.abc import Callable
from datetime import timedelta

from chanops.core.errors import Problem
from chanops.core.text import spoken
from chanops.providers.base import Machine, State
from chanops.services.database import NotStored
from chanops.services.jobs.rows import Attention
from chanops.services.jobs.work import Late
from chanops.services.machines import host_keys
from chanops.services.machines.memory import specification
from chanops.services.machines.moves import Tools, begin, cut_power, here, itself, see_ended, switch_off, switch_on
from chanops.services.machines.snapshots import prune, take_snapshot

SHORTLY = 15 * 60.0  # seconds that a small change may take


def start(tools: Tools) -> str:
    """Power on."""
    return f"runs at {switch_on(tools, tools.work.unit.id).address}"


def stop(tools: Tools) -> str:
    """Shut down; with `force`, cut the power at once."""
    id = tools.work.unit.id
    if tools.work.fact("force"):
        if here(tools, id).state != State.OFF:
            cut_power(tools, id, "off")
    else:
        switch_off(tools, id)
    return "is off"


def reboot(tools: Tools) -> str:
    """Reboot a machine that runs."""
    change(tools, "reboot", "reboot", lambda id: tools.provider.reboot(id))
    return f"was rebooted, runs at {here(tools, tools.work.unit.id).address}"


def rename(tools: Tools) -> str:
    """Another name, also for what is remembered."""
    new = str(tools.work.fact("new_name"))
    change(tools, "rename", "rename", lambda id: tools.provider.rename(id, new))
    tools.memory.rename(tools.provider.name, tools.name, new)
    host_keys.rename(tools, new)
    return f"is called {new} now"


def resize(tools: Tools) -> str:
    """Another size: off, resized, and on again if it was on."""
    id, size = tools.work.unit.id, str(tools.work.fact("size"))
    ran = tools.work.once("ran", lambda: [here(tools, id).state != State.OFF])[0]
    switch_off(tools, id)
    disk = bool(tools.work.fact("disk"))
    change(tools, "resize", "resize", lambda id: tools.provider.resize(id, size, disk))
    if ran:
        switch_on(tools, id)
    machine = remember_now(tools, id)
    return f"is {machine.size} now" + (f", runs at {machine.address}" if ran else ", is off")


def snapshot(tools: Tools) -> str:
    """A checked snapshot; of a machine that runs unless `off` was asked for, then it is on again afterwards."""
    id = tools.work.unit.id
    machine = remember_now(tools, id)
    ran = tools.work.once("ran", lambda: [machine.state != State.OFF])[0]
    if tools.work.fact("off"):
        switch_off(tools, id)
    on_again = tools.work.fact("off") and ran
    try:
        image = take_snapshot(tools, machine)
    except NotStored:
        raise  # it is tried again, from here
    except Problem:
        if on_again:
            switch_on(tools, id)
        raise
    if on_again:
        switch_on(tools, id)
    pruned = prune(tools)
    told = f"; {pruned} old one{'s' * (pruned > 1)} deleted" if pruned else ""
    return f"snapshot {image.name} ({image.size:g} GB){told}"


def restore(tools: Tools) -> str:
    """Put a snapshot on the machine: what it has is lost; that was confirmed."""
    image = str(tools.work.fact("image"))

    def rebuild(id: str) -> str:
        itself(tools, id)
        return tools.provider.rebuild(id, image)

    change(tools, "rebuild", "rebuild", rebuild)
    machine = switch_on(tools, tools.work.unit.id, "start after rebuild")
    return f"is as in {tools.work.fact('image_name')}, runs at {machine.address}"


def tag(tools: Tools) -> str:
    """More tags, or fewer."""
    id, add, remove = tools.work.unit.id, tools.work.fact("add", []), tools.work.fact("remove", [])

    def do() -> str:
        tools.provider.tag(id, add, remove)
        return id

    tools.work.act("tag", do, lambda _: None, grace=0)
    machine = remember_now(tools, id)
    return f"has the tags {', '.join(machine.tags)}" if machine.tags else "has no tags"


def change(tools: Tools, step: str, kind: str, do: Callable[[str], str]) -> None:
    """Begin a change and see how it ends. Raises Problem where it failed."""
    id = tools.work.unit.id
    action = begin(tools, step, id, kind, lambda: do(id), tools.cloud.settings.grace)
    tools.work.say(f"{step} is under way")
    try:
        ended = see_ended(tools, f"{step} done", SHORTLY, action)
    except Late:
        raise Attention(
            f"(id {id}) is not through with {step} after {spoken(timedelta(seconds=SHORTLY))}: .machines shows it"
        ) from None
    if ended == "failed":
        raise Problem(f"{step} failed at the cloud; the machine (id {id}) is as it was")


def remember_now(tools: Tools, id: str) -> Machine:
    """Keep how the machine is made now."""
    machine = here(tools, id)
    known = tools.memory.recall(tools.provider.name, tools.name)
    found = specification(machine, known.script if known else "", known.reserved if known else ())
    tools.memory.remember(tools.provider.name, machine.name, found)
    return machine
