"""Five readers that others wrote agree on what is in our feeds, over real HTTP."""

import json

import pytest

from tests.feeds.agents import AGENTS, BY_READER, python
from tests.feeds.rules import entries_of
from tests.feeds.served import ServedFeeds

FEEDS = ["/feed.rss", "/feed.atom", "/log/net/%23ops/links.rss", "/links/tag/read.atom", "/search.rss?q=look+%26"]


@pytest.fixture(scope="module")
def served(tmp_path_factory, empty_database):
    made = ServedFeeds(tmp_path_factory.mktemp("readers") / "data", empty_database)
    made.say("what came before & <so> on")
    made.add("https://example.org/?a=1&b=2#part", "A #read & more: 1 < 2 > 0", text="look & see", nick="al[i]ce")
    made.add("https://example.org/two", "Ünïcode ✓ \U0001f600 日本 #read", text="look &", nick="bob|away")
    made.add("https://example.org/three?q=%3Cx%3E", "", text='look & "see" https://example.org/three?q=%3Cx%3E')
    made.add("https://example.org/four", "Bold \x02and\x02 \x0304red\x03 #read", nick="d\\e^`{}")
    made.job("up <web-1> & web-2")
    yield made
    made.stop()


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize("agent", AGENTS)
def test_a_reader_understands_each_item_as_it_was_meant(agent, path, served, tmp_path):
    form = path.partition("?")[0].rpartition(".")[2]
    expected = sorted(each[:5] for each in entries_of(served.ask(path).body, form))
    assert len(expected) >= 1
    found = AGENTS[agent](f"http://{served.place}{path}", tmp_path, len(expected))
    assert sorted(map(tuple, found)) == expected


def test_the_reader_that_knows_json_feed_understands_it_too(served, tmp_path):
    AGENTS["reader"](f"http://{served.place}/links.rss", tmp_path, 4)  # skips where it is not installed
    made = json.loads(served.ask("/links.json").body)
    found = python(BY_READER, f"http://{served.place}/links.json", 4)
    assert sorted((each.title, each.guid, each.author) for each in found) == sorted(
        (each["title"], each["id"], each["authors"][0]["name"]) for each in made["items"]
    )
