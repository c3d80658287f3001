"""The pages of a log on a port of their own, with a real database behind them and a clock that tests set."""

import contextlib
import http.client
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from chanops.core.message import Message
from chanops.core.sections import ChannelSettings, FeedSettings, Settings, WebSettings
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.links import Links
from chanops.services.reading import Reading
from chanops.services.scribe import Scribe
from chanops.services.search import Search
from chanops.services.visibility import EVERYBODY, Viewer, Visibility
from chanops.web.frame import Frame, with_headers
from chanops.web.log_pages import Log, LogPages
from chanops.web.port import Port
from chanops.web.server import WebServer

DEADLINE = 15
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOLDER = Viewer("auditor", every=True)
SETTINGS = Settings(
    feed=FeedSettings(title="Memory of the team"), channels={"#cabal": ChannelSettings(private=True)}
)  # fmt: skip


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status, self.headers = response.status, {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read().decode()


class Logged:
    """A log that is written and read."""

    def __init__(self, database):
        self.now, self.settings, self.holders = NOON, SETTINGS, {"good"}
        self.database = database
        search = Search(database)
        self.history = History(database, lambda: self.settings, search)
        self.reading = Reading(database)
        self.links = Links(database, self.history, lambda: self.settings)
        self.forgetting = Forgetting(database, self.reading, search, search.purge)
        self.scribe = Scribe(database, self.history)
        self.frame = Frame(lambda: self.settings)
        visibility = Visibility(self.reading, lambda: self.settings)
        log = Log(self.reading, visibility, self.history, self.links.in_feed)
        self.pages = LogPages(log, self.frame, self.viewer_of, lambda: self.now)
        self.days = self.pages.days
        self.scribe.on_kept.append(self.days.kept)
        self.forgetting.on_forgotten.append(self.days.changed)
        self.port = Port("127.0.0.1:0")
        self.port.bind()
        self.root = f"http://{self.port.address}"
        routes = [*self.pages.routes, Mount("/static", StaticFiles(packages=[("chanops.web", "static")]))]
        app = Starlette(routes=routes, exception_handlers={404: self.frame.missing})
        app.router.redirect_slashes = False
        self.server = WebServer(self.port)
        self.server.serve_with(with_headers(app), self.days.leave)
        self.scribe.start()
        self.count = itertools.count()

    def viewer_of(self, request):
        """Everybody, or who shows a cookie."""
        return HOLDER if request.cookies.get("chanops") in self.holders else EVERYBODY

    def stop(self):
        self.server.stop()
        self.scribe.stop()

    def configure(self, **channels):
        """Have other settings: names of channels without #, each with what is set there."""
        table = {f"#{name}": ChannelSettings(**values) for name, values in channels.items()}
        self.settings = replace(self.settings, channels=self.settings.channels | table)

    def web(self, **values):
        """Have other settings of the web."""
        self.settings = replace(self.settings, web=WebSettings(**values))

    def message(self, text="", event="message", nick="alice", at=None, channel="#ops", **more):
        """A message, a second after the one before if no time is given."""
        at = at or NOON + next(self.count) * timedelta(seconds=1)
        return Message("net", event, nick, "", channel, text, at, text)._replace(**more)

    def say(self, text="", event="message", nick="alice", at=None, **more):
        """Have a line kept, by the writer; its number."""
        return self.keep([self.message(text, event, nick, at, **more)])[0]

    def keep(self, messages):
        """The same with many at once."""
        batch = self.database.wait(lambda connection: self.history.keep_new(connection, messages, True))
        self.scribe.announce(batch.new)
        return batch.numbers

    def ask(self, path, method="GET", cookie="", **headers):
        """What is answered."""
        with contextlib.closing(http.client.HTTPConnection(self.port.address, timeout=DEADLINE)) as connection:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=given | ({"Cookie": f"chanops={cookie}"} if cookie else {}))
            return Answer(connection.getresponse())
