"""The figures side by side, and which goals they meet."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.chat import Figures

# By measure and bot: the figures of each round, None for a round that failed.
Results = dict[tuple[str, str], list[Figures | None]]
FLOOR, BOT = "floor", "chanops"


@dataclass(frozen=True)
class Row:
    """A figure; what is held to the goal is its ratio to the floor's, its excess over it, or itself."""

    key: str
    label: str
    by: str = ""
    at_least: float = -math.inf
    at_most: float = math.inf


ROWS = {
    "lines": (
        Row("rate", "lines/s", "ratio", at_least=1.0),
        Row("cpu", "CPU µs/line, storing included", "ratio"),
        Row("late", "last link stored after the answer, ms"),
        Row("stored links", "distinct links stored"),
        Row("missing links", "  mentions missing", "figure", at_most=0),
        Row("stored mentions", "repeats of them noted"),
        Row("missing mentions", "  mentions missing", "figure", at_most=0),
        Row("stored lines", "lines stored"),
        Row("rss before", "RSS before, pages served, MB"),
        Row("rss after", "RSS after, pages served, MB", "figure", at_most=60),
        Row("rss growth", "  growth, MB", "figure", at_most=5),
        Row("rss peak", "  peak, MB"),
        Row("pss after", "PSS after, MB"),
    ),
    "reply": (
        Row("p50", "p50 ms", "ratio", at_most=3.0),
        Row("p99", "p99 ms", "excess", at_most=3.0),
    ),
    "pong": (
        Row("wait", "PONG with answers waiting, ms", "figure", at_most=50),
        Row("behind", "PONG right behind 100 commands, ms"),
        Row("lines", "lines said in 5 s (5, then 2/s)", "figure", at_least=13, at_most=16),
        Row("refused", "  of them other than the answer"),
        Row("ten", "behind 10 commands, package's throttle, ms"),
    ),
    "slow": (
        Row("alone p50", "p50 ms without the slow command"),
        Row("beside p50", "p50 ms beside it"),
        Row("ratio p50", "  beside / without"),
        Row("alone p99", "p99 ms without the slow command"),
        Row("beside p99", "p99 ms beside it"),
        Row("ratio p99", "  beside / without", "figure", at_most=2.0),
        Row("overlap", "  slow one still ran for, s"),
    ),
    "start": (
        Row("again", "start to JOIN, ms", "ratio", at_most=3.0),
        Row("first", "very first start (warm-up), ms"),
    ),
    "feed": (
        Row("items", "items in the feed"),
        Row("kilobytes", "size, kB"),
        Row("plain 1 rate", "req/s, 1 connection", "ratio"),
        Row("plain 1 cpu", "  CPU µs/request", "ratio"),
        Row("plain 8 rate", "req/s, 8 connections", "ratio"),
        Row("plain 8 cpu", "  CPU µs/request", "ratio"),
        Row("known 1 rate", "304/s, 1 connection", "ratio"),
        Row("known 1 cpu", "  CPU µs/request", "ratio"),
        Row("known 8 rate", "304/s, 8 connections", "ratio"),
        Row("known 8 cpu", "  CPU µs/request", "ratio"),
        Row("wrk 8 rate", "req/s, 8 connections, wrk", "ratio"),
    ),
}
SIGNS = {"ratio": " x", "excess": " more", "figure": ""}


def table(results: Results) -> str:
    lines = [f"{'':44}{FLOOR:>10}{BOT:>10}  {'compared (lowest to highest)':34}{'goal':11}met"]
    for name, rows in ROWS.items():
        floor, bot = results.get((name, FLOOR), []), results.get((name, BOT), [])
        if body := [line for row in rows if (line := _line(row, floor, bot))]:
            lines += ["", name, *body]
    return "\n".join(lines)


def _line(row: Row, floor: list[Figures | None], bot: list[Figures | None]) -> str:
    theirs, ours = _known(row.key, floor), _known(row.key, bot)
    if not theirs and not ours:
        return ""
    compared = _compared(row, floor, bot)
    goal, met = _goal(row, compared)
    spread = ""
    if compared:
        spread = f"{_median(compared)}{SIGNS[row.by]} ({_plain(min(compared))} to {_plain(max(compared))})"
    return f"  {row.label:42}{_median(theirs):>10}{_median(ours):>10}  {spread:34}{goal:11}{met}".rstrip()


def _known(key: str, rounds: Iterable[Figures | None]) -> list[float]:
    values = (figures.get(key, math.nan) for figures in rounds if figures)
    return [value for value in values if not math.isnan(value)]


def _compared(row: Row, floor: list[Figures | None], bot: list[Figures | None]) -> list[float]:
    """One value for each round in which both have one: only within a round do they meet the same machine."""
    if not row.by:
        return []
    if row.by == "figure":
        return _known(row.key, bot)
    rounds = [_known(row.key, pair) for pair in zip(bot, floor, strict=False)]
    both = [(pair[0], pair[1]) for pair in rounds if len(pair) == 2]
    return [ours / theirs if row.by == "ratio" else ours - theirs for ours, theirs in both]


def _goal(row: Row, compared: list[float]) -> tuple[str, str]:
    """The goal in words, and whether the median meets it."""
    if math.isinf(row.at_least) and math.isinf(row.at_most):
        return "", ""
    goal = f"<= {row.at_most:g}" if math.isinf(row.at_least) else f">= {row.at_least:g}"
    if math.isfinite(row.at_least) and math.isfinite(row.at_most):
        goal = f"{row.at_least:g} to {row.at_most:g}"
    met = "yes" if compared and row.at_least <= median(compared) <= row.at_most else "NO"
    return goal + SIGNS[row.by], met if compared else "not measured"


def _median(values: list[float]) -> str:
    return _plain(median(values)) if values else "-"


def _plain(value: float) -> str:
    """Three digits that count, and no 1e+05."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
