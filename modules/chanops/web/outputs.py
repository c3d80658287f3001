"""What commands wrote: on a job's page, machines that ended alike together, what went wrong first; and all of it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from chanops.core.plan import Unit
from chanops.core.terminal import readable
from chanops.core.text import spoken
from chanops.services.feed_jobs import PublicJobs, ShownJob
from chanops.services.feed_output import ORDER, WRONG, Result, ending
from chanops.services.jobs.rows import Is, UnitRow
from chanops.web.frame import Frame, number_in

FEW = 10  # sections of machines where all is well that are open
MOST_NAMED = 3
MOST_LISTED = 30  # sections that are listed above them all
WORDS: Mapping[str, str] = {Is.DONE: "ok", Is.ATTENTION: "unknown"}
OPEN = (*WRONG, Is.RUNNING)
# Names that can stand in an address behind #, unless the page or its script has a use for them.
ANCHOR = re.compile(r"(?!part-|machine-\d|(?:machines|steps|output)\Z)[A-Za-z0-9][A-Za-z0-9._-]*")
FILE = re.compile(r"(0|[1-9][0-9]{0,8})\.txt")
STREAMS = {None: 0, "1": 1, "2": 2}


@dataclass(frozen=True)
class Machine:
    """One machine: its place on the page, its address, and the time that its command took."""

    row: UnitRow
    anchor: str
    address: str

    @property
    def took(self) -> str:
        """As people say it; "" while it is not over."""
        return lasted(self.row.facts["seconds"]) if "seconds" in self.row.facts else ""


@dataclass(frozen=True)
class Section:
    """Machines that ended alike, and what each of them wrote; or one that is not done yet."""

    machines: Sequence[Machine]
    ending: str
    text: str
    out: str
    err: str
    more: bool
    open: bool

    @property
    def first(self) -> Machine:
        """The one that stands for all."""
        return self.machines[0]

    @property
    def named(self) -> Sequence[Machine]:
        """Those that are named above what they wrote: a few."""
        return self.machines if len(self.machines) <= MOST_NAMED else self.machines[:1]

    @property
    def unnamed(self) -> int:
        """How many are not."""
        return len(self.machines) - len(self.named)

    @property
    def state(self) -> str:
        """How it is with them."""
        return self.first.row.state

    @property
    def over(self) -> bool:
        """Whether a command was run there, and has ended."""
        return "end" in self.first.row.facts

    @property
    def took(self) -> str:
        """How long it took them."""
        seconds = [each.row.facts["seconds"] for each in self.machines if "seconds" in each.row.facts]
        least, most = (lasted(min(seconds)), lasted(max(seconds))) if seconds else ("", "")
        return least if least == most else f"{least} to {most}"

    @property
    def left_out(self) -> int:
        """How much of what they wrote was not kept."""
        facts = self.first.row.facts
        return int(facts.get("left_out", max(0, facts.get("written", 0) - facts.get("kept", facts.get("written", 0)))))


@dataclass(frozen=True)
class Results:
    """All sections of a page, and how many machines are in each state."""

    counts: Sequence[tuple[int, str, str]]
    sections: Sequence[Section]

    @property
    def first(self) -> Sequence[Section]:
        """Those that are listed above them all."""
        return self.sections[:MOST_LISTED]

    @property
    def more(self) -> int:
        """How many are not."""
        return max(0, len(self.sections) - MOST_LISTED)


class Outputs:
    """The whole outputs, as text."""

    def __init__(self, jobs: PublicJobs, frame: Frame) -> None:
        self.jobs, self.frame = jobs, frame

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/jobs/{number}/output/{file}", self.whole)]

    def whole(self, request: Request) -> Response:
        """All that a machine's command wrote; with ?stream=2, to stderr only."""
        number, file = number_in(request.path_params["number"]), FILE.fullmatch(request.path_params["file"])
        stream = STREAMS.get(request.query_params.get("stream"))
        pieces = self.jobs.written(number, int(file[1]), stream) if number and file and stream is not None else None
        if pieces is None:
            return self.frame.missing(request)
        if request.method == "HEAD":
            return Response(media_type="text/plain")
        return StreamingResponse(pieces, media_type="text/plain")


def results_of(found: ShownJob) -> Results | None:
    """How a job's results are shown; None where no commands were run."""
    if not found.results:
        return None
    anchors = anchors_of(found.units)
    planned = found.job.plan.units
    few = sum(each.machines[0].state == Is.DONE for each in found.results) <= FEW

    def machine(row: UnitRow) -> Machine:
        return Machine(row, anchors[row.number], address_of(row, planned))

    def section(result: Result) -> Section:
        first = result.machines[0]
        same = {row.text for row in result.machines}
        return Section(
            [machine(row) for row in result.machines],
            ending(first),
            same.pop() if len(same) == 1 and first.facts.get("end") != "exited" else "",
            readable(result.written.out),
            readable(result.written.err),
            result.written.more,
            first.state in OPEN or (few and first.state == Is.DONE),
        )

    counts = Counter(row.state for row in found.units)
    said = [(counts[state], WORDS.get(state, state), state) for state in ORDER if counts[state]]
    return Results(said, [section(result) for result in found.results])


def anchors_of(rows: Sequence[UnitRow]) -> dict[int, str]:
    """What stands behind the # for each machine: its name, where that may stand there and no other has it."""
    names = Counter(row.name for row in rows)
    return {
        row.number: row.name if ANCHOR.fullmatch(row.name) and names[row.name] == 1 else f"machine-{row.number}"
        for row in rows
    }


def address_of(row: UnitRow, planned: Sequence[Unit]) -> str:
    """Where the command was run, or is to be."""
    of_plan = planned[row.number].facts.get("address", "") if row.number < len(planned) else ""
    return str(row.facts.get("host") or of_plan)


def lasted(seconds: float) -> str:
    """A length of time, short ones to a tenth of a second."""
    return f"{seconds:.1f} s" if seconds < 9.95 else spoken(timedelta(seconds=round(seconds)))
