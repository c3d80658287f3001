"""What every cloud has: the Protocol, the states, the errors; and what its answers look like, whoever gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from chanops.core.errors import Problem

LONG_AGO = datetime.fromtimestamp(0, UTC)


class State(StrEnum):
    """What a machine is doing, whatever its cloud calls it."""

    CREATING = "creating"
    RUNNING = "running"
    STOPPING = "stopping"
    OFF = "off"
    STARTING = "starting"
    DESTROYING = "destroying"
    GONE = "gone"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Can(StrEnum):
    """What not every cloud can do."""

    CHARGES_WHEN_OFF = "charges for machines that are off"
    HARD_STOP = "cut a machine's power"
    RESERVED_ADDRESSES = "point reserved addresses at machines"
    DNS = "serve DNS records"
    PRICES = "say what things cost"


@dataclass(frozen=True)
class Machine:
    """A machine as its cloud describes it. `id` is the cloud's; prices are in dollars an hour; disk in GB."""

    provider: str
    id: str
    name: str
    state: State
    address: str = ""
    size: str = ""
    region: str = ""
    image: str = ""
    tags: tuple[str, ...] = ()
    created: datetime = LONG_AGO
    price: float = 0.0
    disk: int = 0
    memory: int = 0
    cpus: int = 0
    volumes: tuple[str, ...] = ()
    backups: bool = False
    locked: bool = False
    network: str = ""
    ipv6: bool = False
    monitoring: bool = False


@dataclass(frozen=True)
class Image:
    """An image; a snapshot of a machine is one with `of` set to that machine's id. Sizes are in GB."""

    id: str
    name: str
    slug: str = ""
    kind: str = ""
    regions: tuple[str, ...] = ()
    size: float = 0.0
    least_disk: int = 0
    created: datetime = LONG_AGO
    available: bool = False
    of: str = ""


@dataclass(frozen=True)
class Size:
    """A size of machine: memory in MB, disk in GB, prices in dollars."""

    slug: str
    memory: int
    cpus: int
    disk: int
    hourly: float
    monthly: float
    regions: tuple[str, ...]
    available: bool


@dataclass(frozen=True)
class Region:
    """Where machines can be."""

    slug: str
    name: str
    available: bool
    sizes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Key:
    """An SSH key that new machines can be given."""

    id: str
    name: str
    fingerprint: str


@dataclass(frozen=True)
class Action:
    """Something under way at a cloud: `state` is "running", "done" or "failed"."""

    id: str
    kind: str
    machine: str
    state: str
    began: datetime = LONG_AGO


@dataclass(frozen=True)
class Reserved:
    """A reserved address, and the machine it points at ("" for none)."""

    address: str
    machine: str


@dataclass(frozen=True)
class Account:
    """An account: how many machines it may have, and what was used this month, in dollars ("" where not told)."""

    name: str
    most_machines: int
    month_to_date: str = ""


@dataclass(frozen=True)
class Order:
    """What a new machine is to be. `image` is an image's id or slug; `tags` have the job's number among them."""

    name: str
    size: str
    region: str
    image: str
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    script: str = field(default="", repr=False)
    volumes: tuple[str, ...] = ()
    network: str = ""
    ipv6: bool = False
    monitoring: bool = False
    backups: bool = False


class ProviderError(Problem):
    """A cloud did not do what it was asked; nothing was changed."""


class AuthError(ProviderError):
    """The cloud does not accept who we are."""


class NotFound(ProviderError):
    """There is no such thing."""


class Busy(ProviderError):
    """Something else is under way there; nothing was done, and later it may work."""


class BadRequest(ProviderError):
    """The cloud refuses what was asked."""


class Quota(ProviderError):
    """The account may have no more of this."""


class RateLimited(ProviderError):
    """Too many requests, for longer than we wait; nothing was done."""


class Unreachable(ProviderError):
    """The cloud could not be asked, or failed to answer a question; nothing was changed."""


class OutcomeUnknown(ProviderError):
    """A change was asked for and no answer came: it may have been done. Never asked again before looking."""


class Questions(Protocol):
    """What can be asked of one account at one cloud; lists are whole, or raise."""

    def machines(self) -> list[Machine]:
        """All machines."""

    def machine(self, id: str) -> Machine:
        """One machine. Raises NotFound."""

    def images(self, own: bool) -> list[Image]:
        """The account's own images, or the public ones."""

    def snapshots(self) -> list[Image]:
        """The account's snapshots of machines, of which `of` is set."""

    def sizes(self) -> list[Size]:
        """All sizes."""

    def regions(self) -> list[Region]:
        """All regions."""

    def keys(self) -> list[Key]:
        """The account's SSH keys; kept for a minute."""

    def reserved(self) -> list[Reserved]:
        """The account's reserved addresses."""

    def account(self) -> Account:
        """Who we are there."""

    def actions(self) -> list[Action]:
        """What was begun last, newest first: one page for all jobs."""

    def machine_actions(self, id: str) -> list[Action]:
        """What was begun last on one machine, newest first."""

    def identity(self) -> str:
        """What tells this account from others, and never changes; "" where the credentials may not see it."""

    def action(self, id: str) -> Action:
        """One action. Raises NotFound."""


class Changes(Protocol):
    """What can be changed there. All raise OutcomeUnknown where no answer came."""

    def create(self, order: Order) -> Machine:
        """Ask for a machine; it is not running yet. Raises OutcomeUnknown."""

    def start(self, id: str) -> str:
        """Ask for a start; as all below, the id of the action, or OutcomeUnknown, or another ProviderError."""

    def shut_down(self, id: str) -> str:
        """Ask the machine's system to shut down, which it may not do."""

    def cut_power(self, id: str) -> str:
        """Cut the power."""

    def reboot(self, id: str) -> str:
        """Ask for a reboot."""

    def resize(self, id: str, size: str, disk: bool) -> str:
        """Another size; with `disk` the disk grows too, and can never shrink again."""

    def rename(self, id: str, name: str) -> str:
        """Another name."""

    def snapshot(self, id: str, name: str) -> str:
        """Save the whole machine as an image of that name."""

    def rebuild(self, id: str, image: str) -> str:
        """Put an image on the machine; what is there is lost."""

    def destroy(self, id: str) -> None:
        """Destroy the machine and its disk."""

    def delete_image(self, id: str) -> None:
        """Delete an image."""

    def tag(self, id: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Change a machine's tags."""

    def add_key(self, name: str, public: str) -> str:
        """Add a public key, as its .pub file has it, for new machines; its id. BadRequest where it is there."""

    def point_address(self, address: str, id: str) -> str:
        """Point a reserved address at a machine."""

    def point_dns(self, record: str, address: str) -> None:
        """Have a DNS record (A) name an address."""


class Provider(Questions, Changes, Protocol):
    """One account at one cloud. Methods block, are thread-safe, and have time-outs."""

    name: str
    can: frozenset[Can]
