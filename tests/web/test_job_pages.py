"""The pages of jobs: the newest, one, and the stream that keeps it as it is."""

import contextlib
import re
import socket
import threading
import time
from datetime import UTC, datetime

import pytest

from chanops.core.text import plain, visible
from chanops.services.feed_jobs import MOST_LINES
from chanops.simulator.digitalocean import Fault
from chanops.web import live
from chanops.web.frame import LIVE_POLICY, POLICY
from chanops.web.job_pages import WAITS
from tests.web.served import DEADLINE, PAYLOADS, Page, account, until


class Stream:
    """A reader of events."""

    def __init__(self, served, path):
        self.socket = socket.create_connection(tuple(served.place.rsplit(":", 1)), DEADLINE)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()

    def blocks(self):
        """What stands between two empty lines, until the end."""
        text = ""
        while size := int(self.file.readline(), 16):
            text += self.file.read(size).decode()
            self.file.readline()
            while "\n\n" in text:
                block, _, text = text.partition("\n\n")
                yield block

    def events(self):
        """Each event as (name, data)."""
        for block in self.blocks():
            fields = [line.partition(": ")[::2] for line in block.split("\n") if line[0] != ":"]
            name = dict(fields).get("event")
            if name:
                yield name, "\n".join(value for field, value in fields if field == "data")

    def close(self):
        self.file.close()
        self.socket.close()


@contextlib.contextmanager
def listening(served, path):
    made = Stream(served, path)
    try:
        yield made
    finally:
        made.close()


# The list


def test_those_under_way_come_first_then_those_that_are_over_newest_first(start):
    served = start()
    assert "No jobs yet" in served.page("/jobs").text
    running = served.begin("up slow", line="look\tat <this>")
    served.end(served.begin("up fast", ("web-2",)), "failed", "no room")
    served.jobs.report("what it cost", "one\ntwo")
    page = served.page("/jobs")
    assert re.findall(r"/jobs/(\d+)", " ".join(page.addresses)) == ["1", "3", "2"]
    line = served.jobs.find(running.job).line
    assert f"/line/{line}" in page.addresses
    answer = served.ask(f"/line/{line}")
    place, _, anchor = answer.headers["location"].partition("#")
    assert (answer.status, anchor) == (303, f"l{line}")
    assert f"l{line}" in [each.get("id") for each in served.page(place).attributes("li")]
    assert "2 up fast failed alice" in page.plain
    assert "no room" in page.text
    assert "done chanops" in page.plain
    assert "one two" in page.plain
    assert "Earlier" not in page.text


def test_a_hundred_are_shown_and_the_earlier_ones_after_them(start):
    served = start()
    running = served.begin("up slow")
    for number in range(250):
        served.jobs.report(f"report {number}", "x")
    seen, path, pages = [], "/jobs", 0
    while path:
        page = served.page(path)
        pages += 1
        seen += re.findall(r"/jobs/(\d+)", " ".join(page.addresses))
        path = next((each for each in page.addresses if "before=" in each), None)
    assert pages == 3
    assert seen == ["1", *map(str, range(251, 1, -1))]
    served.end(running)
    assert "There are none" in served.page("/jobs?before=1").text


@pytest.mark.parametrize("query", ["before=x", "before=", "before=0", "before=-1", "before=1.5", "before=²"])
def test_a_page_before_what_is_no_number_is_not_there(query, quiet):
    path = f"/jobs?{''.join(c if c.isascii() else '%C2%B2' for c in query)}"
    assert quiet.ask(path).status == 404
    assert quiet.ask("/jobs?before=999999999999999999").status == 200


# One job


def test_a_job_is_shown_with_its_plan_its_machines_its_steps_and_its_output(start, cloud):
    served = start(account(cloud))
    number = served.say(".up web-1,web-2 size=s-1vcpu-1gb region=fra1 image=debian-12-x64")
    assert served.over(number).state == "done"
    ids = {each["name"]: each["id"] for each in cloud.world.state()["droplets"]}
    page = served.page(f"/jobs/{number}")
    assert f"Job {number} up web-1, web-2" in page.plain
    for name in ("web-1", "web-2"):
        assert f"{name} done do, id {ids[name]} 203.0.113." in page.plain
        assert re.search(rf"create {name} done \d\d:\d\d:\d\d \d s \d\d:\d\d:\d\d 1", page.plain)
        assert re.search(rf"wait: running {name} done", page.plain)
        assert re.search(rf"\d\d:\d\d:\d\d {name} is being made \(id {ids[name]}\)", page.plain)
    assert re.search(r"Asked by alice in #ops, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", page.plain)
    assert f"/line/{served.jobs.find(number).line}" in page.addresses
    assert page.attributes("script") == []
    assert page.attributes("noscript") == []


def test_a_job_that_is_not_over_is_live_and_without_a_script_reloads(quiet):
    served = quiet
    claim = served.begin(names=("web-1", "web-2"), warnings=("it is <late>",))
    served.jobs.journal.show(claim, 0, "running", "is being made")
    answer = served.ask(f"/jobs/{claim.job}")
    page = Page(answer.body)
    assert answer.headers["content-security-policy"] == LIVE_POLICY
    assert page.attributes("script") == [{"src": "/static/live.js", "defer": None}]
    assert {"http-equiv": "refresh", "content": "10"} in page.attributes("meta")
    assert page.attributes("main")[0]["data-events"] == f"/jobs/{claim.job}/events"
    assert "web-1 running do, to be made is being made" in page.plain
    assert "web-2 waiting do, to be made" in page.plain
    assert "Note: it is <late>" in page.plain
    served.end(claim)
    answer = served.ask(f"/jobs/{claim.job}")
    assert answer.headers["content-security-policy"] == POLICY
    assert Page(answer.body).attributes("script") == []


def test_steps_say_what_they_wait_for_and_how_they_ended(quiet):
    served = quiet
    claim = served.begin()
    journal, later = served.jobs.journal, int((time.time() + 600) * 1000)
    for name, state in (("create", "unknown"), ("off after power-off", None), ("snapshot taken", "late")):
        step = journal.intend(claim, 0, name, 1, None, later)
        if state:
            journal.settle(claim, step, state, "x")
    page = served.page(f"/jobs/{claim.job}")
    assert "create web-1 unknown" in page.plain
    assert "wait: off after power-off web-1 waiting" in page.plain
    assert "wait: snapshot taken web-1 late" in page.plain
    served.end(claim)


@pytest.mark.parametrize("name", ["off", "running", "running after start", "gone", "snapshot taken", "snapshot listed"])
def test_these_are_waits(name):
    assert WAITS.match(name)


@pytest.mark.parametrize("name", ["create", "power-off", "snapshot", "destroy", "checked", "reserved", "start", "tag"])
def test_these_are_none(name):
    assert not WAITS.match(name)


def test_of_a_long_output_the_end_is_shown_and_what_was_before_can_be_read(quiet):
    served = quiet
    claim = served.begin()
    for number in range(MOST_LINES + 50):
        served.jobs.database.write(
            lambda c, n=number: c.exec_driver_sql(
                f"INSERT INTO output (job, unit, at, text) VALUES ({claim.job}, 0, 0, 'line {n}.')"
            )
        )
    served.jobs.database.wait(lambda connection: None)
    page = served.page(f"/jobs/{claim.job}")
    assert "line 49." not in page.text
    assert "line 50." in page.text
    assert f"line {MOST_LINES + 49}." in page.text
    [earlier] = [each for each in page.addresses if "before=" in each]
    page = served.page(earlier)
    assert "line 0." in page.text
    assert "line 49." in page.text
    assert "line 50." not in page.text
    assert page.attributes("script") == []
    assert not [each for each in page.addresses if "before=" in each]
    served.end(claim)


def test_a_report_is_a_page_of_its_lines(quiet):
    quiet.jobs.report("what the machines cost", "do: 3 machines\n\x02do\x02: <b>2</b> snapshots")
    number = quiet.jobs.newest(1)[0].id
    page = quiet.page(f"/jobs/{number}")
    assert "what the machines cost" in page.plain
    assert "do: <b>2</b> snapshots" in page.plain
    assert "Asked by chanops," in page.plain
    assert "table" not in page.open


@pytest.mark.parametrize("number", ["0", "-1", "99999", "9" * 18, "9" * 19, "9" * 4000, "x", "1.0", "+1", "%31x", ""])
def test_a_job_that_is_not_there_is_not_found(number, quiet):
    for more in ("", "/events", "?before=1", "/events/"):
        assert quiet.ask(f"/jobs/{number}{more}").status == 404


def test_a_job_that_is_not_public_looks_as_one_that_is_not_there(quiet):
    served = quiet
    private = served.begin("up secret-1", public=False)
    # As if it had been asked for while that channel was shown.
    there = served.begin("up hidden-1", ("web-2",), channel="#cabal")
    for claim in (private, there):
        for more in ("", "/events", "?before=1"):
            answer, missing = served.ask(f"/jobs/{claim.job}{more}"), served.ask("/jobs/999")
            assert answer.status == 404
            assert answer.body.replace(str(claim.job), "") == missing.body.replace(str(claim.job), "")
        served.end(claim)
    assert "secret" not in served.page("/jobs").text + served.ask("/jobs.rss").body + served.ask("/feed.rss").body
    assert "hidden" not in served.page("/jobs").text + served.ask("/jobs.rss").body + served.ask("/feed.rss").body


def test_the_wish_to_end_it_is_shown(quiet):
    served = quiet
    claim = served.begin()
    served.bot.say(f".cancel {claim.job}")
    assert "to end at its next step, as alice asked" in served.page(f"/jobs/{claim.job}").plain
    served.end(claim, "cancelled")


def test_what_clouds_and_people_say_is_text_and_nothing_else(quiet):
    served = quiet

    def shapes(text):
        claim = served.begin(f"t{text}", (f"m{text}",), warnings=(f"w{text}",), nick=f"n{text}")
        journal = served.jobs.journal
        journal.show(claim, 0, "running", f"o{text}")
        step = journal.intend(claim, 0, f"s{text}", 1, None, int(time.time() * 1000))
        journal.settle(claim, step, "done", f"r{text}")
        page, listed = served.page(f"/jobs/{claim.job}"), served.page("/jobs")
        assert page.other == listed.other == []
        for letter in "tmwnos":
            assert f"{letter}{visible(plain(text))}" in page.text
        shape = listed.shape
        with listening(served, f"/jobs/{claim.job}/events") as stream:
            served.end(claim, "done", f"e{text}")
            events = list(stream.events())
        assert [name for name, _ in events[-1:]] == ["over"]
        assert {name for name, _ in events} == {"job", "over"}
        assert len([name for name, _ in events if name == "over"]) == 1
        parts = Page("<!doctype html>" + events[-2][1])
        over = served.page(f"/jobs/{claim.job}")
        # A text of several lines is shown as such; nothing else may differ.
        return [
            [each for each in found if each != ("br",)] for found in (page.shape, shape[:40], parts.shape, over.shape)
        ]

    expected = shapes("x")
    for payload in PAYLOADS:
        assert shapes(payload) == expected


# The stream


def test_the_stream_tells_each_change_and_ends_with_the_job(start, cloud):
    served = start(account(cloud))
    cloud.world.faults.add(Fault("lag", path="droplets$", times=None, seconds=3600))
    number = served.say(".up web size=s-1vcpu-1gb region=fra1 image=debian-12-x64")
    with listening(served, f"/jobs/{number}/events") as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store"
        events = stream.events()
        seen = []
        while not seen or "is being made" not in seen[-1]:
            name, data = next(events)
            assert name == "job"
            seen.append(data)
        assert "running" in seen[-1]
        cloud.world.faults.clear()
        rest = list(events)
    assert [name for name, _ in rest[-2:]] == ["job", "over"]
    assert "done in" in rest[-2][1]
    assert f"Job {number}: up web" in rest[-2][1]
    assert len({data for _, data in rest}) == len(rest)
    until(lambda: served.live.watchers == [] and served.live.thread is None)


def test_who_comes_late_gets_the_end_at_once(quiet):
    served = quiet
    claim = served.begin()
    served.end(claim, "failed", "no room")
    with listening(served, f"/jobs/{claim.job}/events") as stream:
        [(first, data), (last, _)] = stream.events()
    assert (first, last) == ("job", "over")
    assert "no room" in data
    head = served.ask(f"/jobs/{claim.job}/events", "HEAD")
    assert (head.status, head.body) == (200, "")


def test_many_listen_with_one_thread_and_those_beyond_are_told_to_come_back(quiet, monkeypatch):
    monkeypatch.setattr(live, "MOST_WATCHERS", 30)
    served = quiet
    claim = served.begin()
    path = f"/jobs/{claim.job}/events"
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(listening(served, path)) for _ in range(30)]
        events = [stream.events() for stream in streams]
        assert {next(each)[0] for each in events} == {"job"}
        assert sum(thread.name == "live" for thread in threading.enumerate()) == 1
        refused = served.ask(path)
        assert (refused.status, refused.headers["retry-after"]) == (503, "15")
        assert served.ask(f"/jobs/{claim.job}").status == 200
        streams.pop().close()
        until(lambda: len(served.live.watchers) == 29)
        with listening(served, path) as again:
            assert again.status == 200
            served.end(claim)
            for each in [*events[:29], again.events()]:
                assert list(each)[-1][0] == "over"
    until(lambda: served.live.watchers == [])


def test_a_listener_that_goes_away_is_let_go(quiet):
    served = quiet
    claim = served.begin()
    for _ in range(5):
        with listening(served, f"/jobs/{claim.job}/events") as stream:
            next(stream.events())
    until(lambda: served.live.watchers == [] and served.live.thread is None)
    served.end(claim)


def test_while_nothing_happens_there_are_signs_of_life_and_after_a_while_it_ends(quiet, monkeypatch):
    monkeypatch.setattr(live, "SIGN_OF_LIFE", 0.1)
    monkeypatch.setattr(live, "LONGEST", 0.6)
    served = quiet
    claim = served.begin()
    with listening(served, f"/jobs/{claim.job}/events") as stream:
        blocks = list(stream.blocks())
    assert blocks[0] == "retry: 2000"
    assert blocks.count(": still there") >= 3
    assert not any(block.startswith("event: over") for block in blocks)
    until(lambda: served.live.watchers == [])
    served.end(claim)


def test_a_job_that_is_hidden_meanwhile_ends_the_stream(start):
    served = start()
    claim = served.begin()
    with listening(served, f"/jobs/{claim.job}/events") as stream:
        events = stream.events()
        next(events)
        path = served.app.configured.path
        path.write_text(path.read_text() + "[channel:#ops]\nfeed = no\n")
        served.app.reload()
        assert "over" not in [name for name, _ in events]
    assert served.ask(f"/jobs/{claim.job}").status == 404
    served.end(claim)


def test_a_bot_that_leaves_ends_all_streams(start):
    served = start()
    claim = served.begin()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(listening(served, f"/jobs/{claim.job}/events")) for _ in range(10)]
        events = [stream.events() for stream in streams]
        for each in events:
            next(each)
        began = time.monotonic()
        served.app.publishing.web.stop()
        assert time.monotonic() - began < 3
        assert all(list(each) == [] for each in events)
        assert served.live.thread is None


def test_an_error_of_the_look_ends_the_streams_and_the_next_listener_is_served(quiet, monkeypatch):
    served = quiet
    claim = served.begin()
    errors = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    broken = served.live.jobs.find

    def find(number):
        if threading.current_thread().name == "live":
            raise ValueError("a bug")
        return broken(number)

    monkeypatch.setattr(served.live.jobs, "find", find)
    with listening(served, f"/jobs/{claim.job}/events") as stream:
        assert [name for name, _ in stream.events()] in ([], ["job"])
    assert len(errors) == 1
    monkeypatch.setattr(served.live.jobs, "find", broken)
    with listening(served, f"/jobs/{claim.job}/events") as stream:
        events = stream.events()
        next(events)
        served.end(claim)
        assert list(events)[-1][0] == "over"


def test_times_are_told_as_times(quiet):
    served = quiet
    claim = served.begin()
    page = served.page(f"/jobs/{claim.job}")
    times = [datetime.fromisoformat(each["datetime"]) for each in page.attributes("time")]
    assert all(abs((datetime.now(UTC) - each).total_seconds()) < 600 for each in times)
    served.end(claim)
