"""Each thing that can be asked of DigitalOcean and changed there, and what is sent for it."""

import json
import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from chanops.core.machine_sections import HostSettings
from chanops.providers.base import LONG_AGO, BadRequest, Can, NotFound, Order, Reserved, State
from chanops.providers.hosts import hosts
from tests.providers.conftest import until

validator = pytest.importorskip("openapi_schema_validator")

HERE = Path(__file__).parent.parent / "data" / "digitalocean-openapi.json"
# What that part of the description leaves out.
NOT_DESCRIBED = re.compile(r"/v2/(reserved_ips|domains)(/|$)")


def described(asked):
    """All requests are to paths and methods of the description, and their bodies as it says, where it does."""
    whole = json.loads(Path(os.environ.get("CHANOPS_DIGITALOCEAN_OPENAPI", HERE)).read_text())
    paths = {re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)): found for path, found in whole["paths"].items()}
    for each in asked:
        path = urlsplit(each.target).path
        assert not path.endswith("/")
        if NOT_DESCRIBED.match(path):
            continue
        found = [methods for pattern, methods in paths.items() if pattern.fullmatch(path)]
        assert any(each.method.lower() in methods for methods in found), f"{each.method} {path}"
        for operation in (methods[each.method.lower()] for methods in found if each.method.lower() in methods):
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if schema is not None:
                schema = {**schema, "components": whole["components"]}
                validator.OAS30Validator(schema).validate(json.loads(each.body))


@pytest.fixture
def requests(asked):
    yield asked
    described(asked)


@pytest.fixture
def id(cloud):
    return str(cloud.world.add_droplet("web", tags=("a", "b:c")))


def sent(requests):
    """The one request that changed something."""
    (found,) = [each for each in requests if each.method != "GET"]
    return found.method, found.target, json.loads(found.body)


def test_a_machine(provider, requests, id):
    (machine,) = provider.machines()
    assert machine == provider.machine(id)
    assert (machine.provider, machine.id, machine.name, machine.state) == ("do", id, "web", State.RUNNING)
    assert (machine.size, machine.region, machine.image) == ("s-1vcpu-1gb", "fra1", "debian-12-x64")
    assert (machine.disk, machine.memory, machine.cpus, machine.tags) == (25, 1024, 1, ("a", "b:c"))
    assert (machine.price > 0, machine.created > LONG_AGO, machine.network != "") == (True, True, True)
    assert (machine.locked, machine.backups, machine.ipv6, machine.monitoring) == (False, False, False, False)
    assert re.fullmatch(r"[0-9.]+", machine.address)


def test_create(cloud, provider, requests):
    volume = cloud.world.add_volume("v")
    listed = provider.keys()
    keys = tuple(each.id for each in listed)
    order = Order(
        "web-1",
        "s-1vcpu-1gb",
        "fra1",
        "debian-12-x64",
        ("x", "chanops-job-7"),
        keys,
        "#!/bin/sh\necho ü 💥\n",
        (volume,),
    )
    order = Order(**{**vars(order), "ipv6": True, "monitoring": True, "backups": True})
    made = provider.create(order)
    assert (made.name, made.state, made.address, made.tags) == ("web-1", State.CREATING, "", order.tags)
    method, target, body = sent(requests)
    assert (method, target) == ("POST", "/v2/droplets")
    assert body == {
        "name": "web-1",
        "size": "s-1vcpu-1gb",
        "region": "fra1",
        "image": "debian-12-x64",
        "ssh_keys": [int(each) for each in keys],
        "tags": ["x", "chanops-job-7"],
        "backups": True,
        "ipv6": True,
        "monitoring": True,
        "user_data": order.script,
        "volumes": [volume],
    }
    until(lambda: provider.machine(made.id).state == State.RUNNING)
    machine = provider.machine(made.id)
    assert (machine.backups, machine.ipv6, machine.monitoring, machine.volumes) == (True, True, True, (volume,))
    assert machine.address


def test_create_from_a_snapshot_with_a_key_by_fingerprint(cloud, provider, requests, id):
    image = str(cloud.world.add_snapshot("s", int(id)))
    (key,) = provider.keys()
    assert provider.create(Order("web-2", "s-1vcpu-1gb", "fra1", image, keys=(key.fingerprint,))).image == image
    body = sent(requests)[2]
    assert (body["image"], body["ssh_keys"]) == (int(image), [key.fingerprint])
    assert not {"user_data", "volumes", "vpc_uuid"} & set(body)


def test_from_on_to_gone(cloud, provider, requests, id):
    def ended(action):
        found = until(lambda: (each := provider.action(action)).state != "running" and each)
        assert (found.id, found.machine, found.state) == (action, id, "done")
        assert found in provider.actions()
        return found.kind

    assert ended(provider.reboot(id)) == "reboot"
    assert ended(provider.shut_down(id)) == "shutdown"
    until(lambda: provider.machine(id).state == State.OFF)
    assert ended(provider.resize(id, "s-2vcpu-2gb", False)) == "resize"
    assert (provider.machine(id).size, provider.machine(id).disk) == ("s-2vcpu-2gb", 25)
    assert ended(provider.resize(id, "s-2vcpu-2gb", True)) == "resize"
    assert ended(provider.rename(id, "other")) == "rename"
    assert ended(provider.snapshot(id, "other-1")) == "snapshot"
    (image,) = until(provider.snapshots)
    assert (image.name, image.of, image.available, image.kind) == ("other-1", id, True, "snapshot")
    assert (image.size > 0, image.regions, image.least_disk > 0) == (True, ("fra1",), True)
    assert [each.id for each in provider.images(own=True)] == [image.id]
    assert ended(provider.rebuild(id, image.id)) == "rebuild"
    until(lambda: not provider.machine(id).locked)
    if provider.machine(id).state != State.RUNNING:
        assert ended(provider.start(id)) == "power_on"
    until(lambda: provider.machine(id).state == State.RUNNING)
    assert ended(provider.cut_power(id)) == "power_off"
    until(lambda: provider.machine(id).state == State.OFF)
    assert provider.machine(id).name == "other"
    assert provider.delete_image(image.id) is None
    assert provider.destroy(id) is None
    until(lambda: not provider.machines())
    with pytest.raises(NotFound):
        provider.machine(id)
    assert provider.snapshots() == []
    bodies = [json.loads(each.body) for each in requests if each.method == "POST"]
    assert {"type": "resize", "size": "s-2vcpu-2gb", "disk": True} in bodies
    assert {"type": "snapshot", "name": "other-1"} in bodies
    assert {"type": "rebuild", "image": int(image.id)} in bodies
    assert [each.target for each in requests if each.method == "DELETE"] == [
        f"/v2/images/{image.id}",
        f"/v2/droplets/{id}",
    ]


def test_an_action_that_fails(provider, fault, requests, id):
    fault("errored-action")
    action = provider.reboot(id)
    until(lambda: provider.action(action).state == "failed")


def test_what_is_sold(provider, requests):
    sizes, regions = provider.sizes(), provider.regions()
    assert {each.slug for each in regions} >= {region for each in sizes for region in each.regions}
    assert all(each.hourly > 0 and each.monthly > 0 and each.memory and each.disk and each.cpus for each in sizes)
    assert any(not each.available for each in regions)
    public = provider.images(own=False)
    assert any(each.slug == "debian-12-x64" and each.available for each in public)
    assert len({each.id for each in public}) == len(public)


def test_the_account(cloud, provider, requests):
    account = provider.account()
    assert (account.name, account.most_machines) == ("ops@example.org", cloud.world.droplet_limit)
    assert account.month_to_date == "0.00"


def test_tags(cloud, provider, requests, id):
    odd = ["A_b-C:d", ":", "-", "_", "0", "x" * 255]
    provider.tag(id, odd, ["a"])
    assert set(provider.machine(id).tags) == {"b:c", *odd}
    provider.tag(id, odd, ["a", "never-there"])
    provider.tag(id, [], odd)
    assert provider.machine(id).tags == ("b:c",)
    assert {"resources": [{"resource_id": id, "resource_type": "droplet"}]} in requests.bodies("DELETE")
    for add, remove in ((["x"], []), ([], ["x"]), ([], ["never-there"])):
        with pytest.raises(NotFound):
            provider.tag("999", add, remove)


def test_reserved_addresses(cloud, provider, requests, id):
    free, taken = cloud.world.add_reserved_ip(), cloud.world.add_reserved_ip(int(id))
    assert set(provider.reserved()) == {Reserved(free, ""), Reserved(taken, id)}
    other = str(cloud.world.add_droplet("other"))
    action = provider.point_address(taken, other)
    assert sent(requests)[1:] == (f"/v2/reserved_ips/{taken}/actions", {"type": "assign", "droplet_id": int(other)})
    found = until(lambda: (each := provider.action(action)).state == "done" and each)
    assert (found.kind, found.machine) == ("assign_ip", ""), "its number is not a machine's"
    assert Reserved(taken, other) in provider.reserved()
    with pytest.raises(NotFound):
        provider.point_address("192.0.2.77", id)


@pytest.fixture
def domains(cloud):
    for name in ("example.org", "deep.example.org", "ample.org"):
        cloud.world.add_domain(name)


@pytest.mark.parametrize(
    ("record", "domain", "name"),
    [
        ("web.example.org", "example.org", "web"),
        ("example.org", "example.org", "@"),
        ("a.b.deep.example.org", "deep.example.org", "a.b"),
        ("deep.example.org", "deep.example.org", "@"),
        ("Web.Example.org.", "example.org", "web"),
        ("*.example.org", "example.org", "*"),
    ],
)
def test_dns(cloud, provider, requests, domains, record, domain, name):
    provider.point_dns(record, "192.0.2.1")
    made = {"type": "A", "name": name, "data": "192.0.2.1", "ttl": 60}
    assert sent(requests) == ("POST", f"/v2/domains/{domain}/records", made)
    provider.point_dns(record, "192.0.2.1")
    assert len([each for each in requests if each.method != "GET"]) == 1, "it is so already"
    provider.point_dns(record, "192.0.2.2")
    assert requests[-1].method == "PATCH"
    assert json.loads(requests[-1].body) == {"type": "A", "data": "192.0.2.2"}
    assert all(
        dict(parse_qsl(urlsplit(each.target).query))["type"] == "A" for each in requests if "type=" in each.target
    )
    found = [each for each in cloud.world.truth if each.kind.startswith("record")]
    assert [each.detail["data"] for each in found] == ["192.0.2.1", "192.0.2.2"]


def test_dns_that_is_not_ours_to_change(cloud, provider, requests, domains):
    with pytest.raises(BadRequest, match=r"serves no domain of web.example.net"):
        provider.point_dns("web.example.net", "192.0.2.1")
    with pytest.raises(BadRequest):
        provider.point_dns("notexample.org", "192.0.2.1")
    for number in (1, 2):
        cloud.world.add_record("example.org", "A", "two", f"192.0.2.{number}")
    with pytest.raises(BadRequest, match="has 2 A records"):
        provider.point_dns("two.example.org", "192.0.2.3")
    cloud.world.add_record("example.org", "TXT", "text", "x")
    provider.point_dns("text.example.org", "192.0.2.3")
    assert [each.method for each in requests if each.method != "GET"] == ["POST"]


def test_what_it_can(provider):
    assert provider.can == set(Can)


def test_plain_hosts():
    (host,) = hosts({"db": HostSettings(address="192.0.2.9", tags=("x",))})
    assert (host.provider, host.id, host.name, host.state, host.address) == (
        "hosts",
        "db",
        "db",
        State.UNKNOWN,
        "192.0.2.9",
    )


def test_a_key_is_added_and_listed_and_not_added_again(cloud, provider, requests):
    public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " alice@laptop"
    id = provider.add_key("alice ü", public)
    assert sent(requests) == ("POST", "/v2/account/keys", {"name": "alice ü", "public_key": public})
    listed = provider.keys()
    assert [(each.name, each.id) for each in listed if each.id == id] == [("alice ü", id)]
    with pytest.raises(BadRequest, match="already in use"):
        provider.add_key("again", public)
    with pytest.raises(BadRequest):
        provider.add_key("none", "no key")
