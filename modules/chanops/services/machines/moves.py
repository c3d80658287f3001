"""What every workflow is made of: off, on, a checked snapshot, the end. Each may be cut off and begun again."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from chanops.core.errors import Problem
from chanops.core.machine_sections import value_for
from chanops.core.sections import Settings
from chanops.core.text import spoken
from chanops.providers.base import Action, BadRequest, Can, Image, Machine, NotFound, Provider, State
from chanops.services.jobs.rows import Attention
from chanops.services.jobs.work import Late, Work
from chanops.services.machines.clouds import Cloud
from chanops.services.machines.memory import Memory
from chanops.services.remote.reach import Reach

T = TypeVar("T")
FRESH = 3.0  # seconds: how old a view may be on which a machine is destroyed
RECENT = 30.0  # seconds: how old a view of what seldom changes may be
AT_ONCE = 0.1  # seconds between two looks that cannot wait: many who need one then share it
SHORT = 5.0  # seconds of grace for what may be asked twice without harm
OURS = re.compile(r"(?P<machine>.+)-(?P<at>[0-9]{8}T[0-9]{6}Z)-j(?P<job>[0-9]+)\Z")
STOP_ONLY = "stop-only"


@dataclass(frozen=True)
class Tools:
    """What a workflow has in its hands."""

    work: Work
    cloud: Cloud  # the machine's account; it stays the same for this job, whatever a reload changes
    memory: Memory
    settings: Callable[[], Settings]
    reach: Reach

    @property
    def provider(self) -> Provider:
        """The machine's provider."""
        return self.cloud.provider

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.work.unit.name

    def pace(self, began: float | None) -> float:
        """Seconds between two looks: few where one is needed now, more and more where something is waited for."""
        if began is None:
            return min(AT_ONCE, self.cloud.settings.poll / 4)
        return self.cloud.interval(time.monotonic() - began)

    def machines(self, than: float, began: float | None = None) -> list[Machine]:
        """All machines of the account, as they were after a time; `began` is when a wait for something began."""
        return self.cloud.machines.newer(than, self.pace(began), self.work.check)

    def machine(self, id: str, than: float, began: float | None = None) -> Machine | None:
        """The machine with that id; None where it is not listed."""
        return next((each for each in self.machines(than, began) if each.id == id), None)

    def snapshots(self, than: float, began: float | None = None) -> list[Image]:
        """All snapshots of the account, as they were after a time."""
        return self.cloud.snapshots.newer(than, self.pace(began), self.work.check)

    def actions(self, than: float, began: float | None = None) -> list[Action]:
        """The newest actions of the account, as they were after a time."""
        return self.cloud.actions.newer(than, self.pace(began), self.work.check)

    def wait(self, name: str, seconds: float, find: Callable[[float, float], T | None]) -> T:
        """Wait for something; `find` gets the time after which its view must be taken, and when the wait began."""
        began = time.monotonic()
        return self.work.wait(name, timedelta(seconds=seconds), lambda than: find(than, began))

    def refuse_protected(self, *also: str) -> None:
        """Raises where the machine may only be stopped, by its name or another: asked again just before a change."""
        for name in (self.name, *also):
            if value_for(name, "protect", self.settings().machines) == STOP_ONLY:
                raise Problem(f"is protected ({STOP_ONLY}): nothing was changed")


def newest_action(tools: Tools) -> dict[str, int]:
    """What is stored before something is begun, so that what was begun can be told from what was there."""
    found = tools.actions(time.monotonic())
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


def bring(
    tools: Tools, step: str, id: str, kind: str, do: Callable[[], str], state: State, wait: str, seconds: float
) -> None:
    """Begin what brings a machine into a state, and see it there.

    A cloud refuses to switch off what is off: a refusal counts only where the state does not show all the same.
    """
    refused: BadRequest | None = None
    try:
        begin(tools, step, id, kind, do)
    except BadRequest as error:
        refused, seconds = error, min(seconds, tools.cloud.settings.grace)
    try:
        see_state(tools, wait, seconds, id, state)
    except Late:
        if refused is not None:
            raise refused from None
        raise


def here(tools: Tools, id: str, old: float = 0.0) -> Machine:
    """The machine as it is now, or was not more than `old` seconds ago. Raises Problem where it is gone."""
    found = tools.work.patiently(lambda: tools.machine(id, time.monotonic() - old))
    if found is None:
        try:
            found = tools.work.patiently(lambda: tools.provider.machine(id))
        except NotFound:
            raise Problem("is gone: somebody else destroyed it") from None
    return found


def switch_off(tools: Tools, id: str) -> None:
    """Shut a machine down; where it does not go off in its time, cut its power."""
    if here(tools, id, FRESH).state == State.OFF:
        tools.work.power = "is off"
        return
    tools.work.power = ""
    tools.work.say("is shutting down")
    seconds = tools.cloud.settings.shutdown
    try:
        bring(tools, "shutdown", id, "shutdown", lambda: tools.provider.shut_down(id), State.OFF, "off", seconds)
    except Late:
        if Can.HARD_STOP not in tools.provider.can:
            raise
        tools.work.say(f"did not shut down within {spoken(timedelta(seconds=seconds))}; its power is being cut")
        try:
            cut_power(tools, id, "off after power-off")
        except Late:
            raise Attention(
                f"(id {id}) neither shuts down nor loses its power; nothing else was done: look at it in the cloud's "
                "own pages, then ask again"
            ) from None
    tools.work.say("is off")
    tools.work.power = "is off"


def cut_power(tools: Tools, id: str, wait: str) -> None:
    """Cut a machine's power, and see that it is off."""
    seconds = tools.cloud.settings.shutdown
    bring(tools, "power-off", id, "power_off", lambda: tools.provider.cut_power(id), State.OFF, wait, seconds)


def switch_on(tools: Tools, id: str, step: str = "start") -> Machine:
    """Start a machine; the machine as it runs."""
    if here(tools, id, FRESH).state != State.RUNNING:
        tools.work.power = ""
        tools.work.say("is starting")
        wait, seconds = f"running after {step}", tools.cloud.settings.create
        try:
            bring(tools, step, id, "power_on", lambda: tools.provider.start(id), State.RUNNING, wait, seconds)
        except Late as late:
            raise Attention(f"(id {id}) does not start: {late}; .machines shows it, .start tries again") from None
    return here(tools, id)


def destroy(tools: Tools, id: str, sure: Callable[[], object]) -> None:
    """Destroy a machine; `sure` looks at it and raises where it must be kept: it is asked just before, each time."""

    def do() -> str:
        sure()
        with suppress(NotFound):
            tools.provider.destroy(id)
        return id

    tools.work.say("is being destroyed")
    tools.work.act("destroy", do, lambda _: gone(tools, id), grace=SHORT)
    tools.work.power = "is destroyed"
    tools.wait("gone", 5 * 60, lambda than, began: True if tools.machine(id, than, began) is None else None)


def itself(tools: Tools, id: str) -> Machine | None:
    """The machine as the cloud has it this moment, by its id; None where it is gone.

    Raises Problem where it has another name than the one that was planned with, or is protected: it may have been
    renamed in the cloud's own pages, and then another plan would be right.
    """
    try:
        machine = tools.provider.machine(id)
    except NotFound:
        return None
    tools.refuse_protected(machine.name)
    if machine.name != tools.name:
        raise Problem(f"(id {id}) is called {machine.name} now, and was kept: ask again by that name")
    return machine


def gone(tools: Tools, id: str) -> str | None:
    """The id, once there is no such machine."""
    try:
        tools.provider.machine(id)
    except NotFound:
        return id
    return None
