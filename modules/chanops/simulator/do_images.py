"""Images and snapshots over the simulated API: two views of the same things."""

from dataclasses import replace

from chanops.simulator import do_work
from chanops.simulator.do_calls import Answer, Call, need, page
from chanops.simulator.do_catalog import REGIONS
from chanops.simulator.do_droplets import find_image
from chanops.simulator.do_records import Action, Image, Refusal, VolumeSnapshot, unfit
from chanops.simulator.do_store import Store
from chanops.simulator.do_views import action_view, image_view, snapshot_view


def every(store: Store, call: Call) -> Answer:
    """GET /images, with type, private=true or tag_name."""
    found = store.images.values(call.as_of)
    kind = call.query.get("type")
    if kind == "distribution":
        found = [each for each in found if each.public and not each.application]
    elif kind == "application":
        found = [each for each in found if each.application]
    if call.query.get("private") == "true":
        found = [each for each in found if not each.public]
    if tag := call.query.get("tag_name"):
        found = [each for each in found if tag in each.tags]
    return page(call, "images", found, image_view)


def one(store: Store, call: Call) -> Answer:
    return Answer(200, {"image": image_view(need(find_image(store, call.pieces[0])))})


def change(store: Store, call: Call) -> Answer:
    """PUT /images/{}: the name, the distribution and the description of an own image."""
    image = _own(store, call)
    name = call.text("name", image.name)
    distribution = call.text("distribution", image.distribution)
    new = replace(image, name=name, distribution=distribution, description=call.text("description", image.description))
    store.images.put(image.id, new, call.now)
    store.note(call.now, "image-rename", image.droplet_id, name, id=image.id, before=image.name)
    return Answer(200, {"image": image_view(new)})


def delete(store: Store, call: Call) -> Answer:
    _drop(store, _own(store, call), call.now)
    return Answer(204)


def act(store: Store, call: Call) -> Answer:
    """POST /images/{}/actions: {"type": "transfer", "region": slug} or {"type": "convert"}."""
    image = _own(store, call)
    kind = call.text("type")
    errored = "errored-action" in call.twists
    region = image.regions[0]
    if kind == "transfer":
        region = call.text("region")
        if region not in REGIONS:
            raise unfit("You specified an invalid region.")
        if region in image.regions:
            raise unfit("Image is already available in that region.")
        if not errored:
            store.later(call.now + store.delays.of("snapshot"), lambda at: _arrive(store, image.id, region, at))
    elif kind != "convert":
        raise unfit(f"There is no image action of the type {kind}.")
    seconds = store.delays.of("snapshot")
    resource = ("image", str(image.id))
    action = do_work.at_once(store, kind, call.now, resource, region, errored=errored, seconds=seconds)
    return Answer(201, {"action": action_view(action)})


def actions(store: Store, call: Call) -> Answer:
    image = need(find_image(store, call.pieces[0]))
    found = [each for each in reversed(store.actions.values(call.as_of)) if _is_of(each, image)]
    return page(call, "actions", found, action_view)


def action(store: Store, call: Call) -> Answer:
    image = need(find_image(store, call.pieces[0]))
    found = need(store.actions.get(call.id(1)))
    return Answer(200, {"action": action_view(need(found if _is_of(found, image) else None))})


def _is_of(action: Action, image: Image) -> bool:
    return action.resource_type == "image" and action.resource_id == image.id


def _arrive(store: Store, number: int, region: str, at: float) -> None:
    image = store.images.get(number)
    if image is not None and region not in image.regions:
        store.images.put(number, replace(image, regions=(*image.regions, region)), at)
        store.note(at, "transfer", image.droplet_id, image.name, id=number, region=region)


def _own(store: Store, call: Call) -> Image:
    image = need(find_image(store, call.pieces[0]))
    if image.public:
        raise Refusal(403, "forbidden", "You do not have access for the attempted action.")
    return image


def _drop(store: Store, image: Image, at: float) -> None:
    store.images.drop(image.id, at)
    droplet = store.droplets.get(image.droplet_id or 0)
    if droplet is not None:
        kept = tuple(each for each in droplet.snapshot_ids if each != image.id)
        do_work.change(store, droplet.id, at, snapshot_ids=kept)
    store.note(
        at, "image-delete", image.droplet_id, image.name, id=image.id, size_gigabytes=image.size_gb, alive=bool(droplet)
    )


def snapshots(store: Store, call: Call) -> Answer:
    """GET /snapshots, with resource_type=droplet or volume."""
    wanted = call.query.get("resource_type")
    found: list[Image | VolumeSnapshot] = []
    if wanted in (None, "droplet"):
        found += [each for each in store.images.values(call.as_of) if not each.public]
    if wanted in (None, "volume"):
        found += store.volume_snapshots.values(call.as_of)
    return page(call, "snapshots", found, snapshot_view)


def snapshot(store: Store, call: Call) -> Answer:
    return Answer(200, {"snapshot": snapshot_view(_snapshot(store, call))})


def delete_snapshot(store: Store, call: Call) -> Answer:
    found = _snapshot(store, call)
    if isinstance(found, Image):
        _drop(store, found, call.now)
    else:
        store.volume_snapshots.drop(found.id, call.now)
        store.note(call.now, "volume-snapshot-delete", None, found.name, id=found.id)
    return Answer(204)


def _snapshot(store: Store, call: Call) -> Image | VolumeSnapshot:
    of_volume = store.volume_snapshots.get(call.pieces[0])
    if of_volume is not None:
        return of_volume
    image = store.images.get(call.id())
    return need(image if image is not None and not image.public else None)
