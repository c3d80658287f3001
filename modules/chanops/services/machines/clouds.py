"""The clouds as all jobs see them together: one look serves everybody who waits."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from chanops.core.errors import Problem
from chanops.core.machine_sections import ProviderSettings
from chanops.core.text import near
from chanops.providers.base import Action, Can, Image, Machine, Provider, ProviderError, Reserved

T = TypeVar("T")
RECENT = 2.0  # seconds: a list that old is shown without asking again
MANY = 25  # who wait for one view: with so many, it is looked at half as often
SLICE = 0.5  # seconds after which a wait asks whether it is still wanted
SOON, LATER = 30.0, 120.0  # seconds: waits this old look less often
FACTORS = (1.0, 2.5, 6.0)


class View(Generic[T]):
    """A list at a cloud, fetched once for all who want one that is newer than what there is."""

    def __init__(self, fetch: Callable[[], T]) -> None:
        self.fetch = fetch
        self.change = threading.Condition()
        self.value: T
        self.taken_at = self.failed_at = float("-inf")
        self.error: ProviderError
        self.fetching = False
        self.fetches = self.waiting = 0

    def newer(self, than: float, interval: float = 0.0, check: Callable[[], None] = lambda: None) -> T:
        """The list as it was at some time after `than` (time.monotonic()).

        It is fetched not sooner than `interval` seconds after the last time, and later where many wait: they have
        other requests to send. `check` may raise to end the wait.
        """
        with self.change:
            self.waiting += 1
            try:
                while self.taken_at < than:
                    check()
                    if self.failed_at >= than:
                        raise self.error
                    due = max(self.taken_at, self.failed_at) + interval * (1 + self.waiting / MANY)
                    wait = SLICE if self.fetching else due - time.monotonic()
                    if wait > 0:
                        self.change.wait(min(wait, SLICE))
                    else:
                        self.fetch_now()
                return self.value
            finally:
                self.waiting -= 1

    def fetch_now(self) -> None:
        """Fetch, without the lock; whoever waits sees what came of it."""
        self.fetching, began = True, time.monotonic()
        self.change.release()
        try:
            value = self.fetch()
        except ProviderError as error:
            self.change.acquire()
            self.failed_at, self.error = began, error
        except BaseException:
            self.change.acquire()
            raise
        else:
            self.change.acquire()
            self.value, self.taken_at, self.fetches = value, began, self.fetches + 1
        finally:
            self.fetching = False
            self.change.notify_all()


class Cloud:
    """One account, and the views of it that are shared."""

    def __init__(self, provider: Provider, settings: ProviderSettings) -> None:
        self.provider, self.settings = provider, settings
        self.changed_at = float("-inf")
        self.known_as: str | None = None
        self.machines: View[list[Machine]] = View(provider.machines)
        self.snapshots: View[list[Image]] = View(provider.snapshots)
        self.actions: View[list[Action]] = View(provider.actions)
        self.reserved: View[list[Reserved]] = View(self.reserved_now)

    def identity(self) -> str:
        """Which account this is; asked once."""
        if self.known_as is None:
            self.known_as = self.provider.identity()
        return self.known_as

    def recent(self, age: float = RECENT) -> float:
        """The time.monotonic() after which a view must be taken that is shown or planned with."""
        return max(time.monotonic() - age, self.changed_at)

    def changed(self) -> None:
        """We have changed something there: what was seen before does not count any more."""
        self.changed_at = time.monotonic()

    def reserved_now(self) -> list[Reserved]:
        """The reserved addresses; none where the cloud has no such thing."""
        return self.provider.reserved() if Can.RESERVED_ADDRESSES in self.provider.can else []

    def interval(self, waited: float) -> float:
        """How often to look, for somebody who has waited that long; never quite the same."""
        factor = FACTORS[(waited > SOON) + (waited > LATER)]
        return self.settings.poll * factor * random.uniform(0.85, 1.15)  # noqa: S311  no secret


@dataclass
class Clouds:
    """All accounts, by name."""

    by_name: Mapping[str, Cloud]

    def of(self, name: str) -> Cloud:
        """The account of that name. Raises Problem."""
        if name in self.by_name:
            return self.by_name[name]
        nearest = near(name, self.by_name)
        known = f"did you mean {nearest}?" if nearest else f"there are {', '.join(self.by_name) or 'none'}"
        raise Problem(f"there is no provider {name}; {known}")

    def only(self) -> str:
        """The one account there is. Raises Problem where it must be said which."""
        if len(self.by_name) == 1:
            return next(iter(self.by_name))
        if not self.by_name:
            raise Problem("no provider is configured: an admin adds a [provider:NAME] section")
        raise Problem(f"say which provider: on={'|'.join(self.by_name)}")
