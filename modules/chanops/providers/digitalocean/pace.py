"""How often an account may be asked: 250 times a minute and 5,000 times an hour are the cloud's limits."""

import threading
import time
from collections import deque

from chanops.providers.base import RateLimited

# A little longer than the cloud's own, since a request reaches it some time after its turn was taken.
MINUTE, HOUR, HOURLY = 63.0, 3610.0, 4900
LONGEST_WAIT = 15.0  # seconds that are waited in here, where no cancelling is heard; for longer waits there is an error
SLICE = 1.0


class Pace:
    """The requests that were sent, and when the next may be."""

    def __init__(self, name: str, per_minute: int) -> None:
        self.name, self.per_minute = name, max(1, per_minute)
        self.lock = threading.Lock()
        self.sent: deque[float] = deque()
        self.held_until = 0.0
        self.count = 0

    def take_turn(self) -> None:
        """Wait until one more request is within the limits. Raises RateLimited where that would be long."""
        began = time.monotonic()
        while True:
            with self.lock:
                now = time.monotonic()
                while self.sent and now - self.sent[0] > HOUR:
                    self.sent.popleft()
                wait = max(self.held_until - now, self.full_for(now))
                if wait <= 0:
                    self.sent.append(now)
                    self.count += 1
                    return
            if now - began + wait > LONGEST_WAIT:
                raise self.refusal(wait)
            time.sleep(min(wait, SLICE))

    def full_for(self, now: float) -> float:
        """Seconds until the windows have room."""
        minute = self.sent[-self.per_minute] + MINUTE - now if len(self.sent) >= self.per_minute else 0.0
        hour = self.sent[-HOURLY] + HOUR - now if len(self.sent) >= HOURLY else 0.0
        return max(minute, hour)

    def hold(self, seconds: float) -> None:
        """Nothing may be sent for so long: the cloud said so. An hour is its longest window."""
        with self.lock:
            self.held_until = max(self.held_until, time.monotonic() + min(seconds, HOUR))

    def refusal(self, wait: float) -> RateLimited:
        """What is said instead of waiting; in steps, lest it is news each second."""
        about = -(-int(wait) // 10) * 10 or 10
        return RateLimited(f"{self.name}: too many requests; nothing was done: try again in {about} s")
