"""Answers of all kinds, from a real server: either there is something to tell, or one line that says why not."""

import gzip
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import binary, lists, sampled_from, text

from chanops.services.titles.dial import MOST_LOOKUPS, lookups
from chanops.services.titles.fetch import fetch, kind_of
from chanops.services.titles.rules import NotFetched, Rules, target_of

OK = b"HTTP/1.1 200 OK\r\n"
HTML = b"Content-Type: text/html\r\n"
PIECES = [
    OK, HTML, b"\r\n", b"HTTP/1.1 302 Found\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 200\r\n", b"HTTP/1.1 ",
    b"Location: ", b"http://[", b"//", b"\\\\", b"/x", b"http://127.0.0.1:9/", b"Content-Length: ", b"-1", b"5",
    b"99999999999999999999", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n",
    b"Content-Encoding: deflate\r\n", gzip.compress(b"<title>x</title>"), b"<title>x</title>", b"</head>",
    b"ffffffff\r\n", b"-1\r\n", b"0\r\n", b"Content-Type: text/html; charset*=x''y; charset=\"\r\n",
    b" folded\r\n", b": \r\n", b"\x00", b"\xff",
]  # fmt: skip


def test_a_title_is_fetched(site):
    assert fetch(site.address("/it"), site.rules()) == ("/it", "text/html", None, site.address("/it"))


def test_the_bot_says_who_it_is(site):
    site.answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"
    assert fetch(site.address(), site.rules(home="https://bot.example/")) == ("", "text/plain", 1, site.address())
    assert b"User-Agent: chanops (a link's title; +https://bot.example/)\r\n" in site.head
    fetch(site.address(), site.rules(home="x\r\nEvil: y"))
    assert b"User-Agent: chanops (a link's title)\r\n" in site.head
    assert b"Evil" not in site.head


def test_a_page_without_the_wrapping_of_its_encoding_is_unpacked_bit_by_bit(site):
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(b"<title>bare</title>") + packer.flush()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    site.answer = OK + HTML + b"Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    assert fetch(site.address(), site.rules()).title == "bare"


def test_an_inside_host_that_is_not_named_is_not_asked(site):
    port = int(site.place.partition(":")[2])
    with pytest.raises(NotFetched, match="not public"):
        fetch(site.address(), Rules(ports=frozenset({port})))
    with pytest.raises(NotFetched, match=f"name 127.0.0.1:{port} in hosts"):
        fetch(site.address(), Rules())
    assert site.asked == []


def test_the_time_is_for_all_of_it(site):
    site.hold()
    with pytest.raises(NotFetched, match=r"more than 0\.2 s"):
        fetch(site.address(), site.rules(seconds=0.2))


def test_no_more_names_are_looked_up_than_there_are_places(site):
    for _ in range(MOST_LOOKUPS):
        assert lookups.acquire(blocking=False)
    try:
        with pytest.raises(NotFetched, match="too many names"):
            fetch(site.address(), site.rules())
    finally:
        lookups.release(MOST_LOOKUPS)
    assert fetch(site.address(), site.rules()).title == "/"


def test_a_page_has_no_more_bytes_than_are_allowed(site):
    site.answer = OK + HTML + b"\r\n" + b"x" * 2000 + b"<title>late</title>"
    assert fetch(site.address(), site.rules(bytes=2000)).title == ""
    assert fetch(site.address(), site.rules(bytes=2019)).title == "late"


@pytest.mark.parametrize("coding", [b"gzip", b"x-gzip", b"GZIP"])
def test_bytes_are_counted_as_they_are_unpacked(site, coding):
    body = gzip.compress(b"x" * 2000 + b"<title>late</title>")
    site.answer = OK + HTML + b"Content-Encoding: " + coding + b"\r\n\r\n" + body
    assert fetch(site.address(), site.rules(bytes=2000)).title == ""
    assert fetch(site.address(), site.rules(bytes=2019)).title == "late"


def test_a_head_that_ends_in_a_script_does_not_hide_the_title(site):
    site.answer = OK + HTML + b"\r\n<script>'</head>'</script>" + b" " * 40_000 + b"<title>real</title></head>"
    assert fetch(site.address(), site.rules()).title == "real"


@given(lists(sampled_from(PIECES) | binary(max_size=5), max_size=12))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_server_answers_is_told_or_refused(site, pieces):
    for begin in (b"", OK + HTML):
        site.answer = begin + b"".join(pieces)
        try:
            told = "".join(map(str, fetch(site.address(), site.rules(seconds=1.0))))
        except NotFetched as problem:
            told = str(problem)
        assert told.isprintable()


@given(text() | text(alphabet="htps:/[]@.%\\#?0x1ü。ß-_ \r\n").map("http://{}".format))
@settings(max_examples=500)
def test_whatever_an_address_is_it_is_read_or_refused(address):
    try:
        target = target_of(address, Rules())
    except NotFetched:
        return
    assert target.host.isascii()
    assert not set(target.host + target.path) & set("\r\n\t \0")
    assert target_of(target.address, Rules()) == target


@given(text())
def test_whatever_a_kind_is_it_is_read(header):
    kind, charset = kind_of(header.encode("utf-8", "replace").decode("latin-1"))
    assert kind.isascii()
    assert isinstance(charset, str)
