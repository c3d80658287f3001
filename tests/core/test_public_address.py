"""Which addresses are of the open internet: those that carry others within are judged by what they carry."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis.strategies import integers, ip_addresses, sampled_from

from chanops.core.public_address import is_public

INSIDE = str.split("""
    0.0.0.0 0.1.2.3 10.0.0.5 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 192.0.0.1
    192.0.0.9 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 233.252.0.1
    239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::1.2.3.4 ::ffff:127.0.0.1 ::ffff:100.64.0.1
    ::ffff:0:1.2.3.4 64:ff9b::127.0.0.1 64:ff9b::10.0.0.5 64:ff9b:1::1.2.3.4 64:ff9b:2::1 100::1 2001::1
    2001:0:102:304::80ff:fffe 2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe:: 3fff::1 4000::1 5f00::1
    fc00::1 fd00:ec2::254
    fe80::1 fe80::1%lo 2600::1%lo fec0::1 ff02::1 ff0e::1 2600::5efe:10.0.0.5 2600::200:5efe:127.0.0.1
""")
OUTSIDE = str.split("""
    1.2.3.4 8.8.8.8 100.63.255.255 100.128.0.0 172.32.0.1 192.0.1.1 198.20.0.1 223.255.255.255 2600::1 2a00:1450::200e
    2606:4700::6810 ::ffff:1.2.3.4 64:ff9b::1.2.3.4 2002:102:304::1 2600::5efe:1.2.3.4
""")


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_of_the_open_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "0x7f.1", "1.2.3.4 ", "::g", "[::1]"])
def test_what_is_no_address_is_not_public(text):
    assert not is_public(text)


def carriers(inner):
    number = int(inner)
    yield (0xFFFF << 32) | number
    yield (0x64FF9B << 96) | number
    yield (0x2002 << 112) | (number << 80) | 1
    yield (0x2600 << 112) | (0x5EFE << 32) | number
    yield (0x2600 << 112) | (0x02005EFE << 32) | number


@given(ip_addresses(v=4))
def test_an_address_in_another_is_judged_by_itself(inner):
    for carrier in carriers(inner):
        assert is_public(IPv6Address(carrier)) == is_public(inner)


@given(ip_addresses())
def test_nothing_public_is_private_to_python(address):
    if is_public(address):
        carried = getattr(address, "ipv4_mapped", None) or address
        assert carried.is_global
        assert not carried.is_multicast


@given(sampled_from(["10.0.0.0/8", "127.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16"]), integers(0, 2**16 - 1))
def test_no_part_of_an_inside_network_is_public(network, offset):
    first = ip_address(network.partition("/")[0])
    assert not is_public(IPv4Address(int(first) + offset))
