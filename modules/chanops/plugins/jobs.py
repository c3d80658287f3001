"""Jobs: what is under way with machines, what came of it, and how to end it or ask again."""

from collections.abc import Iterator

from chanops import Message, ago, command, shorten, spoken
from chanops.services import Jobs, Machines, Pages, Remote


@command("jobs", role="ops")
def newest(*, said: Message, jobs: Jobs) -> Iterator[str]:
    """The newest jobs: those under way first."""
    found = jobs.newest(8)
    if not found:
        yield "there were no jobs yet"
    for job in sorted(found, key=lambda each: (each.over, -each.id)):
        what = job.text if job.over else job.state
        who = f"{job.nick}, {ago(said.at - job.created)}"
        yield f"job {job.id}: {shorten(job.title, 100)} · {shorten(what, 120)} · {who}"


@command("job", role="ops")
def job(number: int, *, said: Message, jobs: Jobs, pages: Pages) -> Iterator[str]:
    """One job: how far it is with each machine."""
    whole = jobs.whole(number)
    one = whole.job
    took = spoken((one.ended or said.at) - (one.started or one.created))
    line = pages.line(one.line) if one.line else ""
    yield f"job {one.id}: {one.title} · {one.state} · {took} · asked by {one.nick} {line}".rstrip()
    for part in whole.units:
        yield f"  {part.name}: {part.state}" + (f" · {part.text}" if part.text else "")
    yield pages.job(one.id)


@command("cancel", role="ops")
def cancel(number: int, *, said: Message, jobs: Jobs) -> str:
    """End a job at its next step; says in what state that leaves things."""
    return jobs.cancel(number, said)


@command("again", role="ops")
def again(number: int, *, said: Message, jobs: Jobs, machines: Machines, remote: Remote) -> list[str]:
    """Ask for a job again, for the machines that were not done."""
    if remote.can_repeat(jobs.find(number).kind):
        return remote.again(number, said)
    return machines.again(number, said)
