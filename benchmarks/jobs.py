"""python -m benchmarks.jobs: jobs against the simulated cloud, beside a client that polls each action alone.

For 1, 10 and 50 machines: how long `.down` takes beside the simulator's own time, and how many requests it spends; the
same machines taken down by threads that each poll their own action. Then the journal's steps a second, each on disk,
beside bare commits of the same SQLite; and the time from a restart to the resumed job's next step.
"""

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from chanops import configuration
from chanops.core.message import Message
from chanops.core.plan import Plan, Unit
from chanops.offline import Offline
from chanops.services.jobs.work import Work
from chanops.simulator.digitalocean import CloudServer, Delays

TOKEN, POLL = "bench-token", 1.0
USED_GB = 2.0
BRANCHES = """\
[network:bench]
host = localhost
channels = #ops
[web]
listen =
[roles]
ops = alice
[provider:do]
kind = digitalocean
token = {token}
endpoint = {url}
poll = {poll}
"""


@dataclass
class Figures:
    """One case: machines, seconds of chanops and of the simulator, requests, 429s."""

    machines: int
    seconds: float
    own: float
    requests: int
    exceeded: int

    def __str__(self) -> str:
        ratio = self.seconds / self.own
        return (
            f"{self.machines:3d} machines: {self.seconds:6.1f} s, {ratio:.3f} x the simulator's own {self.own:.1f} s, "
            f"{self.requests} requests, limit exceeded {self.exceeded} times"
        )


@contextmanager
def cloud_with(machines: int, delays: Delays) -> Iterator[CloudServer]:
    """A cloud with that many machines."""
    with CloudServer(token=TOKEN, delays=delays) as cloud:
        for number in range(machines):
            cloud.world.add_droplet(f"bench-{number}", used_gb=USED_GB)
        yield cloud


@contextmanager
def bot_at(url: str, folder: Path) -> Iterator[Offline]:
    """The whole bot, without a network."""
    path = folder / "config.ini"
    path.touch(mode=0o600)
    path.write_text(BRANCHES.format(token=TOKEN, url=url.rstrip("/"), poll=POLL))
    with Offline(configuration.read(path)) as bot:
        yield bot


def own_time(delays: Delays) -> float:
    """What the simulated cloud itself takes for a machine's shutdown, snapshot and destruction."""
    return sum(map(delays.of, ("shutdown", "status_lag", "destroy"))) + delays.of_snapshot(USED_GB)


def down(machines: int, delays: Delays) -> Figures:
    """`.down bench-*`, confirmed, until the job is over."""
    with tempfile.TemporaryDirectory() as folder, cloud_with(machines, delays) as cloud:
        with bot_at(cloud.url, Path(folder)) as bot:
            code = bot.say(".down bench-*")[0].split(".confirm ")[1].split()[0]
            began, before = time.monotonic(), len(cloud.requests)
            bot.say(f".confirm {code}")
            jobs, seen = bot.app.fleet.jobs, -1
            while not jobs.find(1).over:
                seen = jobs.wait_for_news(seen, 1.0)
            took = time.monotonic() - began
            assert jobs.find(1).state == "done", jobs.find(1).text
        assert not cloud.world.state()["droplets"], "a machine was left"
        exceeded = sum(each.status == 429 for each in cloud.requests)
        return Figures(machines, took, own_time(delays), len(cloud.requests) - before, exceeded)


def each_alone(machines: int, delays: Delays) -> Figures:
    """The same by threads that each poll their own action and machine: what is usually written first."""
    with cloud_with(machines, delays) as cloud:
        ids = [each["id"] for each in asked(cloud, "GET", "droplets?per_page=200")["droplets"]]
        began, before = time.monotonic(), len(cloud.requests)
        threads = [threading.Thread(target=alone, args=(cloud, id)) for id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        exceeded = sum(each.status == 429 for each in cloud.requests)
        return Figures(machines, took, own_time(delays), len(cloud.requests) - before, exceeded)


def alone(cloud: CloudServer, id: int) -> None:
    for wanted in ({"type": "shutdown"}, {"type": "snapshot", "name": f"alone-{id}"}):
        action = asked(cloud, "POST", f"droplets/{id}/actions", wanted)["action"]["id"]
        while asked(cloud, "GET", f"actions/{action}")["action"]["status"] == "in-progress":
            time.sleep(POLL)
    asked(cloud, "DELETE", f"droplets/{id}")
    while "droplet" in asked(cloud, "GET", f"droplets/{id}"):
        time.sleep(POLL)


def asked(cloud: CloudServer, method: str, path: str, body: object = None) -> dict[str, object]:
    """An answer; a 429 is waited for."""
    while True:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.request(method, cloud.url + path, json=body, headers=headers, timeout=30)
        if answer.status_code != 429:
            return answer.json() if answer.content else {}
        time.sleep(float(answer.headers.get("Retry-After", "1")))


def journal(count: int = 300) -> None:
    """Steps a second, each written down before and after; and bare commits of SQLite as the floor."""
    with tempfile.TemporaryDirectory() as name, cloud_with(0, Delays.quick()) as cloud:
        folder = Path(name)
        with bot_at(cloud.url, folder) as bot:
            jobs = bot.app.fleet.jobs
            held = threading.Event()
            seconds: list[float] = []

            def flow(work: Work) -> str:
                began = time.monotonic()
                for number in range(count):
                    work.act(f"step {number}", lambda: number, lambda _: None, grace=0)
                seconds.append(time.monotonic() - began)
                held.set()
                return "measured"

            jobs.engine.workflows = {"bench": flow}
            said = Message("bench", "message", "alice", "alice", "", "bench")
            jobs.submit(Plan("bench", "bench", (Unit("x", "y"),)), said)
            assert held.wait(120), "the steps took too long"
        floor = bare_commits(folder / "floor.db", 2 * count)
        rate = count / seconds[0]
        print(f"journal: {rate:.0f} steps/s ({1000 / rate:.2f} ms each: an intention and a result, each on disk);")
        share = 2 * floor * rate
        print(f"         two bare commits with synchronous=FULL take {2000 * floor:.2f} ms, {share:.2f} of it")


def bare_commits(path: Path, count: int) -> float:
    """Seconds for one commit, on this disk, with one row."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        began = time.monotonic()
        for number in range(count):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t (text) VALUES (?)", (f"step {number}",))
            connection.execute("COMMIT")
        return (time.monotonic() - began) / count


def resume(times: int = 5) -> None:
    """From the start of the process, and from its database being open, to the resumed job's next request."""
    waits = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as name, cloud_with(1, Delays.realistic(3)) as cloud:
            folder = Path(name)
            first = started(cloud, folder, "down")
            while not any(each.kind == "shutdown" for each in cloud.world.truth):
                time.sleep(0.01)
            first.send_signal(signal.SIGKILL)
            first.wait()
            seen = len(cloud.requests)
            began = time.monotonic()
            second = started(cloud, folder, "resume")
            ready = float(second.stdout.readline()) if second.stdout else 0.0
            while len(cloud.requests) == seen:
                time.sleep(0.001)
            at = time.monotonic()
            waits.append((at - began, at - ready))
            second.kill()
            second.wait()
    whole, after = (sorted(each)[len(waits) // 2] for each in zip(*waits, strict=True))
    print(f"resume: {after:.2f} s after the database is open, {whole:.2f} s after the start (medians of {times})")


def started(cloud: CloudServer, folder: Path, how: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.jobs", "--child", how, cloud.url, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def child(how: str, url: str, folder: Path) -> None:
    """A bot in a process of its own."""
    with bot_at(url, folder) as bot:
        print(time.monotonic(), flush=True)
        if how == "down":
            code = bot.say(".down bench-*")[0].split(".confirm ")[1].split()[0]
            bot.say(f".confirm {code}")
        threading.Event().wait()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--scale", type=float, default=8.0, help="how slow the cloud is (8: half a minute for a .down)")
    parser.add_argument("--machines", type=int, nargs="*", default=[1, 10, 50])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.child:
        child(given.child[0], given.child[1], Path(given.child[2]))
        return 0
    delays, found = Delays.realistic(given.scale), []
    for machines in given.machines:
        found.append((".down", down(machines, delays)))
        print("chanops  ", found[-1][1], flush=True)
        found.append(("alone", each_alone(machines, delays)))
        print("each alone", found[-1][1], flush=True)
    journal()
    resume()
    if given.json:
        given.json.write_text(json.dumps([[name, vars(each)] for name, each in found], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
