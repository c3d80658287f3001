"""`.up`: a machine comes, from its newest snapshot or as it is configured; never two of them."""

import json
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chanops.core.errors import Problem
from chanops.core.machine_sections import value_for
from chanops.core.text import spoken
from chanops.providers.base import Can, Machine, NotFound, Order, ProviderError, Quota, State
from chanops.services.jobs.journal import now
from chanops.services.jobs.rows import Attention, done_lately
from chanops.services.jobs.work import Late
from chanops.services.machines.host_keys import GivenKey, expect, see_answering
from chanops.services.machines.memory import JOB_TAG, Specification, specification
from chanops.services.machines.moves import FRESH, SHORT, Tools, here, switch_on


def up(tools: Tools) -> str:
    """Start what is off, make what is not there."""
    if tools.work.unit.id:
        machine = switch_on(tools, tools.work.unit.id)
        return f"{machine.address} (was off){see_answering(tools, machine)}"
    key, grace = GivenKey(tools, order_of(tools).script), tools.cloud.settings.grace
    id = tools.work.act("create", lambda: create(tools, key), lambda _: made(tools), grace=grace, asked=key.asked)
    tools.work.say(f"is being made (id {id})")
    tools.work.once("host key", lambda: expect(tools))
    machine = see_running(tools, id)
    no_second(tools, id)
    tools.work.say(f"runs at {machine.address}")
    told = point(tools, machine)
    tools.memory.remember(
        tools.provider.name, tools.name, specification(machine, order_of(tools).script, reserved_of(tools))
    )
    return f"{machine.address}{told}{see_answering(tools, machine)}"


def order_of(tools: Tools) -> Order:
    """What is to be made; the job's number is on it, by which it is found again."""
    facts: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in tools.work.fact("order").items()
    }
    facts["tags"] = (*facts["tags"], f"{JOB_TAG}{tools.work.job}")
    return Order(name=tools.name, **facts)


def create(tools: Tools, key: GivenKey) -> str:
    """Ask for the machine, unless somebody has the name by now; its id."""
    order = order_of(tools)
    for each in tools.machines(time.monotonic() - SHORT):
        if each.name == order.name:
            if order.tags[-1] in each.tags:
                return each.id
            raise Problem(f"there is one of that name by now (id {each.id}): nothing was made")
    for id in made_lately(tools):
        with suppress(NotFound):
            if tools.provider.machine(id).name == order.name:
                raise Problem(f"there is one of that name by now (id {id}): nothing was made")
    try:
        return tools.provider.create(replace(order, script=key.script)).id
    except Quota as error:
        raise Quota(f"{error}: ask the cloud for more, or take something down") from None


def made_lately(tools: Tools) -> list[str]:
    """What other jobs have made under this name so lately that a list need not have it yet."""
    since = now() - round(1000 * tools.cloud.settings.grace)
    with tools.work.journal.database.read() as connection:
        return [str(json.loads(each)) for each in done_lately(connection, tools.work.job, tools.name, "create", since)]


def made(tools: Tools) -> str | None:
    """The machine that this job has made under this name, if it is listed."""
    tag = f"{JOB_TAG}{tools.work.job}"
    found = [each for each in tools.machines(time.monotonic()) if each.name == tools.name and tag in each.tags]
    return min((each.id for each in found), key=int, default=None)


def see_running(tools: Tools, id: str) -> Machine:
    """Wait until it runs and has an address."""
    seconds = tools.cloud.settings.create

    def find(than: float, began: float) -> str | None:
        machine = tools.machine(id, than, began)
        if machine is not None and machine.state in (State.FAILED, State.GONE):
            raise Problem(f"(id {id}) failed at the cloud while it was made; .destroy id:{id} takes it away")
        return machine.address or None if machine is not None and machine.state == State.RUNNING else None

    try:
        address = tools.wait("running", seconds, find)
    except Late:
        raise Attention(
            f"(id {id}) was asked for and does not run within {spoken(timedelta(seconds=seconds))}: it may cost; "
            f".machines {tools.name} shows it, .destroy id:{id} takes it away"
        ) from None
    return replace(here(tools, id, FRESH), address=address)  # the next list may lag, and have none yet


def no_second(tools: Tools, id: str) -> None:
    """Raises where this job made more than one: no cloud's list is to be believed at once."""
    tag = f"{JOB_TAG}{tools.work.job}"
    machines = tools.work.patiently(lambda: tools.machines(time.monotonic()))
    found = [each.id for each in machines if each.name == tools.name and tag in each.tags]
    others = [each for each in found if each != id]
    if others:
        raise Attention(
            f"runs (id {id}), and was made twice: {', '.join(f'id {each}' for each in others)} costs as well; "
            + " ".join(f".destroy id:{each}" for each in others)
        )


def reserved_of(tools: Tools) -> tuple[str, ...]:
    """The reserved addresses that are to point at it: as configured, else as they did before."""
    wanted = str(value_for(tools.name, "reserved_address", tools.settings().machines))
    known = tools.memory.recall(tools.provider.name, tools.name) or Specification()
    return (wanted,) if wanted else known.reserved


def point(tools: Tools, machine: Machine) -> str:
    """Have reserved addresses and a DNS record point at the new machine; what is said about that.

    Where that fails the machine is up all the same, and it is said.
    """
    told = ""
    for address in reserved_of(tools) if Can.RESERVED_ADDRESSES in tools.provider.can else ():
        try:
            point_address(tools, machine, address)
            told += f", {address} points at it"
        except ProviderError as error:
            told += f", but {address} does not point at it: {error}"
    record = str(value_for(tools.name, "dns", tools.settings().machines))
    if record and Can.DNS in tools.provider.can:
        try:
            tools.work.act("dns", lambda: point_dns(tools, record, machine.address), lambda _: None, grace=0)
            told += f", {record} names it"
        except ProviderError as error:
            told += f", but {record} does not name it: {error}"
    return told


def point_address(tools: Tools, machine: Machine, address: str) -> None:
    """Point a reserved address, unless somebody has it at another machine that lives."""
    held = {each.address: each.machine for each in tools.work.patiently(tools.provider.reserved)}
    if address not in held:
        raise NotFound(f"{tools.provider.name} has no reserved address {address}")
    if held[address] == machine.id:
        return
    if held[address]:
        raise ProviderError(f"it points at another machine (id {held[address]})")

    def points(_: Any) -> str | None:
        here = any(each.address == address and each.machine == machine.id for each in tools.provider.reserved())
        return address if here else None

    tools.work.act(f"address {address}", lambda: tools.provider.point_address(address, machine.id), points, grace=SHORT)


def point_dns(tools: Tools, record: str, address: str) -> str:
    tools.provider.point_dns(record, address)
    return record
