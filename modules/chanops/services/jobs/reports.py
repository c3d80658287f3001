"""What is said of a job: in a line of the channel, on its page, in the feed."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chanops.core.text import shorten, spoken
from chanops.services.jobs.rows import FINISHED, Is, Job, UnitRow

MOST_NAMED = 4
ORDER = (Is.ATTENTION, Is.FAILED, Is.CANCELLED, Is.DONE, Is.RUNNING, Is.WAITING)
MARK = {Is.ATTENTION: "NEEDS ATTENTION: ", Is.FAILED: "failed: ", Is.CANCELLED: ""}


def outcome(parts: Sequence[UnitRow]) -> str:
    """The state of a job whose machines are all settled: the worst of theirs."""
    return next(state for state in ORDER if any(part.state == state for part in parts))


def summary(job: Job, parts: Sequence[UnitRow]) -> str:
    """How a job ended, in one line: what a person must look at comes first."""
    took = spoken(datetime.now(UTC) - (job.started or job.created))
    counts = Counter(part.state for part in parts)
    several = ", ".join(f"{counts[state]} {state}" for state in ORDER if counts[state])
    head = f"{outcome(parts)} in {took}" if len(counts) == 1 else f"{several} in {took}"
    worst = sorted(parts, key=lambda part: ORDER.index(Is(part.state)))
    shown = "; ".join(told(part) for part in worst[:MOST_NAMED])
    more = len(parts) - MOST_NAMED
    return f"{head}. {shown}" + (f"; and {more} more" if more > 0 else "")


def told(part: UnitRow) -> str:
    """One machine's end."""
    return f"{part.name} {MARK.get(Is(part.state), '')}{shorten(part.text, 300)}"


def ended(job: Job, page: str) -> str:
    """The line that is said when a job is over."""
    return f"job {job.id}: {job.text} {page}".rstrip()


def progress(job: Job, parts: Sequence[UnitRow]) -> str:
    """How far a job is, in one line."""
    over = sum(part.state in FINISHED for part in parts)
    head = f"job {job.id}: {over} of {len(parts)} done; " if len(parts) > 1 else f"job {job.id}: "
    busy = [part for part in parts if part.state == Is.RUNNING]
    latest = sorted(busy, key=lambda part: part.changed, reverse=True)
    return head + ("; ".join(f"{part.name} {shorten(part.text, 120)}" for part in latest[:2]) or "nothing begun yet")


def ended_lines(job: Job, page: str) -> list[str]:
    """What is said when a job is over."""
    return [ended(job, page)]


def progress_line(job: Job, parts: Sequence[UnitRow], page: str) -> str:
    """What is said while it is not."""
    return progress(job, parts)


@dataclass(frozen=True)
class Telling:
    """How a kind of job is told of. With `quick`, nothing is said at the begin, and the first news comes soon."""

    summary: Callable[[Job, Sequence[UnitRow]], str] = summary
    ended: Callable[[Job, str], list[str]] = ended_lines
    progress: Callable[[Job, Sequence[UnitRow], str], str] = progress_line
    first_news: float = 0.0  # seconds; 0 is what is usual
    quick: bool = False


USUAL = Telling()
