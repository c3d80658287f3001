"""How each machine is reached: where, as whom, through what, and by which name its host key is known."""

from collections.abc import Callable
from dataclasses import dataclass

from chanops.core.errors import Problem
from chanops.core.machine_sections import value_for
from chanops.core.sections import Settings
from chanops.providers.base import Machine
from chanops.providers.hosts import HOSTS
from chanops.ssh.base import Login, Shell
from chanops.ssh.known import KnownHosts

NOT_ON = "there is no key to log in with: an admin gives [ssh] a key_file, or agent = yes"


@dataclass
class Reach:
    """Reaches machines over SSH; which engine does it, and which keys are known, may change with a reload."""

    settings: Callable[[], Settings]
    engine: Shell | None = None
    hosts: KnownHosts | None = None

    @property
    def on(self) -> bool:
        """Whether there is anything to log in with."""
        return self.engine is not None

    @property
    def shell(self) -> Shell:
        """What runs commands. Raises Problem where SSH is not configured."""
        if self.engine is None:
            raise Problem(NOT_ON)
        return self.engine

    @property
    def known(self) -> KnownHosts:
        """The host keys that are known. Raises Problem where SSH is not configured."""
        if self.hosts is None:
            raise Problem(NOT_ON)
        return self.hosts

    def login(self, provider: str, name: str, address: str, user: str = "") -> Login:
        """How to log in at a machine; a plain host's address is in its section."""
        settings = self.settings()
        if provider == HOSTS:
            return self.host(name, user)
        jump = str(value_for(name, "jump", settings.machines)) or settings.ssh.jump
        return Login(
            address,
            int(value_for(name, "port", settings.machines)),
            user or str(value_for(name, "user", settings.machines)) or settings.ssh.user,
            (known_as(provider, name),),
            self.host(jump) if jump else None,
        )

    def host(self, name: str, user: str = "") -> Login:
        """How to log in at a plain host. Raises Problem where there is none of that name any more."""
        settings = self.settings()
        if name not in settings.hosts:
            raise Problem(f"there is no [host:{name}] any more")
        host = settings.hosts[name]
        jump = host.jump or (settings.ssh.jump if settings.ssh.jump != name else "")
        address = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
        return Login(
            host.address,
            host.port,
            user or host.user or settings.ssh.user,
            (known_as(HOSTS, name), address),
            self.host(jump) if jump and jump != name else None,
        )

    def of(self, machine: Machine, user: str = "") -> Login:
        """How to log in at a machine."""
        return self.login(machine.provider, machine.name, machine.address, user)


def known_as(provider: str, name: str) -> str:
    """The name by which a machine's host key is known: addresses are lent, and have another's key tomorrow."""
    return f"{provider}/{name}"
