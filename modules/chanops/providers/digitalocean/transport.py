"""How DigitalOcean is asked, whether by us or by the library's objects: see Asking.

The library itself has no time-out, resends nothing, takes an error on a list's second page for the list's end, and
follows `next` to any host with the token.
"""

import json
import math
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

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
from chanops.providers.digitalocean.connections import Answer, Guarded, Sessions, exchange, new_session
from chanops.providers.digitalocean.pace import Pace

HOME = "https://api.digitalocean.com/v2/"
TRIES = 4  # of a question; what changes something is sent again only where nothing can have been done
PATIENCE = 45.0  # seconds after which nothing is tried again
PAUSE, LONGEST_PAUSE = 0.25, 2.0  # seconds before the next try: ever longer ones
AFTER_429 = 2.0  # the same where a 429 does not say how long
PENDING = "pending event"
AGENT = "chanops (python-digitalocean)"
LOW, SLOWLY = 100, 1.0  # with fewer requests left in the hour, so many seconds pass after each


class Account:
    """One account: where it is asked, how often it may be, and who must agree before anything is changed."""

    def __init__(
        self,
        name: str,
        token: str,
        endpoint: str,
        per_minute: int,
        may_act: Callable[[], None],
        may_ask: Callable[[], None],
    ) -> None:
        self.name, self.token, self.may_act, self.may_ask = name, token, may_act, may_ask
        self.endpoint = f"{endpoint.rstrip('/')}/" if endpoint else HOME
        self.pace = Pace(name, per_minute)
        self.sessions = Sessions(self.endpoint)

    def ask(self, method: str, path: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request; an answer that is not good becomes an error that says whether anything may have happened."""
        began = time.monotonic()
        for attempt in range(TRIES):
            try:
                answer = self.send(method, self.address(path), params)
                if answer.status != 429:
                    return self.judged(method, answer)
            except Unreachable:
                if attempt == TRIES - 1 or time.monotonic() - began > PATIENCE:
                    raise
                time.sleep(random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, PAUSE * 4**attempt))  # noqa: S311  no secret
                continue
            self.pace.hold(waiting_time(answer, attempt))  # the next turn waits, or is refused
        raise RateLimited(f"{self.name}: too many requests; nothing was done: try again later")

    def address(self, path: str) -> str:
        """The whole address, without the slash at the end that the library adds."""
        return self.endpoint + path.strip("/")

    def leads_on(self, address: Any) -> bool:
        """Whether a list's answer has a next page. Raises where that is said to be elsewhere: nobody is asked there."""
        if not address:
            return False
        ours = urlsplit(self.endpoint)
        try:
            theirs = urlsplit(urljoin(self.endpoint, address))
        except (ValueError, TypeError, AttributeError):
            raise Unreachable(f"{self.name}: its answer leads to no address") from None
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc) or not theirs.path.startswith(ours.path):
            raise ProviderError(f"{self.name}: its answer leads to another host: refused, nothing was sent there")
        return True

    def send(self, method: str, address: str, params: dict[str, Any]) -> Answer:
        """One request and its answer. Raises Unreachable where nothing was done, else OutcomeUnknown."""
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": AGENT, "Content-Type": "application/json"}
        self.pace.take_turn()
        body: Guarded | None = None
        try:
            if method == "GET":
                self.may_ask()
                return self.sessions.exchange(method, address, headers, params=params)
            self.may_act()
            body = Guarded(json.dumps(params).encode(), self.may_act)
            # It gets a connection of its own: one that was kept open may be dead, and then nobody knows what was done.
            with new_session(self.endpoint) as session:
                return exchange(session, method, address, headers, data=body)
        except (requests.RequestException, OSError) as error:
            why = type(error).__name__
            if body is None or not body.out:
                raise Unreachable(f"{self.name} cannot be reached ({why})") from None
            raise OutcomeUnknown(f"{self.name} gave no answer ({why}): it may have been done") from None

    def judged(self, method: str, answer: Answer) -> dict[str, Any]:
        """The answer if it is good, else what is wrong; only a clear refusal means that nothing was done."""
        if seconds(answer.headers.get("ratelimit-remaining")) < LOW:
            self.pace.hold(SLOWLY)
        status, body = answer.status, body_of(answer)
        if status == 204 and method != "GET":
            return {}
        if 200 <= status < 300 and isinstance(body, dict):
            return body
        if 400 <= status < 500 and status != 408:
            raise self.refusal(status, body.get("message") if isinstance(body, dict) else None)
        what = "cannot be read" if status < 400 else "is an error"
        raise self.doubt(method, f"its answer {what} (status {status})")

    def doubt(self, method: str, what: str) -> ProviderError:
        """What an answer means that says nothing."""
        if method == "GET":
            return Unreachable(f"{self.name}: {what}")
        return OutcomeUnknown(f"{self.name}: {what}: it may have been done")

    def refusal(self, status: int, message: Any) -> ProviderError:
        """What a refusal means; the cloud's own words are shown, as one clean line."""
        said = message if isinstance(message, str) and message else f"status {status}"
        words = shorten(visible(said.replace(self.token, "…") if self.token else said), 200)
        if "limit" in words.lower() and status in (403, 422):
            return Quota(f"{self.name}: {words}")
        if status in (401, 403):
            return AuthError(f"{self.name} refuses the token ([provider:{self.name}] token): {words}")
        if status == 404:
            return NotFound(f"{self.name}: there is no such thing: {words}")
        if PENDING in words or "in progress" in words or status in (409, 423):
            return Busy(f"{self.name}: {words}")
        return BadRequest(f"{self.name}: {words}")


class Asking:
    """What is put before the library's classes: what their objects ask for goes this way. They know no token."""

    transport: Account

    def get_data(self, url: str, type: str = "GET", params: dict[str, Any] | None = None) -> dict[str, Any]:
        """The method of the library's BaseAPI by which everything is sent, replaced."""
        return self.transport.ask(type, url, params or {})


def waiting_time(answer: Answer, attempt: int) -> float:
    """Seconds to wait after a 429: what the cloud says, else ever longer."""
    said = seconds(answer.headers.get("Retry-After"))
    if said < math.inf:
        return said + random.uniform(0.05, 0.3)  # noqa: S311  no secret
    return random.uniform(0.5, 1.0) * AFTER_429 * 2.0**attempt  # noqa: S311  no secret


def seconds(said: str | None) -> float:
    """A number of a header; infinite where there is none."""
    try:
        number = float(said or "")
    except ValueError:
        return math.inf
    return number if number >= 0 else math.inf


def body_of(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
