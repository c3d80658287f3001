"""A phenny module as a plugin: its functions become commands and listeners like anybody's."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from chanops.core.access import Roles
from chanops.core.book import SAID, Command, Listener, Plugin
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.plugin import NAME
from chanops.core.sections import NetworkSettings
from chanops.core.signature import Signature, signature_of
from chanops.core.words import Rest
from chanops.phenny.objects import Bot, Input, Phenny, Wire
from chanops.phenny.rules import PRIORITIES, bind_defaults, command_pattern, is_phenny, names_nick, rule_patterns
from chanops.phenny.shims import GrumbleError


class Adapter:
    """Makes plugins of phenny modules, and holds the old bots that they talk to."""

    def __init__(self, networks: Mapping[str, NetworkSettings], prefix: str, wire: Callable[[str], Wire]) -> None:
        self.prefix = prefix
        self.bots = {name: Bot(name, settings, wire(name), prefix) for name, settings in networks.items()}

    def adapt(self, module: ModuleType, name: str, origin: str) -> Plugin | None:
        """The plugin, or None where the module has nothing of phenny's."""
        functions = list({id(each): each for each in vars(module).values() if isinstance_of_function(each)}.values())
        setup = getattr(module, "setup", None)
        has_setup = is_phenny_setup(setup)
        if not functions and not has_setup:
            return None
        for function in functions:
            bind_defaults(function)
            self.document(function)
        functions.sort(key=lambda each: PRIORITIES.get(each.priority, 1))
        listeners = [each for function in functions for each in self.listeners(name, function)]
        if has_setup:
            listeners.append(self.starter(name, setup))
        commands = [each for function in functions for each in self.commands(name, function)]
        return Plugin(name, origin, module.__doc__ or "", tuple(commands), tuple(listeners))

    def document(self, function: Any) -> None:
        """phenny.doc, which old help modules read."""
        example = getattr(function, "example", None)
        for bot in self.bots.values():
            bot.variables[function.__name__] = function
            if function.__doc__:
                shown = example.replace("$nickname", bot.nick) if isinstance(example, str) else None
                bot.doc[function.name] = (function.__doc__, shown)

    def commands(self, plugin: str, function: Any) -> Iterator[Command]:
        """Those of `commands` that are plain words: they get help and near misses like any other."""
        for word in getattr(function, "commands", ()):
            if NAME.match(word) and function.event == "PRIVMSG":
                pattern = command_pattern(word, self.prefix)
                caller = self.typed(function, pattern)
                doc, example = function.__doc__ or "", str(getattr(function, "example", "") or "")
                yield Command(plugin, (word,), caller, signature_of(caller), doc, example=example)

    def listeners(self, plugin: str, function: Any) -> Iterator[Listener]:
        """`rule`, and those of `commands` that are patterns."""
        events = SAID if function.event == "PRIVMSG" else (function.event.lower(),)
        caller = self.heard(function)
        signature = signature_of(caller)
        for word in getattr(function, "commands", ()):
            if not NAME.match(word) or function.event != "PRIVMSG":
                yield self.listener(plugin, caller, signature, events, command_pattern(word, self.prefix))
        networks = [(bot.network, bot.nick) for bot in self.bots.values()] if names_nick(function) else [("", "")]
        for network, nick in networks:
            for pattern in rule_patterns(function, nick, self.prefix):
                yield self.listener(plugin, caller, signature, events, pattern, network)

    def listener(
        self, plugin: str, caller: Any, signature: Signature, events: tuple[str, ...], pattern: Any, network: str = ""
    ) -> Listener:
        return Listener(plugin, caller, signature, events, pattern, raw=True, once=True, network=network)

    def typed(self, function: Any, pattern: re.Pattern[str]) -> Any:
        """A command's function in our form."""

        def caller(rest: Rest = "", *, said: Message, roles: Roles) -> None:
            match = pattern.match(said.raw)
            if match is not None:
                self.call(function, said, match, roles)

        return named(caller, function)

    def heard(self, function: Any) -> Any:
        """A rule's function in our form."""

        def caller(*, said: Message, match: re.Match[str], roles: Roles) -> None:
            self.call(function, said, match, roles)

        return named(caller, function)

    def call(self, function: Any, said: Message, match: re.Match[str], roles: Roles) -> None:
        """Call an old function with the objects it expects."""
        bot = self.bots.get(said.network)
        if bot is None:
            return
        given = Input.of(said, match, roles.held_by(said))
        for key in (function.name, given.sender), (function.name, given.nick):
            bot.stats[key] = bot.stats.get(key, 0) + 1
        try:
            function(Phenny(bot, given), given)
        except GrumbleError as grumble:
            bot.msg(str(given.sender), str(grumble))

    def starter(self, plugin: str, setup: Any) -> Listener:
        """`setup`, which receives the bot itself: once for each network, at the start and after a reload."""

        def caller(*, said: Message) -> None:
            for bot in self.bots.values():
                setup(bot)

        return Listener(plugin, named(caller, setup), signature_of(caller), events=("start",))


def isinstance_of_function(thing: Any) -> bool:
    """A function with phenny's attributes; a chanops command has none of them."""
    if not is_phenny(thing) or not hasattr(thing, "__code__"):
        return False
    if hasattr(thing, "commands") and not isinstance(thing.commands, list | tuple):
        raise Problem(f"{thing.__name__}.commands must be a list of words")
    return True


def is_phenny_setup(setup: Any) -> bool:
    """Whether a module's `setup` is one for phenny: a function of one argument."""
    code = getattr(setup, "__code__", None)
    return code is not None and code.co_argcount == 1 and code.co_varnames[0] in ("phenny", "self", "bot")


def named(caller: Any, function: Any) -> Any:
    caller.__name__ = function.__name__
    return caller
