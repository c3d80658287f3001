"""Whether an IP address is one of the open internet, and none of a house, a machine or a cloud's own inside."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# What `is_global` of some Pythons lets pass, and nobody's page stands behind.
INSIDE_4 = tuple(map(IPv4Network, ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")))
INSIDE_6 = tuple(map(IPv6Network, ("2001::/23", "3fff::/20")))
# All that was ever given out for the open internet: what is not in it is local, mapped, or yet to be given out.
GIVEN_OUT = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
ISATAP = (0x00005EFE, 0x02005EFE)  # the third quarter of an address that carries one of version 4 in the last


def is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """Whether anybody may be sent there; an address within an address is judged as well. False where it is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return is_public_4(found) if isinstance(found, IPv4Address) else is_public_6(found)


def is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in inside for inside in INSIDE_4)


def is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    carried = carried_by(address)
    if any(not is_public_4(each) for each in carried):
        return False
    if address.ipv4_mapped is not None or address in NAT64:
        return True
    return address in GIVEN_OUT and address.is_global and not any(address in inside for inside in INSIDE_6)


def carried_by(address: IPv6Address) -> list[IPv4Address]:
    """The addresses of version 4 that one of version 6 leads to: mapped, NAT64, 6to4, Teredo, ISATAP."""
    carried = [each for each in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())) if each is not None]
    number = int(address)
    if address in NAT64 or (number >> 32) & 0xFFFFFFFF in ISATAP:
        carried.append(IPv4Address(number & 0xFFFFFFFF))
    return carried
