"""What a trial did, judged by the cloud's own record of what happened, and by what the bot wrote down and said."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.crash.cloud import Seen
from tests.crash.trial import Folder, Trial, of_agent

FINISHED = ("done", "failed", "cancelled", "needs-attention")
WORST = ("needs-attention", "failed", "cancelled", "done")
SNAPSHOT = re.compile(r"snapshot (\S+) \(")
STEPS = {
    "create": "create",
    "shutdown": "shutdown",
    "power_off": "power-off",
    "power_on": "start",
    "snapshot": "snapshot",
    "destroy": "destroy",
}
CLOCKS = 60  # milliseconds by which two processes' views of one moment may differ


@dataclass
class Part:
    """One machine's part in one job."""

    job: int
    kind: str
    number: int
    name: str
    id: str
    state: str
    text: str


def judge(trial: Trial) -> None:
    """Fill in the result."""
    folder, world = trial.folder, trial.cloud.world
    jobs = folder.rows("SELECT * FROM jobs ORDER BY id")
    parts = parts_of(folder)
    found = trial.result.violations
    found += lost(folder, jobs, parts, settled=not found)
    found += destroyed(trial, parts)
    found += snapshots(trial, parts)
    found += made(trial, parts)
    with world.lock:
        world.settle()
    found += ends(trial, parts)
    if not trial.naive:
        found += unwritten(folder, trial.cloud.watch.seen, parts, trial.ids)
        found += audited(folder)
    trial.result.outcomes = [f"{part.kind} {part.state}" for part in parts]
    resumptions(trial)
    trial.result.violations = list(dict.fromkeys(found))
    if trial.result.violations:
        trial.result.story = story(trial)


def parts_of(folder: Folder) -> list[Part]:
    """All machines' parts in all jobs."""
    plans = {row["id"]: json.loads(row["plan"]) for row in folder.rows("SELECT id, plan FROM jobs")}
    rows = folder.rows("SELECT * FROM units ORDER BY job, number")
    return [
        Part(
            row["job"],
            plans[row["job"]][0],
            row["number"],
            row["name"],
            plans[row["job"]][2][row["number"]][2],
            row["state"],
            row["text"],
        )
        for row in rows
    ]


def lost(folder: Folder, jobs: list[dict[str, Any]], parts: list[Part], settled: bool) -> Iterable[str]:
    """Whatever was acknowledged has ended, as the worst of its parts, and that was said."""
    known = {row["id"] for row in jobs}
    said = " ".join(each["text"] for each in folder.told("said"))
    for each in folder.told("answer"):
        if each["job"] and each["job"] not in known:
            yield f"job {each['job']} was acknowledged and is not there"
    for each in folder.told("gave up"):
        yield f"{each['asked']} could not be asked for"
    for row in jobs if settled else []:
        if row["state"] not in FINISHED:
            yield f"job {row['id']} is {row['state']} for ever"
            continue
        if f"job {row['id']}:" not in said:
            yield f"the end of job {row['id']} was never said"
        worst = min((part.state for part in parts if part.job == row["id"]), key=WORST.index)
        if row["state"] != worst:
            yield f"job {row['id']} is {row['state']}, its worst part {worst}"
    if settled and (left := folder.rows("SELECT * FROM locks")):
        yield f"locks are left: {left}"


def destroyed(trial: Trial, parts: list[Part]) -> Iterable[str]:
    """Destroyed are machines that were to go, are off, and have a snapshot that is ready."""
    meant = {int(part.id) for part in parts if part.kind == "down" and part.id}
    for event in trial.cloud.world.truth:
        if event.kind != "destroy":
            continue
        if event.droplet not in meant:
            yield f"droplet {event.droplet} ({event.name}) was destroyed, and nobody asked for that"
        if not event.detail["snapshots"]:
            yield f"droplet {event.droplet} ({event.name}) was destroyed without a snapshot"
        if event.detail["status"] != "off":
            yield f"droplet {event.droplet} ({event.name}) was destroyed while it was {event.detail['status']}"


def snapshots(trial: Trial, parts: list[Part]) -> Iterable[str]:
    """One snapshot for each `down`, unless it is said."""
    taken: dict[int, int] = defaultdict(int)
    asked: dict[int, int] = defaultdict(int)
    for event in trial.cloud.world.truth:
        if event.kind == "snapshot-start" and event.droplet is not None:
            taken[event.droplet] += 1
            if event.detail["status"] != "off":
                yield f"droplet {event.droplet} had its snapshot taken while it was {event.detail['status']}"
    for part in parts:
        if part.kind == "down" and part.id:
            asked[int(part.id)] += 1
    for droplet, count in taken.items():
        if count > asked[droplet]:
            yield f"droplet {droplet} had {count} snapshots taken for {asked[droplet]} jobs"


def made(trial: Trial, parts: list[Part]) -> Iterable[str]:
    """One machine for each name that was to come up, unless the job names the other."""
    created: dict[tuple[str, str], list[int]] = defaultdict(list)
    truth = trial.cloud.world.truth
    never_came = {event.droplet for event in truth if event.kind == "create-failed"}
    for event in truth:
        if event.kind == "create" and event.droplet not in never_came:
            tag = next((each for each in event.detail["tags"] if each.startswith("chanops-job-")), "none")
            created[event.name, tag].append(event.droplet or 0)
    wanted = {(part.name, f"chanops-job-{part.job}"): part for part in parts if part.kind == "up"}
    for key, ids in created.items():
        if key not in wanted:
            yield f"{key[0]} was made for {key[1]}, and nobody asked for that"
        elif len(ids) > 1:
            unsaid = [id for id in ids if str(id) not in wanted[key].text]
            if wanted[key].state == "needs-attention" and not unsaid:
                trial.result.said_extra += 1
            else:
                yield f"{key[0]} was made {len(ids)} times ({ids}), and only {wanted[key].text!r} is said"
    alive: dict[str, list[int]] = defaultdict(list)
    for droplet in trial.cloud.world.droplets.values():
        alive[droplet.name].append(droplet.id)
    for name, ids in alive.items():
        said = " ".join(part.text for part in parts if part.name == name)
        if len(ids) > 1 and not all(str(id) in said for id in ids):
            yield f"{len(ids)} machines are called {name}: {ids}"


def ends(trial: Trial, parts: list[Part]) -> Iterable[str]:
    """What is said of each part's end is true."""
    world = trial.cloud.world
    droplets = {each.id: each for each in world.droplets.values()}
    gone = {event.droplet for event in world.truth if event.kind == "destroy"}
    later = {part.name for part in parts if part.kind == "up"}
    for part in parts:
        what = f"job {part.job} {part.kind} {part.name} {part.state}"
        if part.kind == "down" and part.state == "done":
            if int(part.id) in droplets or int(part.id) not in gone:
                yield f"{what}: the machine is there"
            named = SNAPSHOT.search(part.text)
            images = [each for each in world.images.values() if named and each.name == named[1]]
            if not any(each.droplet_id == int(part.id) and each.size_gb > 0 for each in images):
                yield f"{what}: there is no snapshot as in {part.text!r}"
        elif part.kind == "down":
            others = [each for each in parts if each.kind == "down" and each.id == part.id and each.state == "done"]
            if int(part.id) in gone and not others:
                yield f"{what}: the machine is gone, and it says {part.text!r}"
        elif part.state == "done":
            same = [each for each in droplets.values() if each.name == part.name]
            running = [each for each in same if each.status == "active" and each.public and each.public in part.text]
            if len(same) != 1 or len(running) != 1:
                yield f"{what}: there are {[(each.id, each.status, each.public) for each in same]}: {part.text!r}"
        else:
            tag = f"chanops-job-{part.job}"
            hidden = [
                each.id
                for each in droplets.values()
                if each.name == part.name and tag in each.tags and str(each.id) not in part.text
            ]
            if hidden:
                yield f"{what}: {hidden} was made, and it says {part.text!r}"
    for name in later:
        if any(
            event.kind == "destroy" and event.name == name and event.droplet not in trial.ids.values()
            for event in world.truth
        ):
            yield f"{name} came up and was destroyed"


def unwritten(folder: Folder, seen: Iterable[Seen], parts: list[Part], old: dict[str, int]) -> Iterable[str]:
    """Each request that changes something belongs to a step that was written down before, and is open."""
    steps = folder.rows("SELECT * FROM steps ORDER BY id")
    names = {str(id): name for name, id in old.items()}
    by_id = {part.id: part.name for part in parts if part.id}
    for each in seen:
        if not each.changes:
            continue
        if each.kind == "prune":
            wanted, name = f"prune {each.path.split('/')[-1]}", ""
        elif each.kind not in STEPS:
            yield f"{each.method} {each.path} belongs to no step"
            continue
        else:
            wanted = STEPS[each.kind]
            name = each.name if each.kind == "create" else by_id.get(each.droplet) or names.get(each.droplet, "?")
        units = {(part.job, part.number) for part in parts if name in ("", part.name)}
        fits = [
            step
            for step in steps
            if (step["job"], step["unit"]) in units
            and step["name"] == wanted
            and step["began"] - CLOCKS <= each.wall * 1000
            and (step["ended"] is None or each.wall * 1000 <= step["ended"] + CLOCKS)
        ]
        if not fits:
            yield f"{each.kind} {each.path} {name} at {each.wall:.3f} by {each.agent} belongs to no open step"


def audited(folder: Folder) -> Iterable[str]:
    """The audit is whole, and has each intention and each claim."""
    if not folder.verified():
        yield "the audit is broken"
    [counts] = folder.rows(
        "SELECT (SELECT count(*) FROM steps) AS steps, (SELECT sum(fence) FROM jobs) AS fences, "
        "(SELECT count(*) FROM audit WHERE kind = 'intend') AS intended, "
        "(SELECT count(*) FROM audit WHERE kind = 'claim') AS claims"
    )
    if counts["steps"] != counts["intended"] or (counts["fences"] or 0) != counts["claims"]:
        yield f"the audit lacks something: {counts}"


def resumptions(trial: Trial) -> None:
    """How long each life that found unfinished jobs took, from its birth, to its first claim and first request."""
    claims = [row["at"] / 1000 for row in trial.folder.rows("SELECT at FROM audit WHERE kind = 'claim'")]
    for life in range(2, trial.lives + 1):
        agent = f"life-{life}"
        born, asked = trial.folder.told("born", agent), trial.folder.told("answer", agent)
        own = of_agent(trial.cloud.watch.seen, agent)
        if not born or asked or not own:
            continue
        first = [at - born[0]["wall"] for at in claims if born[0]["wall"] <= at <= own[-1].wall]
        if first:
            trial.result.claimed.append(max(0.0, min(first)))
            trial.result.resumed.append(own[0].wall - born[0]["wall"])


def story(trial: Trial) -> str:
    """All that is known of a trial that went wrong."""
    folder, world = trial.folder, trial.cloud.world
    began = min((each.wall for each in trial.cloud.watch.seen), default=0.0)
    lines = [f"seed {trial.seed}: {trial.phases}", *(f"  {each}" for each in trial.result.violations), "faults"]
    lines += [f"  {fault.kind} {fault.method} {fault.action} p={fault.probability}" for fault in trial.faults]
    lines += ["lives", *(f"  {each}" for each in trial.dooms), "truth"]
    monotonic = trial.cloud.watch.seen[0].at if trial.cloud.watch.seen else 0.0
    lines += [
        f"  {each.at - monotonic:8.3f} {each.kind} {each.droplet} {each.name} {each.detail}" for each in world.truth
    ]
    lines += ["requests"]
    lines += [
        f"  {each.wall - began:8.3f} {each.agent} {each.method} {each.path} {each.kind} {each.name} {each.status}"
        for each in trial.cloud.watch.seen
        if each.changes
    ]
    for table in ("jobs", "units", "steps", "audit"):
        lines += [table]
        for row in folder.rows(f"SELECT * FROM {table}"):
            for key in ("plan", "hash", "who"):
                row.pop(key, None)
            for key in ("at", "began", "ended", "created", "started", "changed", "deadline"):
                if row.get(key):
                    row[key] = round(row[key] / 1000 - began, 3)
            lines.append("  " + " ".join(f"{key}={value}" for key, value in row.items()))
    lines += ["told", *(f"  {json.dumps(each)}" for each in folder.told())]
    log = folder.log()
    lines += ["log", *(f"  {each}" for each in log.splitlines()[-60:])]
    return "\n".join(lines)
