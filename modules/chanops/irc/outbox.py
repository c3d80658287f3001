"""What waits to be sent: a token bucket for what people say, nothing before PONG."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_WAITING = 1000


@dataclass
class Outbox:
    """One connection's outgoing lines. Any thread may put lines in; one takes them out.

    `burst` lines may leave at once, then one every `interval` seconds. While `held`, only what is urgent.
    """

    burst: int
    interval: float
    leaving: Callable[[str], object] = lambda text: None  # told of each line that waited and now is taken out
    urgent: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    waiting: deque[str] = field(default_factory=deque)
    tokens: float = 0.0
    counted_at: float = 0.0
    dropped: int = 0
    held: bool = True

    def start(self, now: float) -> None:
        """A new connection: the bucket is full; what was urgent for the old one means nothing any more."""
        self.urgent.clear()
        self.held = True
        self.tokens, self.counted_at = float(self.burst), now

    def put(self, text: str) -> None:
        """Take a line in; where too many wait, it is dropped and counted."""
        if len(self.waiting) >= MOST_WAITING:
            self.dropped += 1
        else:
            self.waiting.append(text)

    def take(self, now: float) -> str | None:
        """The next line that may leave now, or None."""
        if self.urgent:
            return self.urgent.popleft()
        if self.held or not self.waiting:
            return None
        self.refill(now)
        if self.tokens < 1:
            return None
        self.tokens -= 1
        text = self.waiting.popleft()
        self.leaving(text)
        return text

    def refill(self, now: float) -> None:
        if self.interval > 0:
            gained = max(0.0, now - self.counted_at) / self.interval
            self.tokens = min(float(self.burst), self.tokens + gained)
        else:
            self.tokens = float(self.burst)
        self.counted_at = now

    def wait(self, now: float) -> float | None:
        """Seconds until a waiting line may leave; None where none waits."""
        if self.urgent:
            return 0.0
        if self.held or not self.waiting:
            return None
        self.refill(now)
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) * self.interval
