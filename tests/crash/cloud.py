"""The simulated cloud, watched: each request as it came, and traps that spring at one of them."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chanops.simulator.digitalocean import CloudServer, Delays, Limits

MANY = 1_000_000


@dataclass
class Seen:
    """A request as it came: times of both clocks, what it asks for, whose it is; the status once it is known."""

    at: float
    wall: float
    method: str
    path: str
    kind: str
    name: str
    agent: str
    status: int = -1

    @property
    def changes(self) -> bool:
        """Whether it asks for a change."""
        return self.method != "GET"

    @property
    def droplet(self) -> str:
        """The droplet that it is about, as its path says."""
        pieces = self.path.split("/")
        return pieces[3] if len(pieces) > 3 and pieces[2] == "droplets" else ""


@dataclass
class Trap:
    """At the nth request of a kind: before it is done, or when it is done and not answered, or so long after that."""

    kind: str
    nth: int
    when: str
    delay: float
    spring: Callable[[], None]
    agent: str = ""


@dataclass
class Watch:
    """What was seen, and what is to happen when."""

    seen: list[Seen] = field(default_factory=list)
    traps: list[Trap] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, when: str, what: Seen) -> None:
        with self.lock:
            sprung = []
            for trap in self.traps:
                if trap.when == when and trap.kind in (what.kind, what.method, "*") and trap.agent in ("", what.agent):
                    trap.nth -= 1
                    if trap.nth <= 0:
                        sprung.append(trap)
            self.traps = [each for each in self.traps if each not in sprung]
        for trap in sprung:
            if trap.delay:
                timer = threading.Timer(trap.delay, trap.spring)
                timer.daemon = True
                timer.start()
            else:
                trap.spring()


class WatchedCloud(CloudServer):
    """A simulated DigitalOcean with limits that nobody meets."""

    def __init__(self, delays: Delays, seed: int) -> None:
        super().__init__(delays=delays, seed=seed, limits=Limits(MANY, MANY, MANY))
        self.watch = Watch()
        serve = self._service.serve

        def watched(asked: Any) -> Any:
            what = seen_of(asked)
            with self.watch.lock:
                self.watch.seen.append(what)
            self.watch.look("arrived", what)
            reply = serve(asked)
            what.status = 0 if reply.answer is None else reply.answer.status
            self.watch.look("done", what)
            return reply

        self._service.serve = watched


def seen_of(asked: Any) -> Seen:
    """A request as the simulator's HTTP has it."""
    path = asked.target.partition("?")[0].rstrip("/")
    body = json.loads(asked.body) if asked.body.strip() else {}
    kind = str(body.get("type", "")) if asked.method == "POST" else ""
    if path == "/v2/droplets" and asked.method == "POST":
        kind = "create"
    elif asked.method == "DELETE":
        kind = "destroy" if path.startswith("/v2/droplets/") else "prune"
    kind = kind or (f"list {path.removeprefix('/v2/').split('/')[0]}" if asked.method == "GET" else asked.method)
    return Seen(time.monotonic(), time.time(), asked.method, path, kind, str(body.get("name", "")), asked.agent)
