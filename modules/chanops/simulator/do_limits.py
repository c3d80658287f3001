"""How often a client of the simulated API may ask: sliding windows, and the headers that tell of them."""

import threading
import time
from collections import Counter, deque

from chanops.simulator.do_records import Limits, Refusal

_MINUTE, _HOUR = 60.0, 3600.0


class Window:
    """At most `most` requests in `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self._times: deque[float] = deque()

    def left(self, now: float) -> int:
        while self._times and self._times[0] <= now - self.seconds:
            self._times.popleft()
        return max(0, self.most - len(self._times))

    def add(self, now: float) -> None:
        self._times.append(now)

    def frees_in(self, now: float) -> float:
        """Seconds until the oldest request no longer counts."""
        return max(0.0, self._times[0] + self.seconds - now) if self._times else 0.0


class Meter:
    """All windows of the one token; `exceeded` counts the refusals by window."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self._windows = {
            "minute": Window(self._limits.minute, _MINUTE),
            "hour": Window(self._limits.hour, _HOUR),
            "keys": Window(self._limits.keys_minute, _MINUTE),
        }
        self.exceeded: Counter[str] = Counter()

    def count(self, now: float, *, keys: bool) -> None:
        """Count a request, or refuse it; `keys` for a list of SSH keys. What is refused is not counted."""
        with self._lock:
            mine = {name: each for name, each in self._windows.items() if keys or name != "keys"}
            for name, window in mine.items():
                if window.left(now) == 0:
                    self.exceeded[name] += 1
                    seconds = max(1, -int(-window.frees_in(now) // 1))
                    raise too_many(seconds)
            for window in mine.values():
                window.add(now)

    def headers(self, now: float) -> dict[str, str]:
        """The state of the hour; the reset is in seconds since 1970."""
        with self._lock:
            hour = self._windows["hour"]
            left = hour.left(now)
            return {
                "ratelimit-limit": str(hour.most),
                "ratelimit-remaining": str(left),
                "ratelimit-reset": str(int(time.time() + (hour.frees_in(now) or _HOUR))),
            }


def too_many(seconds: float) -> Refusal:
    """429, with the seconds to wait."""
    return Refusal(429, "too_many_requests", "API Rate limit exceeded.", {"Retry-After": f"{seconds:g}"})
