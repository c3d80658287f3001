"""Snapshots that are really there: taken, seen complete, remembered as our own, and the old ones deleted."""

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from chanops.core.errors import Problem
from chanops.providers.base import Image, Machine, NotFound, ProviderError
from chanops.services.jobs.rows import Attention
from chanops.services.jobs.work import Late
from chanops.services.machines.moves import FRESH, Tools, begun, newest_action, see_ended

PER_GB, LONGEST = timedelta(minutes=3), timedelta(hours=6)


def snapshot_seconds(tools: Tools, disk: int) -> float:
    """How long a snapshot may take."""
    return min(LONGEST.total_seconds(), max(tools.cloud.settings.least_snapshot, disk * PER_GB.total_seconds()))


def snapshot_name(tools: Tools) -> str:
    """What our snapshots are called: the machine, when, and the job; the same in all of the job's lives."""
    at = datetime.now(UTC)
    name: str = tools.work.once("name", lambda: f"{tools.name}-{at:%Y%m%dT%H%M%SZ}-j{tools.work.job}")
    return name


def take_snapshot(tools: Tools, machine: Machine) -> Image:
    """A snapshot that is really there: completed, listed, available, with a size. Else Attention, and all is kept."""
    name = snapshot_name(tools)
    tools.work.say(f"its snapshot {name} is being taken")
    begun_as = tools.work.act(
        "snapshot",
        lambda: {"action": tools.provider.snapshot(machine.id, name)},
        lambda asked: snapshot_begun(tools, machine.id, name, asked),
        grace=tools.cloud.settings.grace,
        asked=lambda: newest_action(tools),
    )
    kept = f"the machine (id {machine.id}) is kept, and costs as before"
    try:
        if begun_as.get("action"):
            ended = see_ended(tools, "snapshot taken", snapshot_seconds(tools, machine.disk), str(begun_as["action"]))
            if ended == "failed":
                raise Problem(f"its snapshot failed at the cloud; {kept}")
        seconds = max(30.0, 5 * tools.cloud.settings.grace)
        id = tools.wait("snapshot listed", seconds, lambda than, began: listed(tools, machine.id, name, than, began))
    except Late as late:
        raise Attention(
            f"no snapshot {name} that is complete, listed and not empty: {late}; {kept}: see .snapshots {tools.name}, "
            f"then .down {tools.name} again"
        ) from None
    image = checked(tools, machine, name, time.monotonic() - FRESH)
    if image is None or image.id != id:
        raise Attention(f"its snapshot {name} was there and is not any more; {kept}")
    tools.memory.note_snapshot(tools.provider.name, tools.name, image, tools.work.job)
    tools.work.say(f"its snapshot {name} is checked ({image.size:g} GB)")
    return image


def snapshot_begun(tools: Tools, id: str, name: str, asked: Any) -> dict[str, str] | None:
    """What came of a snapshot that was asked for: an action, or the snapshot itself."""
    action = begun(tools, id, "snapshot", asked)
    if action is not None:
        return {"action": action}
    found = [each for each in tools.snapshots(time.monotonic()) if each.name == name and each.of == id]
    return {"image": found[0].id} if found else None


def listed(tools: Tools, id: str, name: str, than: float, began: float) -> str | None:
    """The snapshot's id once it is one that a machine can be made from."""
    found = [each for each in tools.snapshots(than, began) if good(each, id, name)]
    return max((each.id for each in found), key=int, default=None)


def good(image: Image, of: str, name: str) -> bool:
    """Whether a snapshot is that machine's, complete, and not empty."""
    return image.name == name and image.of == of and image.available and image.size > 0 and bool(image.regions)


def checked(tools: Tools, machine: Machine, name: str, than: float) -> Image | None:
    """The snapshot as it is listed now, if a machine like this one can be made from it."""
    found = tools.work.patiently(lambda: tools.snapshots(than))
    fits = [each for each in found if good(each, machine.id, name) and each.least_disk <= (machine.disk or 1 << 30)]
    return max(fits, key=lambda each: int(each.id), default=None)


def prune(tools: Tools) -> int:
    """Delete our own snapshots of a machine beyond those that are kept, never one of this job's; how many.

    What cannot be deleted is told on the job's page and stays: the machine's part is done all the same.
    """
    count = 0
    try:
        listed_now = {each.id for each in tools.work.patiently(lambda: tools.snapshots(time.monotonic() - FRESH))}
    except (ProviderError, Attention) as error:
        tools.work.say(f"its old snapshots were not looked at: {error}")
        return 0
    own = [each for each in tools.memory.own(tools.provider.name, tools.name) if each.image in listed_now]
    for old in own[max(1, tools.cloud.settings.keep) :]:
        if old.job == tools.work.job:
            continue
        try:
            do = partial(delete_image, tools, old.image)
            tools.work.act(f"prune {old.image}", do, lambda _: None, grace=0)
        except (ProviderError, Attention, Late) as error:
            tools.work.say(f"its old snapshot {old.name} could not be deleted: {error}")
            continue
        tools.memory.forget_snapshot(tools.provider.name, old.image)
        count += 1
    return count


def delete_image(tools: Tools, id: str) -> str:
    """Delete an image; one that is gone is gone."""
    with suppress(NotFound):
        tools.provider.delete_image(id)
    return id
