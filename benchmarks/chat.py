"""What is measured in the channel: lines, answers, PONG, a slow command, the start."""

import itertools
import math
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bots import Contender, Plan, Running, get, running
from benchmarks.procfs import cpu_seconds, memory
from benchmarks.stored import settle
from benchmarks.traffic import NICKS, chatter, said

Figures = dict[str, float]
TOKENS = (f"t{number:06}" for number in itertools.count())
PAUSE = 0.002
BURST, INTERVAL = 5, 0.5
WATCH = 5.0
SPOKEN = b"PRIVMSG #ops "


def lines(bot: Contender, plan: Plan) -> Figures:
    """A flood of channel lines, then a command: when it is answered, all of them were read."""
    count = plan.lines
    traffic = chatter(count)
    with running(bot) as one:
        _bping(one)
        _look_at_pages(one)
        before, cpu = memory(one.pid), cpu_seconds(one.pid)
        sentinel = next(TOKENS)
        begun = one.ircd.flood(traffic.data + said(NICKS[0], f".bping {sentinel}"))
        ended = one.ircd.wait_for(f"bpong {sentinel}".encode(), 300).at
        figures = {"rate": count / (ended - begun)}
        if one.web:
            stored = settle(one.database)
            figures |= {f"stored {name}": rows for name, rows in stored.rows.items()}
            figures["missing links"] = traffic.links - stored.rows["links"]
            figures["missing mentions"] = traffic.mentions - stored.rows["lines"]
            figures["late"] = max(0.0, stored.at - ended) * 1000 if stored.rows["links"] > 0 else math.nan
        figures["cpu"] = (cpu_seconds(one.pid) - cpu) / count * 1e6
        _look_at_pages(one)
        after = memory(one.pid)
    return figures | {
        "rss before": before.rss,
        "rss after": after.rss,
        "rss peak": after.peak,
        "rss growth": after.rss - before.rss,
        "pss after": after.pss,
    }


def reply(bot: Contender, plan: Plan, count: int = 500) -> Figures:
    """Commands one after the other: from the line that asks to the line that answers."""
    with running(bot) as one:
        _bping(one)
        took = sorted(itertools.islice(_bpings(one), count))
    return {"p50": _quantile(took, 0.5), "p99": _quantile(took, 0.99)}


def pong(bot: Contender, plan: Plan) -> Figures:
    """PING while answers wait behind the throttle."""
    return _floor_pong(bot) if bot.is_floor else _pong(bot)


def slow(bot: Contender, plan: Plan, count: int = 100) -> Figures:
    """The others' commands while one person's command takes two seconds. The floor has no such command."""
    if bot.is_floor:
        return {}
    with running(bot) as one:
        # The first hundred are slower, and would flatter what is compared with them.
        for _ in itertools.islice(_bpings(one), count):
            pass
        alone = sorted(itertools.islice(_bpings(one), count))
        since = len(one.ircd.heard)
        one.ircd.say(said("sloth", ".slowly"))
        time.sleep(0.05)
        beside = sorted(itertools.islice(_bpings(one), count))
        ended = time.perf_counter()
        overlap = one.ircd.wait_for(b"slept", 20, since).at - ended
    figures = {"overlap": overlap}
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figures |= {f"alone {name}": _quantile(alone, share), f"beside {name}": _quantile(beside, share)}
        figures[f"ratio {name}"] = figures[f"beside {name}"] / figures[f"alone {name}"]
    return figures


def start(bot: Contender, plan: Plan) -> Figures:
    """From starting the process to its JOIN; the first start also makes the database and is not compared."""
    with TemporaryDirectory(prefix="bench-") as folder:
        took = []
        for _ in range(2):
            with running(bot, Path(folder)) as one:
                took.append((one.joined - one.started) * 1000)
    return {"first": took[0], "again": took[1]}


def _pong(bot: Contender) -> Figures:
    with running(bot, throttle=(BURST, INTERVAL)) as one:
        since = len(one.ircd.heard)
        begun = one.ircd.say(b"".join(said(nick, f".bping {next(TOKENS)}") for nick in NICKS[:100]))
        behind = one.ircd.ask(b"PING :behind\r\n", b"behind")
        time.sleep(0.5)
        waits = []
        for number in range(10):
            waits.append(one.ircd.ask(f"PING :wait{number}\r\n".encode(), f"wait{number}".encode()))
            time.sleep(0.1)
        time.sleep(max(0.0, begun + WATCH - time.perf_counter()))
        spoken = [heard.line for heard in one.ircd.heard[since:] if heard.at < begun + WATCH and SPOKEN in heard.line]
    refused = sum(b"bpong" not in line for line in spoken)
    return {"wait": max(waits) * 1000, "behind": behind * 1000, "lines": len(spoken), "refused": refused}


def _floor_pong(bot: Contender) -> Figures:
    """The package's own throttle sleeps in the thread that reads, so ten lines show what it costs."""
    with running(bot, rate=2) as one:
        burst = b"".join(said(nick, f".bping {next(TOKENS)}") for nick in NICKS[:10])
        return {"ten": one.ircd.ask(burst + b"PING :behind\r\n", b"behind", 30) * 1000}


def _bping(one: Running, nick: str = NICKS[0]) -> float:
    token = next(TOKENS)
    return one.ircd.ask(said(nick, f".bping {token}"), f"bpong {token}".encode()) * 1000


def _bpings(one: Running) -> Iterator[float]:
    for nick in itertools.cycle(NICKS):
        yield _bping(one, nick)
        time.sleep(PAUSE)


def _look_at_pages(one: Running) -> None:
    """What is loaded with the first page is not growth."""
    for path in ("/", "/feed.rss") if one.web else ():
        get(one.web, path)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.floor(len(ordered) * share))]
