"""What somebody missed, on the page of which only they know."""

from datetime import UTC, datetime, timedelta

import pytest

from chanops.services.missed_token import LASTS, Pass, Span
from chanops.services.tables import jobs
from chanops.web.missed_pages import MOST_LINES
from tests.web.memory import NOON
from tests.web.served import PAYLOADS


def now():
    return datetime.now(UTC)


def address(remembered, *spans, nick="alice", made=None):
    ids = {each.name: each.id for each in remembered.reading.channels()}
    of = Pass(nick, tuple(Span(ids[name], since, until, name == "#cabal") for name, since, until in spans))
    return f"/missed/{remembered.missed.signer.sign(of, made or now())}"


def minute(number):
    return NOON + timedelta(minutes=number)


@pytest.fixture
def away(remembered):
    """alice was away from minute 10 to 70, from two channels."""
    remembered.say("before", nick="bob", at=minute(5))
    remembered.say("gone", event="quit", at=minute(10))
    remembered.say("alice: look at this", nick="bob", at=minute(20))
    remembered.link("https://example.org/x", "Something", nick="bob", at=minute(30))
    remembered.say("the password of the cabal", nick="carol", channel="#cabal", at=minute(40))
    remembered.say("nothing of hers", nick="carol", channel="#dev", at=minute(41))
    remembered.say("back", event="join", at=minute(70))
    remembered.say("behind", nick="bob", at=minute(80))
    return remembered


def test_it_shows_what_was_said_to_her_links_and_all_lines_of_that_time_and_no_others(away):
    path = address(away, ("#ops", minute(10), minute(70)))
    page = away.page(path)
    assert "What alice missed" in page.plain
    assert "alice: look at this" in page.plain
    assert "https://example.org/x" in page.addresses
    assert "before" not in page.plain
    assert "behind" not in page.plain
    assert "nothing of hers" not in page.plain
    ids = [found["id"] for found in page.attributes("li") if "id" in found]
    assert len(ids) == 4
    assert {each for each in page.addresses if each.startswith("#l")} <= {f"#{each}" for each in ids} | {"#links"}


def test_it_shows_the_channels_in_which_she_was_also_such_that_are_not_open(away):
    path = address(away, ("#ops", minute(10), minute(70)), ("#cabal", minute(10), minute(70)))
    page = away.page(path)
    assert "the password of the cabal" in page.plain
    assert "/log/net/%23ops/2026-11-21" in page.addresses
    assert not [each for each in page.addresses if "cabal" in each]  # she has no token for its pages
    assert [each for each in away.page(path, token=away.holder()).addresses if "cabal" in each]
    assert "password" not in away.page(address(away, ("#ops", minute(10), minute(70)))).plain


def test_nobody_keeps_it_and_no_other_site_is_told_of_it(away):
    headers = away.ask(address(away, ("#ops", minute(10), minute(70)))).headers
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]


def test_without_its_token_there_is_nothing(away):
    path = address(away, ("#ops", minute(10), minute(70)))
    for other in (
        f"{path}x",
        path[:-1],
        "/missed/",
        "/missed/x",
        "/missed/" + "A" * 1000,
        "/missed/%00",
        "/missed/..%2f",
    ):
        away.page(other, 404)
    away.page(address(away, ("#ops", minute(10), minute(70)), made=now() - LASTS), 404)
    away.page(address(away), 404)


def test_of_an_open_channel_only_what_was_public_is_shown(away):
    away.configure(ops={"private": True})
    away.say("alice: a secret of then", nick="bob", at=minute(21))
    path = address(away, ("#ops", minute(10), minute(70)))
    away.page(path, 404)
    away.configure(ops={})
    page = away.page(path)
    assert "alice: look at this" in page.plain
    assert "a secret of then" not in page.text


def test_what_was_forgotten_meanwhile_is_not_on_it(away):
    path = address(away, ("#ops", minute(10), minute(70)))
    [line] = [each.id for each in away.missed.reading.day(1, NOON.date(), True) if "look at" in each.text]
    away.forgetting.forget([line], "ops")
    page = away.page(path)
    assert "look at this" not in page.plain
    assert "was removed" in page.plain


def test_jobs_of_others_are_named_and_only_public_ones_are_led_to(away):
    row = {
        "kind": "up", "title": "up web-1", "plan": "{}", "state": "done", "text": "", "network": "net", "nick": "bob",
        "account": "bob", "channel": "#ops", "created": 0, "ended": int(minute(50).timestamp() * 1000), "changed": 0,
        "owner": "", "fence": 0, "cancelled": "", "told": True,
    }  # fmt: skip
    for number, public in ((1, True), (2, False)):
        values = {**row, "id": number, "public": public, "channel": "#cabal"}
        away.database.wait(lambda connection, values=values: connection.execute(jobs.insert(), values))
    path = address(away, ("#cabal", minute(10), minute(70)))
    page = away.page(path)
    assert "Job 1: up web-1" in page.plain
    assert "Job 2: up web-1" in page.plain
    assert [each for each in page.addresses if each.startswith("/jobs/")] == ["/jobs/1"]
    away.web(machines=False)
    assert "/jobs/1" not in away.page(path).addresses


def test_a_long_time_ends_with_a_way_to_the_log(remembered):
    messages = [
        remembered.message(f"line {number}", nick="bob", at=NOON + timedelta(seconds=number))
        for number in range(MOST_LINES + 10)
    ]
    remembered.keep(messages)
    remembered.say("elsewhere", channel="#dev", at=minute(1))
    page = remembered.page(address(remembered, ("#ops", NOON, minute(90)), ("#dev", NOON, minute(90))))
    ids = [found["id"] for found in page.attributes("li") if "id" in found]
    assert len(ids) == MOST_LINES
    assert "There is more: go on in the log" in page.plain
    assert "Not shown here: there was too much." in page.plain


def test_days_stand_under_their_names(remembered):
    for number in range(3):
        remembered.say(f"day {number}", at=NOON + timedelta(days=number))
    page = remembered.page(address(remembered, ("#ops", NOON, NOON + timedelta(days=5))))
    assert [tag for tag, _ in page.elements].count("h3") == 3


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_was_said_becomes_markup(remembered, payload):
    remembered.link("https://example.org/x", payload, nick=f"n{payload}"[:30], at=minute(1))
    remembered.say(f"alice: {payload}", nick="bob", at=minute(2))
    page = remembered.page(address(remembered, ("#ops", NOON, minute(9)), nick="alice"))
    assert not [tag for tag, _ in page.elements if tag in ("img", "iframe", "object")]
    assert page.attributes("script") == [{"src": "/static/time.js", "type": "module"}]


def test_a_title_that_was_given_where_she_may_not_read_is_not_on_it(remembered):
    remembered.link("https://example.org/x", "Where the cabal meets", channel="#was", at=minute(1))
    said = remembered.message("see https://example.org/x", nick="bob", at=minute(2))
    remembered.keep([said])
    remembered.links.add("https://example.org/x", "", said)
    path = address(remembered, ("#ops", NOON, minute(9)))
    assert "Where the cabal meets" in remembered.page(path).plain
    remembered.configure(was={"private": True})
    page = remembered.page(path)
    assert "https://example.org/x" in page.plain
    assert "Where the cabal meets" not in page.text


def test_a_channel_that_became_private_is_not_on_it_any_more(away):
    path = address(away, ("#ops", minute(10), minute(70)))
    away.page(path)
    away.configure(ops={"private": True})
    away.page(path, 404)
