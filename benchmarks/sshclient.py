"""One peer in a process of its own: python -m benchmarks.sshclient, with a task as JSON on stdin."""

import dataclasses
import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.fleet import HERE, Figures, Host, Wrong
from benchmarks.procfs import memory
from benchmarks.sshpeers import Answer, Asyncssh, Fabric, ParallelSsh, Paramiko, Peer, Ssh2
from benchmarks.sshtools import Ansible, OpenSsh

OURS, PARAMIKO, UNCHECKED = "chanops", "paramiko", "unchecked"
PEERS: dict[str, type[Peer]] = {
    PARAMIKO: Paramiko,
    "asyncssh": Asyncssh,
    "ssh2-python": Ssh2,
    "parallel-ssh": ParallelSsh,
    "fabric": Fabric,
    "xargs ssh": OpenSsh,
    "ansible": Ansible,
}
# Imported only where they are measured: what is imported counts as memory.
IN_CHANOPS = {OURS: "Ours", UNCHECKED: "OursTrusting"}
LIFETIME = 600
IDLE = 10.0


@dataclass(frozen=True)
class Task:
    """What a peer is to do."""

    peer: str
    what: str
    hosts: list[Host]
    spare: Host
    key: str
    known_hosts: str
    command: str = "true"
    written: int = 0  # bytes that each command writes
    count: int = 1  # times, or commands
    threads: int = 50
    others: list[Host] = field(default_factory=list)


def ask(task: Task) -> Figures:
    """Have it done by a child."""
    command = [sys.executable, "-m", "benchmarks.sshclient"]
    env = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONDONTWRITEBYTECODE", "SSH_AUTH_SOCK")
    }
    given = json.dumps(dataclasses.asdict(task))
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, cwd=HERE.parent, env=env, timeout=LIFETIME
        )
    except subprocess.TimeoutExpired:
        raise Wrong(f"did not end within {LIFETIME} s") from None
    if done.returncode:
        raise Wrong((done.stderr or done.stdout).strip()[-1500:])
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


class Clock:
    """Seconds, and those of the CPU, our own and our children's."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0
        self.all: list[tuple[float, float]] = []

    @contextmanager
    def runs(self) -> Iterator[None]:
        began, spent = time.perf_counter(), used()
        yield
        self.wall, self.cpu = time.perf_counter() - began, used() - spent
        self.all.append((self.wall, self.cpu))

    def take_median(self) -> None:
        self.wall, self.cpu = (median(each) for each in zip(*self.all, strict=True))


def used() -> float:
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in every)


def check(answers: list[Answer], task: Task, times: int = 1) -> None:
    """Whether all that was asked was done."""
    if len(answers) != len(task.hosts) * times or any(status for status, _ in answers):
        raise Wrong(f"{task.peer}: {len(answers)} answers, not all of them 0: {answers[:5]}")
    if sum(written for _, written in answers) != task.written * len(answers):
        raise Wrong(f"{task.peer}: {[written for _, written in answers][:5]} bytes instead of {task.written}")


def warmed_up(peer: Peer, task: Task) -> float:
    """Megabytes when all is imported, and one host was there."""
    if not isinstance(peer, Ansible):
        peer.cold([task.spare], "true", 1)
        peer.end_all()
    return memory(os.getpid()).rss


def cold(peer: Peer, task: Task, clock: Clock, anew: bool = False) -> Figures:
    """Connect, run and end at all."""
    warmed_up(peer, task)
    for _ in range(task.count):
        if anew:
            peer.forget()
        with clock.runs():
            answers = peer.cold(task.hosts, task.command, task.threads)
            peer.end_all()
        check(answers, task)
    clock.take_median()
    return {"cpu each": clock.cpu / len(task.hosts) * 1000, "peak": memory(os.getpid()).peak}


def strict(peer: Peer, task: Task, clock: Clock) -> Figures:
    """The same, with the known hosts read anew each time."""
    return cold(peer, task, clock, anew=True)


def one(peer: Peer, task: Task, clock: Clock) -> Figures:
    """The same, one host after the other: what one host takes."""
    warmed_up(peer, task)
    took = []
    for host in task.hosts:
        with clock.runs():
            answers = peer.cold([host], task.command, 1)
        check(answers, dataclasses.replace(task, hosts=[host]))
        took.append(clock.wall)
    with clock.runs():
        peer.end_all()
    return {"wall": sum(took) + clock.wall, "each": (median(took) + clock.wall / len(took)) * 1000}


def warm(peer: Peer, task: Task, clock: Clock) -> Figures:
    """Run at all, connected already."""
    before = warmed_up(peer, task)
    peer.connect_all(task.hosts, task.threads)
    peer.warm("true", task.threads)
    for _ in range(task.count):
        with clock.runs():
            answers = peer.warm(task.command, task.threads)
        check(answers, task)
    clock.take_median()
    after = memory(os.getpid()).rss
    peer.end_all()
    return {
        "rss": after,
        "kB each": (after - before) * 1000 / len(task.hosts),
        "cpu each": clock.cpu / len(task.hosts) * 1000,
    }


def sequence(peer: Peer, task: Task, clock: Clock) -> Figures:
    """One command after the other at one host."""
    peer.connect_all(task.hosts, 1)
    with clock.runs():
        answers = peer.again(task.command, task.count)
    check(answers, task, task.count)
    peer.end_all()
    return {"each": clock.wall / task.count * 1000}


def idle(peer: Peer, task: Task, clock: Clock) -> Figures:
    """Do nothing, connected to all."""
    before = warmed_up(peer, task)
    peer.connect_all(task.hosts, task.threads)
    time.sleep(1)
    woken = switches()
    with clock.runs():
        time.sleep(IDLE)
    after = memory(os.getpid()).rss
    figures = {
        "percent": clock.cpu / clock.wall * 100,
        "wakes": (switches() - woken) / clock.wall,
        "rss": after,
        "kB each": (after - before) * 1000 / len(task.hosts),
        "threads": float(threading.active_count()),
    }
    check(peer.warm(task.command, task.threads), task)
    peer.end_all()
    return figures


def switches() -> int:
    every = [each.joinpath("status").read_text() for each in Path("/proc/self/task").iterdir()]
    return sum(int(text.rpartition("\nvoluntary_ctxt_switches:")[2].split()[0]) for text in every)


def trips(peer: Peer, task: Task, clock: Clock) -> Figures:
    """The round trips of a first and of a second command: the hosts are near, the others the same with a delay."""
    warmed_up(peer, task)
    figures = {}
    took: dict[str, list[list[float]]] = {"first": [], "second": []}
    for hosts in (task.hosts, task.others):
        for name in took:
            took[name].append([])
        for host in hosts:
            with clock.runs():
                peer.connect_all([host], 1)
                if peer.connects:
                    peer.warm(task.command, 1)
            took["first"][-1].append(clock.wall)
            with clock.runs():
                peer.warm(task.command, 1)
            took["second"][-1].append(clock.wall)
            peer.end_all()
    for name, (near, far) in took.items():
        figures[name] = (median(far) - median(near)) * 1000 / task.count
    return figures


def kind(name: str) -> type[Peer]:
    if name in IN_CHANOPS:
        found: type[Peer] = getattr(importlib.import_module("benchmarks.sshours"), IN_CHANOPS[name])
        return found
    return PEERS[name]


WHAT: dict[str, Callable[[Peer, Task, Clock], Figures]] = {
    each.__name__: each for each in (cold, strict, one, warm, sequence, idle, trips)
}


def main() -> None:
    given = json.loads(sys.stdin.read())
    for name in ("hosts", "others"):
        given[name] = [Host(**each) for each in given[name]]
    given["spare"] = Host(**given["spare"])
    task, clock = Task(**given), Clock()
    peer = kind(task.peer)(Path(task.key), Path(task.known_hosts))
    figures = WHAT[task.what](peer, task, clock)
    print(json.dumps({"wall": clock.wall, "cpu": clock.cpu, **figures}))


if __name__ == "__main__":
    main()
