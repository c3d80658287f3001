"""What every workflow is made of: off, on, a checked snapshot, the end. Each may be cut off and begun again."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from chanops.core.errors import Problem
from chanops.core.machine_sections import value_for
from chanops.core.sections import Settings
from chanops.core.text import spoken
from chanops.providers.base import Action, Can, Image, Machine, NotFound, Provider, ProviderError, State
from chanops.services.jobs.rows import Attention
from chanops.services.jobs.work import Late, Work
from chanops.services.machines.clouds import Cloud, Clouds
from chanops.services.machines.memory import Memory

T = TypeVar("T")
PER_GB, LONGEST = timedelta(minutes=3), timedelta(hours=6)
FRESH = 3.0  # seconds: how old a view may be on which a machine is destroyed
SHORT = 5.0  # seconds of grace for what may be asked twice without harm
OURS = re.compile(r"(?P<machine>.+)-(?P<at>[0-9]{8}T[0-9]{6}Z)-j(?P<job>[0-9]+)\Z")
STOP_ONLY = "stop-only"


@dataclass(frozen=True)
class Tools:
    """What a workflow has in its hands."""

    work: Work
    clouds: Clouds
    memory: Memory
    settings: Callable[[], Settings]

    @property
    def cloud(self) -> Cloud:
        """The machine's account."""
        return self.clouds.of(self.work.unit.provider)

    @property
    def provider(self) -> Provider:
        """The machine's provider."""
        return self.cloud.provider

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.work.unit.name

    def machines(self, than: float, began: float | None = None) -> list[Machine]:
        """All machines of the account, as they were after a time."""
        waited = time.monotonic() - began if began is not None else 0.0
        return self.cloud.machines.newer(than, self.cloud.interval(waited), self.work.check)

    def machine(self, id: str, than: float, began: float | None = None) -> Machine | None:
        """The machine with that id; None where it is not listed."""
        return next((each for each in self.machines(than, began) if each.id == id), None)

    def snapshots(self, than: float, began: float | None = None) -> list[Image]:
        """All snapshots of the account, as they were after a time."""
        waited = time.monotonic() - began if began is not None else 0.0
        return self.cloud.snapshots.newer(than, self.cloud.interval(waited), self.work.check)

    def actions(self, than: float, began: float | None = None) -> list[Action]:
        """The newest actions of the account, as they were after a time."""
        waited = time.monotonic() - began if began is not None else 0.0
        return self.cloud.actions.newer(than, self.cloud.interval(waited), self.work.check)

    def wait(self, name: str, seconds: float, find: Callable[[float, float], T | None]) -> T:
        """Wait for something; `find` gets the time after which its view must be taken, and when the wait began."""
        began = time.monotonic()
        return self.work.wait(name, timedelta(seconds=seconds), lambda than: find(than, began))

    def refuse_protected(self) -> None:
        """Raises where the machine may only be stopped: asked again just before it would be changed."""
        if value_for(self.name, "protect", self.settings().machines) == STOP_ONLY:
            raise Problem(f"is protected ({STOP_ONLY}): nothing was changed")


def newest_action(tools: Tools) -> dict[str, int]:
    """What is stored before something is begun, so that what was begun can be told from what was there."""
    found = tools.actions(time.monotonic() - SHORT)
    return {"newest": max((int(each.id) for each in found if each.id.isdecimal()), default=0)}


def begun(tools: Tools, id: str, kind: str, asked: Any) -> str | None:
    """The action of that kind which was begun on a machine since."""
    since = int((asked or {}).get("newest", 0))
    found = [each for each in tools.actions(time.monotonic()) if each.machine == id and each.kind == kind]
    return next((each.id for each in found if each.id.isdecimal() and int(each.id) > since), None)


def begin(tools: Tools, step: str, id: str, kind: str, do: Callable[[], str], grace: float = SHORT) -> str:
    """Begin an action, once; its id."""
    return tools.work.act(
        step,
        do,
        lambda asked: begun(tools, id, kind, asked),
        grace=grace,
        asked=lambda: newest_action(tools),
    )


def see_ended(tools: Tools, name: str, seconds: float, action: str) -> str:
    """Wait until an action has ended: "done" or "failed"."""

    def find(than: float, began: float) -> str | None:
        listed = next((each for each in tools.actions(than, began) if each.id == action), None)
        if listed is None:
            listed = tools.provider.action(action)
        return listed.state if listed.state != "running" else None

    return tools.wait(name, seconds, find)


def see_state(tools: Tools, name: str, seconds: float, id: str, state: State) -> bool:
    """Wait until a machine is in a state; it is the state that counts, since actions end too early."""

    def find(than: float, began: float) -> bool | None:
        machine = tools.machine(id, than, began)
        return True if machine is not None and machine.state == state else None

    return tools.wait(name, seconds, find)


def here(tools: Tools, id: str) -> Machine:
    """The machine as it is now. Raises Problem where it is gone."""
    found = tools.work.patiently(lambda: tools.machine(id, time.monotonic()))
    if found is None:
        try:
            found = tools.work.patiently(lambda: tools.provider.machine(id))
        except NotFound:
            raise Problem("is gone: somebody else destroyed it") from None
    return found


def switch_off(tools: Tools, id: str) -> None:
    """Shut a machine down; where it does not go off in its time, cut its power."""
    if here(tools, id).state == State.OFF:
        return
    tools.work.say("is shutting down")
    begin(tools, "shutdown", id, "shutdown", lambda: tools.provider.shut_down(id))
    seconds = tools.cloud.settings.shutdown
    try:
        see_state(tools, "off", seconds, id, State.OFF)
    except Late:
        if Can.HARD_STOP not in tools.provider.can:
            raise
        tools.work.say(f"did not shut down within {spoken(timedelta(seconds=seconds))}; its power is being cut")
        begin(tools, "power-off", id, "power_off", lambda: tools.provider.cut_power(id))
        try:
            see_state(tools, "off after power-off", seconds, id, State.OFF)
        except Late:
            raise Attention(
                f"(id {id}) neither shuts down nor loses its power; nothing else was done: look at it in the cloud's "
                "own pages, then ask again"
            ) from None
    tools.work.say("is off")


def switch_on(tools: Tools, id: str, step: str = "start") -> Machine:
    """Start a machine; the machine as it runs."""
    if here(tools, id).state != State.RUNNING:
        tools.work.say("is starting")
        begin(tools, step, id, "power_on", lambda: tools.provider.start(id))
        try:
            see_state(tools, f"running after {step}", tools.cloud.settings.create, id, State.RUNNING)
        except Late as late:
            raise Attention(f"(id {id}) does not start: {late}; .machines shows it, .start tries again") from None
    return here(tools, id)


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


def destroy(tools: Tools, id: str, sure: Callable[[], None]) -> None:
    """Destroy a machine; `sure` raises where it must not be, and is asked just before, each time."""

    def do() -> str:
        tools.refuse_protected()
        sure()
        with suppress(NotFound):
            tools.provider.destroy(id)
        return id

    tools.work.say("is being destroyed")
    tools.work.act("destroy", do, lambda _: gone(tools, id), grace=SHORT)
    tools.wait("gone", 5 * 60, lambda than, began: True if tools.machine(id, than, began) is None else None)


def gone(tools: Tools, id: str) -> str | None:
    """The id, once there is no such machine."""
    try:
        tools.provider.machine(id)
    except NotFound:
        return id
    return None


def prune(tools: Tools) -> int:
    """Delete our own snapshots of a machine beyond those that are kept; how many."""
    listed_now = {each.id for each in tools.work.patiently(lambda: tools.snapshots(time.monotonic() - FRESH))}
    own = [each for each in tools.memory.own(tools.provider.name, tools.name) if each.image in listed_now]
    count = 0
    for old in own[max(1, tools.cloud.settings.keep) :]:
        try:
            do = partial(delete_image, tools, old.image)
            tools.work.act(f"prune {old.image}", do, lambda _: None, grace=0)
        except ProviderError as error:
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
