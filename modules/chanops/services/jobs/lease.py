"""Who runs jobs here, and whether they still live: a file that the kernel unlocks with us, and a sign of life."""

import fcntl
import os
import secrets
import threading
import time
from pathlib import Path

from chanops.services.files import private_folder
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.rows import Claim

BEAT = 1.0  # seconds between two signs of life
SURE = 5.0  # seconds after one in which nobody can have taken anything from us
DEAD = 15.0  # seconds without one after which another takes what we had


class Lease:
    """This process's right to its jobs.

    Dead is whoever's file is not locked any more, at once; and, frozen or on another machine, whoever gave no sign
    for a while by our own clock: no clock of theirs, and no time of day, is believed.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder, self.journal = folder, journal
        self.token = secrets.token_hex(8)
        self.known: tuple[float, frozenset[Claim]] = (float("-inf"), frozenset())  # what was ours, and when
        self.seen: dict[str, tuple[int, float]] = {}
        self.descriptor = -1
        self.renewing = threading.Lock()

    def take(self) -> None:
        """Begin to live."""
        private_folder(self.folder, "the runners' folder")
        self.descriptor = os.open(self.path(self.token), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        self.beat()

    def drop(self) -> None:
        """Be gone, and let others see it at once."""
        if self.descriptor >= 0:
            self.path(self.token).unlink(missing_ok=True)
            os.close(self.descriptor)
            self.descriptor = -1

    def path(self, token: str) -> Path:
        return self.folder / f"{token}.lock"

    def beat(self) -> None:
        """Give a sign of life."""
        at = time.monotonic()
        self.known = at, self.journal.beat(self.token)

    def learn(self, claim: Claim) -> None:
        """The job became ours just now: so it was at our last sign of life, as far as anybody can tell."""
        with self.renewing:
            at, ours = self.known
            self.known = at, frozenset(each for each in ours if each.job != claim.job) | {claim}

    def sure(self, claim: Claim) -> None:
        """Raises Fenced unless the job is ours now, and for a while: to be asked just before a request is sent.

        A sign of life alone proves nothing: whoever was frozen gives one too, when it thaws and the job is gone.
        """
        if self.knows(claim):
            return
        with self.renewing:
            if not self.knows(claim):
                at = time.monotonic()
                self.known = at, self.journal.renew(claim)

    def knows(self, claim: Claim) -> bool:
        """Whether the job was ours at a sign of life that nobody can have taken for our last yet."""
        at, ours = self.known
        return claim in ours and time.monotonic() - at < SURE

    def dead(self) -> frozenset[str]:
        """The runners that do not live any more."""
        before, found = time.monotonic(), set()
        beats = self.journal.beats()
        after = time.monotonic()  # we may have been frozen in between, and nobody else is to be blamed for that
        for token, count in beats.items():
            if token == self.token:
                continue
            if self.seen.get(token, (None, 0.0))[0] != count:
                self.seen[token] = count, after
            if self.unlocked(token) or before - self.seen[token][1] > DEAD:
                found.add(token)
        return frozenset(found)

    def last_signs(self, dead: frozenset[str]) -> dict[str, int]:
        """The last sign of life of those that count as dead."""
        return {token: self.seen[token][0] for token in dead if token in self.seen}

    def unlocked(self, token: str) -> bool:
        """Whether a runner's file is there, and nobody holds it; gone is unlocked too."""
        try:
            descriptor = os.open(self.path(token), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def bury(self, token: str) -> None:
        """Forget a dead runner, once nothing is left of its jobs. One that is only frozen is kept: it may thaw."""
        if not self.unlocked(token):
            return
        self.path(token).unlink(missing_ok=True)
        self.journal.forget(token)
        self.seen.pop(token, None)
