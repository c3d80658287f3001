"""Pages that their reader has already: a few bytes say so (RFC 9110, 13.1.2)."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT = (b"content-security-policy", b"cache-control", b"vary", b"etag", b"x-robots-tag", b"date")


def with_tags(app: ASGIApp) -> ASGIApp:
    """The application whose pages have an ETag each, and are answered with 304 where the reader has that one.

    A page that has its own tag is left as it is, and so is what may not be stored, what is not a page, and what is long
    on its way.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await app(scope, receive, send)
            return
        held: list[Message] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and takes_a_tag(message):
                held.append(message)
                return
            for start in held:
                if not message.get("more_body"):
                    message = tagged(start, message, Headers(scope=scope).get("if-none-match", ""))
                await send(start)
            held.clear()
            await send(message)

        await app(scope, receive, sending)

    return wrapped


def takes_a_tag(start: Message) -> bool:
    """Whether what begins here is a page that can be had again."""
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == 200
        and headers.get("content-type", "").startswith("text/html")
        and "etag" not in headers
        and "no-store" not in headers.get("cache-control", "")
    )


def tagged(start: Message, message: Message, known: str) -> Message:
    """Put the tag into the beginning of an answer; the rest of it, which is nothing where the reader knows that tag."""
    tag = f'"{hashlib.blake2b(message["body"], digest_size=12).hexdigest()}"'
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = tag
    headers.setdefault("Cache-Control", "no-cache")
    start["headers"] = headers.raw
    if tag not in known:
        return message
    start["status"] = 304
    start["headers"] = [each for each in headers.raw if each[0].lower() in KEPT]
    return {**message, "body": b""}
