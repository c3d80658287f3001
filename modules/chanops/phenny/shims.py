"""`tools` and `web`, which phenny's modules import from beside the bot."""

import functools
import html
import http.client
import ipaddress
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from types import ModuleType
from typing import Any

TIMEOUT = 10.0
MOST = 1_048_576
USER_AGENT = "Mozilla/5.0 (compatible; chanops)"


class GrumbleError(Exception):
    """What a module raises to have its text said."""


def deprecated(old: Callable[..., Any]) -> Callable[..., Any]:
    """For functions of an even older kind, f(self, origin, match, args)."""

    @functools.wraps(old)
    def new(phenny: Any, said: Any) -> Any:
        origin = type("Origin", (), {"sender": said.sender, "nick": said.nick})()
        return old(phenny, origin, said.match, [said.bytes, said.sender, "@@"])

    return new


def public_address(host: str, port: int) -> tuple[Any, ...]:
    """Where to connect: old modules fetch whatever people name, so never into the private network."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for each in found:
        address = ipaddress.ip_address(each[4][0])
        if not address.is_global or address.is_multicast or any(address in network for network in NOT_PUBLIC):
            raise OSError(f"{host} is not a public address")
    return found[0]


# IPv4 inside IPv6 (compatible, mapped, NAT64 twice, 6to4), which may lead back into the private network; site-local.
NOT_PUBLIC = [
    ipaddress.ip_network(each)
    for each in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10")
]


class Plain(http.client.HTTPConnection):
    """HTTP to the very address that was checked."""

    def connect(self) -> None:
        """Resolve, check, connect."""
        family, kind, proto, _, address = public_address(self.host, self.port)
        self.sock = socket.socket(family, kind, proto)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(address)


class Tls(Plain, http.client.HTTPSConnection):
    """The same with TLS."""

    def connect(self) -> None:
        """Connect, then TLS for the name."""
        Plain.connect(self)
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


class Handler(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens with the checked connections, at each redirect too."""

    def http_open(self, request: urllib.request.Request) -> Any:
        """http:"""
        return self.do_open(Plain, request)

    def https_open(self, request: urllib.request.Request) -> Any:
        """https:"""
        return self.do_open(Tls, request)


OPENER = urllib.request.OpenerDirector()
for _handler in (
    Handler(),
    urllib.request.HTTPRedirectHandler(),
    urllib.request.HTTPErrorProcessor(),
    urllib.request.HTTPDefaultErrorHandler(),
    urllib.request.UnknownHandler(),
):
    OPENER.add_handler(_handler)


def fetched(uri: str, data: bytes | None = None, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
    """Open an address; the response, with its first MiB read."""
    made = urllib.request.Request(uri, data, {"User-Agent": USER_AGENT, **(headers or {})}, method=method)  # noqa: S310
    with OPENER.open(made, timeout=TIMEOUT) as response:
        return response.read(MOST), response


def text_of(body: bytes, response: Any) -> str:
    """What was fetched, as text; servers may name encodings that nobody knows."""
    try:
        return body.decode(response.headers.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def get(uri: str, headers: dict[str, str] | None = None, verify: bool = True, **_: Any) -> str:
    """The text at an address."""
    return text_of(*fetched(uri, headers=headers))


def head(uri: str, headers: dict[str, str] | None = None, verify: bool = True, **_: Any) -> dict[str, str]:
    """The headers at an address, lower case."""
    _body, response = fetched(uri, headers=headers, method="HEAD")
    return {name.lower(): value for name, value in response.headers.items()}


def post(uri: str, query: dict[str, str], headers: dict[str, str] | None = None, verify: bool = True, **_: Any) -> str:
    """What an address answers to a form."""
    return text_of(*fetched(uri, urllib.parse.urlencode(query).encode(), headers, "POST"))


def module(name: str, **contents: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(contents)
    return made


SHIMS = {
    "tools": module("tools", GrumbleError=GrumbleError, deprecated=deprecated),
    "web": module(
        "web",
        get=get,
        head=head,
        post=post,
        entity=html.unescape,
        decode=html.unescape,
        json=json.loads,
        quote=urllib.parse.quote,
        unquote=urllib.parse.unquote,
        user_agent=USER_AGENT,
        ConnectionError=OSError,
        HTTPError=urllib.error.HTTPError,
        InvalidURL=http.client.InvalidURL,
    ),
}
