"""What is said of a job over SSH: one line a machine where there are few, counts and the exceptions where many."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from chanops.core.terminal import readable
from chanops.core.text import shorten
from chanops.services.jobs.jobs import Whole
from chanops.services.jobs.reports import MOST_NAMED, ORDER, Telling
from chanops.services.jobs.rows import FINISHED, Is, Job, OutputLine, UnitRow
from chanops.services.remote.tools import took

FEW = 4  # machines that are named each, with how it went
MOST_LINES, MOST_GROUPS, EACH = 6, 4, 3  # lines of output that are said: in all, of so many groups, of each at most
LINE = 300
FIRST_NEWS = 2.0
CAUSES = ("no answer", "unknown", "cancelled; not begun")
TIME = re.compile(r" (?:in|after) [0-9.]+ (?:ms|s|min|h|d)(?: [0-9]+ (?:s|min|h))*")
WORDS = {Is.DONE: "ok", Is.FAILED: "failed", Is.ATTENTION: "unknown", Is.CANCELLED: "cancelled"}


def summary(job: Job, parts: Sequence[UnitRow]) -> str:
    """How it ended, in one line."""
    if len(parts) <= FEW:
        each = " · ".join(f"{part.name} {shorten(part.text, LINE)}" for part in parts)
        return each if len(parts) == 1 else f"{len(parts)} machines · {each}"
    counts = Counter(part.state for part in parts)
    lasted = took((datetime.now(UTC) - (job.started or job.created)).total_seconds())
    head = " · ".join(f"{counts[state]} {WORDS.get(state, state)}" for state in reversed(ORDER) if counts[state])
    wrong = [part for part in parts if part.state != Is.DONE]
    worst = [part for part in wrong if part.state != Is.CANCELLED] or wrong
    causes: dict[str, list[UnitRow]] = {}
    for part in sorted(worst, key=lambda part: ORDER.index(Is(part.state))):
        causes.setdefault(cause(part), []).append(part)
    told = [f"{several(found)} {why}" for why, found in causes.items()]
    more = f" and {len(told) - MOST_NAMED} other kinds" if len(told) > MOST_NAMED else ""
    return f"{head} in {lasted}" + (f": {', '.join(told[:MOST_NAMED])}{more}" if told else "")


def cause(part: UnitRow) -> str:
    """Why it went wrong, the same for all of which that is true."""
    text = next((each for each in CAUSES if part.text.startswith(each)), part.text)
    return shorten(TIME.sub("", text), 120)


def several(parts: Sequence[UnitRow]) -> str:
    """Some machines, in few words."""
    if len(parts) > FEW:
        return f"{parts[0].name}, {parts[1].name} and {len(parts) - 2} more"
    return ", ".join(part.name for part in parts)


def groups(parts: Sequence[UnitRow]) -> list[list[UnitRow]]:
    """The machines that are over, by what they wrote and how they ended; the largest group first."""
    found: dict[tuple[str, str, object], list[UnitRow]] = {}
    for part in parts:
        if part.state in FINISHED and part.facts.get("kept"):
            found.setdefault((str(part.facts.get("digest")), part.state, part.facts.get("status")), []).append(part)
    return sorted(found.values(), key=lambda group: (-len(group), group[0].number))


def said_of(group: Sequence[UnitRow], of: int) -> str:
    """A group's machines, in few words."""
    if len(group) == of and of > FEW:
        return f"all {of}"
    return several(group)


def output_said(parts: Sequence[UnitRow], read: Callable[[int], Sequence[OutputLine]]) -> list[str]:
    """The outputs in a few lines: identical ones once; of a long one its end. Nothing where there are too many."""
    found = groups(parts)
    if not found or len(found) > MOST_GROUPS:
        return []
    most = max(1, min(EACH, MOST_LINES // len(found)))
    said: list[str] = []
    for group in found:
        name = said_of(group, len(parts))
        text = readable("".join(piece.text for piece in read(group[0].number) if piece.stream))
        lines = [line.expandtabs(4) for line in text.split("\n") if line.strip()]
        more = int(group[0].facts.get("lines", len(lines))) - most
        if more > 0 and len(lines) >= most:
            said.append(
                f"{name}: … {more:,} more line{'s' if more > 1 else ''} before {'these' if most > 1 else 'this'}"
            )
        said += [f"{name}: {shorten(line, LINE)}" for line in lines[-most:]]
    return said


def telling(whole: Callable[[int], Whole], read: Callable[[int, int], Sequence[OutputLine]]) -> Telling:
    """How jobs over SSH are told of; `read` gives the last output of one of a job's machines."""

    def ended(job: Job, page: str) -> list[str]:
        head = f"job {job.id}: {job.text}" + (f" · {page}" if page else "")
        return [head, *output_said(whole(job.id).units, lambda unit: read(job.id, unit))]

    return Telling(summary, ended, progress, FIRST_NEWS, quick=True)


def progress(job: Job, parts: Sequence[UnitRow], page: str) -> str:
    """How far it is."""
    over = [part for part in parts if part.state in FINISHED]
    bad = [part for part in over if part.state != Is.DONE]
    head = f"job {job.id}: {job.title}"
    if len(parts) > 1:
        head += f" · {len(over)} of {len(parts)} done" + (f", {len(bad)} not ok" if bad else "")
    return head + (f" · {page}" if page else "")
