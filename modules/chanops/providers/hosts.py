"""Plain hosts from the configuration: they are listed and reached, and nothing makes or destroys them."""

from collections.abc import Mapping

from chanops.core.machine_sections import HostSettings
from chanops.providers.base import Machine, State

HOSTS = "hosts"


def hosts(configured: Mapping[str, HostSettings]) -> list[Machine]:
    """The hosts as machines of which no cloud knows anything."""
    return [
        Machine(HOSTS, name, name, State.UNKNOWN, host.address, tags=host.tags) for name, host in configured.items()
    ]
