"""mIRC's logs: `[12:00] <alice> hello`, days by `Session Start:` and `Session Time:`."""

import re
from pathlib import Path

from chanops.services.oldlogs.base import Old, Other, Place
from chanops.services.oldlogs.bracketed import DID, EVENTS, HOST, NOTICE, RANK, SAID, TIME, event, timed
from chanops.services.oldlogs.clock import Clock
from chanops.services.oldlogs.places import dated, is_channel, usual

SUFFIXES = (".log", ".txt")
DAY = re.compile(r"\s*Session (?:Start|Time): \S+ (\S+) +(\d+) \d\d:\d\d:\d\d (\d{4})")
COLOUR = re.compile(r"^(?:\x03\d{0,2})+")  # of a whole line, where mIRC was told to keep colours
# Before version 6.
OLDER = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rf"{RANK}(\S+) {HOST}() has joined [#&!+]\S*\s*$", "join"),
        (rf"{RANK}(\S+) {HOST} has left [#&!+]\S*(?: \((.*)\))?\s*$", "part"),
        (rf"{RANK}(\S+) {HOST} Quit(?: \((.*)\))?\s*$", "quit"),
        (rf"{RANK}(\S+) has quit IRC(?: \((.*)\))?\s*$", "quit"),
    )
)
OWN = re.compile(
    r"(?:Now talking (?:in|on) |Topic is '|Set by \S+ on |Disconnected$|Disconnected\s|Rejoined |Attempting to rejoin"
    r"|Retrieving #|You're not |You were kicked|You are now known as|Your nick is now |Connect retry|Connecting to)"
)


def place(path: Path, year: int) -> Place:
    """#channel.NETWORK.log, #channel.log, NETWORK/#channel.log, each with a date before .log or without."""
    name, day = dated(path.stem, year)
    channel, dot, network = name.rpartition(".")
    if dot and is_channel(channel) and network:
        return Place(network, channel, day)
    return usual(path, year)


def parse(line: str, clock: Clock) -> Old | Other:
    """One line."""
    line = COLOUR.sub("", line)
    found = TIME.match(line)
    if not found:
        return beside(line, clock)
    clock.roll(int(found[1]))
    known = timed(line, clock)
    if not known:
        return Other.STRANGE
    at, resolution, rest = known
    if said := SAID.match(rest):
        return Old(at, said[1], "message", said[2], resolution)
    if rest.startswith("* "):
        return starred(rest, at, resolution)
    if rest.startswith("*** "):
        return older(rest[4:], at, resolution) or event(rest[4:], at, resolution)
    if notice := NOTICE.match(rest):
        return Old(at, notice[1], "notice", notice[2], resolution)
    return Other.BESIDE


def beside(line: str, clock: Clock) -> Other:
    """A line without a time."""
    if found := DAY.match(line):
        return Other.BESIDE if clock.named(*found.groups()) else Other.STRANGE
    return Other.BESIDE if line.lstrip().startswith("Session ") else Other.STRANGE


def older(text: str, at: int, resolution: int) -> Old | None:
    """An event as it was written before version 6."""
    for pattern, kind in OLDER:
        if found := pattern.match(text):
            return Old(at, found[1], kind, found[2] or "", resolution)
    return None


def starred(rest: str, at: int, resolution: int) -> Old | Other:
    """What one star stands before: an event, or what somebody does."""
    text = rest[2:]
    if OWN.match(text):
        return Other.BESIDE
    for pattern, _ in EVENTS:
        if pattern.match(text):
            return event(text, at, resolution)
    if found := older(text, at, resolution):
        return found
    did = DID.match(rest)
    return Old(at, did[1], "action", did[2] or "", resolution) if did else Other.STRANGE
