"""What the kernel knows of a process: its time and its memory."""

import os
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """In MB."""

    rss: float
    pss: float
    peak: float


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads; it comes in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> Memory:
    shared = _kilobytes(f"/proc/{pid}/smaps_rollup")
    status = _kilobytes(f"/proc/{pid}/status")
    return Memory(status["VmRSS"] / 1000, shared["Pss"] / 1000, status["VmHWM"] / 1000)


def _kilobytes(path: str) -> dict[str, float]:
    words = (line.split() for line in Path(path).read_text().splitlines())
    return {word[0].rstrip(":"): float(word[1]) * 1.024 for word in words if word[-1] == "kB"}
