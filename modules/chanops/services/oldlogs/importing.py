"""Takes in files of old logs: finds out where each belongs, reads them as a stream, and keeps what is new."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.core.logged import LOGGED
from chanops.core.sections import Settings
from chanops.services.database import Database
from chanops.services.line_rows import BEGINNING, Index, channel_ids
from chanops.services.oldlogs import energymech, irssi, mirc, own, pmxbot, weechat, znc
from chanops.services.oldlogs.base import Given, Old, Place, Tally, missing
from chanops.services.oldlogs.files import readable
from chanops.services.oldlogs.keeping import Keeper, unwanted
from chanops.services.oldlogs.own import OwnLine, OwnLink, OwnLog, Record
from chanops.services.oldlogs.own_keeping import OwnKeeper
from chanops.services.oldlogs.places import is_channel
from chanops.services.oldlogs.pmxbot import Rows
from chanops.services.oldlogs.text import TextLog
from chanops.services.tables import channels, stamp

TEXTS: dict[str, ModuleType] = {"irssi": irssi, "weechat": weechat, "znc": znc, "energymech": energymech, "mirc": mirc}
FORMATS: dict[str, ModuleType] = {**TEXTS, "pmxbot": pmxbot, "chanops": own}
AT_ONCE = 2000  # lines in a transaction: some tens of milliseconds, for which the bot's own lines wait
AHEAD = timedelta(minutes=10)
Source = TextLog | Rows | OwnLog


@dataclass
class Taken:
    """What became of a file."""

    path: Path
    place: Place
    tally: Tally
    read: int = 0
    added: int = 0
    unwanted: int = 0
    outside: int = 0
    unlogged: int = 0
    """Lines of channels that are not logged."""
    logged: bool = True
    """False where the file is all of such a channel: then it is not read."""


@dataclass
class Plan:
    """What there is to be read."""

    sources: list[Source] = field(default_factory=list)
    others: int = 0
    """Files in the folders that are no channel's: queries, and what the program says itself."""

    @property
    def size(self) -> int:
        """How many bytes there are to read, about."""
        return sum(each.size for each in self.sources)


def plan(form: str, paths: Sequence[Path], given: Given) -> Plan:
    """What is to be read, and where it belongs. Raises Problem where that is not known, before anything is read."""
    made = Plan()
    for path, named in files_in(paths, FORMATS[form].SUFFIXES):
        found = sources_of(form, path, given, named)
        if found is None and named:
            raise missing(path, "channel", "'#NAME'")
        if found is None:
            made.others += 1
        else:
            made.sources += found
    for each in made.sources:
        if not isinstance(each, OwnLog) and not each.place.network:
            raise missing(each.path, "network", "NAME")
    return made


def sources_of(form: str, path: Path, given: Given, named: bool) -> list[Source] | None:
    """What a file holds; None where no channel is named.

    A channel that was given is not for all that lies in a folder: there are logs of what was said in private.
    """
    if form not in TEXTS:
        return list(FORMATS[form].sources(path, given))
    place: Place = TEXTS[form].place(Path(*map(readable, path.absolute().parts)), given.year)
    if given.channel and place.channel and fold(given.channel) != fold(place.channel):
        raise Problem(
            f"{path} is of {place.channel}, and --channel says {given.channel}: name the files of one channel"
        )
    place = Place(given.network or place.network, place.channel or given.channel * named, place.day)
    return [TextLog(path, place, given, TEXTS[form].parse)] if is_channel(place.channel) else None


def files_in(paths: Sequence[Path], suffixes: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """All files in a stable order, each once, and whether it was named itself; links in folders are not followed."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise Problem(f"{path}: there is no such file")
        inside = walked(path, suffixes) if path.is_dir() else [path]
        for each in inside:
            if (real := each.resolve()) not in seen:
                seen.add(real)
                if not os.access(each, os.R_OK):
                    raise Problem(f"{each}: it may not be read by this user")
                yield each, each is path


def walked(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The files below a folder that may be logs."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if path.suffix.lower() in suffixes and path.is_file() and not path.is_symlink():
                yield path


@dataclass
class Import:
    """Keeps what the files hold; `dry` only counts it."""

    database: Database
    index: Index
    settings: Settings
    dry: bool = False
    private: bool = False
    tell: Callable[[int, int], None] = lambda size, lines: None
    """Is told now and then how many bytes and lines are done."""
    size: int = 0
    lines: int = 0
    rules: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Which channels are logged, as far as that was asked."""

    def take(self, source: Source) -> Taken:
        """Read one file, a batch a transaction: whoever interrupts it has whole batches, and can go on."""
        taken = Taken(source.path, source.place, source.tally)
        until = stamp(datetime.now(UTC) + AHEAD)
        own = isinstance(source, OwnLog)
        taken.logged = own or self.logged(source.place.network, source.place.channel)
        if taken.logged:
            keeper: Keeper | OwnKeeper = OwnKeeper(self.index, until) if own else self.keeper(source.place)
            for batch in batches(self.wanted(source.read(), until, taken)):
                taken.added += self.keep(keeper, batch)
                self.tell(self.size + source.tally.size, self.lines + source.tally.lines)
        self.size += source.size
        self.lines += source.tally.lines
        self.tell(self.size, self.lines)
        return taken

    def logged(self, network: str, channel: str) -> bool:
        """Whether lines of a channel are kept."""
        pair = network, channel
        if pair not in self.rules:
            self.rules[pair] = self.settings.channel(*pair).log
        return self.rules[pair]

    def wanted(self, found: Iterable[Old] | Iterable[Record], until: int, taken: Taken) -> Iterator[Old | Record]:
        """What may be kept: nothing from the future, for all that comes live would have to stand behind it."""
        first = stamp(BEGINNING)
        for each in found:
            taken.read += 1
            if isinstance(each, OwnLine) and each.kind in LOGGED and not self.logged(each.network, each.channel):
                taken.unlogged += 1
            elif not isinstance(each, OwnLink) and unwanted(each):
                taken.unwanted += 1
            elif not first <= each.at <= until or (isinstance(each, OwnLink) and each.changed > until):
                taken.outside += 1
            else:
                yield each

    def keeper(self, place: Place) -> Keeper:
        """What keeps the lines of one channel."""
        pair = place.network, place.channel
        if self.dry:
            with self.database.read() as connection:
                query = channels.select().where(channels.c.network == pair[0], channels.c.folded == fold(pair[1]))
                found = connection.execute(query).first()
            number = found.id if found else 0
        else:
            number = self.database.wait(lambda connection: channel_ids(connection, [pair]))[pair]
        return Keeper(self.index, number, self.settings.channel(*pair).open and not self.private)

    def keep(self, keeper: Any, batch: Sequence[Any]) -> int:
        """How many of a batch are new."""
        if not self.dry:
            added: int = self.database.wait(lambda connection: keeper.keep(connection, batch))
            return added
        with self.database.read() as connection:
            if isinstance(keeper, Keeper):
                return len(keeper.fresh(connection, batch))
            rows = connection.execute(channels.select())
            return len(keeper.fresh(connection, batch, {(row.network, row.name): row.id for row in rows}))


def batches(found: Iterator[Old | Record]) -> Iterator[list[Old | Record]]:
    """The lines, some at once."""
    while batch := list(islice(found, AT_ONCE)):
        yield batch
