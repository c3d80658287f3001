"""What may be asked, how long and how much: and whether a web address is within it."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import quote

from chanops.core.address import PORTS, parts
from chanops.core.errors import Problem

LONGEST_ADDRESS = 2048
LONGEST_HOST = 253
HOST = re.compile(r"[a-z0-9_-][a-z0-9._-]*\Z")
LEFT_AS_IS = "%/:=&?~#+!$,;'@()*[]"


class NotFetched(Problem):
    """Why a page was not asked, or gave nothing, in one line."""


class Fetched(NamedTuple):
    """What stands behind a link: a title "" where there is none, a size None where nobody said it."""

    title: str
    kind: str
    size: int | None
    address: str


class Rules(NamedTuple):
    """What may be asked. `hosts` are inside hosts, HOST or HOST:PORT, which need not be public; `home` is the bot's."""

    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})
    seconds: float = 5.0
    bytes: int = 262144
    home: str = ""


@dataclass(frozen=True)
class Deadline:
    """The time by which everything must be over, whatever it is: names, connections, redirects, a slow body."""

    seconds: float
    until: float

    @classmethod
    def within(cls, seconds: float) -> "Deadline":
        """One that begins now."""
        return cls(seconds, time.monotonic() + seconds)

    def left(self) -> float:
        """The seconds that are left. Raises NotFetched where there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise NotFetched(f"it took more than {self.seconds:g} s")
        return left


class Target(NamedTuple):
    """An address that may be asked as far as it can be read; `inside`: its host need not be public."""

    scheme: str
    host: str
    port: int
    path: str
    inside: bool

    @property
    def place(self) -> str:
        """Host and port, as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if str(self.port) == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.scheme}://{self.place}{self.path}"


def target_of(address: str, rules: Rules) -> Target:
    """What an address asks of whom. Raises NotFetched where that is not within the rules."""
    found = parts(address) if len(address) <= LONGEST_ADDRESS else None
    if found is None or found.user is not None:
        raise NotFetched("only addresses that begin with http:// or https:// and hold no password are asked")
    host, port = plain_host(found.host), int(found.port or PORTS[found.scheme])
    named = named_in(rules.hosts)
    by_port = (host, str(port)) in named
    if not by_port and port not in rules.ports:
        raise NotFetched(f"port {port} is not asked: see ports, or name {host}:{port} in hosts, in [titles]")
    path = found.rest.partition("#")[0]
    path = quote(path if path.startswith("/") else f"/{path}", safe=LEFT_AS_IS, errors="replace")
    return Target(found.scheme, host, port, path, by_port or (host, "") in named)


@lru_cache(maxsize=8)
def named_in(hosts: frozenset[str]) -> frozenset[tuple[str, str]]:
    """Each inside host with its port, "" where none was named; what is no host is passed over."""
    named = set[tuple[str, str]]()
    for found in map(parts, map("http://{}".format, hosts)):
        if found is not None:
            with suppress(NotFetched):
                named.add((plain_host(found.host), found.port))
    return frozenset(named)


def plain_host(host: str) -> str:
    """A host's name in the letters of the network, or its number. Raises NotFetched where it is neither."""
    if host.startswith("["):
        return number_of(host[1:-1])
    try:
        plain = host.encode("idna").decode("ascii").lower().removesuffix(".") if len(host) <= LONGEST_HOST else ""
    except UnicodeError:
        plain = ""
    if len(plain) > LONGEST_HOST or not HOST.match(plain):
        raise NotFetched("no host has such a name")
    return plain


def number_of(host: str) -> str:
    try:
        return str(IPv6Address(host))
    except ValueError:
        raise NotFetched("no host has such a number") from None
