"""The simulated DigitalOcean's faults: what goes wrong, at which requests, how often."""

import random
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

# These decide what is answered; one request has one of them at most. The seconds are what a fault has when not told.
ANSWERS = {
    "429": 1.0,
    "429-page-2": 1.0,
    "500-before": 0.0,
    "500-after": 0.0,
    "502-html": 0.0,
    "hang": 60.0,
    "hang-after": 60.0,
    "cut-before": 0.0,
    "cut-after": 0.0,
    "pending": 0.0,
}
# These change what happens or what is shown; a request may have several.
TWISTS = {
    "errored-action": 0.0,
    "snapshot-absent": 0.0,
    "snapshot-empty": 0.0,
    "snapshot-late": 1.0,
    "shutdown-ignored": 0.0,
    "lag": 1.0,
    "status-lag": 1.0,
    "foreign-next": 0.0,
    "bare-networks": 0.0,
    "drip": 0.2,
}
# A fault waits for a request it can act on: a shutdown does not use up a snapshot's fault.
_ONLY_ACTIONS = {
    "snapshot-absent": {"snapshot"},
    "snapshot-empty": {"snapshot"},
    "snapshot-late": {"snapshot"},
    "shutdown-ignored": {"shutdown"},
    "status-lag": {"shutdown", "power_off"},
}
_DROPLETS = re.compile(r"^/v2/droplets(/\d+)?$")
_DROPLET = re.compile(r"^/v2/droplets/\d+$")
_DROPLET_ACTIONS = re.compile(r"^/v2/droplets/\d+/actions$")


@dataclass(frozen=True)
class Fault:
    """Something to go wrong.

    `path` is a regular expression searched for in the request's path ("/v2/droplets/5/actions", no slash at the
    end), `action` the "type" of the body ("*" for any; "create" and "destroy" name those two), `times` None for
    ever, `seconds` what the kind needs: Retry-After, how long to hang, how late, how old, the pause between bytes.
    """

    kind: str
    method: str = "*"
    path: str = ""
    times: int | None = 1
    probability: float = 1.0
    seconds: float | None = None
    host: str = "elsewhere.invalid"
    action: str = "*"
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in ANSWERS and self.kind not in TWISTS:
            raise ValueError(f"no fault is called {self.kind!r}")
        try:
            object.__setattr__(self, "pattern", re.compile(self.path))
        except re.error as error:
            raise ValueError(f"the path {self.path!r} is no regular expression: {error}") from None

    @property
    def wait(self) -> float:
        """The seconds, or those usual for the kind."""
        return (ANSWERS | TWISTS)[self.kind] if self.seconds is None else self.seconds


@dataclass(frozen=True)
class Occasion:
    """What of a request decides about faults; `listing` for a GET that answers with pages."""

    method: str
    path: str
    action: str
    page: int
    listing: bool


@dataclass(frozen=True)
class Mishap:
    """What befalls one request: how the answer goes wrong, if it does, and the twists by kind."""

    answer: Fault | None
    twists: dict[str, Fault]


class Faults:
    """The faults that are switched on; any thread may change them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        self._left: list[tuple[Fault, int | None]] = []

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._left += [(fault, fault.times) for fault in faults]

    def clear(self) -> None:
        with self._lock:
            self._left = []

    def waiting(self) -> Sequence[Fault]:
        """Those that have not run out."""
        with self._lock:
            return [fault for fault, _ in self._left]

    def befall(self, occasion: Occasion) -> Mishap:
        """What goes wrong now; each fault that is given has one time less."""
        answer: Fault | None = None
        twists: dict[str, Fault] = {}
        with self._lock:
            left: list[tuple[Fault, int | None]] = []
            for fault, times in self._left:
                taken = answer is not None if fault.kind in ANSWERS else fault.kind in twists
                if not taken and _fits(fault, occasion) and self._happens(fault):
                    if fault.kind in ANSWERS:
                        answer = fault
                    else:
                        twists[fault.kind] = fault
                    times = None if times is None else times - 1
                if times is None or times > 0:
                    left.append((fault, times))
            self._left = left
        return Mishap(answer, twists)

    def _happens(self, fault: Fault) -> bool:
        # No number is drawn for what is sure, so that adding a sure fault does not shift the others' luck.
        return fault.probability >= 1.0 or self._rng.random() < fault.probability


def _fits(fault: Fault, occasion: Occasion) -> bool:
    """Whether the fault means this request and can act on it."""
    if fault.method not in ("*", occasion.method) or not fault.pattern.search(occasion.path):
        return False
    if fault.action not in ("*", occasion.action):
        return False
    return _can_act(fault.kind, occasion)


def _can_act(kind: str, occasion: Occasion) -> bool:
    if kind == "429-page-2":
        return occasion.listing and occasion.page >= 2
    if kind in ("lag", "foreign-next"):
        return occasion.listing
    if kind == "bare-networks":
        return occasion.method == "GET" and bool(_DROPLETS.match(occasion.path))
    if kind in _ONLY_ACTIONS:
        return bool(_DROPLET_ACTIONS.match(occasion.path)) and occasion.action in _ONLY_ACTIONS[kind]
    if kind == "pending":
        acting = occasion.method == "POST" and _DROPLET_ACTIONS.match(occasion.path)
        return bool(acting or (occasion.method == "DELETE" and _DROPLET.match(occasion.path)))
    if kind == "errored-action":
        return bool(occasion.action)
    return True
