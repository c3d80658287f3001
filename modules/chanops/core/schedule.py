"""When something is to run: intervals, times of day and crontab expressions, in a named zone."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from chanops.core.errors import Problem
from chanops.core.words import duration

T = TypeVar("T")
SHORTEST = timedelta(seconds=1)
TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]\Z")
START_OF_TIME = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Schedule:
    """Either an interval or a crontab expression of five fields; `zone` "" is the bot's own."""

    text: str
    interval: timedelta = timedelta()
    expression: str = ""
    zone: str = ""

    @staticmethod
    def every(interval: str) -> "Schedule":
        """@every("10m")."""
        try:
            length = duration(interval)
        except Problem as problem:
            raise Problem(f"@every({interval!r}): must be {problem}") from None
        if length < SHORTEST:
            raise Problem(f"@every({interval!r}): must be at least 1s")
        return Schedule(f"every {interval}", interval=length)

    @staticmethod
    def daily(time: str, zone: str = "") -> "Schedule":
        """@daily("09:00")."""
        if not TIME_OF_DAY.match(time):
            raise Problem(f"@daily({time!r}): must be a time of day such as 09:00")
        hour, _, minute = time.partition(":")
        schedule = Schedule.cron(f"{int(minute)} {int(hour)} * * *", zone, shown=f"@daily({time!r})")
        return Schedule(f"daily at {time}", expression=schedule.expression, zone=zone)

    @staticmethod
    def cron(expression: str, zone: str = "", shown: str = "") -> "Schedule":
        """@cron("*/15 9-17 * * 1-5"), as Debian's cron reads it."""
        shown = shown or f"@cron({expression!r})"
        if len(expression.split()) != 5:
            raise Problem(f"{shown}: must have five fields: minute, hour, day of the month, month, day of the week")
        try:
            next(CronSim(expression, START_OF_TIME))
        except (CronSimError, ValueError) as error:
            raise Problem(f"{shown}: {str(error).lower()}; a right one is '*/15 9-17 * * 1-5'") from None
        except StopIteration:
            raise Problem(f"{shown}: there is no such day") from None
        return Schedule(f"cron {expression}", expression=expression, zone=checked_zone(zone, shown))

    def after(self, moment: datetime, zone: str) -> datetime:
        """The next time after an aware moment, in UTC; `zone` where the schedule names none.

        Where clocks go forward, what fell into the gap runs once, just after it; where they go back, what
        falls into the doubled hour runs once.
        """
        if self.interval:
            return moment + self.interval
        runs = CronSim(self.expression, moment.astimezone(ZoneInfo(self.zone or zone)))
        # In the second of the doubled hours, the next time by the wall's clock may be one of the first.
        return next(run for run in (each.astimezone(UTC) for each in runs) if run > moment)


def checked_zone(zone: str, shown: str) -> str:
    """The zone, if there is one of that name."""
    try:
        ZoneInfo(zone or "UTC")
    except (KeyError, ValueError, OSError):
        raise Problem(f"{shown}: there is no time zone {zone!r}; one is called Europe/Paris") from None
    return zone


@dataclass
class Agenda(Generic[T]):
    """What is due and when, in wall time; a clock set back never makes anything run twice."""

    zone: str
    entries: list[tuple[datetime, int, Schedule, T]] = field(default_factory=list)
    order: "count[int]" = field(default_factory=count)

    def add(self, schedule: Schedule, what: T, now: datetime) -> None:
        """Take something in; it first runs at the next time after now."""
        heappush(self.entries, (schedule.after(now, self.zone), next(self.order), schedule, what))

    def due(self, now: datetime) -> list[T]:
        """What has become due. What was missed (the machine slept, the clock jumped) runs once, not many times."""
        ready: list[T] = []
        while self.entries and self.entries[0][0] <= now:
            _, _, schedule, what = heappop(self.entries)
            ready.append(what)
            self.add(schedule, what, now)
        return ready

    def wait(self, now: datetime) -> float:
        """Seconds until something is due."""
        return max(0.0, (self.entries[0][0] - now).total_seconds()) if self.entries else 3600.0
