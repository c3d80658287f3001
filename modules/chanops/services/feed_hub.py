"""Tells a WebSub hub which feeds have news, so that it can tell their readers: https://www.w3.org/TR/websub/"""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import requests
from sqlalchemy.exc import SQLAlchemyError

from chanops.core.sections import Settings
from chanops.services.feed import Feed, Wanted
from chanops.services.feed_topics import TYPES
from chanops.services.visibility import EVERYBODY

log = logging.getLogger(__name__)
GAP = 10.0  # seconds between two messages about the same feed, at least
SOON = 0.5  # seconds in which what belongs together is written
PATIENCE = 10.0  # seconds for the hub's answer


class Hub:
    """A thread that looks, whenever something may be new, which feeds are."""

    def __init__(self, feed: Feed, settings: Callable[[], Settings], gap: float = GAP, soon: float = SOON) -> None:
        self.feed, self.settings, self.gap, self.soon = feed, settings, gap, soon
        self.poked, self.leaving = threading.Event(), threading.Event()
        self.noted, self.idle = threading.Event(), threading.Event()  # what there was; that all news are told
        self.told: dict[str, tuple[str, float]] = {}  # by address: the tag, and when the hub was told
        self.failed = False
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Take note of what is there: it is no news."""
        self.thread = threading.Thread(target=self.work, name="hub", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End it; what it has not told is not told."""
        self.leaving.set()
        self.poked.set()
        if self.thread is not None:
            self.thread.join(timeout=1)

    def poke(self, *_: object) -> None:
        """Something may be new; from any thread, at once."""
        self.poked.set()

    def work(self) -> None:
        """The thread's life."""
        if self.settings().feed.hub:
            self.told = {address: (tag, -self.gap) for address, tag in self.tags()}
        self.noted.set()
        while not self.leaving.is_set():
            self.idle.set()
            self.poked.wait()
            self.idle.clear()
            self.leaving.wait(self.soon)
            self.poked.clear()
            # Until nothing is new twice: what was heard of may be written later, or come too soon after the last.
            quiet = 0
            while quiet < 2 and self.settings().feed.hub:
                quiet = 0 if self.look() else quiet + 1
                if self.leaving.wait(self.gap):
                    return

    def look(self) -> bool:
        """Tell of the feeds that are not as they were; whether there was one, told or not yet."""
        news = [(address, tag) for address, tag in self.tags() if self.told.get(address, ("", 0.0))[0] != tag]
        for address, tag in news:
            due = self.told.get(address, ("", -self.gap))[1] + self.gap
            if due <= time.monotonic() and not self.leaving.is_set():
                self.tell(address)
                self.told[address] = tag, time.monotonic()
        return bool(news)

    def tags(self) -> Iterator[tuple[str, str]]:
        """The address and the tag of each feed that everybody has."""
        try:
            for topic in [each for _, topics in self.feed.sources.groups(EVERYBODY) for each in topics]:
                for form in TYPES:
                    made = self.feed.find(Wanted(topic, form))
                    if made is not None:
                        yield made.own, made.etag
        except SQLAlchemyError as error:
            log.warning("the hub is not told of news: the feeds cannot be read: %s", error)

    def tell(self, address: str) -> None:
        """One message to the hub; it asks for the feed itself."""
        hub = self.settings().feed.hub
        try:
            with requests.Session() as session:
                session.trust_env = False
                form = {"hub.mode": "publish", "hub.url": address}
                with session.post(hub, form, timeout=PATIENCE, allow_redirects=False, stream=True) as answer:
                    failure = "" if answer.status_code < 300 else f"it answers {answer.status_code}"
        except (requests.RequestException, ValueError) as error:
            failure = str(error)
        if failure and not self.failed:
            log.warning("the hub %s cannot be told of news: %s", hub, failure)
        elif self.failed and not failure:
            log.info("the hub %s is told of news again", hub)
        self.failed = bool(failure)
