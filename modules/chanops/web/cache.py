"""Pages that were made, as bytes, each with the tag by which a reader shows that he has it; bounded by their size."""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace

MOST_BYTES = 16 * 1024 * 1024
OF_ONE = 1024  # bytes beside the page itself
FRESH = 1.0  # seconds for which a page is taken to be as it is, unless something is heard


@dataclass(frozen=True)
class Made:
    """A page; without a body, it is only known how its tag would be."""

    tag: str
    body: bytes | None
    settings: object
    """What it was made with: with others, it may look otherwise, or not be for everybody."""
    channel: int
    checked: float
    last: bool = False
    """Whether it is the page of today, to which more will come."""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.body or b"") + OF_ONE


class Cache:
    """The pages that were asked for last, for everybody's eyes. From any thread."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.lock = threading.Lock()
        self.pages: OrderedDict[Hashable, Made] = OrderedDict()
        self.size = self.turn = 0

    def fresh(self, key: Hashable, settings: object) -> Made | None:
        """A page that may be answered as it is."""
        with self.lock:
            made = self.pages.get(key)
            if made is None or made.settings is not settings or time.monotonic() - made.checked > FRESH:
                return None
            self.pages.move_to_end(key)
            return made

    def body(self, key: Hashable, tag: str) -> bytes | None:
        """The bytes of a page, if it is still as that tag says."""
        with self.lock:
            made = self.pages.get(key)
            return made.body if made is not None and made.tag == tag else None

    def put(self, key: Hashable, made: Made, turn: int) -> None:
        """Keep a page; not if something was forgotten since that turn, when it was begun."""
        with self.lock:
            if turn != self.turn:
                return
            self.drop(key)
            self.pages[key] = made
            self.size += made.size
            while self.size > self.most:
                self.drop(next(iter(self.pages)))

    def look_again(self, channels: Collection[int]) -> None:
        """Something was said in these channels: their pages may not be as they were."""
        with self.lock:
            for key, made in self.pages.items():
                if made.channel in channels and made.checked:
                    self.pages[key] = replace(made, checked=0.0)

    def forget(self, channel: int) -> None:
        """Keep nothing of a channel: something in it was forgotten; others may have shown a title of it."""
        with self.lock:
            self.turn += 1
            for key, made in list(self.pages.items()):
                if made.channel == channel:
                    self.drop(key)
                else:
                    self.pages[key] = replace(made, checked=0.0)

    def drop(self, key: Hashable) -> None:
        made = self.pages.pop(key, None)
        self.size -= made.size if made is not None else 0
