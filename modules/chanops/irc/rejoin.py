"""Coming back into channels: later and later, since one that does not want us must not be pestered."""

import time
from collections.abc import Callable

from chanops.irc.reactor import Reactor, Timer


class Rejoining:
    """The channels of one connection that are to be joined again."""

    def __init__(self, reactor: Reactor, join: Callable[[str], None], first: float, most: float) -> None:
        self.reactor, self.join, self.first, self.most = reactor, join, first, most
        self.waiting: dict[str, tuple[Timer, float]] = {}

    def again(self, channel: str) -> None:
        """Try after a while, unless that is planned already; what is longer ago than the longest wait is forgiven."""
        planned, now = self.waiting.get(channel), time.monotonic()
        if planned and planned[0].at > now:
            return
        if planned and now - planned[0].at > self.most:
            planned = None
        wait = min(planned[1] * 2, self.most) if planned else self.first
        self.waiting[channel] = (self.reactor.after(wait, lambda: self.join(channel)), wait)

    def forget(self) -> None:
        """Plan nothing any more: the connection is gone."""
        for timer, _ in self.waiting.values():
            timer.cancelled = True
        self.waiting.clear()
