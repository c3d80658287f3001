"""Waits until the bot has written down all that it heard."""

import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

TABLES = ("links", "mentions", "lines")


class Stored(NamedTuple):
    """Rows by table (NaN: no such table), and when the number last changed."""

    rows: dict[str, float]
    at: float


def settle(path: Path, quiet: float = 1.0, deadline: float = 60.0) -> Stored:
    """Look until no row has come for `quiet` seconds."""
    end = time.perf_counter() + deadline
    stored = Stored(count(path), time.perf_counter())
    while (now := time.perf_counter()) < min(end, stored.at + quiet):
        time.sleep(0.02)
        rows = count(path)
        # Compared as text: NaN does not equal itself.
        if str(rows) != str(stored.rows):
            stored = Stored(rows, now)
    return stored


def count(path: Path) -> dict[str, float]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as database:
            there = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            return {name: _rows(database, name) if name in there else math.nan for name in TABLES}
    except sqlite3.OperationalError:
        return dict.fromkeys(TABLES, math.nan)


def _rows(database: sqlite3.Connection, table: str) -> float:
    return float(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
