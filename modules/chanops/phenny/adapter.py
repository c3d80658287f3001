"""A phenny module as a plugin: its functions become commands and listeners like anybody's."""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from chanops.core.access import Roles
from chanops.core.book import SAID, Command, Listener, Plugin
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.core.plugin import NAME, marks_of
from chanops.core.sections import NetworkSettings
from chanops.core.signature import Signature, signature_of
from chanops.core.words import Rest
from chanops.phenny.objects import Bot, Input, Phenny, Wire
from chanops.phenny.rules import PRIORITIES, bind_defaults, command_pattern, is_phenny, names_nick, rule_patterns
from chanops.phenny.shims import GrumbleError

OLD_NAMES = ("phenny", "jenni", "bot", "self")  # what modules with nothing but a `setup` call its argument


class Adapter:
    """Makes plugins of phenny modules, and holds the old bots that they talk to."""

    def __init__(self, networks: Mapping[str, NetworkSettings], prefix: str, wire: Callable[[str], Wire]) -> None:
        self.prefix = prefix
        self.bots = {name: Bot(name, settings, wire(name), prefix) for name, settings in networks.items()}

    def adapt(self, module: ModuleType, name: str, origin: str) -> Plugin | None:
        """The plugin, or None where the module has nothing of phenny's."""
        functions = list({id(each): each for each in vars(module).values() if is_old_function(each)}.values())
        setup = getattr(module, "setup", None)
        marked = next((thing.__name__ for thing, _ in marks_of(module)), "")
        if not functions and (marked or not is_old_setup(setup, names=OLD_NAMES)):
            return None
        if marked:
            raise Problem(f"{functions[0].__name__} is as for phenny, {marked} as for chanops: make two files of it")
        for function in functions:
            bind_defaults(function)
            self.document(function)
        functions.sort(key=lambda each: PRIORITIES.get(each.priority, 1))
        typed = {word: function for function in reversed(functions) for word in plain_words(function)}
        listeners = [each for function in functions for each in self.listeners(name, function, typed)]
        if is_old_setup(setup):
            listeners.append(self.starter(name, setup))
        commands = [self.command(name, word, typed[word]) for word in reversed(typed)]
        return Plugin(name, origin, module.__doc__ or "", tuple(commands), tuple(listeners))

    def document(self, function: Any) -> None:
        """phenny.doc, which old help modules read."""
        for bot in self.bots.values():
            bot.variables[function.__name__] = function
            if function.__doc__:
                bot.doc[function.name] = (function.__doc__, example_of(function, bot.nick))

    def command(self, plugin: str, word: str, function: Any) -> Command:
        """One of `commands` that is a plain word: it gets help and near misses like any other."""
        caller = self.typed(function, command_pattern(word, self.prefix))
        signature = signature_of(caller)
        # As if there were several: then what is typed is never taken for name=value.
        signature = replace(signature, typed=tuple(replace(each, several=True) for each in signature.typed))
        nick = next((bot.nick for bot in self.bots.values()), "")
        example = example_of(function, nick) or ""
        return Command(plugin, (word,), caller, signature, function.__doc__ or "", example=example)

    def listeners(self, plugin: str, function: Any, typed: Mapping[str, Any]) -> Iterator[Listener]:
        """`rule`, and those of `commands` that are patterns, or a command of another function already."""
        events = SAID if function.event == "PRIVMSG" else (function.event.lower(),)
        caller = self.heard(function)
        signature = signature_of(caller)
        networks = [(bot.network, bot.nick) for bot in self.bots.values()] if names_nick(function) else [("", "")]
        try:
            for word in dict.fromkeys(getattr(function, "commands", ())):
                if typed.get(word) is not function:
                    yield self.listener(plugin, caller, signature, events, command_pattern(word, self.prefix))
            for network, nick in networks:
                for pattern in rule_patterns(function, nick, self.prefix):
                    yield self.listener(plugin, caller, signature, events, pattern, network)
        except re.error as error:
            line = function.__code__.co_firstlineno
            raise Problem(f"line {line}: {function.__name__}: {error.pattern!r} is no pattern: {error}") from None

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
            bot.msg(given.sender, str(grumble))

    def starter(self, plugin: str, setup: Any) -> Listener:
        """`setup`, which receives the bot itself: once for each network, at the start and after a reload."""

        def caller(*, said: Message) -> None:
            for bot in self.bots.values():
                setup(bot)

        return Listener(plugin, named(caller, setup), signature_of(caller), events=("start",))


def is_old_function(thing: Any) -> bool:
    """A function with phenny's attributes; a chanops command has none of them."""
    if not is_phenny(thing) or not hasattr(thing, "__code__"):
        return False
    if hasattr(thing, "commands") and not isinstance(thing.commands, list | tuple):
        raise Problem(f"{thing.__name__}.commands must be a list of words")
    return True


def is_old_setup(setup: Any, names: Container[str] | None = None) -> bool:
    """Whether a module's `setup` is one for phenny: a function of one argument, which may have to have a known name."""
    code = getattr(setup, "__code__", None)
    return code is not None and code.co_argcount == 1 and (names is None or code.co_varnames[0] in names)


def plain_words(function: Any) -> Iterator[str]:
    """Those of `commands` that can be commands like any other."""
    if function.event == "PRIVMSG":
        yield from filter(NAME.match, reversed(getattr(function, "commands", ())))


def example_of(function: Any, nick: str) -> str | None:
    """What a function gives as its example, if it does."""
    example = getattr(function, "example", None)
    return example.replace("$nickname", nick) if isinstance(example, str) else None


def named(caller: Any, function: Any) -> Any:
    caller.__name__ = function.__name__
    return caller
