"""Feeds and the entry on a port, as readers and browsers reach them."""

import contextlib
import http.client

from starlette.applications import Starlette

from chanops.core.sections import Settings
from chanops.services.access import Access
from chanops.web.entry import Entry, with_host_check
from chanops.web.feeds import Feeds
from chanops.web.frame import Frame, with_headers
from chanops.web.port import Port
from chanops.web.server import WebServer
from tests.feeds.kept import DEADLINE, Kept


class Answer:
    """What came back."""

    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.all_headers = [(name.lower(), value) for name, value in response.getheaders()]
        self.headers = dict(self.all_headers)


class ServedFeeds(Kept):
    """A log whose feeds are served."""

    def __init__(self, folder, empty_database, settings=None, pause=0.2):
        self.port = Port("127.0.0.1:0")
        self.port.bind()
        self.place = self.port.address
        super().__init__(folder, empty_database, settings or Settings(), f"http://{self.place}")
        frame = Frame(lambda: self.now)
        self.access = Access(self.database)
        rooms = [*Feeds(self.feed, frame).routes, *Entry(self.access, frame, pause).routes]
        app = Starlette(routes=rooms, exception_handlers={404: frame.missing})
        app.state.access = self.access
        self.server = WebServer(self.port)
        self.server.serve_with(with_headers(with_host_check(app, lambda: self.now)))

    def stop(self):
        self.server.stop()
        super().stop()

    def ask(self, path, method="GET", body=None, **headers):
        """An answer to a request; a header's name is written with _."""
        with contextlib.closing(http.client.HTTPConnection(self.place, timeout=DEADLINE)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): each for name, each in headers.items()})
            return Answer(connection.getresponse())
