"""The part of the bot that remembers: the log and what finds its lines, links and their titles."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from functools import partial

from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.core.text import shorten
from chanops.services.database import Database
from chanops.services.forget import Forgetting
from chanops.services.history import History
from chanops.services.link_rows import Posted
from chanops.services.links import Links
from chanops.services.missed import Missed
from chanops.services.missed_token import Signer
from chanops.services.pages import Pages
from chanops.services.reading import Reading
from chanops.services.recall import Recall
from chanops.services.retention import Retention
from chanops.services.scribe import Scribe
from chanops.services.search import Search
from chanops.services.titles.rules import Fetched, Rules
from chanops.services.titles.titles import Titles
from chanops.services.visibility import Visibility

log = logging.getLogger(__name__)
SHOWN = 200  # characters of a title that is said


class Archive:
    """Made once, on one database."""

    def __init__(
        self,
        database: Database,
        settings: Callable[[], Settings],
        say: Callable[[str, str, str], bool],
        background: Callable[[Callable[[], None]], None],
        pages: Callable[[], Pages],
        present: Callable[[str, str, str], bool],
    ) -> None:
        self.settings, self.say = settings, say
        self.search = Search(database)
        self.history = History(database, settings, self.search)
        self.scribe = Scribe(database, self.history)
        self.reading = Reading(database)
        self.visibility = Visibility(self.reading, settings)
        self.forgetting = Forgetting(
            database, self.reading, self.search, self.search.purge, lambda network: settings().nick(network)
        )
        self.scrub = self.forgetting.scrub
        self.scribe.on_redact = lambda said: background(partial(self.forgetting.redacted, said))
        self.links = Links(database, self.history, settings)
        self.links.on_kept = self.link_kept
        self.forgetting.is_open = self.links.may_see
        self.titles = Titles(self.rules, lambda: settings().titles.fetch)
        self.recall = Recall(self.reading, self.visibility, self.search, self.forgetting, self.scribe.settle)
        self.missed = Missed(self.reading, self.search, settings, pages, Signer(database.path.parent), present)
        self.retention = Retention(database, self.search, settings, self.scrub.run, self.scrub.due)

    def rules(self) -> Rules:
        """What may be asked for titles."""
        given = self.settings().titles
        return Rules(frozenset(given.hosts), frozenset(map(int, given.ports)), given.seconds)

    def start(self) -> None:
        """Begin to write the log."""
        self.scribe.start()
        self.titles.start()

    def stop(self) -> None:
        """Write what waits."""
        self.titles.stop()
        self.scribe.stop()
        self.links.stop()

    def keep_house(self, now: datetime) -> None:
        """Remove what is older than it may be, and what still has to leave the file."""
        removed = self.retention.run(now)
        if removed:
            log.info("%d lines were older than they may be, and are removed", removed)
        self.scrub.look_after()

    def link_kept(self, number: int, posted: Posted, new: bool) -> None:
        """A link was stored: see what its page calls itself, if nobody said it."""
        if not posted.title and (new or self.to_say(posted.said)):
            self.titles.want(posted.address, partial(self.title_found, number, posted))

    def to_say(self, said: Message) -> bool:
        """Whether titles are said where this was."""
        return not said.replayed and self.settings().channel(said.network, said.channel).titles

    def title_found(self, number: int, posted: Posted, found: Fetched | None) -> None:
        """Keep a page's title, and say it where that is wanted."""
        if found is None or not found.title:
            return
        done = self.links.titled(number, posted.address, found.title, posted.line)
        if self.to_say(posted.said):
            done.add_done_callback(partial(self.say_title, posted.said, found.title))

    def say_title(self, said: Message, title: str, done: "Future[bool]") -> None:
        """Say a page's title, unless the link or its line is gone by now."""
        if done.exception() is None and done.result():
            self.say(said.network, said.channel, f"\u21b3 {shorten(title, SHOWN)}")
