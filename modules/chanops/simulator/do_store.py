"""The simulated DigitalOcean's state: tables with a past, a clock, what is due later, and the ground truth."""

import heapq
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from chanops.simulator.do_catalog import PLACE_NUMBERS, public_images
from chanops.simulator.do_records import (
    Action,
    Delays,
    Droplet,
    Event,
    Image,
    Json,
    Key,
    Record,
    ReservedIp,
    Volume,
    VolumeSnapshot,
)

_REMEMBERED = 50_000
_MINUTES_OF_PAST = 10

K = TypeVar("K", int, str)
V = TypeVar("V")


class Table(Generic[K, V]):
    """Things by id, as they are and as they were a while ago; the values never change, they are replaced."""

    def __init__(self) -> None:
        self._now: dict[K, V] = {}
        self._past: deque[tuple[float, K, V | None]] = deque(maxlen=_REMEMBERED)

    def get(self, key: K) -> V | None:
        return self._now.get(key)

    def furnish(self, key: K, value: V) -> None:
        """Have the value as if it had always been there."""
        self._now[key] = value

    def put(self, key: K, value: V, at: float) -> None:
        self._remember(key, at)
        self._now[key] = value

    def drop(self, key: K, at: float) -> None:
        self._remember(key, at)
        self._now.pop(key, None)

    def values(self, as_of: float | None = None) -> list[V]:
        """All values; those of the time `as_of`, in the order of their keys, when it is given."""
        if as_of is None:
            return list(self._now.values())
        then: dict[K, V] = dict(self._now)
        for at, key, before in reversed(self._past):
            if at <= as_of:
                break
            if before is None:
                then.pop(key, None)
            else:
                then[key] = before
        return [then[key] for key in sorted(then)]

    def _remember(self, key: K, at: float) -> None:
        while self._past and self._past[0][0] < at - _MINUTES_OF_PAST * 60:
            self._past.popleft()
        self._past.append((at, key, self._now.get(key)))


class Ground(Protocol):
    """What droplets run on where they are more than records; it is called with the store's lock held."""

    def address(self) -> str:
        """A public address for a new droplet."""

    def added(self, store: "Store", droplet: Droplet) -> None:
        """A droplet is there that no event tells of."""

    def heard(self, store: "Store", event: Event) -> None:
        """Something happened."""

    def disk(self, droplet: int) -> object:
        """A copy of what is on a droplet's disk."""

    def cleared(self) -> None:
        """All is as new."""


class Store:
    """All the state. Hold `lock` while calling anything; times are seconds of the monotonic clock.

    Nothing happens by itself: `settle` does what has come due, at the time it was due.
    """

    def __init__(self, delays: Delays, seed: int | None, ground: Ground | None = None) -> None:
        self.ground = ground
        self.lock = threading.RLock()
        self.delays = delays
        self.rng = random.Random(seed)  # noqa: S311  a simulation that can be repeated, no secret
        self._seed = seed
        self._fresh()

    def _fresh(self) -> None:
        self.rng.seed(self._seed)
        self.droplet_limit = 1000
        self._started = time.monotonic()
        self._wall = datetime.now(UTC)
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = {"droplet": 400_000_000, "action": 2_000_000_000, "image": 150_000_000, "key": 40_000_000}
        self.events: list[Event] = []
        self.droplets: Table[int, Droplet] = Table()
        self.images: Table[int, Image] = Table()
        self.actions: Table[int, Action] = Table()
        self.keys: Table[int, Key] = Table()
        self.volumes: Table[str, Volume] = Table()
        self.volume_snapshots: Table[str, VolumeSnapshot] = Table()
        self.ips: Table[str, ReservedIp] = Table()
        self.tags: Table[str, str] = Table()
        self.domains: Table[str, str] = Table()
        self.records: Table[int, Record] = Table()
        self.slugs: dict[str, int] = {}
        self._vpcs: dict[str, str] = {}
        for image in public_images(130_000_001):
            self.images.furnish(image.id, image)
            self.slugs[image.slug or ""] = image.id

    def reset(self) -> None:
        """As new."""
        with self.lock:
            self._fresh()
            if self.ground is not None:
                self.ground.cleared()

    def number(self, kind: str) -> int:
        """The next id of a "droplet", an "action", an "image", a "key" or anything else."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def vpc(self, region: str) -> str:
        """The default private network of a region."""
        if region not in self._vpcs:
            self._vpcs[region] = self.new_uuid()
        return self._vpcs[region]

    def new_addresses(self, region: str) -> tuple[str, str]:
        """A public and a private IPv4 address that no other droplet has."""
        number = self.number("address")
        public = f"203.0.113.{number + 1}" if number <= 250 else f"198.18.{number // 250}.{number % 250 + 2}"
        if self.ground is not None:
            public = self.ground.address()
        return public, f"10.{PLACE_NUMBERS[region]}.{number // 250}.{number % 250 + 2}"

    def stamp(self, at: float) -> str:
        """The time of day at `at`, UTC, in whole seconds."""
        return (self._wall + timedelta(seconds=at - self._started)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def later(self, at: float, what: Callable[[float], None]) -> None:
        """Have `what` called with `at` once that time has come."""
        heapq.heappush(self._due, (at, self.number("due"), what))

    def settle(self, now: float | None = None) -> float:
        """Do what has come due; answers the time."""
        now = time.monotonic() if now is None else now
        while self._due and self._due[0][0] <= now:
            at, _, what = heapq.heappop(self._due)
            what(at)
        return now

    def note(self, at: float, kind: str, droplet: int | None, name: str, /, **detail: Any) -> None:
        """Write down something that happened."""
        event = Event(len(self.events) + 1, at, kind, droplet, name, detail)
        self.events.append(event)
        if self.ground is not None:
            self.ground.heard(self, event)

    def disk_of(self, droplet: int) -> object:
        """A copy of what is on a droplet's disk, if that is known."""
        return None if self.ground is None else self.ground.disk(droplet)

    def ready_snapshots(self, droplet: int) -> list[Json]:
        """The snapshots of a droplet that are listed, available and not empty: id, name, size_gigabytes."""
        return [
            {"id": image.id, "name": image.name, "size_gigabytes": image.size_gb}
            for image in self.images.values()
            if image.droplet_id == droplet and image.status == "available" and image.size_gb > 0
        ]

    def address_of(self, droplet: int) -> str | None:
        """The reserved address of a droplet."""
        return next((each.ip for each in self.ips.values() if each.droplet_id == droplet), None)
