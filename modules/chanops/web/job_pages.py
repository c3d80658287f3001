"""The pages of jobs: the newest, and each at its permanent address, live while it is not over."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chanops.core.plan import Unit
from chanops.services.feed_jobs import PublicJobs, ShownJob
from chanops.services.jobs.rows import Job, Step, UnitRow
from chanops.web.frame import LIVE_POLICY, Frame, number_in
from chanops.web.live import Live, Stream
from chanops.web.outputs import Outputs, results_of

# Steps that wait for something; all others do something, or note it down.
WAITS = re.compile(r"(?P<what>(?:off|running|gone|ready|reachable)(?: after .+)?|.+ (?:done|taken|listed))\Z")
CREATE = "create"  # its result is the new machine's id
MOST_LIVE = 50  # steps, and lines, that are shown of hundreds of machines at work


@dataclass(frozen=True)
class Part:
    """One machine of a job: what was planned with it, how far that is, and its id, "" where it is not made yet."""

    row: UnitRow
    unit: Unit | None
    id: str


@dataclass(frozen=True)
class ShownStep:
    """A step, with the machine's name."""

    step: Step
    machine: str

    @property
    def waits(self) -> bool:
        """Whether it only waits."""
        return bool(WAITS.match(self.step.name))

    @property
    def state(self) -> str:
        """As it is said; a wait that is under way was not only intended."""
        return "waiting" if self.waits and self.step.state == "intended" else self.step.state

    @property
    def took(self) -> timedelta | None:
        """How long it took; None while it lasts."""
        return self.step.ended - self.step.began if self.step.ended else None


class JobPages:
    """Reads jobs, and shows them."""

    def __init__(self, jobs: PublicJobs, frame: Frame) -> None:
        self.jobs, self.frame = jobs, frame
        self.live = Live(jobs, lambda found: self.frame.text("job_parts.html", alone=True, **values_of(found)))

    @property
    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/jobs", self.newest),
            Route("/jobs/{number}", self.one),
            Route("/jobs/{number}/events", self.events),
            *Outputs(self.jobs, self.frame).routes,
        ]

    def newest(self, request: Request) -> Response:
        """The newest jobs, those under way first; or those before one of them."""
        asked = request.query_params.get("before")
        before = number_in(asked or "")
        if not self.jobs.on or (asked is not None and not before):
            return self.frame.missing(request)
        found = self.jobs.newest(before)
        return self.frame.page("jobs.html", found=found, before=before, took=took, began=began)

    def one(self, request: Request) -> Response:
        """One job; with ?before=LINE, what it wrote before that."""
        asked = request.query_params.get("before")
        before, number = number_in(asked or ""), number_in(request.path_params["number"])
        found = self.jobs.find(number, before) if number and (asked is None or before) else None
        if found is None:
            return self.frame.missing(request)
        live = not found.job.over and not before
        page = self.frame.page("job.html", live=live, **values_of(found, before))
        if live:
            page.headers["content-security-policy"] = LIVE_POLICY
        return page

    async def events(self, request: Request) -> Response:
        """The stream that keeps a job's page as the job is."""
        number = number_in(request.path_params["number"])
        if request.method == "HEAD":
            found = await run_in_threadpool(self.live.sight, number)
            return Response(media_type="text/event-stream") if found else self.frame.missing(request)
        watcher = self.live.join(number) if number else None
        if watcher is None and number:
            return PlainTextResponse("too many watch just now\n", 503, headers={"Retry-After": "15"})
        first = None
        try:
            first = await run_in_threadpool(self.live.sight, number) if watcher else None
        finally:
            if first is None and watcher is not None:
                self.live.leave(watcher)
        if first is None or watcher is None:
            return self.frame.missing(request)
        return Stream(self.live, watcher, first)


def values_of(found: ShownJob, before: int = 0) -> dict[str, Any]:
    """What the templates need of a job."""
    units = found.job.plan.units
    made = {each.unit: json.loads(each.result) for each in found.steps if each.name == CREATE and each.state == "done"}
    parts = [part_of(row, units[row.number] if row.number < len(units) else None, made) for row in found.units]
    names = {row.number: row.name for row in found.units}
    results = results_of(found)
    most = MOST_LIVE if results and not found.job.over else len(found.steps) + len(found.output)
    return {
        "job": found.job,
        "results": results,
        "parts": parts,
        "count_of_steps": len(found.steps),
        "steps": [ShownStep(step, names.get(step.unit, "")) for step in found.steps[-most:]],
        "output": found.output[-most:],
        "earlier": found.earlier,
        "before": before,
        "names": names,
        "took": took,
        "began": began,
    }


def part_of(row: UnitRow, unit: Unit | None, made: Mapping[int, object]) -> Part:
    """One machine, with the id that it was given when it was made."""
    return Part(row, unit, (unit.id if unit else "") or str(made.get(row.number, "")))


def took(job: Job) -> timedelta | None:
    """How long a job took; None while it is not over."""
    return job.ended - began(job) if job.ended else None


def began(job: Job) -> datetime:
    """When a job was begun, or, where it was not, asked for."""
    return job.started or job.created
