"""From what was typed to a plan: on which machines, what; whatever cannot be is refused before it is begun."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chanops.core.errors import Problem
from chanops.core.plan import Plan, Unit
from chanops.core.sections import Settings
from chanops.core.text import shorten, visible
from chanops.core.words import Targets
from chanops.providers.base import Machine, State
from chanops.services.machines.clouds import Clouds
from chanops.services.machines.inventory import look, one_each
from chanops.services.remote.reach import Reach
from chanops.ssh.base import LONGEST_COMMAND

RECENT = 30.0  # seconds: so old a list of machines is good enough, since a host's key says whether it is the one
MOST_TITLE = 120
WORD = 63  # letters of a user's name
OFF = {State.OFF: "is off", State.CREATING: "is still being made", State.GONE: "is gone", State.FAILED: "has failed"}


@dataclass(frozen=True)
class RemotePlanner:
    """Makes plans for what is done over SSH; changes nothing."""

    clouds: Clouds
    settings: Callable[[], Settings]
    reach: Reach
    mask: Callable[[str], str]

    def plan(self, kind: str, which: Targets, what: str, options: Mapping[str, Any], **request: Any) -> Plan:
        """A kind of work on machines; `what` says it in the title. Raises Problem."""
        self.reach.shell  # noqa: B018  raises where there is none
        check_options(options)
        seen = look(self.clouds, self.settings, age=RECENT)
        found, missed = seen.meant(which)
        if missed:  # it may be new
            seen = look(self.clouds, self.settings)
            found, missed = seen.meant(which)
        one_each(found, which)
        there = [each for each in found if each.address and each.state not in OFF]
        warnings = [*map(seen.nothing, missed), *away(found), *seen.troubles]
        if not there:
            raise Problem("; ".join(warnings or [f"nothing matches {which}"]))
        units = tuple(
            Unit(each.name, each.provider, each.id, {"shares": True, "address": each.address}) for each in there
        )
        one_by_one = bool(options.get("one_by_one"))
        parallel = 1 if one_by_one else options.get("parallel") or self.settings().ssh.parallel
        return Plan(
            kind,
            f"{kind} {shorten(visible(self.mask(what)), MOST_TITLE)} on {names(there)}",
            units,
            False,
            tuple(warnings),
            {"kind": kind, "which": str(which), "options": dict(options), "parallel": parallel, **request},
        )


def away(found: Sequence[Machine]) -> list[str]:
    """What to say of machines that are meant and cannot be reached."""
    return [
        f"{each.name} {OFF.get(each.state, 'has no address')}"
        for each in found
        if not each.address or each.state in OFF
    ]


def names(found: Sequence[Machine]) -> str:
    """Some machines in a few words."""
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return ", ".join(each.name for each in found[:4]) + more


def check_options(options: Mapping[str, Any]) -> None:
    """Raises Problem for what can be seen to be wrong before anything is asked."""
    command = str(options.get("command", "something"))
    if not command.strip():
        raise Problem("command is missing")
    if len(command.encode()) > LONGEST_COMMAND:
        raise Problem(f"a command has at most {LONGEST_COMMAND} bytes: put it in a script")
    for key, least, most in (("timeout", 1, 7 * 86400), ("parallel", 1, 1000), ("stop_after", 1, 10_000)):
        value = options.get(key)
        if value is not None and not least <= value <= most:
            raise Problem(f"{key.replace('_', '-')} must be from {least} to {most}{' s' if key == 'timeout' else ''}")
    user = options.get("user")
    if user and (len(user) > WORD or not user.replace("-", "").replace("_", "").replace(".", "").isalnum()):
        raise Problem(f"as={visible(str(user))[:40]}: that is no user's name")
