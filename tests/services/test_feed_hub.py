"""The hub: told once of each feed that has news, of nothing else, and whatever it does."""

import http.server
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from chanops.core.sections import ChannelSettings, FeedSettings, Settings
from chanops.services.feed_hub import Hub
from chanops.services.feed_topics import TYPES
from chanops.testing import until
from tests.feeds.kept import ROOT, Kept

GAP = 0.3


class Listening(http.server.BaseHTTPRequestHandler):
    """Notes what it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body))
        self.server.told.append((self.path, self.headers["Content-Type"], form))
        self.server.times.setdefault(form.get("hub.url"), []).append(time.monotonic())
        self.server.asked.set()
        self.server.go.wait(10)
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


@contextmanager
def hub_server(status=204):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    server.told, server.status, server.asked, server.go = [], status, threading.Event(), threading.Event()
    server.times = {}
    server.go.set()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.go.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def address(server):
    return f"http://127.0.0.1:{server.server_port}/hub"


@pytest.fixture
def kept(tmp_path, empty_database, database_url):
    made = Kept(tmp_path / "data", empty_database, url=database_url)
    yield made
    made.stop()


@contextmanager
def telling(kept, hub, soon=0.0):
    """A hub that has taken note of what there is."""
    kept.now = Settings(feed=FeedSettings(hub=hub), channels={"#cabal": ChannelSettings(private=True)})
    made = Hub(kept.feed, lambda: kept.now, GAP, soon)
    made.start()
    try:
        until(lambda: made.noted.is_set())
        yield made
    finally:
        made.stop()


def feeds(*names):
    return {f"{ROOT}{name}.{form}" for name in names for form in TYPES}


def told(server):
    return Counter(form["hub.url"] for _, _, form in server.told)


def test_the_hub_is_told_of_each_feed_that_has_news(kept):
    kept.add("https://a.example/", "before")
    kept.say("before", channel="#dev")
    with hub_server() as server, telling(kept, address(server)) as hub:
        kept.add("https://b.example/", "news")
        hub.poke()
        expected = feeds("/feed", "/links", "/log/net/%23ops/feed", "/log/net/%23ops/links")
        until(lambda: set(told(server)) >= expected)
        until(lambda: hub.idle.is_set())
        assert told(server) == Counter(expected)
        assert {(path, kind) for path, kind, _ in server.told} == {("/hub", "application/x-www-form-urlencoded")}
        assert {tuple(form) for _, _, form in server.told} == {("hub.mode", "hub.url")}
        assert {form["hub.mode"] for _, _, form in server.told} == {"publish"}


def test_of_a_private_channel_and_of_what_is_no_news_the_hub_hears_nothing(kept):
    kept.say("before", channel="#cabal")
    with hub_server() as server, telling(kept, address(server)) as hub:
        kept.add("https://a.example/", "secret", channel="#cabal")
        kept.say("only talk")
        for _ in range(3):
            hub.poke()
        kept.add("https://b.example/", "news")
        hub.poke()
        until(lambda: f"{ROOT}/log/net/%23ops/links.json" in told(server))
        assert not [each for each in told(server) if "cabal" in each]
    assert not [each for each in told(server) if "jobs" in each and "%23" not in each]


def test_what_comes_at_once_is_told_once_and_what_comes_soon_after_a_little_later(kept):
    with hub_server() as server, telling(kept, address(server), soon=0.2) as hub:
        for number in range(5):
            kept.add(f"https://a.example/{number}", "news")
            hub.poke()
        links = f"{ROOT}/links.rss"
        until(lambda: told(server)[links] == 1)
        kept.add("https://b.example/", "more")
        hub.poke()
        until(lambda: told(server)[links] == 2)
        until(lambda: hub.idle.is_set())
        assert told(server)[links] == 2
    [first, second] = server.times[links]
    assert second - first > GAP * 0.9


@pytest.mark.parametrize("status", [404, 500, 302])
def test_a_hub_that_refuses_is_complained_about_once(status, kept, caplog):
    with hub_server(status) as server, telling(kept, address(server)) as hub:
        for number in range(2):
            kept.add(f"https://a.example/{number}", "news")
            hub.poke()
            until(lambda n=number: told(server)[f"{ROOT}/links.json"] == n + 1)
        until(lambda: hub.idle.is_set())
        assert {path for path, _, _ in server.told} == {"/hub"}
        found = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert found == [f"the hub {address(server)} cannot be told of news: it answers {status}"]


@pytest.mark.parametrize("hub", ["http://127.0.0.1:1/", "http://nowhere.invalid/", "no address", "ftp://x/"])
def test_a_hub_that_cannot_be_reached_is_complained_about_once(hub, kept, caplog):
    with telling(kept, hub) as made:
        kept.add("https://a.example/", "news")
        made.poke()
        until(lambda: made.failed and made.idle.is_set())
    found = [each for each in caplog.records if each.levelname == "WARNING"]
    assert len(found) == 1
    assert kept.titles() == ["news"]


def test_nobody_waits_for_a_hub_that_does_not_answer(kept):
    with hub_server() as server, telling(kept, address(server)) as hub:
        server.go.clear()
        kept.add("https://a.example/", "news")
        hub.poke()
        assert server.asked.wait(10)
        kept.add("https://b.example/", "more")
        hub.poke()
        assert kept.titles() == ["more", "news"]


def test_what_is_written_only_after_it_was_heard_of_is_told_as_well(kept):
    with hub_server() as server, telling(kept, address(server)) as hub:
        hub.poke()
        until(lambda: not hub.poked.is_set())
        kept.add("https://a.example/", "news")
        until(lambda: f"{ROOT}/links.json" in told(server))


def test_without_a_hub_nothing_is_looked_at(kept):
    with telling(kept, "") as hub:
        kept.add("https://a.example/", "news")
        hub.poke()
        until(lambda: hub.idle.is_set() and not hub.poked.is_set())
        assert len(kept.feed.lasting.made) == 0


def test_a_hub_that_is_configured_later_is_told_from_then_on(kept):
    with hub_server() as server, telling(kept, "") as hub:
        kept.now = replace(kept.now, feed=FeedSettings(hub=address(server)))
        kept.add("https://a.example/", "news")
        hub.poke()
        until(lambda: f"{ROOT}/links.json" in told(server))
