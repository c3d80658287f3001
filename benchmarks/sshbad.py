"""Bad hosts among good ones: python -m benchmarks.sshbad, with a task as JSON on stdin."""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.fleet import Figures, Host
from benchmarks.sshours import Ours
from chanops.ssh.base import ChangedKey, End, Limits, NoAnswer, NotLetIn, SshError, TurnedAway

DEADLINE = 2.0
GRACE = 5.0  # seconds until nothing may be left
HANGS = "exec sleep 47110815"
# How each kind must end: what is raised, or how the command ended.
WANTED: dict[str, tuple[object, ...]] = {
    "reset": (NoAnswer, TurnedAway),
    "no exec": (End.LOST, End.TIMED_OUT),
    "frozen": (End.LOST, End.TIMED_OUT),
    "lost": (End.LOST,),
    "denied": (NotLetIn,),
    "other key": (ChangedKey,),
    "hung": (End.TIMED_OUT,),
}


@dataclass(frozen=True)
class Ended:
    """How one host ended, and when: after its own start, and after that of all."""

    how: object
    took: float
    at: float


def among(
    good: Sequence[Host], bad: Sequence[Host], bad_command: str, given: Mapping[str, str]
) -> tuple[list[Ended], list[Ended], int]:
    """Runs on all, in random order, 50 at once; how the good and the bad ones ended, and what is left afterwards."""
    before = left_over()
    ours = Ours(Path(given["key"]), Path(given["known_hosts"]), Limits(connect=DEADLINE, idle=600))
    everyone = [(host, "true", 60.0) for host in good] + [(host, bad_command, DEADLINE) for host in bad]
    order = random.sample(range(len(everyone)), len(everyone))
    begun = time.perf_counter()

    def one(number: int) -> tuple[int, Ended]:
        host, command, timeout = everyone[number]
        at = time.perf_counter()
        try:
            outcome = ours.outcome(host, command, timeout)
            how: object = "good" if outcome.status == 0 else outcome.end
        except SshError as error:
            how = type(error)
        now = time.perf_counter()
        return number, Ended(how, now - at, now - begun)

    ours.started()
    with ThreadPoolExecutor(50) as pool:
        ended = dict(pool.map(one, order))
    ours.end_all()
    left = waited_for(before)
    return [ended[n] for n in range(len(good))], [ended[n] for n in range(len(good), len(everyone))], left


def left_over() -> int:
    """Threads, open files, and processes of commands that hang."""
    return threading.active_count() + len(os.listdir("/proc/self/fd")) + hanging()


def waited_for(before: int) -> int:
    end = time.monotonic() + GRACE
    while (left := left_over() - before) > 0 and time.monotonic() < end:
        time.sleep(0.05)
    return max(0, left)


def hanging() -> int:
    """How many processes run what hangs."""
    wanted = HANGS.removeprefix("exec ").encode().replace(b" ", b"\0")
    found = 0
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += wanted in each.read_bytes()
        except OSError:
            continue
    return found


def measure(given: Mapping[str, object], good: list[Host], kinds: Mapping[str, list[Host]]) -> Figures:
    """All kinds, in random order, each beside the same good hosts without."""
    text = {name: str(value) for name, value in given.items()}
    names = [*kinds, "none", "none", "none"]
    random.shuffle(names)
    walls: dict[str, list[float]] = {}
    figures: Figures = {"late": 0.0, "left": 0.0}
    among(good[:2], [], "true", text)
    for kind in names:
        healthy, others, left = among(good, kinds.get(kind, []), HANGS if kind == "hung" else "true", text)
        assert all(each.how == "good" for each in healthy), f"{kind}: good hosts ended with {failed(healthy)}"
        wanted = WANTED.get(kind, (NoAnswer,))
        assert all(each.how in wanted for each in others), f"{kind} ended with {failed(others)}"
        walls.setdefault(kind, []).append(max(each.at for each in healthy))
        late = max((each.took for each in others), default=0.0) - DEADLINE
        figures |= {f"{kind}: late": late, f"{kind}: left": float(left)}
        figures["late"], figures["left"] = max(figures["late"], late), figures["left"] + left
    alone = median(walls["none"])
    return {**figures, "wall": alone, **{f"{kind}: by alone": walls[kind][0] / alone for kind in kinds}}


def failed(every: Sequence[Ended]) -> set[str]:
    return {str(each.how) for each in every if each.how != "good"}


def main() -> None:
    given = json.loads(sys.stdin.read())
    good = [Host(**each) for each in given.pop("good")]
    kinds = {name: [Host(**each) for each in hosts] for name, hosts in given.pop("bad").items()}
    print(json.dumps(measure(given, good, kinds)))


if __name__ == "__main__":
    main()
