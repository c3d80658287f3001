"""The sections about machines: the clouds, what is to be made there, plain hosts, and how jobs are done."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from chanops.core.address import parts
from chanops.core.errors import Problem
from chanops.core.settings import Host, Line, Seconds, Secret, WebRoot, WordOrNothing, Words, section
from chanops.core.text import visible

NO_SECRET = Secret("")
LOCAL = ("127.0.0.1", "[::1]", "localhost")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?\Z")
NAME_RULE = "letters, digits, dots and hyphens, at most 63, a letter or digit at both ends"


@section
class JobSettings:
    """How jobs are done: whatever acts on machines is one."""

    parallel: int = 50
    """Machines that one job works on at once."""
    most_machines: int = 50
    """Machines that one command may act on in clouds; .run and its like have no such limit."""
    most_jobs: int = 5
    """Unfinished jobs that one account may have."""
    per_minute: int = 12
    """Commands that act on machines, in a minute, for each account; five times as many where they are run there."""


@section
class ProviderSettings:
    """A cloud account, one section each; NAME is what you call it, as in on=NAME."""

    kind: Literal["digitalocean"]
    """Which cloud: digitalocean."""
    token: Secret = NO_SECRET
    """The API token, with read and write scope."""
    endpoint: WebRoot = ""
    """Another address of its API, for a simulated cloud."""
    keys: Words = ()
    """SSH keys that new machines are given, by name, number or fingerprint; empty is all of the account's."""
    keep: int = 3
    """Snapshots of chanops' own to keep for each machine; older ones are deleted after a new one."""
    poll: Seconds = 2.0
    """How often to look at what is under way, at first; later less often."""
    grace: Seconds = 90.0
    """How long to look for what may have been done, before it is asked for again: more than lists ever lag behind."""
    shutdown: Seconds = 150.0
    """How long a machine may take to shut down; then its power is cut."""
    create: Seconds = 900.0
    """How long a new machine may take until it runs."""
    least_snapshot: Seconds = 1200.0
    """How long a snapshot may take; three minutes for each GB of the disk where that is more, six hours at most."""
    snapshot_price: float = 0.06
    """What a GB of snapshot costs a month, in dollars."""
    per_minute: int = 240
    """Requests in a minute, at most."""


@section
class MachineSettings:
    """A machine to make with .up NAME; or a pattern such as spider-*, for what holds for many."""

    provider: WordOrNothing = ""
    """The cloud account; empty where there is only one."""
    size: WordOrNothing = ""
    """The size, as .sizes names them."""
    region: WordOrNothing = ""
    """The region, as .regions names them."""
    image: WordOrNothing = ""
    """The image to make it from where it has no snapshot yet."""
    tags: Words = ()
    """Its tags."""
    script: str = ""
    """A file with what is to run at its first start (user data)."""
    user: WordOrNothing = ""
    """Who logs in there; empty is [ssh] user."""
    port: int = 22
    """Where SSH listens."""
    jump: WordOrNothing = ""
    """The [host:NAME] through which it is reached; empty is [ssh] jump."""
    ssh: bool = True
    """Whether .up waits until it answers SSH, with the host key that it was given."""
    protect: Literal["", "stop-only"] = ""
    """stop-only: it may be stopped and started, and nothing else, whoever asks."""
    down: Literal["", "snapshot", "stop"] = ""
    """What .down does: snapshot and destroy, or only stop. Empty: snapshot where a stopped machine is paid for."""
    reserved_address: Line = ""
    """A reserved address that points at it after .up."""
    dns: Line = ""
    """A DNS record (A) that points at it after .up, such as web.example.org; the cloud must serve its domain."""


@section
class HostSettings:
    """A plain host, in no cloud."""

    address: Host
    """Its name or address."""
    port: int = 22
    """Where SSH listens."""
    user: WordOrNothing = ""
    """Who logs in there; empty is [ssh] user."""
    jump: WordOrNothing = ""
    """The [host:NAME] through which it is reached."""
    tags: Words = ()
    """Its tags."""


MACHINE_SINGLE = {"jobs": JobSettings}
MACHINE_NAMED = {"provider": ProviderSettings, "machine": MachineSettings, "host": HostSettings}


def check_machines(
    providers: Mapping[str, ProviderSettings],
    machines: Mapping[str, MachineSettings],
    hosts: Mapping[str, HostSettings],
    jobs: JobSettings,
) -> None:
    """What can only be seen in more than one key. Raises Problem."""
    for name, provider in providers.items():
        shown = f"[provider:{name}]"
        if not NAME.match(name) or name == "hosts":
            raise Problem(f"{shown}: its name must be {NAME_RULE}, and not hosts")
        if not provider.token.get_secret_value():
            raise Problem(f"{shown} token is missing: add `token_file = PATH` or `token_env = NAME`")
        if not provider.token.get_secret_value().isascii() or visible(provider.token.get_secret_value()) != (
            provider.token.get_secret_value()
        ):
            raise Problem(f"{shown} token: it has characters that no token has")
        if provider.endpoint.startswith("http://") and host_of(provider.endpoint) not in LOCAL:
            raise Problem(f"{shown} endpoint: the token would be sent in clear: begin it with https://")
        between(f"{shown} keep", provider.keep, 1, 1000)
        between(f"{shown} per_minute", provider.per_minute, 10, 250)
        for key in ("poll", "grace", "shutdown", "create", "least_snapshot"):
            between(f"{shown} {key}", getattr(provider, key), 0.01, 6 * 3600)
    for name, machine in machines.items():
        check_machine(name, machine, providers)
    for name, host in hosts.items():
        if not NAME.match(name):
            raise Problem(f"[host:{name}]: its name must be {NAME_RULE}")
        between(f"[host:{name}] port", host.port, 1, 65535)
    for key in ("parallel", "most_machines", "most_jobs", "per_minute"):
        between(f"[jobs] {key}", getattr(jobs, key), 1, 1000)


def host_of(address: str) -> str:
    """The host of a web address that was checked before."""
    found = parts(address)
    return found.host if found is not None else ""


def check_machine(name: str, machine: MachineSettings, providers: Mapping[str, ProviderSettings]) -> None:
    if not NAME.match(name.replace("*", "x").replace("?", "x")):
        raise Problem(f"[machine:{visible(name)}]: a name is {NAME_RULE}; * and ? make it a pattern")
    if machine.provider and machine.provider not in providers:
        raise Problem(f"[machine:{name}] provider: there is no [provider:{machine.provider}]")
    between(f"[machine:{name}] port", machine.port, 1, 65535)


def between(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise Problem(f"{what} must be from {least:g} to {most:g}")


def meant(name: str, machines: Mapping[str, MachineSettings]) -> list[tuple[str, MachineSettings]]:
    """The [machine:…] sections that hold for a name: its own first, then the patterns, longest first."""
    fits = [(each, found) for each, found in machines.items() if each == name or fnmatchcase(name, each)]
    return sorted(fits, key=lambda each: (each[0] != name, -len(each[0])))


def value_for(name: str, key: str, machines: Mapping[str, MachineSettings]) -> Any:
    """What the sections say of one key of a machine: the first that says anything; else what none says."""
    usual = getattr(MachineSettings(), key)
    return next((value for _, each in meant(name, machines) if (value := getattr(each, key)) != usual), usual)
