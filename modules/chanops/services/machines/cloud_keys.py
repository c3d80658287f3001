"""`.keys +NAME`: a team member's public keys become keys that a cloud gives new machines."""

import hashlib
from collections.abc import Sequence
from typing import Any

from chanops.core.errors import Problem
from chanops.core.plan import Plan, Unit
from chanops.core.public_keys import PublicKey, public_key
from chanops.providers.base import BadRequest
from chanops.services.machines.clouds import Cloud
from chanops.services.machines.moves import SHORT, Tools

KIND = "key"


def plan_keys(cloud: Cloud, keys: Sequence[tuple[str, PublicKey]]) -> Plan:
    """Keys, as (name, key), that are to be added to an account. Raises Problem where all are there."""
    there = {each.fingerprint for each in cloud.provider.keys()}  # noqa: SIM118  no mapping
    new = list({key.blob: (name, key) for name, key in keys if fingerprint(key) not in there}.values())
    if not new:
        raise Problem(f"{cloud.provider.name} has that already: .keys lists them")
    provider = cloud.provider.name
    units = tuple(Unit(name, provider, "", {"public": key.line}) for name, key in new)
    names = ", ".join(name for name, _ in new)
    request: dict[str, Any] = {"kind": KIND, "accounts": {provider: cloud.identity()}}
    return Plan(KIND, f"key {names} ({provider})", units, False, (), request)


def add_key(tools: Tools) -> str:
    """Add one key, once."""
    key = public_key(str(tools.work.fact("public")))

    def listed(_: object = None) -> str | None:
        return next((each.id for each in tools.provider.keys() if each.fingerprint == fingerprint(key)), None)  # noqa: SIM118

    def add() -> str:
        try:
            return tools.provider.add_key(tools.name, key.line)
        except BadRequest:
            found = listed()  # somebody else has added it meanwhile
            if found is None:
                raise
            return found

    id = tools.work.act("add key", add, listed, grace=SHORT)
    return f"{key.fingerprint} is a key of new machines (id {id})"


def fingerprint(key: PublicKey) -> str:
    """The fingerprint by which DigitalOcean names a key: MD5, as ssh-keygen -l -E md5 prints it."""
    digest = hashlib.md5(key.blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
