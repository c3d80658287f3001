"""Search, links and what was missed on a port of their own, with a real database and tokens behind them."""

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
from chanops.services.access import Access
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.link_lists import LinkLists
from chanops.services.links import Links
from chanops.services.missed import Missed
from chanops.services.missed_token import Signer
from chanops.services.pages import Pages
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import Visibility
from chanops.web.frame import Frame, with_headers
from chanops.web.link_pages import LinkPages
from chanops.web.missed_pages import MissedPages
from chanops.web.port import Port
from chanops.web.search_pages import SearchPages
from chanops.web.server import WebServer
from tests.web.served import Answer, Page

DEADLINE = 15
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = Settings(
    feed=FeedSettings(title="Memory of the team"),
    channels={"#cabal": ChannelSettings(private=True), "#late": ChannelSettings(feed=False)},
)


class Memory:
    """Pages that remember."""

    def __init__(self, database, folder):
        self.settings, self.database = SETTINGS, database
        self.search, self.reading = Search(database), Reading(database)
        self.history = History(database, lambda: self.settings, self.search)
        self.links = Links(database, self.history, lambda: self.settings)
        self.forgetting = Forgetting(database, self.reading, self.search, self.search.purge)
        self.access = Access(database)
        visibility = Visibility(self.reading, lambda: self.settings)
        self.missed = Missed(
            self.reading,
            self.search,
            lambda: self.settings,
            lambda: Pages("https://ops.example"),
            Signer(folder),
            lambda *_: True,
        )
        frame = Frame(lambda: self.settings)
        self.searching = SearchPages(self.search, self.reading, visibility, frame)
        self.listing = LinkPages(LinkLists(database), visibility, frame)
        rooms = [
            self.searching,
            self.listing,
            MissedPages(self.missed, visibility, frame),
        ]
        static = Mount("/static", StaticFiles(packages=[("chanops.web", "static")]))
        app = Starlette(routes=[*(route for room in rooms for route in room.routes), static])
        app.add_exception_handler(404, frame.missing)
        app.state.access = self.access
        app.router.redirect_slashes = False
        self.port = Port("127.0.0.1:0")
        self.port.bind()
        self.server = WebServer(self.port)
        self.server.serve_with(with_headers(app))
        self.count = itertools.count()

    def stop(self):
        self.server.stop()

    def configure(self, **channels):
        table = {f"#{name}": ChannelSettings(**values) for name, values in channels.items()}
        self.settings = replace(self.settings, channels=self.settings.channels | table)

    def web(self, **values):
        self.settings = replace(self.settings, web=WebSettings(**values))

    def message(self, text="", nick="alice", channel="#ops", event="message", at=None, network="net", **more):
        """A message, a second after the one before if no time is given."""
        at = at or NOON + next(self.count) * timedelta(seconds=1)
        return Message(network, event, nick, nick, channel, text, at, text, **more)

    def say(self, text="", **more):
        """Have a line kept; its number."""
        return self.keep([self.message(text, **more)])[0]

    def keep(self, messages):
        return self.database.wait(lambda connection: self.history.keep(connection, messages))

    def link(self, address, title="", **more):
        """Have a link kept with its line."""
        said = self.message(f"{title} {address}".strip(), **more)
        self.keep([said])
        return self.links.add(address, title, said).link

    def ask(self, path, token="", method="GET"):
        with contextlib.closing(http.client.HTTPConnection(self.port.address, timeout=DEADLINE)) as connection:
            connection.request(method, path, headers={"Cookie": f"chanops={token}"} if token else {})
            return Answer(connection.getresponse())

    def page(self, path, status=200, token=""):
        """A page that is checked as each is."""
        answer = self.ask(path, token)
        assert answer.status == status, answer.body
        return Page(answer.body)

    def holder(self, *channels):
        """A token with which these channels may be read."""
        return self.access.add(f"reader {next(self.count)}", channels).page
