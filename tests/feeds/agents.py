"""Feed readers that others wrote, each fetching feeds by itself; what each understood."""

import email
import email.policy
import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from tests.servers import give_up, require_tools

DEADLINE = 60
BY_FEEDPARSER = """
import json, sys, feedparser
found = feedparser.parse(sys.argv[1])
assert not found.bozo, found.bozo_exception
again = feedparser.parse(sys.argv[1], etag=found.etag, modified=found.modified)
assert again.status == 304, again.status
print(json.dumps([[e.title, e.link, e.id, e.author, list(e.published_parsed[:6])] for e in found.entries]))
"""
BY_READER = """
import json, sys
from reader import make_reader
reader = make_reader(":memory:")
reader.add_feed(sys.argv[1])
assert reader.update_feed(sys.argv[1]).new == int(sys.argv[2])
assert reader.update_feed(sys.argv[1]) is None, "it was not answered with 304"
print(json.dumps([[e.title, e.link, e.id, e.author, list(e.published.timetuple()[:6])] for e in reader.get_entries()]))
"""
# rss2email hands each message to what it takes for sendmail.
SENDMAIL = """#!/bin/sh
cat > "$(mktemp '{folder}/mail-XXXXXX')"
"""
R2E = """[DEFAULT]
from = bot@example.org
force-from = True
use-publisher-email = False
to = you@example.org
name-format = {{author}}
date-header = True
html-mail = False
email-protocol = sendmail
sendmail = {sendmail}
sendmail_config =
"""


class Understood(NamedTuple):
    """What a reader made of an item."""

    title: str
    link: str
    guid: str
    author: str
    at: datetime


def run(command, **more):
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False, **more)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def python(script, *words):
    """What a library for feeds understood; in a process of its own, since its warnings are not ours."""
    rows = json.loads(run([sys.executable, "-c", script, *map(str, words)]))
    return [Understood(*row[:4], datetime(*row[4], tzinfo=UTC)) for row in rows]


def by_feedparser(address, folder, count):
    return python(BY_FEEDPARSER, address)


def by_reader(address, folder, count):
    try:
        run([sys.executable, "-c", "import reader"])
    except AssertionError:
        give_up("not installed: reader")
    return python(BY_READER, address, count)


def by_newsboat(address, folder, count):
    require_tools("newsboat")
    (folder / "urls").write_text(address + "\n")
    (folder / "config").write_text("")
    run(
        ["newsboat", "-u", folder / "urls", "-c", folder / "cache.db", "-C", folder / "config", "-x", "reload"],
        env={**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
    )
    connection = sqlite3.connect(folder / "cache.db")
    try:
        rows = connection.execute("SELECT title, url, guid, author, pubDate FROM rss_item").fetchall()
    finally:
        connection.close()
    return [Understood(*row[:4], datetime.fromtimestamp(row[4], UTC)) for row in rows]


def by_sfeed(address, folder, count):
    require_tools("sfeed")
    with urllib.request.urlopen(address, timeout=DEADLINE) as answer:
        body = answer.read()
    rows = [line.split("\t") for line in run(["sfeed", address], input=body).decode().splitlines()]
    return [Understood(row[1], row[2], row[5], row[6], datetime.fromtimestamp(int(row[0]), UTC)) for row in rows]


def by_rss2email(address, folder, count):
    require_tools("r2e")
    sendmail, config = folder / "sendmail", folder / "rss2email.cfg"
    sendmail.write_text(SENDMAIL.format(folder=folder))
    sendmail.chmod(0o700)
    config.write_text(R2E.format(sendmail=sendmail))
    own = {**os.environ, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    for words in (["add", "chanops", address], ["run"]):
        run(["r2e", "-c", config, "-d", folder / "data.json", *words], env=own)
    found = []
    for path in folder.glob("mail-*"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        author = mail["From"].addresses[0].display_name
        at = parsedate_to_datetime(mail["Date"]).astimezone(UTC)
        guid = re.sub(r"\s", "", mail["X-RSS-ID"])
        found.append(Understood(str(mail["Subject"]), re.sub(r"\s", "", mail["X-RSS-URL"]), guid, author, at))
    return found


AGENTS = {
    "feedparser": by_feedparser,
    "reader": by_reader,
    "newsboat": by_newsboat,
    "sfeed": by_sfeed,
    "rss2email": by_rss2email,
}
