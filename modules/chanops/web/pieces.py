"""Long answers, a piece at a time: a reader who takes nothing holds no more of them than one piece."""

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE = 64 * 1024


class Pieces(Response):
    """An answer whose body is sent as it is taken; before each piece, the server waits until most of the last is."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        head = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(head)
        body = memoryview(self.body if scope["method"] != "HEAD" else b"")
        for at in range(0, len(body), PIECE):
            await send({"type": "http.response.body", "body": bytes(body[at : at + PIECE]), "more_body": True})
            await asyncio.sleep(0)  # others take their turn, and it is heard of if the connection is lost
        await send({"type": "http.response.body", "body": b""})
