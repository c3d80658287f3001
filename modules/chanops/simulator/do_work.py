"""What actions do to the simulated droplets, when they begin and when they are done."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from chanops.simulator.do_catalog import SIZES
from chanops.simulator.do_faults import Fault
from chanops.simulator.do_records import Action, Droplet, Image
from chanops.simulator.do_store import Store

Effect = Callable[[Droplet, float], None]
Twists = Mapping[str, Fault]


def change(store: Store, number: int, at: float, **values: Any) -> None:
    """Change a droplet, if it still is there."""
    droplet = store.droplets.get(number)
    if droplet is not None:
        store.droplets.put(number, replace(droplet, **values), at)


def begin(
    store: Store,
    droplet: Droplet,
    kind: str,
    now: float,
    seconds: float,
    effect: Effect,
    failed: Effect | None = None,
    ending: str = "completed",
) -> Action:
    """Start an action that has its effect after `seconds`; until then the droplet is locked.

    `failed` is called instead when the droplet is gone by then.
    """
    action = Action(store.number("action"), kind, store.stamp(now), droplet.id, "droplet", droplet.region)
    store.actions.put(action.id, action, now)
    change(store, droplet.id, now, pending=action.id)

    def finish(at: float) -> None:
        left = store.droplets.get(droplet.id)
        store.actions.put(action.id, _ended(store, action, ending if left is not None else "errored", at), at)
        if left is not None:
            change(store, droplet.id, at, pending=None)
            effect(replace(left, pending=None), at)
        elif failed is not None:
            failed(droplet, at)

    store.later(now + seconds, finish)
    return action


def nothing(droplet: Droplet, at: float) -> None:
    """The effect of an action that ends errored."""


def _ended(store: Store, action: Action, status: str, at: float) -> Action:
    return replace(action, status=status, completed_at=store.stamp(at))


def at_once(
    store: Store, kind: str, now: float, resource: tuple[str, str], region: str, *, errored: bool, seconds: float
) -> Action:
    """An action whose effect was had already (or never will be); `resource` is its type and its id."""
    number = int(resource[1]) if resource[1].isdigit() else None
    started = store.stamp(now)
    action = Action(store.number("action"), kind, started, number, resource[0], region, thing=resource[1])
    store.actions.put(action.id, action, now)
    status = "errored" if errored else "completed"
    store.later(now + seconds, lambda at: store.actions.put(action.id, _ended(store, action, status, at), at))
    return action


def come_up(store: Store, droplet: Droplet, at: float) -> None:
    """A new droplet gets its addresses and runs."""
    public, private = store.new_addresses(droplet.region)
    six = f"2001:db8::{droplet.id % 65536:x}:{store.rng.randrange(65536):x}" if "ipv6" in droplet.features else None
    change(store, droplet.id, at, status="active", public=public, private=private, public6=six)
    store.note(at, "active", droplet.id, droplet.name, address=public)


def create(store: Store, droplet: Droplet, now: float, twists: Twists) -> Action:
    """A droplet begins to exist."""
    store.droplets.put(droplet.id, droplet, now)
    for tag in droplet.tags:
        store.tags.put(tag, tag, now)
    for volume_id in droplet.volume_ids:
        attach(store, volume_id, droplet.id, now)
    store.note(
        now,
        "create",
        droplet.id,
        droplet.name,
        size=droplet.size,
        region=droplet.region,
        image=droplet.image.id,
        tags=list(droplet.tags),
        keys=list(droplet.key_ids),
        user_data=droplet.user_data,
    )
    seconds = store.delays.of("create")
    if "errored-action" in twists:
        return begin(store, droplet, "create", now, seconds, partial(_never_came, store), ending="errored")
    return begin(store, droplet, "create", now, seconds, partial(come_up, store))


def _never_came(store: Store, droplet: Droplet, at: float) -> None:
    store.note(at, "create-failed", droplet.id, droplet.name)
    _vanish(store, droplet, at)


def go_off(store: Store, kind: str, lag: float, droplet: Droplet, at: float) -> None:
    """A droplet goes off; it shows "active" for `lag` seconds more."""
    store.note(at, kind, droplet.id, droplet.name)
    change(store, droplet.id, at, status="off", seen_on_until=at + lag)
    store.note(at, "off", droplet.id, droplet.name, by=kind)


def go_on(store: Store, kind: str, droplet: Droplet, at: float) -> None:
    change(store, droplet.id, at, status="active", seen_on_until=0.0)
    store.note(at, kind, droplet.id, droplet.name)


def stay_on(store: Store, droplet: Droplet, at: float) -> None:
    """The shutdown that the guest did not heed."""
    store.note(at, "shutdown", droplet.id, droplet.name, ignored=True)


def take_snapshot(store: Store, droplet: Droplet, name: str, now: float, twists: Twists) -> Action:
    """Begin a snapshot; it is listed when it is done, or a while later, or never."""
    store.note(now, "snapshot-start", droplet.id, name, status=droplet.status)
    seconds = store.delays.of_snapshot(droplet.used_gb)
    if "errored-action" in twists:
        lost = partial(_snapshot_failed, store, name, "errored")
        return begin(store, droplet, "snapshot", now, seconds, lost, lost, ending="errored")
    if "snapshot-absent" in twists:
        return begin(store, droplet, "snapshot", now, seconds, partial(_snapshot_failed, store, name, "absent"))
    late = store.delays.of("listing")
    if "snapshot-late" in twists:
        late += twists["snapshot-late"].wait
    image = Image(
        0,
        name,
        droplet.image.distribution,
        None,
        False,
        (droplet.region,),
        store.stamp(now),
        "snapshot",
        droplet.disk,
        0.0 if "snapshot-empty" in twists else droplet.used_gb,
        droplet_id=droplet.id,
        disk=store.disk_of(droplet.id),
    )

    def done(droplet: Droplet, at: float) -> None:
        known = replace(image, id=store.number("image"))
        if late > 0:
            store.later(at + late, partial(list_snapshot, store, known))
        else:
            list_snapshot(store, known, at)

    return begin(store, droplet, "snapshot", now, seconds, done, partial(_snapshot_failed, store, name, "gone"))


def _snapshot_failed(store: Store, name: str, reason: str, droplet: Droplet, at: float) -> None:
    store.note(at, "snapshot-failed", droplet.id, name, reason=reason)


def list_snapshot(store: Store, image: Image, at: float) -> None:
    """A finished snapshot comes into the lists."""
    store.images.put(image.id, image, at)
    droplet = store.droplets.get(image.droplet_id or 0)
    if droplet is not None:
        change(store, droplet.id, at, snapshot_ids=(*droplet.snapshot_ids, image.id))
    kind, reason = ("snapshot-ready", {}) if image.size_gb > 0 else ("snapshot-failed", {"reason": "empty"})
    store.note(at, kind, image.droplet_id, image.name, id=image.id, size_gigabytes=image.size_gb, **reason)


def destroy(store: Store, droplet: Droplet, now: float, seconds: float, by: str, twists: Twists) -> Action:
    """A droplet is destroyed: it cannot be stopped from now on, and is gone after `seconds`."""
    if "errored-action" in twists:
        return begin(store, droplet, "destroy", now, seconds, nothing, ending="errored")
    store.note(
        now,
        "destroy",
        droplet.id,
        droplet.name,
        status=droplet.status,
        snapshots=store.ready_snapshots(droplet.id),
        volumes=list(droplet.volume_ids),
        reserved_ip=store.address_of(droplet.id),
        by=by,
    )
    return begin(store, droplet, "destroy", now, seconds, partial(_vanish, store))


def _vanish(store: Store, droplet: Droplet, at: float) -> None:
    for volume_id in droplet.volume_ids:
        detach(store, volume_id, at)
    for ip in store.ips.values():
        if ip.droplet_id == droplet.id:
            store.ips.put(ip.ip, replace(ip, droplet_id=None), at)
            store.note(at, "unassign", droplet.id, ip.ip)
    store.droplets.drop(droplet.id, at)


def resize(store: Store, size: str, disk_too: bool, droplet: Droplet, at: float) -> None:
    disk = SIZES[size]["disk"] if disk_too else droplet.disk
    change(store, droplet.id, at, size=size, disk=disk)
    store.note(at, "resize", droplet.id, droplet.name, size=size, disk=disk)


def rename(store: Store, name: str, droplet: Droplet, at: float) -> None:
    change(store, droplet.id, at, name=name)
    store.note(at, "rename", droplet.id, name, before=droplet.name)


def refill(store: Store, kind: str, image: Image, droplet: Droplet, at: float) -> None:
    """The disk is filled from an image, and the droplet runs: rebuild and restore."""
    change(store, droplet.id, at, image=image, used_gb=image.size_gb, status="active", seen_on_until=0.0)
    store.note(at, kind, droplet.id, droplet.name, image=image.id)


def attach(store: Store, volume_id: str, number: int, at: float) -> None:
    volume, droplet = store.volumes.get(volume_id), store.droplets.get(number)
    if volume is None or droplet is None:
        return
    store.volumes.put(volume_id, replace(volume, droplet_id=number), at)
    if volume_id not in droplet.volume_ids:
        change(store, number, at, volume_ids=(*droplet.volume_ids, volume_id))
    store.note(at, "attach", number, volume.name, volume=volume_id)


def detach(store: Store, volume_id: str, at: float) -> None:
    volume = store.volumes.get(volume_id)
    if volume is None or volume.droplet_id is None:
        return
    store.volumes.put(volume_id, replace(volume, droplet_id=None), at)
    droplet = store.droplets.get(volume.droplet_id)
    if droplet is not None:
        kept = tuple(each for each in droplet.volume_ids if each != volume_id)
        change(store, droplet.id, at, volume_ids=kept)
    store.note(at, "detach", volume.droplet_id, volume.name, volume=volume_id)
