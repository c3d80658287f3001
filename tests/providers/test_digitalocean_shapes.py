"""Whatever JSON comes: clean shapes, or an error that says what is wrong; and nothing else."""

import json
import math
import re
from dataclasses import astuple, is_dataclass
from datetime import datetime

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from chanops.core.text import visible
from chanops.providers.base import LONG_AGO, OutcomeUnknown, ProviderError, State
from chanops.providers.digitalocean import shapes
from chanops.providers.digitalocean.reading import Odd
from tests.providers.conftest import DROPLET, reply
from tests.providers.test_digitalocean_trouble import CHANGES

SHAPES = [
    lambda found: shapes.machine_of("do", found),
    shapes.image_of,
    shapes.snapshot_of,
    shapes.size_of,
    shapes.region_of,
    shapes.key_of,
    shapes.reserved_of,
    lambda found: shapes.account_of(found, ""),
    shapes.action_of,
    shapes.words_of,
    shapes.domain_of,
    shapes.record_of,
]
FIELDS = re.findall(
    r"\w+",
    """id name status networks v4 v6 type ip_address size price_hourly price_monthly region slug image tags
created_at started_at disk memory vcpus volume_ids features locked vpc_uuid size_slug regions size_gigabytes
min_disk_size resource_id resource_type available sizes fingerprint ip droplet email droplet_limit data""",
)
LEAVES = (
    some.none()
    | some.booleans()
    | some.integers(-10, 10**9)
    | some.integers()
    | some.just(10**4000)
    | some.floats()
    | some.text(max_size=12)
    | some.sampled_from(
        ["active", "public", "192.0.2.1", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "5", "droplet"]
    )
    | some.sampled_from(["\x1b[31m", "a\nb", "\u202e", "\ud800", "x" * 5000, "0001-01-01T00:00:00+14:00"])
)
JSON = some.recursive(
    LEAVES,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=20,
)
OBJECTS = some.dictionaries(some.sampled_from(FIELDS), JSON, max_size=15)
MEANT = some.fixed_dictionaries(
    {"id": some.integers(1, 10**9), "name": some.just("web"), "slug": some.just("s"), "ip": some.just("192.0.2.1")}
)


def clean(value):
    """Whether all of a shape's text is one line of sane length, without what nobody sees."""
    if isinstance(value, str):
        return visible(value) == value and len(value) <= 255 and len(value.splitlines()) <= 1
    if isinstance(value, tuple):
        return all(clean(each) for each in value)
    if isinstance(value, float):
        return math.isfinite(value) and value >= 0
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return isinstance(value, int | None)


def outcome(ask, kind):
    """What it returns, or says when it raises an error of that kind."""
    try:
        return ask()
    except kind as error:
        return str(error)[:255]


@pytest.mark.parametrize("number", range(len(SHAPES)))
@given(found=JSON | OBJECTS | some.builds(lambda meant, odd: {**odd, **meant}, MEANT, OBJECTS))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@example(found={**DROPLET, "networks": {"v4": [{"type": "public", "ip_address": "1.2.3.4\n"}]}})
@example(found={"id": 1, "name": "x\u2028y", "created_at": "0001-01-01T00:00:00+14:00"})
@example(found={"id": True, "name": "x"})
def test_any_json(number, found):
    shape = outcome(lambda: SHAPES[number](found), Odd)
    assert clean(astuple(shape) if is_dataclass(shape) else shape), shape


@given(body=OBJECTS | JSON, how=some.sampled_from(["droplet", "droplets", "action", "actions", "images", "ssh_keys"]))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_json_over_http(raw, opened, body, how):
    try:
        data = json.dumps({how: [body] if how.endswith("s") else body, "links": body}).encode()
    except ValueError:
        data = b"[" + b"9" * 6000 + b"]"
    raw.answer, provider = reply(200, data), opened(raw.url)
    asks = [provider.machines, provider.actions, provider.keys, provider.reserved, provider.account, provider.snapshots]
    for ask in (
        *asks,
        lambda: provider.machine("5"),
        lambda: provider.action("5"),
        lambda: provider.point_dns("a.b", "1.2.3.4"),
    ):
        assert not isinstance(told := outcome(ask, ProviderError), str) or clean(told)
    for change in ("create", "start", "snapshot"):
        told = outcome(lambda change=change: CHANGES[change](provider, "5"), OutcomeUnknown)
        assert not isinstance(told, str) or clean(told)


GOOD = {
    **DROPLET,
    "status": "off",
    "created_at": "2026-01-02T03:04:05Z",
    "networks": {"v4": [{"type": "private", "ip_address": "10.0.0.1"}, {"type": "public", "ip_address": "192.0.2.1"}]},
    "image": {"id": 7, "slug": None},
    "region": None,
    "features": ["ipv6"],
    "tags": None,
}


def test_what_is_null_is_absent():
    machine = shapes.machine_of("do", GOOD)
    assert (machine.state, machine.address, machine.image, machine.region) == (State.OFF, "192.0.2.1", "7", "")
    assert (machine.tags, machine.ipv6, machine.volumes) == ((), True, ())
    bare = shapes.machine_of("do", {"id": 5, "name": "x"})
    assert (bare.state, bare.created, bare.price) == (State.UNKNOWN, LONG_AGO, 0.0)
    assert shapes.machine_of("do", {**GOOD, "status": "melted"}).state == State.UNKNOWN


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("id", None, "droplet web: id is not a number"),
        ("id", "5/../6", "id is not a number"),
        ("id", 5.0, "id is not a number"),
        ("name", None, "droplet 5: name is not there"),
        ("name", ["x"], "droplet 5: name is not text"),
        ("disk", 1.5, "droplet 5: disk is not a whole number"),
        ("memory", -1, "droplet 5: memory is not a number"),
        ("vcpus", math.nan, "vcpus is not a number"),
        ("size", {"price_hourly": math.inf}, "droplet's size: price_hourly is not a number"),
        ("size", [], "droplet 5: size is not an object"),
        ("networks", [], "droplet 5: networks is not an object"),
        ("networks", {"v4": {}}, "v4 is not a list"),
        ("networks", {"v4": [5]}, "network is no object"),
        ("networks", {"v4": [{"type": "public", "ip_address": "evil.example"}]}, "ip_address is not an address"),
        ("created_at", "yesterday", "created_at is not a time"),
        ("created_at", 5, "created_at is not a time"),
        ("tags", [5], "tags is not a list of texts"),
        ("locked", "false", "locked is not true or false"),
    ],
)
def test_what_is_said_of_what_is_odd(field, value, said):
    with pytest.raises(Odd) as caught:
        shapes.machine_of("do", {**GOOD, field: value})
    assert said in str(caught.value)


def test_an_image_that_is_not_said_to_be_available_is_not():
    assert not shapes.image_of({"id": 5}).available
    assert not shapes.image_of({"id": 5, "status": "pending"}).available
    assert shapes.image_of({"id": "05", "status": "available"}).id == "5"


def test_only_a_machines_action_has_a_machine():
    assert shapes.action_of({"id": 1, "resource_id": 5, "resource_type": "droplet"}).machine == "5"
    assert shapes.action_of({"id": 1, "resource_id": 5, "resource_type": "image"}).machine == ""
    assert shapes.action_of({"id": 1, "resource_id": None, "resource_type": "volume"}).machine == ""
