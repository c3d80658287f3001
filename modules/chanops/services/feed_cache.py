"""What was asked for last, and no more than so much of it."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A table that loses what nobody has asked for the longest."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: OrderedDict[K, V] = OrderedDict()
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, key: K) -> V | None:
        """What is there under a key."""
        with self.lock:
            if key not in self.rows:
                return None
            self.rows.move_to_end(key)
            return self.rows[key]

    def put(self, key: K, value: V) -> V:
        """Put something there; the same again."""
        with self.lock:
            self.rows[key] = value
            self.rows.move_to_end(key)
            if len(self.rows) > self.most:
                self.rows.popitem(last=False)
        return value
