"""Requests as nobody means well with them: none breaks anything, and none reads what is not to be read."""

import contextlib
import re

import pytest

from chanops.web.slow import Patience
from tests.web.test_slow import PROTOCOLS, App, Served, rest

FOREIGN = [
    b"/",
    b"/search?q=a",
    b"/links",
    b"/log/test/%23ops/",
    b"/static/style.css",
    b"/missed/x",
    b"/feed.rss",
    b"/health",
]
PATHS = [
    *(
        b"/static/" + each
        for each in (
            b"../pages.py",
            b"..%2fpages.py",
            b"..%2f..%2f..%2f..%2fetc%2fpasswd",
            b"%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            b"%252e%252e%252fpages.py",
            b"..\\..\\pages.py",
            b"..%5c..%5cpages.py",
            b"%00",
            b"style.css%00.html",
            b".",
            b"..",
            b"/etc/passwd",
            b"%2fetc%2fpasswd",
            b"//etc/passwd",
            b"....//....//etc/passwd",
            b"%c0%ae%c0%ae/passwd",
            b"style.css/",
            b"style.css/..",
            b"%ff%fe",
            b"..;/pages.py",
            b"~root/.bashrc",
            b"C:%5cboot.ini",
            b"%u002e",
        )
    ),
    *(
        b"/log/" + each
        for each in (
            b"..%2f..%2fetc%2fpasswd/x/",
            b"test/%00/",
            b"test/%23ops%00/",
            b"test/%23ops/2026-11-21%00",
            b"test/%23ops/../../..",
            b"test/%23ops/0000-00-00",
            b"test/%23ops/9999-12-31",
            b"test/%23ops/10000-01-01",
            b"test/%23ops/2026-11-21.txt%00",
            b"%2f/%2f/",
            b"test/%23ops/-1",
            b"\xff\xfe/\xff/",
            b"test//",
            b"///",
            b"test/%23ops/2026-02-30",
            b"test/%ed%a0%80/",
            b"test/%F0%9F%98%80/",
        )
    ),
    *(
        b"/line/" + each
        for each in (b"-1", b"0", b"9" * 40, b"%00", b"1e9", b"1/2", b"\xd9\xa1", b"../1", b"4611686018427387904")
    ),
    *(b"/jobs/" + each for each in (b"-1", b"%00", b"9" * 40, b"1/../../etc", b"1/events%00", b"x/output")),
    *(
        b"/search?" + each
        for each in (
            b"q=%00",
            b"q=%ff",
            b"q=" + b"%22" * 200,
            b"q=%27",
            b"q=a&before=%00",
            b"&&&=",
            b"%00=%00",
            b"q=a;b",
            b"q[]=1",
            b"q=a&q=b",
            b"q=" + b"(" * 300,
            b"before=99999999999999999999&q=a",
        )
    ),
    *(b"/links?" + each for each in (b"by=%00/%00", b"in=%00", b"day=%00", b"tag=%00", b"before=%00", b"in=test/%ff")),
    *(b"/missed/" + each for each in (b"%00", b"=", b"A" * 500, b"%ff", b"..%2f", b"A" * 24, b"\xe2\x80\xae")),
    *(b"/reply/" + each for each in (b"%00", b"..%2f..%2f", b"x" * 22, b"%ff")),
    *(b"/log/test/%23ops/" + each for each in (b"feed.rss%00", b"feed.exe", b"links.atom/..", b"events?after=%00")),
    b"//",
    b"//evil.example/",
    b"///etc/passwd",
    b"/%2e%2e/%2e%2e",
    b"/..",
    b"/%2f%2fevil.example",
    b"/\\evil.example",
    b"http://evil.example/",
    b"http://evil.example/feed.rss",
    b"https://user:pw@evil.example/",
    b"ftp://x/",
    b"*",
    b"evil.example:443",
    b"?",
    b"/?%00",
    b"/%",
    b"/%zz",
    b"/%e0%80%80",
    b"/feed.rss/",
    b"/FEED.RSS",
    b"/feed.rss%0d%0aX:y",
    b"/.git/config",
    b"/config.ini",
    b"/../config.ini",
    b"/data/chanops.db",
    b"/static",
    b"/enter/..",
    b"/health/..",
]
HEADERS = [
    b"Host: x\r\nHost: y",
    b"Host:",
    b"Host: evil.example",
    b"Host: a b",
    b"Host: \x00",
    b"X: y",
    b"Host: x\r\n folded: y",
    b"Host: x\r\nContent-Length: 1\r\nContent-Length: 2",
    b"Host: x\r\nContent-Length: -1",
    b"Host: x\r\nContent-Length: +5",
    b"Host: x\r\nContent-Length: 5, 5",
    b"Host: x\r\nContent-Length: 0x5",
    b"Host: x\r\nContent-Length: 99999999999999999999",
    b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    b"Host: x\r\nTransfer-Encoding: chunked, identity",
    b"Host: x\r\nTransfer-Encoding: xchunked",
    b"Host: x\r\nTransfer-Encoding : chunked",
    b"Host: x\r\nTransfer-Encoding:\x0bchunked",
    b"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Host: x\r\nExpect: 100-continue",
    b"Host: x\r\nExpect: x",
    b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade",
    b"Host: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
    b"Host: x\r\nCookie: chanops=\xff\xfe",
    b"Host: x\r\nCookie: chanops=" + b"x" * 8000,
    b"Host: x\r\nCookie: =;;=;chanops",
    b"Host: x\r\nIf-None-Match: \xff",
    b"Host: x\r\nIf-Modified-Since: never",
    b"Host: x\r\nLast-Event-ID: \xff",
    b"Host: x\r\nRange: bytes=9-1",
    b"Host: x\r\nX-Forwarded-Host: evil.example\r\nX-Original-URL: /admin",
    b"Host: x\r\n: y",
    b"Host: x\r\nX\x00: y",
    b"Host: x\r\nX: \x01",
    b"Host: x\r\nAccept-Encoding: \xff",
    b"Host: x\r\n" + b"X: y\r\n" * 500 + b"X: y",
]
BODIES = [
    (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked", b"-1\r\nx\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked", b"FFFFFFFFFFFFFFFFF\r\nx"),
    (b"Transfer-Encoding: chunked", b"0x5\r\nhello\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked", b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    (b"Transfer-Encoding: chunked", b"\r\n\r\n"),
    (
        b"Transfer-Encoding: chunked\r\nContent-Length: 4",
        b"1\r\nZ\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    ),
    (b"Content-Length: 5", b"hello"),
    (b"Content-Length: 0", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"),
    (b"Content-Length: 100000", b"x" * 100_000),
    (b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3", b"--x"),
    (b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11", b"token=\xff\xfe\x00%0"),
]
METHODS = [
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"PATCH",
    b"get",
    b"G\x00T",
    b"X" * 100,
    b"",
]


class Whole(App):
    """All the pages of a bot."""

    def __init__(self, app):
        super().__init__()
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def hostile():
    """Requests as nobody means well with them."""
    yield from (b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path for path in PATHS)
    yield from (b"GET / HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n" % header for header in HEADERS)
    yield from (b"POST / HTTP/1.1\r\nConnection: close\r\n%s\r\n\r\nhello" % header for header in HEADERS)
    for head, body in BODIES:
        for path in (b"/enter", b"/search", b"/leave"):
            yield b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s\r\n\r\n%s" % (path, head, body)
    for method in METHODS:
        for path in FOREIGN:
            yield b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % (method, path)
    for version in (b"HTTP/0.9", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"http/1.1", b"", b"HTTP/1.1 HTTP/1.1"):
        yield b"GET / %s\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % version
    yield from (b"\x16\x03\x01\x00\xa5\x01\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0" * 500, b"\r\n\r\n" * 50)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_hostile_request_breaks_anything_or_reads_what_is_not_to_be_read(start, protocol, caplog):
    requests = list(hostile())
    assert len(requests) >= 300
    app = Whole(start().app.publishing.web.server.config.app)
    with Served(Patience(head=0.5, body=0.5), protocol, app) as served:
        for request in requests:
            connection = served.call()
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
            answer = rest(connection)
            connection.close()
            served.opened.clear()
            statuses = re.findall(rb"^HTTP/1\.[01] ([0-9]{3})", answer, re.MULTILINE)
            assert not [each for each in statuses if each.startswith(b"5")], (request, answer[:300])
            for secret in (b"root:x:0", b"[network:", b"SQLite format", b"Traceback", b"import ", b"repositoryformat"):
                assert secret not in answer, (request, answer[:300])
            location = re.search(rb"(?im)^location: *(.*)\r$", answer)
            assert location is None or re.match(rb"/(?![/\\])", location[1]), (request, location)
        assert served.get("/health")[0] in (200, 503)
    assert not [each for each in caplog.records if each.levelname in ("ERROR", "CRITICAL")]
