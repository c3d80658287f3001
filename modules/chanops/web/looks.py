"""What there is in the clouds, for pages: asked for once in a while however often they are read; nobody waits long."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from chanops.core.errors import Problem
from chanops.services.machines.clouds import Cloud, Clouds
from chanops.services.machines.inventory import look
from chanops.services.machines.service import Machines
from chanops.web.rows import MachineRow, SnapshotRow, charges_when_off, machine_rows, snapshot_rows

FRESH = 10.0  # seconds: what is younger is shown without asking
PATIENCE = 3.0  # seconds that a reader waits for clouds


@dataclass(frozen=True)
class Look:
    """What one account told, and when; what it did not tell is in `troubles`."""

    machines: Sequence[MachineRow] = ()
    snapshots: Sequence[SnapshotRow] = ()
    troubles: Sequence[str] = ()
    at: datetime | None = None
    """When the machines were listed; None where they could not be."""


class Looks:
    """The last look at each account. `all` is called in the server's loop only, so nothing here needs a lock."""

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.asking: dict[str, tuple[Cloud, asyncio.Future[Look]]] = {}
        self.last: dict[str, tuple[Cloud, Look]] = {}

    async def all(self) -> dict[str, Look]:
        """Each account as it is, or, where it does not answer soon, as it was."""
        clouds = dict(self.machines.clouds.by_name)
        futures = {name: self.ask(name, cloud) for name, cloud in clouds.items()}
        if futures:
            await asyncio.wait(futures.values(), timeout=PATIENCE)
        return {name: self.seen(name, clouds[name], future) for name, future in futures.items()}

    def seen(self, name: str, cloud: Cloud, future: "asyncio.Future[Look]") -> Look:
        """What an account told, or what is known of it."""
        found = future.result() if future.done() else Look(troubles=(f"{name}: no answer yet",))
        before = self.last.get(name)
        if found.at is not None:
            self.last[name] = (cloud, found)
        elif before is not None and before[0] is cloud:
            found = replace(before[1], troubles=found.troubles)
        return found

    def ask(self, name: str, cloud: Cloud) -> "asyncio.Future[Look]":
        """Look at an account in a thread of its own, unless that is being done."""
        asked = self.asking.get(name)
        if asked is not None and asked[0] is cloud and not asked[1].done():
            return asked[1]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Look] = loop.create_future()
        self.asking[name] = (cloud, future)

        def work() -> None:
            answer = Look(troubles=(f"{name}: it could not be asked",))
            try:
                answer = look_at(name, cloud, self.machines)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(future.set_result, answer)

        threading.Thread(target=work, name=f"look-{name}", daemon=True).start()
        return future


def look_at(name: str, cloud: Cloud, machines: Machines) -> Look:
    """Ask one account, if what is known of it is not young enough; blocks."""
    than = time.monotonic() - FRESH
    # In a table of its own: a reload may replace the account meanwhile.
    seen = look(Clouds({name: cloud}), machines.settings, name, than)
    if seen.troubles:
        return Look(troubles=seen.troubles)
    at = datetime.now(UTC) - timedelta(seconds=time.monotonic() - cloud.machines.taken_at)
    rows = machine_rows(seen, charges_when_off(cloud))
    try:
        return Look(rows, snapshot_rows(cloud, than), (), at)
    except Problem as problem:
        return Look(rows, (), (f"{problem} (asked for snapshots)",), at)
