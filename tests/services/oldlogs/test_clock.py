"""Local times become moments, also twice a year."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chanops.services.oldlogs.base import Tally
from chanops.services.oldlogs.clock import Clock
from chanops.services.tables import moment, stamp

BERLIN = ZoneInfo("Europe/Berlin")
FALL, SPRING = date(2026, 10, 25), date(2026, 3, 29)


def told(clock, *times):
    return [f"{moment(clock.at(*time)):%H:%M}" for time in times]


def test_a_local_time_becomes_utc():
    assert told(Clock(BERLIN, Tally(), date(2026, 11, 21)), (12, 0)) == ["11:00"]
    assert told(Clock(BERLIN, Tally(), date(2026, 7, 21)), (12, 0)) == ["10:00"]


def test_the_hour_that_is_there_twice_is_told_in_the_logs_order():
    tally = Tally()
    clock = Clock(BERLIN, tally, FALL)
    times = [(1, 59), (2, 0), (2, 30), (2, 30), (2, 59), (2, 0), (2, 30), (2, 59), (3, 0)]
    assert told(clock, *times) == ["23:59", "00:00", "00:30", "00:30", "00:59", "01:00", "01:30", "01:59", "02:00"]
    assert (tally.twice, tally.never) == (7, 0)


def test_the_hour_that_is_not_there_is_told_and_counted():
    tally = Tally()
    assert told(Clock(BERLIN, tally, SPRING), (1, 59), (2, 30), (3, 30)) == ["00:59", "01:30", "01:30"]
    assert (tally.twice, tally.never) == (0, 1)


def test_clocks_that_are_set_by_half_an_hour_are_right_too():
    tally = Tally()
    clock = Clock(ZoneInfo("Australia/Lord_Howe"), tally, date(2026, 4, 5))
    assert told(clock, (1, 20), (1, 40), (1, 50), (1, 35), (2, 10)) == ["14:20", "14:40", "14:50", "15:05", "15:40"]
    assert tally.twice == 3


@pytest.mark.parametrize("time", [(24, 0), (12, 60), (12, 0, 61)])
def test_no_such_time_is_none(time):
    assert Clock(BERLIN, Tally(), FALL).at(*time) is None


def test_a_leap_second_is_the_last_of_its_minute():
    assert Clock(BERLIN, Tally(), FALL).at(12, 0, 60) == Clock(BERLIN, Tally(), FALL).at(12, 0, 59)


@given(
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Africa/Casablanca"]
    ),
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2036, 1, 1)),
)
def test_a_moment_becomes_itself_again_where_its_local_time_is_there_once(name, naive):
    zone = ZoneInfo(name)
    at = naive.replace(second=0, microsecond=0, tzinfo=ZoneInfo("UTC"))
    local = at.astimezone(zone)
    again = local.replace(fold=1 - local.fold)
    found = Clock(zone, Tally(), local.date()).at(local.hour, local.minute)
    assert found in (stamp(at), stamp(again.astimezone(ZoneInfo("UTC"))))
    if local.utcoffset() == again.utcoffset():
        assert found == stamp(at)


def test_a_log_without_days_goes_to_the_next_when_its_time_begins_anew():
    clock = Clock(BERLIN, Tally(), date(2026, 11, 21))
    clock.roll(23)
    clock.at(23, 59)
    clock.roll(0)
    assert clock.day == date(2026, 11, 22)
    clock.at(3, 0)
    clock.roll(2)
    assert clock.day == date(2026, 11, 22), "an hour back is no new day"


@pytest.mark.parametrize("day", [date.min, date.max])
def test_the_first_and_the_last_day_of_all_do_no_harm(day):
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
        clock = Clock(ZoneInfo(zone), Tally(), day)
        for hour in (0, 23):
            clock.at(hour, 0)
            clock.roll(0)
        assert clock.exactly(2026, 11, 21)
        assert clock.at(0, 0) is not None
