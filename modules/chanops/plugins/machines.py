"""Machines in the clouds: what there is, what it costs, and what is done with it."""

from collections.abc import Iterator
from typing import Annotated

from chanops import Flag, Message, Problem, Targets, ago, an_hour, command, daily, spoken, table
from chanops.services import Jobs, Machines, Pages, Remote

Dry = Annotated[bool, Flag("-n")]
MOST_SHOWN = 6
ALL = Targets(("*",))


@command("machines", role="ops")
def machines(which: Targets = ALL, *, said: Message, machines: Machines, pages: Pages) -> Iterator[str]:
    """The machines: name, state, address, size, region, age, cost."""
    seen = machines.look()
    found, missed = seen.meant(which)
    rows = [
        (
            each.name,
            each.state.value,
            each.address or "-",
            each.size or "-",
            each.region or each.provider,
            spoken(said.at - each.created).replace(" ", "") if each.created.year > 1970 else "-",
            an_hour(each.price) if each.price else "-",
        )
        for each in found
    ]
    yield from table(rows[: MOST_SHOWN if len(rows) > MOST_SHOWN + 1 else len(rows)], states_in=1)
    if len(rows) > MOST_SHOWN + 1:
        yield f"… and {len(rows) - MOST_SHOWN} more of {len(rows)}: {pages.machines}"
    for selector in missed if which != ALL else ():
        yield seen.nothing(selector)
    yield from seen.troubles
    if not found and not seen.troubles and (which == ALL or not missed):
        yield "there are no machines: .up NAME makes one"


@command("images", role="ops")
def images(words: str = "", on: str = "", *, machines: Machines) -> Iterator[str]:
    """The images that a machine can be made from; with a word, those that have it."""
    found = [each for each in machines.images(on) if words.lower() in f"{each.slug} {each.name}".lower()]
    if not found:
        raise Problem(f"no image has {words}")
    own = [each for each in found if each.kind == "snapshot"]
    yield "  ".join(each.slug or each.name for each in found if each.kind != "snapshot")
    yield from (f"own: {each.name} ({each.size:g} GB, id {each.id})" for each in own)


@command("snapshots", role="ops")
def snapshots(which: Targets = ALL, *, said: Message, machines: Machines) -> Iterator[str]:
    """The snapshots of machines, newest first."""
    found = [(name, each) for name, each in machines.snapshots() if which.matches(machines.machine_of(each), on=name)]
    if not found:
        yield f"no snapshots of {which}" if which != ALL else "no snapshots yet: .snapshot NAME takes one"
    rows = [
        (
            each.name,
            f"{each.size:g} GB",
            ",".join(each.regions) or "-",
            ago(said.at - each.created),
            f"id {each.id}",
            "" if each.available and each.size > 0 else "NOT USABLE",
        )
        for _, each in found
    ]
    yield from table(rows)


@command("sizes", role="ops")
def sizes(region: str = "", on: str = "", *, machines: Machines) -> Iterator[str]:
    """The sizes that can be had, cheapest first; in one region."""
    rows = [
        (each.slug, f"{each.cpus} cpu", f"{each.memory / 1024:g} GB", f"{each.disk} GB disk", an_hour(each.hourly))
        for each in machines.sizes(on, region)
    ]
    yield from table(rows)


@command("regions", role="ops")
def regions(on: str = "", *, machines: Machines) -> str:
    """The regions, with what does not work there just now."""
    return "  ".join(
        f"{each.slug} ({each.name}{'' if each.available else ', NOT NOW'})" for each in machines.regions(on)
    )


@command("keys", role="ops")
def keys(*names: str, on: str = "", said: Message, machines: Machines, remote: Remote) -> Iterator[str]:
    """The SSH keys that new machines are given; +ACCOUNT adds those of [key:ACCOUNT]."""
    if names:
        if not all(name.startswith("+") and name[1:] for name in names):
            raise Problem("say which key to add: .keys +alice adds those of [key:alice]; .keys alone lists all")
        yield from machines.add_keys(remote.team_keys(*(name[1:] for name in names)), on, said)
        return
    found = machines.keys(on)
    if not found:
        yield "the account has no SSH keys: .keys +ACCOUNT adds some, else nobody can log in"
    yield from (f"{each.name} · {each.fingerprint} (id {each.id})" for each in found)


@command("cost", role="ops")
def cost(*, machines: Machines) -> Iterator[str]:
    """What runs, what snapshots cost, what idles."""
    found, troubles = machines.bills()
    if not found and not troubles:
        raise Problem("no provider is configured that says what things cost")
    for each in found:
        yield from each.lines()
    yield from troubles


@daily("06:00")
def cost_in_the_feed(*, machines: Machines, jobs: Jobs) -> None:
    """A report of the costs, for those who read the feed."""
    found, troubles = machines.bills()
    lines = [*(line for each in found for line in each.lines()), *troubles]
    if lines:
        jobs.report("what the machines cost", "\n".join(lines))


@command("up", role="ops")
def up(
    name: Targets,
    *more: Targets,
    said: Message,
    machines: Machines,
    like: str = "",
    size: str = "",
    image: str = "",
    region: str = "",
    on: str = "",
    tag: str = "",
    script: str = "",
    count: int = 1,
    dry_run: Dry = False,
) -> list[str]:
    """Make machines, from their newest snapshot or as configured; start those that are off."""
    options = {
        "like": like,
        "size": size,
        "image": image,
        "region": region,
        "on": on,
        "tag": tag,
        "script": script,
        "count": count,
    }
    return machines.request("up", together(name, *more), said, dry_run, **options)


@command("down", role="ops")
def down(which: Targets, *more: Targets, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Shut down, snapshot, check, destroy; .up brings them back."""
    return machines.request("down", together(which, *more), said, dry_run)


@command("start", role="ops")
def start(which: Targets, *more: Targets, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Switch machines on."""
    return machines.request("start", together(which, *more), said, dry_run)


@command("stop", role="ops")
def stop(
    which: Targets, *more: Targets, said: Message, machines: Machines, force: bool = False, dry_run: Dry = False
) -> list[str]:
    """Shut machines down, and cut the power of those that do not; with force=yes at once."""
    return machines.request("stop", together(which, *more), said, dry_run, force=force)


@command("reboot", role="ops")
def reboot(which: Targets, *more: Targets, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Reboot machines."""
    return machines.request("reboot", together(which, *more), said, dry_run)


@command("resize", role="ops")
def resize(
    which: Targets, size: str, *, said: Message, machines: Machines, disk: bool = False, dry_run: Dry = False
) -> list[str]:
    """Give machines another size; with disk=yes the disk grows too, and never shrinks again."""
    return machines.request("resize", which, said, dry_run, size=size, disk=disk)


@command("rename", role="ops")
def rename(which: Targets, new_name: str, *, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Give a machine another name."""
    return machines.request("rename", which, said, dry_run, new_name=new_name)


@command("snapshot", role="ops")
def snapshot(
    which: Targets, *more: Targets, said: Message, machines: Machines, off: bool = False, dry_run: Dry = False
) -> list[str]:
    """Snapshot machines, and check it; with off=yes they are off meanwhile, which is safer."""
    return machines.request("snapshot", together(which, *more), said, dry_run, off=off)


@command("restore", role="ops")
def restore(which: Targets, image: str = "", *, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Put the newest snapshot, or the one that is named, on a machine; what is there now is lost."""
    return machines.request("restore", which, said, dry_run, image=image)


@command("destroy", role="ops")
def destroy(which: Targets, *more: Targets, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Destroy machines without a snapshot of now."""
    return machines.request("destroy", together(which, *more), said, dry_run)


@command("tag", role="ops")
def tag(which: Targets, *tags: str, said: Message, machines: Machines, dry_run: Dry = False) -> list[str]:
    """Add tags (+web or web) and take them away (-old)."""
    add = [each.removeprefix("+") for each in tags if not each.startswith("-")]
    remove = [each[1:] for each in tags if each.startswith("-")]
    return machines.request("tag", which, said, dry_run, add=add, remove=remove)


def together(*which: Targets) -> Targets:
    """What was typed in several words, as one."""
    return Targets(tuple(dict.fromkeys(selector for each in which for selector in each.selectors)))
