"""What the machines cost: what runs, what snapshots take, what idles."""

from collections.abc import Iterator
from dataclasses import dataclass

from chanops.core.money import HOURS_A_MONTH, a_month, an_hour
from chanops.providers.base import Account, Can, Image, Machine, ProviderError, Reserved, State
from chanops.services.machines.clouds import Cloud, Clouds


@dataclass(frozen=True)
class Bill:
    """One account's costs, in dollars."""

    provider: str
    machines: tuple[Machine, ...]
    snapshots: tuple[Image, ...]
    snapshot_price: float
    reserved: tuple[Reserved, ...]
    account: Account
    charges_off: bool

    @property
    def hourly(self) -> float:
        """What the machines cost an hour."""
        return sum(each.price for each in self.machines if self.charges_off or each.state != State.OFF)

    @property
    def snapshots_monthly(self) -> float:
        """What the snapshots cost a month."""
        return sum(each.size for each in self.snapshots) * self.snapshot_price

    @property
    def idle(self) -> list[Machine]:
        """Machines that are off and paid for."""
        return [each for each in self.machines if each.state == State.OFF and self.charges_off]

    def lines(self) -> Iterator[str]:
        """The bill as it is said."""
        count, running = len(self.machines), sum(each.state == State.RUNNING for each in self.machines)
        used = f" · this month so far ${self.account.month_to_date}" if self.account.month_to_date else ""
        yield (
            f"{self.provider}: {count} machine{'s' * (count != 1)}, {running} running · {an_hour(self.hourly)}, "
            f"{a_month(self.hourly * HOURS_A_MONTH)}{used}"
        )
        gigabytes = sum(each.size for each in self.snapshots)
        snapshots = f"{len(self.snapshots)} snapshot{'s' * (len(self.snapshots) != 1)}"
        yield f"{self.provider}: {snapshots}, {gigabytes:.1f} GB · {a_month(self.snapshots_monthly)}"
        if self.idle:
            names = ", ".join(each.name for each in self.idle[:8]) + " …" * (len(self.idle) > 8)
            price = sum(each.price for each in self.idle)
            yield f"{self.provider}: off and paid for: {names} · {an_hour(price)}; .down snapshots and destroys them"
        loose = [each.address for each in self.reserved if not each.machine]
        if loose:
            yield f"{self.provider}: reserved addresses that point at nothing, and cost: {', '.join(loose[:8])}"


def bills(clouds: Clouds) -> tuple[list[Bill], list[str]]:
    """The bill of each account, and what could not be asked."""
    found, troubles = [], []
    for name, cloud in clouds.by_name.items():
        if Can.PRICES in cloud.provider.can:
            try:
                found.append(bill(name, cloud))
            except ProviderError as error:
                troubles.append(str(error))
    return found, troubles


def bill(name: str, cloud: Cloud) -> Bill:
    """One account's. Raises ProviderError."""
    provider = cloud.provider
    reserved = provider.reserved() if Can.RESERVED_ADDRESSES in provider.can else []
    return Bill(
        name,
        tuple(provider.machines()),
        tuple(provider.snapshots()),
        cloud.settings.snapshot_price,
        tuple(reserved),
        provider.account(),
        Can.CHARGES_WHEN_OFF in provider.can,
    )
