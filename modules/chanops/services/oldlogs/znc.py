"""ZNC's log module: one file a day, `[12:00:00] <alice> hello`."""

from pathlib import Path

from chanops.services.oldlogs.base import Place
from chanops.services.oldlogs.bracketed import parse as parse
from chanops.services.oldlogs.places import dated, folder, is_channel, usual

SUFFIXES = (".log",)


def place(path: Path, year: int) -> Place:
    """Three layouts of today, by where the module is loaded, and those of old with all in the file's name.

    users/USER/moddata/log/NETWORK/#channel/DATE.log, users/USER/networks/NETWORK/moddata/log/#channel/DATE.log,
    moddata/log/USER/NETWORK/#channel/DATE.log; and USER_NETWORK_#channel_DATE.log, NETWORK_#channel_DATE.log.
    """
    path = path.absolute()
    found = usual(path, year)
    parts = path.parts
    own = parts[parts.index("networks") + 1] if "networks" in parts[:-2] else ""
    if found.channel:
        return found._replace(network=own or found.network)
    name, day = dated(path.stem, year)
    before, sign, after = name.partition("_#")
    if sign and is_channel(f"#{after}"):
        return Place(own or before.rpartition("_")[2] or folder(path.parent), f"#{after}", day)
    return Place(own, "", day)
