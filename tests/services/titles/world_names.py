"""The name server of the test's own internet, on 127.0.0.53."""

import socket
import struct
from collections import Counter
from ipaddress import ip_address

PUBLIC, PUBLIC_6, PRIVATE = "1.2.3.4", "2600::1", "10.0.0.5"
NAMES = {
    "public.test": [PUBLIC],
    "wrong.test": [PUBLIC],
    "both.test": [PUBLIC, PUBLIC_6],
    "under_score.test": [PUBLIC],
    "xn--bcher-kva.test": [PUBLIC],
    "six.public.test": [PUBLIC_6],
    "private.test": [PRIVATE],
    "inside.test": [PRIVATE],
    "six.private.test": ["fd00::5"],
    "metadata.test": ["169.254.169.254"],
    "multi.test": [PUBLIC, PRIVATE],
    "multi6.test": [PUBLIC, "::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "sixtofour.test": ["2002:7f00:1::"],
    "cname.test": [PRIVATE],
}
A, CNAME, AAAA = 1, 5, 28


def question(packet: bytes) -> tuple[str, int, int]:
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1").lower())
        at += packet[at] + 1
    return ".".join(labels), struct.unpack("!H", packet[at + 1 : at + 3])[0], at + 5


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def serve(log) -> None:
    asked: Counter[str] = Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.53", 53))
        while True:
            packet, who = server.recvfrom(4096)
            name, kind, end = question(packet)
            log({"asked": name, "kind": kind})
            if name == "hang.test":
                continue
            addresses = NAMES.get(name)
            if name.endswith(".rebind.test"):  # outside when it is looked up first, inside ever after
                asked[name] += kind == A
                addresses = [PUBLIC if asked[name] <= 1 else "127.0.0.1"]
            records = []
            for each in map(ip_address, addresses or []):
                if kind == (A if each.version == 4 else AAAA):
                    records.append(record(kind, each.packed))
            if name == "cname.test" and records:
                target = b"\x07private\xc0" + bytes([12 + 6])
                records = [record(CNAME, target), record(A, ip_address(PRIVATE).packed)]
            flags = 0x8180 if addresses is not None else 0x8183
            head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
            server.sendto(head + packet[12:end] + b"".join(records), who)
