"""What EnergyMech, ZNC and mIRC write alike: `[12:00] <alice> hello`, `*** Joins: alice (u@h)`."""

import re

from chanops.services.oldlogs.base import MODES, Old, Other, minute_of
from chanops.services.oldlogs.clock import Clock

TIME = re.compile(r"\[(\d\d):(\d\d)(?::(\d\d))?\] (.*)", re.DOTALL)
# Possessive, here and below: what may also be a part of what follows is never given back, or a line takes hours.
RANK = f"[{re.escape(MODES)}]*+"
SAID = re.compile(rf"<{RANK}([^>\s]+)> ?(.*)", re.DOTALL)
DID = re.compile(rf"\* {RANK}(\S+)(?: (.*))?", re.DOTALL)
NOTICE = re.compile(r"-([^\s:!]+?)(?::[#&!+]\S*)?- (.*)", re.DOTALL)
HOST = r"\([^\s()@]*+@[^\s)]*+\)"
EVENTS = tuple(
    (re.compile(pattern, re.DOTALL), kind)
    for pattern, kind in (
        (rf"Joins: {RANK}(\S+)()", "join"),
        (rf"Parts: {RANK}(\S+) {HOST}(?: \((.*)\))?", "part"),
        (rf"Quits: {RANK}(\S+) {HOST} \((.*)\)$", "quit"),
        (rf"(?:Quits|Parts): {RANK}(\S+)(?: \((.*)\))?", ""),
        (rf"{RANK}(\S+) is now known as (\S+)\s*$", "nick"),
        (rf"{RANK}(\S+) sets mode: (.*)", "mode"),
        (rf"{RANK}(\S+) changes topic to '(.*)'\s*$", "topic"),
        (rf"{RANK}(\S+) was kicked by {RANK}(\S+)(?: \((.*)\))?", "kick"),
    )
)


def timed(line: str, clock: Clock) -> tuple[int, int, str] | None:
    """When, how exact, and what; None where no time that can be known stands before it."""
    found = TIME.match(line)
    if not found:
        return None
    hour, minute, second, rest = found.groups()
    *time, resolution = minute_of(hour, minute, second)
    at = clock.at(*time)
    return None if at is None else (at, resolution, rest)


def parse(line: str, clock: Clock) -> Old | Other:
    """One line; what the program says of itself stands behind a time too, and looks like nothing of these."""
    found = timed(line, clock)
    if not found:
        return Other.STRANGE
    at, resolution, rest = found
    if said := SAID.match(rest):
        return Old(at, said[1], "message", said[2], resolution)
    if rest.startswith("*** "):
        return event(rest[4:], at, resolution)
    if did := DID.match(rest):
        return Old(at, did[1], "action", did[2] or "", resolution)
    if notice := NOTICE.match(rest):
        return Old(at, notice[1], "notice", notice[2], resolution)
    return Other.BESIDE


def event(text: str, at: int, resolution: int) -> Old | Other:
    """What follows the stars."""
    for pattern, kind in EVENTS:
        if found := pattern.match(text):
            if kind == "kick":
                return Old(at, found[2], "kick", f"{found[1]} {found[3] or ''}".strip(), resolution)
            kind = kind or text[:4].lower()
            words = (found[2] or "").strip() if kind == "mode" else found[2] or ""
            return Old(at, found[1], kind, words, resolution)
    return Other.BESIDE
