"""Measures the floor and the bot in turn, round after round, and prints what came of it."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import chat, pages
from benchmarks.bots import Contender, Plan
from benchmarks.chat import Figures
from benchmarks.ircd import CAPS, BotError
from benchmarks.table import BOT, FLOOR, Results, table

MEASURES: dict[str, Callable[[Contender, Plan], Figures]] = {
    "lines": chat.lines,
    "reply": chat.reply,
    "pong": chat.pong,
    "slow": chat.slow,
    "start": chat.start,
    "feed": pages.feed,
}


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    # Only an exception ends the blocks that own the children.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    caps = "" if args.no_caps else CAPS
    contenders = [Contender(FLOOR, caps=caps)]
    if args.bot != "none":
        contenders.insert(0, Contender(BOT, args.bot, caps))
    results: Results = {}
    try:
        _run(results, args.names or list(MEASURES), contenders, args.rounds, Plan(args.lines))
    except KeyboardInterrupt:
        print("stopped; what was measured so far:", file=sys.stderr)
    print(table(results))
    if args.json:
        args.json.write_text(json.dumps([[*key, rounds] for key, rounds in results.items()], indent=1))
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument(
        "--bot",
        default=f"{sys.executable} bot.py --config {{config}} run",
        help='the command, with {config} for its file; "none": the floor alone; default: %(default)s',
    )
    parser.add_argument("--lines", type=int, default=100_000, help="lines in the flood (default 100000)")
    parser.add_argument("--no-caps", action="store_true", help="a server that knows no CAP")
    parser.add_argument("--json", type=Path, help="write the figures of every round to this file")
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(MEASURES):
        parser.error(f"no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    return args


def _run(results: Results, names: list[str], contenders: list[Contender], rounds: int, plan: Plan) -> None:
    for number in range(rounds):
        # The order changes each round, so that neither always runs on the warmer machine.
        order = contenders if number % 2 == 0 else contenders[::-1]
        for name in names:
            for bot in order:
                print(f"round {number + 1}/{rounds}: {name}, {bot.name}", file=sys.stderr)
                results.setdefault((name, bot.name), []).append(_figures(name, bot, plan))


def _figures(name: str, bot: Contender, plan: Plan) -> Figures | None:
    try:
        return MEASURES[name](bot, plan)
    except (BotError, OSError) as error:
        print(f"  {name}, {bot.name}: {error}", file=sys.stderr)
        return None
