"""DigitalOcean's JSON as the shapes that all clouds share. All of these raise Odd."""

from typing import Any

from chanops.providers.base import Account, Action, Image, Key, Machine, Region, Reserved, Size, State
from chanops.providers.digitalocean.reading import Thing

STATES = {"new": State.CREATING, "active": State.RUNNING, "off": State.OFF, "archive": State.FAILED}
ACTION_STATES = {"completed": "done", "errored": "failed"}


def machine_of(provider: str, found: Any) -> Machine:
    """A droplet; one that is being made has `networks: {}`."""
    droplet = Thing("droplet", found)
    networks = [Thing("droplet's network", each) for each in droplet.inner("networks").items("v4")]
    public = next((each.address("ip_address") for each in networks if each.text("type") == "public"), "")
    image, features = droplet.inner("image"), droplet.texts("features")
    return Machine(
        provider,
        droplet.number("id"),
        droplet.name("name"),
        STATES.get(droplet.text("status"), State.UNKNOWN),
        public,
        droplet.text("size_slug"),
        droplet.inner("region").text("slug"),
        image.text("slug") or image.text("id"),
        droplet.texts("tags"),
        droplet.time("created_at"),
        droplet.inner("size").amount("price_hourly"),
        droplet.whole("disk"),
        droplet.whole("memory"),
        droplet.whole("vcpus"),
        droplet.texts("volume_ids"),
        "backups" in features,
        droplet.flag("locked"),
        droplet.text("vpc_uuid"),
        "ipv6" in features,
        "monitoring" in features,
    )


def image_of(found: Any) -> Image:
    """An image as /v2/images lists it."""
    image = Thing("image", found)
    return Image(
        image.number("id"),
        image.text("name"),
        image.text("slug"),
        image.text("type"),
        image.texts("regions"),
        image.amount("size_gigabytes"),
        image.whole("min_disk_size"),
        image.time("created_at"),
        image.text("status") == "available",
    )


def snapshot_of(found: Any) -> Image:
    """A droplet's snapshot as /v2/snapshots lists it, which does not say whether it is available."""
    snapshot = Thing("snapshot", found)
    return Image(
        snapshot.number("id"),
        snapshot.text("name"),
        "",
        "snapshot",
        snapshot.texts("regions"),
        snapshot.amount("size_gigabytes"),
        snapshot.whole("min_disk_size"),
        snapshot.time("created_at"),
        of=snapshot.number_if_any("resource_id"),
    )


def size_of(found: Any) -> Size:
    """A size, with its prices."""
    size = Thing("size", found)
    return Size(
        size.name("slug"),
        size.whole("memory"),
        size.whole("vcpus"),
        size.whole("disk"),
        size.amount("price_hourly"),
        size.amount("price_monthly"),
        size.texts("regions"),
        size.flag("available"),
    )


def region_of(found: Any) -> Region:
    """A region."""
    region = Thing("region", found)
    return Region(region.name("slug"), region.text("name"), region.flag("available"), region.texts("sizes"))


def key_of(found: Any) -> Key:
    """An SSH key of the account's."""
    key = Thing("key", found)
    return Key(key.number("id"), key.text("name"), key.text("fingerprint"))


def reserved_of(found: Any) -> Reserved:
    """A reserved address."""
    reserved = Thing("reserved address", found)
    reserved.name("ip")
    return Reserved(reserved.address("ip"), reserved.inner("droplet").number_if_any("id"))


def account_of(found: Any, used: str) -> Account:
    """Who we are."""
    account = Thing("account", found)
    return Account(account.text("email"), account.whole("droplet_limit"), used)


def action_of(found: Any) -> Action:
    """An action; what is done with addresses and images has numbers that may be some machine's, too."""
    action = Thing("action", found)
    return Action(
        action.number("id"),
        action.text("type"),
        action.number_if_any("resource_id") if action.text("resource_type") == "droplet" else "",
        ACTION_STATES.get(action.text("status"), "running"),
        action.time("started_at"),
    )


def words_of(found: Any) -> str:
    """Text by itself."""
    return Thing("answer", {"text": found}).text("text")


def domain_of(found: Any) -> str:
    """The name of a domain."""
    return Thing("domain", found).name("name").lower()


def record_of(found: Any) -> tuple[str, str, str, str]:
    """A DNS record: its type, its name, its id, where it points."""
    record = Thing("record", found)
    return record.text("type"), record.name("name").lower(), record.number("id"), record.text("data")
