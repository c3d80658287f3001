"""python -m benchmarks.ssh: our SSH engine beside the other ways to run a command on many hosts.

Everything is on loopback. Cheap hosts (fleet.c) cost a millisecond each, so that the client is what is measured; real
sshd cost thirty. In each round all peers do each case, in random order, each in a process of its own; what counts is
the ratio within a round. Peers that are not installed are told of and left out.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.fleet import HERE, Figures, Fleet, Host, Keys, Wrong, cheap, sshd
from benchmarks.ircd import BotError
from benchmarks.sshclient import IN_CHANOPS, LIFETIME, PEERS, Task, ask
from benchmarks.sshdelay import delayed
from benchmarks.sshgoals import CASES, GOALS, Results, goals, peers
from benchmarks.sshline import line

HOSTS, SOME, GOOD, BAD_ONES = 200, 20, 180, 20
ROUND_TRIP = 0.1
TIMES, COMMANDS = 3, 1000  # within a round
STRANGERS = 1000 - HOSTS
MB = 1_000_000


class Bench:
    """The hosts of this run, and what can be done with them."""

    def __init__(self, keys: Keys, cheap: Fleet, sshd: Fleet) -> None:
        self.keys, self.cheap, self.sshd = keys, cheap, sshd
        every = [*cheap.hosts, *sshd.hosts, *(host for hosts in cheap.bad.values() for host in hosts)]
        self.known_hosts = keys.known_hosts(every)
        thousand = str(keys.known_hosts(cheap.hosts[:HOSTS], STRANGERS))
        self.cases: dict[str, Callable[[str], Figures]] = {
            "cold": lambda peer: ask(self.task(peer, "cold", cheap, HOSTS, TIMES)),
            "cold sshd": self.cold_sshd,
            "warm": lambda peer: ask(self.task(peer, "warm", cheap, HOSTS, TIMES)),
            "one": lambda peer: ask(self.task(peer, "one", cheap, SOME)),
            "one sshd": lambda peer: ask(self.task(peer, "one", sshd, SOME)),
            "sequence": lambda peer: ask(self.task(peer, "sequence", sshd, 1, COMMANDS)),
            "bulk": lambda peer: ask(self.much(peer, 1, 10 * MB)),
            "bulks": lambda peer: ask(self.much(peer, SOME, MB)),
            "strict": lambda peer: ask(
                replace(self.task(peer, "strict", cheap, HOSTS - 1, 3 * TIMES), known_hosts=thousand)
            ),
            "idle": lambda peer: ask(self.task(peer, "idle", cheap, HOSTS)),
            "trips": self.trips,
            "bad": lambda peer: self.beside(cheap, cheap.bad),
            "line": lambda peer: line(self.keys, cheap.hosts[0]),
            "hung": lambda peer: self.beside(sshd, {"hung": sshd.hosts[GOOD : GOOD + BAD_ONES]}),
        }

    def task(self, peer: str, what: str, fleet: Fleet, hosts: int, count: int = 1) -> Task:
        known, key = str(self.known_hosts), str(self.keys.user)
        return Task(peer, what, fleet.hosts[:hosts], fleet.hosts[hosts], key, known, count=count)

    def much(self, peer: str, hosts: int, size: int) -> Task:
        command = f"head -c {size} {self.keys.lines}"
        return replace(self.task(peer, "warm", self.sshd, hosts, TIMES), command=command, written=size)

    def cold_sshd(self, peer: str) -> Figures:
        """With what the servers spent, of which there are as many as hosts."""
        before = self.sshd.cpu()
        figures = ask(self.task(peer, "cold", self.sshd, HOSTS))
        spent = self.sshd.cpu() - before
        whole = (figures["cpu"] + spent) / (os.cpu_count() or 1)
        return {**figures, "server cpu each": spent / HOSTS * 1000, "of cpu": figures["wall"] / whole}

    def trips(self, peer: str) -> Figures:
        chosen = self.sshd.hosts[:5]
        with delayed(chosen, 0) as near, delayed(chosen, ROUND_TRIP) as far:
            known = self.keys.known_hosts([*near, *far])
            task = self.task(peer, "trips", self.sshd, 5)
            both = replace(task, hosts=near, others=far, spare=near[0])
            return ask(replace(both, known_hosts=str(known), count=round(ROUND_TRIP * 1000)))

    def beside(self, fleet: Fleet, kinds: dict[str, list[Host]]) -> Figures:
        """Good hosts and bad ones, in a child as well."""
        given = {
            "key": str(self.keys.user),
            "known_hosts": str(self.known_hosts),
            "good": [asdict(host) for host in fleet.hosts[:GOOD]],
            "bad": {kind: [asdict(host) for host in hosts] for kind, hosts in kinds.items()},
        }
        command = [sys.executable, "-m", "benchmarks.sshbad"]
        done = subprocess.run(
            command, input=json.dumps(given), capture_output=True, text=True, cwd=HERE.parent, timeout=LIFETIME
        )
        if done.returncode:
            raise Wrong(done.stderr.strip()[-1500:])
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        return figures


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    # Only an exception ends the blocks that own the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = [name for name in CASES if not args.only or name in args.only]
    missing = [name for name, kind in PEERS.items() if not kind.there()]
    for name in missing:
        print(f"{name} is not installed and not measured", file=sys.stderr)
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="bench-ssh-") as folder, contextlib.ExitStack() as stack:
        keys = Keys(Path(folder))
        bench = Bench(keys, stack.enter_context(cheap(keys)), stack.enter_context(sshd(keys)))
        try:
            for number in range(args.rounds):
                for case in wanted:
                    chosen = [name for name in CASES[case].peers if name not in missing]
                    if args.peers:
                        chosen = [name for name in chosen if name in args.peers or name in IN_CHANOPS]
                    for peer in random.sample(chosen, len(chosen)):
                        print(f"round {number + 1}/{args.rounds}: {case}, {peer}", file=sys.stderr)
                        results.setdefault((case, peer), []).append(figures_of(bench, case, peer))
        except KeyboardInterrupt:
            print("stopped; what was measured so far:", file=sys.stderr)
    print(peers(results), goals(results), sep="\n\n")
    if args.json:
        args.json.write_text(json.dumps([[*key, rounds] for key, rounds in results.items()], indent=1))
    return 0 if all(each for rounds in results.values() for each in rounds) else 1


def figures_of(bench: Bench, case: str, peer: str) -> Figures | None:
    try:
        return bench.cases[case](peer)
    except (Wrong, BotError, OSError, subprocess.SubprocessError) as error:
        print(f"  {case}, {peer}: {error}", file=sys.stderr)
        return None


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ssh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument(
        "--only", action="append", help=f"a goal (G5) or a case, of {', '.join(CASES)}; may be repeated"
    )
    parser.add_argument("--peers", nargs="*", help="only these beside our own")
    parser.add_argument("--json", type=Path, help="write the figures of every round to this file")
    args = parser.parse_args(argv)
    by_goal = {key: {goal.case for goal in GOALS if goal.key == key} for key in {goal.key for goal in GOALS}}
    if unknown := [name for name in args.only or [] if name not in {*CASES, *by_goal}]:
        parser.error(f"no goal or case {', '.join(unknown)}")
    args.only = {case for name in args.only or [] for case in by_goal.get(name, {name})}
    return args


if __name__ == "__main__":
    sys.exit(main())
