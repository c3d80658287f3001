"""The links on pages: by day, person, channel, word and tag, and only those that may be seen."""

import threading
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest

from chanops.web.link_pages import AT_ONCE, MOST, MOST_WAITING
from tests.web.memory import DEADLINE, NOON
from tests.web.served import PAYLOADS, until


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
def test_whatever_is_typed_is_no_error(remembered, name):
    for text in ("\0", "\ud800", "'", '"', "%", "a" * 5000, "net/" + "a" * 5000, "net/\0", "2026-11-21\0"):
        assert remembered.ask(f"/links?{name}={quote(text, errors='surrogatepass')}").status in (200, 404), text


def test_an_address_that_seems_to_lead_elsewhere_is_text(remembered):
    remembered.link("https://bank.example@evil.example/", "Bank")
    page = remembered.page("/links")
    assert shown(page) == []
    assert "Bank https://bank.example@evil.example/" in page.plain


def again(remembered, address, title="", **more):
    """Have a link said again, with more words; the number of that line."""
    said = remembered.message(f"look {address}", **more)
    [number] = remembered.keep([said])
    remembered.links.add(address, title, said)
    return number


def test_where_a_link_was_said_again_it_is_listed_with_the_line_that_said_it_there(some):
    number = again(some, "https://b.example/2", nick="dave", channel="#dev")
    again(some, "https://b.example/2", nick="erin", channel="#dev")
    page = some.page("/links?in=net/%23dev")
    assert shown(page) == ["https://b.example/2", "https://c.example/3"]
    assert "Dashboard b.example dave in #dev" in page.plain
    assert "also by erin" in page.plain
    assert f"/log/net/%23dev/2026-11-21#l{number}" in page.addresses
    assert shown(some.page("/links")) == ["https://c.example/3", "https://b.example/2", "https://a.example/1"]
    some.forgetting.forget([number], "ops")
    assert "Dashboard b.example erin in #dev" in some.page("/links?in=net/%23dev").plain


def test_who_said_a_link_again_has_it_among_theirs(some):
    again(some, "https://a.example/1", nick="dave")
    again(some, "https://b.example/2", nick="dave", channel="#dev", at=NOON + timedelta(hours=3))
    page = some.page("/links?by=net/dave")
    assert shown(page) == ["https://b.example/2", "https://a.example/1"]
    assert "dave in #dev, 2026-11-21 15:00 UTC" in page.plain
    assert shown(some.page("/links?by=net/dave&in=net/%23ops")) == ["https://a.example/1"]
    assert shown(some.page("/links?by=other/dave")) == []


def test_a_link_is_listed_on_each_day_on_which_it_was_said(some):
    again(some, "https://a.example/1", nick="dave")
    assert "https://a.example/1" in shown(some.page("/links?day=2026-11-21"))
    assert shown(some.page("/links?day=2026-11-20")) == ["https://a.example/1"]


def test_links_that_were_said_again_are_on_the_pages_that_follow_each_other(remembered):
    for number in range(MOST):
        remembered.link(f"https://a.example/{number}", at=NOON + timedelta(minutes=number))
    for number in range(MOST):
        again(remembered, f"https://a.example/{number}", channel="#dev", at=NOON + timedelta(hours=2, minutes=number))
        remembered.link(f"https://b.example/{number}", channel="#dev", at=NOON + timedelta(hours=2, minutes=number))
    first = remembered.page("/links?in=net/%23dev")
    [earlier] = [found["href"] for found in first.attributes("a") if found.get("rel") == "prev"]
    wanted = [f"https://{host}.example/{number}" for number in reversed(range(MOST)) for host in "ba"]
    assert shown(first) + shown(remembered.page(earlier)) == wanted


def test_where_a_link_was_said_first_in_secret_its_title_is_one(some):
    some.link("https://e.example/5", "Codename zebra", channel="#was")
    again(some, "https://e.example/5", nick="dave", channel="#dev")
    assert "Codename zebra" in some.page("/links?in=net/%23dev").plain
    some.configure(was={"private": True})
    for path in ("/links", "/links?in=net/%23dev", "/links?by=net/dave"):
        page = some.page(path)
        assert "https://e.example/5" in shown(page)
        assert "zebra" not in page.text
    assert shown(some.page("/links?q=zebra")) == []
    assert "Codename zebra" in some.page("/links?in=net/%23dev", token=some.holder("net/#was")).plain


def test_few_look_for_links_at_once_and_who_comes_too_many_is_asked_to_come_again(remembered):
    busy, go, most = threading.Semaphore(0), threading.Event(), []
    page = remembered.listing.lists.page

    def slow(*args):
        busy.release()
        most.append(1)
        assert go.wait(DEADLINE)
        return page(*args)

    remembered.listing.lists.page = slow
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(remembered.ask("/links?q=zebra")))
        for _ in range(MOST_WAITING + 5)
    ]
    for thread in threads:
        thread.start()
    for _ in range(AT_ONCE):
        assert busy.acquire(timeout=DEADLINE)
    until(lambda: len(answers) == 5)
    assert {each.status for each in answers} == {503}
    assert b"try again in a moment" in answers[0].body.encode()
    assert len(most) == AT_ONCE
    go.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(each.status for each in answers) == [200] * MOST_WAITING + [503] * 5
