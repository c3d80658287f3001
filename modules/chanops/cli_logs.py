"""chanops import and chanops export: old logs into the history, and all of it out again."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chanops import configuration
from chanops.app import App
from chanops.core.access import fold
from chanops.core.errors import Problem
from chanops.core.query import beginning_of
from chanops.core.text import near, shorten, visible
from chanops.services.exporting import FORMS, Export
from chanops.services.oldlogs.base import Given
from chanops.services.oldlogs.files import readable, usable
from chanops.services.oldlogs.importing import FORMATS, Import, Plan, Taken, plan

EVERY = 0.2  # seconds between two looks at how far it is


def add_to(commands: Any) -> None:
    """What can be typed."""
    one = commands.add_parser("import", help="take old logs into the history: " + ", ".join(FORMATS))
    one.add_argument("format", choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    one.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files, or folders with all in them")
    one.add_argument("--network", default="", metavar="NAME", help="where the path does not say it, or says another")
    one.add_argument("--channel", default="", metavar="'#NAME'", help="where the path does not say it")
    one.add_argument("--zone", default="UTC", metavar="ZONE", help="whose time the logs have, as Europe/Berlin (UTC)")
    one.add_argument("--encoding", default="utf-8", metavar="NAME", help="of files that are not UTF-8, as cp1252")
    one.add_argument("--year", type=int, default=0, metavar="YEAR", help="for dates in file names that have none")
    one.add_argument("--private", action="store_true", help="keep them as said in private, also where all may read")
    one.add_argument("--dry-run", action="store_true", help="only say what would be added")
    one.add_argument("--quiet", action="store_true", help="say one line at the end")
    one.set_defaults(work=take)
    one = commands.add_parser("export", help="write the history, links and jobs, as JSON lines or as text")
    one.add_argument("--network", default="", metavar="NAME", help="only of this network")
    one.add_argument("--channel", default="", metavar="'#NAME'", help="only of this channel")
    one.add_argument("--since", type=moment, metavar="DAY", help="from this day on, or time, UTC: 2026-11-21")
    one.add_argument("--until", type=moment, metavar="DAY", help="before this day, or time, UTC")
    one.add_argument("--form", choices=FORMS, default="jsonl", help="jsonl can be imported again; text is for people")
    one.add_argument("--private", action="store_true", help="also what not everybody may read")
    one.add_argument("--output", type=Path, metavar="FILE", help="a file that only you can read; else standard output")
    one.set_defaults(work=write)


def moment(text: str) -> datetime:
    """A day or a time; UTC where it does not say otherwise."""
    at = beginning_of(text)
    if at is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no day or time: give one as 2026-11-21 or 2026-11-21T18:30")
    return at


@contextmanager
def opened(given: argparse.Namespace) -> Iterator[App]:
    """The parts, with the database open, which may be in use by a bot that runs."""
    app = App(configuration.read(configuration.find(given.config)))
    app.database.start()
    try:
        yield app
    finally:
        app.database.stop()


def take(given: argparse.Namespace) -> int:
    """chanops import."""
    try:
        zone = ZoneInfo(given.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Problem(f"--zone {given.zone}: not known; it is a name such as Europe/Berlin, or UTC") from None
    told = Given(zone, usable(given.encoding), given.year, readable(given.network), readable(given.channel))
    found = plan(given.format, given.files, told)
    with opened(given) as app:
        settings = app.configured.settings
        named(found, tuple(settings.networks))
        shown = Shown(found.size, sys.stderr)
        work = Import(app.database, app.archive.search, settings, given.dry_run, given.private, shown.show)
        done, whole = read(work, found, shown, given)
    shown.clear()
    summary(found, done, given.dry_run, shown)
    if not whole:
        print("interrupted: what was read is kept; the same command goes on where it was", file=sys.stderr)
        return 130
    return 0 if any(each.read for each in done) else 1


def read(work: Import, found: Plan, shown: "Shown", given: argparse.Namespace) -> tuple[list[Taken], bool]:
    """What became of each file; and whether it was all, or somebody has interrupted it."""
    done: list[Taken] = []
    try:
        for source in found.sources:
            done.append(work.take(source))
            if not given.quiet:
                shown.clear()
                print(report(done[-1], given.dry_run), flush=True)
    except KeyboardInterrupt:
        return done, False
    return done, True


def named(found: Plan, networks: Sequence[str]) -> None:
    """Networks as the configuration calls them; the programs often write them in small letters."""
    known = {fold(name): name for name in networks}
    strange = set()
    for each in found.sources:
        name = each.place.network
        each.place = each.place._replace(network=known.get(fold(name), name))
        if name and fold(name) not in known:
            strange.add(name)
    for name in sorted(strange):
        nearest = near(name, networks)
        hint = f"; if it is {nearest}, say --network {nearest}" if nearest else ""
        print(f"chanops: the configuration has no [network:{name}]{hint}", file=sys.stderr)


def report(taken: Taken, dry: bool) -> str:
    """What became of a file."""
    tally = taken.tally
    where = f" → {taken.place.network}/{taken.place.channel}" if taken.place.channel else ""
    if not taken.logged:
        return visible(f"{taken.path}{where}: left out, since the channel is not logged (log = no)")
    known = taken.read - taken.added - taken.unwanted - taken.outside - taken.unlogged
    counts = [
        (taken.added, "would be added" if dry else "added"),
        (known, "there already"),
        (taken.unwanted, "not to be kept ([off])"),
        (taken.unlogged, "of channels that are not logged (log = no)"),
        (taken.outside, "not of any time that can be: is --zone right?"),
        (tally.strange, "not understood"),
        (tally.recoded, "in another encoding"),
        (tally.twice, "in the hour that is there twice"),
        (tally.never, "in the hour that is not there"),
    ]
    parts = [f"{count:,} {what}" for at, (count, what) in enumerate(counts) if count or at < 2]
    lines = [f"{taken.path}{where}: {tally.lines:,} lines: {', '.join(parts)}"]
    lines += [f"  {sample}" for sample in tally.samples]
    if tally.strange > len(tally.samples):
        lines.append(f"  and {tally.strange - len(tally.samples):,} more")
    return "\n".join(map(visible, lines))


def summary(found: Plan, done: Sequence[Taken], dry: bool, shown: "Shown") -> None:
    """All of it in a line."""
    lines = sum(each.tally.lines for each in done)
    added = sum(each.added for each in done)
    others = f"; {found.others} files are no channel's and were left out" if found.others else ""
    if unlogged := sum(not each.logged for each in done):
        others += f"; {unlogged} files are of channels that are not logged and were left out"
    strange = sum(each.tally.strange for each in done)
    strange_too = f", {strange:,} not understood" if strange else ""
    print(
        f"{len(done)} files, {lines:,} lines, {added:,} {'would be added' if dry else 'added'}{strange_too}"
        f" in {shown.seconds:.1f} s{others}"
    )


class Shown:
    """How far it is, on a terminal; nothing elsewhere."""

    def __init__(self, size: int, to: TextIO) -> None:
        self.size, self.to = size, to
        self.begun = self.last = time.monotonic()
        self.there = False

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.begun

    def show(self, size: int, lines: int) -> None:
        """So much is done."""
        now = time.monotonic()
        if now - self.last < EVERY or not self.to.isatty():
            return
        self.last, self.there = now, True
        share = min(100, 100 * size // max(1, self.size))
        self.to.write(f"\r{share:3} % · {lines:,} lines · {lines / max(0.001, self.seconds):,.0f}/s \x1b[K")
        self.to.flush()

    def clear(self) -> None:
        """Take it off the terminal."""
        if self.there:
            self.to.write("\r\x1b[K")
            self.to.flush()
            self.there = False


def write(given: argparse.Namespace) -> int:
    """chanops export."""
    with opened(given) as app:
        chosen = given.form, readable(given.network), readable(given.channel), given.since, given.until, given.private
        check_place(app, *chosen[1:3])
        export = Export(app.database, app.pages, app.configured.settings, *chosen)
        if given.output:
            into(given.output, export.write())
        else:
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
            try:
                sys.stdout.writelines(export.write())
                sys.stdout.flush()
            except BrokenPipeError:  # whoever reads it has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if export.left_out:
        print(f"{export.left_out:,} lines are not for everybody and were left out; --private has them", file=sys.stderr)
    return 0


def check_place(app: App, network: str, channel: str) -> None:
    """Raises Problem where there is no log of what is asked for."""
    there = app.archive.reading.channels()
    if any(network in ("", each.network) and (not channel or fold(channel) == fold(each.name)) for each in there):
        return
    if network or channel:
        names = ", ".join(f"{each.network}/{each.name}" for each in there) or "none"
        raise Problem(
            f"there is no log of {'/'.join(filter(None, (network, channel)))}; there are: {shorten(names, 300)}"
        )


def into(path: Path, lines: Iterator[str]) -> None:
    """Write a file that only we can read, whole or not at all. Raises Problem."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise Problem(f"{path}: not written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
