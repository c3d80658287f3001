"""python -m benchmarks.log: the log while the channel talks, and while many read along.

The bot hears a steady thousand lines a second, then ten thousand at once; each line has its number, and whoever looks
into the database's file sees when it is there for good (each commit is synced before it is to be seen). Then 300 people
have today's page open, and somebody asks for the feed meanwhile; at last the bot is told to stop. The floor, in the
same run: commits of bare SQLite with as many lines, one after the other, on the same disk.
"""

import argparse
import os
import selectors
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from benchmarks.bots import Contender, Running, get, running
from benchmarks.procfs import cpu_seconds, memory
from benchmarks.traffic import NICKS, said

CHANOPS = Contender("chanops", f"{sys.executable} bot.py --config {{config}} run")
A_SECOND, BURST, READERS = 1000, 10_000, 300
TICK = 0.005
HEAD = "GET /log/bench/%23ops/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
PATIENCE = 20.0


class Watch:
    """Looks into the database every millisecond or two: which line is the last there?"""

    def __init__(self, path: Path) -> None:
        self.path, self.seen, self.over = path, [(0.0, -1)], False
        self.thread = threading.Thread(target=self.look, daemon=True)

    def look(self) -> None:
        with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            while not self.over:
                row = database.execute("SELECT text FROM lines ORDER BY id DESC LIMIT 1").fetchone()
                number = int(row[0].split()[1]) if row and row[0].startswith("line ") else -1
                if number > self.seen[-1][1]:
                    self.seen.append((time.perf_counter(), number))
                time.sleep(0.001)

    def wait(self, number: int) -> None:
        """Until a line is there."""
        end = time.perf_counter() + PATIENCE
        while self.seen[-1][1] < number and time.perf_counter() < end:
            time.sleep(0.01)

    def delays(self, sent: Sequence[float], first: int) -> list[float]:
        """Milliseconds from a line's sending until it was there, for lines from the first on."""
        found, place = [], 0
        for number, at in enumerate(sent, first):
            while place < len(self.seen) and self.seen[place][1] < number:
                place += 1
            found.append((self.seen[place][0] - at) * 1000 if place < len(self.seen) else float("inf"))
        return found


@contextmanager
def watched(path: Path) -> Iterator[Watch]:
    watch = Watch(path)
    watch.thread.start()
    try:
        yield watch
    finally:
        watch.over = True
        watch.thread.join()


def lines(first: int, count: int) -> bytes:
    return b"".join(
        said(NICKS[each % len(NICKS)], f"line {each} of what the channel says") for each in range(first, first + count)
    )


def steady(one: Running, watch: Watch, seconds: float, rows: list[float]) -> tuple[list[float], int]:
    """A thousand lines a second; the delays, and how many were said. Memory is noted each second."""
    sent: list[float] = []
    begin = time.perf_counter()
    some = int(A_SECOND * TICK)
    while (now := time.perf_counter()) < begin + seconds:
        due = begin + len(sent) / A_SECOND
        if now < due:
            time.sleep(due - now)
        sent += [one.ircd.say(lines(len(sent), some))] * some
        if len(sent) % A_SECOND == 0:
            rows.append(memory(one.pid).rss)
    watch.wait(len(sent) - 1)
    return watch.delays(sent, 0), len(sent)


def count(path: Path) -> int:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(DISTINCT text) FROM lines WHERE text LIKE 'line %'").fetchone()[0])


def floor(seconds: float = 3.0) -> list[float]:
    """Milliseconds of bare commits with as many lines as come in the time that the bot gathers them."""
    found = []
    with TemporaryDirectory(prefix="bench-") as folder, closing(sqlite3.connect(Path(folder, "floor.db"))) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, at INTEGER, nick TEXT, text TEXT)")
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            with database:
                rows = [(int(began), "nick", f"line {each} of what the channel says") for each in range(30)]
                database.executemany("INSERT INTO lines (at, nick, text) VALUES (?, ?, ?)", rows)
            found.append((time.perf_counter() - began) * 1000)
    return found


class Readers:
    """Open streams, read by one thread."""

    def __init__(self, port: int, how_many: int) -> None:
        self.selector, self.over = selectors.DefaultSelector(), False
        self.came: list[tuple[float, bytes]] = []
        for _ in range(how_many):
            each = socket.create_connection(("127.0.0.1", port))
            each.sendall(HEAD.format(port=port).encode())
            self.selector.register(each, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        while not self.over and self.selector.get_map():
            for key, _ in self.selector.select(0.1):
                stream = key.fileobj
                assert isinstance(stream, socket.socket)
                data = stream.recv(1 << 16)
                self.came.append((time.perf_counter(), data))
                if not data:
                    self.selector.unregister(stream)
                    stream.close()

    def wait(self, enough: Callable[[], bool]) -> bool:
        end = time.perf_counter() + PATIENCE
        while not enough():
            if time.perf_counter() > end:
                return False
            time.sleep(0.005)
        return True

    def times(self, word: bytes) -> list[float]:
        return [at for at, data in list(self.came) if word in data]


def read_along(one: Running, first: int) -> None:
    """300 readers: what they cost, how late a line reaches them, how late the feed is, how soon the bot stops."""
    before = memory(one.pid).rss
    get(one.web, "/feed.rss")
    readers = Readers(one.web, READERS)
    opened = readers.wait(lambda: len(readers.times(b"event: day")) >= READERS)
    assert opened, f"not all streams were opened: {readers.came[:3]}"
    delays, last, feed = [], [], []
    for number in range(first, first + 40):
        at = one.ircd.say(lines(number, 1))
        began = time.perf_counter()
        get(one.web, "/feed.rss")
        feed.append((time.perf_counter() - began) * 1000)
        word = b"line %d of" % number
        assert readers.wait(lambda word=word: len(readers.times(word)) >= READERS), "a line did not come to all"
        came = readers.times(word)
        delays += [(each - at) * 1000 for each in came]
        last.append((max(came) - at) * 1000)
        readers.came.clear()
    print(f"{READERS} readers: {memory(one.pid).rss - before:+.1f} MB, goal +20;")
    print(f"    a line reaches them in {spread(delays)} ms, the last of them in {median(last):.0f} ms, goal 1,000;")
    print(f"    /feed.rss meanwhile in {spread(feed)} ms, goal 50")
    began = time.perf_counter()
    os.kill(one.pid, signal.SIGTERM)
    while alive(one.pid) and time.perf_counter() < began + PATIENCE:
        time.sleep(0.005)
    print(f"    stopped with them in {time.perf_counter() - began:.2f} s, goal 3")
    readers.over = True
    readers.thread.join()


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def spread(delays: Sequence[float]) -> str:
    cuts = quantiles(delays, n=100)
    return f"{cuts[49]:.1f} (p50), {cuts[98]:.1f} (p99), {max(delays):.1f} (worst)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long a thousand lines a second are said")
    arguments = parser.parse_args()
    rows: list[float] = []
    bare = floor()
    print(f"bare SQLite, 30 lines a commit: {spread(bare)} ms")
    with running(CHANOPS) as one:
        one.ircd.say(said(NICKS[0], "nothing yet"))
        with watched(one.database) as watch:
            cpu = cpu_seconds(one.pid)
            delays, total = steady(one, watch, arguments.seconds, rows)
            cpu = cpu_seconds(one.pid) - cpu
            ratio = quantiles(delays, n=100)[98] / quantiles(bare, n=100)[98]
            print(f"{A_SECOND:,} lines/s for {arguments.seconds:g} s: on disk in {spread(delays)} ms, goal p99 250 ms;")
            print(f"    {ratio:.1f} x the p99 of a bare commit; {cpu / total * 1e6:.0f} µs of CPU a line;")
            settled = rows[len(rows) // 10]
            print(f"    memory after a tenth of it {settled:.1f} MB, at its end {rows[-1]:.1f} MB")
            began = one.ircd.flood(lines(total, BURST))
            watch.wait(total + BURST - 1)
            took = watch.delays([began] * BURST, total)
            print(f"a burst of {BURST:,}: all on disk after {max(took):.0f} ms; {memory(one.pid).rss:.1f} MB")
            missing = total + BURST - count(one.database)
            print(f"    missing of {total + BURST:,} lines: {missing}")
            read_along(one, total + BURST)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
