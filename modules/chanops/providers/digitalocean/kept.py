"""What is fetched once for all who ask within a while."""

import threading
import time
from collections.abc import Callable
from typing import Any

from chanops.providers.base import ProviderError


class Kept:
    """Something that was fetched not longer ago than some seconds; whoever waits for the same fetch shares it."""

    def __init__(self, for_seconds: float, fetch: Callable[[], list[Any]]) -> None:
        self.for_seconds, self.fetch = for_seconds, fetch
        self.lock = threading.Lock()
        self.value: list[Any] | None = None
        self.error: ProviderError | None = None
        self.ended = 0.0

    def get(self) -> list[Any]:
        """It. Raises what the fetch raised."""
        asked = time.monotonic()
        with self.lock:
            if self.error is not None and self.ended >= asked:
                raise type(self.error)(*self.error.args)
            if self.value is None or asked - self.ended > self.for_seconds:
                self.value = self.error = None
                try:
                    self.value = self.fetch()
                except ProviderError as error:
                    self.error = error
                    raise
                finally:
                    self.ended = time.monotonic()
            return list(self.value)

    def forget(self) -> None:
        """It has changed: whoever asks next fetches it."""
        with self.lock:
            self.value = None
