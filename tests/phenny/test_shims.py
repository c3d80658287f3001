"""`tools` and `web`: what old modules import, and where `web` never connects to."""

import io
import json
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import Message as Headers

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chanops.phenny import shims
from chanops.phenny.shims import OPENER, SHIMS, public_address, text_of

web, tools = SHIMS["web"], SHIMS["tools"]
LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.255.255.254",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "localhost",
    "LOCALHOST",
    "0.0.0.0",
    "0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0.0.0.0]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
]
INNER = [
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "0xa9fea9fe",
    "2852039166",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "[2001:db8::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:c0a8:101::1]",
]


@pytest.fixture
def canary():
    """A port on every loopback address at which nobody may knock."""
    listening = []
    port = 0
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            listening.append(socket.create_server((address, port), family=family))
        except OSError:
            continue  # a machine without IPv6
        port = listening[0].getsockname()[1]
        listening[-1].setblocking(False)
    yield port
    knocked = []
    for each in listening:
        try:
            connection, _ = each.accept()
            connection.close()
            knocked.append(each.getsockname())
        except BlockingIOError:
            pass
        finally:
            each.close()
    assert knocked == [], "somebody came"


def refused(work, *args):
    with pytest.raises(OSError) as error:
        work(*args)
    return str(error.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", LOOPBACK)
def test_nothing_is_fetched_from_this_machine(canary, host, scheme):
    assert "is not a public address" in refused(web.get, f"{scheme}://{host}:{canary}/")


@pytest.mark.parametrize("host", INNER)
def test_nothing_is_fetched_from_inside_the_network(host):
    assert "is not a public address" in refused(web.get, f"http://{host}/latest/meta-data/")


@pytest.mark.parametrize(
    "work",
    [
        lambda address: web.get(address),
        lambda address: web.head(address),
        lambda address: web.post(address, {"a": "b"}),
        lambda address: web.get(address, {"Host": "example.org"}, False),
        lambda address: web.get(address, headers={}, verify=False, timeout=3),
    ],
)
def test_whichever_way_it_is_fetched(canary, work):
    assert "is not a public address" in refused(work, f"http://127.0.0.1:{canary}/")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_redirect_leads_nowhere_else(canary, code, host):
    asked = urllib.request.Request("http://example.org/")
    asked.timeout = 1.0
    headers = Headers()
    headers["Location"] = f"http://{host}:{canary}/"
    why = refused(lambda: OPENER.error("http", asked, io.BytesIO(b""), code, "Found", headers))
    assert "is not a public address" in why


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://x/"])
def test_a_redirect_leads_to_no_other_scheme(target):
    asked = urllib.request.Request("http://example.org/")
    asked.timeout = 1.0
    headers = Headers()
    headers["Location"] = target
    with pytest.raises(urllib.error.URLError):
        OPENER.error("http", asked, io.BytesIO(b""), 302, "Found", headers)


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "FILE:///etc/passwd", "ftp://example.org/", "data:text/plain,x", "x:y"]
)
def test_nothing_but_http_is_fetched(address):
    with pytest.raises(urllib.error.URLError, match="unknown url type"):
        web.get(address)


def test_a_proxy_in_the_environment_is_no_way_around(canary, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary}")
    for scheme in ("http", "https"):
        assert "is not a public address" in refused(web.get, f"{scheme}://10.0.0.1/")


@pytest.mark.parametrize(
    "address", ["http://example.org/\r\nX: y", "http://exa mple.org/", "http://example.org:x/", "no address at all", ""]
)
def test_what_is_no_address_is_an_error_that_modules_can_catch(address):
    with pytest.raises((web.InvalidURL, web.ConnectionError, ValueError)):
        web.get(address)


@pytest.mark.parametrize("host", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_a_public_address_is_connected_to_as_it_was_checked(host):
    _family, kind, _, _, address = public_address(host, 80)
    assert kind == socket.SOCK_STREAM
    assert address[:2] == (host, 80)


@given(st.ip_addresses(v=4))
@settings(max_examples=300, deadline=None)
def test_an_address_is_judged_the_same_however_it_is_written(address):
    def judged(host):
        try:
            return bool(public_address(host, 80))
        except OSError:
            return False

    public = address.is_global and not address.is_multicast
    assert judged(str(address)) is public
    assert judged(str(int(address))) is public
    assert judged(hex(int(address))) is public
    for inside in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        assert not judged(inside)


def response(content_type):
    headers = Headers()
    headers["Content-Type"] = content_type
    return type("Response", (), {"headers": headers})


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("café".encode(), "text/plain", "café"),
        ("café".encode(), "text/plain; charset=utf-8", "café"),
        ("café".encode("latin-1"), "text/plain; charset=ISO-8859-1", "café"),
        ("café".encode("latin-1"), "text/plain", "caf\ufffd"),
        (b"plain", "text/plain; charset=no-such-encoding", "plain"),
        (b"plain", "text/plain; charset=base64", "plain"),
        (b"plain", 'text/plain; charset="', "plain"),
        (b"", "", ""),
    ],
)
def test_what_was_fetched_is_text_in_whatever_encoding(body, content_type, text):
    assert text_of(body, response(content_type)) == text


def test_web_has_all_that_modules_used():
    for name in ("get", "head", "post", "entity", "decode", "json", "quote", "unquote"):
        assert callable(getattr(web, name)), name
    for name in ("ConnectionError", "HTTPError", "InvalidURL"):
        assert issubclass(getattr(web, name), Exception), name
    assert web.user_agent == shims.USER_AGENT
    assert web.decode("a &amp; b &#233; &eacute; &lt;") == "a & b é é <"
    assert web.entity("&quot;") == '"'
    assert web.json(json.dumps({"a": [1]})) == {"a": [1]}
    assert web.quote("a b/é") == "a%20b/%C3%A9"
    assert web.unquote("a%20b") == "a b"


def test_a_deprecated_function_gets_the_four_things_it_was_written_for():
    seen = []

    @tools.deprecated
    def old(self, origin, match, args):
        """Old."""
        seen.append((self, origin.sender, origin.nick, match, args))

    said = type("Input", (str,), {"sender": "#ops", "nick": "bob", "match": "a match", "bytes": "text"})("text")
    old("phenny", said)
    assert seen == [("phenny", "#ops", "bob", "a match", ["text", "#ops", "@@"])]
    assert (old.__name__, old.__doc__, old.__module__) == ("old", "Old.", __name__)


def test_a_grumble_is_an_error_with_a_text():
    with pytest.raises(tools.GrumbleError, match="no beans"):
        raise tools.GrumbleError("no beans")


INSIDE = """\
import http.server, json, socket, sys, threading
from chanops.phenny.shims import MOST, get, head, post

asked, private = [], []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        asked.append([self.command, self.path, self.headers["User-Agent"], self.rfile.read(length).decode()])
        place = {"/moved": "/here", "/inside": "http://127.0.0.1:81/", "/loop": "/loop"}.get(self.path)
        self.send_response(302 if place else 404 if self.path == "/gone" else 200)
        if place:
            self.send_header("Location", place)
        self.send_header("Content-Type", "text/plain; charset=latin-1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"x" * 3 * MOST if self.path == "/large" else "caf\u00e9".encode("latin-1"))

    do_HEAD = do_POST = do_GET

    def log_message(self, *args):
        pass


class Private(Handler):
    def do_GET(self):
        private.append(self.path)
        self.send_response(200)
        self.end_headers()

    do_HEAD = do_POST = do_GET


for address, handler in (("9.9.9.9", 80), Handler), (("127.0.0.1", 81), Private):
    threading.Thread(target=http.server.ThreadingHTTPServer(address, handler).serve_forever, daemon=True).start()


def outcome(work, *args):
    try:
        return work(*args)
    except OSError as error:
        return str(error)


resolve, answers = socket.getaddrinfo, ["9.9.9.9", "127.0.0.1", "127.0.0.1"]


def rebound(host, port, **others):
    return resolve(answers.pop(0) if host == "rebound.example" else host, port, **others)


there = "http://9.9.9.9"
print(json.dumps({
    "get": outcome(get, there + "/a"),
    "moved": outcome(get, there + "/moved"),
    "inside": outcome(get, there + "/inside"),
    "head inside": outcome(head, there + "/inside"),
    "loop": outcome(get, there + "/loop"),
    "gone": outcome(get, there + "/gone"),
    "large": len(outcome(get, there + "/large")) == MOST,
    "agent": outcome(get, there + "/agent", {"User-Agent": "mine"}),
    "post": outcome(post, there + "/form", {"a": "1 2", "b": "\u00e9"}),
    "head": outcome(head, there + "/head")["content-type"],
    "rebound": [setattr(socket, "getaddrinfo", rebound), outcome(get, "http://rebound.example/rebound")][1],
    "asked": [each for each in asked if each[1] in ("/a", "/here", "/agent", "/form", "/head")],
    "private": private,
}))
"""


def test_a_public_server_is_fetched_from_and_its_redirects_into_the_network_are_not_followed():
    inside = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    prepare = "ip link set lo up && ip address add 9.9.9.9/32 dev lo"
    if not shutil.which("unshare") or subprocess.run([*inside, prepare], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no network of one's own, in which an address can be public")
    command = f'{prepare} && exec "$0" -c "$1"'
    done = subprocess.run(
        [*inside, command, sys.executable, INSIDE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    agent = shims.USER_AGENT
    assert found.pop("asked") == [
        ["GET", "/a", agent, ""],
        ["GET", "/here", agent, ""],
        ["GET", "/agent", "mine", ""],
        ["POST", "/form", agent, "a=1+2&b=%C3%A9"],
        ["HEAD", "/head", agent, ""],
    ]
    assert found.pop("loop").startswith("HTTP Error 302")
    assert found == {
        "get": "café",
        "moved": "café",
        "inside": "<urlopen error 127.0.0.1 is not a public address>",
        "head inside": "<urlopen error 127.0.0.1 is not a public address>",
        "gone": "HTTP Error 404: Not Found",
        "large": True,
        "agent": "café",
        "post": "café",
        "head": "text/plain; charset=latin-1",
        "rebound": "café",
        "private": [],
    }
