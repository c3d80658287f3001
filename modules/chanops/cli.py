"""The command line."""

# ruff: noqa: E402  the imports are framed
import gc

# What is imported stays: looking through it again and again for garbage would take a tenth of the time to start.
gc.disable()

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from chanops import cli_logs, cli_tokens, configuration, logs
from chanops.app import App
from chanops.core.errors import Problem
from chanops.core.example import example
from chanops.core.text import plain
from chanops.loader import load
from chanops.offline import Offline
from chanops.services.backup import back_up
from chanops.version import VERSION

gc.freeze()
gc.enable()
SIMULATED = """\
A simulated DigitalOcean listens on {url}; what it does costs nothing. For a configuration:
  [provider:do]
  kind = digitalocean
  token = {token}
  endpoint = {url}
Beside it, {root}/sim/state, {root}/sim/truth, {root}/sim/requests and {root}/sim/faults. Ctrl-C ends it.
"""


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
    one = add("audit", help="verify: is the record of what was asked and done whole?")
    one.add_argument("what", choices=["verify"])
    one.add_argument("--head", metavar="HASH", help="the last hash of an earlier look: it must still be in the chain")
    one.set_defaults(work=audit)
    cli_tokens.add_to(commands)
    one = add("backup", help="copy the database into a new file, while the bot runs or not")
    one.add_argument("where", type=Path, metavar="FILE", help="the file; of a folder, a new one in it")
    one.set_defaults(work=backup)
    cli_logs.add_to(commands)
    one = add("simulate", help="run a simulated cloud by itself, to try things on")
    one.add_argument("cloud", choices=["digitalocean"])
    one.add_argument("--port", type=int, default=9155, help="where it listens on 127.0.0.1 (default: 9155)")
    one.add_argument("--token", default="demo-token", help="the token it accepts (default: demo-token)")
    one.add_argument("--scale", type=float, default=1.0, help="how slow it is: 1 is a few seconds for each action")
    one.set_defaults(work=simulate)
    add("example-config", help="print every setting with its default").set_defaults(work=example_config)
    return made


def configured(given: argparse.Namespace) -> configuration.Configuration:
    return configuration.read(configuration.find(given.config))


def run(given: argparse.Namespace) -> int:
    """chanops run."""
    found = configured(given)
    logs.start(found.settings.bot.log_level)
    if not found.settings.networks:
        raise Problem(f"{found.path}: no network to connect to: add a [network:NAME] section with host and channels")
    logs.catch()
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


def audit(given: argparse.Namespace) -> int:
    """chanops audit verify; 1 where the record was tampered with."""
    app = App(configured(given))
    app.database.start()
    try:
        verdict = app.fleet.jobs.audit.verify(given.head or "")
    finally:
        app.database.stop()
    if verdict.broken_at:
        print(f"BROKEN at row {verdict.broken_at} ({verdict.broken_on}): it, or one before it, was changed or removed")
        return 1
    if given.head and not verdict.head_seen:
        print(f"BROKEN: no row has the hash {given.head}: rows were removed from the end, or all were made anew")
        return 1
    print(f"whole: {verdict.rows} rows, the last hash is {verdict.head}")
    return 0


def backup(given: argparse.Namespace) -> int:
    """chanops backup."""
    made = back_up(App(configured(given)).database, given.where)
    print(f"{made.path}: whole; {made.size / 1_000_000:,.1f} MB, {made.lines:,} lines")
    return 0


def simulate(given: argparse.Namespace) -> int:
    """chanops simulate digitalocean, until it is interrupted."""
    made = import_module("chanops.simulator.digitalocean")
    delays = made.Delays.realistic(scale=given.scale)
    try:
        cloud = made.CloudServer(port=given.port, token=given.token, delays=delays)
        cloud.start()
    except OSError as error:
        raise Problem(f"port {given.port} cannot be had: {error.strerror}: choose another with --port") from None
    print(SIMULATED.format(url=cloud.url.rstrip("/"), root=cloud.root, token=given.token), flush=True)
    try:
        threading.Event().wait()
    finally:
        cloud.stop()
    return 0


def say(given: argparse.Namespace) -> int:
    """chanops say: what the bot answers goes to standard output."""
    found = configured(given)
    logs.start("warning")
    with Offline(found) as bot:
        answers = bot.say(given.text, given.nick, given.account, given.channel)
    print("\n".join(map(plain, answers)) or "(the bot has nothing to say to that)")
    return 0
