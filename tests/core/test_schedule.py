"""When things run: intervals, times of day and crontab lines, over days with a missing and a doubled hour."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.core.errors import Problem
from chanops.core.schedule import Agenda, Schedule

PARIS, NEW_YORK, LORD_HOWE = "Europe/Paris", "America/New_York", "Australia/Lord_Howe"
ZONES = [PARIS, NEW_YORK, LORD_HOWE, "UTC"]
# When each zone's clocks change, as the time by which they all are set.
CHANGES = [
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2027, 3, 28, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2027, 3, 14, 7, tzinfo=UTC),
    datetime(2027, 4, 3, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
]
EXPRESSIONS = [
    "30 2 * * *",
    "0 0 * * *",
    "*/20 * * * *",
    "15,45 1-3 * * *",
    "5 1,2 * * 7",
    "10 */2 25-28 * *",
    "* 3 * * *",
]


def local(text, zone):
    """A moment as the wall's clock shows it; the first of the two where there are two."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def runs(schedule, zone, since, until):
    """What the wall's clock shows each time something runs."""
    moment, end, found = local(since, zone), local(until, zone), []
    while (moment := schedule.after(moment, zone)) < end:
        assert moment.tzinfo is UTC
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "since", "until", "expected"),
    [
        # Paris, spring: 02:00 becomes 03:00 on the 28th. Autumn: 03:00 becomes 02:00 on the 25th.
        ("30 2 * * *", PARIS, "2027-03-27", "2027-03-30", ["27 02:30", "28 03:00", "29 02:30"]),
        ("30 2 * * *", PARIS, "2026-10-24", "2026-10-27", ["24 02:30", "25 02:30", "26 02:30"]),
        ("0,30 2 * * *", PARIS, "2027-03-28", "2027-03-29", ["28 03:00"]),
        ("30 2,3 * * *", PARIS, "2027-03-28", "2027-03-29", ["28 03:00", "28 03:30"]),
        ("0 3 * * *", PARIS, "2027-03-28", "2027-03-29", ["28 03:00"]),
        ("0 3 * * *", PARIS, "2026-10-25", "2026-10-26", ["25 03:00"]),
        ("15 1-3 * * *", PARIS, "2026-10-25", "2026-10-26", ["25 01:15", "25 02:15", "25 03:15"]),
        ("0 0 * * *", PARIS, "2027-03-26T23:59", "2027-03-30", ["27 00:00", "28 00:00", "29 00:00"]),
        ("0 0 * * *", PARIS, "2026-10-23T23:59", "2026-10-27", ["24 00:00", "25 00:00", "26 00:00"]),
        # What runs in every hour runs in every real one.
        ("30 * * * *", PARIS, "2026-10-25T01:00", "2026-10-25T04:00", ["25 01:30", "25 02:30", "25 02:30", "25 03:30"]),
        ("30 * * * *", PARIS, "2027-03-28T01:00", "2027-03-28T05:00", ["28 01:30", "28 03:30", "28 04:30"]),
        # New York, spring: 02:00 becomes 03:00 on the 14th. Autumn: 02:00 becomes 01:00 on the 1st.
        ("30 2 * * *", NEW_YORK, "2027-03-13", "2027-03-16", ["13 02:30", "14 03:00", "15 02:30"]),
        ("30 1 * * *", NEW_YORK, "2026-10-31", "2026-11-03", ["31 01:30", "01 01:30", "02 01:30"]),
        ("0 0 * * *", NEW_YORK, "2026-10-31T12:00", "2026-11-03T01:00", ["01 00:00", "02 00:00", "03 00:00"]),
        # Lord Howe, half an hour: 02:00 becomes 02:30 on the 4th of October, and 01:30 on the 4th of April.
        ("15 2 * * *", LORD_HOWE, "2026-10-03", "2026-10-06", ["03 02:15", "04 02:30", "05 02:15"]),
        ("45 1 * * *", LORD_HOWE, "2027-04-03", "2027-04-06", ["03 01:45", "04 01:45", "05 01:45"]),
        ("0 0 * * *", LORD_HOWE, "2027-04-03T12:00", "2027-04-06T01:00", ["04 00:00", "05 00:00", "06 00:00"]),
        ("*/15 * * * *", LORD_HOWE, "2026-10-04T01:40", "2026-10-04T02:50", ["04 01:45", "04 02:30", "04 02:45"]),
    ],
)
def test_over_the_days_on_which_clocks_change(expression, zone, since, until, expected):
    assert runs(Schedule.cron(expression), zone, since, until) == expected


@pytest.mark.parametrize(
    ("zone", "day"), [(PARIS, "2027-03-28"), (PARIS, "2026-10-25"), (NEW_YORK, "2027-03-14"), (LORD_HOWE, "2027-04-04")]
)
@pytest.mark.parametrize("time", ["00:00", "01:30", "02:15", "02:30", "03:00", "9:00", "23:59"])
def test_what_is_daily_runs_once_on_the_days_on_which_clocks_change(zone, day, time):
    next_day = str(datetime.fromisoformat(day) + timedelta(days=1))
    before = str(datetime.fromisoformat(day) - timedelta(seconds=1))
    end = str(datetime.fromisoformat(next_day) - timedelta(seconds=1))
    assert len(runs(Schedule.daily(time), zone, before, end)) == 1


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_whoever_starts_in_the_second_of_two_equal_hours_does_not_go_back_to_the_first(minute):
    start = datetime(2026, 10, 25, 1, minute, tzinfo=UTC)  # the second 02:MM in Paris
    tomorrow = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    assert Schedule.cron("30 2 * * *", PARIS).after(start, "UTC") == tomorrow
    agenda = Agenda(PARIS)
    agenda.add(Schedule.daily("02:30"), "report", start)
    assert agenda.due(start) == []
    assert agenda.due(tomorrow) == ["report"]


@pytest.mark.parametrize(
    ("expression", "since", "until", "days"),
    [
        # November 2026 begins on a Sunday. Neither day begins with a star: either will do.
        ("0 0 13 * 5", "2026-11-01", "2026-12-01", [6, 13, 20, 27]),
        ("0 0 1,15 * 1", "2026-11-01T00:01", "2026-12-01", [2, 9, 15, 16, 23, 30]),
        ("0 0 1-7 * 6-7", "2026-11-01T00:01", "2026-11-16", [2, 3, 4, 5, 6, 7, 8, 14, 15]),
        # One of them begins with a star: both must fit.
        ("0 0 */10 * 1", "2026-11-01", "2027-01-01", [21]),
        ("0 0 * * 1", "2026-11-01", "2026-12-01", [2, 9, 16, 23, 30]),
        ("0 0 13 * *", "2026-11-01", "2026-12-01", [13]),
        ("0 0 1-7 * */7", "2026-10-31", "2026-12-01", [1]),
        ("0 0 * * 7", "2026-10-31", "2026-11-16", [1, 8, 15]),
        ("0 0 * * 0", "2026-10-31", "2026-11-16", [1, 8, 15]),
        ("0 0 * * 5-7", "2026-10-31", "2026-11-09", [1, 6, 7, 8]),
        ("0 0 * * SUN", "2026-10-31", "2026-11-16", [1, 8, 15]),
        ("0 0 * nov mon-tue", "2026-10-01", "2026-11-10", [2, 3, 9]),
        ("0 0 29 2 *", "2026-01-01", "2028-12-01", [29]),
        ("0 0 31 * *", "2026-11-01", "2027-02-01", [31, 31]),
    ],
)
def test_days_are_chosen_as_debians_cron_does(expression, since, until, days):
    found = runs(Schedule.cron(expression), "UTC", since, until)
    assert [int(each[:2]) for each in found] == days


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("*/15 9-10 * * *", ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15", "10:30", "10:45"]),
        ("*/90 9 * * *", ["09:00"]),
        ("5-59/20 9 * * *", ["09:05", "09:25", "09:45"]),
        ("1,2 0,12 * * *", ["00:01", "00:02", "12:01", "12:02"]),
        ("  0   12  *  *  *  ", ["12:00"]),
    ],
)
def test_times_are_read_as_crontab_has_them(expression, times):
    found = runs(Schedule.cron(expression), "UTC", "2026-11-20T23:59", "2026-11-22")
    assert found == [f"21 {time}" for time in times]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "must have five fields: minute, hour, day of the month, month, day of the week"),
        ("* * * *", "must have five fields"),
        ("* * * * * *", "must have five fields"),
        ("@daily", "must have five fields"),
        ("60 * * * *", r"bad minute; a right one is '\*/15 9-17 \* \* 1-5'"),
        ("-1 * * * *", "bad minute"),
        ("*/0 * * * *", "bad minute"),
        ("x * * * *", "bad minute"),
        ("١ * * * *", "bad minute"),
        ("1, * * * *", "bad minute"),
        ("9" * 5000 + " * * * *", "digits"),
        ("0 24 * * *", "bad hour"),
        ("0 22-2 * * *", "bad hour"),
        ("0 0 0 * *", "bad day-of-month"),
        ("0 0 32 * *", "bad day-of-month"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("0 0 31 4,6,9,11 *", "bad day-of-month"),
        ("0 0 * 13 *", "bad month"),
        ("0 0 * JANUARY *", "bad month"),
        ("0 0 * * 8", "bad day-of-week"),
        ("0 0 * * MONDAY", "bad day-of-week"),
        ("0 0 * * 1#6", "bad day-of-week"),
        ("0 0 30 2 */2", "bad day-of-month"),
        ("0 0 * 2 1#5,2#6", "bad day-of-week"),
    ],
)
def test_a_bad_expression_is_refused_and_says_which_field(expression, said):
    with pytest.raises(Problem, match=said) as caught:
        Schedule.cron(expression)
    assert str(caught.value).startswith(f"@cron({expression!r}): ")


@given(st.lists(st.text("0123456789*/,-#LW") | st.sampled_from(["*", "1", "*/5", "1-5"]), min_size=5, max_size=5))
@settings(max_examples=300, deadline=None)
def test_an_expression_is_either_refused_or_has_a_next_time(fields):
    try:
        schedule = Schedule.cron(" ".join(fields))
    except Problem:
        return
    assert schedule.after(CHANGES[0], PARIS) > CHANGES[0]


@pytest.mark.parametrize(
    "zone", ["Europe/Pariss", "europe", "../etc/passwd", "/etc/localtime", "\0", "x" * 5000, "Europe", " "]
)
@pytest.mark.parametrize(
    "make", [lambda zone: Schedule.cron("0 0 * * *", zone), lambda zone: Schedule.daily("09:00", zone)]
)
def test_a_zone_that_does_not_exist_is_refused(make, zone):
    with pytest.raises(Problem, match=r"there is no time zone .* one is called Europe/Paris"):
        make(zone)


@pytest.mark.parametrize(
    "time", ["", "9", "9:0", "24:00", "09:60", "09:00:00", "9am", "٠٩:٠٠", "-1:00", "09.00", "009:00", "09:00\n"]
)
def test_what_is_no_time_of_day_is_refused(time):
    with pytest.raises(Problem, match=r"^@daily\(.*: must be a time of day such as 09:00"):
        Schedule.daily(time)


@pytest.mark.parametrize(
    ("interval", "length"),
    [("1s", timedelta(seconds=1)), ("10m", timedelta(minutes=10)), ("1h30m", timedelta(hours=1.5))],
)
def test_an_interval_runs_again_after_that_time(interval, length):
    for moment in CHANGES:
        assert Schedule.every(interval).after(moment, PARIS) == moment + length


@pytest.mark.parametrize("interval", ["0s", "1ms", "999ms", "0.5s"])
def test_an_interval_below_a_second_is_refused(interval):
    with pytest.raises(Problem, match=r"^@every\(.*: must be at least 1s"):
        Schedule.every(interval)


@pytest.mark.parametrize("interval", ["", "10", "soon", "-5m", "10 m"])
def test_what_is_no_interval_is_refused(interval):
    with pytest.raises(Problem, match=r"^@every\(.*: must be a length of time such as 90s"):
        Schedule.every(interval)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Schedule.every("10m"), "every 10m"),
        (Schedule.daily("09:00", PARIS), "daily at 09:00"),
        (Schedule.cron("*/15 * * * *"), "cron */15 * * * *"),
    ],
)
def test_a_schedule_says_what_it_is(schedule, text):
    assert schedule.text == text


def test_a_schedule_s_own_zone_goes_before_the_bot_s():
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert Schedule.daily("09:00", NEW_YORK).after(noon, PARIS) == datetime(2026, 11, 21, 14, tzinfo=UTC)
    assert Schedule.daily("09:00").after(noon, PARIS) == datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_the_zone_in_which_the_moment_is_told_changes_nothing():
    moment = CHANGES[0]
    for zone in ZONES:
        assert Schedule.daily("09:00").after(moment.astimezone(ZoneInfo(zone)), PARIS) == Schedule.daily("09:00").after(
            moment, PARIS
        )


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_what_is_due_runs_once():
    agenda = Agenda("UTC")
    agenda.add(Schedule.every("1h"), "tick", NOON)
    assert agenda.due(NOON) == []
    assert agenda.due(NOON + HOUR - timedelta(microseconds=1)) == []
    assert agenda.due(NOON + HOUR) == ["tick"]
    assert agenda.due(NOON + HOUR) == []
    assert agenda.due(NOON + 2 * HOUR) == ["tick"]


@pytest.mark.parametrize("schedule", [Schedule.every("1s"), Schedule.cron("* * * * *"), Schedule.daily("00:00")])
def test_what_was_missed_runs_once_and_not_many_times(schedule):
    agenda = Agenda("UTC")
    agenda.add(schedule, "x", NOON)
    assert agenda.due(NOON + timedelta(days=365)) == ["x"]
    assert agenda.due(NOON + timedelta(days=365)) == []


def test_what_is_due_comes_in_the_order_of_its_times():
    agenda = Agenda("UTC")
    for name, schedule in (("third", "3m"), ("first", "1m"), ("second", "2m"), ("second again", "2m")):
        agenda.add(Schedule.every(schedule), name, NOON)
    assert agenda.due(NOON + timedelta(minutes=3)) == ["first", "second", "second again", "third"]


def test_things_that_cannot_be_compared_may_be_due_at_the_same_time():
    agenda = Agenda("UTC")
    things = [object(), object(), {}]
    for thing in things:
        agenda.add(Schedule.daily("13:00"), thing, NOON)
    assert agenda.due(NOON + HOUR) == things


def test_a_clock_set_back_makes_nothing_run_twice():
    agenda = Agenda("UTC")
    agenda.add(Schedule.daily("13:00"), "report", NOON)
    assert agenda.due(NOON + HOUR) == ["report"]
    for minutes in range(-120, 60, 10):
        assert agenda.due(NOON + timedelta(minutes=minutes)) == []
    assert agenda.due(NOON + 25 * HOUR) == ["report"]


def test_waiting_takes_until_the_next_is_due():
    agenda = Agenda("UTC")
    assert agenda.wait(NOON) == 3600
    agenda.add(Schedule.every("10m"), "x", NOON)
    agenda.add(Schedule.every("90s"), "y", NOON)
    assert agenda.wait(NOON) == 90
    assert agenda.wait(NOON + timedelta(seconds=89.5)) == 0.5
    assert agenda.wait(NOON + timedelta(minutes=5)) == 0
    assert agenda.wait(NOON - HOUR) == 3690


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.sampled_from(CHANGES), st.integers(-10_000, 10_000))
@settings(max_examples=500, deadline=None)
def test_the_next_time_is_always_later(expression, zone, change, seconds):
    moment = change + timedelta(seconds=seconds)
    assert Schedule.cron(expression, zone).after(moment, "UTC") > moment


STEPS = st.lists(st.integers(-7200, 7200) | st.integers(-60, 900) | st.integers(-200_000, 200_000), max_size=60)


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.sampled_from(CHANGES), STEPS)
@settings(max_examples=300, deadline=None)
def test_however_the_clock_jumps_no_time_of_a_plan_is_run_twice(expression, zone, change, steps):
    agenda = Agenda(zone)
    now = change - HOUR
    agenda.add(Schedule.cron(expression), "x", now)
    ran = []
    for step in steps:
        now += timedelta(seconds=step)
        planned = agenda.entries[0][0]
        due = agenda.due(now)
        assert due == (["x"] if planned <= now else [])
        ran += [planned] * len(due)
        assert agenda.wait(now) > 0
    assert all(earlier < later for earlier, later in pairwise(ran))


@given(st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), st.sampled_from(CHANGES))
@settings(max_examples=100, deadline=None)
def test_a_clock_that_goes_on_evenly_misses_nothing(expression, zone, change):
    schedule, agenda = Schedule.cron(expression), Agenda(zone)
    start = change - timedelta(hours=3)
    agenda.add(schedule, "x", start)
    planned, moment, count = 0, start, 0
    while (moment := schedule.after(moment, zone)) <= start + timedelta(hours=6):
        planned += 1
    for minute in range(6 * 60 + 1):
        count += len(agenda.due(start + timedelta(minutes=minute)))
    assert count == planned
