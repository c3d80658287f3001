"""EnergyMech's logs, one file a day: `[12:00] <alice> hello`, `*** Joins: alice (u@h)`."""

from pathlib import Path

from chanops.services.oldlogs.base import Place
from chanops.services.oldlogs.bracketed import parse as parse
from chanops.services.oldlogs.places import usual

SUFFIXES = (".log", ".txt", "")


def place(path: Path, year: int) -> Place:
    """#channel-20261121.log, #channel_2026-11-21.log, #channel/20261121.log, below a folder for the network."""
    return usual(path, year)
