"""What commands write: decoded, without secrets, cut to what is kept, and stored as it comes."""

import codecs
import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from chanops.core.masking import Mask
from chanops.core.masking import Stream as Masking
from chanops.core.terminal import Stripper
from chanops.services.database import NotStored
from chanops.services.jobs.journal import Journal
from chanops.services.jobs.rows import Claim
from chanops.ssh.base import STDERR, STDOUT

log = logging.getLogger(__name__)
SMALL = 4096  # characters; of a stream's end, smaller pieces are put together
EVERY = 0.2  # seconds between two writes of what came meanwhile
Piece = tuple[Claim, int, int, str]


class Writer:
    """Writes what all commands wrote, together: 200 machines that talk cost as much as one."""

    def __init__(self, journal: Journal, news: Callable[[int], None]) -> None:
        self.journal, self.news = journal, news
        self.lock = threading.Lock()
        self.pieces: list[Piece] = []
        self.thread: threading.Thread | None = None

    def add(self, piece: Piece) -> None:
        """Something to write, soon."""
        with self.lock:
            self.pieces.append(piece)
            if self.thread is None:
                thread = threading.Thread(target=self.write_all, name="output", daemon=True)
                thread.start()  # which may fail: then the next one tries again
                self.thread = thread

    def write_all(self) -> None:
        """The thread's life: until nothing more comes."""
        pause = threading.Event()
        while True:
            pause.wait(EVERY)
            with self.lock:
                pieces, self.pieces = self.pieces, []
                if not pieces:
                    self.thread = None
                    return
                stored = self.journal.wrote(joined(pieces))  # within the lock: whatever comes later is written later
            try:
                self.journal.database.stored(stored)
            except NotStored as problem:
                log.warning("output of %d commands waits: %s", len(pieces), problem)
                self.take_back(pieces)
                continue
            for job in {claim.job for claim, *_ in pieces}:
                self.news(job)

    def write_now(self, claim: Claim, unit: int) -> None:
        """Write what one machine wrote. Raises NotStored; then it is kept, for the next time."""
        with self.lock:
            mine = [piece for piece in self.pieces if piece[:2] == (claim, unit)]
            if not mine:
                return
            self.pieces = [piece for piece in self.pieces if piece[:2] != (claim, unit)]
            stored = self.journal.wrote(joined(mine))
        try:
            self.journal.database.stored(stored)
        except NotStored:
            self.take_back(mine)
            raise

    def take_back(self, pieces: list[Piece]) -> None:
        """What could not be written comes before what came since."""
        with self.lock:
            self.pieces = pieces + self.pieces


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The same, with what follows each other in one stream as one: a row for each letter would be many."""
    found: list[tuple[Claim, int, int, list[str]]] = []
    newest: dict[tuple[Claim, int], int] = {}
    for claim, unit, stream, text in pieces:
        place = newest.get((claim, unit))
        if place is not None and found[place][2] == stream:
            found[place][3].append(text)
        else:
            newest[claim, unit] = len(found)
            found.append((claim, unit, stream, [text]))
    return [(claim, unit, stream, "".join(texts)) for claim, unit, stream, texts in found]


class Recorder:
    """One command's output. Of much, half of what may be kept is what came first, the other is each stream's end."""

    def __init__(self, writer: Writer, claim: Claim, unit: int, keep: int, mask: Mask) -> None:
        self.writer, self.claim, self.unit = writer, claim, unit
        self.head = self.room = keep // 2
        self.streams = {stream: Stream(mask.stream()) for stream in (STDOUT, STDERR)}
        self.kept = 0
        self.over = False

    def sink(self, stream: int, data: bytes) -> None:
        """Some output."""
        self.take(stream, self.streams[stream].fit(data))

    def take(self, stream: int, text: str) -> None:
        """Some text that may be shown."""
        if not text:
            return
        found = self.streams[stream]
        found.note(text)
        now, later = text[: self.head], text[self.head :]
        if now:
            self.head -= len(now)
            self.write(stream, now)
        if later:
            found.hold(later, self.room)

    def write(self, stream: int, text: str) -> None:
        """Text that is kept."""
        self.kept += len(text)
        self.writer.add((self.claim, self.unit, stream, text))

    def finish(self) -> dict[str, Any]:
        """There is no more: all is stored. What there was, in numbers. Raises NotStored; it may be called again."""
        for stream, found in self.streams.items() if not self.over else ():
            self.take(stream, found.fit(b"", last=True))
            if found.left_out:
                self.writer.add((self.claim, self.unit, stream, f"\n… {found.left_out:,} characters are left out …\n"))
            if found.tail:
                self.write(stream, "".join(found.tail))
            found.tail.clear()
        self.over = True
        self.writer.write_now(self.claim, self.unit)
        return {
            "kept": self.kept,
            "left_out": sum(found.left_out for found in self.streams.values()),
            "lines": sum(found.lines for found in self.streams.values()),
            "digest": "".join(found.hash.hexdigest() for found in self.streams.values()),
        }


class Stream:
    """One of a command's streams: decoded, without colours, which may cut a secret in two, and without secrets."""

    def __init__(self, mask: Masking) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.stripper, self.mask = Stripper(), mask
        self.hash = hashlib.blake2b(digest_size=16)
        self.tail: deque[str] = deque()
        self.in_tail = self.left_out = self.ended = 0
        self.begun = False  # a line that has not ended yet

    def fit(self, data: bytes, last: bool = False) -> str:
        """What may be shown of some output; at last, also what was held back."""
        text = self.stripper.feed(self.decoder.decode(data, final=last))
        if last:
            return self.mask.feed(text + self.stripper.end()) + self.mask.end()
        return self.mask.feed(text)

    def note(self, text: str) -> None:
        """Count it, and what tells two outputs apart."""
        self.hash.update(text.encode("utf-8", "replace"))
        self.ended += text.count("\n")
        self.begun = not text.endswith("\n")

    @property
    def lines(self) -> int:
        """How many lines there were."""
        return self.ended + self.begun

    def hold(self, text: str, room: int) -> None:
        """Keep the last so many characters of what may be its end."""
        if self.tail and len(self.tail[-1]) < SMALL:
            self.tail[-1] += text
        else:
            self.tail.append(text)
        self.in_tail += len(text)
        while self.in_tail > room:
            oldest = self.tail.popleft()
            cut = min(len(oldest), self.in_tail - room)
            self.left_out += cut
            self.in_tail -= cut
            if cut < len(oldest):
                self.tail.appendleft(oldest[cut:])
