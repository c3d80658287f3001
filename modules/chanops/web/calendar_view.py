"""The calendar of a log: the months of a year, and how much was said on each day."""

import calendar
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chanops.services.reading import Day

LEVELS = 5
WEEKDAYS = [(name, name[:2]) for name in calendar.day_name]


@dataclass(frozen=True)
class Cell:
    """A day of a month; level 0 to 5, and what that means in words, "" where there is nothing to see."""

    day: date
    level: int = 0
    text: str = ""


@dataclass(frozen=True)
class Month:
    """A month as weeks from Monday on; None where a day belongs to another."""

    name: str
    weeks: Sequence[Sequence[Cell | None]]


@dataclass(frozen=True)
class Year:
    """A year, newest month first."""

    number: int
    months: Sequence[Month]


@dataclass(frozen=True)
class Total:
    """A year in one line."""

    number: int
    days: int
    spoken: int


def totals(days: Sequence[Day]) -> list[Total]:
    """All years in which there is something, newest first."""
    found = defaultdict[int, list[Day]](list)
    for each in days:
        found[each.day.year].append(each)
    return [Total(year, len(found[year]), sum(day.spoken for day in found[year])) for year in sorted(found)[::-1]]


def year_of(number: int, days: Sequence[Day]) -> Year:
    """One year of them; only the months in which there is something."""
    most = max((each.spoken for each in days), default=0)
    found = {each.day: each for each in days if each.day.year == number}
    months = sorted({each.month for each in found}, reverse=True)
    return Year(number, [month_of(number, month, found, most) for month in months])


def month_of(year: int, month: int, days: dict[date, Day], most: int) -> Month:
    """One month."""
    first, count = calendar.monthrange(year, month)
    cells: list[Cell | None] = [None] * first
    cells += [cell_of(date(year, month, day), days, most) for day in range(1, count + 1)]
    cells += [None] * (-len(cells) % 7)
    return Month(calendar.month_name[month], [cells[at : at + 7] for at in range(0, len(cells), 7)])


def cell_of(day: date, days: dict[date, Day], most: int) -> Cell:
    """One day."""
    found = days.get(day)
    if found is None:
        return Cell(day)
    what = amount(found.spoken, "line") if found.spoken else amount(found.events, "event")
    return Cell(day, level_of(found.spoken, most), what)


def level_of(spoken: int, most: int) -> int:
    """How much that is, 0 to 5: each step is some times the one before, since one day may be far above all others."""
    return math.ceil(LEVELS * math.log1p(spoken) / math.log1p(most)) if spoken else 0


def amount(count: int, what: str) -> str:
    """1 line, 2 lines, 1,200 lines."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
