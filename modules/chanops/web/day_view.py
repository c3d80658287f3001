"""A day of a log as HTML and as text: who came and went is folded, a netsplit is one, and each line has its anchor."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from markupsafe import Markup

from chanops.core.text import plain, visible
from chanops.services.line_rows import Said
from chanops.web.said_view import NOTHING, PRESENCE, Extras, row, split_of, text_only

A_LIST = 250  # items of a list, so that a browser need not lay out those that nobody sees
LONG_DAY = 300  # lines from which on the hours are listed
PAUSE = timedelta(minutes=30)


@dataclass(frozen=True)
class DayView:
    """What the template shows of a day."""

    lists: Markup
    hours: Sequence[tuple[str, int]]
    """Of a long day, each hour as "09", and its first line."""
    count: int
    last: int
    """The greatest number of a line: what comes after it is news."""


def day_view(lines: Sequence[Said], extras: Extras = NOTHING) -> DayView:
    """A day from its lines, by time."""
    items = list(items_of(lines, extras))
    lists = "".join(f'<ol class="log">{"".join(items[at : at + A_LIST])}</ol>' for at in range(0, len(items), A_LIST))
    hours: dict[str, int] = {}
    if len(lines) >= LONG_DAY:
        for said in lines:
            hours.setdefault(f"{said.at:%H}", said.id)
    return DayView(Markup(lists), tuple(hours.items()), len(lines), max((said.id for said in lines), default=0))  # noqa: S704  built of escaped text


def items_of(lines: Sequence[Said], extras: Extras) -> Iterator[str]:
    """The items of the list: lines, and folds of what belongs together."""
    before = lines[0].at if lines else None
    for fold, group in groupby(lines, fold_of):
        some = list(group)
        if fold is not None and len(some) > 1:
            yield folded(fold, some, extras)
            before = some[-1].at
            continue
        for said in some:
            yield row(said, extras, later=before is not None and said.at - before > PAUSE)
            before = said.at


def fold_of(said: Said) -> str | None:
    """The netsplit that a line belongs to, "" for any other coming and going, None for all else."""
    if said.kind not in PRESENCE:
        return None
    return split_of(said)


def folded(split: str, some: Sequence[Said], extras: Extras) -> str:
    """Some lines behind what they come to."""
    counts = Counter(PRESENCE[said.kind] for said in some)
    text = ", ".join(f"{counts[what]} {what}" for what in ("joined", "left") if counts[what])
    summary = f"netsplit: {text_only(split)} — {text}" if split else text
    stamp = some[0].at.isoformat(timespec="seconds")[:19]
    return (
        f'<li class="fold"><time class="at" datetime="{stamp}Z">{stamp[11:16]}</time> <details><summary>{summary}'
        f'</summary><ol class="log">{"".join(row(said, extras) for said in some)}</ol></details></li>'
    )


def text_of_day(lines: Sequence[Said]) -> str:
    """Lines as plain text, each with its time."""
    return "".join(f"{said.at:%Y-%m-%d %H:%M:%S} {as_text(said)}\n" for said in lines)


def as_text(said: Said) -> str:
    """One line as a person would paste it."""
    name, text = visible(plain(said.nick)), visible(plain(said.text).replace("\t", " "))
    why = f" ({text})" if text.strip() else ""
    target, _, behind = text.partition(" ")
    return {
        "message": f"<{name}> {text}",
        "action": f"* {name} {text}",
        "notice": f"-{name}- {text}",
        "join": f"*** {name} joined",
        "part": f"*** {name} left{why}",
        "quit": f"*** {name} quit{why}",
        "kick": f"*** {name} kicked {target}" + (f" ({behind})" if behind else ""),
        "nick": f"*** {name} is now {text}",
        "topic": f"*** {name} set the topic: {text}",
        "mode": f"*** {name} set mode {text}",
        "link": f"*** {name} posted a link",
        "forgotten": f"*** a line of {name} was removed",
    }.get(said.kind, f"*** {name} {text}").rstrip()


def between(lines: Sequence[Said], first: int, last: int) -> Sequence[Said] | None:
    """The lines from one number to another as they stand; 0 for the ends. None where one of them is not there."""
    places = {said.id: place for place, said in enumerate(lines)}
    if (first and first not in places) or (last and last not in places):
        return None
    ends = sorted((places.get(first, 0), places.get(last, len(lines) - 1)))
    return lines[ends[0] : ends[1] + 1]
