"""How a pretended command ends, and who can end it."""

import copy
import math
import os
import threading
import time


class Ended(Exception):
    """The process was killed, or whoever started it is gone."""


class Exit(Exception):
    """The shell exits with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status & 255


class Leave(Exception):
    """`break` and `continue`: how many loops, and whether the last of them goes on."""

    def __init__(self, loops: int, again: bool) -> None:
        super().__init__(loops)
        self.loops = loops
        self.again = again


class Process:
    """What a shell and all that it runs have in common: they end together."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.ignored: set[str] = set()
        self.background: list[threading.Thread] = []
        self._end = math.inf

    def until(self, end: float) -> "Process":
        """The same, which ends by itself at a time of the monotonic clock."""
        made = copy.copy(self)
        made._end = min(end, self._end)
        return made

    def check(self) -> None:
        """Raise Ended if that is so."""
        if self.stopped.is_set() or time.monotonic() >= self._end:
            raise Ended

    def sleep(self, seconds: float) -> None:
        """Wait, unless the end comes first."""
        seconds = min(seconds, self._end - time.monotonic(), threading.TIMEOUT_MAX)
        self.stopped.wait(max(0.0, seconds))
        self.check()


def encoded(text: str) -> bytes:
    """The bytes of a text, also of those that were none."""
    return text.encode(errors="surrogateescape")


def reason(error: OSError) -> str:
    """Why the disk says no, as a tool says it."""
    return os.strerror(error.errno) if error.errno else str(error)
