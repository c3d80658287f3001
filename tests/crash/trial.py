"""One trial: a bot, a faulty cloud of its own, and kills; all that is drawn comes from the trial's seed."""

import json
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chanops.services.audit import Audit
from chanops.services.database import Database
from chanops.simulator.digitalocean import Delays, Fault
from tests.crash.child import Spec
from tests.crash.cloud import Seen, Trap, WatchedCloud
from tests.crash.nursery import CONFIGURATION, Life, Nursery

GRACE, LAG = 0.8, 0.25
SETTLED = 60.0  # seconds in which the last life must have ended all jobs
POLL = 0.01
PROVIDER = """\
[jobs]
most_jobs = 100
per_minute = 1000
[provider:do]
kind = digitalocean
token = demo-token
endpoint = {url}
poll = 0.05
grace = {grace}
shutdown = 0.6
create = 4
least_snapshot = 4
per_minute = 250
keep = 3
"""
NEW = "image=debian-12-x64 size=s-1vcpu-1gb region=fra1"
CHANGING = ("create", "shutdown", "power_off", "snapshot", "destroy")
POINTS = ("create", "claim", "intend", "settle", "show", "finish", "told")


class Folder:
    """Where one bot lives: its configuration and its database."""

    def __init__(
        self, template: Path, url: str, grace: float = GRACE, more: str = "", where: Path | None = None
    ) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="chanops-crash-", dir=where))
        (self.path / "data").mkdir(mode=0o700)
        shutil.copy(template, self.path / "data" / "chanops.db")
        self.config = self.path / "config.ini"
        self.config.touch(mode=0o600)
        self.config.write_text(CONFIGURATION + PROVIDER.format(url=url, grace=grace) + more)
        self.events = self.path / "events"

    def told(self, kind: str = "", agent: str = "") -> list[dict[str, Any]]:
        """What the lives told."""
        if not self.events.exists():
            return []
        found = [json.loads(line) for line in self.events.read_text().splitlines()]
        return [each for each in found if kind in ("", each["kind"]) and agent in ("", each["agent"])]

    def size(self) -> int:
        """How much was told."""
        return self.events.stat().st_size if self.events.exists() else 0

    def rows(self, query: str, patience: float = 20.0) -> list[dict[str, Any]]:
        """Rows of the database; for when nobody is to be killed any more."""
        connection = sqlite3.connect(self.path / "data" / "chanops.db", timeout=patience)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query)]
        finally:
            connection.close()

    def verified(self) -> bool:
        """Whether the audit's chain is whole."""
        database = Database(self.path / "data" / "chanops.db")
        database.start()
        try:
            return not Audit(database).verify().broken_at
        finally:
            database.stop()

    def log(self) -> str:
        """What the lives wrote to standard error."""
        path = Path(f"{self.events}.log")
        return path.read_text() if path.exists() else ""

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def template(folder: Path) -> Path:
    """An empty database with its tables."""
    folder.mkdir(mode=0o700, exist_ok=True)
    database = Database(folder / "template.db")
    database.start()
    database.stop()
    return folder / "template.db"


@dataclass
class Doom:
    """How a life ends: after so many seconds, at a request, or at a place in the journal."""

    text: str
    after: float = 0.0
    trap: tuple[str, int, str, float] | None = None
    die: list[Any] = field(default_factory=list)


@dataclass
class Result:
    """What came of a trial."""

    seed: int
    kills: int = 0
    violations: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    claimed: list[float] = field(default_factory=list)
    said_extra: int = 0
    seconds: float = 0.0
    story: str = ""


class Trial:
    """Draws what is asked for, what goes wrong and when it dies; then does it."""

    def __init__(
        self,
        seed: int,
        nursery: Nursery,
        template: Path,
        *,
        naive: bool = False,
        grace: float = GRACE,
        lag: float = LAG,
        most_kills: int = 12,
    ) -> None:
        self.seed, self.nursery, self.naive, self.grace, self.lag = seed, nursery, naive, grace, lag
        self.rng = random.Random(seed)
        self.cloud = WatchedCloud(delays(self.rng), seed)
        self.phases, self.new, self.old = drawn_phases(self.rng)
        self.faults = drawn_faults(self.rng, lag)
        self.budget = min(most_kills, self.rng.randint(5, 12))
        self.ids = {name: self.cloud.world.add_droplet(name, tags=("kept",)) for name in self.old}
        self.cloud.world.faults.add(*self.faults)
        self.cloud.start()
        self.folder = Folder(template, self.cloud.url, grace)
        self.lives = 0
        self.dooms: list[str] = []
        self.result = Result(seed)

    def run(self) -> Result:
        """All phases; the violations are for the judge to find."""
        began = time.monotonic()
        try:
            for number, phase in enumerate(self.phases):
                left = len(self.phases) - number
                share = self.budget if left == 1 else self.budget // left
                self.budget -= share
                self.live_through(phase, share)
        finally:
            self.result.seconds = time.monotonic() - began
        return self.result

    def live_through(self, phase: list[list[str]], kills: int) -> None:
        """Lives until all of a phase's jobs are over."""
        while True:
            doom = drawn_doom(self.rng) if kills > 0 else None
            again = kills > 0 and self.lives > 0 and self.rng.random() < 0.05
            life, agent = self.begin(phase, doom, again)
            over = self.wait(life, agent, doom)
            life.kill()
            self.cloud.watch.traps.clear()
            if over:
                return
            if doom is None:
                self.result.violations.append(f"not settled within {SETTLED:.0f} s")
                return
            kills -= 1
            self.result.kills += 1

    def begin(self, phase: list[list[str]], doom: Doom | None, again: bool) -> tuple[Life, str]:
        self.lives += 1
        agent = f"life-{self.lives}"
        self.dooms.append(f"{agent}: {doom.text if doom else 'lives on'}{', asks again' if again else ''}")
        spec = Spec(
            str(self.folder.config),
            str(self.folder.events),
            agent,
            phase,
            again,
            self.naive,
            die=doom.die if doom else [],
            short=self.grace,
        )
        life = self.nursery.begin(spec)
        if doom is not None and doom.trap is not None:
            kind, nth, when, delay = doom.trap
            self.cloud.watch.traps.append(Trap(kind, nth, when, delay, life.signal))
        return life, agent

    def wait(self, life: Life, agent: str, doom: Doom | None) -> bool:
        """Until the life has ended its jobs or is to die; whether all is over."""
        began = time.monotonic()
        until = began + (doom.after if doom and doom.after else SETTLED)
        size = -1
        while time.monotonic() < until:
            before, size = size, self.folder.size()
            if size != before and self.folder.told("over", agent):
                return True
            if life.ended.wait(POLL):
                return bool(self.folder.told("over", agent))
        return False

    def close(self) -> None:
        self.cloud.stop()
        self.folder.remove()


def delays(rng: random.Random) -> Delays:
    """How long things take in a trial's cloud."""
    return Delays(
        create=rng.uniform(0.02, 0.3),
        shutdown=rng.uniform(0.02, 0.25),
        power_off=0.05,
        power_on=0.05,
        snapshot=rng.uniform(0.02, 0.25),
        snapshot_per_gb=0.01,
        destroy=rng.uniform(0.01, 0.15),
        listing=rng.choice([0.0, 0.1]),
        status_lag=rng.choice([0.0, 0.1]),
    )


def drawn_phases(rng: random.Random) -> tuple[list[list[list[str]]], list[str], list[str]]:
    """What is asked for, phase by phase; the names that come up anew; the names that are there."""
    kind = rng.choice(["up", "down", "both", "cycle", "two"])
    if kind == "up":
        return [[["up", "a b c", NEW]]], ["a", "b", "c"], []
    if kind == "down":
        return [[["down", "x y z", ""]]], [], ["x", "y", "z"]
    if kind == "both":
        return [[["up", "a b", NEW], ["down", "x y", ""]]], ["a", "b"], ["x", "y"]
    if kind == "two":
        return [[["up", "a", NEW], ["up", "b", NEW], ["down", "x", ""], ["down", "y", ""]]], ["a", "b"], ["x", "y"]
    return [[["down", "x y", ""]], [["up", "x y", ""]]], ["x", "y"], ["x", "y"]


def drawn_faults(rng: random.Random, lag: float) -> list[Fault]:
    """What goes wrong."""
    found = []
    for method in ("POST", "DELETE"):
        for kind, seconds in [
            ("429", 0.0),
            ("500-before", None),
            ("500-after", None),
            ("502-html", None),
            ("hang", 0.3),
            ("hang-after", 0.3),
            ("cut-before", None),
            ("cut-after", None),
            ("pending", None),
        ]:
            likely = rng.choice([0.0, 0.02, 0.08])
            found.append(Fault(kind, method, times=None, probability=likely, seconds=seconds))
    for kind, seconds in [("429", 0.0), ("500-before", None), ("cut-before", None), ("502-html", None), ("hang", 0.1)]:
        found.append(Fault(kind, "GET", times=None, probability=rng.choice([0.0, 0.02]), seconds=seconds))
    found += [
        Fault("lag", "GET", times=None, probability=rng.choice([0.0, 0.3, 0.9]), seconds=lag),
        Fault("snapshot-late", times=None, probability=rng.choice([0.0, 0.3]), seconds=0.3),
        Fault("snapshot-absent", times=None, probability=rng.choice([0.0, 0.1])),
        Fault("snapshot-empty", times=None, probability=rng.choice([0.0, 0.1])),
        Fault("errored-action", action="snapshot", times=None, probability=rng.choice([0.0, 0.1])),
        Fault("errored-action", action="shutdown", times=None, probability=rng.choice([0.0, 0.1])),
        Fault("errored-action", action="create", times=None, probability=rng.choice([0.0, 0.0, 0.1])),
        Fault("errored-action", action="destroy", times=None, probability=rng.choice([0.0, 0.0, 0.1])),
        Fault("shutdown-ignored", times=None, probability=rng.choice([0.0, 0.3])),
        Fault("status-lag", times=None, probability=rng.choice([0.0, 0.3]), seconds=0.2),
    ]
    return [each for each in found if each.probability > 0]


def drawn_doom(rng: random.Random) -> Doom:
    """How a life ends: four in ten at a random instant, four at a request, two at a place in the journal."""
    way = rng.random()
    if way < 0.4:
        after = rng.choice([rng.uniform(0.03, 0.3), rng.uniform(0.05, 1.5)])
        return Doom(f"dies after {after:.3f} s", after)
    if way < 0.8:
        kind = rng.choice([*CHANGING, "POST", "DELETE", "list droplets", "list actions", "list snapshots"])
        nth = rng.choice([1, 1, 1, 2, 3])
        when = rng.choice(["arrived", "done", "done"])
        delay = rng.choice([0.0, 0.0, rng.uniform(0.0, 0.03)])
        return Doom(f"dies at {kind} #{nth} {when} + {delay:.3f} s", 3.0, (kind, nth, when, delay))
    method, when, nth = rng.choice(POINTS), rng.choice(["before", "after"]), rng.choice([1, 1, 2, 3, 4, 6])
    return Doom(f"dies {when} {method} #{nth}", 3.0, die=[method, when, nth])


def of_agent(seen: Iterable[Seen], agent: str) -> list[Seen]:
    """The requests of one life."""
    return [each for each in seen if each.agent == agent]
