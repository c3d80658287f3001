"""What is measured, with whom, and which goals are held."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.fleet import BAD, Figures
from benchmarks.sshclient import OURS, PARAMIKO, UNCHECKED

# By case and peer: the figures of each round, None for a round that failed.
Results = dict[tuple[str, str], list[Figures | None]]
Computed = Callable[[Mapping[str, Figures]], float]


@dataclass(frozen=True)
class Case:
    """One thing that several peers do in each round."""

    text: str
    peers: tuple[str, ...]


FAST = (OURS, PARAMIKO, "asyncssh", "ssh2-python")
ALL = (*FAST, "parallel-ssh", "fabric", "xargs ssh")
CASES = {
    "cold": Case("connect, `true`, close: 200 cheap hosts, 50 at once", ALL),
    "cold sshd": Case("the same with real sshd", (*ALL, "ansible")),
    "warm": Case("`true` on 200 connections to cheap hosts, 50 at once", ALL),
    "one": Case("one cheap host after the other, each cold", ALL),
    "one sshd": Case("one sshd after the other, each cold", ALL),
    "sequence": Case("1,000 commands, one after the other, on one connection to sshd", FAST),
    "bulk": Case("10 MB from one sshd", FAST),
    "bulks": Case("1 MB from each of 20 sshd", (*FAST, "fabric")),
    "strict": Case("cold with 1,000 known hosts beside no check of host keys", (OURS, UNCHECKED)),
    "idle": Case("200 connections to cheap hosts, nothing to do", (OURS, PARAMIKO)),
    "trips": Case("round trips of 100 ms to one sshd", FAST),
    "line": Case("`.run` in the channel, with the whole bot: to the first byte to a host that is connected", (OURS,)),
    "bad": Case("180 good hosts beside 20 bad ones", (OURS,)),
    "hung": Case("180 sshd beside 20 where the command hangs", (OURS,)),
}


@dataclass(frozen=True)
class Goal:
    """A figure of ours that is at most so much: by itself, or divided by a peer's."""

    key: str
    text: str
    case: str
    figure: str
    at_most: float
    against: str = ""
    unit: str = ""

    @property
    def sign(self) -> str:
        return self.unit or (" x" if self.against else "")

    def of(self, round: Mapping[str, Figures]) -> float | None:
        """The figure of one round; none if somebody failed in it."""
        ours, theirs = round.get(OURS, {}).get(self.figure), round.get(self.against, {}).get(self.figure)
        if ours is None or not self.against:
            return ours
        return ours / theirs if theirs else None


GOALS = (
    Goal("G1", "cold, 200 cheap hosts: time", "cold", "wall", 0.75, PARAMIKO),
    Goal("G1", "cold, 200 cheap hosts: CPU", "cold", "cpu", 0.75, PARAMIKO),
    Goal("G3", "warm, 200 cheap hosts: time", "warm", "wall", 0.95, PARAMIKO),
    Goal("G3", "warm, 200 cheap hosts: CPU", "warm", "cpu", 0.95, PARAMIKO),
    Goal("G4", "one cold host, cheap", "one", "each", 0.12, PARAMIKO),
    Goal("G4", "one cold host, sshd", "one sshd", "each", 0.40, PARAMIKO),
    Goal("G5", "1,000 commands on one connection", "sequence", "wall", 0.15, PARAMIKO),
    Goal("G6", "10 MB from one host", "bulk", "wall", 0.45, PARAMIKO),
    Goal("G6", "1 MB from each of 20", "bulks", "wall", 0.80, PARAMIKO),
    Goal("G7", "cold, 200 sshd: time by all CPU of both sides", "cold sshd", "of cpu", 1.25),
    Goal("G8", "cold, 200 sshd: by ansible -m raw -f 50", "cold sshd", "wall", 0.25, "ansible"),
    Goal("G8", "cold, 200 sshd: by xargs -P50 ssh", "cold sshd", "wall", 0.35, "xargs ssh"),
    Goal("G9", "1,000 known hosts by no check: time", "strict", "wall", 1.10, UNCHECKED),
    Goal("G9", "1,000 known hosts by no check: CPU", "strict", "cpu", 1.10, UNCHECKED),
    Goal("G10", "200 idle connections: of a core", "idle", "percent", 1.5, unit=" %"),
    Goal("G10", "200 idle connections: resident", "idle", "rss", 70, unit=" MB"),
    Goal("G11", "round trips of a first command", "trips", "first", 6.5),
    Goal("G11", "round trips of the next", "trips", "second", 2.2),
    Goal("line", "from the line to the first byte, median", "line", "first byte", 5, unit=" ms"),
    *(Goal("G12", f"good hosts beside bad ones: {kind}", "bad", f"{kind}: by alone", 1.3) for kind in BAD),
    Goal("G12", "good sshd beside commands that hang", "hung", "hung: by alone", 1.3),
    Goal("G12", "bad hosts end after their deadline", "bad", "late", 0.5, unit=" s"),
    Goal("G12", "hung commands end after their deadline", "hung", "late", 0.5, unit=" s"),
    Goal("G12", "threads, files, processes left", "bad", "left", 0),
    Goal("G12", "the same after hung commands", "hung", "left", 0),
)
SHOWN = {  # of each case, beside its time: a heading, and the figure
    "cold": (("CPU ms each", "cpu each"), ("peak MB", "peak")),
    "cold sshd": (("CPU ms each", "cpu each"), ("server's", "server cpu each"), ("peak MB", "peak")),
    "warm": (("CPU ms each", "cpu each"), ("RSS MB", "rss"), ("kB each", "kB each")),
    "one": (("ms each", "each"),),
    "one sshd": (("ms each", "each"),),
    "sequence": (("ms each", "each"), ("CPU s", "cpu")),
    "bulk": (("CPU s", "cpu"),),
    "bulks": (("CPU s", "cpu"),),
    "strict": (("CPU ms each", "cpu each"),),
    "idle": (("% of a core", "percent"), ("wakes/s", "wakes"), ("RSS MB", "rss"), ("kB each", "kB each")),
    "line": (("p50 ms", "first byte"), ("p99 ms", "p99")),
    "trips": (("first", "first"), ("second", "second")),
}


def goals(results: Results) -> str:
    """Each goal that was measured."""
    lines = [f"{'':4} {'':46}{'chanops':>9}{'peer':>9}  {'compared (lowest to highest)':32}{'goal':12}met"]
    for goal in GOALS:
        rounds = rounds_of(results, goal.case)
        if not rounds:
            continue
        found = [value for each in rounds if (value := goal.of(each)) is not None and not math.isnan(value)]
        ours, theirs = (middle(rounds, name, goal.figure) for name in (OURS, goal.against))
        told = f"{plain(median(found))}{goal.sign} ({plain(min(found))} to {plain(max(found))})" if found else ""
        met = "not measured" if not found else "yes" if median(found) <= goal.at_most else "NO"
        limit = f"<= {goal.at_most:g}{goal.sign}"
        lines.append(f"{goal.key:4} {goal.text:46}{ours:>9}{theirs:>9}  {told:32}{limit:12}{met}")
    return "\n".join(lines)


def peers(results: Results) -> str:
    """Each case with all who were in it, by paramiko where it is there."""
    lines = []
    for name, case in CASES.items():
        rounds = rounds_of(results, name)
        if not rounds or name not in SHOWN:
            continue
        base = next((each for each in (PARAMIKO, UNCHECKED) if each in case.peers), OURS)
        heads = "".join(f"{head:>13}" for head, _ in SHOWN[name])
        lines += ["", f"{name}: {case.text}", f"  {'':14}{'s':>9}{f'by {base}':>26}{heads}"]
        for peer in [each for each in case.peers if (name, each) in results]:
            both = [(each[peer]["wall"], each[base]["wall"]) for each in rounds if peer in each and base in each]
            ratios = [mine / theirs for mine, theirs in both]
            told = f"{plain(median(ratios))} ({plain(min(ratios))} to {plain(max(ratios))})" if ratios else "-"
            more = "".join(f"{middle(rounds, peer, key):>13}" for _, key in SHOWN[name])
            lines.append(f"  {peer:14}{middle(rounds, peer, 'wall'):>9}{told:>26}{more}")
    return "\n".join(lines)


def rounds_of(results: Results, case: str) -> list[dict[str, Figures]]:
    """By round: the figures of each who did not fail in it."""
    mine = {peer: rounds for (name, peer), rounds in results.items() if name == case}
    count = max(map(len, mine.values()), default=0)
    return [
        {peer: rounds[n] or {} for peer, rounds in mine.items() if len(rounds) > n and rounds[n]} for n in range(count)
    ]


def middle(rounds: list[dict[str, Figures]], peer: str, figure: str) -> str:
    found = [each[peer][figure] for each in rounds if figure in each.get(peer, {})]
    return plain(median(found)) if found else "-"


def plain(value: float) -> str:
    """Three digits that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
