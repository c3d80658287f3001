"""The command line."""

# ruff: noqa: E402  the imports are framed
import gc

# What is imported stays: looking through it again and again for garbage would take a tenth of the time to start.
gc.disable()

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from chanops import configuration
from chanops.app import App
from chanops.core.errors import Problem
from chanops.core.example import example
from chanops.loader import load
from chanops.offline import Offline
from chanops.version import VERSION

gc.freeze()
gc.enable()
log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when all went well, 2 when a person can mend what did not."""
    given = parser().parse_args(arguments)
    work: Callable[[argparse.Namespace], int] = given.work
    try:
        return work(given)
    except Problem as problem:
        print(f"chanops: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """What can be typed."""
    made = argparse.ArgumentParser(prog="chanops", description="An IRC bot that keeps a team's links, and more.")
    made.add_argument(
        "--config", metavar="FILE", help="the configuration; else config.ini here, then in ~/.config/chanops"
    )
    made.add_argument("--version", action="version", version=f"chanops {VERSION}")
    made.set_defaults(work=run)
    commands = made.add_subparsers(metavar="COMMAND")
    add = commands.add_parser
    add("run", help="connect and serve (what happens without a command)").set_defaults(work=run)
    one = add("demo", help="all of it, embedded: an IRC server, the bot, the pages")
    one.add_argument("--play", action="store_true", help="the played conversation, on a terminal too")
    one.set_defaults(work=demo)
    one = add("say", help="run one line through the bot, without a network")
    one.add_argument("text", help='what is said, such as ".help"')
    one.add_argument("--as", dest="nick", default="you", metavar="NICK", help="who says it (default: you)")
    one.add_argument(
        "--account", metavar="ACCOUNT", help="the services account of the line (default: the nick; '' for none)"
    )
    one.add_argument(
        "--in", dest="channel", metavar="#CHANNEL", help="where (default: the first channel; '' for in private)"
    )
    one.set_defaults(work=say)
    add("check", help="read the configuration, load the plugins, say what is wrong").set_defaults(work=check)
    add("example-config", help="print every setting with its default").set_defaults(work=example_config)
    return made


def configured(given: argparse.Namespace) -> configuration.Configuration:
    return configuration.read(configuration.find(given.config))


def start_logging(level: str) -> None:
    """To standard error, where systemd and containers look for it."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("irc").setLevel(logging.WARNING)


def run(given: argparse.Namespace) -> int:
    """chanops run."""
    found = configured(given)
    start_logging(found.settings.bot.log_level)
    if not found.settings.networks:
        raise Problem(f"{found.path}: no network to connect to: add a [network:NAME] section with host and channels")
    app = App(found)
    app.handle_signals()
    app.run()
    return 0


def demo(given: argparse.Namespace) -> int:
    """chanops demo, with servers that a bot which runs never reads."""
    played: int = import_module("chanops.demo").demo(given.play)
    return played


def check(given: argparse.Namespace) -> int:
    """chanops check."""
    found = configured(given)
    app = App(found)
    app.prepare()
    book = app.board.running.book
    commands = sum(len(plugin.commands) for plugin in book.plugins)
    print(
        f"{found.path}: good; {len(found.settings.networks)} networks, {len(book.plugins)} plugins, {commands} commands"
    )
    return 0


def example_config(given: argparse.Namespace) -> int:
    """chanops example-config; with --config, also the sections of that configuration's plugins."""
    if given.config:
        app = App(configured(given))
        app.prepare()
        book = app.board.running.book
    else:
        book = load((), (), lambda *_: None, {})
    print(example({name: cls for plugin in book.plugins for name, cls in plugin.sections.items()}), end="")
    return 0


def say(given: argparse.Namespace) -> int:
    """chanops say: what the bot answers goes to standard output."""
    found = configured(given)
    start_logging("warning")
    with Offline(found) as bot:
        answers = bot.say(given.text, given.nick, given.account, given.channel)
    print("\n".join(answers) or "(the bot has nothing to say to that)")
    return 0
