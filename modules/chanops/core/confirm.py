"""Confirmations: a plan is shown with a code, and only the code carries it out."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from chanops.core.access import fold
from chanops.core.errors import Refused
from chanops.core.message import Message

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O or U to mistake
LENGTH = 6
SECONDS = 60.0
MOST_WAITING = 3
WRONG_TRIES = 3

# Raises Refused where what is being done now would not be allowed any more; set by whoever runs commands.
STILL_ALLOWED: ContextVar[Callable[[], None]] = ContextVar("still allowed", default=lambda: None)


@dataclass
class Waiting:
    """A plan that somebody has been shown."""

    who: tuple[str, str, str]
    until: float
    carry_out: Callable[[], Any]
    still_allowed: Callable[[], None]


@dataclass
class Confirmations:
    """The plans that wait for their code; a new one never replaces another."""

    clock: Callable[[], float]
    lock: AbstractContextManager[Any] = field(default_factory=nullcontext)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    wrong: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def ask(self, plan: str, carry_out: Callable[[], Any], said: Message) -> str:
        """Show a plan; the answer holds the code, bound to account, network and channel."""
        who = identity(said)
        code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        with self.lock:
            self.forget_old()
            if sum(each.who == who for each in self.waiting.values()) >= MOST_WAITING:
                raise Refused(
                    f"{MOST_WAITING} of your requests already wait for .confirm: confirm them or let them lapse"
                )
            self.waiting[code] = Waiting(who, self.clock() + SECONDS, carry_out, STILL_ALLOWED.get())
        return f"{said.nick}: {plan}. Say .confirm {code} within {SECONDS:.0f} s"

    def carry_out(self, code: str, said: Message) -> Any:
        """Do what waits under a code: once, in time, for the one who asked, where it was asked."""
        who = identity(said)
        with self.lock:
            self.forget_old()
            found = self.waiting.get(code.upper())
            if found is None or found.who != who:
                self.count_wrong(who)
                raise Refused("nothing of yours waits under that code here: it lapses after a minute and counts once")
            del self.waiting[code.upper()]
            self.wrong.pop(who, None)
        found.still_allowed()
        return found.carry_out()

    def count_wrong(self, who: tuple[str, str, str]) -> None:
        """Three wrong codes void all that this person has waiting."""
        if not any(each.who == who for each in self.waiting.values()):
            return
        self.wrong[who] = self.wrong.get(who, 0) + 1
        if self.wrong[who] >= WRONG_TRIES:
            del self.wrong[who]
            self.waiting = {code: each for code, each in self.waiting.items() if each.who != who}

    def forget_old(self) -> None:
        now = self.clock()
        self.waiting = {code: each for code, each in self.waiting.items() if each.until > now}
        self.wrong = {who: n for who, n in self.wrong.items() if any(w.who == who for w in self.waiting.values())}


def identity(said: Message) -> tuple[str, str, str]:
    """Who is bound to a code: account, network and channel. Who has no account cannot confirm anything."""
    if not said.account:
        raise Refused("confirming needs a services account: log in and ask again")
    return said.network, fold(said.account), said.channel or f"private:{fold(said.nick)}"
