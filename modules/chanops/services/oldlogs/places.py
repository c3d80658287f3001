"""Where a log belongs, from its path, as the programs lay their logs out."""

import re
from datetime import date
from pathlib import Path

from chanops.services.oldlogs.base import Place

CHANNEL = "#&!+"
DATE = re.compile(r"^(.*?)[-._ ]?(?:(\d{4})[-._]?(\d\d)[-._]?(\d\d)|(?:(?<=[-._ ])|^)(\d\d)[-._]?(\d\d))$")
# Folders that hold logs, and name no network.
FOLDERS = {"", ".", "..", "/", "log", "logs", "irclogs", "irc", "archive", "channels", "tmp", "backup", "old"}
FOLDERS |= {"moddata", "users", "networks", "weechat", "znc", "mirc", "irssi", ".irssi", "eggdrop", "energymech"}


def is_channel(name: str) -> bool:
    """Whether a name is a channel's."""
    return len(name) > 1 and name[0] in CHANNEL and not any(c.isspace() or c in ",\a\0" for c in name)


def dated(stem: str, year: int = 0) -> tuple[str, date | None]:
    """A file's name without the date at its end, and that date."""
    found = DATE.match(stem)
    if not found:
        return stem, None
    name, *given = found.groups()
    try:
        if given[0]:
            return name, date(*map(int, given[:3]))
        return (name, date(year, int(given[3]), int(given[4]))) if year else (stem, None)
    except ValueError:
        return stem, None


def folder(path: Path) -> str:
    """The network that a folder names, or ""."""
    name = path.name
    return "" if name.lower() in FOLDERS or is_channel(name) or name.isdecimal() else name


def usual(path: Path, year: int = 0) -> Place:
    """NETWORK/#channel.log, NETWORK/#channel-DATE.log, NETWORK/#channel/DATE.log."""
    path = path.absolute()
    name, day = dated(path.stem, year)
    if is_channel(name):
        return Place(folder(path.parent), name, day)
    if not name and is_channel(path.parent.name):
        return Place(folder(path.parent.parent), path.parent.name, day)
    return Place(folder(path.parent), "", day)
