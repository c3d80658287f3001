"""The simulated DigitalOcean: the client library against it, what it tells of itself, its limits and its start."""

import json
import socket
import threading
import time
from datetime import UTC, datetime

import pytest

from chanops.simulator.digitalocean import CloudServer, Delays, Limits

digitalocean = pytest.importorskip("digitalocean")
requests = pytest.importorskip("requests")

BODY = {"name": "web-1", "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "fra1"}


@pytest.fixture
def cloud():
    with CloudServer(delays=Delays.quick(), seed=3, limits=Limits(minute=5000)) as cloud:
        yield cloud


@pytest.fixture
def manager(cloud, monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", cloud.url)
    monkeypatch.delenv("DIGITALOCEAN_ACCESS_TOKEN", raising=False)
    return digitalocean.Manager(token=cloud.token)


def ask(cloud, method, path, body=None, token="demo-token", **query):
    headers = {"Authorization": f"Bearer {token}"}
    with requests.Session() as session:
        return session.request(method, cloud.url + path, json=body, headers=headers, params=query, timeout=10)


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


def kinds(cloud):
    return [each.kind for each in cloud.world.truth]


def test_the_client_library_saves_a_machine_and_destroys_it(cloud, manager):
    keys = manager.get_all_sshkeys()
    droplet = digitalocean.Droplet(
        token=cloud.token,
        name="web-1",
        region="fra1",
        image="debian-12-x64",
        size_slug="s-1vcpu-1gb",
        tags=["chanops"],
        ssh_keys=keys,
    )
    droplet.create()

    def finished(answer):
        action = until(lambda: (found := manager.get_action(answer["action"]["id"])).status != "in-progress" and found)
        return action.status

    until(lambda: manager.get_data(f"droplets/{droplet.id}")["droplet"]["status"] == "active")
    droplet.load()
    assert droplet.ip_address.startswith("203.0.113.")
    assert droplet.private_ip_address.startswith("10.")
    assert [each.id for each in manager.get_all_droplets(tag_name="chanops")] == [droplet.id]
    assert finished(droplet.shutdown()) == "completed"
    until(lambda: droplet.load().status == "off")
    assert finished(droplet.take_snapshot("web-1 saved")) == "completed"
    (snapshot,) = manager.get_droplet_snapshots()
    assert (snapshot.name, snapshot.resource_id) == ("web-1 saved", str(droplet.id))
    assert manager.get_image(int(snapshot.id)).min_disk_size == 25
    assert droplet.load().snapshot_ids == [int(snapshot.id)]
    assert droplet.destroy()
    until(lambda: manager.get_all_droplets() == [])
    with pytest.raises(digitalocean.NotFoundError):
        manager.get_droplet(droplet.id)
    events = cloud.world.truth
    wanted = ["create", "active", "shutdown", "off", "snapshot-start", "snapshot-ready", "destroy"]
    assert [each.kind for each in events] == wanted
    assert [each.number for each in events] == list(range(1, 8))
    assert {each.droplet for each in events} == {droplet.id}
    assert [each.at for each in events] == sorted(each.at for each in events)
    assert events[-1].detail == {
        "status": "off",
        "snapshots": [{"id": int(snapshot.id), "name": "web-1 saved", "size_gigabytes": snapshot.size_gigabytes}],
        "volumes": [],
        "reserved_ip": None,
        "by": "api",
    }
    again = digitalocean.Droplet(
        token=cloud.token, name="web-1", region="fra1", image=int(snapshot.id), size_slug="s-1vcpu-1gb"
    )
    again.create()
    assert again.id > droplet.id


def test_the_client_library_names_tags_and_addresses(cloud, manager):
    number = cloud.world.add_droplet("web-1")
    cloud.world.add_domain("example.org")
    tag = digitalocean.Tag(token=cloud.token, name="team")
    tag.create()
    tag.add_droplets([str(number)])
    assert manager.get_droplet(number).tags == ["team"]
    ip = digitalocean.FloatingIP(token=cloud.token, droplet_id=number)
    ip.create()
    ip.unassign()
    assert [each.ip for each in manager.get_all_floating_ips()] == [ip.ip]
    ip.destroy()
    domain = manager.get_domain("example.org")
    domain.create_new_domain_record(type="A", name="web", data="203.0.113.7")
    assert [each.type for each in domain.get_records()] == ["NS", "A"]
    assert manager.get_account().status == "active"
    assert manager.get_balance().month_to_date_usage


def test_a_snapshot_of_a_running_droplet(cloud):
    number = cloud.world.add_droplet("web", used_gb=7.5, size="s-1vcpu-2gb")
    ask(cloud, "POST", f"droplets/{number}/actions", {"type": "snapshot", "name": "hot"})
    until(lambda: "snapshot-ready" in kinds(cloud))
    (image,) = ask(cloud, "GET", "images", private="true").json()["images"]
    assert (image["size_gigabytes"], image["min_disk_size"], image["regions"]) == (7.5, 50, ["fra1"])
    assert cloud.world.truth[0].detail["status"] == "active"


def test_an_action_takes_its_time_and_the_state_is_that_of_the_clock():
    delays = Delays(create=0.0, snapshot=2.0, snapshot_per_gb=3.0, scale=1000)
    assert delays.of("snapshot") == 2000
    assert delays.of_snapshot(2) == 8000
    with CloudServer(delays=delays) as cloud:
        number = cloud.world.add_droplet("web", used_gb=2)
        ask(cloud, "POST", f"droplets/{number}/actions", {"type": "snapshot", "name": "s"})
        assert ask(cloud, "GET", f"droplets/{number}").json()["droplet"]["locked"]
        with cloud.world.lock:
            cloud.world.settle(time.monotonic() + 8000)
        assert not ask(cloud, "GET", f"droplets/{number}").json()["droplet"]["locked"]
        assert kinds(cloud) == ["snapshot-start", "snapshot-ready"]


def test_pages(cloud):
    numbers = [cloud.world.add_droplet(f"d{number}", tags=["all"]) for number in range(45)]
    first = ask(cloud, "GET", "droplets/", tag_name="all").json()
    assert [each["id"] for each in first["droplets"]] == numbers[:20]
    assert first["meta"] == {"total": 45}
    assert first["links"]["pages"] == {
        "next": f"{cloud.url}droplets?tag_name=all&page=2",
        "last": f"{cloud.url}droplets?tag_name=all&page=3",
    }
    middle = ask(cloud, "GET", "droplets", page=2, per_page=10).json()
    assert set(middle["links"]["pages"]) == {"first", "prev", "next", "last"}
    last = ask(cloud, "GET", "droplets", page=3).json()
    assert [each["id"] for each in last["droplets"]] == numbers[40:]
    assert set(last["links"]["pages"]) == {"first", "prev"}
    assert ask(cloud, "GET", "droplets", per_page=100).json()["links"] == {}
    assert ask(cloud, "GET", "droplets", page=9).json()["droplets"] == []
    for _ in range(200):
        cloud.world.add_droplet("more")
    assert len(ask(cloud, "GET", "droplets", per_page=1000).json()["droplets"]) == 200


def test_the_client_library_follows_the_pages(cloud, manager):
    for number in range(230):
        cloud.world.add_droplet(f"d{number}")
    assert len(manager.get_all_droplets()) == 230


def test_the_minutes_limit():
    with CloudServer(limits=Limits(minute=3, hour=10)) as cloud:
        left = [ask(cloud, "GET", "account").headers["ratelimit-remaining"] for _ in range(3)]
        assert left == ["9", "8", "7"]
        refused = ask(cloud, "GET", "account")
        assert (refused.status_code, refused.json()["id"]) == (429, "too_many_requests")
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["ratelimit-limit"] == "10"
        assert time.time() < int(refused.headers["ratelimit-reset"]) < time.time() + 3700
        told = requests.get(f"{cloud.root}/sim/requests", timeout=5).json()
        assert (told["answers_429"], told["exceeded"]) == (1, {"minute": 1, "hour": 0, "keys": 0})


def test_the_limit_of_lists_of_keys(cloud):
    statuses = [ask(cloud, "GET", "account/keys").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    assert ask(cloud, "GET", "account").status_code == 200


def test_errors_have_the_real_ones_form(cloud):
    assert ask(cloud, "GET", "droplets", token="other").json()["id"] == "unauthorized"
    assert ask(cloud, "GET", "droplets/5").json() == {
        "id": "not_found",
        "message": "The resource you were accessing could not be found.",
    }
    assert ask(cloud, "GET", "nothing").status_code == 404
    assert ask(cloud, "PUT", "droplets").status_code == 405
    headers = {"Authorization": "Bearer demo-token"}
    for data in (b"{", b"[1]", b"\xff", b"[" * 100_000):
        answer = requests.post(cloud.url + "droplets", data=data, headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["id"]) == (400, "bad_request")
    large = requests.post(cloud.url + "droplets", data=b" " * 1_000_001, headers=headers, timeout=5)
    assert large.status_code == 413


def test_odd_requests_are_answered(cloud):
    number = cloud.world.add_droplet("web")
    for body in ({"name": 5}, {"name": "a", "size": [], "image": {}}, {**BODY, "image": {}}, {**BODY, "tags": 5}):
        assert ask(cloud, "POST", "droplets", body).status_code == 422
    for body in ({"type": {}}, {"type": "snapshot", "name": 5}, {"type": "rebuild", "image": "9" * 5000}):
        assert ask(cloud, "POST", f"droplets/{number}/actions", body).status_code == 422
    for path in ("droplets/" + "9" * 5000, "droplets/٣", "tags/%00", "images/-1", "actions/1e3"):
        assert ask(cloud, "GET", path).status_code == 404, path
    for page in ("0", "-1", "x", "9" * 5000):
        assert ask(cloud, "GET", "droplets", page=page, per_page=page).status_code == 200


def test_a_connection_stays_open_and_the_log_knows_who_asked(cloud):
    number = cloud.world.add_droplet("web")
    with requests.Session() as session:
        session.headers.update({"Authorization": "Bearer demo-token", "User-Agent": "somebody/1"})
        for path in ("account", f"droplets/{number}/actions?per_page=5", "droplets/5"):
            session.get(cloud.url + path, timeout=5)
    log = cloud.requests
    assert len({each.port for each in log}) == 1
    assert {each.agent for each in log} == {"somebody/1"}
    assert [(each.path, each.query, each.status, each.droplet) for each in log] == [
        ("/v2/account", "", 200, None),
        (f"/v2/droplets/{number}/actions", "per_page=5", 200, number),
        ("/v2/droplets/5", "", 404, 5),
    ]
    assert cloud.request_counts()["counts"]["GET droplets/{}/actions"] == 1


def test_it_can_be_furnished_and_acted_on_from_outside(cloud):
    world = cloud.world
    volume = world.add_volume("data")
    long_ago = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    number = world.add_droplet("db", tags=["db"], volume_ids=[volume], created_at=long_ago, used_gb=3.3)
    ip = world.add_reserved_ip(number)
    snapshot = world.add_snapshot("before", number, 1.5, created_at=long_ago)
    shown = ask(cloud, "GET", f"droplets/{number}").json()["droplet"]
    assert (shown["created_at"], shown["volume_ids"], shown["snapshot_ids"]) == (
        "2026-01-02T03:04:05Z",
        [volume],
        [snapshot],
    )
    world.set_status(number, "off")
    world.set_status(number, "active")
    world.destroy_outside(number)
    assert ask(cloud, "GET", f"droplets/{number}").status_code == 404
    assert ask(cloud, "GET", f"volumes/{volume}").json()["volume"]["droplet_ids"] == []
    assert ask(cloud, "GET", f"reserved_ips/{ip}").json()["reserved_ip"]["droplet"] is None
    destroyed = next(each for each in world.truth if each.kind == "destroy")
    assert destroyed.detail == {
        "status": "active",
        "snapshots": [{"id": snapshot, "name": "before", "size_gigabytes": 1.5}],
        "volumes": [volume],
        "reserved_ip": ip,
        "by": "outside",
    }
    for wrong in (lambda: world.set_status(1, "off"), lambda: world.add_droplet("x", image="nothing")):
        with pytest.raises(ValueError):
            wrong()


def test_a_droplet_destroyed_by_somebody_else_ends_its_action(cloud):
    number = cloud.world.add_droplet("web")
    body = {"type": "snapshot", "name": "s"}
    action = ask(cloud, "POST", f"droplets/{number}/actions", body).json()["action"]["id"]
    cloud.world.destroy_outside(number)
    until(lambda: ask(cloud, "GET", f"actions/{action}").json()["action"]["status"] == "errored")
    assert [each.detail["reason"] for each in cloud.world.truth if each.kind == "snapshot-failed"] == ["gone"]
    assert ask(cloud, "GET", "snapshots").json()["snapshots"] == []


def test_another_process_can_look_and_steer(cloud):
    number = cloud.world.add_droplet("web")
    sim = f"{cloud.root}/sim"
    faults = [{"kind": "500-before", "path": "account$"}, {"kind": "lag", "times": None, "seconds": 3}]
    assert requests.post(f"{sim}/faults", json=faults, timeout=5).json() == {"added": 2}
    assert ask(cloud, "GET", "account").status_code == 500
    assert [each["kind"] for each in requests.get(f"{sim}/faults", timeout=5).json()] == ["lag"]
    assert requests.delete(f"{sim}/faults", timeout=5).status_code == 204
    for wrong in (
        [{"kind": "nothing"}],
        [{"knid": "429"}],
        [{"kind": "429", "path": "("}],
        [5],
        [{"kind": "hang", "seconds": "x"}],
    ):
        assert requests.post(f"{sim}/faults", json=wrong, timeout=5).status_code == 400
    ask(cloud, "DELETE", f"droplets/{number}")
    (event,) = requests.get(f"{sim}/truth", timeout=5).json()
    assert (event["kind"], event["droplet"], event["detail"]["status"]) == ("destroy", number, "active")
    until(lambda: requests.get(f"{sim}/state", timeout=5).json() == {"droplets": [], "snapshots": []})
    assert requests.get(f"{sim}/nothing", timeout=5).status_code == 404
    assert requests.post(f"{sim}/reset", timeout=5).status_code == 204
    assert requests.get(f"{sim}/truth", timeout=5).json() == []
    assert cloud.requests == []


def test_the_same_seed_gives_the_same_world():
    def course():
        with CloudServer(delays=Delays.quick(), seed=11) as cloud:
            made = ask(cloud, "POST", "droplets", {**BODY, "ipv6": True}).json()["droplet"]
            until(lambda: "active" in kinds(cloud))
            droplet = ask(cloud, "GET", f"droplets/{made['id']}").json()["droplet"]
            key = ask(cloud, "GET", "account/keys").json()["ssh_keys"][0]["fingerprint"]
            return key, droplet["networks"], droplet["vpc_uuid"], cloud.world.state()

    assert course() == course()


def test_it_stops_and_starts_again_with_the_same_world():
    cloud = CloudServer(delays=Delays.quick())
    cloud.stop()
    with pytest.raises(RuntimeError):
        cloud.url
    cloud.start()
    number = cloud.world.add_droplet("web")
    with pytest.raises(RuntimeError):
        cloud.start()
    with requests.Session() as session:
        session.get(cloud.url + "account", timeout=5)
        began = time.monotonic()
        cloud.stop()
        assert time.monotonic() - began < 1
    with cloud:
        assert ask(cloud, "GET", f"droplets/{number}").status_code == 200
        taken = CloudServer(port=int(cloud.root.rpartition(":")[2]))
        with pytest.raises(OSError):
            taken.start()


def test_half_a_request_and_a_client_that_goes_away(cloud, capfd):
    address = ("127.0.0.1", int(cloud.root.rpartition(":")[2]))
    for text in (b"GET /v2/acc", b"POST /v2/droplets HTTP/1.1\r\nContent-Length: 50\r\n\r\n{", b"\x16\x03\x01\n\n"):
        with socket.create_connection(address) as peer:
            peer.sendall(text)
    with socket.create_connection(address) as peer:
        peer.sendall(b"POST /v2/droplets HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 411 " in peer.recv(1000)
    assert ask(cloud, "GET", "account").status_code == 200
    assert capfd.readouterr().err == ""


def test_many_clients_at_once(cloud):
    found = []

    def create(number):
        with requests.Session() as session:
            headers = {"Authorization": "Bearer demo-token"}
            for each in range(5):
                body = {**BODY, "name": f"d{number}-{each}"}
                made = session.post(cloud.url + "droplets", json=body, headers=headers, timeout=10)
                found.append(made.json()["droplet"]["id"])

    threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == 80
    assert kinds(cloud).count("create") == 80


def test_it_is_quick(cloud):
    for number in range(200):
        cloud.world.add_droplet(f"d{number}")

    def seconds(path):
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer demo-token"
            times = []
            for _ in range(20):
                began = time.perf_counter()
                answer = session.get(cloud.url + path, timeout=10)
                times.append(time.perf_counter() - began)
                assert answer.status_code == 200
            return min(times)

    assert seconds("account") < 0.01
    assert seconds("droplets?per_page=200") < 0.1


def test_the_truth_is_plain_json(cloud):
    number = ask(cloud, "POST", "droplets", {**BODY, "user_data": "#!/bin/sh\n"}).json()["droplet"]["id"]
    assert json.loads(json.dumps(cloud.world.truth[0].detail))["user_data"] == "#!/bin/sh\n"
    assert cloud.requests[-1].droplet == number
