"""The links on pages: by day, person, channel, word and tag, and only those that may be seen."""

from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest

from chanops.web.link_pages import MOST
from tests.web.memory import NOON
from tests.web.served import PAYLOADS


def shown(page):
    """The addresses of the links, in their order."""
    return [found["href"] for found in page.attributes("a") if found.get("class") == "link"]


@pytest.fixture
def some(remembered):
    remembered.link("https://a.example/1", "Runbook #ops", nick="alice", at=NOON - timedelta(days=1))
    remembered.link("https://b.example/2", "Dashboard", nick="bob")
    remembered.link("https://c.example/3", "Notes #dev #later", nick="Alice", channel="#dev")
    remembered.link("https://d.example/4", "Minutes", nick="alice", channel="#cabal")
    return remembered


def test_each_link_has_its_title_its_host_who_and_where(some):
    page = some.page("/links")
    assert shown(page) == ["https://c.example/3", "https://b.example/2", "https://a.example/1"]
    assert "Dashboard b.example bob in #ops, 2026-11-21 12:00 UTC" in page.plain
    line = some.links.newest("Dashboard")[0].said.id
    assert f"/log/net/%23ops/2026-11-21#l{line}" in page.addresses
    assert "/links?tag=later" in page.addresses
    assert "/links?by=net%2Fbob" in page.addresses


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("by=net/alice", "ca"),
        ("by=net/ALICE", "ca"),
        ("by=other/alice", ""),
        ("by=net/ali", ""),
        ("in=net/%23ops", "ba"),
        ("in=net/%23OPS", "ba"),
        ("day=2026-11-20", "a"),
        ("day=2026-11-21", "cb"),
        ("day=1999-01-01", ""),
        ("tag=ops", "a"),
        ("tag=%23LATER", "c"),
        ("tag=late", ""),
        ("q=dash", "b"),
        ("q=EXAMPLE+notes", "c"),
        ("q=%25", ""),
        ("q=_", ""),
        ("q=example&by=net/alice&in=net/%23ops", "a"),
        ("q=example&day=2026-11-20", "a"),
    ],
)
def test_they_can_be_chosen(some, query, found):
    assert "".join(urlsplit(each).hostname[0] for each in shown(some.page(f"/links?{query}"))) == found


@pytest.mark.parametrize(
    "query",
    ["in=net/%23cabal", "in=net/%23none", "in=net", "in=%23ops", "by=alice", "by=/alice", "by=net/", "day=x",
     "day=2026-13-01", "before=x", "before=0", "before=-1", f"before={'9' * 30}", "before="],
)  # fmt: skip
def test_what_makes_no_sense_or_may_not_be_seen_is_not_there(some, query):
    some.page(f"/links?{query}", 404)


def test_only_a_holder_sees_what_is_not_open(some):
    assert "https://d.example/4" not in shown(some.page("/links"))
    token = some.holder("net/#cabal")
    assert shown(some.page("/links?in=net/%23cabal", token=token)) == ["https://d.example/4"]
    assert "https://d.example/4" in shown(some.page("/links", token=token))
    assert some.ask("/links", token).headers["cache-control"] == "private, no-store"
    some.configure(ops={"private": True})
    assert shown(some.page("/links")) == ["https://c.example/3"]


def test_what_was_said_in_private_stays_so_when_the_channel_is_opened(some):
    some.configure(cabal={"private": False})
    assert "https://d.example/4" not in shown(some.page("/links"))
    some.link("https://e.example/5", "New", channel="#cabal")
    assert "https://e.example/5" in shown(some.page("/links"))


def test_who_mentioned_it_again_is_named_once_where_that_may_be_seen(some):
    for nick, channel in (("bob", "#ops"), ("bob", "#dev"), ("carol", "#ops"), ("alice", "#ops"), ("eve", "#cabal")):
        said = some.message("again https://c.example/3", nick=nick, channel=channel)
        some.keep([said])
        some.links.add("https://c.example/3", "", said)
    assert "12:00 UTC, also by bob, carol #dev" in some.page("/links?tag=dev").plain
    assert "eve" not in some.page("/links").plain


def test_pages_follow_each_other_until_all_was_shown(remembered):
    for number in range(MOST + 7):
        remembered.link(f"https://a.example/{number}", f"title {number}", at=NOON + timedelta(minutes=number))
    for query in ("/links", "/links?by=net/alice", "/links?q=title"):
        first = remembered.page(query)
        [earlier] = [found["href"] for found in first.attributes("a") if found.get("rel") == "prev"]
        second = remembered.page(earlier)
        assert len(shown(first)) == MOST
        assert shown(first) + shown(second) == [f"https://a.example/{number}" for number in reversed(range(MOST + 7))]
        assert not [found for found in second.attributes("a") if found.get("rel") == "prev"]


def test_links_of_one_line_follow_each_other(remembered):
    said = remembered.message("https://a.example/1 https://a.example/2 https://a.example/3")
    remembered.keep([said])
    for number in (1, 2, 3):
        remembered.links.add(f"https://a.example/{number}", "", said)
    links = remembered.links.newest()
    last = next(link for link in links if link.address.endswith("3"))
    assert shown(remembered.page("/links")) == [f"https://a.example/{number}" for number in (3, 2, 1)]
    assert shown(remembered.page(f"/links?before={last.id}")) == ["https://a.example/2", "https://a.example/1"]


def test_a_link_whose_line_was_forgotten_is_gone(some):
    some.forgetting.forget([some.links.newest("Dashboard")[0].said.id], "ops")
    page = some.page("/links")
    assert "https://b.example/2" not in shown(page)
    assert "Dashboard" not in page.plain


def test_the_title_of_the_page_stands_where_nobody_gave_one(remembered):
    link = remembered.link("https://a.example/1")
    remembered.links.titled(link.id, link.address, "What the page says")
    remembered.database.wait(lambda connection: None)
    assert "What the page says a.example" in remembered.page("/links").plain


def test_without_links_it_says_how_to_keep_one(remembered):
    assert ".url ADDRESS TITLE" in remembered.page("/links").plain


def test_the_feed_with_the_same_is_named(some):
    found = [each["href"] for each in some.page("/links?by=net/bob").attributes("link")]
    assert "/links/by/net/bob.rss" in found
    assert "/links/tag/ops.rss" in [each["href"] for each in some.page("/links?tag=ops").attributes("link")]
    there = [each["href"] for each in some.page("/links?in=net/%23ops").attributes("link")]
    assert "/log/net/%23ops/links.rss" in there


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_is_said_or_typed_becomes_markup(remembered, payload):
    remembered.link("https://a.example/1", payload, nick=f"n{payload}"[:30])
    for path in (
        "/links",
        *(f"/links?{name}={quote(payload)}" for name in ("q", "tag")),
        f"/links?by=net/{quote(payload)}",
    ):
        answer = remembered.ask(path)
        assert answer.status == 200
        page = remembered.page(path)
        assert not [tag for tag, _ in page.elements if tag in ("script", "img", "iframe", "object")]


@pytest.mark.parametrize("name", ["q", "by", "in", "day", "tag", "before"])
@pytest.mark.parametrize(
    "text", ["\0", "\ud800", "'", '"', "%", "a" * 5000, "net/" + "a" * 5000, "net/\0", "2026-11-21\0"]
)
def test_whatever_is_typed_is_no_error(remembered, name, text):
    assert remembered.ask(f"/links?{name}={quote(text, errors='surrogatepass')}").status in (200, 404)


def test_an_address_that_seems_to_lead_elsewhere_is_text(remembered):
    remembered.link("https://bank.example@evil.example/", "Bank")
    page = remembered.page("/links")
    assert shown(page) == []
    assert "Bank https://bank.example@evil.example/" in page.plain
