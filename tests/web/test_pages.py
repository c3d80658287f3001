"""The pages over HTTP: what a browser and a feed reader get, and what nobody gets."""

import contextlib
import http.client
import itertools
import re
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from chanops.core.confirm import Confirmations
from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, FeedSettings, Settings
from chanops.core.text import storable, visible
from chanops.fleet import Fleet
from chanops.services.database import Database
from chanops.services.feed import Feed, Rendered
from chanops.services.feed_jobs import PublicJobs
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.replies import Replies
from chanops.web.feeds import has_it
from chanops.web.pages import Shown, Site
from chanops.web.port import Port
from chanops.web.server import WebServer

DEADLINE = 10
FEEDS = ["/feed.rss", "/feed.atom", "/links.rss", "/links.atom", "/jobs.rss", "/jobs.atom"]
NOON = datetime(2025, 11, 21, 12, tzinfo=UTC)  # long over: its page is no live one
SECOND = timedelta(seconds=1)
HIDDEN = Settings(
    feed=FeedSettings(title="Links of the <team>"), channels={"#cabal": ChannelSettings(feed=False)}
)  # fmt: skip
SECURITY = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}
# The first page has a form that leads to a search, the page of a day scripts of our own.
POLICIES = {
    "/": SECURITY["content-security-policy"].replace("form-action 'none'", "form-action 'self'"),
    "/log/net/%23ops/2025-11-21": SECURITY["content-security-policy"] + "; script-src 'self'",
}
HTML, RSS, ATOM = (
    "text/html; charset=utf-8",
    "application/rss+xml; charset=utf-8",
    "application/atom+xml; charset=utf-8",
)
COUNT = itertools.count()


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.all_headers = [(name.lower(), value) for name, value in response.getheaders()]
        self.headers = dict(self.all_headers)
        assert len(self.headers) == len(self.all_headers), "a header twice"

    @property
    def lasting(self):
        """The headers without the date."""
        return {name: value for name, value in self.headers.items() if name != "date"}


class Served:
    """The pages of a bot, on a port of their own."""

    def __init__(self, path, url):
        self.database = Database(path, url)
        self.database.start()
        self.now = HIDDEN
        self.history, self.replies = History(self.database, lambda: self.now), Replies(self.database)
        self.links = Links(self.database, self.history, lambda: self.now)
        self.port = Port("127.0.0.1:0")
        self.port.bind()
        pages = Pages(f"http://{self.port.address}")
        confirmations = Confirmations(time.monotonic, threading.Lock())
        self.fleet = Fleet(
            self.database, self.history, confirmations, lambda: self.now, lambda: pages, path.parent.joinpath
        )
        jobs = PublicJobs(self.database, self.fleet.jobs, lambda: self.now)
        self.feed = Feed(self.database, self.links, jobs, lambda: self.now, pages)
        self.feed.start()
        self.server = WebServer(self.port)
        self.site = site = Site(
            Shown(self.feed, self.links, self.history, self.replies, jobs, self.fleet.machines, lambda: self.now)
        )
        self.server.serve_with(site.app, site.leave)
        self.host, _, number = self.port.address.rpartition(":")
        self.number = int(number)

    def stop(self):
        self.server.stop()
        self.feed.stop()
        self.database.stop()

    def add(self, address="", title="", **more):
        """Keep a link; the number of its line."""
        at = NOON + next(COUNT) * SECOND
        said = Message("net", "message", "alice", "", "#ops", "look", at, "look")._replace(**more)
        kept = self.links.add(address or f"https://example.org/{next(COUNT)}", title, said).link.said
        self.site.kept([kept])  # as the scribe tells it
        return kept.id

    def connect(self):
        return contextlib.closing(http.client.HTTPConnection(self.host, self.number, timeout=DEADLINE))

    def ask(self, path, method="GET", **headers):
        with self.connect() as connection:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=names)
            return Answer(connection.getresponse())

    def where(self, number):
        """The page to which the address of a line leads: the one of its day, at the line."""
        answer = self.ask(f"/line/{number}")
        assert (answer.status, answer.body) == (303, b"")
        place, _, anchor = answer.headers["location"].partition("#")
        assert place.startswith("/log/")
        assert anchor == f"l{number}"
        found = self.ask(place)
        assert found.status == 200
        assert f'<li id="{anchor}"'.encode() in found.body
        return found

    def raw(self, data):
        """The bytes that come back for these bytes."""
        with contextlib.closing(socket.create_connection((self.host, self.number), DEADLINE)) as connection:
            connection.sendall(data)
            with connection.makefile("rb") as answer:
                return answer.read()

    def begun(self, data):
        """How the answer to these bytes begins, if there is one at all."""
        with contextlib.closing(socket.create_connection((self.host, self.number), DEADLINE)) as connection:
            connection.sendall(data)
            connection.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                return connection.recv(100_000)
        return b""


@pytest.fixture(scope="module")
def served(tmp_path_factory, empty_database, new_database_url):
    path = tmp_path_factory.mktemp("web") / "chanops.db"
    path.parent.chmod(0o700)
    path.write_bytes(empty_database.read_bytes())
    path.chmod(0o600)
    made = Served(path, new_database_url())
    made.line = made.add(title="A read & more")
    made.secret = made.add("https://secret.example/", "secret", channel="#cabal", text="the secret", raw="the secret")
    made.reply = made.replies.keep(".machines <all>", "one\ntwo & three")
    yield made
    made.stop()


@pytest.fixture
def routes(served):
    """Every address that there is, with its status and its type."""
    return {
        "/": (200, HTML),
        f"/line/{served.line}": (303, None),
        "/log/net/%23ops/2025-11-21": (200, HTML),
        f"/reply/{served.reply}": (200, HTML),
        "/machines": (200, HTML),
        "/jobs": (200, HTML),
        "/feed.rss": (200, RSS),
        "/feed.atom": (200, ATOM),
        "/links.rss": (200, RSS),
        "/links.atom": (200, ATOM),
        "/jobs.rss": (200, RSS),
        "/jobs.atom": (200, ATOM),
        "/jobs/1": (404, HTML),
        "/jobs/1/events": (404, HTML),
        "/static/style.css": (200, "text/css; charset=utf-8"),
        "/static/live.js": (200, "text/javascript; charset=utf-8"),
        "/static/tail.js": (200, "text/javascript; charset=utf-8"),
        "/line/1": (404, HTML),
        "/reply/x": (404, HTML),
        "/nothing": (404, HTML),
        "/static/nothing": (404, HTML),
        "/favicon.ico": (404, HTML),
    }


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.other = [], "", []
        self.feed(html.decode())
        self.close()

    @property
    def shape(self):
        """The elements, each with the names of its attributes."""
        return [(tag, *attributes) for tag, attributes in self.elements]

    def elements_of(self, number):
        """The elements of a line, up to the next."""
        ids = [attributes.get("id") for _, attributes in self.elements]
        first = ids.index(f"l{number}")
        rest = itertools.takewhile(lambda each: each[0] != "li", self.elements[first + 1 :])
        return [self.elements[first], *rest]

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes)
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.other.append(data)

    handle_pi = unknown_decl = handle_comment


# What is served, and to whom


def test_each_address_has_its_status_its_type_and_its_length(served, routes):
    for path, (status, kind) in routes.items():
        answer = served.ask(path)
        assert (path, answer.status, answer.headers.get("content-type")) == (path, status, kind)
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert bool(answer.body) == (status != 303)


def test_each_answer_has_the_headers_of_safety_and_none_of_the_server(served, routes):
    answers = []
    for path in routes:
        answer = served.ask(path)
        assert (path, answer.headers["content-security-policy"]) == (
            path,
            POLICIES.get(path, SECURITY["content-security-policy"]),
        )
        answer.headers["content-security-policy"] = SECURITY["content-security-policy"]
        answers.append(answer)
    answers += [served.ask("/", "POST"), served.ask("/feed.rss", if_none_match="*"), served.ask("/static/../x")]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers


def test_a_head_request_gets_the_same_headers_and_no_body(served, routes):
    for path in routes:
        with served.connect() as connection:
            connection.request("HEAD", path)
            head = Answer(connection.getresponse())
            connection.request("GET", path)  # a body that was sent after all would be read here
            full = Answer(connection.getresponse())
        assert (path, head.status, head.body) == (path, full.status, b"")
        assert head.lasting == full.lasting


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "REPORT"])
def test_nothing_can_be_done_only_read(method, served, routes):
    before = served.ask("/").body
    for path, (status, _) in routes.items():
        answer = served.ask(path, method)
        assert answer.status == 405 or (status == 404 and answer.status == 404)
        if answer.status == 405 and not path.startswith("/static"):
            assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert served.ask("/").body == before


def test_the_first_page_shows_the_newest_links_with_who_said_them_where(served):
    number = served.add("https://example.org/?a=1&b=2", "The newest", nick="bob")
    page = Page(served.ask("/").body)
    assert "The newest" in page.text
    assert "bob in #ops" in page.text
    link, line = page.elements.index(("a", {"class": "link", "href": "https://example.org/?a=1&b=2",
                                            "rel": "nofollow noopener noreferrer ugc"})), ("a",
                                            {"href": f"/line/{number}"})  # fmt: skip
    assert page.elements[link + 2] == line
    assert "secret" not in page.text
    assert "Links of the <team>" in page.text


def test_a_line_is_shown_with_its_second(served):
    number = served.add(text="hello there", raw="\x02hello\x02 there", nick="carol")
    page = Page(served.where(number).body)
    assert "#ops on net" in page.text
    assert "carol hello there" in page.text
    [time_] = [each for each in page.elements_of(number) if each[0] == "time"]
    assert re.fullmatch(r"2025-11-21T\d\d:\d\d:\d\dZ", time_[1]["datetime"])


def test_an_action_is_shown_as_one(served):
    number = served.add(event="action", text="waves", raw="\x01ACTION waves\x01", nick="carol")
    assert "* carol waves" in Page(served.where(number).body).text


def test_a_long_answer_is_shown_with_all_its_lines(served):
    text = "\n".join(f"line {n} <{n}>" for n in range(1000))
    page = Page(served.ask(f"/reply/{served.replies.keep('.log', text)}").body)
    assert text in page.text


def test_a_bot_that_knows_no_link_yet_says_how_to_keep_one(served):
    before, served.now = served.now, Settings(channels={"#ops": ChannelSettings(feed=False)})
    page = Page(served.ask("/").body)
    served.now = before
    assert "No links yet" in page.text
    assert "a" in [tag for tag, _ in page.elements]


@pytest.mark.parametrize(
    "number",
    ["1", "0", "-1", "+1", "00", "1.5", "1e3", "0x10", "9" * 18, "9" * 19, "9" * 5000, "%31x", "abc", "١٢٣", "१२३", "²",
     "1%00", "%20", "' OR 1=1 --", "..", "%2e%2e", "1;2", "None", "nan", "\ud800"],
)  # fmt: skip
def test_a_line_that_is_not_there_or_not_public_looks_the_same(number, served):
    hidden = served.ask(f"/line/{served.secret}")
    assert hidden.status == 404
    assert b"secret" not in hidden.body
    path = "/line/" + "".join(c if c.isascii() and c != " " else "".join(f"%{b:02X}" for b in c.encode("utf-8",
    "replace"))
                              for c in number)  # fmt: skip
    missing = served.ask(path)
    assert (missing.status, missing.body, missing.lasting) == (hidden.status, hidden.body, hidden.lasting)


def test_the_digits_of_other_scripts_are_no_number(served):
    arabic = "".join(chr(0x660 + int(digit)) for digit in str(served.line))
    assert int(arabic) == served.line
    assert served.ask("/line/" + "".join(f"%{b:02X}" for b in arabic.encode())).status == 404


def test_a_channel_that_is_hidden_is_hidden_at_once(served):
    number = served.add("https://soon.example/", "soon hidden", channel="#soon")
    seen = [served.ask(path).body for path in ("/", "/feed.rss", "/feed.atom")]
    assert all(b"soon hidden" in body for body in seen)
    assert served.where(number).status == 200
    before, served.now = served.now, replace(HIDDEN, channels={"#soon": ChannelSettings(feed=False)})
    seen = [served.ask(path).body for path in ("/", "/feed.rss", "/feed.atom")]
    status = served.ask(f"/line/{number}").status
    served.now = before
    assert not any(b"soon" in body for body in seen)
    assert status == 404


# Feeds: who has it already need not get it again


@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_says_how_it_can_be_asked_for_again(path, served):
    answer = served.ask(path)
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["last-modified"].endswith(" GMT")
    assert parsedate_to_datetime(answer.headers["last-modified"]).tzinfo is not None
    again = served.ask(path)
    assert (again.body, again.lasting) == (answer.body, answer.lasting)
    assert f'href="http://{served.port.address}{path}"'.encode() in answer.body


@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ("{}", 304),
        ("W/{}", 304),
        ("*", 304),
        (" {} ", 304),
        ('"x", {}', 304),
        ('"x",{},"y"', 304),
        ('W/"x", W/{}', 304),
        ('"x"', 200),
        ('W/"x", "y"', 200),
        ("", 200),
        ("x{}", 200),
        ('"', 200),
        (",,,", 200),
    ],
)
def test_a_reader_that_has_the_feed_by_its_tag_gets_304(tags, status, path, served):
    full = served.ask(path)
    answer = served.ask(path, if_none_match=tags.format(full.headers["etag"]))
    assert answer.status == status
    assert answer.body == (b"" if status == 304 else full.body)
    assert answer.headers["etag"] == full.headers["etag"]
    if status == 304:
        names = ("etag", "last-modified", "cache-control")
        assert {name: answer.headers[name] for name in names} == {name: full.headers[name] for name in names}
        assert "content-type" not in answer.headers


def test_tags_in_several_headers_are_one_list(served):
    tag = served.ask("/feed.rss").headers["etag"].encode()
    request = b"GET /feed.rss HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    request += b'If-None-Match: "x"\r\nIf-None-Match: %s\r\n\r\n'
    assert served.raw(request % tag).startswith(b"HTTP/1.1 304")


@pytest.mark.parametrize(
    ("later", "status"), [(timedelta(0), 304), (SECOND, 304), (timedelta(days=900), 304), (-SECOND, 200)]
)
def test_a_reader_that_has_the_feed_by_its_date_gets_304(later, status, served):
    changed = parsedate_to_datetime(served.ask("/feed.rss").headers["last-modified"])
    answer = served.ask("/feed.rss", if_modified_since=format_datetime(changed + later, usegmt=True))
    assert answer.status == status


def test_the_tag_decides_where_both_are_given(served):
    full = served.ask("/feed.rss")
    since = full.headers["last-modified"]
    assert served.ask("/feed.rss", if_none_match='"other"', if_modified_since=since).status == 200
    assert served.ask("/feed.rss", if_none_match=full.headers["etag"], if_modified_since="nonsense").status == 304


NO_DATES = ["", "yesterday", "0", "-1", "Sat, 99 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 99999 12:00:00 GMT",
            "Sat, 21 Nov 2099 12:00:00 -0000", "Sat Nov 21 12:00:00 2099", "Sat, 21 Nov 2099 12:00:00",
            "Sat, 21 Nov 2099 12:00:00 +99999999999999999999", "Sat, 21 Nov 2099 12:00:00 +9999",
            "Sat, 21 Nov 2099 99:99:99 GMT", f"Sat, 21 Nov {'9' * 5000} 12:00:00 GMT", ",", "Sat,",
            "\xff\xfe"]  # fmt: skip


@pytest.mark.parametrize("date", NO_DATES)
def test_a_date_that_is_none_is_passed_over(date, served):
    assert served.ask("/feed.rss", if_modified_since=date).status in (200, 304)
    assert served.ask("/feed.rss").status == 200


PARTS = st.sampled_from(
    ["Sat,", " ", "21", "Nov", "2026", "12:00:00", "GMT", "+0000", "-", ":", "+", "99", "0", ",", "."]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(PARTS | st.text(st.characters(max_codepoint=255), max_size=3), max_size=12).map(" ".join), st.booleans()
)
def test_no_header_can_make_the_question_fail(value, by_date):
    name = b"if-modified-since" if by_date else b"if-none-match"
    request = Request({"type": "http", "headers": [(name, value.encode("latin-1"))]})
    assert has_it(request, Rendered(b"", "", '"tag"', NOON)) in (True, False)


def test_a_new_link_is_in_the_feed_for_those_who_had_the_old_one(served):
    before = served.ask("/feed.atom")
    served.add("https://example.org/fresh", "fresh as can be")
    answer = served.ask("/feed.atom", if_none_match=before.headers["etag"])
    assert answer.status == 200
    assert b"fresh as can be" in answer.body


# What people say is text and never anything else

PAYLOADS = [
    "<script>alert(1)</script>", "</title><script>alert(1)</script>", "</a></li></ol><h1>owned</h1>",
    "<img src=x onerror=alert(1)>",
    "\"><script>alert(1)</script>", "'><script>alert(1)</script>", "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "` onmouseover=`alert(1)", "\" style=\"x:expression(alert(1))", "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script>",
    "<iframe src=javascript:alert(1)>", "<body onload=alert(1)>", "<a href=javascript:alert(1)>x</a>", "<b>bold</b>",
    "<!-- comment",
    "--> <b>", "<![CDATA[ <b> ]]>", "<?php echo 1 ?>", "<!DOCTYPE html>", "</style><script>", "</textarea><script>",
    "</pre><script>",
    "<base href=//evil.example>", "<meta http-equiv=refresh content=0>", "<link rel=stylesheet href=//evil.example>",
    "<form action=//evil.example><input>", "<math><mi//xlink:href=\"data:x,<script>\">",
    "<table background=javascript:1>",
    "{{ 7 * 7 }}", "{% raw %}", "{{ self._TemplateReference__context }}", "${7*7}", "#{7*7}", "<%= 7 %>",
    "&lt;script&gt;", "&#60;script&#62;",
    "&amp;lt;", "&nbsp;", "%3Cscript%3E", "\\u003cscript\\u003e", "\x02<b>\x02", "\x0304<i>", "<scr\x00ipt>",
    "<scr\x0fipt>", "<\u200bscript>",
    "\u202e<tpircs>", "\uff1cscript\uff1e", "<a\u2028onclick=x>", "<x\x0bonclick=x>", "<x\x0conclick=x>",
    "<x/\x85onclick=x>", "]]><b>", "a\tb<b>",
]  # fmt: skip
HEAD = [
    ("html", "lang"), ("head",), ("meta", "charset"), ("meta", "name", "content"), ("meta", "name", "content"),
    ("title",), *[("link", "rel", "href")] * 2, *[("link", "rel", "type", "title", "href")] * 3,
]  # fmt: skip
LINKS = [("a", "href")] * 7
BODY = [("body",), ("a", "class", "href"), ("header",), ("a", "href"), ("nav", "aria-label")]
FRAME = [*HEAD, *BODY, *LINKS, ("main", "id"), ("h1",)]
FIRST = [*HEAD, *BODY, ("a", "href", "aria-current"), *LINKS[1:], ("main", "id"), ("h1",)]
FORM = [
    ("form", "class", "role", "action"), ("label", "class", "for"),
    ("input", "id", "name", "type", "value", "placeholder", "autocomplete", "maxlength"), ("button",),
]  # fmt: skip
CHANNEL = [
    ("li",), ("a", "href"), ("span", "class"), ("a", "class", "href"), ("span", "class"), ("time", "datetime"),
]  # fmt: skip
ITEM = [("li",), ("a", "class", "href", "rel"), ("p",), ("a", "href"), ("time", "datetime")]
FOOT = [("p",), ("a", "href"), ("p", "class"), *[("a", "href")] * 5]
DAY = [
    *HEAD, *[HEAD[-1]] * 3, *[("script", "src", "type")] * 2, *BODY, *LINKS,
    ("main", "id", "class", "data-day", "data-text"), ("h1",),
    ("a", "class", "href"), ("span", "class"), ("p", "class"), ("time", "datetime"), ("nav", "class", "aria-label"),
    ("a", "href"), ("p", "class"), ("span", "id", "data-day"), ("a", "href"), ("ol", "class"),
]  # fmt: skip
LINE = [("li", "id", "class"), ("a", "class", "href"), ("time", "datetime"), ("b", "class"), ("span",)]
LOOK = ("span", "class")  # bold, or a colour: made of formatting codes, and of nothing else
LINK = [("a", "href", "rel"), ("cite",)]
CHOSEN = [
    ("div", "class", "id", "hidden"), ("span", "id", "role"), ("a", "id", "href"), ("button", "type", "id"),
    ("button", "type", "id"),
]  # fmt: skip
REPLY = [("p", "class"), ("time", "datetime"), ("pre",)]


def test_there_are_fifty_payloads():
    assert len(set(PAYLOADS)) >= 50


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_is_said_makes_no_element_and_no_attribute(payload, served, new_database_url):
    if new_database_url is not str:
        payload = storable(payload)  # PostgreSQL holds no NUL
    address = f"https://example.org/{next(COUNT)}/{payload}"
    number = served.add(
        address, f"t{payload}", nick=f"n{payload}", text=payload, raw=f"{payload} ://", channel=f"#{payload}"
    )
    home = Page(served.ask("/").body)
    channels = sum(1 for tag, attributes in home.elements if attributes.get("class") == "dim last")
    items = sum(1 for tag, attributes in home.elements if attributes.get("class") == "link")
    assert channels > 1
    assert items > 1
    assert home.shape == [
        *FIRST, *FORM, ("h2", "id"), ("ul", "class", "aria-labelledby"), *CHANNEL * channels,
        ("h2", "id"), ("ol", "class", "aria-labelledby"), *ITEM * items, *FOOT,
    ]  # fmt: skip
    shown = visible(re.sub("[\x02\x0f]|\x0304", "", payload))
    assert f"t{shown}" in home.text
    assert f"n{visible(payload)} in #{visible(payload)}" in home.text
    assert next(each["href"] for _, each in home.elements if each.get("class") == "link") == address

    day = Page(served.where(number).body)
    looks = [LOOK] * sum(payload.startswith(code) for code in ("\x02", "\x03"))
    assert day.shape == DAY + LINE + looks + LINK + CHOSEN
    assert visible(re.sub("[\x02\x0f]|\x0304", "", payload).replace("\t", " ")) in day.text
    assert next(each["href"] for tag, each in day.elements if "rel" in each and tag == "a") == address

    reply = Page(served.ask(f"/reply/{served.replies.keep(payload, payload)}").body)
    assert reply.shape == FRAME + REPLY
    stored = payload.replace("\0", "\ufffd")  # not every database can hold it
    assert reply.text.count(visible(stored)) == 3  # in its title, its heading, and below
    for page in (home, day, reply):
        assert page.other == []


def test_the_title_of_the_pages_is_text_too(served):
    before, served.now = served.now, Settings(feed=FeedSettings(title='"><script>alert(1)</script>'))
    pages = [Page(served.ask(path).body) for path in ("/", "/nothing", "/log/net/%23ops/2025-11-21")]
    served.now = before
    for page, shape in zip(pages, (FIRST, FRAME, DAY[: DAY.index(("ol", "class"))]), strict=True):
        assert page.shape[: len(shape)] == shape
        assert '"><script>alert(1)</script>' in page.text


# What comes from elsewhere than a browser


@pytest.mark.parametrize(
    "path",
    ["/feed.rss/", "/feed.atom/", "/line/1/", "/reply/x/", "/static", "/static/", "//", "//evil.example/", "/line",
     "/line/",
     "/reply/", "/feed.xml", "/feed.rss.", "/FEED.RSS", "/%66eed.rss/"],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_whatever_host_was_asked_for(path, served):
    for host, status in (("evil.example", 421), ("localhost", 404)):
        answer = served.ask(path, host=host, x_forwarded_host="evil.example")
        assert "location" not in answer.headers
        assert answer.status == status
        assert b"evil" not in answer.body


def test_a_host_that_is_not_ours_gets_nothing_and_what_a_proxy_says_changes_nothing(served, routes):
    for path in routes:
        wrong = served.ask(path, host="evil.example")
        assert (path, wrong.status, wrong.body) == (path, 421, b"these pages have another address")
        assert "location" not in wrong.headers
        usual, other = served.ask(path), served.ask(path, x_forwarded_host="evil.example")
        assert (path, other.body, other.lasting) == (path, usual.body, usual.lasting)


@pytest.mark.parametrize(
    "path",
    ["../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "%2e%2e%2fpages.py", "..\\pages.py", "..%5cpages.py",
     "....//pages.py",
     "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "../../../../../../etc/passwd", "%00", "style.css%00",
     "style.css%00.html",
     "../templates/home.html", "__init__.py", ".", "..", "%252e%252e/pages.py", "%c0%ae%c0%ae/pages.py", "x" * 5000,
     "%ff"],
)  # fmt: skip
def test_only_what_is_in_the_static_folder_is_served(path, served):
    raw = served.raw(f"GET /static/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert raw.split(b" ")[1] in (b"404", b"400")
    assert b"import" not in raw
    assert b"root:" not in raw


def test_the_style_is_served_and_need_not_be_sent_twice(served):
    first = served.ask("/static/style.css")
    assert b"{" in first.body
    assert served.ask("/static/style.css", if_none_match=first.headers["etag"]).status == 304


STRANGE = [
    b"GET http://wrong.invalid/feed.rss HTTP/1.1\r\nHost: wrong.invalid\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /line/%FF%FE HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /line/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /reply/%ED%A0%80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /reply/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /reply/" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /?%s=%n HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT wrong.invalid:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1\r\n\r\n",
    b"GET /static/style.css HTTP/1.1\r\nHost: localhost\r\nRange: bytes=9999999-\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX:" + b" y" * 100 + b"\r\n folded\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: wrong.invalid\r\n\r\n",
]


@pytest.mark.parametrize("request_", STRANGE, ids=range(len(STRANGE)))
def test_no_request_makes_an_error_of_ours_or_stops_the_others(request_, served, caplog):
    answer = served.begun(request_)
    assert not re.search(rb"HTTP/1.1 5\d\d", answer)
    assert b"Traceback" not in answer
    assert b"wrong.invalid" not in answer
    assert served.ask("/feed.rss").status == 200
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("path", ["/", "/links", "/search?q=look", "/log/net/%23ops/", "/enter"])
def test_a_page_that_a_reader_has_is_not_sent_again(served, path):
    first = served.ask(path)
    assert (first.status, first.headers["content-type"]) == (200, HTML)
    if "no-store" in first.headers["cache-control"]:
        assert "etag" not in first.headers
        return
    again = served.ask(path, if_none_match=f'"other", W/{first.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert {name: again.headers[name] for name in ("etag", "content-security-policy", "x-content-type-options")} == {
        name: first.headers[name] for name in ("etag", "content-security-policy", "x-content-type-options")
    }
    assert served.ask(path, if_none_match='"other"').body == first.body
    assert served.ask(path, "HEAD").headers["etag"] == first.headers["etag"]


def test_a_page_that_has_changed_is_sent_again(served):
    first = served.ask("/links")
    served.add(title="Something new")
    again = served.ask("/links", if_none_match=first.headers["etag"])
    assert again.status == 200
    assert b"Something new" in again.body
