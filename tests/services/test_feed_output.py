"""What commands wrote, for pages and the feed: the ends of it, all of it, machines that ended alike."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from chanops.core.message import Message
from chanops.core.plan import Plan, Unit
from chanops.core.sections import Settings
from chanops.services import feed_output
from chanops.services.feed_jobs import PublicJobs
from chanops.services.feed_output import (
    MOST,
    MOST_LIVE,
    MOST_OF_ONE,
    Tails,
    Written,
    alike,
    ending,
    fitted,
    has_run,
    results_of,
    results_so_far,
    shares,
    whole_output,
)
from chanops.services.history import History
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.rows import UnitRow, units_of
from chanops.services.pages import Pages
from chanops.services.tables import output

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Kept:
    """A job of many machines in a database."""

    def __init__(self, database, count=3):
        self.database = database
        self.jobs = Jobs(database, History(database), Settings, lambda: Pages("http://x"), {})
        self.public = PublicJobs(database, self.jobs, Settings)
        said = Message("net", "message", "alice", "alice", "#ops", ".run", NOON, ".run")
        units = tuple(Unit(f"web-{number}", str(id(self))) for number in range(count))
        self.job = self.jobs.journal.create(Plan("run", "run it", units), said, True, 10).id
        self.claim = self.jobs.journal.claim(self.job, "me", frozenset())

    def wrote(self, *rows):
        """(unit, stream, text), each."""
        names = ("unit", "stream", "text")
        made = [{"job": self.job, "at": 0, **dict(zip(names, row, strict=True))} for row in rows]
        self.database.wait(lambda connection: connection.execute(output.insert(), made))

    def read(self, function, *arguments):
        with self.database.read() as connection:
            return function(connection, self.job, *arguments)

    @property
    def units(self):
        return self.read(units_of)


@pytest.fixture
def kept(database):
    return Kept(database)


def unit(number=0, state="done", text="", **facts):
    return UnitRow(number, f"web-{number}", state, text, NOON, facts)


def numbers(groups):
    return [[each.number for each in group] for group in groups]


# Machines that ended alike


def test_machines_that_ended_alike_and_wrote_the_same_are_one_and_the_worst_come_first():
    rows = [
        unit(0, end="exited", status=0, digest="a", seconds=1),
        unit(1, "failed", end="exited", status=1, digest="b"),
        unit(2, end="exited", status=0, digest="a", seconds=2),
        unit(3, end="exited", status=0, digest="c"),
        unit(4, "failed", end="exited", status=2, digest="b"),
        unit(5, "needs-attention", end="lost", digest="b"),
        unit(6, "failed", end="exited", status=1, digest="b"),
        unit(7, "cancelled", "not begun"),
    ]
    assert numbers(alike(rows, set())) == [[5], [1, 6], [4], [7], [0, 2], [3]]


def test_machines_of_which_nobody_knows_what_they_wrote_are_told_apart_if_they_wrote():
    rows = [unit(number, "failed", "no answer") for number in range(4)]
    assert numbers(alike(rows, {1, 3})) == [[0, 2], [1], [3]]


def test_those_that_say_something_else_or_left_out_more_are_not_alike():
    rows = [unit(0, "failed", "no answer"), unit(1, "failed", "key changed")]
    rows += [unit(2, digest="a", written=10), unit(3, digest="a", written=20)]
    assert numbers(alike(rows, set())) == [[0], [1], [2], [3]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (unit(end="exited", status=0), "ok"),
        (unit(state="failed", end="exited", status=3), "exit 3"),
        (unit(state="failed", end="exited", status=0), "exit 0"),
        (unit(state="failed", end="signalled", signal="KILL"), "killed by SIGKILL"),
        (unit(state="failed", end="timed-out"), "timed out"),
        (unit(state="failed", end="flooded"), "ended: too much output"),
        (unit(state="cancelled", end="cancelled"), "cancelled"),
        (unit(state="needs-attention", end="lost"), "unknown: connection lost"),
        (unit(state="needs-attention"), "needs attention"),
        (unit(state="failed"), "failed"),
        (unit(state="running"), "running"),
        (unit(), "ok"),
    ],
)
def test_how_a_command_ended_is_said_in_a_few_words(row, said):
    assert ending(row) == said


# How much is shown


@given(st.lists(st.integers(0, 5000), max_size=30), st.integers(0, 20_000))
def test_all_together_have_what_there_is_room_for_and_nobody_is_cut_for_a_larger_one(sizes, most):
    had = [min(size, given) for size, given in zip(sizes, shares(sizes, most), strict=True)]
    assert sum(had) <= most
    if sum(sizes) <= most:
        assert had == sizes
    else:
        assert most - sum(had) < len(sizes)
        cut = [mine for size, mine in zip(sizes, had, strict=True) if mine < size]
        assert max(had) - min(cut) <= 1


def test_stderr_has_half_of_the_room_and_more_where_stdout_is_short():
    assert fitted(Written("o" * 100, "e" * 100), 100) == Written("o" * 50, "e" * 50, True)
    assert fitted(Written("o" * 10, "e" * 100), 100) == Written("o" * 10, "e" * 90, True)
    assert fitted(Written("o" * 100, "e" * 10), 100) == Written("o" * 90, "e" * 10, True)
    assert fitted(Written("o" * 60, "e" * 40), 100) == Written("o" * 60, "e" * 40, False)


def test_what_went_wrong_has_most_of_the_room(database):
    kept = Kept(database, 30)
    line = "x" * 99 + "\n"
    kept.wrote(*((number, 1, line * 1000) for number in range(30)))
    rows = [unit(number, "failed" if number > 27 else "done", digest=f"{number}", kept=100_000) for number in range(30)]
    results = kept.read(results_of, rows)
    sizes = [len(each.written.out) for each in results]
    assert sizes[:2] == [100_000, 100_000]
    assert sizes[2:] == [3500] * 28
    assert sum(sizes) <= MOST
    assert [each.written.more for each in results] == [False] * 2 + [True] * 28


def test_one_machine_may_have_all_the_room_and_a_size_that_is_not_right_cuts_nothing(kept):
    kept.wrote((0, 1, "x" * (MOST - 10)), (0, 1, "y\n"))
    [result] = kept.read(results_of, [unit(0, digest="a", kept=MOST - 10)])
    assert result.written == Written("x" * (MOST - 10) + "y\n")


def test_of_machines_without_a_digest_those_that_wrote_nothing_are_one(kept):
    kept.wrote((1, 2, "oh\n"))
    rows = [unit(number, "failed", "no answer") for number in range(3)]
    results = kept.read(results_of, rows)
    assert numbers(each.machines for each in results) == [[0, 2], [1]]
    assert results[1].written == Written("", "oh\n")


# While a job is under way


def test_each_look_shows_the_end_of_what_has_come_and_reads_only_what_is_new(kept):
    kept.wrote((0, 1, "one\n"), (0, 2, "oh\n"), (0, 0, "chanops' own"), (1, 1, "x" * 5000 + "\n"))
    with kept.database.read() as connection:
        tails = Tails(connection, kept.job, kept.units)
        assert tails.of[0] == Written("one\n", "oh\n")
        assert tails.of[1] == Written("x" * MOST_OF_ONE + "\n")
        assert 2 not in tails.of
        kept.wrote((0, 1, "two\n"), (2, 2, "late\n"), (2, 0, "chanops' own"))
        tails.read(connection)
        assert tails.of[0] == Written("one\ntwo\n", "oh\n")
        assert tails.of[2] == Written("", "late\n")
        kept.wrote((0, 1, "y" * 4094 + "\n"), (0, 1, "z"))
        read = []
        event.listen(connection, "after_cursor_execute", lambda *found: read.append(found))
        tails.read(connection)
        assert tails.of[0] == Written("\n" + "y" * 4094 + "\nz", "oh\n")
        assert fitted(tails.of[0], MOST_OF_ONE + 3) == Written("y" * 4094 + "\nz", "oh\n", True)
        assert len(read) == 1
        assert tails.of == Tails(connection, kept.job, kept.units).of


def test_what_is_written_during_the_first_look_is_shown_once(kept):
    kept.wrote((0, 1, "one\n"))
    late = [(0, 1, "late\n")]
    with kept.database.read() as connection:
        rows = kept.units
        event.listen(connection, "after_cursor_execute", lambda *_: late and kept.wrote(late.pop()))
        tails = Tails(connection, kept.job, rows)
        tails.read(connection)
    assert late == []
    assert tails.of[0] == Written("one\nlate\n")


def test_what_is_shown_of_hundreds_that_are_under_way_is_bounded():
    rows = [unit(number, "running") for number in range(200)]
    tails = {row.number: Written("o" * MOST_OF_ONE, "e" * MOST_OF_ONE) for row in rows}
    results = results_so_far(rows, tails)
    assert len(results) == 200
    sizes = [len(each.written.out) + len(each.written.err) for each in results]
    assert min(sizes) >= MOST_LIVE // 200 - 1
    assert sum(sizes) <= MOST_LIVE
    [few] = results_so_far(rows[:1], tails)
    assert len(few.written.out) + len(few.written.err) == MOST_OF_ONE


def test_a_page_of_a_job_under_way_has_results_once_there_are_any(kept):
    assert kept.public.find(kept.job).results == ()
    kept.wrote((1, 1, "one\n"))
    found = kept.public.find(kept.job)
    assert found.output == []
    assert numbers(each.machines for each in found.results) == [[0, 2], [1]]
    assert found == kept.public.find(kept.job)
    kept.wrote((1, 1, "two\n"))
    assert found != kept.public.find(kept.job)
    assert kept.public.find(kept.job).results[1].written.out == "one\ntwo\n"
    kept.jobs.journal.finish(kept.claim, "done", "")
    assert kept.public.find(kept.job).results[1].written.out == "one\ntwo\n"
    assert kept.public.tails == {}


def test_of_many_jobs_under_way_only_some_are_kept_in_memory(database, monkeypatch):
    monkeypatch.setattr("chanops.services.feed_jobs.MOST_TAILS", 2)
    several = [Kept(database, 1) for _ in range(3)]
    for each in several:
        several[0].public.find(each.job)
    assert list(several[0].public.tails) == [each.job for each in several[1:]]


def test_a_job_without_commands_has_no_results(kept):
    kept.wrote((0, 0, "is being made"))
    assert not kept.read(has_run, kept.units)
    assert kept.read(has_run, [unit(end="exited")])
    kept.jobs.journal.finish(kept.claim, "done", "")
    assert kept.public.find(kept.job).results == ()
    assert [line.text for line in kept.public.find(kept.job).output] == ["is being made"]


# All of it


@pytest.mark.parametrize("rows", [1, 2, 3, 16])
def test_all_of_it_comes_in_its_order_and_in_pieces(kept, monkeypatch, rows):
    monkeypatch.setattr(feed_output, "ROWS", rows)
    monkeypatch.setattr(feed_output, "PIECE", 10)
    written = [(0, 1 + number % 3 // 2, f"{number}\n") for number in range(50)]
    kept.wrote(*written, (1, 1, "another's"), (0, 0, "chanops' own"))

    def whole(*more):
        return list(whole_output(kept.database, kept.job, 0, *more))

    assert "".join(whole()) == "".join(text for _, _, text in written)
    for stream in (1, 2):
        assert "".join(whole(stream)) == "".join(text for _, each, text in written if each == stream)
    assert all(10 <= len(piece) < 14 for piece in whole()[:-1])
    assert "".join(whole_output(kept.database, kept.job, 2)) == ""


def test_whoever_reads_all_of_it_slowly_holds_no_connection(kept):
    kept.wrote(*((0, 1, "x" * 70_000) for _ in range(40)))
    before = kept.database.engine.pool.checkedout()
    reading = whole_output(kept.database, kept.job, 0)
    next(reading)
    assert kept.database.engine.pool.checkedout() == before
    reading.close()
