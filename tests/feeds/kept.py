"""A log with links and jobs in a real database, and its feeds, for the tests of both."""

from datetime import UTC, datetime, timedelta

from chanops.core.message import Message
from chanops.core.plan import Plan, Unit
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.feed import Feed, Wanted
from chanops.services.feed_jobs import PublicJobs
from chanops.services.feed_topics import Topic
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.jobs.jobs import Jobs
from chanops.services.links import Links
from chanops.services.pages import Pages
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import EVERYBODY
from chanops.testing import DATABASE, private_copy
from tests.feeds.rules import entries_of

ROOT = "https://ops.example/bot"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DEADLINE = 20


class Kept:
    """It begins at noon, and each line is said a second after the one before."""

    def __init__(self, folder, empty_database, settings=None, root=ROOT, url=""):
        self.database = Database(private_copy(empty_database, folder) / DATABASE, url)
        self.database.start()
        self.now = settings or Settings()
        self.at = NOON
        self.search, self.pages = Search(self.database), Pages(root)
        self.history = History(self.database, lambda: self.now, self.search)
        self.links = Links(self.database, self.history, lambda: self.now)
        self.jobs = Jobs(self.database, self.history, lambda: self.now, lambda: self.pages, {})
        self.public = PublicJobs(self.database, self.jobs, lambda: self.now)
        self.forgetting = Forgetting(self.database, Reading(self.database), self.search, self.search.purge)
        self.feed = Feed(self.database, self.links, self.public, lambda: self.now, self.pages)
        self.feed.start()

    def stop(self):
        self.feed.stop()
        self.database.stop()

    def said(self, text, **more):
        self.at += SECOND
        return Message("net", "message", "alice", "", "#ops", text, self.at, text)._replace(**more)

    def say(self, text, **more):
        """A line in the log; its number."""
        [number] = self.database.wait(lambda connection: self.history.keep(connection, [self.said(text, **more)]))
        return number

    def add(self, address, title="", text="look", **more):
        """A link; the number of its line."""
        return self.links.add(address, title, self.said(text, **more)).link.said.id

    def job(self, title, public=True, **more):
        """A job that is over."""
        plan = Plan("up", title, (Unit("web-1", "do"),))
        made = self.jobs.journal.create(plan, self.said(".up", **more), public, 1000)
        claim = self.jobs.journal.claim(made.id, "me", frozenset())
        self.jobs.journal.show(claim, 0, "done", "is up")
        self.jobs.journal.finish(claim, "done", "done in 2 s")

    def find(self, topic=None, form="rss", viewer=EVERYBODY, token=""):
        return self.feed.find(Wanted(topic or Topic(), form, viewer, token))

    def entries(self, topic=None, form="rss", viewer=EVERYBODY):
        return entries_of(self.find(topic, form, viewer).body, form)

    def titles(self, topic=None, form="rss", viewer=EVERYBODY):
        return [each[0] for each in self.entries(topic, form, viewer)]
