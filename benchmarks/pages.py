"""What is measured of the pages: the feed, beside the same bytes from the standard library."""

import math
import re
import selectors
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.bots import Contender, Plan, free_port, get, process, running, script
from benchmarks.chat import Figures
from benchmarks.ircd import BotError
from benchmarks.procfs import cpu_seconds
from benchmarks.traffic import posts

PATH = "/feed.rss"
LINKS = 100
SECONDS = 2.0
WAYS = (("plain", 1), ("plain", 8), ("known", 1), ("known", 8))


class Load(NamedTuple):
    rate: float
    cpu: float


class Visitor:
    """One connection that asks the same again and again."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._head = b""
        self._missing = 0

    def ask(self) -> None:
        self._head = b""
        self.socket.sendall(self._request)

    def read(self, expected: int) -> bool:
        """Whether the answer is now complete."""
        data = self.socket.recv(1 << 18)
        if not data:
            raise BotError("the server closed a connection that was to stay open")
        if self._head.endswith(b"\r\n\r\n"):
            self._missing -= len(data)
            return self._missing <= 0
        head, blank, body = (self._head + data).partition(b"\r\n\r\n")
        self._head = head + blank
        if not blank:
            return False
        if int(head.split(b" ", 2)[1]) != expected:
            raise BotError(f"expected {expected}, got {head.splitlines()[0].decode()}")
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if not length and expected != 304:
            raise BotError("the feed comes without Content-Length")
        self._missing = (int(length[1]) if length and expected != 304 else 0) - len(body)
        return self._missing <= 0


def feed(bot: Contender, plan: Plan) -> Figures:
    """Requests a second, and the server's time for each."""
    return _feed_of_floor(plan) if bot.is_floor else _feed_of_bot(bot, plan)


def _feed_of_bot(bot: Contender, plan: Plan) -> Figures:
    with running(bot, more=f"\n[feed]\nitems = {LINKS}\n") as one:
        one.ircd.flood(posts(LINKS))
        plan.feed = _filled(one.web)
        return _measure(one.web, one.pid)


def _feed_of_floor(plan: Plan) -> Figures:
    with TemporaryDirectory(prefix="bench-") as folder:
        body, port = Path(folder, "body"), free_port()
        body.write_bytes(plan.feed)
        with process(script("static.py", str(port), str(body)), Path(folder, "log")) as child:
            return _measure(port, child.pid)


def _filled(port: int) -> bytes:
    """The feed once all that was posted is in it."""
    end = time.perf_counter() + 15
    while (body := get(port, PATH)[0]).count(b"<item") < LINKS and time.perf_counter() < end:
        time.sleep(0.1)
    return body


def _measure(port: int, pid: int) -> Figures:
    body, etag = get(port, PATH)
    figures = {"items": float(body.count(b"<item")), "kilobytes": len(body) / 1000}
    for way, connections in WAYS:
        if way == "plain" or etag:
            load = _visit(port, pid, connections, etag if way == "known" else "")
            figures |= {f"{way} {connections} rate": load.rate, f"{way} {connections} cpu": load.cpu}
    if wrk := shutil.which("wrk"):
        figures["wrk 8 rate"] = _wrk(wrk, port)
    return figures


def _visit(port: int, pid: int, connections: int, etag: str) -> Load:
    condition = f"If-None-Match: {etag}\r\n" if etag else ""
    request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{condition}\r\n".encode()
    with ExitStack() as stack:
        visitors = [Visitor(port, request) for _ in range(connections)]
        selector = stack.enter_context(selectors.DefaultSelector())
        for visitor in visitors:
            selector.register(stack.enter_context(visitor.socket), selectors.EVENT_READ, visitor)
        _rounds(selector, visitors, 304 if etag else 200, 0.2)
        begun, cpu = time.perf_counter(), cpu_seconds(pid)
        answers = _rounds(selector, visitors, 304 if etag else 200, SECONDS)
        took = time.perf_counter() - begun
        return Load(answers / took, (cpu_seconds(pid) - cpu) / answers * 1e6)


def _rounds(selector: selectors.BaseSelector, visitors: list[Visitor], expected: int, seconds: float) -> int:
    """Every visitor asks again as soon as it has its answer; all have theirs at the end."""
    end = time.perf_counter() + seconds
    for visitor in visitors:
        visitor.ask()
    answers, waiting = 0, len(visitors)
    while waiting:
        ready = selector.select(10)
        if not ready:
            raise BotError("no answer over HTTP in 10 s")
        for key, _ in ready:
            if key.data.read(expected):
                answers += 1
                if time.perf_counter() < end:
                    key.data.ask()
                else:
                    waiting -= 1
    return answers


def _wrk(wrk: str, port: int) -> float:
    """The load generator written in C, where it is installed: our own may be what limits the rate."""
    command = [wrk, "-t1", "-c8", f"-d{SECONDS:g}s", f"http://127.0.0.1:{port}{PATH}"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    rate = re.search(r"Requests/sec: +([\d.]+)", output)
    return float(rate[1]) if rate else math.nan
