"""The live end of the log: what is said is seen at once, by all who may, and by nobody else."""

import contextlib
import http.client
import resource
import socket
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chanops.web import tail
from chanops.web.log_days import MOST_MISSED
from chanops.web.tail import MOST_OF_ONE, MOST_WAITING, Reader, event_of, network_of
from tests.web.logged import DEADLINE, NOON, Logged
from tests.web.served import PAYLOADS, until

EVENTS = "/log/net/%23ops/events"
CABAL = "/log/net/%23cabal/events"
MIDNIGHT = NOON + timedelta(hours=12)
SECOND = timedelta(seconds=1)


@pytest.fixture
def logged(database):
    made = Logged(database)
    made.say("before")
    yield made
    made.stop()


class Listener:
    """Somebody who reads along."""

    def __init__(self, logged, path=EVENTS, cookie="", last=0, caller=""):
        host, _, port = logged.port.address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), DEADLINE)
        head = f"GET {path} HTTP/1.1\r\nHost: {logged.port.address}\r\n"
        head += (f"Cookie: chanops={cookie}\r\n" if cookie else "") + (f"Last-Event-ID: {last}\r\n" if last else "")
        head += f"X-Forwarded-For: {caller}\r\n" if caller else ""
        self.socket.sendall(f"{head}\r\n".encode())
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        self.status = self.response.status

    def event(self):
        """The next event as (name, data, id); None at the end."""
        fields = {}
        while line := self.response.readline():
            if line.strip() and not line.startswith(b":"):
                name, _, value = line.decode().rstrip("\n").partition(": ")
                fields[name] = value
            elif fields.get("event"):
                return fields["event"], fields.get("data", ""), int(fields.get("id", 0))
        return None

    def events(self, count):
        return [self.event() for _ in range(count)]

    def close(self):
        self.response.close()
        self.socket.close()


@pytest.fixture
def listen(logged):
    with contextlib.ExitStack() as stack:

        def begin(path=EVENTS, **more):
            before = logged.days.tail.count
            listener = Listener(logged, path, **more)
            stack.callback(listener.close)
            if listener.status == 200:
                assert listener.event()[0] == "day"
                assert logged.days.tail.count == before + 1
            return listener

        yield begin


def test_what_is_said_is_sent_to_whoever_reads_along(logged, listen):
    listener = listen()
    logged.scribe.hear(logged.message("\x02hello\x02 <b>"))
    name, html, number = listener.event()
    assert name == "line"
    assert f'<li id="l{number}" class="message">' in html
    assert '<span class="fb">hello</span> &lt;b&gt;' in html
    assert listener.response.headers["X-Accel-Buffering"] == "no"
    assert listener.response.headers["Cache-Control"] == "private, no-store"
    assert listener.response.headers["Content-Type"].startswith("text/event-stream")


@pytest.mark.parametrize("text", PAYLOADS)
def test_no_event_comes_from_what_was_said(logged, listen, text):
    listener = listen()
    logged.say(text.replace("\r", "").replace("\n", ""), nick="x\u2028y")
    logged.say("end")
    assert [listener.event()[0] for _ in range(2)] == ["line", "line"]
    assert event_of("line", "a\r\nevent: over\u2028\x85b") == b"event: line\ndata: a event: over  b\n\n"


def test_whoever_comes_back_gets_what_he_missed_and_nothing_twice(logged, listen):
    first = logged.say("first")
    second = logged.say("second")
    by_header, by_address = listen(last=first), listen(f"{EVENTS}?after={first}")
    third = logged.say("third")
    for listener in (by_header, by_address):
        assert [listener.event()[2] for _ in range(2)] == [second, third]


def test_whoever_missed_too_much_is_to_load_the_page_again(logged, listen):
    first = logged.say("first")
    logged.keep([logged.message(f"line {n}") for n in range(MOST_MISSED + 1)])
    assert listen(last=first).event()[0] == "reload"


def test_a_forgotten_line_is_taken_back(logged, listen):
    listener = listen()
    number = logged.say("secret")
    assert listener.event()[2] == number
    logged.forgetting.forget([number], "carol")
    assert listener.event()[:2] == ("forget", str(number))


def test_a_line_that_is_forgotten_before_it_is_sent_is_not_sent():
    reader = Reader(1, False)
    hub = tail.Tail(lambda said: said.text)
    hub.readers[1].append(reader)
    reader.put(7, b"secret\n")
    reader.put(8, b"other\n")
    hub.forget(1, [7], {7})
    events = reader.take()
    assert b"secret" not in events
    assert b"other" in events
    assert b"event: forget\ndata: 7\n" in events


def test_each_line_is_rendered_once_however_many_read(logged, listen, monkeypatch):
    listeners = [listen() for _ in range(5)]
    made = []
    render = logged.days.tail.render
    monkeypatch.setattr(logged.days.tail, "render", lambda said: (made.append(said.id), render(said))[1])
    number = logged.say("x")
    assert {listener.event()[2] for listener in listeners} == {number}
    assert made == [number]


def test_what_is_private_goes_only_to_those_who_may_see_it(logged, listen):
    logged.say("x", channel="#cabal")
    path = "/log/net/%23cabal/events"
    assert logged.ask(path).status == 404
    holder = listen(path, cookie="good")
    logged.say("secret", channel="#cabal")
    assert "secret" in holder.event()[1]


def test_what_is_said_once_a_channel_is_private_does_not_go_to_everybody(logged, listen):
    everybody, holder = listen(), listen(cookie="good")
    logged.configure(ops={"private": True})
    logged.say("secret")
    logged.configure(ops={})
    logged.say("open")
    assert "secret" in holder.event()[1]
    assert "open" in everybody.event()[1]


def test_a_stream_ends_once_its_reader_may_not_read_any_more(logged, listen, monkeypatch):
    monkeypatch.setattr(tail, "SIGN_OF_LIFE", 0.1)
    listener = listen()
    logged.configure(ops={"private": True})
    assert listener.event()[0] == "over"
    assert listener.event() is None


def test_a_quiet_stream_shows_signs_of_life(logged, listen, monkeypatch):
    monkeypatch.setattr(tail, "SIGN_OF_LIFE", 0.1)
    listener = listen()
    until(lambda: listener.response.readline() == b": still there\n")


def test_a_new_day_is_told(logged, listen, monkeypatch):
    monkeypatch.setattr(tail, "SIGN_OF_LIFE", 0.1)
    listener = listen()
    logged.now += timedelta(days=1)
    assert listener.event()[:2] == ("day", "2026-11-22")


def test_whoever_does_not_take_what_is_sent_is_told_to_load_the_page_again():
    reader = Reader(1, False)
    for number in range(100):
        reader.put(number, b"x" * (MOST_WAITING // 10))
        assert sum(len(event) for _, event in reader.waiting) <= MOST_WAITING
    assert reader.behind
    assert reader.take() == b"event: reload\ndata: \n\n"


def test_there_are_not_more_readers_than_can_be_served(logged, listen):
    logged.days.tail.most = 2
    first, _ = listen(), listen()
    answer = logged.ask(EVENTS)
    assert (answer.status, answer.headers["retry-after"]) == (503, "15")
    first.close()
    until(lambda: logged.days.tail.count == 1)
    assert listen().status == 200


def test_a_head_is_no_reader(logged):
    answer = logged.ask(EVENTS, method="HEAD")
    assert answer.status == 200
    assert logged.days.tail.count == 0


def test_streams_end_within_a_second_when_the_bot_leaves(logged, listen):
    listeners = [listen() for _ in range(20)]
    began = time.monotonic()
    logged.server.stop()
    assert time.monotonic() - began < 2
    assert all(listener.event() is None for listener in listeners)
    assert not logged.server.thread.is_alive()


def test_three_hundred_readers_see_a_line_at_once_and_cost_little(logged, listen):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    listeners = [listen() for _ in range(300)]
    took = []
    for each in range(5):
        said = logged.message(f"line {each}")
        batch = logged.database.wait(lambda connection, said=said: logged.history.keep_new(connection, [said]))
        began = time.perf_counter()
        logged.scribe.announce(batch.new)
        for listener in listeners:
            assert listener.event()[0] == "line"
        took.append(time.perf_counter() - began)
    assert min(took) < 0.5  # and 50 ms on a machine of one's own: the listeners are in this process as well
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB, with 300 listeners' own


def test_telling_never_waits_and_never_fails(logged):
    said = logged.reading.day(1, NOON.date(), False)[0]
    logged.days.kept([said])
    logged.server.stop()
    logged.days.tail.count = 1
    logged.days.kept([replace(said, id=2)])
    logged.days.changed(1, [2])
    assert threading.active_count() < 50


# What was missed


def test_a_page_that_was_empty_gets_all_of_its_day(logged, listen):
    logged.say("yesterday", at=NOON - timedelta(days=1))
    listener = listen(f"{EVENTS}?day=2026-11-21&after=0&count=0")
    assert "before" in listener.event()[1]
    logged.say("next")
    assert "next" in listener.event()[1]


def test_a_line_that_came_late_is_made_up_for(logged, listen):
    last = logged.say("seen")
    page = f"{EVENTS}?day=2026-11-21&after={last}&count="
    late = logged.say("played back", at=NOON - 60 * SECOND, replayed=True)
    assert late < last
    assert [listen(f"{page}2").event()[1].count(each) for each in ("played back", "seen")] == [1, 0]
    logged.say("end")
    assert "end" in listen(f"{page}3").event()[1]


def test_whoever_comes_back_never_goes_back(logged, listen):
    listener = listen()
    first = logged.say("first")
    late = logged.say("played back", at=NOON - 60 * SECOND, replayed=True)
    second = logged.say("second")
    assert late < first
    assert [number for *_, number in listener.events(3)] == [first, 0, second]
    again = listen(f"{EVENTS}?after={second}&count=0")
    assert {number for *_, number in again.events(4)} == {0}


def test_what_was_forgotten_meanwhile_is_taken_back(logged, listen):
    number, last = logged.say("secret"), logged.say("last")
    other = logged.say("of another day", at=NOON - timedelta(days=1))
    logged.forgetting.forget([number, other], "carol")
    for listener in (listen(last=last), listen(f"{EVENTS}?day=2026-11-21&after={last}&count=3")):
        assert listener.event()[:2] == ("forget", str(number))


# Who may hear of what


def test_a_stream_ends_before_anything_is_sent_to_whoever_has_no_token_any_more(logged, listen, monkeypatch):
    monkeypatch.setattr(tail, "SURE", 0.0)
    logged.say("x", channel="#cabal")
    listener = listen(CABAL, cookie="good")
    logged.holders.clear()
    logged.say("secret", channel="#cabal")
    assert listener.event()[0] == "over"
    assert listener.event() is None


def test_of_what_is_forgotten_everybody_hears_only_what_was_public(logged, listen):
    logged.configure(ops={"private": True})
    hidden = logged.say("secret")
    logged.configure(ops={})
    shown = logged.say("open")
    everybody, holder = listen(last=shown), listen(last=shown, cookie="good")
    logged.forgetting.forget([hidden], "carol")
    logged.forgetting.forget([shown, hidden], "carol")
    assert everybody.event()[:2] == ("forget", str(shown))
    assert [event[1] for event in holder.events(2)] == [str(hidden), str(shown)]
    assert listen(last=shown).event()[:2] == ("forget", str(shown))
    assert listen(last=shown, cookie="good").event()[:2] == ("forget", f"{hidden} {shown}")


# Midnight


def test_the_last_lines_of_a_day_come_before_the_new_one(logged, listen, monkeypatch):
    monkeypatch.setattr(tail, "SIGN_OF_LIFE", 0.1)
    logged.now = MIDNIGHT - SECOND
    listener = listen(f"{EVENTS}?day=2026-11-21")
    logged.now = MIDNIGHT + SECOND
    logged.say("last but one", at=MIDNIGHT - SECOND)
    assert "last but one" in listener.event()[1]
    logged.days.tail.in_loop(lambda: setattr(logged, "now", MIDNIGHT + 10 * SECOND))
    logged.days.kept([replace(logged.reading.day(1, NOON.date(), True)[0], id=1 << 40, text="last")])
    assert [event[0] for event in listener.events(2)] == ["line", "day"]


def test_a_page_that_slept_over_midnight_gets_the_rest_of_its_day(logged, listen):
    last = logged.say("seen")
    logged.say("the rest", at=MIDNIGHT - SECOND)
    logged.now = MIDNIGHT + timedelta(hours=9)
    logged.say("of the next day", at=MIDNIGHT + SECOND)
    listener = listen(f"{EVENTS}?day=2026-11-21&after={last}&count=2")
    assert [each in event[1] for each, event in zip(("the rest", "11-22"), listener.events(2), strict=True)] == [1, 1]


def test_a_page_of_a_new_day_is_not_told_of_the_old_one(logged, listen, monkeypatch):
    monkeypatch.setattr(tail, "SIGN_OF_LIFE", 0.1)
    logged.now = MIDNIGHT + SECOND
    listener = listen(f"{EVENTS}?day=2026-11-22&after=0&count=0")
    logged.say("good morning", at=MIDNIGHT + SECOND)
    assert "good morning" in listener.event()[1]


# How many


def test_one_caller_does_not_take_all_places(logged, listen):
    many = [listen(caller="198.51.100.7") for _ in range(MOST_OF_ONE)]
    assert listen(caller="198.51.100.7").status == 503
    assert listen(caller="198.51.100.8").status == 200
    assert listen().status == 200
    many[0].close()
    until(lambda: logged.days.tail.callers["198.51.100.7"] < MOST_OF_ONE)
    assert listen(caller="198.51.100.7").status == 200


def test_a_caller_is_an_address_or_a_network_but_no_proxy_of_this_machine():
    hosts = ("198.51.100.7", "::ffff:198.51.100.7", "2001:db8::1", "2001:db8::ff:1", "127.0.0.1", "::1", "", "x")
    network = "2001:db8::/64"
    assert [network_of(each) for each in hosts] == [*["198.51.100.7"] * 2, network, network, *[""] * 4]


# While pages are made


@pytest.fixture
def busy(logged):
    """The thread that makes pages is at it, until this is set."""
    done = threading.Event()
    logged.days.making.thread.submit(done.wait)
    yield done
    done.set()


def test_streams_and_pages_that_are_there_do_not_wait_for_pages_that_are_made(logged, listen, busy, monkeypatch):
    monkeypatch.setattr(tail, "SIGN_OF_LIFE", 0.1)
    listener = listen()
    for _ in range(3):
        assert listener.response.readline()
    assert logged.ask("/log/net/%23nowhere/2026-11-21").status == 404
    busy.set()
    tag = logged.ask("/log/net/%23ops/2026-11-21").headers["etag"]
    assert logged.ask("/log/net/%23ops/2026-11-21.txt").status == 200
    again = threading.Event()
    logged.days.making.thread.submit(again.wait)
    logged.days.cache.look_again([1])
    assert logged.ask("/log/net/%23ops/2026-11-21", if_none_match=tag).status == 304
    assert logged.ask("/log/net/%23ops/2026-11-21.txt").status == 200
    again.set()


def test_not_many_wait_for_a_page_and_none_is_made_for_those_who_are_gone(logged, busy, monkeypatch):
    logged.days.making.most = 5
    read, reading = [], logged.reading.day
    monkeypatch.setattr(logged.reading, "day", lambda *of: (read.append(of), reading(*of))[1])
    host, _, port = logged.port.address.rpartition(":")
    callers = []
    for _ in range(5):
        callers.append(socket.create_connection((host, int(port)), DEADLINE))
        callers[-1].sendall(b"GET /log/net/%23ops/2026-11-21.txt?from=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: len(logged.days.making.waiting) == 5)
    refused = logged.ask("/log/net/%23ops/2026-11-21")
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    for each in callers:
        each.close()
    until(lambda: not logged.server.server.server_state.connections)
    release = threading.Timer(0.2, busy.set)
    release.start()
    assert logged.ask("/log/net/%23ops/2026-11-21").status == 200  # those who are gone take no place
    release.join()
    assert len(read) == 2  # and the one that was begun before
