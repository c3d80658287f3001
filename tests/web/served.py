"""A whole bot with pages on a port and a simulated cloud behind it, for the tests of pages."""

import contextlib
import http.client
import re
import threading
import time
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

from chanops import configuration
from chanops.core.message import Message
from chanops.core.plan import Plan, Unit
from chanops.offline import Offline
from chanops.simulator.digitalocean import CloudServer, Delays, Limits
from chanops.testing import private_copy

DEADLINE = 15
CONFIGURATION = """\
[network:test]
host = irc.example.net
channels = #ops #cabal #unlogged
[channel:#cabal]
feed = no
[roles]
ops = alice
[jobs]
most_jobs = 1000
per_minute = 1000
[feed]
title = Links of the team
[web]
listen = 127.0.0.1:0
"""
ACCOUNT = """
[provider:{name}]
kind = digitalocean
token = {token}
endpoint = {root}
poll = 0.2
grace = 0.2
"""
VOID = {"meta", "link", "br", "img", "input", "hr"}


def until(true, within=DEADLINE):
    """Wait until it is; what it was then."""
    end = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < end, f"not within {within} s"
        threading.Event().wait(0.01)
    return found


def cloud():
    """A simulated cloud."""
    return CloudServer(port=0, delays=Delays.quick(), limits=Limits(minute=1_000_000, hour=1_000_000), seed=1)


def account(made, name="do"):
    """The section of a cloud."""
    return ACCOUNT.format(name=name, token=made.token, root=made.url.rstrip("/"))


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status, self.headers = response.status, {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read().decode()


class Served:
    """The bot, in the middle of its life."""

    def __init__(self, folder, empty_database, more="", url=""):
        path = private_copy(empty_database, folder / "bot" / "data").parent / "config.ini"
        path.touch(mode=0o600)
        where = f"[database]\nurl = {url}\n" if url else ""
        path.write_text(CONFIGURATION + where + more, encoding="utf-8")
        self.bot = Offline(configuration.read(path))
        self.app = self.bot.app
        publishing = self.app.publishing
        self.app.pages = publishing.bind(self.app.configured.settings)
        self.bot.__enter__()
        publishing.serve(publishing.port, self.app.pages)
        self.root = self.app.pages.root
        self.place = self.root.removeprefix("http://")
        self.jobs = self.app.fleet.jobs

    def stop(self):
        self.bot.__exit__(None, None, None)

    @property
    def live(self):
        """What keeps the pages of jobs live."""
        return self.app.publishing.web.leave.__self__.jobs.live

    def ask(self, path, method="GET"):
        with contextlib.closing(http.client.HTTPConnection(self.place, timeout=DEADLINE)) as connection:
            connection.request(method, path)
            return Answer(connection.getresponse())

    def page(self, path, status=200):
        """A page that is checked as each is."""
        answer = self.ask(path)
        assert answer.status == status
        return Page(answer.body)

    def say(self, text, **more):
        """Have something done; the number of the job."""
        [answer] = self.bot.say(text, **more)
        found = re.match(r"job (\d+): ", answer)
        assert found, answer
        return int(found[1])

    def over(self, number):
        """Wait until a job is over; the job."""
        until(lambda: self.jobs.find(number).over)
        return self.jobs.find(number)

    def begin(self, title="up web-1", names=("web-1",), public=True, warnings=(), line="", **more):
        """A job in the journal that nobody works on, but who has its claim."""
        said = Message("test", "message", "alice", "alice", "#ops", line, datetime.now(UTC), line)._replace(**more)
        plan = Plan("none", title, tuple(Unit(name, "do") for name in names), False, tuple(warnings))
        journal = self.jobs.journal
        self.hold()
        return journal.claim(journal.create(plan, said, public, 1000).id, "me", frozenset())

    def hold(self):
        """From now on nobody takes up jobs; returns when nobody does."""
        engine, idle = self.jobs.engine, threading.Event()
        engine.take_up = idle.set
        engine.wake()
        assert idle.wait(DEADLINE)

    def end(self, claim, state="done", text="done in 2 s"):
        """It is over."""
        for part in self.jobs.whole(claim.job).units:
            self.jobs.journal.show(claim, part.number, state, f"{part.name} is {state}")
        self.jobs.journal.finish(claim, state, text)
        self.jobs.heard_news(claim.job)


class Page(HTMLParser):
    """A page, found to be sound: what is open is closed, headings in their order, cells that say what they head."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.open, self.other, self.cells = [], "", [], [], []
        assert html.lstrip().startswith("<!doctype html>")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b\ufffe]", html), "something unseen"
        self.feed(html)
        self.close()
        assert self.open == []
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        assert len(set(ids)) == len(ids), ids
        named = {attributes["aria-labelledby"] for _, attributes in self.elements if "aria-labelledby" in attributes}
        assert named <= set(ids)
        levels = [int(tag[1]) for tag, _ in self.elements if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), levels

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        assert len(found) == len(attributes), attributes
        assert not any(name.startswith("on") or name == "style" for name in found), attributes
        if tag == "th":
            assert found.get("scope") in ("col", "row", "rowgroup")
        if tag == "time":
            assert datetime.fromisoformat(found["datetime"]).tzinfo is not None
        if tag == "a":
            assert found["href"].startswith(("/", "#", "http://", "https://"))
        self.elements.append((tag, found))
        if tag in ("br", "dd"):
            self.handle_data(" ")
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th", "li", "p"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.cells:
            self.cells[-1] += data

    def handle_comment(self, data):
        self.other.append(data)

    handle_pi = unknown_decl = handle_comment

    @property
    def plain(self):
        """Its text on one line."""
        return " ".join(self.text.split())

    def attributes(self, tag):
        return [found for each, found in self.elements if each == tag]

    @property
    def addresses(self):
        return [found["href"] for found in self.attributes("a")]

    @property
    def shape(self):
        """The elements, each with the names of its attributes."""
        return [(tag, *found) for tag, found in self.elements]


PAYLOADS = [
    "<script>alert(1)</script>", "</title><script>alert(1)</script>", "</td></tr></table><h1>owned</h1>",
    '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "{{ 7 * 7 }}", "<!-- comment", "]]><b>",
    "\x02bold\x02 \x0304red\x03", "\u202eesrever", "a\u200bb", "data: x\n\nevent: over\ndata: y", "\r\nevent: over\r\n",
    "&lt;b&gt;", "<x\x0conclick=x>", "</main></body>", "x" * 150,
]  # fmt: skip
