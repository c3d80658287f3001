"""Between what is heard and what is said: a line comes in, the right functions run, their answers go out."""

import functools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from chanops.answers import deliver
from chanops.core.access import Roles
from chanops.core.book import Book, Listener, Timed
from chanops.core.confirm import STILL_ALLOWED, Confirmations
from chanops.core.dispatch import Answer, Call, Rules, asked
from chanops.core.errors import Problem, Refused
from chanops.core.message import Message
from chanops.core.schedule import Agenda
from chanops.core.sections import Settings
from chanops.core.supplies import Supplies
from chanops.workers import MOST_IN_LANE, Workers

log = logging.getLogger(__name__)
MOST_COMMANDS = 200  # that may wait for one function in one channel
REFUSED_AGAIN = 10.0  # seconds between two refusals there, lest the refusals be the flood
EVERYTHING = ("*",)


class Voice(Protocol):
    """A network one can speak on; a connection, or what stands for it in `chanops say`."""

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Say a text, which may have several lines, to a channel or a nick."""

    def is_in(self, channel: str) -> bool:
        """Whether what is said there is heard there now."""

    def has(self, channel: str, nick: str) -> bool:
        """Whether somebody is there now, as far as we can see."""


@dataclass(frozen=True)
class Running:
    """All that a reload replaces, in one piece."""

    settings: Settings
    book: Book
    roles: Roles
    supplies: Supplies
    agenda: Agenda[Timed]

    def rules(self, said: Message) -> Rules:
        """What holds where a line was said."""
        commands = self.settings.channel(said.network, said.channel).commands if said.channel else EVERYTHING
        return Rules(self.settings.bot.prefix, None if commands == EVERYTHING else frozenset(commands))


class Switchboard:
    """Holds what is running now; `heard` is called by the connections, in the main thread."""

    def __init__(
        self, workers: Workers, confirmations: Confirmations, keep_page: Callable[[Message, str], str]
    ) -> None:
        self.workers, self.confirmations, self.keep_page = workers, confirmations, keep_page
        self.voices: Mapping[str, Voice] = {}
        self.log: Callable[[Message], None] = lambda _: None
        self.refused_at: dict[object, float] = {}
        self.running: Running

    def heard(self, said: Message) -> None:
        """Something happened on a network: find what is to run, and have it run."""
        self.log(said)
        if said.own:
            return  # for the log only: a bot that hears itself answers itself
        now = self.running
        found = None
        if said.event == "message" and said.text.startswith(now.settings.bot.prefix):
            found = asked(said, now.book, now.roles, now.rules(said))
            if isinstance(found, Call):
                self.submit(found)
        heard = False
        for listener in now.book.listeners(said):
            if listener.needle not in said.text or (listener.first is not None and listener.first(said.text) is None):
                continue
            if found is not None and not listener.raw:
                continue  # a command is no conversation: .url must not be heard as a mention as well
            for args, moment in listener.finds(said):
                self.rouse(listener, said, args, moment)
                heard = True
        if isinstance(found, Answer) and not (found.guess and heard):
            self.answer(said, found.text)

    def submit(self, call: Call) -> None:
        """Have a command run; where too many wait, say so."""
        key = (call.function, call.said.network, call.said.where)
        if not self.workers.submit(key, call.plugin, functools.partial(self.carry_out, call), MOST_COMMANDS):
            now = time.monotonic()
            if now - self.refused_at.get(key, -REFUSED_AGAIN) >= REFUSED_AGAIN:
                self.refused_at = {key: now} if len(self.refused_at) > MOST_COMMANDS else self.refused_at | {key: now}
                self.answer(call.said, f"{name_of(call)} is still busy with what was asked before: try again later")

    def rouse(self, listener: Listener, said: Message, args: list[Any], moment: tuple[object, ...]) -> None:
        """Have a listener run; where it is behind, the line is passed over and counted."""
        call = Call(listener.plugin, listener.function, listener.signature, said, args, {}, moment)
        key = (listener.function, said.network, said.channel)
        self.workers.submit(key, listener.plugin, functools.partial(self.overhear, call), MOST_IN_LANE)

    def carry_out(self, call: Call) -> None:
        """Run a command, in a worker's thread, and say what it returns."""
        STILL_ALLOWED.set(functools.partial(self.check_allowed, call))
        try:
            if call.command is not None and call.command.confirm:
                plan = f"{call.command.confirm}: {call.said.text}"
                result: Any = self.confirmations.ask(plan, lambda: self.run(call), call.said)
            else:
                result = self.run(call)
            self.deliver(call.said, result)
        except Problem as problem:
            self.answer(call.said, str(problem))
        except Exception:
            log.exception("%s failed on %r by %s", name_of(call), call.said.text, call.said.nick)
            self.answer(call.said, f"{name_of(call)} failed: that is a bug in it; the bot's log has the details")

    def check_allowed(self, call: Call) -> None:
        """Raises Refused where the same line would not be carried out now: roles and rules may have changed."""
        now = self.running
        found = asked(call.said, now.book, now.roles, now.rules(call.said))
        if not isinstance(found, Call):
            raise Refused(found.text if isinstance(found, Answer) else "this is not a command here any more")

    def overhear(self, call: Call) -> None:
        """Run a listener; it was not asked, so what goes wrong is for the log only."""
        try:
            result = self.run(call)
            if result is not None:
                self.deliver(call.said, result)
        except Problem as problem:
            log.warning("%s: %s", name_of(call), problem)

    def run(self, call: Call) -> Any:
        return call.function(*call.args, **call.options, **self.running.supplies.fill(call.signature, call.moment))

    def deliver(self, said: Message, result: Any) -> None:
        """Say what a function returned where its line was said."""
        deliver(
            result, lambda line: self.speak(said.network, said.where, line), lambda text: self.keep_page(said, text)
        )

    def answer(self, said: Message, text: str) -> None:
        """Answer one person; in a channel with their nick before it."""
        self.speak(said.network, said.where, f"{said.nick}: {text}" if said.channel else text)

    def tell(self, said: Message, text: str) -> None:
        """Say something to one person only."""
        self.speak(said.network, said.nick, text)

    def speak(self, network: str, target: str, text: str, *, action: bool = False) -> None:
        """Say something somewhere, from any thread."""
        voice = self.voices.get(network)
        if voice is not None and target:
            voice.say(target, text, action=action)

    def say_if_there(self, network: str, channel: str, text: str) -> bool:
        """Say something in a channel; False where the bot is not there just now."""
        voice = self.voices.get(network)
        if voice is None or not voice.is_in(channel):
            return False
        voice.say(channel, text)
        return True

    def present(self, network: str, channel: str, nick: str) -> bool:
        """Whether the bot sees somebody in a channel just now."""
        voice = self.voices.get(network)
        return voice is not None and voice.has(channel, nick)

    def say_in(self, where: str, text: str) -> None:
        """Say something in a channel given as people give it: #ops, or network/#ops."""
        places = self.places(where)
        if not places:
            raise Problem(f"there is no channel {where}: give it to a network under `channels`")
        for network, channel in places:
            self.speak(network, channel, text)

    def places(self, where: str) -> list[tuple[str, str]]:
        """The (network, channel) pairs that a name means."""
        network, _, channel = where.rpartition("/")
        return [
            (name, channel)
            for name, settings in self.running.settings.networks.items()
            if network in ("", name) and channel in settings.channels
        ]

    def happen(self, event: str) -> None:
        """Something of the bot's own happened: "start", "stop"."""
        self.heard(Message(event=event, command=event.upper(), at=datetime.now(UTC)))

    def tick(self) -> float:
        """Run what its time has come; the seconds until the next."""
        now = datetime.now(UTC)
        for timed in self.running.agenda.due(now):
            task = functools.partial(self.on_time, timed)
            if not self.workers.submit((timed.function, "timed"), timed.plugin, task, most=1):
                log.warning("%s.%s still runs: left out once", timed.plugin, timed.function.__name__)
        return min(30.0, self.running.agenda.wait(now))

    def on_time(self, timed: Timed) -> None:
        """Run what was due, and say its result where it wants it said."""
        said = Message(event="time", text=timed.schedule.text, at=datetime.now(UTC))
        result = timed.function(**self.running.supplies.fill(timed.signature, (said,)))
        if timed.to:
            deliver(result, lambda line: self.say_in(timed.to, line), lambda text: self.keep_page(said, text))


def name_of(call: Call) -> str:
    """A call as people know it."""
    return call.command.name if call.command else f"{call.plugin}.{call.function.__name__}"


def check(book: Book, supplies: Supplies, settings: Settings) -> None:
    """Everything that functions ask for is there, and every time has a place to speak in."""
    channels = {name for network in settings.networks.values() for name in network.channels}
    for plugin in book.plugins:
        for name, signature in plugin.signatures:
            supplies.check(name, signature)
    for timed in book.timed:
        if timed.to and settings.networks and timed.to.rpartition("/")[2] not in channels:
            raise Problem(
                f"{timed.plugin}.{timed.function.__name__} speaks in {timed.to}, where the bot is not: "
                "add the channel to a network's `channels`"
            )


def told(before: Running, after: Running) -> str:
    """What a reload changed."""
    names = [{plugin.name for plugin in running.book.plugins} for running in (before, after)]
    new, gone = sorted(names[1] - names[0]), sorted(names[0] - names[1])
    parts = [f"reloaded {len(names[1])} plugins"]
    parts += [f"new: {', '.join(new)}"] if new else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    old, now = before.settings, after.settings
    if (old.networks, old.web, old.bot.data_dir, old.bot.workers) != (
        now.networks,
        now.web,
        now.bot.data_dir,
        now.bot.workers,
    ):
        parts.append("networks, pages, data_dir and workers change at the next start")
    return "; ".join(parts)
