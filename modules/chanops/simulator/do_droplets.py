"""Droplets over the simulated API: list, create, look, destroy, and their snapshots and actions."""

import re
from collections.abc import Sequence
from typing import Any

from chanops.simulator import do_work
from chanops.simulator.do_calls import Answer, Call, link, need, numeral, page
from chanops.simulator.do_catalog import OPEN, REGIONS, SIZES
from chanops.simulator.do_records import Droplet, Image, Json, Refusal, busy, unfit
from chanops.simulator.do_store import Store
from chanops.simulator.do_views import action_view, droplet_snapshot_view, droplet_view

_MOST_AT_ONCE = 10
_NAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]")


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise unfit("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    return name


def find_image(store: Store, wanted: Any) -> Image | None:
    """An image by its number, as int or text, or by its slug."""
    if isinstance(wanted, str):
        wanted = numeral(wanted) or store.slugs.get(wanted)
    return store.images.get(wanted) if isinstance(wanted, int) else None


def check_fit(image: Image, disk: int, region: str) -> None:
    """Refuse an image that is not in the region or needs a larger disk, in GB."""
    if region not in image.regions:
        raise unfit("The image you specified is not available in the selected region.")
    if image.min_disk > disk:
        raise unfit(f"The image you specified needs a disk of {image.min_disk} GB at least; this size has {disk} GB.")


def every(store: Store, call: Call) -> Answer:
    """GET /droplets, with tag_name or name."""
    found: Sequence[Droplet] = store.droplets.values(call.as_of)
    if tag := call.query.get("tag_name"):
        found = [each for each in found if tag in each.tags]
    if name := call.query.get("name"):
        found = [each for each in found if each.name.lower() == name.lower()]
    return page(call, "droplets", found, lambda each: _view(call, each))


def one(store: Store, call: Call) -> Answer:
    return Answer(200, {"droplet": _view(call, _droplet(store, call))})


def create(store: Store, call: Call) -> Answer:
    """POST /droplets: one by "name" or up to ten by "names"."""
    names = call.texts("names")
    several = bool(names)
    names = names or (call.text("name"),)
    if len(names) > _MOST_AT_ONCE:
        raise unfit(f"You may create {_MOST_AT_ONCE} Droplets at most in one request.")
    for name in names:
        check_name(name)
    if len(store.droplets.values()) + len(names) > store.droplet_limit:
        raise unfit("creating this/these droplet(s) will exceed your droplet limit")
    size, image = SIZES.get(call.text("size")), find_image(store, call.body.get("image"))
    if size is None:
        raise unfit("You specified an invalid size for Droplet creation.")
    if image is None:
        raise unfit("You specified an invalid image for Droplet creation.")
    region = _region(call, size, image)
    check_fit(image, size["disk"], region)
    keys, volumes = _keys(store, call), _volumes(store, call, region, several)
    made, links = [], []
    for name in names:
        droplet = _new(store, call, name, image, (size["slug"], region), keys, volumes)
        action = do_work.create(store, droplet, call.now, call.twists)
        made.append(droplet_view(need(store.droplets.get(droplet.id)), call.now))
        links.append(link(call, action, "create"))
    what: Json = {"droplets": made} if several else {"droplet": made[0]}
    return Answer(202, {**what, "links": {"actions": links}})


def _region(call: Call, size: Json, image: Image) -> str:
    """The region asked for; else the first that has the size and the image."""
    wanted = call.text("region", "")
    if not wanted:
        wanted = next((each for each in OPEN if each in size["regions"] and each in image.regions), "")
    if wanted not in REGIONS:
        raise unfit("You specified an invalid region for Droplet creation.")
    if not REGIONS[wanted]["available"]:
        raise unfit("The region you specified is not available.")
    if wanted not in size["regions"]:
        raise unfit("Size is not available in this region.")
    return wanted


def _keys(store: Store, call: Call) -> tuple[int, ...]:
    known = {str(each.id): each.id for each in store.keys.values()}
    known |= {each.fingerprint: each.id for each in store.keys.values()}
    wrong = [each for each in call.texts("ssh_keys") if each not in known]
    if wrong:
        raise unfit(f"{', '.join(wrong)} are invalid key identifiers for Droplet creation.")
    return tuple(known[each] for each in call.texts("ssh_keys"))


def _volumes(store: Store, call: Call, region: str, several: bool) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(call.texts("volumes")))
    if wanted and several:
        raise unfit("A volume can be attached to one Droplet only.")
    for volume_id in wanted:
        volume = store.volumes.get(volume_id)
        if volume is None or volume.region != region or volume.droplet_id is not None:
            raise unfit(f"The volume {volume_id} cannot be attached: it is unknown, elsewhere or in use.")
    return wanted


def _new(
    store: Store,
    call: Call,
    name: str,
    image: Image,
    where: tuple[str, str],
    keys: tuple[int, ...],
    volumes: tuple[str, ...],
) -> Droplet:
    """A droplet of a size in a region, not running yet."""
    wanted = [each for each in ("backups", "ipv6", "monitoring") if call.flag(each)]
    return Droplet(
        store.number("droplet"),
        name,
        *where,
        image,
        "new",
        store.stamp(call.now),
        SIZES[where[0]]["disk"],
        round(image.size_gb + store.rng.uniform(0.02, 0.2), 2),
        call.text("vpc_uuid", "") or store.vpc(where[1]),
        tuple(dict.fromkeys(call.texts("tags"))),
        volumes,
        features=("droplet_agent", "private_networking", *wanted),
        key_ids=keys,
        user_data=call.text("user_data", ""),
    )


def destroy(store: Store, call: Call) -> Answer:
    droplet = _droplet(store, call)
    if droplet.pending is not None:
        raise busy()
    do_work.destroy(store, droplet, call.now, store.delays.of("destroy"), "api", call.twists)
    return Answer(204)


def destroy_tagged(store: Store, call: Call) -> Answer:
    """DELETE /droplets: nobody should ever want this."""
    raise Refusal(403, "forbidden", "Destroying Droplets by tag is switched off here.")


def snapshots(store: Store, call: Call) -> Answer:
    droplet = _droplet(store, call)
    found = [
        each for each in store.images.values(call.as_of) if each.droplet_id == droplet.id and each.type == "snapshot"
    ]
    return page(call, "snapshots", found, droplet_snapshot_view)


def backups(store: Store, call: Call) -> Answer:
    """GET /droplets/{}/backups: none is ever made."""
    _droplet(store, call)
    none: list[Image] = []
    return page(call, "backups", none, droplet_snapshot_view)


def actions(store: Store, call: Call) -> Answer:
    droplet = _droplet(store, call)
    found = [
        each
        for each in reversed(store.actions.values(call.as_of))
        if each.resource_type == "droplet" and each.resource_id == droplet.id
    ]
    return page(call, "actions", found, action_view)


def action(store: Store, call: Call) -> Answer:
    droplet = _droplet(store, call)
    found = need(store.actions.get(call.id(1)))
    if found.resource_type != "droplet" or found.resource_id != droplet.id:
        need(None)
    return Answer(200, {"action": action_view(found)})


def _droplet(store: Store, call: Call) -> Droplet:
    return need(store.droplets.get(call.id()))


def _view(call: Call, droplet: Droplet) -> Json:
    return droplet_view(droplet, call.seen, bare="bare-networks" in call.twists)
