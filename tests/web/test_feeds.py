"""The feeds over HTTP: where each is, for whom, and how it can be asked for again."""

import itertools
import re
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

import pytest

from chanops.core.sections import ChannelSettings, FeedSettings, Settings, WebSettings
from chanops.services import feed_links
from chanops.services.feed_topics import TYPES
from tests.feeds.rules import MISTAKES, entries_of, mistakes_in_opml, own_address
from tests.feeds.served import ServedFeeds

PRIVATE = {"#cabal": ChannelSettings(private=True)}
OPS, CABAL = "/log/net/%23ops", "/log/net/%23cabal"
FEEDS = ["/feed", "/links", "/jobs", f"{OPS}/feed", f"{OPS}/links", f"{OPS}/jobs", "/links/by/net/al%5Bx%5D"]
FEEDS += ["/links/tag/%C3%A9"]
ALL = [f"{path}.{form}" for path in FEEDS for form in TYPES]
ALL += [f"/search.{form}?q=%22read+this%22+%26" for form in TYPES]
COUNT = itertools.count()


@pytest.fixture(scope="module")
def served(tmp_path_factory, empty_database):
    made = ServedFeeds(tmp_path_factory.mktemp("feeds") / "data", empty_database, Settings(channels=PRIVATE))
    made.add("https://a.example/?a=1&b=2", "Read this & <that> #é", nick="al[x]", text="read this &")
    made.add("https://b.example/", "the secret", channel="#cabal", text="whispered secret")
    made.job("up <web>")
    made.tokens = made.access.add("carol", ["net/#cabal"])
    yield made
    made.stop()


def form_of(path):
    return path.partition("?")[0].rpartition(".")[2]


@pytest.mark.parametrize("path", ALL)
def test_each_feed_is_valid_and_says_that_it_is_where_it_was_fetched(path, served):
    answer = served.ask(path)
    form = form_of(path)
    assert (answer.status, answer.headers["content-type"]) == (200, TYPES[form])
    assert MISTAKES[form](answer.body, f"http://{served.place}{path}") == []
    assert len(entries_of(answer.body, form)) >= 1
    assert b"secret" not in answer.body
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "link" not in answer.headers


@pytest.mark.parametrize("path", [*ALL, "/feeds.opml"])
def test_each_feed_can_be_asked_for_again(path, served):
    full = served.ask(path)
    assert re.fullmatch(r'"[0-9a-f]{32}"', full.headers["etag"])
    for ask in ({"if_none_match": full.headers["etag"]}, {"if_modified_since": full.headers["last-modified"]}):
        again = served.ask(path, **ask)
        assert (again.status, again.body) == (304, b"")
        names = ("etag", "last-modified", "cache-control")
        assert [again.headers[name] for name in names] == [full.headers[name] for name in names]
    assert served.ask(path, if_none_match='"x"').body == full.body
    earlier = format_datetime(parsedate_to_datetime(full.headers["last-modified"]) - timedelta(seconds=1), usegmt=True)
    assert served.ask(path, if_modified_since=earlier).status == 200


@pytest.mark.parametrize("path", [*ALL, "/feeds.opml"])
def test_its_head_alone_can_be_asked_for(path, served):
    full, head = served.ask(path), served.ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    names = ("etag", "last-modified", "content-type", "content-length")
    assert [head.headers[name] for name in names] == [full.headers[name] for name in names]


def test_a_feed_is_written_in_one_way_however_it_was_asked_for(served):
    said = [
        [f"{OPS}/links.rss", "/log/net/%23OPS/links.rss", "/log/net/%23%4Fps/links.rss"],
        [
            "/search.rss?q=read+this",
            "/search.rss?q=read%20this",
            "/search.rss?x=1&q=%20read++this+",
            "/search.rss?q=read%0Athis",
        ],
        ["/links/tag/%C3%A9.rss", "/links/tag/%C3%89.rss"],
    ]
    for paths in said:
        first, *others = [served.ask(path) for path in paths]
        assert first.status == 200
        assert f'href="http://{served.place}{paths[0]}"'.replace("&", "&amp;").encode() in first.body
        assert all(each.body == first.body for each in others)


NOTHING = ["/log/net/%23none/feed.rss", "/log/none/%23ops/feed.rss", "/log/net/feed.rss", "/log/net//feed.rss",
           "/links/by/none/alice.rss", "/links/by/net/.rss", "/links/tag/.rss", "/links/tag/a b.rss",
           "/links/tag/41.rss", "/links/tag/%23x.rss", "/search.rss", "/search.rss?q=", "/search.rss?q=+",
           "/search.rss?q=%00", f"/search.rss?q={'x' * 501}", "/feed.xml", "/feeds.rss", "/links/by/net/a%00.rss",
           f"/links/by/net/{'x' * 501}.json"]  # fmt: skip


@pytest.mark.parametrize("path", NOTHING)
def test_what_is_no_feed_is_not_there(path, served):
    assert served.ask(path.replace(" ", "%20")).status == 404


HOSTILE = ["'; DROP TABLE lines; --", '"', "%", "*", "(", "a OR", "NEAR(a b)", "nick:", "-", "^", "<script>", "\x02",
           "\ufffe", "é" * 50, "\U0001f600", "#" * 20, "before:9999-99-99", "..", "/", "\r\nX: y",
           "{{7*7}}"]  # fmt: skip


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("path", ["/search.{}?q={}", "/links/by/net/{1}.{0}", "/links/tag/{1}.{0}"])
def test_whatever_is_asked_for_is_a_valid_feed_or_none(path, word, served):
    for form in TYPES:
        asked = path.format(form, quote(word, safe=""))
        answer = served.ask(asked)
        assert answer.status in (200, 404)
        assert b"\r\nX: y" not in b"".join(f"{value}".encode() for _, value in answer.all_headers)
        if answer.status == 200:
            own = own_address(answer.body, form)
            assert MISTAKES[form](answer.body, own) == []
            assert served.ask(own.removeprefix(f"http://{served.place}")).body == answer.body


# Tokens


def test_a_private_channel_looks_like_none(served):
    for name in ("feed.rss", "links.atom", "jobs.json"):
        there, none = served.ask(f"{CABAL}/{name}"), served.ask(f"/log/net/%23none/{name}")
        assert (there.status, there.body) == (404, none.body)
        assert {**there.headers, "date": ""} == {**none.headers, "date": ""}


@pytest.mark.parametrize("path", [f"{CABAL}/links.{{}}", "/links.{}", "/links/by/net/alice.{}", "/search.{}?q=secret"])
@pytest.mark.parametrize("form", TYPES)
def test_with_a_feed_token_a_private_channel_is_in_its_feeds(path, form, served):
    path = path.format(form)
    path += f"{'&' if '?' in path else '?'}token={served.tokens.feed}"
    answer = served.ask(path)
    assert answer.status == 200
    assert "secret" in str(entries_of(answer.body, form))
    assert MISTAKES[form](answer.body, f"http://{served.place}{path}") == []
    assert answer.headers["cache-control"] == "private, no-store"
    again = served.ask(path, if_none_match=answer.headers["etag"])
    assert (again.status, again.headers["cache-control"]) == (304, "private, no-store")


@pytest.mark.parametrize("path", ["/feed.rss", f"{CABAL}/feed.rss", "/feeds.opml", "/search.rss?q=secret"])
def test_what_is_no_feed_token_opens_nothing(path, served):
    joined = "&" if "?" in path else "?"
    for token in ("", "x", served.tokens.page, served.tokens.feed + "x", "%00", "%FF"):
        assert served.ask(f"{path}{joined}token={token}").status == 404


@pytest.mark.parametrize("token", ["page", "feed"])
def test_a_cookie_opens_no_feed(token, served):
    cookie = f"chanops={getattr(served.tokens, token)}"
    assert served.ask(f"{CABAL}/feed.rss", cookie=cookie).status == 404
    assert served.ask("/feed.rss", cookie=cookie).body == served.ask("/feed.rss").body


def test_a_token_that_is_taken_back_opens_nothing_at_once(served):
    tokens = served.access.add("dave")
    path = f"{CABAL}/feed.rss?token={tokens.feed}"
    assert served.ask(path).status == 200
    served.access.revoke("dave")
    assert served.ask(path).status == 404
    assert served.ask("/feed.rss").status == 200


def test_the_list_of_all_feeds(served):
    answer = served.ask("/feeds.opml")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/x-opml; charset=utf-8")
    assert mistakes_in_opml(answer.body) == []
    assert b"cabal" not in answer.body
    addresses = re.findall(rb'xmlUrl="([^"]*)"', answer.body)
    assert len(addresses) == 6
    with_token = served.ask(f"/feeds.opml?token={served.tokens.feed}")
    assert with_token.headers["cache-control"] == "private, no-store"
    found = re.findall(r'xmlUrl="([^"]*)"', with_token.body.decode())
    assert len(found) == 9
    for address in [each.decode() for each in addresses] + found:
        assert served.ask(address.removeprefix(f"http://{served.place}")).status == 200


# What takes too long, the hub, the settings


MANY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
MANY_LINES = (
    f"INSERT INTO lines (id, channel_id, at, nick, account, kind, text, public) {MANY}"
    " SELECT 1 + i, channels.id, i, 'eve', '', 'message', 'look', 1 FROM n, channels WHERE folded = '#ops'"
)
MANY_LINKS = (
    f"INSERT INTO links (line, place, key, address, title, public, at, changed) {MANY}"
    " SELECT 1 + i, 1, i, 'https://x.example/', 'x', 1, i, i FROM n"
)


def test_what_takes_too_long_is_to_be_asked_for_later(tmp_path, empty_database, monkeypatch):
    served = ServedFeeds(tmp_path / "data", empty_database)
    try:
        served.add("https://a.example/", "#slow")
        for each in (MANY_LINES, MANY_LINKS):
            served.database.wait(lambda connection, each=each: connection.exec_driver_sql(each))
        for path in ("/links/by/net/someone.rss", "/links/tag/slow.rss"):
            monkeypatch.setattr(feed_links, "WITHIN", 0.0)
            answer = served.ask(path)
            assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
            assert answer.headers["retry-after"] == "60"
            monkeypatch.undo()
            assert served.ask(path).status == 200
    finally:
        served.stop()


def test_the_hub_is_named_in_the_head_of_feeds_that_are_the_same_for_all(served):
    before, hub = served.now, "https://hub.example/<a>?x=1"
    served.now = Settings(channels=PRIVATE, feed=FeedSettings(hub=hub))
    hub = "https://hub.example/%3Ca%3E?x=1"
    try:
        for form in TYPES:
            own = f"http://{served.place}{OPS}/links.{form}"
            answer = served.ask(f"{OPS}/links.{form}")
            assert answer.headers["link"] == f'<{hub}>; rel="hub", <{own}>; rel="self"'
            assert MISTAKES[form](answer.body, own, hub) == []
            assert served.ask(f"{OPS}/links.{form}", if_none_match=answer.headers["etag"]).headers["link"]
            for path in (f"/search.{form}?q=x", f"{OPS}/links.{form}?token={served.tokens.feed}"):
                answer = served.ask(path)
                assert answer.status == 200
                assert "link" not in answer.headers
                assert b"hub.example" not in answer.body
    finally:
        served.now = before


def test_where_machines_are_not_shown_there_are_no_feeds_of_jobs(served):
    before, served.now = served.now, Settings(web=WebSettings(machines=False))
    try:
        for form in TYPES:
            assert served.ask(f"/jobs.{form}").status == 404
            assert served.ask(f"{OPS}/jobs.{form}").status == 404
            assert b"up &lt;web" not in served.ask(f"/feed.{form}").body
    finally:
        served.now = before


def test_the_same_feed_is_the_same_bytes_after_a_restart(served):
    first = [served.ask(path).headers["etag"] for path in ALL]
    served.feed.stop()
    served.feed.__init__(served.database, served.links, served.public, lambda: served.now, served.pages)
    served.feed.start()
    assert [served.ask(path).headers["etag"] for path in ALL] == first
