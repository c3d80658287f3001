"""The times of a log: local, without a zone, sometimes without a day, and twice a year not what they seem."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from chanops.services.oldlogs.base import Tally
from chanops.services.tables import stamp

# As C names them, and where other languages' first three letters are others.
MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10}
MONTHS |= {
    "nov": 11,
    "dec": 12,
    "mär": 3,
    "mrz": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
    "fév": 2,
    "avr": 4,
    "aoû": 8,
    "déc": 12,
}


class Clock:
    """Turns what a log says into moments; knows the day it is at, and the last moment it told."""

    def __init__(self, zone: ZoneInfo, tally: Tally, day: date | None = None) -> None:
        self.zone, self.tally, self.day = zone, tally, day
        self.last = -(1 << 62)
        # By day, then by hour: where that hour begins; None where the clocks are set within it.
        self.hours: dict[tuple[date, int], int | None] = {}

    def at(self, hour: int, minute: int, second: int = 0) -> int | None:
        """The moment of a time on the present day; None where there is no such time, or no day is known."""
        if self.day is None or hour > 23 or minute > 59 or second > 60:
            return None
        try:
            self.last = self.moment(self.day, hour, minute, min(second, 59))  # 60 is a leap second
        except OverflowError:  # the first and last day of the calendar, where another zone has none
            return None
        return self.last

    def moment(self, day: date, hour: int, minute: int, second: int) -> int:
        """The moment of a time; an hour is looked up once. Raises OverflowError."""
        known = day, hour
        if known not in self.hours:
            if len(self.hours) > 100:
                self.hours.clear()
            self.hours[known] = self.plain_hour(*known)
        start = self.hours[known]
        if start is None:
            return self.careful(datetime(day.year, day.month, day.day, hour, minute, second))
        return start + (minute * 60 + second) * 1000

    def plain_hour(self, day: date, hour: int) -> int | None:
        """Where an hour begins, unless something is done to the clocks in it."""
        start = datetime(day.year, day.month, day.day, hour, tzinfo=self.zone)
        offsets = {
            each.replace(fold=fold).utcoffset()
            for each in (start, start.replace(minute=59, second=59))
            for fold in (0, 1)
        }
        return utc(start) if len(offsets) == 1 else None

    def careful(self, local: datetime) -> int:
        """The moment of a time that may be there twice, or never; what comes later in a log was later."""
        first, second = (utc(local.replace(tzinfo=self.zone, fold=fold)) for fold in (0, 1))
        if first < second:
            self.tally.twice += 1
            # Within a minute or so, since two of one minute may come in any order.
            return first if first >= self.last - 60_000 else second
        self.tally.never += first > second
        return first

    def exactly(self, year: int, month: int, day: int) -> bool:
        """It is this day now; False where there is no such day."""
        try:
            self.day = date(year, month, day)
        except ValueError:
            self.day = None
        return self.day is not None

    def named(self, month: str, day: str, year: str) -> bool:
        """It is a day now that is named as by asctime; False where that is not understood."""
        return self.exactly(int(year), MONTHS.get(month[:3].lower()) or small(month), small(day))

    def roll(self, hour: int) -> None:
        """The next day has begun, where a log says nothing of it but the time begins anew."""
        if self.day and self.last > 0:
            before = datetime.fromtimestamp(self.last / 1000, self.zone)
            if before.date() == self.day < date.max and before.hour - hour >= 12:
                self.day += timedelta(days=1)


def small(text: str) -> int:
    """The number of a day or month; 0 where it is none of either."""
    return int(text) if text.isdecimal() and len(text) <= 2 else 0


def utc(at: datetime) -> int:
    """A moment as the tables hold it."""
    return stamp(at.astimezone(UTC))
