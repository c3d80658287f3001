"""What is remembered of machines: how each was made, and which snapshots are our own."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from chanops.providers.base import Image, Machine
from chanops.services.database import Database, insert_all
from chanops.services.jobs.journal import now
from chanops.services.tables import machines, snapshots

JOB_TAG = "chanops-job-"
REMEMBER, NOTE = machines.insert(), snapshots.insert()
ANEW = "(provider, name) DO UPDATE SET specification = excluded.specification, changed = excluded.changed"


@dataclass(frozen=True)
class Specification:
    """All that is needed to make a machine again."""

    size: str = ""
    region: str = ""
    image: str = ""
    tags: tuple[str, ...] = ()
    script: str = ""
    volumes: tuple[str, ...] = ()
    network: str = ""
    ipv6: bool = False
    monitoring: bool = False
    backups: bool = False
    reserved: tuple[str, ...] = ()


def specification(machine: Machine, script: str = "", reserved: tuple[str, ...] = ()) -> Specification:
    """A machine's, as it is now; tags of jobs are left out."""
    tags = tuple(tag for tag in machine.tags if not tag.startswith(JOB_TAG))
    return Specification(
        machine.size,
        machine.region,
        machine.image,
        tags,
        script,
        machine.volumes,
        machine.network,
        machine.ipv6,
        machine.monitoring,
        machine.backups,
        reserved,
    )


@dataclass(frozen=True)
class OwnSnapshot:
    """A snapshot that a job made and checked."""

    image: str
    machine: str
    name: str
    job: int
    at: int


class Memory:
    """Remembers, on disk."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def remember(self, provider: str, name: str, found: Specification) -> None:
        """How a machine was made, or is now."""
        row = {
            "provider": provider,
            "name": name,
            "specification": json.dumps(asdict(found)),
            "changed": now(),
        }
        self.database.wait(lambda connection: insert_all(connection, REMEMBER, [row], ANEW), durable=True)

    def rename(self, provider: str, name: str, new: str) -> None:
        """A machine has another name; what is remembered goes with it."""

        def work(connection: Connection) -> None:
            for table, column in ((machines, machines.c.name), (snapshots, snapshots.c.machine)):
                if table is machines:
                    connection.execute(delete(machines).where(machines.c.provider == provider, machines.c.name == new))
                found = table.update().where(table.c.provider == provider, column == name)
                connection.execute(found.values({column: new}))

        self.database.wait(work, durable=True)

    def recall(self, provider: str, name: str) -> Specification | None:
        """What is remembered of a machine."""
        query = select(machines.c.specification).where(machines.c.provider == provider, machines.c.name == name)
        with self.database.read() as connection:
            text = connection.execute(query).scalar()
        return specification_from(json.loads(text)) if text else None

    def names(self) -> list[tuple[str, str]]:
        """The (provider, name) of all that is remembered."""
        with self.database.read() as connection:
            rows = connection.execute(select(machines.c.provider, machines.c.name).order_by(machines.c.name))
            return [(row.provider, row.name) for row in rows]

    def forget(self, provider: str, name: str) -> None:
        """A machine was destroyed for good: patterns of `.up` do not mean it any more."""
        statement = delete(machines).where(machines.c.provider == provider, machines.c.name == name)
        self.database.wait(lambda connection: connection.execute(statement), durable=True)

    def note_snapshot(self, provider: str, machine: str, image: Image, job: int) -> None:
        """A snapshot that was made here, and checked."""
        row = {
            "provider": provider,
            "image": image.id,
            "machine": machine,
            "name": image.name,
            "job": job,
            "at": now(),
        }
        self.database.wait(lambda connection: insert_all(connection, NOTE, [row], "DO NOTHING"), durable=True)

    def own(self, provider: str, machine: str = "") -> list[OwnSnapshot]:
        """Our own snapshots, of one machine or of all; newest first."""
        query = select(snapshots).where(snapshots.c.provider == provider)
        if machine:
            query = query.where(snapshots.c.machine == machine)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        found = [OwnSnapshot(row.image, row.machine, row.name, row.job, row.at) for row in rows]
        # By what only grows, and not by the time: clocks are set back.
        return sorted(found, key=lambda each: (each.job, len(each.image), each.image), reverse=True)

    def forget_snapshot(self, provider: str, image: str) -> None:
        """A snapshot is gone."""
        statement = delete(snapshots).where(snapshots.c.provider == provider, snapshots.c.image == image)
        self.database.wait(lambda connection: connection.execute(statement), durable=True)


def specification_from(found: Mapping[str, Any]) -> Specification:
    """A specification from JSON."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    return Specification(**values)
