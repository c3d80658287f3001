"""The simulated DigitalOcean as its owner sees it: furnish it, look at the truth, let faults happen."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from chanops.simulator import do_work
from chanops.simulator.do_account import fingerprint
from chanops.simulator.do_catalog import SIZES
from chanops.simulator.do_droplets import find_image
from chanops.simulator.do_faults import Faults
from chanops.simulator.do_records import Delays, Droplet, Event, Image, Json, Key, Record, ReservedIp, Volume
from chanops.simulator.do_storage import new_address
from chanops.simulator.do_store import Ground, Store


class World(Store):
    """The state with methods that any thread may call; ids are those of the API."""

    def __init__(self, delays: Delays, seed: int | None, ground: Ground | None = None) -> None:
        super().__init__(delays, seed, ground)
        self.faults = Faults(self.rng)
        self._furnish()

    def reset(self) -> None:
        """As new: nothing but the public images and one SSH key, no faults, no truth."""
        with self.lock:
            super().reset()
            self.faults.clear()
            self._furnish()

    def _furnish(self) -> None:
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + self.rng.randbytes(32)
        self.add_key("demo", f"ssh-ed25519 {base64.b64encode(blob).decode()} demo@example.org")

    @property
    def truth(self) -> list[Event]:
        """All that has happened until now, oldest first."""
        with self.lock:
            self.settle()
            return list(self.events)

    def add_droplet(
        self,
        name: str,
        size: str = "s-1vcpu-1gb",
        region: str = "fra1",
        image: str | int = "debian-12-x64",
        tags: Sequence[str] = (),
        status: str = "active",
        used_gb: float = 2.1,
        volume_ids: Sequence[str] = (),
        created_at: datetime | None = None,
    ) -> int:
        """A droplet that has been there for a while; no event tells of it."""
        with self.lock:
            now = self.settle()
            found = find_image(self, image)
            if found is None:
                raise ValueError(f"no image is called {image!r}")
            number, when = self.number("droplet"), self._when(created_at, now)
            disk, vpc = SIZES[size]["disk"], self.vpc(region)
            droplet = Droplet(number, name, size, region, found, status, when, disk, used_gb, vpc, tuple(tags))
            if status != "new":
                public, private = self.new_addresses(region)
                droplet = replace(droplet, public=public, private=private)
            self.droplets.furnish(number, droplet)
            for tag in tags:
                self.tags.furnish(tag, tag)
            for volume_id in volume_ids:
                do_work.attach(self, volume_id, number, now)
            if self.ground is not None:
                self.ground.added(self, droplet)
            return number

    def add_snapshot(
        self,
        name: str,
        droplet_id: int,
        size_gb: float = 2.1,
        created_at: datetime | None = None,
        region: str = "fra1",
        tags: Sequence[str] = (),
        min_disk: int = 25,
    ) -> int:
        """A snapshot of a droplet, which need not exist any more; region and disk are the droplet's if it does."""
        with self.lock:
            now = self.settle()
            droplet = self.droplets.get(droplet_id)
            kind = "Debian"
            if droplet is not None:
                region, min_disk, kind = droplet.region, droplet.disk, droplet.image.distribution
            number, when = self.number("image"), self._when(created_at, now)
            image = Image(number, name, kind, None, False, (region,), when, "snapshot", min_disk, size_gb, tuple(tags))
            self.images.furnish(number, replace(image, droplet_id=droplet_id, disk=self.disk_of(droplet_id)))
            if droplet is not None:
                kept = replace(droplet, snapshot_ids=(*droplet.snapshot_ids, number))
                self.droplets.furnish(droplet_id, kept)
            for tag in tags:
                self.tags.furnish(tag, tag)
            return number

    def add_key(self, name: str, public_key: str) -> int:
        with self.lock:
            print_ = fingerprint(public_key)
            if print_ is None:
                raise ValueError("that is no SSH public key")
            key = Key(self.number("key"), name, public_key, print_)
            self.keys.furnish(key.id, key)
            return key.id

    def add_volume(self, name: str, size_gb: int = 10, region: str = "fra1", tags: Sequence[str] = ()) -> str:
        with self.lock:
            now = self.settle()
            volume = Volume(self.new_uuid(), name, region, size_gb, self.stamp(now), tags=tuple(tags))
            self.volumes.furnish(volume.id, volume)
            for tag in tags:
                self.tags.furnish(tag, tag)
            return volume.id

    def add_reserved_ip(self, droplet_id: int | None = None, region: str = "fra1") -> str:
        """An address, assigned to the droplet if one is given; then it is in its region."""
        with self.lock:
            self.settle()
            droplet = None if droplet_id is None else self.droplets.get(droplet_id)
            if droplet is None and droplet_id is not None:
                raise ValueError(f"there is no droplet {droplet_id}")
            made = ReservedIp(new_address(self), region if droplet is None else droplet.region, droplet_id)
            self.ips.furnish(made.ip, made)
            return made.ip

    def add_domain(self, name: str) -> None:
        """A domain with its NS record."""
        with self.lock:
            self.domains.furnish(name, name)
            self.add_record(name, "NS", "@", "ns1.example.net")

    def add_record(self, domain: str, kind: str, name: str, data: str, ttl: int = 1800) -> int:
        with self.lock:
            record = Record(self.number("record"), domain, kind, name, data, ttl)
            self.records.furnish(record.id, record)
            return record.id

    def set_status(self, droplet_id: int, status: str) -> None:
        """Somebody switches a droplet "active" or "off" in the panel, at once."""
        with self.lock:
            now = self.settle()
            droplet = self._droplet(droplet_id)
            do_work.change(self, droplet_id, now, status=status, seen_on_until=0.0)
            kind = "off" if status == "off" else "power_on"
            self.note(now, kind, droplet_id, droplet.name, by="outside")

    def destroy_outside(self, droplet_id: int) -> None:
        """Somebody destroys a droplet in the panel, at once, whatever it is busy with (but twice is once)."""
        with self.lock:
            now = self.settle()
            droplet = self._droplet(droplet_id)
            busy_with = None if droplet.pending is None else self.actions.get(droplet.pending)
            if busy_with is None or busy_with.type != "destroy":
                do_work.destroy(self, droplet, now, 0.0, "outside", {})
                self.settle()

    def state(self) -> Json:
        """A summary as JSON: the droplets and the snapshots."""
        with self.lock:
            self.settle()
            droplets = [
                {
                    "id": each.id,
                    "name": each.name,
                    "status": each.status,
                    "busy": each.pending is not None,
                    "size": each.size,
                    "region": each.region,
                    "tags": list(each.tags),
                    "used_gb": each.used_gb,
                    "address": each.public,
                    "reserved_ip": self.address_of(each.id),
                    "volume_ids": list(each.volume_ids),
                    "snapshots": self.ready_snapshots(each.id),
                }
                for each in self.droplets.values()
            ]
            snapshots = [
                {
                    "id": each.id,
                    "name": each.name,
                    "droplet": each.droplet_id,
                    "size_gigabytes": each.size_gb,
                    "created_at": each.created_at,
                    "tags": list(each.tags),
                }
                for each in self.images.values()
                if not each.public
            ]
            return {"droplets": droplets, "snapshots": snapshots}

    def _droplet(self, number: int) -> Droplet:
        droplet = self.droplets.get(number)
        if droplet is None:
            raise ValueError(f"there is no droplet {number}")
        return droplet

    def _when(self, moment: datetime | None, now: float) -> str:
        if moment is None:
            return self.stamp(now)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
