"""Work that takes turns in one thread; whoever waits for it does so in the loop, and not for long, nor in a crowd."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

T = TypeVar("T")
LATER = {"Retry-After": "5"}


class Turns:
    """One thread: several would only take turns as well."""

    def __init__(self, name: str, most: int) -> None:
        self.thread, self.most = ThreadPoolExecutor(1, name), most
        self.place, self.waiting = asyncio.Semaphore(1), dict[Request, None]()

    async def do(self, work: Callable[[], T], request: Request | None = None) -> T:
        """Have it do something; for a request, not if too many wait already, nor once its caller is gone."""
        if request is not None:
            await self.line_up(request)
        try:
            async with self.place:
                if request is not None and await request.is_disconnected():
                    raise HTTPException(503)  # which nobody reads
                try:
                    done = asyncio.get_running_loop().run_in_executor(self.thread, work)
                except RuntimeError:  # it takes no more work: the bot leaves
                    raise HTTPException(503, headers=LATER) from None
                return await done
        finally:
            if request is not None:
                self.waiting.pop(request, None)

    async def line_up(self, request: Request) -> None:
        """Wait with the others; those who are gone take no place."""
        if len(self.waiting) >= self.most:
            for each in list(self.waiting):
                if await each.is_disconnected():
                    self.waiting.pop(each, None)
        if len(self.waiting) >= self.most:
            raise HTTPException(503, headers=LATER)
        self.waiting[request] = None

    def later(self, work: Callable[[], object]) -> None:
        """Have it do something for which nobody waits; from any thread."""
        with contextlib.suppress(RuntimeError):  # it takes no more work
            self.thread.submit(work)

    def stop(self) -> None:
        """Take no more work."""
        self.thread.shutdown(wait=False, cancel_futures=True)
