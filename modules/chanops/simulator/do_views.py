"""The simulated DigitalOcean's things as the JSON of its API."""

from collections.abc import Iterable

from chanops.simulator.do_catalog import REGIONS, SIZES
from chanops.simulator.do_records import (
    Action,
    Droplet,
    Image,
    Json,
    Key,
    Record,
    ReservedIp,
    Volume,
    VolumeSnapshot,
)
from chanops.simulator.do_store import Store


def droplet_view(droplet: Droplet, now: float, *, bare: bool = False) -> Json:
    """A droplet as it shows at `now`; `bare` without its networks."""
    shown_on = droplet.status == "off" and now < droplet.seen_on_until
    size = SIZES[droplet.size]
    return {
        "id": droplet.id,
        "name": droplet.name,
        "memory": size["memory"],
        "vcpus": size["vcpus"],
        "disk": droplet.disk,
        "disk_info": [{"type": "local", "size": {"amount": droplet.disk, "unit": "gib"}}],
        "locked": droplet.pending is not None,
        "status": "active" if shown_on else droplet.status,
        "kernel": None,
        "created_at": droplet.created_at,
        "features": list(droplet.features),
        "backup_ids": [],
        "next_backup_window": None,
        "snapshot_ids": list(droplet.snapshot_ids),
        "image": image_view(droplet.image),
        "volume_ids": list(droplet.volume_ids),
        "size": size,
        "size_slug": droplet.size,
        "networks": {} if bare or droplet.public is None else _networks(droplet),
        "region": REGIONS[droplet.region],
        "tags": list(droplet.tags),
        "vpc_uuid": droplet.vpc,
    }


def _networks(droplet: Droplet) -> Json:
    public, private = droplet.public or "", droplet.private or ""
    sixes = []
    if droplet.public6:
        sixes = [{"ip_address": droplet.public6, "netmask": 64, "gateway": "2001:db8::1", "type": "public"}]
    return {
        "v4": [
            {"ip_address": private, "netmask": "255.255.0.0", "gateway": _gateway(private, 2), "type": "private"},
            {"ip_address": public, "netmask": "255.255.255.0", "gateway": _gateway(public, 3), "type": "public"},
        ],
        "v6": sixes,
    }


def _gateway(address: str, kept: int) -> str:
    return ".".join([*address.split(".")[:kept], *["0", "1"][kept - 2 :]])


def image_view(image: Image) -> Json:
    return {
        "id": image.id,
        "name": image.name,
        "distribution": image.distribution,
        "slug": image.slug,
        "public": image.public,
        "regions": list(image.regions),
        "created_at": image.created_at,
        "type": image.type,
        "min_disk_size": image.min_disk,
        "size_gigabytes": image.size_gb,
        "description": image.description,
        "tags": list(image.tags),
        "status": image.status,
        "error_message": "",
    }


def droplet_snapshot_view(image: Image) -> Json:
    """A snapshot below its droplet: the id is a number."""
    view = _snapshot(image)
    return {"id": image.id, **view, "type": "snapshot"}


def snapshot_view(thing: Image | VolumeSnapshot) -> Json:
    """A snapshot in the list of all: the id is a string."""
    if isinstance(thing, Image):
        owner, kind = str(thing.droplet_id or ""), "droplet"
    else:
        owner, kind = thing.volume_id, "volume"
    view = {"id": str(thing.id), **_snapshot(thing)}
    return {**view, "resource_id": owner, "resource_type": kind, "tags": list(thing.tags)}


def _snapshot(thing: Image | VolumeSnapshot) -> Json:
    return {
        "name": thing.name,
        "created_at": thing.created_at,
        "regions": list(thing.regions) if isinstance(thing, Image) else [thing.region],
        "min_disk_size": thing.min_disk,
        "size_gigabytes": thing.size_gb,
    }


def action_view(action: Action) -> Json:
    return {
        "id": action.id,
        "status": action.status,
        "type": action.type,
        "started_at": action.started_at,
        "completed_at": action.completed_at,
        "resource_id": action.resource_id,
        "resource_type": action.resource_type,
        "region": REGIONS[action.region] if action.region else None,
        "region_slug": action.region,
    }


def key_view(key: Key) -> Json:
    return {"id": key.id, "fingerprint": key.fingerprint, "public_key": key.public_key, "name": key.name}


def volume_view(volume: Volume) -> Json:
    return {
        "id": volume.id,
        "region": REGIONS[volume.region],
        "droplet_ids": [] if volume.droplet_id is None else [volume.droplet_id],
        "name": volume.name,
        "description": volume.description,
        "size_gigabytes": volume.size_gb,
        "created_at": volume.created_at,
        "filesystem_type": volume.filesystem_type,
        "filesystem_label": volume.filesystem_label,
        "tags": list(volume.tags),
    }


def ip_view(store: Store, ip: ReservedIp, now: float) -> Json:
    droplet = None if ip.droplet_id is None else store.droplets.get(ip.droplet_id)
    return {
        "ip": ip.ip,
        "droplet": None if droplet is None else droplet_view(droplet, now),
        "region": REGIONS[ip.region],
        "locked": False,
        "project_id": None,
    }


def record_view(record: Record) -> Json:
    rest: Json = {"priority": None, "port": None, "weight": None, "flags": None, "tag": None, **record.rest}
    return {
        "id": record.id,
        "type": record.type,
        "name": record.name,
        "data": record.data,
        "ttl": record.ttl,
        **rest,
    }


def tag_view(name: str, kinds: dict[str, Iterable[tuple[str, tuple[str, ...]]]], base: str) -> Json:
    """A tag with the counts of what has it; `kinds` has (id, tags) of every thing by the name of its kind."""
    total, last_uri = 0, ""
    resources: Json = {}
    for kind, things in kinds.items():
        tagged = [thing for thing, tags in things if name in tags]
        resources[kind] = {"count": len(tagged)}
        if tagged:
            last_uri = resources[kind]["last_tagged_uri"] = f"{base}{kind}/{tagged[-1]}"
        total += len(tagged)
    return {
        "name": name,
        "resources": {"count": total, **({"last_tagged_uri": last_uri} if total else {}), **resources},
    }
