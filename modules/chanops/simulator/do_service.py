"""One request to the simulated API from its bytes to its answer: token, limits, faults, the handler, the log."""

import json
import re
import threading
import time
import uuid
from collections import Counter, deque
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import parse_qsl, unquote, urlsplit

from chanops.simulator.do_calls import Answer, Call, refused
from chanops.simulator.do_faults import Fault, Occasion
from chanops.simulator.do_limits import Meter, too_many
from chanops.simulator.do_records import Json, Limits, Refusal, Request, busy
from chanops.simulator.do_routes import Route, find
from chanops.simulator.do_world import World

_LOGGED = 200_000
_DROPLET = re.compile(r"^/v2/droplets/(\d{1,18})(?:/|$)")


@dataclass(frozen=True)
class Asked:
    """A request as it came: the target with its query, the token of its header, who sent it."""

    method: str
    target: str
    token: str
    body: bytes
    agent: str
    port: int


@dataclass(frozen=True)
class Reply:
    """What to send; the answer is None for closing without one. First wait `hang` seconds; drip: between bytes."""

    answer: Answer | None
    hang: float = 0.0
    drip: float | None = None
    html: bool = False


class Service:
    """All requests below /v2, from any thread."""

    def __init__(self, world: World, token: str, limits: Limits) -> None:
        self.world = world
        self.meter = Meter(limits)
        self.base = ""
        self._token = token
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._log: deque[Request] = deque(maxlen=_LOGGED)
        self._counts: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()

    def reset(self) -> None:
        with self._lock:
            self.meter.reset()
            self._log.clear()
            self._counts.clear()
            self._statuses.clear()

    @property
    def requests(self) -> list[Request]:
        with self._lock:
            return list(self._log)

    def summary(self) -> Json:
        """Counts of requests by method and path, by status, and of the limits' refusals."""
        with self._lock:
            return {
                "total": sum(self._counts.values()),
                "counts": dict(self._counts),
                "statuses": {str(status): number for status, number in self._statuses.items()},
                "answers_429": self._statuses[429],
                "exceeded": {name: self.meter.exceeded[name] for name in ("minute", "hour", "keys")},
            }

    def serve(self, asked: Asked) -> Reply:
        """The reply to a request, which is in the log before it is sent."""
        now = time.monotonic()
        parts = urlsplit(asked.target)
        path = parts.path.rstrip("/")
        pattern = path
        try:
            route, pieces = find(asked.method, path)
            pattern = route.pattern
            self._admit(asked, pattern, now)
            reply = self._answer(asked, route, tuple(map(unquote, pieces)), path, dict(parse_qsl(parts.query)), now)
        except Refusal as refusal:
            reply = Reply(refused(refusal))
        if reply.answer is not None:
            reply = replace(reply, answer=self._dressed(reply.answer, now))
        self._write_down(asked, pattern, (path, parts.query), reply, now)
        return reply

    def _admit(self, asked: Asked, pattern: str, now: float) -> None:
        if asked.token != self._token:
            raise Refusal(401, "unauthorized", "Unable to authenticate you")
        self.meter.count(now, keys=asked.method == "GET" and pattern == "account/keys")

    def _answer(
        self, asked: Asked, route: Route, pieces: tuple[str, ...], path: str, query: dict[str, str], now: float
    ) -> Reply:
        call = Call(asked.method, path, pieces, query, _body(asked), now, self.base)
        occasion = Occasion(asked.method, path, _action(route, call), call.page, route.listing)
        with self.world.lock:
            # Inside the lock, so that one seed gives one course of things when requests come one by one.
            mishap = self.world.faults.befall(occasion)
            fault = mishap.answer
            early = None if fault is None else _before(fault)
            answer = early.answer if early else None
            if early is None:
                # The time is taken again: waiting for the lock may have been long, and time must not run backwards.
                call = replace(call, now=self.world.settle(), twists=mishap.twists)
                answer = _handled(self.world, route, call)
        reply = early or (Reply(answer) if fault is None else _after(fault, answer))
        drip = mishap.twists.get("drip")
        return reply if drip is None else replace(reply, drip=drip.wait)

    def _dressed(self, answer: Answer, now: float) -> Answer:
        request_id = str(uuid.UUID(int=next(self._numbers), version=4))
        return replace(answer, headers={**self.meter.headers(now), "x-request-id": request_id, **answer.headers})

    def _write_down(self, asked: Asked, pattern: str, where: tuple[str, str], reply: Reply, now: float) -> None:
        status = 0 if reply.answer is None else reply.answer.status
        droplet: int | None = None
        if matched := _DROPLET.match(where[0]):
            droplet = int(matched[1])
        elif reply.answer is not None and reply.answer.body and "droplet" in reply.answer.body:
            droplet = reply.answer.body["droplet"]["id"]
        entry = Request(now, asked.method, where[0], where[1], status, droplet, asked.agent, asked.port)
        with self._lock:
            self._log.append(entry)
            self._counts[f"{asked.method} {pattern}"] += 1
            self._statuses[status] += 1


def _handled(world: World, route: Route, call: Call) -> Answer:
    try:
        return route.handler(world, call)
    except Refusal as refusal:
        return refused(refusal)


def _body(asked: Asked) -> Json:
    if not asked.body.strip():
        return {}
    try:
        body = json.loads(asked.body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_request", "The body is no JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "bad_request", "The body is no JSON object.")
    return body


def _action(route: Route, call: Call) -> str:
    """What a request starts, for the faults: an action's type, "create", "destroy" or nothing."""
    if call.method == "POST" and route.pattern.endswith("/actions"):
        return str(call.body.get("type", ""))
    return {"POST droplets": "create", "DELETE droplets/{}": "destroy"}.get(f"{call.method} {route.pattern}", "")


def _broken() -> Answer:
    return Answer(500, {"id": "server_error", "message": "Unexpected server-side error"})


def _before(fault: Fault) -> Reply | None:
    """The reply of a fault that lets nothing happen; None for one that comes after the effect."""
    if fault.kind in ("429", "429-page-2"):
        return Reply(refused(too_many(fault.wait)))
    if fault.kind == "pending":
        return Reply(refused(busy()))
    if fault.kind == "500-before":
        return Reply(_broken())
    if fault.kind == "502-html":
        return Reply(Answer(502), html=True)
    if fault.kind == "hang":
        return Reply(None, hang=fault.wait)
    if fault.kind == "cut-before":
        return Reply(None)
    return None


def _after(fault: Fault, answer: Answer | None) -> Reply:
    """The reply of a fault that comes after the effect, which the client does not hear of."""
    if fault.kind == "500-after":
        return Reply(_broken())
    return Reply(None, hang=fault.wait if fault.kind == "hang-after" else 0.0)
