"""What commands wrote: on the page of their job, while it comes and when it is over; and all of it as text."""

import json
import re
import time
from datetime import UTC, datetime

import pytest

from chanops.core.message import Message
from chanops.core.plan import Plan, Unit
from chanops.core.terminal import readable
from chanops.core.text import plain, visible
from chanops.services.feed_output import MOST, MOST_LIVE
from chanops.services.jobs.rows import UnitRow
from chanops.services.tables import output, units
from chanops.web import live
from chanops.web.job_pages import MOST_LIVE as MOST_ROWS
from chanops.web.outputs import anchors_of, lasted
from tests.web.served import PAYLOADS, Page, Served
from tests.web.test_chromium import CONTRAST
from tests.web.test_job_pages import listening

OK = {"end": "exited", "status": 0, "seconds": 0.42}
BAD = {"end": "exited", "status": 2, "seconds": 0.31}


class Command:
    """A job that runs a command, and nobody but the test carries it out."""

    def __init__(self, served, names=("web-1",), title="run it", public=True, channel="#ops"):
        self.served, self.journal = served, served.jobs.journal
        said = Message("test", "message", "alice", "alice", channel, ".run", datetime.now(UTC), ".run")
        parts = tuple(Unit(name, "do", f"{title}{name}", {"address": "198.51.100.9"}) for name in names)
        served.hold()
        made = self.journal.create(Plan("run", title, parts), said, public, 1000)
        self.claim = self.journal.claim(made.id, "me", frozenset())
        self.job, self.path = made.id, f"/jobs/{made.id}"

    def wrote(self, *rows):
        """(machine, stream, text), each."""
        made = [{"job": self.job, "at": 0, "unit": unit, "stream": each, "text": text} for unit, each, text in rows]
        self.served.jobs.database.wait(lambda connection: connection.execute(output.insert(), made))
        self.served.jobs.heard_news(self.job)

    def ended(self, unit, state="done", text="", **facts):
        self.journal.show(self.claim, unit, state, text)
        mine = units.update().where(units.c.job == self.job, units.c.number == unit).values(facts=json.dumps(facts))
        self.served.jobs.database.wait(lambda connection: connection.execute(mine))

    def over(self, state="done", text="it is over"):
        self.journal.finish(self.claim, state, text)
        self.served.jobs.heard_news(self.job)

    @property
    def page(self):
        return self.served.page(self.path)

    @property
    def sections(self):
        """The text of each section, on one line, and whether it is open."""
        html = self.served.ask(self.path).body
        found = re.findall(r'<details class="result"[^>]*?( open)?>(.*?)(?=<details class="result"|<h2)', html, re.S)
        return [
            (" ".join(Page(f"<!doctype html><h1></h1>{text}").text.split()), bool(o)) for o, text in map(whole, found)
        ]


def whole(found):
    """A section's text, without the ends of what it stands in."""
    is_open, text = found
    return is_open, re.sub(r"</details>\s*(</div>)?\s*\Z", "", text).replace("<h3", "<h2").replace("</h3", "</h2")


@pytest.fixture
def command(quiet):
    return lambda *names, **more: Command(quiet, names or ("web-1",), **more)


# When it is over


def test_a_machine_is_shown_with_how_its_command_ended_and_both_streams_apart(command):
    made = command()
    made.wrote((0, 1, "\n  one\n"), (0, 2, "oh <no>\n"), (0, 1, "\x1b[32mtwo\x1b[0m\n1%\r99%\n"), (0, 2, "\x07\n"))
    made.ended(0, "failed", "exit 2 in 0.3 s", **BAD, host="203.0.113.7", digest="d", written=30, kept=30)
    made.over("failed")
    assert made.sections == [
        ("exit 2 web-1 203.0.113.7 0.3 s stdout one two 99% stderr oh <no> ␇", True),
    ]
    html = made.served.ask(made.path).body
    assert "<figcaption>stdout</figcaption><pre>\n\n  one\ntwo\n99%\n</pre>" in html
    assert "<figcaption>stderr</figcaption><pre>\noh &lt;no&gt;\n␇\n</pre>" in html
    assert "1 failed" in made.page.plain
    assert ".txt" not in html


def test_a_stream_that_is_empty_is_left_out_and_nothing_at_all_is_said(command):
    made = command("web-1", "web-2", "web-3")
    made.wrote((0, 1, "up\n"), (1, 2, "late\n"))
    for number in range(3):
        made.ended(number, **OK, digest=str(number))
    made.over()
    assert made.sections == [
        ("ok web-1 198.51.100.9 0.4 s stdout up", True),
        ("ok web-2 198.51.100.9 0.4 s stderr late", True),
        ("ok web-3 198.51.100.9 0.4 s Nothing was written.", True),
    ]


def test_machines_that_ended_alike_are_one_section_and_what_went_wrong_comes_first(command):
    made = command(*(f"web-{number}" for number in range(8)))
    for number in (0, 1, 4, 5):
        made.wrote((number, 1, "up\n"))
        made.ended(number, **{**OK, "seconds": 0.1 + number}, host=f"203.0.113.{number}", digest="u")
    for number in (3, 6):
        made.wrote((number, 2, "no such thing\n"))
        made.ended(number, "failed", f"exit {number}", **BAD, host=f"203.0.113.{number}", digest="n")
    made.ended(2, "needs-attention", "look at it", end="lost", seconds=3.0)
    made.ended(7, "failed", "it does not answer")
    made.over("needs-attention")
    assert "1 unknown · 3 failed · 4 ok" in made.page.plain
    assert made.sections == [
        ("unknown: connection lost web-2 198.51.100.9 3.0 s look at it Nothing was written.", True),
        (
            "exit 2 web-3, web-6 0.3 s stderr no such thing 2 machines web-3 203.0.113.3 0.3 s web-6 203.0.113.6 0.3 s",
            True,
        ),
        ("failed web-7 198.51.100.9 it does not answer", True),
        (
            "ok web-0 and 3 more 0.1 s to 5.1 s stdout up 4 machines web-0 203.0.113.0 0.1 s"
            " web-1 203.0.113.1 1.1 s web-4 203.0.113.4 4.1 s web-5 203.0.113.5 5.1 s",
            True,
        ),
    ]
    links = [each for each in made.page.addresses if "/jobs/" in each and "#" in each]
    assert links == [f"{made.path}#web-{number}" for number in (2, 3, 7, 0)]
    assert {f"web-{number}" for number in range(8)} <= {found.get("id") for _, found in made.page.elements}


@pytest.mark.parametrize("count", [10, 11])
def test_where_many_are_well_their_sections_are_closed(command, count):
    made = command(*(f"web-{number}" for number in range(count + 1)))
    for number in range(count):
        made.ended(number, **OK, digest=str(number))
    made.ended(count, "failed", **BAD, digest="x")
    made.over("failed")
    assert [is_open for _, is_open in made.sections] == [True] + [count == 10] * count


def test_of_two_hundred_the_first_are_listed_above_them_all(command):
    made = command(*(f"web-{number}" for number in range(200)))
    for number in range(200):
        made.ended(number, **OK, digest=str(number))
    made.over()
    page = made.page
    assert len([each for each in page.addresses if "/jobs/" in each and "#" in each]) == 30
    assert "and 170 more below" in page.plain
    assert len(made.sections) == 200


def test_no_more_is_on_the_page_than_is_good_and_all_of_it_is_behind_a_link(command):
    made = command("web-1", "web-2")
    text = "".join(f"line {number}\n" for number in range(40_000))
    made.wrote(*((0, 1, text[start : start + 5000]) for start in range(0, len(text), 5000)), (1, 1, "short\n"))
    made.ended(0, **OK, digest="a", kept=len(text), written=1_234_567, left_out=1_000_000)
    made.ended(1, **OK, digest="b", kept=6, written=6)
    made.over()
    page = made.page
    assert MOST - 100 < len(re.search(r"stdout\s+(line.*line 39999)\n", page.text, re.S)[1]) <= MOST
    assert "Only the end of it is here: the whole output. 1,000,000 characters were left out." in page.plain
    [link] = [each for each in page.addresses if each.endswith(".txt")]
    assert made.served.ask(link).body == text


def test_what_is_said_of_the_job_itself_is_apart_and_so_are_its_steps(command):
    made = command()
    made.wrote((0, 1, "up\n"))
    made.ended(0, text="is being run", **OK)
    made.over()
    page = made.page
    assert page.plain.count("is being run") == 1
    assert "What chanops did 1 line" in page.plain
    assert "is being run" not in made.sections[0][0]


# While it runs


def test_a_page_has_what_has_come_so_far_as_soon_as_there_is_any(command):
    made = command("web-1", "web-2", "web-3")
    made.journal.show(made.claim, 0, "running", "is being run")
    assert "At its cloud" in made.page.text
    with listening(made.served, f"{made.path}/events") as stream:
        events = stream.events()
        assert "At its cloud" in next(events)[1]
        made.wrote((0, 1, "first\n"))
        data = next_with(events, "first")
        assert "At its cloud" not in data
        assert parts_of(data) == parts_of(made.served.ask(made.path).body)
        assert "2 waiting" in made.page.plain
        assert made.sections == [
            ("running web-1 198.51.100.9 is being run stdout first", True),
            ("waiting web-2, web-3 2 machines web-2 198.51.100.9 web-3 198.51.100.9", False),
        ]
        made.wrote((0, 1, "second\n"), (1, 2, "oh\n"))
        assert "first\nsecond\n</pre>" in next_with(events, "oh\n")
        made.ended(0, **OK)
        made.over()
        rest = list(events)
    assert [name for name, _ in rest[-2:]] == ["job", "over"]
    assert "it is over" in rest[-2][1]
    assert set(parts_of(rest[-2][1])) == set(parts_of(data))


def next_with(events, text):
    while True:
        name, data = next(events)
        assert name == "job"
        if text in data:
            return data


def parts_of(html):
    return re.findall(r'id="(part-[a-z]+)"', html)


def test_of_hundreds_that_write_much_a_page_shows_the_end_of_each(command):
    made = command(*(f"web-{number}" for number in range(200)))
    made.wrote(*((number, 1, f"line {line} of {number} {'x' * 50}\n") for line in range(80) for number in range(200)))
    for number in range(200):
        made.journal.intend(made.claim, number, "run", 1, None, 0)
        made.journal.show(made.claim, number, "running", "is being run")
    html = made.served.ask(made.path).body
    shown = re.findall(r"<pre>\n(.*?)</pre>", html, re.S)
    assert len(shown) == 200
    assert 0.7 * MOST_LIVE < sum(map(len, shown)) <= MOST_LIVE
    assert all(
        text.startswith("line ") and text.endswith(f" of {number} {'x' * 50}\n") for number, text in enumerate(shown)
    )
    assert all("line 79 " in text for text in shown)
    assert f"The last {MOST_ROWS} steps" in made.page.plain
    assert len(html) < 3 * MOST_LIVE + 100_000
    made.over()


def test_a_large_page_is_not_sent_again_at_once(command, monkeypatch):
    made = command()
    made.wrote((0, 1, "x" * 3000 + "\n"))
    monkeypatch.setattr(live, "RATE", 6000)
    with listening(made.served, f"{made.path}/events") as stream:
        events = stream.events()
        next(events)
        made.wrote((0, 1, "one\n"))
        next_with(events, "one\n")
        began = time.monotonic()
        made.wrote((0, 1, "two\n"))
        next_with(events, "two\n")
        assert time.monotonic() - began > 0.4
        made.over()


# All of it, as text


def test_all_of_it_is_text_in_its_order_and_each_stream_alone(command):
    made = command("web-1", "web-2")
    made.wrote(
        (0, 1, "one\n"), (0, 2, "<b>oh</b>\n"), (1, 1, "another's\n"), (0, 0, "chanops' own"), (0, 1, "\x1b[mtwö\n")
    )
    for query, text in (
        ("", "one\n<b>oh</b>\n\x1b[mtwö\n"),
        ("?stream=1", "one\n\x1b[mtwö\n"),
        ("?stream=2", "<b>oh</b>\n"),
    ):
        answer = made.served.ask(f"{made.path}/output/0.txt{query}")
        assert (answer.status, answer.body) == (200, text)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert made.served.ask(f"{made.path}/output/1.txt").body == "another's\n"
    head = made.served.ask(f"{made.path}/output/0.txt", "HEAD")
    assert (head.status, head.body) == (200, "")
    assert head.headers["content-type"] == "text/plain; charset=utf-8"
    made.over()


@pytest.mark.parametrize(
    "file",
    ["2.txt", "-1.txt", "00.txt", "x.txt", "0", "0.html", "0.txt/", "", "9" * 9 + ".txt", "9" * 4500 + ".txt"]
    + [f"0.txt?stream={each}" for each in ("0", "3", "", "x", "11")],
)
def test_an_output_that_is_not_there_is_not_found(file, command):
    made = command("web-1", "web-2")
    made.over()
    assert made.served.ask(f"{made.path}/output/{file}").status == 404
    assert made.served.ask("/jobs/99999/output/0.txt").status == 404


def test_the_output_of_a_job_that_is_not_public_is_for_nobody(command):
    for made in (command(public=False), command("web-2", channel="#cabal")):
        made.wrote((0, 1, "secret\n"))
        for path in (made.path, f"{made.path}/events", f"{made.path}/output/0.txt"):
            answer = made.served.ask(path)
            assert answer.status == 404
            assert "secret" not in answer.body
        made.ended(0, "failed", **BAD)
        made.over("failed")
    assert "secret" not in made.served.ask("/feed.rss").body + made.served.ask("/jobs.rss").body


# Whatever is written


def test_what_commands_write_is_text_and_nothing_else(command):
    def shapes(text):
        made = command(f"m{text}", "other")
        made.wrote((0, 1, f"o{text}"), (0, 2, f"e{text}"))
        running = made.page
        made.ended(0, "needs-attention", f"t{text}", end="lost", host=f"h{text}", digest="d")
        made.ended(1, "failed", end=f"E{text}", digest="x")
        made.over("failed")
        page = made.page
        for each in (running, page):
            assert each.other == []
            assert readable(f"o{text}") in each.text
            assert readable(f"e{text}") in each.text
        for letter in "mth":
            assert f"{letter}{visible(plain(text))}" in page.text
        return running.shape, page.shape

    expected = shapes("x")
    for payload in PAYLOADS:
        assert shapes(payload) == expected


def test_each_machine_has_a_place_on_the_page_that_no_other_thing_has():
    names = [
        "web-1",
        "twice",
        "twice",
        "steps",
        "output",
        "machines",
        "part-state",
        "machine-9",
        "a b",
        "ü",
        "",
        "a.b_c",
    ]
    rows = [UnitRow(number, name, "done", "", datetime.now(UTC)) for number, name in enumerate(names)]
    expected = ["web-1", *(f"machine-{number}" for number in range(1, 11)), "a.b_c"]
    assert list(anchors_of(rows).values()) == expected


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0.0 s"), (0.42, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (75.4, "1 min 15 s")]
)
def test_short_times_are_told_to_a_tenth_of_a_second(seconds, said):
    assert lasted(seconds) == said


# In a browser


@pytest.fixture(scope="module")
def furnished(tmp_path_factory, empty_database, new_database_url):
    """A bot with a job whose machines ended in all ways, and one that runs."""
    served = Served(tmp_path_factory.mktemp("furnished"), empty_database, url=new_database_url())
    over = Command(served, [*(f"web-{number}" for number in range(40)), *(f"m{each}" for each in PAYLOADS)])
    for number in range(40):
        over.wrote((number, 1, "up " * 100 + "\n"))
        over.ended(number, **OK, digest="u")
    for number, payload in enumerate(PAYLOADS, 40):
        over.wrote((number, 1, f"{payload}\x1b[1mx\n" * 5), (number, 2, payload))
        over.ended(number, "failed", payload, **BAD, digest=str(number), left_out=7)
    over.over("failed", "some failed")
    live_one = Command(served, ("app-1", "app-2"))
    live_one.wrote((0, 1, "y" * 5000 + "\n"), (0, 2, "oh\n"))
    live_one.journal.show(live_one.claim, 0, "running", "is being run")
    yield over, live_one
    served.stop()


@pytest.mark.parametrize(("width", "height"), [(360, 800), (1280, 900)])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_output_is_too_wide_or_too_pale_or_does_what_is_forbidden(width, height, dark, furnished, browser):
    with browser.tab(width, height, dark) as tab:
        for made in furnished:
            tab.open(made.served.root + made.path)
            tab.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
            assert tab.run("document.documentElement.scrollWidth - innerWidth") <= 0
            out = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
            assert tab.run(f"{out}.map(e => e.outerHTML)") == []
            worst, where = tab.run(CONTRAST)
            assert worst >= 4.5, (worst, where)
        assert tab.complaints == []


def test_a_machine_that_is_folded_away_is_found_by_its_address(furnished, browser):
    over, _ = furnished
    with browser.tab(script=False) as tab:
        tab.open(f"{over.served.root}{over.path}#web-31")
        tab.until("document.querySelector('#web-31').checkVisibility()")
        assert tab.run("document.querySelector('#web-31').getBoundingClientRect().top < innerHeight")


def test_what_somebody_has_opened_or_closed_stays_so_when_there_is_news(quiet, browser):
    made = Command(quiet, ("web-1", "web-2", "web-3"), "run to the end")
    made.journal.show(made.claim, 0, "running", "is being run")
    made.wrote((0, 1, "one\n"))
    with browser.tab() as tab:
        tab.open(made.served.root + made.path)
        opened = "[...document.querySelectorAll('details.result')].map((each) => each.open)"
        assert tab.run(opened) == [True, False]
        tab.run("document.querySelectorAll('details.result > summary').forEach((each) => each.click())")
        tab.until(f"String({opened}) === 'false,true'")
        made.wrote((0, 1, "two\n"))
        tab.until("document.querySelector('#part-machines').textContent.includes('two')")
        assert tab.run(opened) == [False, True]
        made.ended(0, **OK, digest="a")
        made.over()
        tab.until("document.querySelector('#part-machines').textContent.includes('1 ok')")
        assert tab.run(opened)[0] is False
        assert tab.complaints == []
