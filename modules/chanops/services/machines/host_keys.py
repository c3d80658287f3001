"""The host key of a machine that comes up: given to it, or remembered; and seen once it answers."""

import json
from datetime import timedelta
from typing import Any

from chanops.core.cloud_init import with_host_key
from chanops.core.machine_sections import value_for
from chanops.core.public_keys import PublicKey, public_key
from chanops.core.text import spoken
from chanops.providers.base import Machine
from chanops.services.jobs.rows import Attention, steps_of
from chanops.services.jobs.work import Late
from chanops.services.machines.moves import Tools
from chanops.services.remote.reach import known_as
from chanops.ssh.base import ChangedKey, NoAnswer, UnknownKey

FIRST_PAUSE, PAUSE, ONE_TRY = 0.1, 2.0, 10.0  # seconds


class GivenKey:
    """A new host key for a machine that is about to be made; each attempt has its own."""

    def __init__(self, tools: Tools, script: str) -> None:
        self.tools, self.bare = tools, script
        self.script = script

    def asked(self) -> dict[str, str] | None:
        """Makes a key; what is stored of it with the intention is its public half. None where there is to be none."""
        self.script = self.bare
        if not self.tools.reach.on:
            return None
        private, public = self.tools.reach.shell.new_host_key()
        script = with_host_key(self.bare, private, public)
        if script is None:
            return None
        self.script = script
        return {"host_key": public.line}


def expect(tools: Tools) -> bool:
    """The machine that was made is known by the key that it was given, and, from a snapshot, by the one that it had.

    Which of both it shows depends on its image: cloud-init takes the new one.
    """
    with tools.work.journal.database.read() as connection:  # of all attempts: a list may have shown the first one late
        attempts = steps_of(connection, tools.work.job, tools.work.number, "create")
    asked: list[Any] = [found for step in attempts if (found := json.loads(step.asked))]
    if not tools.reach.on:
        return False
    name = known_as(tools.provider.name, tools.name)
    if not asked:  # it makes keys of its own, unless it is a snapshot that keeps those it had
        if not tools.work.fact("order")["image"].isdecimal():
            tools.reach.known.forget(name)
        return False
    before = [PublicKey(kind, blob) for kind, blobs in tools.reach.known.keys((name,)).items() for blob in blobs]
    given = {key.blob: key for key in (public_key(each["host_key"]) for each in asked)}
    order = tools.work.fact("order")
    kept = [each for each in before if each.blob not in given] if order["image"].isdecimal() else []
    tools.reach.known.pin(name, [*given.values(), *kept])
    return True


def see_answering(tools: Tools, machine: Machine) -> str:
    """Wait until the machine answers SSH with the key that is known; what is said about that."""
    if not tools.reach.on or not value_for(tools.name, "ssh", tools.settings().machines):
        return ""
    login = tools.reach.login(tools.provider.name, tools.name, machine.address)
    if not tools.reach.known.keys(login.names):
        return f"; its host key is not known: .trust {tools.name}"
    tools.work.say(f"runs at {machine.address}; waiting for SSH")
    budget = timedelta(seconds=tools.settings().ssh.wait)
    pause = FIRST_PAUSE

    def find(than: float) -> str | None:
        nonlocal pause
        try:
            return tools.reach.shell.answers(login, ONE_TRY).line
        except NoAnswer:
            tools.work.pause(pause)
            pause = min(PAUSE, pause * 1.5)
            return None

    try:
        shown = public_key(tools.work.wait("reachable", budget, find))
    except Late:
        raise Attention(
            f"runs at {machine.address}, and does not answer SSH within {spoken(budget)}: look at its firewall, or "
            f"give [machine:{tools.name}] ssh = no"
        ) from None
    except (ChangedKey, UnknownKey) as problem:
        raise Attention(f"runs at {machine.address}, but {problem}") from None
    tools.work.check()
    tools.reach.known.pin(login.names[0], [shown])
    return "; host key known, SSH answers"


def forget(tools: Tools) -> None:
    """The machine is gone for good."""
    if tools.reach.on:
        tools.reach.known.forget(known_as(tools.provider.name, tools.name))


def rename(tools: Tools, new: str) -> None:
    """The machine has another name; its key goes with it."""
    if tools.reach.on:
        provider = tools.provider.name
        tools.reach.known.rename(known_as(provider, tools.name), known_as(provider, new))
