"""The account over the simulated API: keys, actions, balance, regions, sizes, tags."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from chanops.simulator.do_calls import Answer, Call, need, numeral, page
from chanops.simulator.do_catalog import REGIONS, SIZES
from chanops.simulator.do_records import Json, Key, missing, unfit
from chanops.simulator.do_store import Store
from chanops.simulator.do_views import action_view, key_view, tag_view

_TAG = re.compile(r"[a-zA-Z0-9_\-:]{1,255}")


def account(store: Store, call: Call) -> Answer:
    team = "3d6c1c2a-5b0e-4b6e-9a4e-7f1f0c2d9b11"
    return Answer(
        200,
        {
            "account": {
                "droplet_limit": store.droplet_limit,
                "floating_ip_limit": 50,
                "reserved_ip_limit": 50,
                "volume_limit": 100,
                "email": "ops@example.org",
                "name": "Demo",
                "uuid": team,
                "email_verified": True,
                "status": "active",
                "status_message": "",
                "team": {"uuid": team, "name": "Demo team"},
            }
        },
    )


def balance(store: Store, call: Call) -> Answer:
    """GET /customers/my/balance: one day's price of what is there now, as month-to-date usage in dollars."""
    hourly = sum(SIZES[each.size]["price_hourly"] for each in store.droplets.values())
    usage = f"{hourly * 24:.2f}"
    return Answer(
        200,
        {
            "month_to_date_balance": usage,
            "account_balance": "0.00",
            "month_to_date_usage": usage,
            "generated_at": store.stamp(call.now),
        },
    )


def regions(store: Store, call: Call) -> Answer:
    return page(call, "regions", list(REGIONS.values()), lambda each: each)


def sizes(store: Store, call: Call) -> Answer:
    return page(call, "sizes", list(SIZES.values()), lambda each: each)


def actions(store: Store, call: Call) -> Answer:
    return page(call, "actions", store.actions.values(call.as_of)[::-1], action_view)


def action(store: Store, call: Call) -> Answer:
    return Answer(200, {"action": action_view(need(store.actions.get(call.id())))})


def fingerprint(public_key: str) -> str | None:
    """The MD5 fingerprint of a key's line; None when it is no key."""
    words = public_key.split()
    if len(words) < 2:
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = words[0].encode()
    if blob[4 : 4 + len(kind)] != kind:
        return None
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def keys(store: Store, call: Call) -> Answer:
    return page(call, "ssh_keys", store.keys.values(call.as_of), key_view)


def new_key(store: Store, call: Call) -> Answer:
    name, public_key = call.text("name"), call.text("public_key").strip()
    print_ = fingerprint(public_key)
    if print_ is None:
        raise unfit("Key invalid, key should be of the format `type key [comment]`")
    if any(each.fingerprint == print_ for each in store.keys.values()):
        raise unfit("SSH Key is already in use on your account")
    key = Key(store.number("key"), name, public_key, print_)
    store.keys.put(key.id, key, call.now)
    return Answer(201, {"ssh_key": key_view(key)})


def key(store: Store, call: Call) -> Answer:
    return Answer(200, {"ssh_key": key_view(_key(store, call))})


def rename_key(store: Store, call: Call) -> Answer:
    new = replace(_key(store, call), name=call.text("name"))
    store.keys.put(new.id, new, call.now)
    return Answer(200, {"ssh_key": key_view(new)})


def delete_key(store: Store, call: Call) -> Answer:
    store.keys.drop(_key(store, call).id, call.now)
    return Answer(204)


def _key(store: Store, call: Call) -> Key:
    wanted = call.pieces[0]
    number = numeral(wanted)
    if number is not None:
        return need(store.keys.get(number))
    return need(next((each for each in store.keys.values() if each.fingerprint == wanted), None))


def tags(store: Store, call: Call) -> Answer:
    kinds = _kinds(store)
    return page(call, "tags", store.tags.values(call.as_of), lambda each: tag_view(each, kinds, call.base))


def tag(store: Store, call: Call) -> Answer:
    name = need(store.tags.get(call.pieces[0]))
    return Answer(200, {"tag": tag_view(name, _kinds(store), call.base)})


def new_tag(store: Store, call: Call) -> Answer:
    name = call.text("name")
    if not _TAG.fullmatch(name):
        raise unfit("Tag names may have letters, numbers, colons, dashes and underscores only.")
    store.tags.put(name, name, call.now)
    return Answer(201, {"tag": tag_view(name, _kinds(store), call.base)})


def delete_tag(store: Store, call: Call) -> Answer:
    """The tag goes, and nothing has it any more."""
    name = need(store.tags.get(call.pieces[0]))
    for table in (store.droplets, store.images, store.volumes):
        for thing in table.values():
            if name in thing.tags:
                _retag(store, table, thing, name, False, call.now)
    store.tags.drop(name, call.now)
    return Answer(204)


def tag_things(store: Store, call: Call) -> Answer:
    """POST and DELETE /tags/{}/resources: {"resources": [{"resource_id": ..., "resource_type": ...}]}."""
    name = need(store.tags.get(call.pieces[0]))
    found: list[tuple[Any, Any]] = []
    for each in call.items("resources"):
        if not isinstance(each, dict):
            raise unfit("resources must be a list of objects")
        found.append(_thing(store, str(each.get("resource_type")), str(each.get("resource_id"))))
    for table, thing in found:
        _retag(store, table, thing, name, call.method == "POST", call.now)
    return Answer(204)


def _thing(store: Store, kind: str, wanted: str) -> tuple[Any, Any]:
    """The table and the thing in it."""
    if kind == "volume":
        return store.volumes, need(store.volumes.get(wanted))
    number = need(numeral(wanted))
    if kind == "droplet":
        return store.droplets, need(store.droplets.get(number))
    if kind == "image":
        image = need(store.images.get(number))
        if image.public:
            raise missing()
        return store.images, image
    raise unfit(f"{kind} is no resource type that can be tagged")


def _retag(store: Store, table: Any, thing: Any, name: str, wanted: bool, now: float) -> None:
    kept = tuple(each for each in thing.tags if each != name)
    table.put(thing.id, replace(thing, tags=(*kept, name) if wanted else kept), now)
    kind = {id(store.droplets): "droplet", id(store.images): "image"}.get(id(table), "volume")
    store.note(
        now, "tag" if wanted else "untag", thing.id if kind == "droplet" else None, name, thing=kind, id=thing.id
    )


def _kinds(store: Store) -> Json:
    """The id and the tags of all that can be tagged, by kind."""
    kinds: dict[str, Iterable[Any]] = {
        "droplets": store.droplets.values(),
        "images": store.images.values(),
        "volumes": store.volumes.values(),
        "volume_snapshots": store.volume_snapshots.values(),
    }
    return {
        **{kind: [(str(each.id), each.tags) for each in things] for kind, things in kinds.items()},
        "databases": [],
    }
