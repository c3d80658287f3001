"""Every answer of the simulated DigitalOcean, against the published description of the real one."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from chanops.simulator.digitalocean import CloudServer, Delays, Limits
from chanops.simulator.do_routes import ROUTES

requests = pytest.importorskip("requests")
validator = pytest.importorskip("openapi_schema_validator")
referencing = pytest.importorskip("referencing")
jsonschema = pytest.importorskip("referencing.jsonschema")

HERE = Path(__file__).parent.parent / "data" / "digitalocean-openapi.json"
# What the description has and the simulation does not: bulk actions, custom images, volumes by name, a volume's
# snapshots by another path.
LEFT_OUT = {
    ("POST", "/v2/droplets/actions"),
    ("POST", "/v2/images"),
    ("DELETE", "/v2/volumes"),
    ("POST", "/v2/volumes/actions"),
    ("GET", "/v2/volumes/{volume_id}/actions/{action_id}"),
    ("GET", "/v2/volumes/snapshots/{snapshot_id}"),
    ("DELETE", "/v2/volumes/snapshots/{snapshot_id}"),
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f somebody"


class Description:
    """The OpenAPI description, and which of its operations were seen with a good answer."""

    def __init__(self, path):
        self.all = json.loads(Path(path).read_text())
        resource = referencing.Resource(contents=self.all, specification=jsonschema.DRAFT4)
        self.registry = referencing.Registry().with_resource("urn:do", resource)
        self.paths = {re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)): path for path in self.all["paths"]}
        self.validators = {}
        self.seen = set()

    def check(self, method, path, answer):
        for pattern, template in self.paths.items():
            if pattern.fullmatch(path) and method.lower() in self.all["paths"][template]:
                break
        else:
            return
        responses = self.all["paths"][template][method.lower()]["responses"]
        status = str(answer.status_code)
        if answer.ok:
            assert status in responses, f"{method} {path} answers {status}, not one of {list(responses)}"
            self.seen.add((method, template))
        response = responses.get(status, responses["default"])
        while "$ref" in response:
            response = self.all["components"]["responses"][response["$ref"].rpartition("/")[2]]
        for name in response.get("headers", {}):
            assert name in answer.headers, f"{method} {path} has no header {name}"
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            assert answer.content == b"", f"{method} {path} has a body"
            return
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            # A reference inside is meant from the description's beginning.
            whole = json.loads(key.replace('"$ref": "#/', '"$ref": "urn:do#/'))
            self.validators[key] = validator.OAS30Validator(
                whole, registry=self.registry, format_checker=validator.oas30_format_checker
            )
        errors = [
            f"{list(each.absolute_path)}: {each.message}" for each in self.validators[key].iter_errors(answer.json())
        ]
        assert not errors, f"{method} {path} {status}: {errors}"


class Api:
    """A client whose every answer is checked."""

    def __init__(self, cloud, description):
        self.cloud = cloud
        self.description = description
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {cloud.token}"

    def __call__(self, method, path, body=None, status=None, **query):
        url = f"{self.cloud.url}{path}"
        answer = self.session.request(method, url, json=body, params=query, timeout=10)
        self.description.check(method, f"/v2/{path.rstrip('/')}", answer)
        if status is None:
            assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        else:
            assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def done(self, action):
        """The action once it is over."""
        assert action["status"] in ("in-progress", "completed")
        deadline = time.monotonic() + 5
        while action["status"] == "in-progress":
            assert time.monotonic() < deadline
            action = self("GET", f"actions/{action['id']}")["action"]
        assert action["status"] == "completed"
        assert action["completed_at"]
        assert isinstance(action["resource_id"], int) or action["resource_type"] != "droplet"
        return action

    def act(self, thing, kind, **body):
        return self.done(self("POST", f"{thing}/actions", {"type": kind, **body})["action"])

    def droplet(self, **body):
        wanted = {"name": "web-1", "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "fra1", **body}
        made = self("POST", "droplets/", wanted)
        self.done(self("GET", f"actions/{made['links']['actions'][0]['id']}")["action"])
        return made["droplet"]["id"]


@pytest.fixture(scope="module")
def description():
    path = os.environ.get("CHANOPS_DIGITALOCEAN_OPENAPI", HERE)
    if not Path(path).exists():
        pytest.skip(f"there is no description of the API at {path}")
    return Description(path)


@pytest.fixture
def api(description):
    with CloudServer(delays=Delays.quick(), seed=5, limits=Limits(minute=100_000, hour=100_000)) as cloud:
        api = Api(cloud, description)
        yield api
        api.session.close()


def test_the_account_its_keys_and_what_is_sold(api):
    assert api("GET", "account")["account"]["status"] == "active"
    assert set(api("GET", "customers/my/balance")) >= {"month_to_date_usage", "account_balance"}
    regions = api("GET", "regions")["regions"]
    assert len(regions) >= 8
    assert [each["available"] for each in regions].count(False) == 1
    sizes = {each["slug"]: each for each in api("GET", "sizes", per_page=200)["sizes"]}
    assert sizes["s-1vcpu-1gb"]["price_monthly"] == 6
    assert "syd1" not in sizes["c-2"]["regions"]
    (demo,) = api("GET", "account/keys/")["ssh_keys"]
    key = api("POST", "account/keys/", {"name": "mine", "public_key": KEY})["ssh_key"]
    assert re.fullmatch(r"([0-9a-f]{2}:){15}[0-9a-f]{2}", key["fingerprint"])
    api("POST", "account/keys", {"name": "again", "public_key": KEY}, status=422)
    api("POST", "account/keys", {"name": "bad", "public_key": "ssh-ed25519 nothing"}, status=422)
    assert api("GET", f"account/keys/{key['fingerprint']}") == api("GET", f"account/keys/{key['id']}")
    assert api("PUT", f"account/keys/{key['id']}", {"name": "ours"})["ssh_key"]["name"] == "ours"
    api("DELETE", f"account/keys/{key['fingerprint']}/")
    api("GET", f"account/keys/{key['id']}", status=404)
    assert api("GET", "account/keys")["ssh_keys"] == [demo]


def test_a_droplet_from_its_creation_to_its_end(api):
    key = api("GET", "account/keys")["ssh_keys"][0]
    made = api(
        "POST",
        "droplets",
        {
            "name": "web-1",
            "size": "s-1vcpu-1gb",
            "image": "ubuntu-24-04-x64",
            "region": "ams3",
            "ssh_keys": [key["id"], key["fingerprint"]],
            "tags": ["web", "env:test"],
            "ipv6": True,
            "vpc_uuid": None,
        },
    )
    new = made["droplet"]
    assert (new["status"], new["networks"], new["locked"]) == ("new", {}, True)
    assert made["links"]["actions"][0]["href"].startswith(api.cloud.url)
    api("DELETE", f"droplets/{new['id']}", status=422)
    api.done(api("GET", f"actions/{made['links']['actions'][0]['id']}")["action"])
    droplet = api("GET", f"droplets/{new['id']}")["droplet"]
    assert (droplet["status"], droplet["locked"]) == ("active", False)
    assert {each["type"] for each in droplet["networks"]["v4"]} == {"public", "private"}
    assert len(droplet["networks"]["v6"]) == 1
    assert [each["id"] for each in api("GET", "droplets", tag_name="web")["droplets"]] == [new["id"]]
    assert [each["id"] for each in api("GET", "droplets", name="web-1")["droplets"]] == [new["id"]]
    assert api("GET", "droplets", tag_name="db")["droplets"] == []
    path = f"droplets/{new['id']}"
    api.act(path, "rename", name="web-2")
    api.act(path, "reboot")
    api.act(path, "power_cycle")
    api.act(path, "password_reset")
    api.act(path, "enable_backups")
    assert "backups" in api("GET", path)["droplet"]["features"]
    api.act(path, "disable_backups")
    assert api("GET", f"{path}/backups")["backups"] == []
    api.act(path, "snapshot", name="first")
    (snapshot,) = api("GET", f"{path}/snapshots")["snapshots"]
    assert api("GET", path)["droplet"]["snapshot_ids"] == [snapshot["id"]]
    api.act(path, "restore", image=snapshot["id"])
    api.act(path, "rebuild", image="debian-13-x64")
    api.act(path, "power_off")
    api.act(path, "resize", size="s-1vcpu-2gb", disk="true")
    assert api("GET", path)["droplet"]["disk"] == 50
    api.act(path, "power_on")
    api.act(path, "shutdown")
    kinds = [each["type"] for each in api("GET", f"{path}/actions")["actions"]]
    assert (kinds[0], kinds[-1]) == ("shutdown", "create")
    first = api("GET", f"{path}/actions")["actions"][0]
    assert api("GET", f"{path}/actions/{first['id']}")["action"] == first
    api("DELETE", path)
    deadline = time.monotonic() + 5
    while api("GET", "droplets")["droplets"]:
        assert time.monotonic() < deadline
    api("GET", path, status=404)
    assert api("GET", f"snapshots/{snapshot['id']}")["snapshot"]["resource_id"] == str(new["id"])
    assert api("GET", "actions", per_page=200)["actions"][0]["type"] == "destroy"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "two words"}, "hostname"),
        ({"name": None}, "name"),
        ({"size": "s-0vcpu"}, "invalid size"),
        ({"image": "windows"}, "invalid image"),
        ({"image": 17}, "invalid image"),
        ({"region": "mars1"}, "invalid region"),
        ({"region": "sfo1"}, "not available"),
        ({"size": "c-2", "region": "syd1"}, "Size is not available in this region"),
        ({"size": "s-1vcpu-512mb-10gb", "image": "docker-20-04"}, "disk"),
        ({"ssh_keys": [1]}, "invalid key identifiers"),
        ({"volumes": ["nothing"]}, "volume"),
        ({"tags": "web"}, "tags"),
        ({"names": [f"a{number}" for number in range(11)]}, "10"),
    ],
)
def test_a_droplet_that_cannot_be(api, change, message):
    body = {"name": "web", "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "fra1", **change}
    answer = api("POST", "droplets", body, status=422)
    assert answer["id"] == "unprocessable_entity"
    assert message in answer["message"]
    assert api("GET", "droplets")["meta"]["total"] == 0
    assert api.cloud.world.truth == []


def test_several_droplets_at_once_and_a_region_of_the_clouds_choice(api):
    body = {"names": ["a", "b"], "size": "s-1vcpu-1gb", "image": "debian-12-x64"}
    made = api("POST", "droplets", body)
    assert [each["name"] for each in made["droplets"]] == ["a", "b"]
    assert len(made["links"]["actions"]) == 2
    assert api("DELETE", "droplets", status=403, tag_name="a")["id"] == "forbidden"


def test_actions_that_are_refused(api):
    number = api.cloud.world.add_droplet("web", size="s-1vcpu-2gb")
    snapshot = api.cloud.world.add_snapshot("old", number, min_disk=50)
    path = f"droplets/{number}/actions"
    for body, words in (
        ({"type": "fly"}, "fly"),
        ({}, "type"),
        ({"type": "power_on"}, "already powered on"),
        ({"type": "resize", "size": "s-2vcpu-4gb"}, "currently on"),
        ({"type": "rename", "name": "a b"}, "hostname"),
        ({"type": "restore", "image": "debian-12-x64"}, "backup or a snapshot"),
        ({"type": "rebuild", "image": 1}, "invalid image"),
    ):
        assert words in api("POST", path, body, status=422)["message"]
    api.cloud.world.set_status(number, "off")
    for body, words in (
        ({"type": "shutdown"}, "already powered off"),
        ({"type": "reboot"}, "currently off"),
        ({"type": "resize", "size": "s-1vcpu-1gb"}, "smaller disk"),
        ({"type": "resize", "size": "s-1vcpu-2gb"}, "already has"),
        ({"type": "resize", "size": "nothing"}, "invalid size"),
    ):
        assert words in api("POST", path, body, status=422)["message"]
    api.act(f"droplets/{number}", "resize", size="s-2vcpu-2gb")
    assert api("GET", f"droplets/{number}")["droplet"]["disk"] == 50, "without disk, the disk stays"
    body = {"name": "small", "size": "s-1vcpu-1gb", "image": snapshot, "region": "fra1"}
    assert "50 GB" in api("POST", "droplets", body, status=422)["message"]
    elsewhere = {**body, "size": "s-1vcpu-2gb", "region": "ams3"}
    assert "region" in api("POST", "droplets", elsewhere, status=422)["message"]
    first = api("POST", path, {"type": "power_on"})["action"]
    assert "pending event" in api("POST", path, {"type": "snapshot", "name": "x"}, status=422)["message"]
    assert api("GET", f"droplets/{number}")["droplet"]["locked"]
    api.done(first)
    assert not api("GET", f"droplets/{number}")["droplet"]["locked"]
    api("POST", "droplets/1/actions", {"type": "snapshot"}, status=404)
    api("GET", f"droplets/{number}/actions/1", status=404)
    api("GET", "droplets/web", status=404)


def test_images_and_snapshots(api):
    world = api.cloud.world
    number = world.add_droplet("web", region="lon1")
    snapshot = world.add_snapshot("old", number, 3.5)
    assert {each["slug"] for each in api("GET", "images", type="application")["images"]} >= {"docker-20-04"}
    assert "docker-20-04" not in {each["slug"] for each in api("GET", "images", type="distribution")["images"]}
    (private,) = api("GET", "images", private="true")["images"]
    assert (private["id"], private["type"], private["regions"]) == (snapshot, "snapshot", ["lon1"])
    assert api("GET", f"images/{snapshot}/")["image"] == private
    assert api("GET", "images/debian-12-x64")["image"]["distribution"] == "Debian"
    (listed,) = api("GET", "snapshots", resource_type="droplet")["snapshots"]
    assert (listed["id"], listed["size_gigabytes"], listed["resource_id"]) == (str(snapshot), 3.5, str(number))
    assert api("PUT", f"images/{snapshot}", {"name": "new"})["image"]["name"] == "new"
    api("PUT", "images/debian-12-x64", {"name": "mine"}, status=403)
    api("DELETE", "images/debian-12-x64", status=403)
    action = api.act(f"images/{snapshot}", "transfer", region="fra1")
    assert api("GET", f"images/{snapshot}")["image"]["regions"] == ["lon1", "fra1"]
    assert api("GET", f"images/{snapshot}/actions")["actions"] == [action]
    assert api("GET", f"images/{snapshot}/actions/{action['id']}")["action"] == action
    api.act(f"images/{snapshot}", "convert")
    api("POST", f"images/{snapshot}/actions", {"type": "transfer", "region": "fra1"}, status=422)
    api("POST", f"images/{snapshot}/actions", {"type": "fly"}, status=422)
    api("DELETE", f"images/{snapshot}")
    api("GET", f"snapshots/{snapshot}", status=404)
    assert api("GET", f"droplets/{number}")["droplet"]["snapshot_ids"] == []
    other = world.add_snapshot("other", number)
    api("DELETE", f"snapshots/{other}")
    api("DELETE", f"snapshots/{other}", status=404)
    assert [each.kind for each in world.truth][-1] == "image-delete"


def test_tags(api):
    world = api.cloud.world
    number = world.add_droplet("web", tags=["old"])
    snapshot, volume = world.add_snapshot("s", number), world.add_volume("disk")
    assert api("POST", "tags", {"name": "env:prod"})["tag"]["resources"]["count"] == 0
    api("POST", "tags", {"name": "two words"}, status=422)
    kinds = {"droplet": number, "image": snapshot, "volume": volume}
    body = {"resources": [{"resource_id": str(each), "resource_type": kind} for kind, each in kinds.items()]}
    api("POST", "tags/env:prod/resources", body)
    resources = api("GET", "tags/env:prod")["tag"]["resources"]
    assert [resources[kind]["count"] for kind in ("droplets", "images", "volumes")] == [1, 1, 1]
    assert api("GET", "images", tag_name="env:prod")["meta"]["total"] == 1
    api("DELETE", "tags/env:prod/resources", {"resources": body["resources"][:1]})
    assert api("GET", f"droplets/{number}")["droplet"]["tags"] == ["old"]
    api("POST", "tags/nothing/resources", body, status=404)
    gone = {"resources": [{"resource_id": "1", "resource_type": "droplet"}]}
    api("POST", "tags/old/resources", gone, status=404)
    assert {each["name"] for each in api("GET", "tags")["tags"]} == {"old", "env:prod"}
    api("DELETE", "tags/env:prod")
    assert api("GET", f"snapshots/{snapshot}")["snapshot"]["tags"] == []


def test_volumes(api):
    number = api.droplet()
    body = {"name": "data", "size_gigabytes": 10, "region": "fra1", "tags": ["t"]}
    volume = api("POST", "volumes", body)["volume"]["id"]
    api("POST", "volumes", body, status=422)
    path = f"volumes/{volume}"
    api.act(path, "attach", droplet_id=number)
    assert api("GET", f"droplets/{number}")["droplet"]["volume_ids"] == [volume]
    assert api("GET", path)["volume"]["droplet_ids"] == [number]
    api("DELETE", path, status=422)
    api("POST", f"{path}/actions", {"type": "attach", "droplet_id": number}, status=422)
    taken = api("POST", f"{path}/snapshots", {"name": "s"})["snapshot"]
    assert api("GET", f"{path}/snapshots")["snapshots"] == [taken]
    assert api("GET", "snapshots", resource_type="volume")["snapshots"] == [taken]
    api("DELETE", f"snapshots/{taken['id']}")
    api.act(path, "detach", droplet_id=number)
    assert [each["type"] for each in api("GET", f"{path}/actions")["actions"]] == ["detach_volume", "attach_volume"]
    assert api("GET", "volumes", name="data", region="fra1")["meta"]["total"] == 1
    assert api("GET", "volumes", region="ams3")["meta"]["total"] == 0
    api("DELETE", path)
    api("GET", path, status=404)


@pytest.mark.parametrize("name", ["reserved_ip", "floating_ip"])
def test_addresses_that_stay(api, name):
    first, second = (api.cloud.world.add_droplet(each) for each in "ab")
    made = api("POST", f"{name}s/", {"droplet_id": first})
    ip = made[name]["ip"]
    assert made[name]["droplet"]["id"] == first
    free = api("POST", f"{name}s", {"region": "fra1"})[name]["ip"]
    api("POST", f"{name}s/{free}/actions", {"type": "assign", "droplet_id": first}, status=422)
    api.act(f"{name}s/{ip}", "assign", droplet_id=second)
    assert api("GET", f"{name}s/{ip}")[name]["droplet"]["id"] == second
    api.act(f"{name}s/{ip}", "unassign")
    assert [each["droplet"] for each in api("GET", f"{name}s")[f"{name}s"]] == [None, None]
    api("DELETE", f"{name}s/{ip}/")
    api("GET", f"{name}s/{ip}", status=404)
    assert [each.kind for each in api.cloud.world.truth if each.droplet] == [
        "ip-create",
        "assign",
        "assign",
        "unassign",
    ]


def test_domains_and_records(api):
    api.cloud.world.add_domain("example.org")
    assert api("GET", "domains")["domains"][0]["name"] == "example.org"
    assert api("GET", "domains/example.org")["domain"]["ttl"] == 1800
    path = "domains/example.org/records"
    body = {"type": "A", "name": "web", "data": "203.0.113.9", "ttl": 60}
    record = api("POST", path, body)["domain_record"]
    assert {"type": "A", "name": "web", "data": "203.0.113.9", "ttl": 60}.items() <= record.items()
    assert api("GET", path, type="A", name="web.example.org")["domain_records"] == [record]
    assert api("GET", path, type="TXT")["domain_records"] == []
    for method in ("PUT", "PATCH"):
        assert api(method, f"{path}/{record['id']}", {"data": method})["domain_record"]["data"] == method
    assert api("GET", f"{path}/{record['id']}")["domain_record"]["ttl"] == 60
    api("POST", path, {**body, "type": "ODD"}, status=422)
    api("DELETE", f"{path}/{record['id']}")
    api("GET", f"{path}/{record['id']}", status=404)
    api("GET", "domains/example.net/records", status=404)


def test_all_that_is_described_is_there_and_was_checked(description):
    operations = {(method.upper(), path) for path, each in description.all["paths"].items() for method in each}
    ours = {(route.method, re.sub(r"\{\}", "x", f"/v2/{route.pattern}")) for route in ROUTES}
    known = {each for each in operations if (each[0], re.sub(r"\{[^}]+\}", "x", each[1])) in ours}
    forbidden = {("DELETE", "/v2/droplets")}
    if len(description.seen) > 40:
        # Not when one test of this file runs alone.
        assert known - description.seen == forbidden
    if Path(HERE).exists() and "CHANOPS_DIGITALOCEAN_OPENAPI" not in os.environ:
        assert operations - known == LEFT_OUT
