"""What is to be done with which machines, decided before anything is done: it is shown, stored, and carried out."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Unit:
    """One machine of a plan. `id` is its cloud's, "" where it is to be made; `facts` are JSON values."""

    name: str
    provider: str
    id: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shares(self) -> bool:
        """Whether others may work on the machine meanwhile, as long as they share it too."""
        return bool(self.facts.get("shares"))

    @property
    def keys(self) -> tuple[str, ...]:
        """By what it is locked: no other job may hold its name or its id."""
        by_name = f"{self.provider}/{self.name}"
        renamed = self.facts.get("new_name")
        also = (f"{self.provider}/{renamed}",) if renamed else ()
        return (by_name, *also, f"{self.provider}#{self.id}") if self.id else (by_name, *also)


@dataclass(frozen=True)
class Plan:
    """A kind of work, on machines; `title` says it in a few words, `warnings` what to think of before."""

    kind: str
    title: str
    units: tuple[Unit, ...]
    destroys: bool = False
    warnings: tuple[str, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for, so that it can be asked again: JSON values."""

    @property
    def text(self) -> str:
        """As it is stored."""
        units = [[each.name, each.provider, each.id, dict(each.facts)] for each in self.units]
        rest = [self.destroys, list(self.warnings), dict(self.request)]
        return json.dumps([self.kind, self.title, units, *rest], sort_keys=True)

    @property
    def shown(self) -> str:
        """As the audit has it: a script, which may hold secrets, as its hash."""
        found = json.loads(self.text)
        for unit in found[2]:
            order = unit[3].get("order", {})
            if order.get("script"):
                order["script"] = hashlib.sha256(order["script"].encode()).hexdigest()
        if found[5].get("script"):
            found[5]["script"] = hashlib.sha256(found[5]["script"].encode()).hexdigest()
        return json.dumps(found, sort_keys=True)

    @staticmethod
    def read(text: str) -> "Plan":
        """A plan from its text."""
        try:
            kind, title, units, destroys, warnings, request = json.loads(text)
        except ValueError:  # by hand, or of another version: it is told of, and does not hold up the others
            return Plan("unreadable", "a plan that cannot be read", ())
        return Plan(kind, title, tuple(Unit(*each) for each in units), destroys, tuple(warnings), request)

    @property
    def digest(self) -> str:
        """What two plans have in common that do the same to the same machines."""
        units = sorted(((each.name, each.provider, each.id, dict(each.facts)) for each in self.units), key=str)
        same = [self.kind, units, sorted(self.warnings) if self.destroys else []]
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
