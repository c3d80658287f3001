"""Search on a page: what is found is shown where it stands, to who may see it, whatever was typed."""

import asyncio
import re
import threading
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest

from chanops.web.hits import with_marks
from chanops.web.search_pages import AT_ONCE, MOST, MOST_WAITING
from tests.web.memory import DEADLINE, NOON
from tests.web.served import PAYLOADS, until

HOSTILE = [
    '"', "'", "''", '"" OR 1=1', "' OR 1=1 --", "a AND", "NEAR(a b)", "NOT", "*", "a*b*", "^a", "col:a", "{a}",
    "(", ")", "a)) OR ((b", "%", "_", "\\", "\0", "\x01\x02", "\ud800", "\u202e", "-", "--", "-a", "nick:", "nick:*",
    "before:never", "after:9999999-1-1", "kind:x'y", 'exact:"', "channel:\"#ops", "a" * 5000, "a " * 2000, "😀", "ß",
    "%00", "1e999", "a\nb", "<script>", "$$", ":*", "a & !b | c <-> d", "zebra:*", "'a':*B & 'c'",
]  # fmt: skip
OURS = [{"src": "/static/time.js", "type": "module"}]


def marks(page):
    return len(page.attributes("mark"))


def hits(page):
    return [found["id"] for found in page.attributes("li") if "hit" in found.get("class", "").split()]


def test_without_words_it_says_what_can_be_asked(remembered):
    page = remembered.page("/search")
    assert "nick:bob" in page.plain
    assert "Nothing has" not in page.plain
    assert [found["name"] for found in page.attributes("input")] == ["q"]
    assert page.attributes("label")[0]["for"] == page.attributes("input")[0]["id"]


def test_a_hit_stands_among_two_lines_before_and_behind_it(remembered):
    numbers = [remembered.say(text) for text in ("one", "two", "three", "the zebra", "five", "six", "seven")]
    page = remembered.page("/search?q=zebra")
    assert [found["id"] for found in page.attributes("li")] == [f"l{number}" for number in numbers[1:6]]
    assert hits(page) == [f"l{numbers[3]}"]
    assert marks(page) == 1
    assert f"/log/net/%23ops/2026-11-21#l{numbers[3]}" in page.addresses
    assert "/log/net/%23ops/2026-11-21" in page.addresses


def test_hits_with_neighbours_in_common_are_one_piece_and_each_line_stands_once(remembered):
    numbers = [remembered.say("zebra" if number in (3, 6, 20) else "other") for number in range(30)]
    page = remembered.page("/search?q=zebra")
    ids = [found["id"] for found in page.attributes("li")]
    assert ids == [f"l{numbers[n]}" for n in (*range(18, 23), *range(1, 9))]
    assert len([found for found in page.attributes("ol") if found.get("class") == "log"]) == 2
    assert marks(page) == 3


def test_the_newest_come_first_under_their_day_and_channel(remembered):
    for number in (2, 1, 0):
        remembered.say(f"zebra {number}", at=NOON - timedelta(days=number, minutes=1), channel="#dev")
        remembered.say(f"zebra {number}", at=NOON - timedelta(days=number))
    answer = remembered.ask("/search?q=zebra").body
    heads = re.findall(r"<h2><a[^>]*>([^<]+)</a></h2>", answer)
    assert heads == [f"{name} on net, 2026-11-{day}" for day in (21, 20, 19) for name in ("#ops", "#dev")]


def test_pages_follow_each_other_until_all_was_shown(remembered):
    numbers = remembered.keep([remembered.message(f"zebra {n}", at=NOON + timedelta(minutes=n)) for n in range(45)])
    path, shown = "/search?q=zebra", []
    for _ in range(3):
        page = remembered.page(path)
        shown.append(hits(page))
        earlier = [found["href"] for found in page.attributes("a") if found.get("rel") == "prev"]
        path = earlier[0] if earlier else ""
    assert path == ""
    assert [len(each) for each in shown] == [MOST, MOST, 5]
    assert {each for some in shown for each in some} == {f"l{number}" for number in numbers}


def test_nothing_found_says_what_to_try(remembered):
    remembered.say("something else")
    page = remembered.page("/search?q=zebra")
    assert "Nothing has zebra" in page.plain
    assert marks(page) == 0


def test_only_what_the_viewer_may_see_is_found_also_among_the_neighbours(remembered):
    remembered.say("zebra of everybody")
    remembered.say("zebra of the cabal", channel="#cabal")
    remembered.configure(ops={"private": True})
    remembered.say("private zebra of ops")
    remembered.configure(ops={"private": False})
    remembered.say("zebra again")
    everybody = remembered.page("/search?q=zebra")
    assert "zebra of everybody" in everybody.plain
    assert "private zebra" not in everybody.plain
    assert "cabal" not in everybody.plain
    holder = remembered.page("/search?q=zebra", token=remembered.holder("net/#cabal"))
    assert "zebra of the cabal" in holder.plain
    assert "private zebra" not in holder.plain
    every = remembered.page("/search?q=zebra", token=remembered.holder())
    assert "private zebra of ops" in every.plain
    assert "zebra of the cabal" not in remembered.page("/search?q=zebra", token="wrong").plain


def test_a_private_channel_whose_section_was_removed_is_not_named(remembered):
    remembered.say("zebra", channel="#ops")
    remembered.say("zebra of the cabal", channel="#cabal")
    remembered.configure(cabal={})
    for path in ("/search?q=%23cabal", "/search?q=zebra", "/search?q=2026-11-21", "/links"):
        page = remembered.page(path)
        assert "the cabal" not in page.plain
        assert not [each for each in page.addresses if "cabal" in each]


def test_what_a_holder_sees_is_kept_by_nobody_between(remembered):
    assert remembered.ask("/search?q=zebra").headers["cache-control"] == "no-cache"
    answer = remembered.ask("/search?q=zebra", remembered.holder())
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["vary"] == "Cookie"
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_line_that_was_forgotten_is_not_found_and_not_read_among_the_neighbours(remembered):
    number = remembered.say("zebra with a password")
    remembered.say("zebra without")
    remembered.forgetting.forget([number], "ops")
    page = remembered.page("/search?q=zebra")
    assert "password" not in page.plain
    assert len(hits(page)) == 1


def test_a_day_or_a_channel_alone_leads_there(remembered):
    remembered.say("hello")
    remembered.say("hello", channel="#cabal")
    remembered.say("hello", channel="#dev", at=NOON - timedelta(days=1))
    assert "/log/net/%23ops/2026-11-21" in remembered.page("/search?q=2026-11-21").addresses
    assert not [each for each in remembered.page("/search?q=2026-11-21").addresses if "dev" in each or "cabal" in each]
    assert "/log/net/%23ops/" in remembered.page("/search?q=%23OPS").addresses
    assert "/log/net/%23ops/" in remembered.page("/search?q=net/%23ops").addresses
    assert not [each for each in remembered.page("/search?q=%23cabal").addresses if "cabal" in each]
    assert "/log/net/%23cabal/" in remembered.page("/search?q=%23cabal", token=remembered.holder()).addresses
    assert remembered.ask("/search?q=2026-13-99").status == 200


def test_the_feed_of_the_search_is_named(remembered):
    page = remembered.page("/search?q=zebra%20%26%20co")
    found = [each["href"] for each in page.attributes("link") if "/search." in each["href"]]
    assert "/search.rss?q=zebra+%26+co" in found


def test_whatever_is_typed_is_words(remembered):
    remembered.say("zebra a b c")
    for query in HOSTILE:
        answer = remembered.ask(f"/search?q={quote(query, errors='surrogatepass')}")
        assert answer.status == 200, query
        assert "rror" not in answer.body, query
        again = remembered.page("/search?q=zebra")
        assert len(hits(again)) == 1, query


def test_a_strange_number_to_go_on_from_is_no_error(remembered):
    remembered.say("zebra")
    for number in ("0", "-1", "x", "1e9", "9" * 30, "", "%00", "4611686018427387904"):
        assert remembered.ask(f"/search?q=zebra&before={number}").status == 200, number


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_is_said_or_typed_becomes_markup(remembered, payload):
    remembered.say(f"giraffe {payload}", nick=f"n{payload}"[:40])
    page = remembered.page("/search?q=giraffe")
    assert hits(page)
    assert not [tag for tag, _ in page.elements if tag in ("img", "iframe", "object")]
    assert page.attributes("script") == OURS
    typed = remembered.page(f"/search?q={quote(payload)}")
    assert not [tag for tag, _ in typed.elements if tag in ("img", "iframe", "object")]
    assert typed.attributes("script") == OURS


@pytest.mark.parametrize(
    ("text", "words", "html"),
    [
        ("The Zebra, zebras & ZEBRA", ["zebra"], "The <mark>Zebra</mark>, zebras &amp; <mark>ZEBRA</mark>"),
        ("deploying deployed dep", ["deplo*"], "<mark>deploying</mark> <mark>deployed</mark> dep"),
        ("caf\u00e9 CAFE\u0301 <b>", ["cafe"], "<mark>caf\u00e9</mark> <mark>CAFE\u0301</mark> &lt;b&gt;"),
        ("a<b>amp;</b>&amp;", ["amp"], "a&lt;b&gt;<mark>amp</mark>;&lt;/b&gt;&amp;<mark>amp</mark>;"),
        ("機械学習", ["械学"], "機<mark>械学</mark>習"),
        ("nothing", [], "nothing"),
    ],
)
def test_the_words_are_marked_as_they_are_found(text, words, html):
    assert with_marks(text, words) == html


def test_a_word_in_a_links_address_or_in_who_said_it_is_left_as_it_is(remembered):
    remembered.say("zebra https://example.org/zebra?a=zebra&b=2 zebra", nick="zebra")
    page = remembered.page("/search?q=zebra")
    assert "https://example.org/zebra?a=zebra&b=2" in page.addresses
    assert all(urlsplit(each).scheme in ("", "https") for each in page.addresses)
    assert "zebra https://example.org/zebra?a=zebra&b=2 zebra" in page.plain


def test_few_search_at_once_and_who_comes_too_many_is_asked_to_come_again(remembered):
    busy, go, most = threading.Semaphore(0), threading.Event(), []
    find = remembered.search.find

    def slow(*args):
        busy.release()
        most.append(1)
        assert go.wait(DEADLINE)
        return find(*args)

    remembered.search.find = slow
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(remembered.ask("/search?q=zebra").status))
        for _ in range(MOST_WAITING + 5)
    ]
    for thread in threads:
        thread.start()
    for _ in range(AT_ONCE):
        assert busy.acquire(timeout=DEADLINE)
    until(lambda: len(answers) == 5)
    assert answers == [503] * 5
    assert len(most) == AT_ONCE
    go.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(answers) == [200] * MOST_WAITING + [503] * 5
    assert isinstance(remembered.searching.places, asyncio.Semaphore)
    assert remembered.ask("/search?q=zebra").status == 200


def test_head_is_answered_and_nothing_can_be_changed(remembered):
    assert remembered.ask("/search?q=a", method="HEAD").status == 200
    assert remembered.ask("/search?q=a", method="POST").status == 405


def test_a_title_that_was_given_where_one_may_not_read_is_not_shown(remembered):
    remembered.link("https://example.org/x", "Where the cabal meets", channel="#was")
    said = remembered.message("zebra https://example.org/x")
    remembered.keep([said])
    remembered.links.add("https://example.org/x", "", said)
    assert "Where the cabal meets" in remembered.page("/search?q=zebra").plain
    remembered.configure(was={"private": True})
    assert "Where the cabal meets" not in remembered.page("/search?q=zebra").text
    assert "Where the cabal meets" in remembered.page("/search?q=zebra", token=remembered.holder("net/#was")).plain
