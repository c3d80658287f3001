"""What the bot hands over to a function, found by the type that its parameter names."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.signature import Signature

OF_THE_MOMENT: tuple[type, ...] = (Message, re.Match)


@dataclass(frozen=True)
class Say:
    """Says a line in a channel ("#ops", or "libera/#ops" where there are several networks)."""

    deliver: Callable[[str, str], None] = field(repr=False)

    def __call__(self, where: str, text: str) -> None:
        """Raises Problem where there is no such channel."""
        self.deliver(where, text)


@dataclass(frozen=True)
class Tell:
    """Says a line to whoever said something, in private."""

    deliver: Callable[[Message, str], None] = field(repr=False)

    def __call__(self, said: Message, text: str) -> None:
        """Only the one who said that line reads it."""
        self.deliver(said, text)


@dataclass(frozen=True)
class Reload:
    """Loads configuration and plugins anew, all or nothing, and returns what changed in one line."""

    work: Callable[[], str] = field(repr=False)

    def __call__(self) -> str:
        """Raises Problem where something is broken; then all stays as it was."""
        return self.work()


@dataclass(frozen=True)
class Supplies:
    """Everything that can be asked for, by type."""

    given: Mapping[type, Any]
    known: dict[Signature, tuple[dict[str, Any], list[tuple[str, type]]]] = field(default_factory=dict, repr=False)

    def check(self, name: str, signature: Signature) -> None:
        """Raises Problem where a function asks for what nobody can hand over."""
        for parameter, wanted in signature.needs:
            if wanted not in self.given and getattr(wanted, "__origin__", wanted) not in OF_THE_MOMENT:
                known = sorted(each.__name__ for each in (*self.given, *OF_THE_MOMENT))
                raise Problem(
                    f"{name} asks for {parameter}: {getattr(wanted, '__name__', wanted)}, which nobody can hand over; "
                    f"there are {', '.join(known)}"
                )

    def fill(self, signature: Signature, moment: Iterable[object] = ()) -> dict[str, Any]:
        """The values for a function's needs: what is always there, and what belongs to this moment."""
        known = self.known.get(signature)
        if known is None:
            known = self.known[signature] = self.divide(signature)
        always, momentary = known
        if not momentary:
            return always.copy()
        now = {type(thing): thing for thing in moment}
        return always | {name: now[kind] for name, kind in momentary}

    def divide(self, signature: Signature) -> tuple[dict[str, Any], list[tuple[str, type]]]:
        """A function's needs as those that are the same each time, and the types of the others."""
        kinds = [(name, getattr(wanted, "__origin__", wanted), wanted) for name, wanted in signature.needs]
        always = {name: self.given[wanted] for name, kind, wanted in kinds if kind not in OF_THE_MOMENT}
        return always, [(name, kind) for name, kind, _ in kinds if kind in OF_THE_MOMENT]
