"""What we ask with, checked before it gets into an address. Raises BadRequest."""

import re
from ipaddress import IPv4Address

from chanops.core.text import visible
from chanops.providers.base import BadRequest

TAG = re.compile(r"[A-Za-z0-9_:-]{1,255}\Z")
HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{1,63}\Z")


def numeral(text: str) -> bool:
    """Whether it is a number as DigitalOcean counts."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


def as_number(id: str) -> int:
    """An id as DigitalOcean counts."""
    if not numeral(id):
        raise BadRequest(f"{visible(id)[:40]} is no id of DigitalOcean's")
    return int(id)


def as_number_or_name(text: str) -> int | str:
    """What may be said either way: a number is sent as one."""
    return int(text) if numeral(text) else text


def as_tag(name: str) -> str:
    """A tag as DigitalOcean allows it."""
    if not TAG.match(name):
        raise BadRequest(f"{visible(name)[:40]} is no tag: letters, digits, colons, hyphens and underscores only")
    return name


def as_address(text: str) -> str:
    """An IPv4 address."""
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise BadRequest(f"{visible(text)[:40]} is no IPv4 address") from None


def as_host(name: str) -> str:
    """A name of the DNS, in small letters."""
    folded = name.lower().removesuffix(".")
    if not HOST.match(folded) or len(folded) > 253:
        raise BadRequest(f"{visible(name)[:40]} is no name of a DNS record")
    return folded
