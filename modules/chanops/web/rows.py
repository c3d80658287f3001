"""What the page of machines shows, worked out: groups, sums, what idles, what is down and can come up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby

from chanops.core.machine_sections import value_for
from chanops.core.money import HOURS_A_MONTH
from chanops.core.sections import Settings
from chanops.services.machines.clouds import Cloud
from chanops.services.machines.inventory import Inventory
from chanops.services.machines.memory import JOB_TAG, Memory
from chanops.services.machines.service import Machines

OFF = "off"
MOST_DOWN = 200


@dataclass(frozen=True)
class MachineRow:
    """A machine as a row; `charged` where it is paid for just now."""

    id: str
    name: str
    state: str
    address: str
    size: str
    region: str
    tags: tuple[str, ...]
    created: datetime | None
    price: float
    charged: bool

    @property
    def tag(self) -> str:
        """The tag under which it is shown; "" for none."""
        return self.tags[0] if self.tags else ""

    @property
    def idles(self) -> bool:
        """Whether it is off and paid for."""
        return self.state == OFF and self.charged


@dataclass(frozen=True)
class SnapshotRow:
    """A snapshot as a row."""

    id: str
    name: str
    machine: str
    size: float
    regions: tuple[str, ...]
    created: datetime | None
    usable: bool
    monthly: float


@dataclass(frozen=True)
class DownRow:
    """A machine that is not there, and what it would be made from."""

    name: str
    source: str
    size: str
    region: str


@dataclass(frozen=True)
class Account:
    """One account, or the plain hosts, with all that is shown of it."""

    name: str
    machines: Sequence[MachineRow]
    snapshots: Sequence[SnapshotRow] = ()
    down: Sequence[DownRow] = ()
    troubles: Sequence[str] = ()
    at: datetime | None = None
    more_down: int = 0

    @cached_property
    def groups(self) -> list[tuple[str, list[MachineRow]]]:
        """The machines by tag, each once, those without a tag last."""
        found = sorted(self.machines, key=lambda each: (not each.tag, each.tag, each.name, each.id))
        return [(tag, list(rows)) for tag, rows in groupby(found, key=lambda each: each.tag)]

    @property
    def running(self) -> int:
        """How many run."""
        return sum(each.state == "running" for each in self.machines)

    @property
    def hourly(self) -> float:
        """What the machines cost an hour."""
        return sum(each.price for each in self.machines if each.charged)

    @property
    def monthly(self) -> float:
        """What they cost a month."""
        return self.hourly * HOURS_A_MONTH

    @property
    def idle(self) -> list[MachineRow]:
        """Machines that are off and paid for."""
        return sorted((each for each in self.machines if each.idles), key=lambda each: each.name)

    @property
    def idle_hourly(self) -> float:
        """What those cost an hour."""
        return sum(each.price for each in self.idle)

    @property
    def gigabytes(self) -> float:
        """How much the snapshots take."""
        return sum(each.size for each in self.snapshots)

    @property
    def snapshots_monthly(self) -> float:
        """What the snapshots cost a month."""
        return sum(each.monthly for each in self.snapshots)


def charges_when_off(cloud: Cloud) -> bool:
    """Whether a machine that is off is paid for there."""
    return any(each.name == "CHARGES_WHEN_OFF" for each in cloud.provider.can)


def machine_rows(seen: Inventory, off_costs: bool) -> list[MachineRow]:
    """The machines of one account."""
    return [
        MachineRow(
            each.id,
            each.name,
            each.state.value,
            each.address,
            each.size,
            each.region,
            tuple(tag for tag in each.tags if not tag.startswith(JOB_TAG)),
            known(each.created),
            each.price,
            off_costs or each.state != OFF,
        )
        for each in seen.machines
    ]


def snapshot_rows(cloud: Cloud, than: float) -> list[SnapshotRow]:
    """The snapshots of one account, newest first. Raises Problem."""
    price = cloud.settings.snapshot_price
    found = sorted(cloud.snapshots.newer(than), key=lambda each: each.created, reverse=True)
    return [
        SnapshotRow(
            each.id,
            each.name,
            Machines.machine_of(each),
            each.size,
            each.regions,
            known(each.created),
            each.available and each.size > 0,
            each.size * price,
        )
        for each in found
    ]


def known(at: datetime) -> datetime | None:
    """A time; None where the cloud did not tell it."""
    return at if at.year > 1970 else None


def names_by_account(memory: Memory, settings: Settings, accounts: Sequence[str]) -> Mapping[str, list[str]]:
    """The names that are remembered or configured, by the account where they would come up; "" where nobody says."""
    remembered = memory.names()
    found: dict[str, list[str]] = {name: [] for name in ("", *accounts)}
    for account, name in remembered:
        if account in found:
            found[account].append(name)
    for name in settings.machines:
        if set(name) & set("*?"):
            continue
        wanted = str(value_for(name, "provider", settings.machines))
        if not wanted and any(name in names for names in found.values()):
            continue
        account = wanted or (accounts[0] if len(accounts) == 1 else "")
        if account in found and name not in found[account]:
            found[account].append(name)
    return {account: sorted(names) for account, names in found.items()}


def down_rows(
    names: Sequence[str],
    account: str,
    snapshots: Sequence[SnapshotRow],
    memory: Memory,
    settings: Settings,
) -> list[DownRow]:
    """What each of these would be made from."""
    newest: dict[str, SnapshotRow] = {}
    for each in snapshots:
        if each.usable:
            newest.setdefault(each.machine, each)
    rows = []
    for name in names:
        was = memory.recall(account, name) if account else None
        image = str(value_for(name, "image", settings.machines)) or (was.image if was else "")
        source = f"snapshot {newest[name].name}" if name in newest else f"image {image}" if image else ""
        size, region = (was.size, was.region) if was else ("", "")
        size = size or str(value_for(name, "size", settings.machines))
        rows.append(DownRow(name, source, size, region or str(value_for(name, "region", settings.machines))))
    return rows
