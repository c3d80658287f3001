"""Who reads: a browser shows its token by a cookie; and by which names these pages may be asked for."""

import asyncio
import ipaddress
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chanops.core.sections import Settings
from chanops.services.access import Access
from chanops.services.visibility import EVERYBODY, Viewer
from chanops.web.frame import POLICY, Frame

COOKIE = "chanops"
A_YEAR = 365 * 86400
MOST_BODY = 4096
PAUSE = 0.5  # seconds that a wrong token takes
FORM = "application/x-www-form-urlencoded"
FORM_POLICY = POLICY.replace("form-action 'none'", "form-action 'self'")
# With no-referrer, browsers would say of our own form that it is of nowhere: Origin: null.
HEADERS = {"Content-Security-Policy": FORM_POLICY, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
OURSELVES = {"localhost", "127.0.0.1", "::1"}
EVERY_ADDRESS = {"", "0.0.0.0", "::"}  # noqa: S104  what is listened on, not what to listen on


def viewer_of(request: Request) -> Viewer:
    """Whoever asks for a page; reads the database, so it belongs in a thread."""
    token = request.cookies.get(COOKIE)
    access: Access | None = getattr(request.app.state, "access", None)
    if not token or access is None:
        return EVERYBODY
    return access.viewer_by_page(token) or EVERYBODY


class Entry:
    """The pages on which a browser gets its cookie and loses it. Nothing else changes through them."""

    def __init__(self, access: Access, frame: Frame, pause: float = PAUSE) -> None:
        self.access, self.frame, self.pause = access, frame, pause

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/enter", self.ask),
            Route("/enter", self.enter, methods=["POST"]),
            Route("/leave", self.ask_to_leave),
            Route("/leave", self.leave, methods=["POST"]),
        ]

    def ask(self, request: Request) -> Response:
        """The form."""
        return self.shown(request)

    def ask_to_leave(self, request: Request) -> Response:
        """The button."""
        return self.shown(request, leaving=True)

    async def enter(self, request: Request) -> Response:
        """Give the browser its cookie, if the token is good."""
        refused = refusal(request, self.frame.settings().web.url)
        if refused is not None:
            return refused
        body = await start_of_body(request)
        if len(body) > MOST_BODY:
            return PlainTextResponse("too long", 413, {"Connection": "close"})
        token = parse_qs(body.decode(errors="replace")).get("token", [""])[0].strip()
        if await run_in_threadpool(self.access.viewer_by_page, token) is None:
            await asyncio.sleep(self.pause)
            return await run_in_threadpool(self.shown, request, wrong=True)
        answer = RedirectResponse("/", 303, HEADERS)
        answer.set_cookie(COOKIE, token, A_YEAR, path="/", secure=self.secure, httponly=True, samesite="strict")
        return answer

    async def leave(self, request: Request) -> Response:
        """Have the browser forget it."""
        refused = refusal(request, self.frame.settings().web.url)
        if refused is not None:
            return refused
        answer = RedirectResponse("/", 303, HEADERS)
        answer.delete_cookie(COOKIE, path="/", secure=self.secure, httponly=True, samesite="strict")
        return answer

    def shown(self, request: Request, wrong: bool = False, leaving: bool = False) -> Response:
        """The page."""
        token = request.cookies.get(COOKIE)
        viewer = self.access.viewer_by_page(token) if token else None
        holder = viewer.name if viewer is not None else ""
        answer = self.frame.page("enter.html", 403 if wrong else 200, wrong=wrong, leaving=leaving, holder=holder)
        answer.headers.update(HEADERS)
        return answer

    @property
    def secure(self) -> bool:
        """Whether the cookie must not travel in the clear."""
        return self.frame.settings().web.url.startswith("https:")


def refusal(request: Request, url: str) -> Response | None:
    """What is answered to a form that is none of ours; `url` is where people reach these pages."""
    # Browsers say nothing of Sec-Fetch-Site to a site without https.
    ours = {request.headers.get("host", "").lower(), urlsplit(url).netloc.lower()} - {""}
    origins = [each.lower().partition("://")[2] for each in request.headers.getlist("origin")]
    known = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    if not known or not ours.issuperset(origins):
        return PlainTextResponse("this form is on another site", 403)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return PlainTextResponse(f"only {FORM}", 415)
    return None


async def start_of_body(request: Request) -> bytes:
    """What was sent, or as much of it as shows that it is too much."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            break
    return body


def with_host_check(app: ASGIApp, settings: Callable[[], Settings]) -> ASGIApp:
    """The application, for those who ask for it by its own name.

    Else a page elsewhere could have its own name lead here, and read with the browser of whoever may read.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            web = settings().web
            if not all(may_be_asked(each, web.listen, web.url) for each in hosts):
                await asyncio.sleep(0)  # so that a request that is broken further on has been answered already
                await PlainTextResponse("these pages have another address", 421)(scope, receive, send)
                return
        await app(scope, receive, send)

    return checked


def may_be_asked(host: str, listen: str, url: str) -> bool:
    """Whether a Host names these pages: as people reach them, as they listen, or as this machine itself."""
    asked, listened = name_in(host), name_in(listen)
    if listened in EVERY_ADDRESS:
        # A page elsewhere can have a name of its own lead here, but no address.
        return not url or asked == name_in(urlsplit(url).netloc) or asked in OURSELVES or is_address(asked)
    return asked in OURSELVES | {listened} | ({name_in(urlsplit(url).netloc)} if url else set())


def name_in(host: str) -> str:
    """The name or address in HOST:PORT, in small letters, without a port; [::1] is ::1."""
    host = host.strip().rpartition("@")[2].lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
