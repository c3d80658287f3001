"""Many trials: `python -m tests.crash --kills 5000 --seed 1`; 1 where the promise was broken."""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from json import dumps, loads
from pathlib import Path
from statistics import median
from typing import Any

from tests.crash.judge import judge
from tests.crash.nursery import ROOT, Nursery
from tests.crash.trial import Result, Trial, template

SIDE_BY_SIDE = 8


def tried(seed: int, nursery: Nursery, empty: Path, options: dict[str, Any]) -> Result:
    """One trial, judged."""
    trial = Trial(seed, nursery, empty, **options)
    try:
        trial.run()
        judge(trial)
        return trial.result
    finally:
        trial.close()


def trials(
    first: int,
    enough: Callable[[list[Result]], bool],
    options: dict[str, Any],
    side_by_side: int = SIDE_BY_SIDE,
    tell: Callable[[Result], None] = lambda _: None,
) -> list[Result]:
    """Trials from a seed on, some at once, until there are enough."""
    results: list[Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="chanops-crash-") as folder,
        Nursery() as nursery,
        ThreadPoolExecutor(side_by_side) as pool,
    ):
        empty = template(Path(folder))
        seed, under_way = first, set[Future[Result]]()
        while not enough(results):
            while len(under_way) < side_by_side:
                under_way.add(pool.submit(tried, seed, nursery, empty, options))
                seed += 1
            ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for each in ended:
                results.append(each.result())
                tell(results[-1])
        for each in under_way:
            if not each.cancel():
                results.append(each.result())
                tell(results[-1])
    return results


def summary(results: Iterable[Result], seconds: float) -> str:
    """The figures."""
    found = list(results)
    outcomes = Counter(outcome for each in found for outcome in each.outcomes)
    bad = [each for each in found if each.violations]
    kinds = Counter(kind_of(text) for each in bad for text in each.violations)
    lines = [
        f"kills {sum(each.kills for each in found)}  trials {len(found)}  in {seconds:.0f} s",
        f"trials with violations {len(bad)}  extra machines that were said {sum(each.said_extra for each in found)}",
        "outcomes " + ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())),
    ]
    for what, times in (
        ("birth to claim", [each for result in found for each in result.claimed]),
        ("birth to first request", [each for result in found for each in result.resumed]),
    ):
        if times:
            ordered = sorted(times)
            p95, p99 = ordered[int(len(ordered) * 0.95)], ordered[int(len(ordered) * 0.99)]
            lines.append(
                f"{what}: n {len(ordered)}, median {median(ordered):.3f} s, 95 % {p95:.3f} s, 99 % {p99:.3f} s, "
                f"longest {ordered[-1]:.3f} s"
            )
    lines += [f"  {count} x {kind}" for kind, count in kinds.most_common()]
    return "\n".join(lines)


def kind_of(text: str) -> str:
    """A violation without what differs."""
    return " ".join("#" if any(letter.isdigit() for letter in word) else word for word in text.split()[:14])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--naive", action="store_true", help="judge the naive worker instead")
    parser.add_argument("--grace", type=float, help="look for so many seconds only; the lists lag by 0.25")
    parser.add_argument("--lag", type=float, help="have the lists lag by so many seconds")
    parser.add_argument("--workers", type=int, default=2, help="processes that judge, with simulators in them")
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE)
    parser.add_argument("--one", type=int, help="only the trial with this seed")
    parser.add_argument("--lines", action="store_true", help="results as lines of JSON, for another process")
    given = parser.parse_args()
    options: dict[str, Any] = {"naive": given.naive}
    options |= {name: value for name in ("grace", "lag") if (value := getattr(given, name)) is not None}
    began = time.monotonic()
    if given.one is not None:
        results = trials(given.one, lambda found: len(found) >= 1, options, 1)
    elif given.lines or given.workers < 2:
        tell = line if given.lines else say
        results = trials(given.seed, lambda found: killed(found) >= given.kills, options, given.side_by_side, tell)
        if given.lines:
            return 0
    else:
        results = spread(given)
    print(summary(results, time.monotonic() - began))
    bad = [each for each in results if each.violations]
    if not given.naive:
        for each in bad[:3]:
            print(each.story)
    if bad:
        print(f"seeds with violations: {', '.join(str(each.seed) for each in bad[:40])}")
    return 1 if bad else 0


def killed(results: Iterable[Result]) -> int:
    return sum(each.kills for each in results)


def line(result: Result) -> None:
    print(dumps(asdict(result)), flush=True)


def say(result: Result) -> None:
    if result.violations:
        print(f"seed {result.seed}: {'; '.join(result.violations)}", flush=True)


def spread(given: argparse.Namespace) -> list[Result]:
    """The same in several processes, each with its share of the kills and seeds of its own."""
    more = [f"--{name}={getattr(given, name)}" for name in ("grace", "lag") if getattr(given, name) is not None]
    more += ["--naive"] if given.naive else []
    kills, results = -(-given.kills // given.workers), []
    command = [sys.executable, "-m", "tests.crash", "--lines", "--workers=1", f"--kills={kills}"]
    command += [f"--side-by-side={given.side_by_side}", *more]
    processes = [
        subprocess.Popen(
            [*command, f"--seed={given.seed + number * 1_000_000}"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for number in range(given.workers)
    ]
    with ThreadPoolExecutor(len(processes)) as pool:
        for found in pool.map(lambda each: read(each, given.kills), processes):
            results += found
    return results


def read(process: "subprocess.Popen[str]", kills: int) -> list[Result]:
    found = []
    for text in process.stdout:
        found.append(Result(**loads(text)))
        say(found[-1])
    if process.wait() != 0:
        raise RuntimeError("a part of the trials ended badly")
    process.stdout.close()
    return found


if __name__ == "__main__":
    sys.exit(main())
