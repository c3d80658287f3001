"""chanops token: who else may read, in a browser and in a feed reader."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chanops import configuration
from chanops.app import App
from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.core.sections import Settings
from chanops.core.text import near
from chanops.services.access import Access
from chanops.services.feed_topics import OPML, Topic

SHOWN = """\
For {name}, who may read {what}. Both are shown this once: only their hashes are kept.

  page token  {page}
  typed at    {root}/enter

  feed token  {feed}
  all news    {all}
  all feeds   {opml}
"""


def add_to(commands: Any) -> None:
    """What can be typed."""
    token = commands.add_parser("token", help="add, list, revoke: who may read channels that are private")
    token.set_defaults(work=lambda _: said_which())
    whats = token.add_subparsers(metavar="add|list|revoke")
    one = whats.add_parser("add", help="new tokens for a name: one for the pages, one for the feeds")
    one.add_argument("name", help="whose they are")
    one.add_argument(
        "--channel", action="append", default=[], metavar="CHANNEL", help="#NAME or NETWORK/#NAME; all without it"
    )
    one.set_defaults(work=add)
    whats.add_parser("list", help="who has tokens, and who had").set_defaults(work=listed)
    one = whats.add_parser("revoke", help="take them back, at once")
    one.add_argument("name", help="whose they are")
    one.set_defaults(work=revoke)


def said_which() -> int:
    raise Problem("say what: chanops token add NAME, chanops token list, or chanops token revoke NAME")


def add(given: argparse.Namespace) -> int:
    """chanops token add."""
    app = app_of(given)
    channels = known_channels(app.configured.settings, given.channel)
    with opened(app) as access:
        tokens = access.add(given.name, channels)
    root = app.pages.root
    shown = SHOWN.format(
        name=given.name,
        what=", ".join(channels) or "all channels",
        page=tokens.page,
        feed=tokens.feed,
        root=root,
        all=Topic().address(root, "rss", tokens.feed),
        opml=Topic(OPML).address(root, OPML, tokens.feed),
    )
    print(shown, end="")
    return 0


def listed(given: argparse.Namespace) -> int:
    """chanops token list."""
    with opened(app_of(given)) as access:
        holders = access.all()
    for each in holders:
        end = f", revoked {each.revoked:%Y-%m-%d}" if each.revoked else ""
        print(f"{each.name}: {', '.join(each.channels) or 'all channels'}; since {each.created:%Y-%m-%d}{end}")
    if not holders:
        print("nobody has tokens: chanops token add NAME gives some")
    return 0


def revoke(given: argparse.Namespace) -> int:
    """chanops token revoke."""
    with opened(app_of(given)) as access:
        if not access.revoke(given.name):
            nearest = near(given.name, [each.name for each in access.all() if each.revoked is None])
            raise Problem(f"{given.name} has no tokens" + (f"; did you mean {nearest}?" if nearest else ""))
    print(f"{given.name} reads no more than everybody, from now on")
    return 0


def app_of(given: argparse.Namespace) -> App:
    return App(configuration.read(configuration.find(given.config)))


@contextmanager
def opened(app: App) -> Iterator[Access]:
    """The tokens in its database, which may be in use by a bot that runs."""
    app.database.start()
    try:
        yield Access(app.database)
    finally:
        app.database.stop()


def known_channels(settings: Settings, names: Sequence[str]) -> list[str]:
    """The channels that are meant, as NETWORK/#channel. Raises Problem where the configuration has no such channel."""
    joined = [f"{network}/{each}" for network, its in settings.networks.items() for each in its.channels]
    found = []
    for name in names:
        meant = [each for each in joined if fold(name) in (fold(each), fold(each.partition("/")[2]))]
        if not meant:
            nearest = near(name, [*joined, *(each.partition("/")[2] for each in joined)])
            hint = f"; did you mean {nearest}?" if nearest else ""
            raise Problem(f"no network's channels has {name}{hint}")
        if len(meant) > 1:
            raise Problem(f"{name} is on several networks: say which, such as {meant[0]}")
        found += meant
    return found
