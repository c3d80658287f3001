"""DigitalOcean's JSON as the shapes that all clouds share. Its text is foreign: only what is checked goes on."""

from datetime import UTC, datetime
from typing import Any

from chanops.core.text import shorten, visible
from chanops.providers.base import LONG_AGO, Action, Image, Key, Machine, Region, Reserved, Size, State
from chanops.providers.base import BadRequest as Bad

STATES = {"new": State.CREATING, "active": State.RUNNING, "off": State.OFF, "archive": State.FAILED}
ACTION_STATES = {"completed": "done", "errored": "failed"}
LONGEST = 255


def number(id: str) -> int:
    """An id as DigitalOcean counts; anything else never gets into an address."""
    if not (id.isascii() and id.isdecimal() and len(id) <= 18):
        raise Bad(f"{visible(id)[:40]} is no id of DigitalOcean's")
    return int(id)


def text(value: Any) -> str:
    """A piece of text on one line, of a sane length."""
    return shorten(visible(str(value)), LONGEST) if value is not None else ""


def texts(value: Any) -> tuple[str, ...]:
    return tuple(text(each) for each in value) if isinstance(value, list) else ()


def time(value: Any) -> datetime:
    """An ISO time."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return LONG_AGO
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def machine(provider: str, found: dict[str, Any]) -> Machine:
    """A droplet; one that is being made has `networks: {}`."""
    networks = (found.get("networks") or {}).get("v4") or []
    public = next((text(each.get("ip_address")) for each in networks if each.get("type") == "public"), "")
    size, features = found.get("size") or {}, texts(found.get("features"))
    image = found.get("image") or {}
    return Machine(
        provider,
        str(number(str(found["id"]))),
        text(found.get("name")),
        STATES.get(str(found.get("status")), State.UNKNOWN),
        public,
        text(found.get("size_slug")),
        text((found.get("region") or {}).get("slug")),
        text(image.get("slug") or image.get("id")),
        texts(found.get("tags")),
        time(found.get("created_at")),
        float(size.get("price_hourly") or 0),
        int(found.get("disk") or 0),
        int(found.get("memory") or 0),
        int(found.get("vcpus") or 0),
        texts(found.get("volume_ids")),
        "backups" in features,
        bool(found.get("locked")),
        text(found.get("vpc_uuid")),
        "ipv6" in features,
        "monitoring" in features,
    )


def image(found: dict[str, Any]) -> Image:
    """An image as /v2/images lists it."""
    return Image(
        text(found["id"]),
        text(found.get("name")),
        text(found.get("slug")),
        text(found.get("type")),
        texts(found.get("regions")),
        float(found.get("size_gigabytes") or 0),
        int(found.get("min_disk_size") or 0),
        time(found.get("created_at")),
        found.get("status", "available") == "available",
    )


def snapshot(found: dict[str, Any], ready: bool) -> Image:
    """A snapshot as /v2/snapshots lists it."""
    return Image(
        text(found["id"]),
        text(found.get("name")),
        "",
        "snapshot",
        texts(found.get("regions")),
        float(found.get("size_gigabytes") or 0),
        int(found.get("min_disk_size") or 0),
        time(found.get("created_at")),
        ready,
        text(found.get("resource_id")),
    )


def size(found: dict[str, Any]) -> Size:
    """A size, with its prices."""
    return Size(
        text(found["slug"]),
        int(found.get("memory") or 0),
        int(found.get("vcpus") or 0),
        int(found.get("disk") or 0),
        float(found.get("price_hourly") or 0),
        float(found.get("price_monthly") or 0),
        texts(found.get("regions")),
        bool(found.get("available")),
    )


def region(found: dict[str, Any]) -> Region:
    """A region."""
    return Region(text(found["slug"]), text(found.get("name")), bool(found.get("available")), texts(found.get("sizes")))


def key(found: dict[str, Any]) -> Key:
    """An SSH key of the account's."""
    return Key(text(found["id"]), text(found.get("name")), text(found.get("fingerprint")))


def reserved(found: dict[str, Any]) -> Reserved:
    """A reserved address."""
    droplet = found.get("droplet") or {}
    return Reserved(text(found["ip"]), text(droplet.get("id")) if droplet else "")


def action(found: dict[str, Any]) -> Action:
    """An action."""
    return Action(
        text(found["id"]),
        text(found.get("type")),
        text(found.get("resource_id")),
        ACTION_STATES.get(str(found.get("status")), "running"),
        time(found.get("started_at")),
    )
