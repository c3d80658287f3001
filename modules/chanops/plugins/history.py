"""Find what was said, by whom and when; see what you missed; have a line forgotten."""

import re
from collections.abc import Iterator

from chanops import Message, Problem, Rest, Tell, ago, command, shorten
from chanops.services import Missed, Pages, Recall, Roles, Settings

MASTER = "ops"
HITS = 3
NUMBER = re.compile(r"(?:.*/line/|.*#l|l)?([0-9]{1,18})\Z")
MOST_COUNT = 100  # what is greater is a line's number, not how many

DOING = {
    "join": "joining",
    "part": "leaving",
    "quit": "going offline",
    "kick": "kicking somebody",
    "topic": "setting the topic",
    "mode": "setting a mode",
}


@command("log")
def find(words: Rest, *, said: Message, recall: Recall, pages: Pages, settings: Settings) -> Iterator[str]:
    """Find lines: words, "a phrase", nick:bob, after:2026-11-01, before:2026-12, kind:topic, exact:"As It Was"."""
    found = recall.find(words, said, HITS, f"{settings.bot.prefix}log ", settings.nick(said.network))
    if not found.lines:
        yield f"no line has {shorten(words, 100)}"
        if found.no_days:
            yield f"{shorten(found.no_days[0], 60)} is no day, and was looked for as words: a day is 2026-11-21"
    for line in found.lines:
        text = f"<{line.nick}> {line.plain}" if line.kind != "action" else f"* {line.nick} {line.plain}"
        where = "" if line.channel == said.channel else f"{line.channel} "
        yield f"{where}{line.at:%Y-%m-%d %H:%M} {shorten(text, 240)} {pages.line(line.id)}".rstrip()
    if found.more and pages.root:
        yield f"more: {pages.search(words)}"


@command("seen")
def seen(nick: str, *, said: Message, recall: Recall, pages: Pages) -> str:
    """When somebody was last seen, and doing what."""
    line = recall.seen(nick, said)
    if line is None:
        return f"{shorten(nick, 40)} was not seen here"
    if line.kind in ("message", "action", "notice"):
        what = f"saying: {shorten(line.plain, 200)}" if line.kind != "action" else f"* {shorten(line.plain, 200)}"
    elif line.kind == "nick":
        what = f"becoming {line.plain}"
    else:
        what = DOING.get(line.kind, line.kind)
    return f"{line.nick} was seen {ago(said.at - line.at)} in {line.channel}, {what} {pages.line(line.id)}".rstrip()


@command("line")
def line_address(nick: str = "", *, said: Message, recall: Recall, pages: Pages, settings: Settings) -> str:
    """The permanent address of the last line here, or of the last that somebody said."""
    if not said.channel:
        raise Problem("say it in the channel whose line you mean")
    line = recall.last(said, nick, f"{settings.bot.prefix}line", settings.nick(said.network))
    if line is None:
        return f"no line of {shorten(nick, 40)} is in the log here" if nick else "nothing is in the log here yet"
    return f"<{line.nick}> {shorten(line.plain, 120)} {pages.line(line.id) or f'line {line.id}'}"


@command("missed")
def missed(*, said: Message, missed: Missed, tell: Tell) -> str | None:
    """What was said to you since you left, with links and jobs; the answer comes in private."""
    for line in missed.told(said):
        tell(said, line)
    return None


@command("forget")
def forget(*which: str, said: Message, recall: Recall, roles: Roles, settings: Settings) -> str:
    """Remove a line from the log: your last one, your last N, or those of these numbers or addresses."""
    words = [] if which == ("last",) else list(which)
    numbers = [number_in(word) for word in words]
    if len(numbers) <= 1 and (not numbers or numbers[0] <= MOST_COUNT):
        count = recall.forget_own(numbers[0] if numbers else 1, said, f"{settings.bot.prefix}forget")
    else:
        count = recall.forget(numbers, said, MASTER in roles.held_by(said))
    return f"forgotten: {count} line{'s' if count != 1 else ''}"


def number_in(word: str) -> int:
    """A line's number, or how many, from what was typed."""
    found = NUMBER.match(word)
    if found is None or not int(found[1]):
        raise Problem(f"{shorten(word, 60)}: give a line's number or its address, or how many of your last lines")
    return int(found[1])
