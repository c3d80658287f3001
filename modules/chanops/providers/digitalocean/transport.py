"""How DigitalOcean is asked: python-digitalocean's one private method that sends, replaced.

The library has no time-out, resends nothing, takes an error on a list's second page for the list's end, follows
`next` to any host with the token, and forgets an object's end point in what it returns. All of its requests go
through `BaseAPI.__perform_request`; ours knows by the token which account it speaks for.
"""

import json
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from digitalocean.baseapi import BaseAPI

from chanops.core.text import shorten, visible
from chanops.providers.base import (
    AuthError,
    BadRequest,
    Busy,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    Quota,
    RateLimited,
    Unreachable,
)

log = logging.getLogger(__name__)
HOME = "https://api.digitalocean.com/v2/"
TIMEOUTS = (5.0, 30.0)  # seconds: to connect, and between two pieces of the answer
MOST_SECONDS = 60.0  # for one answer in all, lest it drips for ever
MOST_BYTES = 32_000_000
TRIES = 5  # of a question; what changes something is sent again only after a 429, which says that nothing was done
LONGEST_WAIT = 120.0
MINUTE, HOUR, HOURLY = 60.0, 3600.0, 4900
PENDING = "pending event"
AGENT = "chanops (python-digitalocean)"


@dataclass
class Account:
    """One account: where it is asked, how often it may be, and who must agree before anything is changed."""

    name: str
    token: str = field(repr=False)
    endpoint: str
    per_minute: int
    may_act: Callable[[], None] = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    sent: deque[float] = field(default_factory=deque, repr=False)
    held_until: float = 0.0
    count: int = 0
    local: threading.local = field(default_factory=threading.local, repr=False)

    @property
    def session(self) -> requests.Session:
        """This thread's connection for questions, kept open."""
        if not hasattr(self.local, "session"):
            self.local.session = new_session()
        session: requests.Session = self.local.session
        return session

    def take_turn(self) -> None:
        """Wait until one more request is within the limits: 250 a minute and 5,000 an hour are the cloud's."""
        while True:
            with self.lock:
                now = time.monotonic()
                while self.sent and now - self.sent[0] > HOUR:
                    self.sent.popleft()
                wait = max(self.held_until - now, self.wait_of(now))
                if wait <= 0:
                    self.sent.append(now)
                    self.count += 1
                    return
            if wait > LONGEST_WAIT:
                raise RateLimited(f"{self.name}: no more requests for {wait:.0f} s (rate limit): try again then")
            time.sleep(min(wait, 1.0))

    def wait_of(self, now: float) -> float:
        """Seconds until the windows have room."""
        minute = self.sent[-self.per_minute] + MINUTE - now if len(self.sent) >= self.per_minute else 0.0
        hour = self.sent[-HOURLY] + HOUR - now if len(self.sent) >= HOURLY else 0.0
        return max(minute, hour)

    def hold(self, seconds: float) -> None:
        """Nothing may be sent for so long: the cloud said so."""
        with self.lock:
            self.held_until = max(self.held_until, time.monotonic() + seconds)


class Guarded(BytesIO):
    """The body of a request that changes something: whoever reads it asks once more whether it may be sent.

    It is read when the connection stands and the headers are out. A process that was frozen meanwhile, and whose
    job another has taken, stops here: the cloud never sees the whole request.
    """

    def __init__(self, body: bytes, may_act: Callable[[], None]) -> None:
        super().__init__(body)
        self.may_act = may_act

    def read(self, size: int | None = -1) -> bytes:
        """Some of the body. Raises where it may not be sent any more."""
        self.may_act()
        return super().read(size)


def new_session() -> requests.Session:
    """A connection to the cloud, without a say of .netrc."""
    session = requests.Session()
    session.auth = lambda request: request
    return session


ACCOUNTS: dict[str, Account] = {}


def register(account: Account) -> None:
    """Make an account known, and see that the library sends through us."""
    if not hasattr(BaseAPI, "_BaseAPI__perform_request"):
        raise ProviderError("this python-digitalocean is not the one we know (1.17.0): install that")
    ACCOUNTS[account.token] = account
    BaseAPI._BaseAPI__perform_request = perform_request


def perform_request(self: Any, url: str, type: str = "GET", params: Any = None) -> requests.Response:
    """Send a request; an answer that is not good becomes an error that says whether anything may have happened."""
    account = ACCOUNTS[self.token]
    address = addressed(account, url)
    for attempt in range(TRIES):
        try:
            response = send(account, type, address, params or {})
        except Unreachable:
            if attempt == TRIES - 1:
                raise
            time.sleep(random.uniform(0.5, 1.0) * min(8.0, 0.25 * 4**attempt))  # noqa: S311  no secret
            continue
        if response.status_code != 429:
            return judged(account, type, response)
        wait = waiting_time(response, attempt)
        account.hold(min(wait, LONGEST_WAIT))
        if wait > LONGEST_WAIT:
            break
    raise RateLimited(f"{account.name}: too many requests; nothing was done: try again later")


def addressed(account: Account, url: str) -> str:
    """The whole address: without the trailing slash that the library adds, and never at another host."""
    address = urljoin(account.endpoint, url)
    ours, theirs = urlsplit(account.endpoint), urlsplit(address)
    if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc) or not theirs.path.startswith(ours.path):
        raise ProviderError(f"{account.name}: its answer leads to another host: refused, nothing was sent there")
    return theirs._replace(path=theirs.path.rstrip("/")).geturl()


def send(account: Account, method: str, address: str, params: dict[str, Any]) -> requests.Response:
    """One request and its whole answer. Raises Unreachable for a question, OutcomeUnknown for a change."""
    asking = method == "GET"
    account.take_turn()
    headers = {"Authorization": f"Bearer {account.token}", "User-Agent": AGENT, "Content-Type": "application/json"}
    payload: dict[str, Any] = (
        {"params": params} if asking else {"data": Guarded(json.dumps(params).encode(), account.may_act)}
    )
    # A change gets a connection of its own: one that was kept open may be dead, and then nobody knows what was done.
    session = account.session if asking else new_session()
    try:
        with session.request(
            method, address, headers=headers, timeout=TIMEOUTS, allow_redirects=False, stream=True, **payload
        ) as response:
            read_all(response)
    except requests.exceptions.ConnectTimeout:
        raise Unreachable(f"{account.name}: no connection within {TIMEOUTS[0]:.0f} s") from None
    except (requests.RequestException, OSError) as error:
        why = type(error).__name__
        if asking or never_sent(error):
            raise Unreachable(f"{account.name} cannot be reached ({why})") from None
        raise OutcomeUnknown(f"{account.name} gave no answer ({why}): it may have been done") from None
    finally:
        if not asking:
            session.close()
    if response.status_code >= 500:
        if asking:
            raise Unreachable(f"{account.name} has trouble: it answers {response.status_code}")
        raise OutcomeUnknown(f"{account.name} answered {response.status_code}: it may have been done")
    return response


def read_all(response: requests.Response) -> None:
    """Read the answer, within a size and a time."""
    until, pieces, size = time.monotonic() + MOST_SECONDS, [], 0
    while piece := response.raw.read1(65536, decode_content=True):  # what is there; iter_content would wait for all
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES or time.monotonic() > until:
            raise requests.exceptions.ReadTimeout("the answer has no end")
    response._content = b"".join(pieces)
    response._content_consumed = True  # type: ignore[attr-defined]


def never_sent(error: BaseException) -> bool:
    """Whether the request cannot have reached the cloud: there was not even a connection."""
    seen: BaseException | None = error
    names: set[str] = set()
    while seen is not None and len(names) < 10:
        names.add(type(seen).__name__)
        reason = getattr(seen, "reason", None) or (seen.args[0] if seen.args else None)
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    return bool(names & {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "SSLError"})


def waiting_time(response: requests.Response, attempt: int) -> float:
    """Seconds to wait after a 429: what the cloud says, else ever longer."""
    said = response.headers.get("Retry-After", "")
    if said.isascii() and said.isdecimal():
        return int(said) + random.uniform(0.05, 0.3)  # noqa: S311  no secret
    return random.uniform(0.5, 1.0) * min(60.0, 2.0 ** (attempt + 1))  # noqa: S311  no secret


def judged(account: Account, method: str, response: requests.Response) -> requests.Response:
    """The answer if it is good, else what is wrong."""
    remaining = response.headers.get("ratelimit-remaining", "")
    if remaining.isdecimal() and int(remaining) < 100:
        account.hold(1.0)
    if response.status_code == 204:
        return response
    body = body_of(response)
    if response.ok and isinstance(body, dict):
        return response
    if response.ok or response.is_redirect:
        unreadable = f"{account.name}: its answer cannot be read (status {response.status_code})"
        raise Unreachable(unreadable) if method == "GET" else OutcomeUnknown(f"{unreadable}: it may have been done")
    raise error_of(account, response.status_code, body if isinstance(body, dict) else {})


def body_of(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def error_of(account: Account, status: int, body: dict[str, Any]) -> ProviderError:
    """What a refusal means; the cloud's own words are shown, as one clean line."""
    words = shorten(visible(str(body.get("message") or f"status {status}")), 200).replace(account.token, "…")
    if status in (401, 403):
        return AuthError(f"{account.name} refuses the token ([provider:{account.name}] token): {words}")
    if status == 404:
        return NotFound(f"{account.name}: there is no such thing: {words}")
    if PENDING in words or "in progress" in words or status == 409:
        return Busy(f"{account.name}: {words}")
    if "limit" in words.lower():
        return Quota(f"{account.name}: {words}")
    return BadRequest(f"{account.name}: {words}")
