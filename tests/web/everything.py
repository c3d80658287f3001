"""A site with something of each kind on each of its pages: all that can be said, links, jobs, machines, readers."""

import itertools
from datetime import UTC, datetime, timedelta

from chanops.core.message import Message
from chanops.services.missed_token import Pass, Span
from tests.web.served import Served, account
from tests.web.test_chromium import CONFIGURED, furnish
from tests.web.test_outputs import BAD, OK, Command

PAST = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
LONG_AGO = datetime(2024, 7, 1, 8, tzinfo=UTC)
FORMATTED = (
    "\x02bold\x02 \x1ditalic\x1d \x1funderlined\x1f \x1estruck\x1e \x1f\x1eboth\x0f \x11monospace\x11 \x16reversed\x16"
)
COLOURED = ["".join(f"\x03{number:02}{number:02} " for number in range(at, at + 33)) for at in (0, 33, 66)]
BACKGROUNDS = [
    "".join(f"\x03{(number + 7) % 99:02},{number:02} {number:02} \x03" for number in range(at, at + 33))
    for at in (0, 33, 66)
]
SPOKEN = [
    ("alice", "message", "the deploy failed again on web-1, is somebody looking at it?"),
    ("bob", "message", "yes, the disk is full: see https://example.org/wiki/Disks_(full) and job 1"),
    ("bob", "action", "cleans up"),
    ("a-very-long-nickname-indeed", "notice", "maintenance begins in ten minutes; until then " * 5),
    ("alice", "message", FORMATTED),
    *(("alice", "message", text) for text in COLOURED + BACKGROUNDS),
    ("carol", "topic", "The \x0304red\x03 topic: https://example.org/topic"),
    ("carol", "topic", ""),
    ("carol", "mode", "+o bob"),
    ("carol", "kick", "mallory not again"),
    ("carol", "nick", "carla"),
    ("dan", "message", "x" * 300 + " https://example.org/" + "long" * 70),
    ("erin", "message", "שלום to everybody, 日本語 and 👩‍👩‍👧 too <b>no markup</b>"),
]  # fmt: skip
REPLY = "\n".join(f"web-{number}  running  203.0.113.{number}" for number in range(20))
UNLOGGED = "[channel:#unlogged]\nlog = no\n"
PRESENCE = [("dan", "join"), ("erin", "join"), ("frank", "part"), ("grace", "quit")]


class Everything(Served):
    """A bot that has seen much; `pages` names the paths of all kinds of pages, `token` lets a reader see more."""

    def __init__(self, folder, empty_database, url, cloud):
        super().__init__(folder, empty_database, account(cloud) + CONFIGURED + UNLOGGED, url)
        self.archive, now = self.app.archive, datetime.now(UTC)
        self.today = max(now - timedelta(minutes=10), now.replace(hour=0, minute=0, second=0))
        self.token = self.site.access.add("auditor").page
        live = furnish(self, cloud)
        finished, running = self.commands()
        for at in (LONG_AGO, PAST, PAST - timedelta(days=1), PAST - timedelta(days=40), self.today):
            first, removed = self.chat(at)
        self.talk(PAST - timedelta(days=2))
        self.keep(self.message("the password of the cabal", channel="#cabal", at=PAST + timedelta(minutes=1)))
        unlogged = self.archive.links.add("https://example.org/elsewhere", "", self.message(channel="#unlogged")).link
        channel, private = "/log/test/%23ops/", "/log/test/%23cabal/"
        self.pages = {
            "home": "/",
            "calendar": channel,
            "calendar-year": f"{channel}?year=2024",
            "today": f"{channel}{self.today:%Y-%m-%d}",
            "today-chosen": f"{channel}{self.today:%Y-%m-%d}#l{first}-l{removed}",
            "past": f"{channel}{PAST:%Y-%m-%d}",
            "long": f"{channel}{PAST - timedelta(days=2):%Y-%m-%d}",
            "private": private,
            "quiet": f"{private}{self.today:%Y-%m-%d}",
            "removed": f"/line/{removed}",
            "line": f"/line/{unlogged.said.id}",
            "search": "/search",
            "search-hits": "/search?q=disk",
            "search-events": "/search?q=nick:carol",
            "search-jump": "/search?q=%23ops",
            "search-nothing": "/search?q=nothingofthekind",
            "links": "/links",
            "links-by": "/links?by=test/bob&tag=howto&q=disk",
            "links-none": "/links?q=nothingofthekind",
            "missed": self.missed(),
            "enter": "/enter",
            "leave": "/leave",
            "machines": "/machines",
            "jobs": "/jobs",
            "jobs-earlier": "/jobs?before=3",
            "job": "/jobs/1",
            "report": "/jobs/2",
            "job-failed": "/jobs/3",
            "job-live": f"/jobs/{live}",
            "results": finished.path,
            "results-live": running.path,
            "reply": f"/reply/{self.app.publishing.replies.keep('.machines', REPLY)}",
            "missing": "/nothing",
        }  # fmt: skip

    @property
    def site(self):
        """The pages themselves."""
        return self.app.publishing.web.leave.__self__

    def message(self, text="", nick="alice", kind="message", channel="#ops", at=None):
        """A line as it is heard."""
        params = (channel, *text.split()) if kind == "mode" else ()
        return Message("test", kind, nick, nick, channel, text, at or self.today, text, params=params)

    def keep(self, *messages):
        """Have lines kept; their numbers."""
        history = self.archive.history
        batch = self.app.database.wait(lambda connection: history.keep_new(connection, messages, True))
        self.archive.scribe.announce(batch.new)
        return batch.numbers

    def chat(self, at):
        """Lines of each kind, links with titles and tags, one that was removed: the first number, and that one's."""
        times = (at + timedelta(seconds=7 * number) for number in itertools.count())
        self.keep(
            *(self.message("bye" if kind == "quit" else "", nick, kind, at=next(times)) for nick, kind in PRESENCE)
        )
        spoken = self.keep(*(self.message(text, nick, kind, at=next(times)) for nick, kind, text in SPOKEN))
        kept = []
        for number, tag in enumerate(("howto", "reading")):
            text = f"how to see what fills a disk #{tag} https://example.org/{tag}/{at:%Y%m%d}"
            said = self.message(text, "bob", at=next(times))
            self.keep(said)
            kept.append(self.archive.links.add(text.split()[-1], "" if number else "What fills a disk", said).link)
            self.archive.links.titled(kept[-1].id, kept[-1].address, "What fills a disk, and how to find it out")
        again = next(times) + timedelta(minutes=40)
        said = self.message(f"again: {kept[0].address}", "erin", at=again)
        self.keep(said)
        self.archive.links.mention(kept[0].address, said)
        [removed] = self.keep(self.message("my password is hunter2", at=again + timedelta(seconds=5)))
        self.archive.forgetting.forget([removed], "carol")
        self.keep(*(self.message("", f"net{each}", "quit", at=again) for each in range(3)))
        return spoken[0], removed

    def talk(self, at):
        """A day so long that its hours are listed."""
        self.keep(
            *(
                self.message(f"line {each} of many", f"n{each % 9}", at=at + timedelta(seconds=90 * each))
                for each in range(400)
            )
        )

    def commands(self):
        """A command that has ended, in many ways, and one that runs."""
        over = Command(self, tuple(f"web-{number}" for number in range(20)))
        for number in range(20):
            text = "up 3 days, load 0.12\n" if number < 15 else f"up {number} days\n"
            over.wrote((number, 1, text), *([(number, 2, "warning: disk 91% full\n")] if number > 17 else []))
            state, facts = ("failed", BAD | {"left_out": 7}) if number > 17 else ("done", OK)
            over.ended(number, state, digest=text, **facts)
        over.over("failed", "2 of 20 failed")
        running = Command(self, ("app-1", "app-2"))
        running.wrote((0, 1, "one\ntwo\n"), (0, 2, "oh\n"))
        running.journal.show(running.claim, 0, "running", "is being run")
        return over, running

    def missed(self):
        """The path of what alice missed, in a channel that is open and in one that is not."""
        ids = {each.name: each.id for each in self.archive.reading.channels()}
        spans = [Span(ids[name], PAST, PAST + timedelta(hours=2)) for name in ("#ops", "#cabal")]
        self.keep(self.message("alice: look at https://example.org/this please", "bob", at=PAST + timedelta(minutes=1)))
        return f"/missed/{self.archive.missed.signer.sign(Pass('alice', tuple(spans)), datetime.now(UTC))}"
