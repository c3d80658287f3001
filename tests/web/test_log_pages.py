"""The pages of the log: what everybody sees, what only holders of a token see, and what is answered without work."""

import contextlib
import re
import socket
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

import pytest

from chanops.services.reading import Day
from chanops.web.cache import Cache, Made
from chanops.web.calendar_view import level_of, totals, year_of
from chanops.web.log_days import day_in
from tests.web.logged import NOON, Logged
from tests.web.served import Page, until

DAY = "/log/net/%23ops/2026-11-21"
PRIVATE_DAY = "/log/net/%23cabal/2026-11-21"


@pytest.fixture
def logged(database):
    made = Logged(database)
    yield made
    made.stop()


def page(logged, path, **more):
    answer = logged.ask(path, **more)
    assert answer.status == 200, answer.body
    return Page(answer.body)


# A day


def test_a_day_shows_its_lines_by_their_time(logged):
    later = logged.say("second", at=NOON + timedelta(hours=1))
    sooner = logged.say("first", at=NOON)
    logged.say("another day", at=NOON - timedelta(days=1))
    shown = page(logged, DAY)
    assert [each["id"] for each in shown.attributes("li")] == [f"l{sooner}", f"l{later}"]
    assert "12:00 alice first" in shown.plain
    assert "another day" not in shown.text
    assert "Saturday, 21 November 2026" in shown.plain


def test_the_days_before_and_behind_are_those_with_lines(logged):
    for days in (5, 2, 0):
        logged.say("x", at=NOON - timedelta(days=days))
    shown = page(logged, "/log/net/%23ops/2026-11-19")
    found = {each["rel"]: each["href"] for each in shown.attributes("link") if each["rel"] in ("prev", "next")}
    assert found == {"prev": "/log/net/%23ops/2026-11-16", "next": DAY}
    assert set(found.values()) <= set(shown.addresses)


def test_an_old_page_knows_of_the_day_that_came_behind_it(logged):
    logged.say("x", at=NOON - timedelta(days=2))
    old = logged.ask("/log/net/%23ops/2026-11-19")
    logged.say("x", at=NOON)
    until(lambda: DAY in logged.ask("/log/net/%23ops/2026-11-19", if_none_match=old.headers["etag"]).body)


@pytest.mark.parametrize(
    "path",
    ["/log/net/%23ops/2026-11-20", "/log/net/%23ops/20261121", "/log/net/%23ops/2026-11-31", "/log/net/%23ops/x",
     "/log/net/%23other/", "/log/other/%23ops/", "/log/net/%23ops/2026-11-20.txt", "/log/net/%23other/events",
     "/log/net/%23ops/?year=2001", "/log/net/%23ops/?year=x", "/line/1", "/line/x", "/log/net", "/log/"],
)  # fmt: skip
def test_where_nothing_is_there_is_no_page(logged, path):
    logged.say("x")
    assert logged.ask(path).status == 404


def test_today_has_a_page_before_anything_was_said(logged):
    logged.say("x", at=NOON - timedelta(days=1))
    assert "Nothing was said yet today" in page(logged, DAY).text


def test_a_channel_is_found_however_it_is_cased(logged):
    logged.say("x")
    assert "alice x" in page(logged, "/log/net/%23OPS/2026-11-21").plain


def test_a_channel_with_a_slash_has_all_its_pages(logged):
    number = logged.say("x", channel="#a/b c")
    root = "/log/net/%23a%2Fb%20c/"
    assert f"{root}2026-11-21" in page(logged, root).addresses
    assert logged.ask(f"/line/{number}").headers["location"] == f"{root}2026-11-21#l{number}"
    assert "alice x" in page(logged, f"{root}2026-11-21").plain
    assert logged.ask(f"{root}2026-11-21.txt").body.endswith("<alice> x\n")


def test_a_title_and_a_job_are_shown(logged):
    said = logged.message("https://example.org/a and job 41")
    logged.keep([said])
    logged.links.add("https://example.org/a", "A read", said)
    shown = page(logged, DAY)
    assert "https://example.org/a A read and job 41" in shown.plain
    assert "/jobs/41" in shown.addresses
    logged.web(machines=False)
    assert "/jobs/41" not in page(logged, DAY).addresses


def test_a_forgotten_line_leaves_its_mark_at_once(logged):
    number = logged.say("the password is hunter2", nick="bob")
    assert "hunter2" in logged.ask(DAY).body
    logged.forgetting.forget([number], "carol")
    shown = page(logged, DAY)
    assert "a line of bob was removed by carol" in shown.plain
    assert "hunter2" not in shown.text
    assert f"l{number}" in [each.get("id") for each in shown.attributes("li")]
    assert logged.ask(f"/line/{number}").headers["location"] == f"{DAY}#l{number}"
    assert "hunter2" not in logged.ask(f"{DAY}.txt").body


def test_20_000_lines_are_one_page(logged):
    second = timedelta(seconds=2)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    for begin in range(0, 20_000, 5000):
        logged.keep([logged.message(f"line {n}", at=midnight + n * second) for n in range(begin, begin + 5000)])
    body = logged.ask(DAY).body
    assert body.count("<li ") == 20_000
    assert body.count('<a href="#l') == 12  # one for each hour


# As text


def test_a_day_or_a_part_of_it_is_to_be_had_as_text(logged):
    first, second, third = (logged.say(f"\x02line\x02 {each}") for each in "abc")
    answer = logged.ask(f"{DAY}.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.body.splitlines()[0] == "2026-11-21 12:00:00 <alice> line a"
    assert logged.ask(f"{DAY}.txt?from={second}").body.count("\n") == 2
    assert logged.ask(f"{DAY}.txt?from={first}&to={second}").body.count("\n") == 2
    assert "line c" in logged.ask(f"{DAY}.txt?to={third}&from={third}").body
    assert logged.ask(f"{DAY}.txt?from=7").status == logged.ask(f"{DAY}.txt?from=x").status == 404


def test_a_text_is_made_once_and_whoever_has_it_is_told_so(logged, monkeypatch):
    first, _ = logged.say("x"), logged.say("y")
    answers = {path: logged.ask(path) for path in (f"{DAY}.txt", f"{DAY}.txt?from={first}&to={first}", DAY)}
    assert len({answer.headers["etag"] for answer in answers.values()}) == 3
    whole = answers[f"{DAY}.txt"]
    monkeypatch.setattr(logged.reading, "day", lambda *_: pytest.fail("the lines were read"))
    assert logged.ask(f"{DAY}.txt").body == whole.body
    for path, answer in answers.items():
        again = logged.ask(path, if_none_match=answer.headers["etag"])
        assert (again.status, again.body) == (304, "")
    monkeypatch.undo()
    logged.say("z")
    until(lambda: "<alice> z" in logged.ask(f"{DAY}.txt", if_none_match=whole.headers["etag"]).body)
    assert logged.ask(f"{DAY}.txt", cookie="good").headers["cache-control"] == "private, no-store"


def test_whoever_takes_nothing_of_a_long_page_holds_little_of_it(logged):
    logged.keep([logged.message(f"{n} {'x' * 390}") for n in range(5000)])
    whole = logged.ask(DAY)
    size = len(whole.body.encode())
    assert size > 2_000_000
    assert int(whole.headers["content-length"]) == size
    assert logged.ask(DAY, method="HEAD").headers["content-length"] == str(size)
    host, _, port = logged.port.address.rpartition(":")
    logged.port.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # else the kernel takes all of it
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            caller = stack.enter_context(socket.socket())
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.connect((host, int(port)))
            caller.sendall(f"GET {DAY} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connections = logged.server.server.server_state.connections
        until(lambda: sum(each.flow.write_paused for each in list(connections)) == 20)
        assert max(each.transport.get_write_buffer_size() for each in connections) < 256 * 1024


# Who sees what


def test_what_is_private_is_answered_like_what_is_not_there(logged):
    number = logged.say("secret", channel="#cabal")
    root = "/log/net/%23cabal"
    for path in (PRIVATE_DAY, f"{PRIVATE_DAY}.txt", f"{root}/", f"{root}/events", root, f"/line/{number}"):
        hidden = logged.ask(path)
        absent = logged.ask(path.replace("cabal", "nowhere").replace(str(number), str(number + 1)))
        assert hidden.status == absent.status == 404
        assert hidden.body == absent.body
        del hidden.headers["date"], absent.headers["date"]
        assert hidden.headers == absent.headers
    assert "cabal" not in logged.ask("/").body


def test_a_holder_of_a_token_sees_what_is_private_and_nobody_keeps_that(logged):
    number = logged.say("secret", channel="#cabal")
    for path in (PRIVATE_DAY, "/log/net/%23cabal/", "/"):
        answer = logged.ask(path, cookie="good")
        assert answer.status == 200
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("private, no-store", "Cookie")
        assert logged.ask(path, cookie="bad").body == logged.ask(path).body
    assert "secret" in logged.ask(PRIVATE_DAY, cookie="good").body
    assert logged.ask(f"/line/{number}", cookie="good").headers["location"] == f"{PRIVATE_DAY}#l{number}"
    assert "private" in page(logged, "/", cookie="good").plain
    assert logged.ask(PRIVATE_DAY).status == 404


def test_what_was_said_while_a_channel_was_private_stays_so(logged):
    hidden = logged.say("secret", channel="#cabal")
    logged.configure(cabal={})
    assert logged.ask(f"/line/{hidden}").status == 404
    assert "secret" not in logged.ask(PRIVATE_DAY).body
    logged.say("open", channel="#cabal")
    assert "open" in logged.ask(PRIVATE_DAY).body
    assert "secret" not in logged.ask(PRIVATE_DAY).body
    assert "secret" in logged.ask(PRIVATE_DAY, cookie="good").body


def test_a_private_channel_whose_section_was_removed_is_answered_like_one_that_is_not_there(logged):
    logged.say("open")
    number = logged.say("secret", channel="#cabal")
    logged.configure(cabal={})
    assert "cabal" not in logged.ask("/").body
    missing = logged.ask("/log/net/%23none/")
    day = PRIVATE_DAY.removesuffix("2026-11-21")
    for path in (day, PRIVATE_DAY, f"{PRIVATE_DAY}.txt", f"{day}live", f"/line/{number}"):
        answer = logged.ask(path)
        assert (answer.status, answer.body) == (404, missing.body), path


def test_a_channel_that_becomes_private_is_gone_at_once(logged):
    logged.say("x")
    assert logged.ask(DAY).status == 200
    logged.configure(ops={"private": True})
    assert logged.ask(DAY).status == 404


# What is kept


def test_whoever_has_a_page_is_told_so_without_it_being_made(logged, monkeypatch):
    logged.say("x", at=NOON - timedelta(days=1))
    path = "/log/net/%23ops/2026-11-20"
    first = logged.ask(path)
    assert first.headers["cache-control"] == "public, max-age=60, must-revalidate"
    logged.days.cache.forget(1)
    monkeypatch.setattr(logged.reading, "day", lambda *_: pytest.fail("the lines were read"))
    again = logged.ask(path, if_none_match=first.headers["etag"])
    assert (again.status, again.body, again.headers["etag"]) == (304, "", first.headers["etag"])
    assert logged.ask(path, if_none_match=f'"x", W/{first.headers["etag"]}').status == 304


def test_a_page_is_made_once_for_all(logged, monkeypatch):
    logged.say("x")
    first = logged.ask(DAY)
    monkeypatch.setattr(logged.reading, "day", lambda *_: pytest.fail("the lines were read"))
    assert logged.ask(DAY).body == first.body
    assert first.headers["cache-control"] == "no-cache"


def test_another_line_or_other_settings_make_another_page(logged):
    logged.say("x")
    tags = [logged.ask(DAY).headers["etag"]]
    logged.say("y")
    until(lambda: "alice y" in page(logged, DAY).plain)
    tags.append(logged.ask(DAY).headers["etag"])
    logged.web(machines=False)
    tags.append(logged.ask(DAY).headers["etag"])
    logged.now += timedelta(days=1)
    logged.web(machines=False, metrics=False)
    tags.append(logged.ask(DAY).headers["etag"])
    assert len(set(tags)) == 4
    assert "data-events" not in logged.ask(DAY).body


def made(tag="a", size=10, channel=1, settings=None, checked=float("inf")):
    return Made(tag, b"x" * size, settings, channel, checked)


def test_the_cache_is_bounded_and_keeps_what_was_asked_for_last():
    cache = Cache(5000)
    for key in "abc":
        cache.put(key, made(size=500), 0)
    assert cache.fresh("a", None)
    cache.put("d", made(size=500), 0)
    assert [cache.fresh(key, None) is not None for key in "abcd"] == [True, False, True, True]
    cache.put("e", made(size=9000), 0)
    assert (cache.size, len(cache.pages)) == (0, 0)


def test_the_cache_keeps_no_page_that_was_begun_before_something_was_forgotten():
    cache = Cache()
    cache.put("a", made(), cache.turn)
    turn = cache.turn
    cache.forget(1)
    assert cache.fresh("a", None) is None
    cache.put("a", made(), turn)
    assert cache.fresh("a", None) is None
    cache.put("a", made(), cache.turn)
    assert cache.fresh("a", None)
    assert cache.fresh("a", "other settings") is None
    cache.forget(2)
    assert cache.body("a", "a") == b"x" * 10
    assert cache.body("a", "b") is None


# Headers


def test_scripts_connections_and_forms_are_allowed_only_where_they_are(logged):
    logged.say("x")
    logged.say("x", at=NOON - timedelta(days=1))
    policies = {
        path: logged.ask(path).headers["content-security-policy"]
        for path in ("/", "/log/net/%23ops/", "/log/net/%23ops/2026-11-20", DAY)
    }
    assert ["script-src" in each for each in policies.values()] == [False, False, True, True]
    assert ["connect-src" in each for each in policies.values()] == [False, False, False, True]
    assert ["form-action 'self'" in each for each in policies.values()] == [True, True, False, False]
    assert not any("unsafe" in each for each in policies.values())
    assert logged.ask(DAY).headers["x-robots-tag"] == "noindex"
    logged.web(index=True)
    assert {logged.ask(path).headers["x-robots-tag"] for path in policies} == {"all"}
    assert logged.ask("/line/1").headers["x-robots-tag"] == "noindex"


# The calendar and the list


def test_the_calendar_leads_to_days_that_have_lines_and_says_how_many(logged):
    for days in (0, 0, 1, 400):
        logged.say("x", at=NOON - timedelta(days=days))
    logged.say("", "join", at=NOON - timedelta(days=2))
    shown = page(logged, "/log/net/%23ops/")
    days = [each for each in shown.addresses if re.search(r"\d{4}-\d\d-\d\d$", each)]
    root = "/log/net/%23ops/"
    wanted = {f"{root}{each}" for each in ("2026-11-21", "2026-11-20", "2026-11-19", "2025-10-17")}
    assert set(days) == wanted
    assert "21: 2 lines" in shown.plain
    assert "19: 1 event" in shown.plain
    assert f"{root}?year=2025" in shown.addresses
    assert "17: 1 line" in page(logged, f"{root}?year=2025").plain
    assert logged.ask("/log/net/%23ops").headers["location"] == root


def test_fifteen_years_are_a_light_page():
    days = [Day(date(2012, 1, 1) + timedelta(days=n), n % 90, 1) for n in range(15 * 365)]
    assert len(totals(days)) == 15
    assert totals(days)[0].number == 2026
    newest = year_of(2026, days)
    cells = [cell for month in newest.months for week in month.weeks for cell in week if cell]
    assert newest.months[0].name == "December"
    assert {len(week) for month in newest.months for week in month.weeks} == {7}
    assert {cell.level for cell in cells} == {0, 1, 2, 3, 4, 5}
    assert len(cells) == 365


def test_levels_grow_with_what_was_said():
    found = [level_of(spoken, 1000) for spoken in range(1001)]
    assert found == sorted(found)
    assert (found[0], found[1], found[-1]) == (0, 1, 5)
    assert level_of(1, 1) == 5


def test_the_first_page_has_channels_by_when_they_were_spoken_in_and_links(logged):
    logged.say("old", channel="#spider", at=NOON - timedelta(days=3))
    said = logged.message("see https://example.org/a", channel="#ops")
    logged.keep([said])
    logged.links.add("https://example.org/a", "A <read>", said)
    shown = page(logged, "/")
    assert "#ops on net last spoken in on 2026-11-21 12:00 UTC #spider on net" in shown.plain
    assert "A <read>" in shown.text
    assert {"https://example.org/a", "/log/net/%23ops/", "/feeds.opml", "/search", "/links"} <= set(shown.addresses)
    assert shown.attributes("form")[0]["action"] == "/search"


def test_a_link_of_a_channel_without_a_log_has_a_small_page(logged):
    logged.configure(quiet={"log": False})
    said = logged.message("https://example.org/a hush", channel="#quiet")
    number = logged.links.add("https://example.org/a", "A read", said).link.said.id
    shown = page(logged, f"/line/{number}")
    assert "alice posted a link: https://example.org/a A read" in shown.plain
    assert "hush" not in shown.text


def test_a_day_in_an_address_has_one_spelling():
    assert day_in("2026-11-21") == date(2026, 11, 21)
    assert [day_in(each) for each in ("2026-W47-6", "20261121", "2026-11-21 ", "2026-13-01", "")] == [None] * 5


def test_a_new_line_is_on_the_page_at_once(logged):
    logged.say("x")
    assert "alice y" not in page(logged, DAY).plain
    logged.say("y")
    assert "alice y" in page(logged, DAY).plain


@pytest.mark.parametrize(
    "name", ["#x/events", "#x/events/", "#ops/2026-11-20", "#ops/2026-11-20.txt", "#a/", "#a//b", "#a%2Fb", "/x"]
)
def test_a_channel_whose_name_looks_like_an_address_has_all_its_pages(logged, name):
    for each in ("#x", "#ops", "#a"):
        logged.say("another", channel=each, at=NOON - timedelta(days=1))
    logged.say("x", channel=name)
    root = f"/log/net/{quote(name, safe='')}"
    nearly = logged.ask(root)
    assert (nearly.status, nearly.headers["location"]) == (308, f"{root}/")
    shown = page(logged, f"{root}/")
    assert f"{root}/2026-11-21" in shown.addresses
    assert name in shown.plain
    assert "alice x" in page(logged, f"{root}/2026-11-21").plain
    assert logged.ask(f"{root}/2026-11-21.txt").body.endswith("<alice> x\n")
    assert logged.ask(f"{root}/events", method="HEAD").headers["content-type"].startswith("text/event-stream")


def test_the_end_of_an_address_belongs_to_no_name(logged):
    logged.say("x", channel="#x/events")
    assert logged.ask("/log/net/%23x%2Fevents%2F").status == 404
    assert logged.ask("/log/net/%23x/events/").status == 200  # a proxy may have written it so


def test_when_somebody_last_spoke_is_told_as_far_as_it_was_public(logged):
    logged.say("open", at=NOON)
    logged.configure(ops={"private": True})
    logged.say("secret", at=NOON + timedelta(hours=1))
    logged.configure(ops={})
    assert "#ops on net last spoken in on 2026-11-21 12:00 UTC" in page(logged, "/").plain
    assert "last spoken in on 2026-11-21 13:00 UTC" in page(logged, "/", cookie="good").plain


# Titles of links


def mentioned(logged, address, title="", channel="#ops", **more):
    """Have a link kept with its line; the number of the line."""
    said = logged.message(f"see {address}", channel=channel, **more)
    [number] = logged.keep([said])
    logged.links.add(address, title, said)
    return number


def test_a_title_is_shown_to_those_only_who_see_where_it_was_given(logged):
    mentioned(logged, "https://example.org/a", "Where the cabal meets", "#was")
    mentioned(logged, "https://example.org/a")
    assert "Where the cabal meets" in page(logged, DAY).plain
    logged.configure(was={"private": True})
    shown = page(logged, DAY)
    assert "https://example.org/a" in shown.plain
    assert "Where the cabal meets" not in shown.text
    assert "Where the cabal meets" in page(logged, DAY, cookie="good").plain


def test_a_title_that_somebody_gave_later_elsewhere_is_shown_to_those_only_who_see_that(logged):
    mentioned(logged, "https://example.org/a")
    mentioned(logged, "https://example.org/a", "Where the cabal meets", "#was")
    assert "Where the cabal meets" in page(logged, DAY).plain
    assert "Where the cabal meets" in page(logged, "/").plain
    logged.configure(was={"private": True})
    assert "Where the cabal meets" not in page(logged, DAY).text
    assert "Where the cabal meets" not in page(logged, "/").text


@pytest.mark.parametrize("first", ["#ops", "#dev"])
def test_each_page_with_a_link_shows_what_becomes_of_its_title(logged, first):
    address, paths = "https://example.org/a", (DAY, DAY.replace("ops", "dev"))
    for channel in sorted(("#ops", "#dev"), reverse=first == "#ops"):
        mentioned(logged, address, channel=channel)
    for path in paths:
        page(logged, path)
    [link] = logged.links.newest()
    logged.links.titled(link.id, address, "What the page says").result(15)
    for path in paths:
        until(lambda path=path: "What the page says" in page(logged, path).plain)
    tags = [logged.ask(path).headers["etag"] for path in paths]
    given = mentioned(logged, address, "What we say", "#spider")
    for path in paths:
        until(lambda path=path: "What we say" in page(logged, path).plain)
    assert [logged.ask(path, if_none_match=tag).status for path, tag in zip(paths, tags, strict=True)] == [200, 200]
    logged.forgetting.forget([given], "carol")
    for path in paths:
        shown = page(logged, path)
        assert "What we say" not in shown.text
        assert "What the page says" in shown.plain


def test_a_page_does_not_keep_the_title_of_a_line_that_was_forgotten_elsewhere(logged):
    number = mentioned(logged, "https://example.org/a", "Where the cabal meets", "#dev")
    mentioned(logged, "https://example.org/a")
    before = logged.ask(DAY)
    assert "Where the cabal meets" in before.body
    logged.forgetting.forget([number], "carol")
    after = logged.ask(DAY, if_none_match=before.headers["etag"])
    assert after.status == 200
    assert "Where the cabal meets" not in after.body


def test_a_title_that_comes_when_the_line_is_on_the_page_already_is_shown(logged):
    said = logged.message("see https://example.org/a")
    logged.keep([said])
    page(logged, DAY)
    logged.links.add("https://example.org/a", "A read", said)
    until(lambda: "A read" in page(logged, DAY).plain)
