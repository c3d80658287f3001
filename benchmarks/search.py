"""python -m benchmarks.search: search in the channels' log, beside ripgrep over channel-day files of the same lines.

The lines are made up: words by Zipf's law, 200 nicks, 20 channels, addresses, commands, colours, emoji; a million are
three years. They are kept by the bot's own code, in batches of a thousand, and so the rate of that and the size of the
file are measured too. Then 100 words of all frequencies, phrases, pairs and beginnings are looked for, with what makes
ready the 50 lines that a page shows. Every ratio compares the best of several times in the same run, all cached.
"""

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from statistics import median

from chanops.core.message import Message
from chanops.core.query import read
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import EVERYBODY, Visibility

WORDS = Path("/usr/share/dict/words")
FOLDER = Path(__file__).resolve().parent.parent / "build" / "bench-search"
YEARS, BEGINNING = 3, datetime(2011, 1, 1, tzinfo=UTC)
BATCH, TIMES, RG_TIMES = 1000, 15, 3
NETWORK = "libera"
SAMPLED = 100
EMOJI, COLOURS = ("🎉", "🚀", "👍", "🔥"), ("\x0304{}\x03", "\x02{}\x02", "\x1d{}\x0f")
GROWTH = {"word": ", goal <= 2", "phrase": ", goal <= 4"}
HEADS = ("deploy of", "restarted", "see", "ok,", "why is", "load on")


@dataclass
class Corpus:
    """Lines made up anew from the same seed, and what is known of them."""

    lines: int
    words: list[str] = field(default_factory=list)
    bytes: int = 0

    def __post_init__(self) -> None:
        listed = WORDS.read_text().split() if WORDS.exists() else []
        found = [each for each in listed if each.isascii() and each.isalpha()]
        chance = random.Random(7)
        syllables = [a + b for a in "bcdfghjklmnprstvw" for b in "aeiou"]
        while len(found) < 60_000:
            found.append("".join(chance.choices(syllables, k=chance.randint(1, 5))))
        chance.shuffle(found)
        self.words = list(dict.fromkeys(["the", "of", "to", "and", "is", *(each.lower() for each in found)]))[:60_000]

    def __iter__(self) -> Iterator[Message]:
        chance = random.Random(11)
        weights = list(accumulate(1 / (rank + 2.7) ** 1.05 for rank in range(len(self.words))))
        nicks, at = [f"nick{number}" for number in range(200)], BEGINNING
        nick_weights = list(accumulate(1 / (rank + 3) for rank in range(200)))
        rooms = [f"#room{number}" for number in range(20)]
        room_weights = list(accumulate(1 / (rank + 1) for rank in range(20)))
        apart = YEARS * 365 * 86400 / 1_000_000
        for _ in range(self.lines):
            at += timedelta(milliseconds=int(chance.expovariate(1 / apart) * 1000))
            count = min(60, 3 + int(chance.expovariate(1 / 5.2)))
            text = self.decorated(" ".join(chance.choices(self.words, cum_weights=weights, k=count)), chance)
            nick = chance.choices(nicks, cum_weights=nick_weights)[0]
            room = chance.choices(rooms, cum_weights=room_weights)[0]
            yield Message(NETWORK, "message", nick, "", room, text, at, text)

    def decorated(self, text: str, chance: random.Random) -> str:
        kind = chance.random()
        if kind < 0.03:
            host, path = chance.choice(self.words), chance.choice(self.words)
            return f"{text} https://{host}.example.com/{path}/{chance.randrange(9999)}"
        if kind < 0.06:
            return f".run web{chance.randrange(40):02d} {text}"
        if kind < 0.1:
            version = f"v1.{chance.randrange(30)}.{chance.randrange(9)}"
            return f"{chance.choice(HEADS)} web{chance.randrange(40):02d} {version} {text}"
        if kind < 0.13:
            return f"{chance.choice(COLOURS).format(text[:20])}{text[20:]}"
        return f"{text} {chance.choice(EMOJI)}" if kind < 0.15 else text


class Files:
    """The same lines as a file for each day of each channel."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.day = folder, BEGINNING.date()
        self.open: dict[str, list[str]] = {}

    def add(self, said: Message) -> None:
        if said.at.date() != self.day:
            self.flush()
            self.day = said.at.date()
        self.open.setdefault(said.channel, []).append(f"[{said.at:%H:%M:%S}] <{said.nick}> {said.text}\n")

    def flush(self) -> None:
        for channel, lines in self.open.items():
            path = self.folder / channel / f"{self.day}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines))
        self.open = {}


@dataclass(frozen=True)
class Built:
    """What was measured while the log was filled."""

    rate: float
    size: float
    mean: float


def fill(corpus: Corpus, folder: Path, database: Database, search: Search) -> Built:
    """Keep all lines, and write them to files."""
    history, files = History(database, Settings, search), Files(folder / "files")
    seconds, raw, said = 0.0, 0, iter(corpus)
    while batch := list(islice(said, BATCH)):
        raw += sum(len(each.text.encode()) for each in batch)
        for each in batch:
            files.add(each)
        began = time.perf_counter()
        database.wait(lambda connection, batch=batch: history.keep_new(connection, batch))
        seconds += time.perf_counter() - began
    files.flush()
    with database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Built(corpus.lines / seconds, database.path.stat().st_size / raw, raw / corpus.lines)


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    database = Database(folder / "data" / "chanops.db")
    database.start()
    try:
        yield database
    finally:
        database.stop()


def best(work: Callable[[], object], times: int) -> float:
    """Milliseconds, the best of several times."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found) * 1000


def rg(words: str, folder: Path) -> float:
    """Milliseconds of ripgrep."""
    command = ["rg", "--fixed-strings", "--no-filename", "--", words, str(folder)]
    return best(lambda: subprocess.run(command, stdout=subprocess.PIPE, check=False), RG_TIMES)


def sampled(corpus: Corpus) -> dict[str, list[str]]:
    """What is looked for, by kind; the words from the most common to the rarest, evenly on a logarithmic scale."""
    chance = random.Random(3)
    ranks = sorted({int(len(corpus.words) ** (place / (SAMPLED + 20))) for place in range(SAMPLED + 20)})
    more = chance.sample(range(len(corpus.words)), SAMPLED)
    words = [corpus.words[rank - 1] for rank in list(dict.fromkeys([*ranks, *more]))[:SAMPLED]]
    common, rare = words[:20], words[40:]
    return {
        "word": words,
        "phrase": ['"of the"', '"restarted web07"', "v1.2.3", f'"{common[3]} {common[9]}"', f'"the {rare[0]}"'],
        "two words": [f"{chance.choice(common)} {chance.choice(rare)}" for _ in range(8)] + ["the of"],
        "beginning": [f"{each[:4]}*" for each in rare[:8]],
        "nick and word": [f"nick:nick{number} {chance.choice(common)}" for number in (0, 20, 199)],
        "channel and word": [f"channel:#room{number} {chance.choice(common)}" for number in (0, 7, 19)],
        "without": [f"{common[2]} -the -of", f"{common[5]} -the"],
        "before": ["the before:2011-06", f"{rare[3]} before:2012"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000], help="how many, such as 1000000 5000000")
    arguments = parser.parse_args()
    if not shutil.which("rg"):
        print("no rg here: apt-get install ripgrep", file=sys.stderr)
        return 2
    latencies: dict[str, list[float]] = {}
    for lines in arguments.lines:
        for kind, latency in measured(lines).items():
            latencies.setdefault(kind, []).append(latency)
    for kind, found in latencies.items():
        if len(found) > 1:
            sizes = f"{arguments.lines[-1]:,} lines / at {arguments.lines[0]:,}"
            print(f"{kind:18} worst at {sizes}: {found[-1] / found[0]:.2f} x{GROWTH.get(kind, '')}")
    return 0


def measured(lines: int) -> dict[str, float]:
    """Everything at one size; the worst latencies by kind."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    corpus, worst = Corpus(lines), {}
    with opened(FOLDER) as database:
        built = fill(corpus, FOLDER, database, Search(database))
    with opened(FOLDER) as database:  # as a bot that was started since
        search = Search(database)
        print(f"{lines:,} lines of {built.mean:.1f} bytes: {built.rate:,.0f} lines/s kept, goal >= 20,000;")
        print(f"{'':8} the database is {built.size:.2f} x the text, goal <= 3.0")
        seen = Visibility(Reading(database), Settings).channels(EVERYBODY)
        print(f"{'':18}{'best ms':>9}{'median':>9}{'worst':>9}{'hits':>6}   rg ms   lowest ratio")
        for kind, queries in sampled(corpus).items():
            asked = [read(each) for each in queries]
            search.find(asked[0], seen)
            times = [best(lambda each=each: search.find(each, seen), TIMES) for each in asked]
            hits = median(len(search.find(each, seen).lines) for each in asked)
            line = f"{kind:18}{min(times):9.3f}{median(times):9.3f}{max(times):9.3f}{hits:6.0f}"
            if kind in ("word", "phrase"):
                peers = [rg(each.strip('"'), FOLDER / "files") for each in queries]
                ratios = [theirs / ours for theirs, ours in zip(peers, times, strict=True)]
                goal = ", goal >= 300" if kind == "word" else ""
                line += f"{median(peers):8.1f}   {min(ratios):.0f} x{goal}"
            print(line, flush=True)
            worst[kind] = max(times)
    return worst


if __name__ == "__main__":
    sys.exit(main())
