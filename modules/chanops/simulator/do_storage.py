"""Volumes and reserved addresses over the simulated API."""

from dataclasses import replace

from chanops.simulator import do_work
from chanops.simulator.do_calls import Answer, Call, link, need, page
from chanops.simulator.do_catalog import REGIONS
from chanops.simulator.do_records import Json, ReservedIp, Volume, VolumeSnapshot, missing, unfit
from chanops.simulator.do_store import Store
from chanops.simulator.do_views import action_view, ip_view, snapshot_view, volume_view

_FLOATING = "floating"


def _region(call: Call) -> str:
    region = call.text("region")
    if region not in REGIONS or not REGIONS[region]["available"]:
        raise unfit("You specified an invalid region.")
    return region


def volumes(store: Store, call: Call) -> Answer:
    """GET /volumes, with name or region."""
    found = store.volumes.values(call.as_of)
    if name := call.query.get("name"):
        found = [each for each in found if each.name == name]
    if region := call.query.get("region"):
        found = [each for each in found if each.region == region]
    return page(call, "volumes", found, volume_view)


def new_volume(store: Store, call: Call) -> Answer:
    name, region, size = call.text("name"), _region(call), call.integer("size_gigabytes")
    if not 1 <= size <= 16384:
        raise unfit("size_gigabytes must be between 1 and 16384")
    if any(each.name == name and each.region == region for each in store.volumes.values()):
        raise unfit("A volume of that name exists in this region already.")
    volume = Volume(
        store.new_uuid(),
        name,
        region,
        size,
        store.stamp(call.now),
        call.text("description", ""),
        call.texts("tags"),
        None,
        call.text("filesystem_type", ""),
        call.text("filesystem_label", ""),
    )
    store.volumes.put(volume.id, volume, call.now)
    for tag in volume.tags:
        store.tags.put(tag, tag, call.now)
    store.note(call.now, "volume-create", None, name, id=volume.id)
    return Answer(201, {"volume": volume_view(volume)})


def volume(store: Store, call: Call) -> Answer:
    return Answer(200, {"volume": volume_view(_volume(store, call))})


def delete_volume(store: Store, call: Call) -> Answer:
    found = _volume(store, call)
    if found.droplet_id is not None:
        raise unfit("The volume is attached to a Droplet; detach it first.")
    store.volumes.drop(found.id, call.now)
    store.note(call.now, "volume-delete", None, found.name, id=found.id)
    return Answer(204)


def act_volume(store: Store, call: Call) -> Answer:
    """POST /volumes/{}/actions: {"type": "attach" or "detach", "droplet_id": number}."""
    found, kind = _volume(store, call), call.text("type")
    droplet = need(store.droplets.get(call.integer("droplet_id")))
    if droplet.pending is not None:
        raise unfit("Droplet already has a pending event.")
    if kind == "attach":
        if found.droplet_id is not None:
            raise unfit("The volume is attached to a Droplet already.")
        if found.region != droplet.region:
            raise unfit("The volume and the Droplet are in different regions.")
    elif kind == "detach":
        if found.droplet_id != droplet.id:
            raise unfit("The volume is not attached to that Droplet.")
    else:
        raise unfit(f"There is no volume action of the type {kind}.")
    errored = "errored-action" in call.twists
    if not errored and kind == "attach":
        do_work.attach(store, found.id, droplet.id, call.now)
    elif not errored:
        do_work.detach(store, found.id, call.now)
    name, resource = f"{kind}_volume", ("volume", found.id)
    seconds = store.delays.of("rename")
    action = do_work.at_once(store, name, call.now, resource, found.region, errored=errored, seconds=seconds)
    return Answer(202, {"action": action_view(action)})


def volume_actions(store: Store, call: Call) -> Answer:
    found = _volume(store, call)
    return page(
        call,
        "actions",
        [each for each in reversed(store.actions.values(call.as_of)) if each.thing == found.id],
        action_view,
    )


def volume_snapshots(store: Store, call: Call) -> Answer:
    found = _volume(store, call)
    taken = [each for each in store.volume_snapshots.values(call.as_of) if each.volume_id == found.id]
    return page(call, "snapshots", taken, snapshot_view)


def snap_volume(store: Store, call: Call) -> Answer:
    """POST /volumes/{}/snapshots: ready at once."""
    found = _volume(store, call)
    taken = VolumeSnapshot(
        store.new_uuid(),
        call.text("name"),
        found.id,
        found.region,
        store.stamp(call.now),
        found.size_gb,
        round(found.size_gb / 10, 2),
        call.texts("tags"),
    )
    store.volume_snapshots.put(taken.id, taken, call.now)
    store.note(call.now, "volume-snapshot", found.droplet_id, taken.name, id=taken.id)
    return Answer(201, {"snapshot": snapshot_view(taken)})


def _volume(store: Store, call: Call) -> Volume:
    return need(store.volumes.get(call.pieces[0]))


def _key(call: Call) -> str:
    """The same addresses are called floating below the older path."""
    return "floating_ip" if _FLOATING in call.path else "reserved_ip"


def ips(store: Store, call: Call) -> Answer:
    return page(call, _key(call) + "s", store.ips.values(call.as_of), lambda each: ip_view(store, each, call.seen))


def ip(store: Store, call: Call) -> Answer:
    return Answer(200, {_key(call): ip_view(store, _ip(store, call), call.now)})


def new_ip(store: Store, call: Call) -> Answer:
    """POST /reserved_ips: {"droplet_id": number}, assigned to it, or {"region": slug}."""
    number: int | None = None
    if call.body.get("droplet_id") is not None:
        number = call.integer("droplet_id")
        droplet = store.droplets.get(number)
        if droplet is None:
            raise unfit("You specified an invalid Droplet.")
        _free(store, number)
        region = droplet.region
    else:
        region = _region(call)
    made = ReservedIp(new_address(store), region, number)
    store.ips.put(made.ip, made, call.now)
    store.note(call.now, "ip-create", number, made.ip, region=region)
    links: Json = {}
    if number is not None:
        store.note(call.now, "assign", number, made.ip)
        action = do_work.at_once(
            store, "assign_ip", call.now, (_key(call), made.ip), region, errored=False, seconds=0.0
        )
        links = {"actions": [link(call, action, "assign_ip")]}
    return Answer(202, {_key(call): ip_view(store, made, call.now), "links": links})


def new_address(store: Store) -> str:
    """A reserved address that was never given before."""
    number = store.number("reserved")
    return f"198.51.100.{number}" if number <= 250 else f"198.19.{number // 250}.{number % 250 + 1}"


def delete_ip(store: Store, call: Call) -> Answer:
    found = _ip(store, call)
    store.ips.drop(found.ip, call.now)
    store.note(call.now, "ip-delete", found.droplet_id, found.ip)
    return Answer(204)


def act_ip(store: Store, call: Call) -> Answer:
    """POST /reserved_ips/{}/actions: {"type": "assign", "droplet_id": number} or {"type": "unassign"}."""
    found, kind = _ip(store, call), call.text("type")
    number: int | None = None
    if kind == "assign":
        number = need(store.droplets.get(call.integer("droplet_id"))).id
        if need(store.droplets.get(number)).region != found.region:
            raise unfit("The address and the Droplet are in different regions.")
        if found.droplet_id != number:
            _free(store, number)
    elif kind != "unassign":
        raise unfit(f"There is no address action of the type {kind}.")
    errored = "errored-action" in call.twists
    if not errored:
        store.ips.put(found.ip, replace(found, droplet_id=number), call.now)
        store.note(call.now, kind, number if number is not None else found.droplet_id, found.ip)
    name, resource, seconds = f"{kind}_ip", (_key(call), found.ip), store.delays.of("rename")
    action = do_work.at_once(store, name, call.now, resource, found.region, errored=errored, seconds=seconds)
    return Answer(201, {"action": action_view(action)})


def _free(store: Store, number: int) -> None:
    """Refuse a droplet that has an address already."""
    if store.address_of(number) is not None:
        raise unfit("The Droplet has a reserved IP already.")


def _ip(store: Store, call: Call) -> ReservedIp:
    found = store.ips.get(call.pieces[0])
    if found is None:
        raise missing()
    return found
