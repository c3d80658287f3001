"""What the simulated DigitalOcean holds: its things, its limits and delays, and how it says no."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Json = dict[str, Any]


class Refusal(Exception):
    """A request that is answered with an error: the HTTP status, the short id, the sentence."""

    def __init__(self, status: int, name: str, message: str, headers: Mapping[str, str] = {}) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.headers = dict(headers)


def missing() -> Refusal:
    return Refusal(404, "not_found", "The resource you were accessing could not be found.")


def unfit(message: str) -> Refusal:
    return Refusal(422, "unprocessable_entity", message)


def busy() -> Refusal:
    return unfit("Droplet already has a pending event.")


@dataclass(frozen=True)
class Delays:
    """How long things take, in seconds, each times `scale`; `snapshot_per_gb` is for each used GB of the disk.

    `listing` passes between a snapshot's end and its place in the lists; `status_lag` is how long a droplet that
    went off still shows "active". Where droplets answer SSH, they do so `boot` seconds after they came up.
    """

    create: float = 2.0
    shutdown: float = 1.0
    power_off: float = 0.5
    power_on: float = 0.8
    reboot: float = 1.0
    resize: float = 1.5
    rename: float = 0.2
    snapshot: float = 0.8
    snapshot_per_gb: float = 0.6
    restore: float = 1.5
    rebuild: float = 1.5
    destroy: float = 0.5
    listing: float = 0.0
    status_lag: float = 0.2
    boot: float = 1.5
    scale: float = 1.0

    @classmethod
    def realistic(cls, scale: float = 1.0) -> "Delays":
        """The proportions of the real cloud, shortened to a few seconds in all."""
        return cls(scale=scale)

    @classmethod
    def quick(cls) -> "Delays":
        """Tens of milliseconds, for tests."""
        names = [each.name for each in fields(cls) if each.name not in ("scale", "listing")]
        return cls(**{**dict.fromkeys(names, 0.03), "snapshot_per_gb": 0.01, "rename": 0.01, "status_lag": 0.01})

    def of(self, name: str) -> float:
        """The seconds of the field `name`, scaled."""
        seconds: float = getattr(self, name)
        return seconds * self.scale

    def of_snapshot(self, used_gb: float) -> float:
        return (self.snapshot + self.snapshot_per_gb * used_gb) * self.scale


@dataclass(frozen=True)
class Limits:
    """How many requests a token has in a minute and in an hour, and lists of SSH keys in a minute."""

    minute: int = 250
    hour: int = 5000
    keys_minute: int = 10


@dataclass(frozen=True)
class Event:
    """Something that really happened, at a time of the monotonic clock; `detail` is plain JSON."""

    number: int
    at: float
    kind: str
    droplet: int | None
    name: str
    detail: Json


@dataclass(frozen=True)
class Request:
    """One request as it was answered; status 0 when no answer was sent. `path` begins with /v2."""

    at: float
    method: str
    path: str
    query: str
    status: int
    droplet: int | None
    agent: str
    port: int


@dataclass(frozen=True)
class Action:
    """Work on one thing; `resource_id` is None for a thing whose id is no number."""

    id: int
    type: str
    started_at: str
    resource_id: int | None
    resource_type: str
    region: str | None
    status: str = "in-progress"
    completed_at: str | None = None
    thing: str = ""


@dataclass(frozen=True)
class Image:
    """A public image, or a snapshot of the droplet `droplet_id`; sizes in GB; `disk` is what is on it, if anything."""

    id: int
    name: str
    distribution: str
    slug: str | None
    public: bool
    regions: tuple[str, ...]
    created_at: str
    type: str
    min_disk: int
    size_gb: float
    tags: tuple[str, ...] = ()
    status: str = "available"
    description: str = ""
    droplet_id: int | None = None
    application: bool = False
    disk: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Droplet:
    """A machine; `pending` is the action it is busy with, `seen_on_until` a time of the monotonic clock."""

    id: int
    name: str
    size: str
    region: str
    image: Image
    status: str
    created_at: str
    disk: int
    used_gb: float
    vpc: str
    tags: tuple[str, ...] = ()
    volume_ids: tuple[str, ...] = ()
    snapshot_ids: tuple[int, ...] = ()
    features: tuple[str, ...] = ("droplet_agent", "private_networking")
    key_ids: tuple[int, ...] = ()
    user_data: str = ""
    public: str | None = None
    private: str | None = None
    public6: str | None = None
    pending: int | None = None
    seen_on_until: float = 0.0


@dataclass(frozen=True)
class Key:
    """An SSH key; the fingerprint is the MD5 one, hexadecimal with colons."""

    id: int
    name: str
    public_key: str
    fingerprint: str


@dataclass(frozen=True)
class Volume:
    """A block volume, at one droplet at most; size in GB."""

    id: str
    name: str
    region: str
    size_gb: int
    created_at: str
    description: str = ""
    tags: tuple[str, ...] = ()
    droplet_id: int | None = None
    filesystem_type: str = ""
    filesystem_label: str = ""


@dataclass(frozen=True)
class VolumeSnapshot:
    """A snapshot of a volume; sizes in GB."""

    id: str
    name: str
    volume_id: str
    region: str
    created_at: str
    min_disk: int
    size_gb: float
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReservedIp:
    """An address that outlives the droplet it is assigned to."""

    ip: str
    region: str
    droplet_id: int | None = None


@dataclass(frozen=True)
class Record:
    """A DNS record of `domain`; the name is relative to it, "@" for the domain itself."""

    id: int
    domain: str
    type: str
    name: str
    data: str
    ttl: int = 1800
    rest: Json = field(default_factory=dict)
