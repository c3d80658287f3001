"""python -m benchmarks.imports: old logs into the history, a million lines of irssi's and of ZNC's, and once more.

The lines are made up: 40 nicks in one channel over some months; irssi's are one file, ZNC's a file a day. They are
kept by the bot's own code, search and counters included, in a process of its own, whose greatest memory is told. A
second time must add nothing. The floor, in the same run, reads the same file and inserts its lines into one bare table
of SQLite's in batches as large.
"""

import argparse
import json
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.oldlogs.base import Given
from chanops.services.oldlogs.importing import AT_ONCE, Import, plan
from chanops.services.search import Search

FOLDER = Path(__file__).resolve().parent.parent / "build" / "bench-imports"
BEGINNING = datetime(2023, 1, 1, tzinfo=UTC)
GOAL = 20_000  # lines a second
FORMS = ("irssi", "znc")


def said(lines: int) -> Iterator[tuple[datetime, str, str]]:
    """Lines of one channel, one in twenty seconds or so."""
    chance = random.Random(3)
    letters = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    words = ["".join(chance.choices(letters, k=chance.randint(1, 4))) for _ in range(8000)]
    nicks = [f"nick{number}" for number in range(40)]
    at = BEGINNING
    for _ in range(lines):
        at += timedelta(seconds=chance.expovariate(1 / 20))
        yield at, chance.choice(nicks), " ".join(chance.choices(words, k=chance.randint(1, 16)))


def write_irssi(folder: Path, lines: int) -> Path:
    """One file with the days in it."""
    path = folder / "libera" / "#ops.log"
    path.parent.mkdir(parents=True)
    day = None
    with path.open("w") as file:
        for at, nick, text in said(lines):
            if at.date() != day:
                day = at.date()
                file.write(f"--- Day changed {at:%a %b %d %Y}\n")
            file.write(f"{at:%H:%M} <@{nick}> {text}\n")
    return folder


def write_znc(folder: Path, lines: int) -> Path:
    """A file a day."""
    place = folder / "moddata" / "log" / "libera" / "#ops"
    place.mkdir(parents=True)
    rest = said(lines)
    day, some = None, ""
    for at, nick, text in rest:
        if day and at.date() != day:
            (place / f"{day}.log").write_text(some)
            some = ""
        day, some = at.date(), f"{some}[{at:%H:%M:%S}] <{nick}> {text}\n"
    (place / f"{day}.log").write_text(some)
    return folder


def imported(form: str, folder: Path, path: Path) -> dict[str, float]:
    """Import once, in this process."""
    database = Database(path)
    database.start()
    begun, cpu = time.perf_counter(), time.process_time()
    work = Import(database, Search(database), Settings())
    done = [work.take(each) for each in plan(form, [folder], Given(ZoneInfo("UTC"))).sources]
    figures = {
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "read": float(sum(each.read for each in done)),
        "added": float(sum(each.added for each in done)),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    database.stop()
    return figures


def floor(folder: Path, path: Path) -> float:
    """Seconds to put the same lines into one bare table."""
    begun = time.perf_counter()
    numbers = iter(range(1 << 62))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        for file in sorted(folder.rglob("*.log")):
            with file.open() as lines:
                while batch := list(islice(lines, AT_ONCE)):
                    connection.execute("BEGIN")
                    connection.executemany("INSERT INTO bare VALUES (?, ?)", zip(numbers, batch, strict=False))
                    connection.execute("COMMIT")
    return time.perf_counter() - begun


def main() -> int:
    """The figures; 1 where a second time adds something."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("forms", nargs="*", default=FORMS, help=", ".join(FORMS))
    given.add_argument("--lines", type=int, default=1_000_000)
    given.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = given.parse_args()
    if options.one:
        form, folder, path = options.one
        print(json.dumps(imported(form, Path(folder), Path(path))))
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    right = True
    for form in options.forms:
        folder = FOLDER / form
        folder.mkdir(parents=True, mode=0o700)
        (write_irssi if form == "irssi" else write_znc)(folder / "logs", options.lines)
        bare = options.lines / floor(folder / "logs", folder / "bare.db")
        print(f"{form}: {options.lines:,} lines; into one bare table {bare:,.0f}/s")
        for what, expected in (("first time", options.lines), ("once more", 0)):
            words = [
                sys.executable,
                "-m",
                "benchmarks.imports",
                "--one",
                form,
                folder / "logs",
                folder / "data" / "chanops.db",
            ]
            done = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
            rate = done["read"] / done["seconds"]
            good = done["added"] == expected
            right = right and good
            print(
                f"  {what}: {rate:,.0f}/s (goal {GOAL:,}: {'yes' if rate >= GOAL else 'NO'}),"
                f" {done['cpu'] / done['read'] * 1e6:.0f} µs of CPU a line, {done['seconds']:.0f} s,"
                f" {done['peak']:.0f} MB at most, added {done['added']:,.0f} ({'right' if good else 'WRONG'})"
            )
    shutil.rmtree(FOLDER)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
