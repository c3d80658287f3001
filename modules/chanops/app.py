"""Makes every part once, by name, and starts them: the only place that knows all."""

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chanops import configuration, loader, logs, switchboard
from chanops.archive import Archive
from chanops.configuration import Configuration
from chanops.core.access import Roles
from chanops.core.book import Book, Timed
from chanops.core.confirm import Confirmations
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.schedule import Agenda
from chanops.core.sections import Settings, unknown_section
from chanops.core.settings import checked
from chanops.core.supplies import Reload, Say, Supplies, Tell
from chanops.fleet import Fleet
from chanops.irc.client import Connection, Timings
from chanops.irc.reactor import Reactor, Timer
from chanops.phenny.adapter import Adapter
from chanops.phenny.shims import SHIMS
from chanops.publishing import Publishing
from chanops.services.database import Database
from chanops.services.jobs.jobs import Jobs
from chanops.services.links import Links
from chanops.services.machines.service import Machines
from chanops.services.missed import Missed
from chanops.services.pages import Pages
from chanops.services.recall import Recall
from chanops.services.remote.service import Remote
from chanops.switchboard import Running, Switchboard, Voice
from chanops.workers import Workers

log = logging.getLogger(__name__)
DATABASE = "chanops.db"
FIRST_THE_NETWORKS = 0.1  # seconds in which nothing delays their first answers; then the pages
FIRST_THE_HOUSE, HOUSE_EVERY = 30.0, 300.0  # seconds until old lines are removed, and until the next time


@dataclass
class Elsewhere:
    """A network's voice for whoever needs one before the connection is made."""

    board: Switchboard
    network: str

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Say a text."""
        self.board.speak(self.network, target, text, action=action)

    def send_raw(self, string: str) -> None:
        """Send a line of the protocol."""
        send = getattr(self.board.voices.get(self.network), "send_raw", None)
        if send is not None:
            send(string)


class App:
    """The whole bot, made from a configuration. Nothing is opened before `open`."""

    def __init__(self, configured: Configuration, timings: Timings | None = None) -> None:
        self.configured, self.timings = configured, timings
        settings = configured.settings
        self.reactor = Reactor(busy=lambda: self.workers.busy())
        self.workers = Workers(settings.bot.workers, self.reactor.wake)
        self.confirmations = Confirmations(time.monotonic, threading.Lock())
        self.board = Switchboard(self.workers, self.confirmations, self.keep_page)
        url = settings.database.url.get_secret_value()
        self.database = Database(configured.beside(settings.bot.data_dir) / DATABASE, url)
        self.archive = Archive(
            self.database,
            self.settings,
            self.board.say_if_there,
            self.in_background,
            lambda: self.pages,
            self.board.present,
        )
        self.pages = Pages(root_of(settings))
        self.fleet = Fleet(
            self.database,
            self.archive.history,
            self.confirmations,
            self.settings,
            lambda: self.pages,
            configured.beside,
        )
        self.fleet.jobs.say = self.board.say_if_there
        self.fleet.jobs.on_news = self.speak_of_jobs
        self.reloading = threading.Lock()
        self.ticking: Timer | None = None
        self.publishing = Publishing(self.database, self.archive, self.fleet, self.settings, self.networks)

    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.board.running.settings

    def load(self, configured: Configuration) -> Running:
        """Load the plugins of a configuration and check that all fits together; changes nothing."""
        settings = configured.settings
        adapter = Adapter(settings.networks, settings.bot.prefix, lambda name: Elsewhere(self.board, name))
        folders = tuple(configured.beside(folder) for folder in settings.bot.plugins)
        book = loader.load(folders, settings.bot.skip, adapter.adapt, SHIMS)
        roles = Roles.of(settings.roles, tuple(settings.networks))
        supplies = Supplies(
            {
                Settings: settings,
                Book: book,
                Roles: roles,
                Confirmations: self.confirmations,
                Jobs: self.fleet.jobs,
                Links: self.archive.links,
                Machines: self.fleet.machines,
                Missed: self.archive.missed,
                Pages: self.pages,
                Remote: self.fleet.remote,
                Recall: self.archive.recall,
                Say: Say(self.board.say_in),
                Tell: Tell(self.board.tell),
                Reload: Reload(self.reload),
                **plugin_settings(book, configured),
            }
        )
        switchboard.check(book, supplies, settings)
        agenda: Agenda[Timed] = Agenda(settings.bot.timezone)
        for timed in book.timed:
            agenda.add(timed.schedule, timed, datetime.now(UTC))
        return Running(settings, book, roles, supplies, agenda)

    def prepare(self) -> None:
        """Load what is to run; opens nothing."""
        self.board.running = self.load(self.configured)
        self.fleet.use(self.fleet.opened(self.configured, *plugin_settings_of(self.board.running)))
        logs.use(self.fleet.mask)

    def open(self) -> None:
        """Open the database, start the workers, take up unfinished jobs: enough to run commands."""
        self.database.start()
        self.archive.start()
        self.board.log = self.archive.scribe.hear
        self.workers.start()
        self.fleet.jobs.start(self.database.path.parent)

    def connect(self) -> None:
        """Begin to connect to every network."""
        networks = self.settings().networks
        voices: dict[str, Voice] = {}
        for name, settings in networks.items():
            settings = replace(settings, tls_ca_file=self.path(settings.tls_ca_file))
            connection = Connection(name, settings, self.reactor, self.board.heard, self.timings)
            voices[name] = connection
            connection.connect()
        self.board.voices = voices

    def path(self, text: str) -> str:
        return str(self.configured.beside(text)) if text else ""

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Everything, until somebody says stop; in the main thread."""
        self.pages = self.publishing.bind(self.configured.settings)
        self.prepare()
        self.open()
        self.connect()
        self.reactor.after(FIRST_THE_NETWORKS, lambda: self.publishing.begin(lambda: self.pages, ready))
        self.reactor.after(FIRST_THE_HOUSE, self.keep_house)
        self.reactor.call(lambda: self.board.happen("start"))
        self.reactor.call(self.tick)
        self.reactor.call(self.look)
        # What is loaded stays: looking through it again and again for garbage would cost a tenth of a flood's time.
        gc.collect()
        gc.freeze()
        try:
            self.reactor.run()
        finally:
            self.close()

    def tick(self) -> None:
        """Run what is due, and come back when the next thing is."""
        if self.ticking is not None:
            self.ticking.cancelled = True
        self.ticking = self.reactor.after(max(0.05, self.board.tick()), self.tick)

    def look(self) -> None:
        """Once a second: are workers stuck? Have jobs news?"""
        self.workers.look()
        self.speak_of_jobs()
        self.reactor.after(1.0, self.look)

    def speak_of_jobs(self) -> None:
        """Have it said which jobs ended, and how far the others are; from any thread."""
        self.workers.submit("jobs", "jobs", self.fleet.jobs.speak, most=1)

    def keep_house(self) -> None:
        """Once in a while: remove the lines that are older than they may be."""
        self.in_background(lambda: self.archive.keep_house(datetime.now(UTC)))
        self.reactor.after(HOUSE_EVERY, self.keep_house)

    def networks(self) -> dict[str, bool]:
        """Each network, and whether the bot is online there."""
        voices = self.board.voices.items()
        return {name: voice.registration.online for name, voice in voices if isinstance(voice, Connection)}

    def in_background(self, work: Callable[[], None]) -> None:
        """Have something done that takes a while, by a worker."""
        self.workers.submit("background", "background", work)

    def stop(self) -> None:
        """Leave politely; from any thread or signal handler."""
        self.reactor.call(self.leave)

    def leave(self) -> None:
        for voice in self.board.voices.values():
            if isinstance(voice, Connection):
                voice.disconnect("leaving")
        self.reactor.stop()

    def close(self) -> None:
        """End every part; what was acknowledged is on disk."""
        self.publishing.stop_serving()
        self.fleet.stop()
        self.workers.stop()
        self.publishing.stop()
        self.archive.stop()
        self.database.stop()

    def handle_signals(self) -> None:
        """SIGTERM and SIGINT leave, SIGHUP reloads; only in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGHUP, lambda *_: self.reactor.call(self.reload_by_signal))

    def reload_by_signal(self) -> None:
        self.workers.submit("reload", "reload", self.reload_logged)

    def reload_logged(self) -> None:
        try:
            log.info("%s", self.reload())
        except Problem as problem:
            log.error("not reloaded, all is as it was: %s", problem)

    def reload(self) -> str:
        """Read configuration and plugins anew; all or nothing."""
        if not self.reloading.acquire(blocking=False):
            raise Problem("a reload is under way already")
        try:
            before = self.board.running
            configured = configuration.read(self.configured.path)
            running = self.load(configured)
            opened = self.fleet.opened(configured, *plugin_settings_of(running))
            self.board.running = running
            self.fleet.use(opened)
            logs.use(self.fleet.mask)
            self.reactor.call(self.tick)
            self.board.happen("start")
            return switchboard.told(before, running)
        finally:
            self.reloading.release()

    def keep_page(self, said: Message, text: str) -> str:
        """Put a long answer on a page; its address, "" where there is none, or nothing is to be kept."""
        if not self.pages.root or not self.settings().channel(said.network, said.channel).log:
            return ""
        return self.pages.reply(self.publishing.replies.keep(said.text, text))


def plugin_settings(book: Book, configured: Configuration) -> dict[type, object]:
    """The checked settings of each plugin that has some; a section that nobody knows is refused."""
    sections = {name: cls for plugin in book.plugins for name, cls in plugin.sections.items()}
    for name in configured.settings.others:
        if name not in sections:
            raise unknown_section(name, sections)
    others = configured.settings.others
    return {cls: checked(cls, name, others.get(name, {}), configured.reveal) for name, cls in sections.items()}


def plugin_settings_of(running: Running) -> list[object]:
    """The settings of the plugins that are loaded."""
    sections = [cls for plugin in running.book.plugins for cls in plugin.sections.values()]
    return [running.supplies.given[cls] for cls in sections]


def root_of(settings: Settings) -> str:
    """The pages' address as it appears in links; "" where none are served."""
    return (settings.web.url or f"http://{settings.web.listen}") if settings.web.listen else ""
