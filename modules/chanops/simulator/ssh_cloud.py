"""The simulated DigitalOcean's droplets as machines that answer SSH, each at a loopback address of its own."""

import errno
import ipaddress
import secrets
import socket
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace

from chanops.simulator.do_catalog import SIZES
from chanops.simulator.do_records import Droplet, Event
from chanops.simulator.do_store import Store
from chanops.simulator.ssh_files import Disk
from chanops.simulator.ssh_fleet import SshFleet
from chanops.simulator.ssh_machine import HOST_KEY, Facts, SshMachine, authorize, new_disk
from chanops.simulator.ssh_user_data import host_key

_DAY = 86400
# What a snapshot is of, as far as that matters: it has no slug.
_LIKE = {"Ubuntu": "ubuntu-24-04-x64", "Fedora": "fedora-42-x64", "Rocky Linux": "rockylinux-9-x64"}
_INSTANCE = "/var/lib/cloud/data/instance-id"
_CUT = {"off", "reboot", "power_cycle", "restore", "rebuild", "destroy", "create-failed"}
_BOOT = {"active", "power_on", "reboot", "power_cycle", "restore", "rebuild"}
_GONE = {"destroy", "create-failed"}
_REFILL = {"restore", "rebuild"}


@dataclass
class _Place:
    """A droplet's disk; its machine while it runs; how often it was cut, so that an older boot does not end."""

    disk: Disk | None = None
    machine: SshMachine | None = None
    turns: int = 0


class Ssh:
    """What CloudServer(ssh=Ssh()) needs; it is of one cloud. All but the constructor is called by the cloud.

    The addresses are taken one after another from somewhere in the network, so that two clouds in two processes
    hardly meet, and none is used again soon.
    """

    def __init__(self, network: str = "127.77.0.0/16", port: int = 2222) -> None:
        self.port = port
        self._network = ipaddress.IPv4Network(network)
        if not self._network.is_loopback:
            raise ValueError(f"{network} is not loopback")
        self._next = secrets.randbelow(self._network.num_addresses)
        self._places: dict[int, _Place] = {}
        self._fleet: SshFleet | None = None

    def possible(self) -> bool:
        """Whether this system has more than one loopback address: Linux has."""
        return _free(str(self._network[1]), 0)

    def address(self) -> str:
        """One that no droplet has."""
        for _ in range(self._network.num_addresses):
            self._next = (self._next + 1) % self._network.num_addresses
            found = str(self._network[self._next])
            if not found.endswith((".0", ".255")) and _free(found, self.port):
                return found
        raise OSError(errno.EADDRINUSE, f"port {self.port} is taken on all of {self._network}")

    def start(self, store: Store) -> None:
        """The machines of the droplets that run answer from now on, and time passes by itself."""

        def tick() -> None:
            with store.lock:
                store.settle()

        self._fleet = SshFleet(tick)
        self._fleet.start()
        with store.lock:
            for droplet in store.droplets.values():
                machine = self.machine(droplet.id)
                if machine is not None:
                    self._open(machine, droplet)

    def stop(self) -> None:
        """Nothing answers any more; the disks stay."""
        if self._fleet is not None:
            self._fleet.stop()
            self._fleet = None

    def cleared(self) -> None:
        """There is no droplet any more."""
        for place in self._places.values():
            self._cut(place)
        self._places.clear()

    def added(self, store: Store, droplet: Droplet) -> None:
        """A droplet that has been there for a while: it runs since some days, and lets all keys of the account in."""
        place = self._places.setdefault(droplet.id, _Place())
        keys = tuple(each.id for each in store.keys.values())
        days = 2 + zlib.crc32(droplet.name.encode()) % 60
        self._prepare(store, replace(droplet, key_ids=keys), place)
        if droplet.status == "active":
            self._run(store, droplet, place, time.time() - days * _DAY - droplet.id % _DAY)

    def heard(self, store: Store, event: Event) -> None:
        """Something happened to a droplet."""
        droplet = store.droplets.get(event.droplet or 0)
        if droplet is None or event.kind not in _CUT | _BOOT:
            return
        place = self._places.setdefault(droplet.id, _Place())
        if event.kind in _CUT:
            self._cut(place)
        if event.kind in _REFILL:
            place.disk = None
        if event.kind in _BOOT:
            turns = place.turns = place.turns + 1

            def up(at: float) -> None:
                now = store.droplets.get(droplet.id)
                if now is not None and place.turns == turns:
                    with suppress(OSError):  # from a disk that is full it does not come up
                        self._prepare(store, now, place)
                        self._run(store, now, place, time.time())

            store.later(event.at + store.delays.of("boot"), up)
        if event.kind in _GONE:
            del self._places[droplet.id]

    def disk(self, droplet: int) -> Disk | None:
        """A droplet's disk as it is now."""
        disk = self._places.get(droplet, _Place()).disk
        return None if disk is None else disk.copy()

    def machine(self, droplet: int) -> SshMachine | None:
        """The machine of a droplet that runs."""
        return self._places.get(droplet, _Place()).machine

    def _cut(self, place: _Place) -> None:
        place.turns += 1
        if place.machine is not None and self._fleet is not None:
            self._fleet.close(place.machine)
        place.machine = None

    def _prepare(self, store: Store, droplet: Droplet, place: _Place) -> None:
        """What happens before a droplet answers: it gets its disk, and what its first boot writes there."""
        if place.disk is None:
            kept = droplet.image.disk
            place.disk = kept.copy() if isinstance(kept, Disk) else new_disk(_facts(droplet))
        if not place.disk.has(_INSTANCE) or place.disk.read(_INSTANCE) != f"{droplet.id}\n".encode():
            place.disk.write(_INSTANCE, f"{droplet.id}\n")
            place.disk.write("/etc/hostname", f"{droplet.name}\n")
            if given := host_key(droplet.user_data):
                place.disk.write(HOST_KEY, given, 0o600)
            known = [store.keys.get(number) for number in droplet.key_ids]
            authorize(place.disk, [each.public_key for each in known if each is not None])

    def _run(self, store: Store, droplet: Droplet, place: _Place, since: float) -> None:
        machine = place.machine = SshMachine(_facts(droplet), disk=place.disk, up_since=since)
        machine.switch = lambda wanted: self._switch(store, droplet.id, wanted)
        self._open(machine, droplet)

    def _open(self, machine: SshMachine, droplet: Droplet) -> None:
        if self._fleet is not None and droplet.public is not None:
            with suppress(OSError):  # somebody else was faster: a machine whose SSH does not come up
                self._fleet.open(machine, droplet.public, self.port)

    def _switch(self, store: Store, number: int, wanted: str) -> None:
        """Somebody in the machine switched it off, or wants it to come again."""
        with store.lock:
            now, droplet = store.settle(), store.droplets.get(number)
            if droplet is not None and droplet.status == "active":
                if wanted == "off":
                    store.droplets.put(number, replace(droplet, status="off", seen_on_until=0.0), now)
                store.note(now, wanted, number, droplet.name, by="inside")


def _facts(droplet: Droplet) -> Facts:
    size = SIZES[droplet.size]
    slug = droplet.image.slug or _LIKE.get(droplet.image.distribution, "")
    address, private = droplet.public or "", droplet.private or ""
    return Facts(droplet.name, size["vcpus"], size["memory"], droplet.disk, droplet.used_gb, slug, address, private)


def _free(host: str, port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
        except OSError:
            return False
    return True
