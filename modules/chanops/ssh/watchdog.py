"""One thread that watches over all deadlines: what blocks in paramiko is ended from outside."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from chanops.ssh.base import Halt, go_on, nothing

log = logging.getLogger(__name__)
LOOK = 0.1  # seconds between two looks while anything is watched
PATIENCE = 5.0  # seconds from the bark to the bite


@dataclass(eq=False)
class Guard:
    """Something that must end: by itself, by a time (time.monotonic()), or because somebody halts it."""

    until: float
    halt: Callable[[], Halt]
    bark: Callable[["Guard"], None]
    bite: Callable[[], None] = nothing
    late: bool = False
    halted: Halt = Halt.GO
    barked: float | None = None

    def due(self, now: float) -> bool:
        """Whether it must end now; why is noted."""
        self.late = now >= self.until
        if not self.late:
            self.halted = self.halt()
        return self.late or self.halted is not Halt.GO


class Watchdog:
    """Looks ten times a second while there is something to watch, and barks once for each that must end.

    `chores` are done each second, also while nothing is watched, as long as they ask for it.
    """

    def __init__(self, chores: Callable[[], bool]) -> None:
        self.chores = chores
        self.change = threading.Condition()
        self.guards: set[Guard] = set()
        self.thread: threading.Thread | None = None
        self.stopping = False

    @contextlib.contextmanager
    def over(
        self,
        until: float,
        bark: Callable[[Guard], None],
        halt: Callable[[], Halt] = go_on,
        bite: Callable[[], None] = nothing,
    ) -> Iterator[Guard]:
        """Watch over what is done within; `bite` is for what has not ended some seconds after the bark."""
        guard = Guard(until, halt, bark, bite)
        try:
            with self.change:
                self.guards.add(guard)
                self.begin()
                if len(self.guards) == 1:
                    self.change.notify_all()
            yield guard
        finally:
            with self.change:
                self.guards.discard(guard)

    def wake(self) -> None:
        """There are chores."""
        with self.change:
            self.begin()

    def begin(self) -> None:
        if self.thread is None and not self.stopping:
            thread = threading.Thread(target=self.watch, name="ssh-watchdog", daemon=True)
            thread.start()  # which may fail: then the next one tries again
            self.thread = thread

    def watch(self) -> None:
        """The thread's life: as long as there is anything to do."""
        chores_at = time.monotonic() + 1
        while True:
            with self.change:
                if self.stopping:
                    return
                self.change.wait(LOOK if self.guards else 1.0)
                now = time.monotonic()
                due = [guard for guard in self.guards if guard.barked is None and guard.due(now)]
                stuck = [guard for guard in self.guards if guard.barked is not None and now - guard.barked > PATIENCE]
                self.guards -= set(stuck)
            for guard in due:
                guard.barked = now
                guarded(partial(guard.bark, guard))
            for guard in stuck:
                guarded(guard.bite)
            if now >= chores_at:
                chores_at = now + 1
                more = guarded(self.chores)
                with self.change:
                    if not self.guards and not more:
                        self.thread = None
                        return

    def stop(self) -> None:
        """No more."""
        with self.change:
            self.stopping = True
            self.change.notify_all()
            thread = self.thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(2)


def guarded(what: Callable[[], object]) -> object:
    """Do it; nothing that goes wrong with one may end the watch over all."""
    try:
        return what()
    except Exception:
        log.exception("the watch over SSH: a bug")
        return True
