"""irssi's logs, as its default theme writes them: `12:00 <@alice> hello`."""

import re
from pathlib import Path

from chanops.services.oldlogs.base import Old, Other, Place, minute_of
from chanops.services.oldlogs.bracketed import RANK
from chanops.services.oldlogs.clock import Clock
from chanops.services.oldlogs.places import usual

SUFFIXES = (".log",)
# log_timestamp is %H:%M, often %H:%M:%S, and some put the date before it.
TIME = re.compile(r"\[?(?:(\d{4})-(\d\d)-(\d\d)[T ])?(\d\d):(\d\d)(?::(\d\d))?\]? (.*)", re.DOTALL)
DAY = re.compile(r"--- (?:Log opened|Day changed) \S+ (\S+) +(\d+) (?:\d\d:\d\d:\d\d )?(\d{4})\s*$")
SAID = re.compile(rf"<{RANK}([^>\s:]+)(?::[^>\s]*)?> ?(.*)", re.DOTALL)
DID = re.compile(rf" ?\* {RANK}([^\s:]+)(?::\S+)?(?: (.*))?", re.DOTALL)
NOTICE = re.compile(r"-([^\s:!]+):(?=[@+%&~]*[#&!+])\S*- (.*)", re.DOTALL)
JOIN = re.compile(r"(\S+) \[.*\] has joined [#&!+]")
PART = re.compile(r"(\S+) \[\S*\] has left \S+(?: \[(.*)\])?$")
QUIT = re.compile(r"(\S+) \[\S*\] has quit(?: \[(.*)\])?$")
KICK = re.compile(r"(\S+) was kicked from \S+ by (\S+)(?: \[(.*)\])?$")
NICK = re.compile(r"(\S+) is now known as (\S+)$")
TOPIC = re.compile(r"(\S+) changed the topic of \S+ to: ?(.*)$", re.DOTALL)
UNSET = re.compile(r"Topic unset by (\S+) on \S+")
MODE = re.compile(r"(?:Server)?[Mm]ode/\S+ \[(.*)\] by ([^\s,]+)")
# Their nick, their text.
EVENTS = ((JOIN, "join"), (QUIT, "quit"), (PART, "part"), (NICK, "nick"), (TOPIC, "topic"))


def place(path: Path, year: int) -> Place:
    """~/irclogs/NETWORK/#channel.log"""
    return usual(path, year)


def parse(line: str, clock: Clock) -> Old | Other:
    """One line."""
    found = TIME.match(line)
    if not found:
        return beside(line, clock)
    year, month, day, hour, minute, second, rest = found.groups()
    if year:
        clock.exactly(int(year), int(month), int(day))
    *time, resolution = minute_of(hour, minute, second)
    at = clock.at(*time)
    if at is None:
        return Other.STRANGE
    if said := SAID.match(rest):
        return Old(at, said[1], "message", said[2], resolution)
    if rest.startswith("-!- "):
        return event(rest[4:], at, resolution)
    if did := DID.match(rest):
        return Old(at, did[1], "action", did[2] or "", resolution)
    if notice := NOTICE.match(rest):
        return Old(at, notice[1], "notice", notice[2], resolution)
    return Other.BESIDE if rest.startswith(("[", "-", "!", ">")) else Other.STRANGE


def beside(line: str, clock: Clock) -> Other:
    """A line without a time: some say which day it is."""
    if not line.startswith("--- "):
        return Other.STRANGE
    if line.startswith(("--- Log opened", "--- Day changed")):
        found = DAY.match(line)
        if not found or not clock.named(*found.groups()):
            clock.day = None  # better none than a wrong one
            return Other.STRANGE
    return Other.BESIDE


def event(text: str, at: int, resolution: int) -> Old | Other:
    """What follows -!-; much of it is irssi's own."""
    for pattern, kind in EVENTS:
        if found := pattern.match(text):
            words = "" if kind == "join" else found[2] or ""
            return Old(at, found[1], kind, words, resolution)
    if found := MODE.match(text):
        return Old(at, found[2], "mode", found[1], resolution)
    if found := KICK.match(text):
        return Old(at, found[2], "kick", f"{found[1]} {found[3] or ''}".strip(), resolution)
    if found := UNSET.match(text):
        return Old(at, found[1], "topic", "", resolution)
    return Other.BESIDE
