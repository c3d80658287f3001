"""WeeChat's logs: a date, a prefix and a text, with tabs between."""

import re
from datetime import UTC, datetime
from pathlib import Path

from chanops.services.oldlogs.base import MODES, Old, Other, Place
from chanops.services.oldlogs.clock import Clock
from chanops.services.oldlogs.places import is_channel, usual
from chanops.services.tables import stamp

SUFFIXES = (".weechatlog",)
TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?\t(.*?)\t(.*)", re.DOTALL
)
JOIN = re.compile(r"(\S+) .*has joined \S+")
HOST = r"(?:\(\S*+(?<=\)) )?"
PART = re.compile(rf"(\S+) {HOST}has left \S+(?: \((.*)\))?$")
QUIT = re.compile(rf"(\S+) {HOST}has quit(?: \((.*)\))?$")
KICK = re.compile(r"(\S+) has kicked (\S+)(?: \((.*)\))?$")
NICK = re.compile(r"(\S+) is now known as (\S+)$")
MODE = re.compile(r"Mode [#&!+]\S* \[(.*)\] by (\S+)$")
TOPIC = re.compile(r'(?=.*"$)(\S+) has changed topic for \S+ (?:from ".*?" )?to "(.*)"$', re.DOTALL)
UNSET = re.compile(r"(\S+) has unset topic for ")
NOTICE = re.compile(r"Notice\((\S+?)\)(?: -> [#&!+]\S*)?: (.*)", re.DOTALL)
CAME, WENT, NETWORK, DOES = {"-->", "→"}, {"<--", "←"}, {"--", "ℹ"}, {"*", "•"}
BESIDE = {"", "=!=", "***", "****", "⚠"}


def place(path: Path, year: int) -> Place:
    """irc.NETWORK.#channel.weechatlog, or NETWORK/#channel.weechatlog and the like where the mask is another."""
    name = path.name.removesuffix(".weechatlog")
    if name.startswith("irc."):
        for sign in "#&!+":
            network, dot, channel = name[4:].partition(f".{sign}")
            if dot and network and is_channel(sign + channel):
                return Place(network, sign + channel)
        return Place()
    found = usual(path, year)
    return found if found.channel else Place()


def parse(line: str, clock: Clock) -> Old | Other:
    """One line."""
    found = TIME.match(line)
    if not found:
        return Other.STRANGE
    year, month, day, hour, minute, second, offset, prefix, text = found.groups()
    if offset:
        at = aware(line)
    else:
        clock.exactly(int(year), int(month), int(day))
        at = clock.at(int(hour), int(minute), int(second))
    if at is None:
        return Other.STRANGE
    prefix = prefix.strip()
    if prefix in BESIDE:
        return Other.BESIDE
    if prefix in CAME:
        return Old(at, joined[1], "join", "") if (joined := JOIN.match(text)) else Other.BESIDE
    if prefix in WENT:
        return went(text, at)
    if prefix in NETWORK:
        return event(text, at)
    if prefix in DOES:
        nick, _, text = text.partition(" ")
        return Old(at, nick.lstrip(MODES), "action", text)
    nick = prefix.removeprefix("<").removesuffix(">").lstrip(MODES)
    return Old(at, nick, "message", text) if nick and " " not in nick else Other.STRANGE


def aware(line: str) -> int | None:
    """The moment of a time that says its zone."""
    try:
        at = datetime.fromisoformat(line.partition("\t")[0].replace(",", "."))
        return stamp(at.astimezone(UTC).replace(microsecond=0))
    except (ValueError, OverflowError):
        return None


def went(text: str, at: int) -> Old | Other:
    """What follows <--."""
    if found := QUIT.match(text):
        return Old(at, found[1], "quit", found[2] or "")
    if found := KICK.match(text):
        return Old(at, found[1], "kick", f"{found[2]} {found[3] or ''}".strip())
    if found := PART.match(text):
        return Old(at, found[1], "part", found[2] or "")
    return Other.BESIDE


def event(text: str, at: int) -> Old | Other:
    """What follows --; much of it is WeeChat's own."""
    if found := NICK.match(text):
        return Old(at, found[1], "nick", found[2])
    if found := MODE.match(text):
        return Old(at, found[2], "mode", found[1])
    if found := TOPIC.match(text):
        return Old(at, found[1], "topic", found[2])
    if found := UNSET.match(text):
        return Old(at, found[1], "topic", "")
    if found := NOTICE.match(text):
        return Old(at, found[1], "notice", found[2])
    return Other.BESIDE
