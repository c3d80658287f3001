"""The feeds: valid whatever was said, the same bytes each time, made anew only when a link or a job changed."""

import hashlib
import locale
import re
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.exc import DatabaseError
from stores import environment

from chanops.core.message import Message
from chanops.core.plan import Plan, Unit
from chanops.core.sections import ChannelSettings, FeedSettings, Settings, WebSettings
from chanops.core.text import visible, xml_safe
from chanops.services.feed import NOTHING_YET, Feed
from chanops.services.feed_items import of_job, of_link
from chanops.services.feed_jobs import Ended, PublicJobs
from chanops.services.feed_output import Written
from chanops.services.feed_sources import Source
from chanops.services.feed_topics import TYPES, Topic
from chanops.services.feed_xml import hex_titles
from chanops.services.history import History, Said
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.rows import Job, UnitRow
from chanops.services.link_rows import Link
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.replies import Replies
from chanops.services.search import Search
from chanops.services.tables import output
from chanops.services.visibility import EVERYBODY
from tests.feeds.rules import ATOM, DC, MISTAKES, Elements, entries_of

DEADLINE = 20
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROOT = "https://ops.example/bot"
PAGES = Pages(ROOT)
# Prints what the feed is in a process of its own.
ELSEWHERE = """
import hashlib, os, sys
from pathlib import Path
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.feed import Feed
from chanops.services.feed_jobs import PublicJobs
from chanops.services.history import History
from chanops.services.jobs.jobs import Jobs
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.search import Search
database = Database(Path(sys.argv[1]), os.environ["DATABASE_URL"])
database.start()
pages, history = Pages(sys.argv[2]), History(database, Settings, Search(database))
jobs = PublicJobs(database, Jobs(database, history, Settings, lambda: pages, {}), Settings)
feed = Feed(database, Links(database, history, Settings), jobs, Settings, pages)
feed.start()
print(*(hashlib.sha256(feed.rendered(form).body).hexdigest() for form in ("rss", "atom", "json")))
feed.stop()
database.stop()
"""
ADDS = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.search import Search
database = Database(Path(sys.argv[1]), os.environ["DATABASE_URL"])
database.start()
said = Message("net", "message", "bob", "", "#ops", "from elsewhere", datetime.now(UTC), "from elsewhere")
Links(database, History(database, Settings, Search(database)), Settings).add("http://elsewhere.example", "", said)
database.stop()
"""


def said(text="look", at=NOON, **more):
    return Message("net", "message", "alice", "", "#ops", text, at, text)._replace(**more)


def link(number=1, title="A read", address="https://example.org/", place=1, at=NOON, **more):
    line = Said(number, "net", "#ops", at, "alice", "", "message", "look")
    return Link(number * 10 + place, address, title, place, at, "", replace(line, **more))


def job(number=1, title="up web-1", text="done in 2 s. web-1 is up", state="done", units=(), at=NOON, **more):
    plan = Plan(more.get("kind", "up"), title, ())
    made = Job(
        number, plan.kind, title, state, text, plan, "net", "#ops", "alice", "alice", 7, True, at - HOUR, at - HOUR, at,
        at, "",
    )  # fmt: skip
    rows = [UnitRow(place, *each, at) for place, each in enumerate(units)]
    return Ended(replace(made, **more), rows)


class Bare:
    """A feed that renders what it is given."""

    def __init__(self, title):
        now = Settings(feed=FeedSettings(title=title))
        self.feed = Feed(None, None, None, lambda: now, PAGES)

    def render(self, form, links, jobs=(), which="feed"):
        items = [of_link(each, PAGES) for each in links] + [of_job(each, PAGES) for each in jobs]
        return self.feed.render(Source(Topic(which), (), EVERYBODY), form, items)


def bare(title="Links"):
    return Bare(title)


class Kept:
    """A feed of links in a database."""

    def __init__(self, database):
        self.database = database
        self.now = Settings()
        history = History(self.database, lambda: self.now, Search(self.database))
        self.links = Links(self.database, history, lambda: self.now)
        self.jobs = Jobs(self.database, history, lambda: self.now, lambda: PAGES, {})
        public = PublicJobs(self.database, self.jobs, lambda: self.now)
        self.feed = Feed(self.database, self.links, public, lambda: self.now, PAGES)
        self.feed.start()

    def stop(self):
        self.feed.stop()

    def add(self, name="a", at=NOON, title="", **more):
        self.links.add(f"http://{name}.example/", title, said(name, at, **more))

    def begin(self, title="up web-1", public=True, units=("web-1", "web-2"), **more):
        """A job that is under way."""
        plan = Plan("up", title, tuple(Unit(name, "do") for name in units))
        made = self.jobs.journal.create(plan, said(".up", at=datetime.now(UTC), **more), public, 1000)
        return self.jobs.journal.claim(made.id, "me", frozenset())

    def end(self, claim, state="done", text="done in 2 s"):
        """It is over."""
        self.jobs.journal.show(claim, 0, "done", "is up")
        self.jobs.journal.show(claim, 1, state, "is so as well")
        self.jobs.journal.finish(claim, state, text)

    def titles(self, which="feed"):
        return [each.findtext("title") for each in items(self.feed.rendered("rss", which).body)]


@pytest.fixture
def kept(database):
    made = Kept(database)
    yield made
    made.stop()


def items(rss):
    return ET.fromstring(rss).findall("channel/item")


def entries(atom):
    return ET.fromstring(atom).findall(f"{ATOM}entry")


MARKUP = [
    "]]>",
    "<![CDATA[",
    "&",
    "&amp;",
    "&#x26;",
    "&lt;",
    "<",
    ">",
    '"',
    "'",
    "<script>x</script>",
    "<!--",
    "<?xml?>",
]
MARKUP += ["<title>", "</title>", "</item>", "</channel></rss>", "{{ 7 * 7 }}", "javascript:alert(1)", "%", "\\"]
CODES = [
    "\x02",
    "\x0304,05",
    "\x04ff0000",
    "\x0f",
    "\x1f",
    "\x85",
    "\u2028",
    "\u202e",
    "\u200b",
    "\ufeff",
    "\ufffe",
    "\0",
]
CODES += [
    "\uffff",
    "\ud800",
    "\udfff",
    "\U0001f600",
    "\U0010ffff",
    "é",
    "e\u0301",
    "\r",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\x7f",
]
PIECES = st.sampled_from(MARKUP + CODES)
TEXT = st.lists(PIECES | st.text(st.characters(exclude_categories=[]), max_size=5), max_size=8).map("".join)
LINKS = st.lists(
    st.builds(
        lambda title, nick, text, channel, place: (title, nick, text, channel, place),
        *[TEXT] * 4, st.integers(1, 3),
    ), max_size=3)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(LINKS, TEXT)
def test_any_text_leaves_a_valid_feed_and_is_in_it(texts, named):
    given_links = [
        link(number, title, place=place, nick=nick, text=text, channel=channel)
        for number, (title, nick, text, channel, place) in enumerate(texts, 1)
    ]
    for form, kind in (("rss", items), ("atom", entries)):
        body = bare(named).render(form, given_links).body
        assert MISTAKES[form](body, f"{ROOT}/feed.{form}") == []
        found = kind(body)
        assert len(found) == len(given_links)
        parsed = feedparser.parse(body)
        assert not parsed.bozo, parsed.bozo_exception
        assert len(parsed.entries) == len(given_links)
        space = "" if form == "rss" else ATOM
        for each, expected in zip(found, given_links, strict=True):
            title, nick = xml_safe(expected.named), xml_safe(expected.said.nick)
            assert each.findtext(f"{space}title") == (title if title.strip() else expected.address)
            shown = each.findtext(f"{DC}creator") if form == "rss" else each.findtext(f"{ATOM}author/{ATOM}name")
            assert shown == (nick if nick.strip() else "?")
            html = Elements(each.findtext("description") if form == "rss" else each.findtext(f"{ATOM}content"))
            line = f"{ROOT}/line/{expected.said.id}"
            assert html.found == [
                ("p", {}), ("a", {"href": expected.address}), ("blockquote", {}), ("p", {}), ("a", {"href": line})
            ]  # fmt: skip


def test_a_feed_of_nothing_is_valid_and_old():
    for form, mistakes in MISTAKES.items():
        made = bare().render(form, [])
        assert mistakes(made.body, f"{ROOT}/feed.{form}") == []
        assert form == "json" or not feedparser.parse(made.body).bozo
        assert made.changed == NOTHING_YET


def test_a_feed_without_title_bears_its_address():
    assert ET.fromstring(bare("").render("rss", []).body).findtext("channel/title") == f"{ROOT}/"


@pytest.mark.parametrize("form", TYPES)
def test_every_code_point_can_be_in_a_title(form):
    every = [chr(number) for number in range(0x11000) if not chr(number).isspace()]
    texts = ["".join(every[start : start + 1024]) for start in range(0, len(every), 1024)]
    made = bare().render(form, [link(number, f"x{text}") for number, text in enumerate(texts, 1)])
    assert MISTAKES[form](made.body, f"{ROOT}/feed.{form}") == []
    assert [each[0] for each in entries_of(made.body, form)] == [xml_safe(f"x{text}") for text in texts]


def test_what_a_subscriber_reads():
    made = link(7, "Limits & <rules>", "https://example.org/?a=1&b=2", text="\x02look\x02 <here>", nick="al<i>ce")
    parsed = feedparser.parse(bare("Links & more").render("atom", [made]).body)
    [entry] = parsed.entries
    assert parsed.feed.title == "Links & more"
    assert (entry.title, entry.link, entry.author) == ("Limits & <rules>", made.address, "al<i>ce")
    assert (entry.id, entry.published) == (f"{ROOT}/line/7", "2026-11-21T12:00:00+00:00")
    assert entry.content[0].value == (
        '<p><a href="https://example.org/?a=1&amp;b=2">https://example.org/?a=1&amp;b=2</a></p>'
        "<blockquote>&lt;al&lt;i&gt;ce&gt; look &lt;here&gt;</blockquote>"
        f'<p><a href="{ROOT}/line/7">#ops on net, 2026-11-21 12:00 UTC</a></p>'
    )
    [item] = feedparser.parse(bare().render("rss", [made]).body).entries
    assert (item.link, item.author, item.id, item.guidislink) == (made.address, "al<i>ce", f"{ROOT}/line/7", False)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"<title>a &amp; b</title>", b"<title>a &#x26; b</title>"),
        (b"<title>a &lt;b&gt;</title>", b"<title>a &#x3C;b&gt;</title>"),
        (b"<title>&amp;amp;</title>", b"<title>&#x26;amp;</title>"),
        (b"<title>a\nb &amp;</title>", b"<title>a\nb &#x26;</title>"),
        (b"<title></title><link>?a&amp;b</link>", b"<title></title><link>?a&amp;b</link>"),
        (b"<d>&lt;title&gt;&amp;&lt;/title&gt;</d>", b"<d>&lt;title&gt;&amp;&lt;/title&gt;</d>"),
    ],
)
def test_titles_and_nothing_else_get_hex_references(written, expected):
    assert hex_titles(written).replace(b"&#x3E;", b"&gt;") == expected


def test_the_second_link_of_a_line_has_its_own_guid_on_the_same_page():
    body = bare().render("rss", [link(5, place=1), link(5, place=2), link(6, place=1)]).body
    assert [item.findtext("guid") for item in items(body)] == [
        f"{ROOT}/line/5", f"{ROOT}/line/5#2", f"{ROOT}/line/6"
    ]  # fmt: skip


def test_the_date_of_the_feed_is_that_of_its_newest_change_in_whole_seconds():
    newest = [
        link(1, at=NOON),
        replace(link(2, at=NOON - HOUR), changed=NOON + timedelta(seconds=9.7)),
        link(3, at=NOON),
    ]
    made = bare().render("atom", newest)
    assert made.changed == NOON + timedelta(seconds=9)
    assert ET.fromstring(made.body).findtext(f"{ATOM}updated") == "2026-11-21T12:00:09+00:00"


@pytest.mark.parametrize("form", TYPES)
def test_the_same_links_are_the_same_bytes_with_the_same_etag(form):
    first, second = (bare().render(form, [link(1), link(2)]) for _ in range(2))
    assert first == second
    assert re.fullmatch(r'"[0-9a-f]{32}"', first.etag)
    assert first.kind == TYPES[form]
    assert bare().render(form, [link(1), link(3)]).etag != first.etag


def test_another_process_in_another_place_makes_the_same_bytes(kept):
    for number in range(5):
        kept.add(f"n{number}", NOON + timedelta(seconds=number, milliseconds=123), "Title & <more> é")
    expected = [hashlib.sha256(kept.feed.rendered(form).body).hexdigest() for form in TYPES]
    for more in ({"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}, {"PYTHONHASHSEED": "2", "LC_ALL": "C"}):
        told = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, kept.database.path, ROOT],
            env=environment(kept.database) | more, capture_output=True, text=True, timeout=DEADLINE, check=True,
        )  # fmt: skip
        assert told.stdout.split() == expected


def test_the_locale_of_the_process_is_as_before_after_many_threads_have_rendered(kept):
    before, interval = locale.setlocale(locale.LC_ALL), sys.getswitchinterval()
    failed = []

    def work(who):
        try:
            for number in range(10):
                kept.add(f"{who}{number}", NOON + timedelta(seconds=number))
                assert len(items(kept.feed.rendered("rss").body)) >= number
        except Exception as error:  # noqa: BLE001  shown in the thread of the test
            failed.append(error)

    try:
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        sys.setswitchinterval(1e-6)  # so that threads meet in the middle of things
        threads = [threading.Thread(target=work, args=(who,)) for who in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE)
        assert failed == []
        assert locale.setlocale(locale.LC_ALL) == "C.UTF-8"
    finally:
        sys.setswitchinterval(interval)
        locale.setlocale(locale.LC_ALL, before)
    assert len(kept.titles()) == 40


def test_what_has_not_changed_is_not_made_again(kept):
    kept.add("a")
    made = {form: kept.feed.rendered(form) for form in TYPES}
    Replies(kept.database).keep("something", "else was written")
    kept.links.mention("http://a.example/", said("again", NOON + HOUR))
    kept.database.write(lambda connection: None).result(DEADLINE)
    kept.now = replace(kept.now)
    for form in TYPES:
        assert kept.feed.rendered(form) is made[form]
        assert kept.feed.current(form) is made[form] or not kept.feed.watch.instant


def test_each_change_is_in_the_feed_at_once(kept):
    assert kept.titles() == []
    kept.add("a")
    assert kept.titles() == ["a"]
    kept.add("b", NOON + HOUR)
    assert kept.titles() == ["b", "a"]
    kept.add("a", NOON + HOUR / 2, "A title given later, by a clock that is behind")
    assert kept.titles() == ["b", "A title given later, by a clock that is behind"]


def test_what_another_process_wrote_is_in_the_feed_at_once(kept):
    kept.add("a")
    before = kept.feed.rendered("rss")
    command = [sys.executable, "-c", ADDS, kept.database.path]
    subprocess.run(command, env=environment(kept.database), timeout=DEADLINE, check=True)
    assert kept.feed.current("rss") is None
    assert kept.feed.rendered("rss") is not before
    assert kept.titles() == ["from elsewhere", "a"]


def test_a_change_of_the_settings_shows_at_once(kept):
    for number in range(9):
        kept.add(f"n{number}", NOON + timedelta(seconds=number))
    assert len(kept.titles()) == 9
    kept.now = Settings(feed=FeedSettings(items=3, title="Other links"))
    assert kept.titles() == ["n8", "n7", "n6"]
    assert ET.fromstring(kept.feed.rendered("atom").body).findtext(f"{ATOM}title") == "Other links"


def test_a_channel_that_is_hidden_is_gone_at_once_and_back_at_once(kept):
    kept.add("secret", channel="#cabal")
    kept.add("open")
    assert kept.titles() == ["open", "secret"]
    kept.now = Settings(channels={"#cabal": ChannelSettings(feed=False)})
    assert kept.feed.current("rss") is None
    assert kept.titles() == ["open"]
    assert b"secret" not in kept.feed.rendered("atom").body
    kept.now = Settings()
    assert kept.titles() == ["open", "secret"]


def test_a_feed_that_could_not_be_made_is_made_as_soon_as_it_can_be(kept):
    kept.add("a")
    with kept.database.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE lines RENAME TO elsewhere")
        for _ in range(2):
            with pytest.raises(DatabaseError):
                kept.feed.rendered("rss")
        assert kept.feed.current("rss") is None
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO lines")
    assert kept.titles() == ["a"]


def test_who_must_not_wait_gets_the_feed_from_memory_or_nothing(kept):
    assert kept.feed.current("rss") is None
    made = kept.feed.rendered("rss")
    assert kept.feed.current("rss") is made or not kept.feed.watch.instant
    with kept.feed.watching:
        assert kept.feed.current("rss") is None
    kept.add("a")
    assert kept.feed.current("rss") is None


# Jobs

UNITS = st.lists(st.tuples(TEXT, st.sampled_from(["done", "failed"]) | TEXT, TEXT), max_size=3)
JOBS = st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, UNITS), min_size=1, max_size=2)


@settings(max_examples=200, deadline=None)
@given(JOBS)
def test_any_text_of_a_job_leaves_a_valid_feed_and_is_in_it(texts):
    given_jobs = [
        job(number, title, text, nick=nick, channel=f"#{channel}", units=units)
        for number, (title, text, nick, channel, units) in enumerate(texts, 1)
    ]
    for form, kind in (("rss", items), ("atom", entries)):
        body = bare().render(form, [], given_jobs, "jobs").body
        assert MISTAKES[form](body, f"{ROOT}/jobs.{form}") == []
        assert not feedparser.parse(body).bozo
        space = "" if form == "rss" else ATOM
        for each, expected in zip(kind(body), given_jobs, strict=True):
            title = f"job {expected.job.id}: {visible(xml_safe(expected.job.title))} · done"
            assert each.findtext(f"{space}title") == title
            html = Elements(each.findtext("description") if form == "rss" else each.findtext(f"{ATOM}content"))
            tags = [tag for tag, _ in html.found]
            assert tags.count("tr") == (1 + len(expected.units) if expected.units else 0)
            assert tags.count("td") == 3 * len(expected.units)
            assert set(tags) <= {"p", "br", "table", "tr", "th", "td", "a"}
            assert [tag[1] for tag in html.found if tag[0] == "a"] == [
                {"href": f"{ROOT}/line/7"}, {"href": f"{ROOT}/jobs/{expected.job.id}"}
            ]  # fmt: skip


def test_what_a_subscriber_reads_of_a_job():
    units = [("web-1", "done", "203.0.113.7"), ("web-2", "failed", "no <room> & \x02no\x02 time")]
    made = job(41, "up web-1, web-2", "1 failed, 1 done\nlook at web-2", "failed", units, nick="al<i>ce")
    for form in ("rss", "atom"):
        [entry] = feedparser.parse(bare().render(form, [], [made], "jobs").body).entries
        assert (entry.title, entry.author) == ("job 41: up web-1, web-2 · failed", "al<i>ce")
        assert (entry.id, entry.link) == (f"{ROOT}/jobs/41", f"{ROOT}/jobs/41")
        assert entry.published_parsed[:6] == (2026, 11, 21, 12, 0, 0)
    [entry] = feedparser.parse(bare().render("atom", [], [made], "jobs").body).entries
    assert entry.content[0].value == (
        "<p>1 failed, 1 done<br />look at web-2</p>"
        "<table><tr><th>machine</th><th>state</th><th>what came of it</th></tr>"
        "<tr><td>web-1</td><td>done</td><td>203.0.113.7</td></tr>"
        "<tr><td>web-2</td><td>failed</td><td>no &lt;room&gt; &amp; no time</td></tr></table>"
        f'<p>asked for by <a href="{ROOT}/line/7">al&lt;i&gt;ce in #ops on net, 2026-11-21 11:00 UTC</a></p>'
        f'<p><a href="{ROOT}/jobs/41">job 41</a></p>'
    )


def test_where_commands_failed_a_subscriber_reads_how_and_the_last_lines_that_were_written():
    rows = [
        UnitRow(2, "web-3", "failed", "exit 1 in 2 s", NOON, {"end": "exited", "status": 1}),
        UnitRow(4, "web-<5>", "failed", "no answer & no key", NOON),
        UnitRow(6, "web-7", "needs-attention", "unknown", NOON, {"end": "lost"}),
    ]
    written = {
        2: Written("not this\n", "".join(f"line {number}\n" for number in range(9))),
        4: Written(),
        6: Written("\x1b[31m10%\r20%\x1b[0m\n\n<b>\u202e" + "x" * 300 + "\n"),
    }
    made = replace(job(41, "run ls on @web", "197 ok · 3 failed", "failed"), units=rows, written=written)
    made = replace(made, ran=True, more=2)
    [entry] = feedparser.parse(bare().render("rss", [], [made], "jobs").body).entries
    assert entry.title == "job 41: run ls on @web · failed"
    body = bare().render("atom", [], [made], "jobs").body
    [found] = entries(body)
    assert MISTAKES["atom"](body, f"{ROOT}/jobs.atom") == []
    assert found.findtext(f"{ATOM}content") == (
        "<p>197 ok · 3 failed</p>"
        "<p><b>web-3</b> exit 1</p><pre>line 4\nline 5\nline 6\nline 7\nline 8</pre>"
        "<p><b>web-&lt;5&gt;</b> failed: no answer &amp; no key</p>"
        f"<p><b>web-7</b> unknown: connection lost</p><pre>20%\n&lt;b&gt;\\u202e{'x' * 190}…</pre>"
        "<p>and 2 more</p>"
        f'<p>asked for by <a href="{ROOT}/line/7">alice in #ops on net, 2026-11-21 11:00 UTC</a></p>'
        f'<p><a href="{ROOT}/jobs/41">job 41</a></p>'
    )


def test_of_a_job_on_many_machines_the_feed_has_the_first_that_failed(kept):
    claim = kept.begin("run ls", units=[f"web-{number}" for number in range(40)])
    rows = [{"job": 1, "unit": number, "at": 0, "text": f"no {number}\n", "stream": 2} for number in range(40)]
    kept.database.wait(lambda connection: connection.execute(output.insert(), rows))
    for number in range(40):
        kept.jobs.journal.show(claim, number, "failed" if number % 2 else "done", "x")
    kept.jobs.journal.finish(claim, "failed", "20 ok · 20 failed")
    [found] = items(kept.feed.rendered("rss").body)
    body = found.findtext("description")
    assert re.findall(r"<b>web-(\d+)</b>", body) == [str(number) for number in range(1, 20, 2)]
    assert re.findall(r"<pre>no (\d+)</pre>", body) == [str(number) for number in range(1, 20, 2)]
    assert "<p>and 10 more</p>" in body
    assert "<table>" not in body


def test_what_is_over_is_read_once(kept):
    for _ in range(3):
        kept.end(kept.begin("run ls"))
    before = kept.feed.rendered("rss", "jobs").body
    first = kept.feed.jobs.ended(10)
    claim = kept.begin("run ls")
    read = []
    event.listen(kept.database.engine, "after_cursor_execute", lambda *found: read.append(found[2]))
    assert all(one is other for one, other in zip(kept.feed.jobs.ended(10), first, strict=True))
    assert not [each for each in read if "FROM units" in each or "FROM output" in each]
    kept.end(claim)
    read.clear()
    assert len(kept.feed.jobs.ended(10)) == 4
    assert len([each for each in read if "FROM units" in each]) == 1
    assert kept.feed.rendered("rss", "jobs").body != before
    assert [each.job.id for each in kept.feed.jobs.ended(2)] == [4, 3]
    assert len(kept.feed.jobs.known) == 4


def test_a_report_is_one_and_its_author_is_the_bot(kept):
    kept.jobs.report("what the machines cost", "do: 3 machines\ndo: 2 snapshots")
    [entry] = feedparser.parse(kept.feed.rendered("rss").body).entries
    assert (entry.title, entry.author, entry.link) == ("report 1: what the machines cost", "chanops", f"{ROOT}/jobs/1")
    assert "do: 3 machines<br" in entry.summary
    assert "line/" not in entry.summary


def test_each_feed_has_what_it_says_and_links_and_jobs_are_merged_by_time(kept):
    kept.add("older", datetime.now(UTC) - HOUR)
    kept.end(kept.begin("up a"))
    kept.add("newest", datetime.now(UTC) + HOUR)
    kept.end(kept.begin("up b"))
    assert kept.titles("links") == ["newest", "older"]
    assert kept.titles("jobs") == ["job 2: up b · done", "job 1: up a · done"]
    assert kept.titles() == ["newest", "job 2: up b · done", "job 1: up a · done", "older"]
    kept.now = Settings(feed=FeedSettings(items=2))
    assert kept.titles() == ["newest", "job 2: up b · done"]
    for which in ("feed", "links", "jobs"):
        for form in TYPES:
            assert MISTAKES[form](kept.feed.rendered(form, which).body, f"{ROOT}/{which}.{form}") == []


def test_a_job_is_in_the_feed_once_it_is_over_and_only_then(kept):
    claim = kept.begin()
    made = kept.feed.rendered("rss", "jobs")
    assert kept.titles("jobs") == []
    kept.jobs.journal.show(claim, 0, "running", "is being made")
    assert kept.feed.rendered("rss", "jobs") is made
    kept.end(claim, "needs-attention", "look at it")
    assert kept.feed.current("rss", "jobs") is None
    assert kept.titles("jobs") == ["job 1: up web-1 · needs-attention"]
    made = kept.feed.rendered("rss", "jobs")
    kept.jobs.journal.told(1)
    assert kept.feed.rendered("rss", "jobs") is made
    assert kept.feed.current("rss", "jobs") is made or not kept.feed.watch.instant


def test_jobs_that_are_not_public_or_were_asked_for_in_private_are_in_no_feed(kept):
    kept.end(kept.begin("up secret", public=False))
    kept.end(kept.begin("up cabal", channel="#cabal"))
    kept.end(kept.begin("up open"))
    assert kept.titles() == ["job 3: up open · done", "job 2: up cabal · done"]
    kept.now = Settings(channels={"#cabal": ChannelSettings(feed=False)})
    assert kept.titles() == kept.titles("jobs") == ["job 3: up open · done"]
    kept.now = Settings()
    assert len(kept.titles()) == 2


def test_where_machines_are_not_shown_no_feed_has_a_job(kept):
    kept.add("a")
    kept.end(kept.begin())
    assert len(kept.titles()) == 2
    kept.now = Settings(web=WebSettings(machines=False))
    assert kept.titles() == ["a"]
    assert kept.titles("jobs") == []
    kept.now = Settings()
    assert len(kept.titles()) == 2
