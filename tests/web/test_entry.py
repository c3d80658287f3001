"""The entry: a good token becomes a cookie, and by no other name than their own are the pages to be had."""

import re
import threading
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from chanops.core.sections import Settings, WebSettings
from chanops.services.visibility import EVERYBODY, Viewer
from chanops.web.entry import COOKIE, Entry, may_be_asked, viewer_of
from chanops.web.frame import Frame
from tests.feeds.served import ServedFeeds

PAUSE = 0.3
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def served(tmp_path_factory, empty_database):
    made = ServedFeeds(tmp_path_factory.mktemp("entry") / "data", empty_database, pause=PAUSE)
    made.tokens = made.access.add("ca<r>ol", ["net/#cabal"])
    yield made
    made.stop()


def enter(served, token, **headers):
    return served.ask("/enter", "POST", urlencode({"token": token}), **{"content_type": FORM, **headers})


def cookie_of(answer):
    [(_, text)] = [each for each in answer.all_headers if each[0] == "set-cookie"]
    return SimpleCookie(text)[COOKIE]


def request_of(served, cookie=""):
    app = Starlette()
    app.state.access = served.access
    return Request({"type": "http", "app": app, "headers": [(b"cookie", cookie.encode("latin-1"))]})


def test_a_good_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(served):
    answer = enter(served, served.tokens.page)
    assert (answer.status, answer.headers["location"], answer.headers["cache-control"]) == (303, "/", "no-store")
    cookie = cookie_of(answer)
    assert cookie.value == served.tokens.page
    assert cookie["httponly"] is True
    assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("strict", "/", str(365 * 86400))
    assert not cookie["secure"]
    assert not cookie["domain"]


def test_under_https_the_cookie_travels_under_cover_only(served):
    before, served.now = served.now, Settings(web=WebSettings(url="https://ops.example"))
    try:
        assert cookie_of(enter(served, f" {served.tokens.page} ", host="ops.example"))["secure"] is True
        left = served.ask("/leave", "POST", "", content_type=FORM, host="ops.example")
        assert cookie_of(left)["secure"] is True
    finally:
        served.now = before


@pytest.mark.parametrize("token", ["", "x", "' OR 1=1", "\0", "é" * 100, "<script>alert(1)</script>"])
def test_any_other_text_gets_the_form_again_after_a_while(token, served):
    began = time.monotonic()
    answer = enter(served, token)
    assert time.monotonic() - began >= PAUSE
    assert answer.status == 403
    assert "set-cookie" not in answer.headers
    assert b"That is no token" in answer.body
    assert b"<script>" not in answer.body


def test_a_feed_token_is_no_page_token(served):
    assert enter(served, served.tokens.feed).status == 403


def test_while_somebody_waits_for_his_wrong_token_others_do_not(served):
    threads = [threading.Thread(target=enter, args=(served, "x")) for _ in range(20)]
    began = time.monotonic()
    for each in threads:
        each.start()
    assert served.ask("/enter").status == 200
    for each in threads:
        each.join(10)
    assert time.monotonic() - began < 20 * PAUSE


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content_type": "application/json"}, '{"token": "x"}', 415),
        ({"content_type": "multipart/form-data; boundary=x"}, "--x--", 415),
        ({"content_type": "text/plain"}, "token=x", 415),
        ({}, "token=x", 415),
        ({"content_type": FORM, "sec_fetch_site": "cross-site"}, "token=x", 403),
        ({"content_type": FORM, "sec_fetch_site": "same-site"}, "token=x", 403),
        ({"content_type": FORM, "origin": "http://evil.example"}, "token=x", 403),
        ({"content_type": FORM, "origin": "null"}, "token=x", 403),
        ({"content_type": FORM, "origin": ""}, "token=x", 403),
        ({"content_type": FORM, "origin": "http://127.0.0.1"}, "token=x", 403),
        ({"content_type": FORM}, "token=" + "x" * 4096, 413),
        ({"content_type": FORM}, "x" * 100_000, 413),
    ],
)
def test_what_is_none_of_our_forms_is_refused(headers, body, status, served):
    answer = served.ask("/enter", "POST", body, **headers)
    assert (answer.status, "set-cookie" in answer.headers) == (status, False)


def test_4_kilobytes_are_read(served):
    body = urlencode({"token": served.tokens.page, "x": ""})
    answer = served.ask("/enter", "POST", body + "x" * (4096 - len(body)), content_type=f"{FORM}; charset=utf-8")
    assert answer.status == 303
    assert served.ask("/enter", "POST", "&" * 4000, content_type=FORM).status == 403
    assert served.ask("/enter", "POST", b"\xff\xfe%ff%zz=&token", content_type=FORM).status == 403


def test_the_pages_say_who_reads(served):
    cookie = f"{COOKIE}={served.tokens.page}"
    for path in ("/enter", "/leave"):
        answer = served.ask(path, cookie=cookie)
        assert answer.status == 200
        assert b"You read as <b>ca&lt;r&gt;ol</b>" in answer.body
        assert b"You read as" not in served.ask(path).body
        assert b"You read as" not in served.ask(path, cookie=f"{COOKIE}=x").body
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert re.search(rb'<form method="post" action="%s">' % path.encode(), answer.body)
        assert served.tokens.page.encode() not in answer.body


def test_to_look_at_the_way_out_is_not_to_leave(served):
    assert "set-cookie" not in served.ask("/leave").headers
    answer = served.ask("/leave", "POST", "", content_type=FORM)
    cookie = cookie_of(answer)
    assert (answer.status, cookie.value, cookie["max-age"], cookie["path"]) == (303, "", "0", "/")
    assert served.ask("/leave", "POST", "", content_type=FORM, sec_fetch_site="cross-site").status == 403


def test_a_form_of_ours_says_where_it_is_from(served):
    origin = f"http://{served.place}"
    assert enter(served, served.tokens.page, origin=origin).status == 303
    assert served.ask("/leave", "POST", "", content_type=FORM, origin=origin).status == 303
    for other in ("http://evil.example", "null", f"{origin}.evil.example"):
        assert served.ask("/leave", "POST", "", content_type=FORM, origin=other).status == 403
        assert enter(served, served.tokens.page, origin=other).status == 403
    # Else browsers would say null of it.
    assert served.ask("/enter").headers["referrer-policy"] == "same-origin"
    assert served.ask("/leave").headers["referrer-policy"] == "same-origin"


def test_a_form_may_be_from_where_people_reach_the_pages(served):
    before, served.now = served.now, Settings(web=WebSettings(url="https://ops.example/"))
    try:
        assert enter(served, served.tokens.page, origin="https://ops.example").status == 303
        assert enter(served, served.tokens.page, origin="https://other.example").status == 403
    finally:
        served.now = before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_there_is_no_other_way_in(method, served):
    assert served.ask("/enter", method).status == 405


def test_a_viewer_is_known_by_the_cookie_alone(served):
    tokens = served.access.add("dave")
    assert viewer_of(request_of(served)) == EVERYBODY
    assert viewer_of(request_of(served, f"{COOKIE}={tokens.page}")) == Viewer("dave", every=True)
    assert viewer_of(request_of(served, f"a=b; {COOKIE}={tokens.page}; c=d")) == Viewer("dave", every=True)
    for other in (f"{COOKIE}={tokens.feed}", f"{COOKIE}=", f"other={tokens.page}", f"{COOKIE}={tokens.page}x", "\xff"):
        assert viewer_of(request_of(served, other)) == EVERYBODY
    served.access.revoke("dave")
    assert viewer_of(request_of(served, f"{COOKIE}={tokens.page}")) == EVERYBODY


def test_a_site_without_tokens_has_only_everybody():
    assert viewer_of(Request({"type": "http", "app": Starlette(), "headers": [(b"cookie", b"chanops=x")]})) == EVERYBODY


# By which name

HERE = "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("host", "listen", "url", "allowed"),
    [
        ("127.0.0.1:8080", HERE, "", True),
        ("127.0.0.1", HERE, "", True),
        ("localhost:1234", HERE, "", True),
        ("LOCALHOST", HERE, "", True),
        ("[::1]:8080", HERE, "", True),
        ("evil.example", HERE, "", False),
        ("evil.example:8080", HERE, "", False),
        ("127.0.0.1.evil.example", HERE, "", False),
        ("localhost.evil.example", HERE, "", False),
        ("evil.example@127.0.0.1", HERE, "", True),
        ("127.0.0.1@evil.example", HERE, "", False),
        ("192.0.2.1", HERE, "", False),
        ("", HERE, "", False),
        ("ops.example", HERE, "https://ops.example", True),
        ("OPS.example.:443", HERE, "https://ops.example/bot", True),
        ("evil.example", HERE, "https://ops.example", False),
        ("ops.example.evil.example", HERE, "https://ops.example", False),
        ("192.0.2.1:80", "192.0.2.1:80", "", True),
        ("ops.lan", "ops.lan:80", "", True),
        ("evil.example", "192.0.2.1:80", "", False),
        ("evil.example", "0.0.0.0:80", "", True),
        ("evil.example", "[::]:80", "", True),
        ("evil.example", "0.0.0.0:80", "https://ops.example", False),
        ("ops.example", "0.0.0.0:80", "https://ops.example", True),
        ("192.0.2.7", "0.0.0.0:80", "https://ops.example", True),
        ("[2001:db8::1]:80", "[::]:80", "https://ops.example", True),
        ("[evil.example]", "[::]:80", "https://ops.example", False),
    ],
)
def test_by_which_names_the_pages_are_to_be_had(host, listen, url, allowed):
    assert may_be_asked(host, listen, url) is allowed


def test_by_another_name_there_is_nothing(served):
    assert served.ask("/enter").status == 200
    assert served.ask("/enter", host="localhost").status == 200
    for path in ("/enter", "/feed.rss", "/nothing"):
        answer = served.ask(path, host="evil.example")
        assert answer.status == 421
        assert b"evil" not in answer.body
        assert "content-security-policy" in answer.headers
    assert enter(served, served.tokens.page, host="evil.example").status == 421


def test_each_page_of_the_entry_only_reads_but_for_the_cookie():
    rooms = Entry(None, Frame(Settings)).routes
    assert {(each.path, *sorted(each.methods)) for each in rooms} == {
        ("/enter", "GET", "HEAD"), ("/enter", "POST"), ("/leave", "GET", "HEAD"), ("/leave", "POST")
    }  # fmt: skip
