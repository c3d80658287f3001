"""The simulated DigitalOcean's faults: each kind once, what it answers and what really happened."""

import random
import time

import pytest

from chanops.simulator.digitalocean import CloudServer, Delays, Fault, Limits
from chanops.simulator.do_faults import ANSWERS, TWISTS, Faults, Occasion

requests = pytest.importorskip("requests")

HEADERS = {"Authorization": "Bearer demo-token"}
TRIED = set()


@pytest.fixture
def cloud():
    with CloudServer(delays=Delays.quick(), seed=3, limits=Limits(minute=5000)) as cloud:
        cloud.session = requests.Session()
        yield cloud
        cloud.session.close()


@pytest.fixture
def droplet(cloud):
    return cloud.world.add_droplet("web")


def ask(cloud, method, path, body=None, timeout=10, **query):
    return cloud.session.request(method, cloud.url + path, json=body, headers=HEADERS, params=query, timeout=timeout)


def act(cloud, droplet, kind, **body):
    return ask(cloud, "POST", f"droplets/{droplet}/actions", {"type": kind, **body})


def add(cloud, kind, **values):
    TRIED.add(kind)
    cloud.world.faults.add(Fault(kind, **values))


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


def finished(cloud, answer):
    """How the action ended."""
    path = f"actions/{answer.json()['action']['id']}"
    return until(lambda: (status := ask(cloud, "GET", path).json()["action"]["status"]) != "in-progress" and status)


def kinds(cloud):
    return [each.kind for each in cloud.world.truth]


@pytest.mark.parametrize(
    ("kind", "status"), [("429", 429), ("500-before", 500), ("502-html", 502), ("pending", 422), ("500-after", 500)]
)
def test_a_wrong_answer(cloud, droplet, kind, status):
    add(cloud, kind, seconds=7)
    answer = act(cloud, droplet, "snapshot", name="s")
    assert answer.status_code == status
    assert ("snapshot-start" in kinds(cloud)) is (kind == "500-after")
    assert (answer.headers["Content-Type"] == "text/html") is (kind == "502-html")
    assert answer.headers.get("Retry-After") == ("7" if kind == "429" else None)
    assert "ratelimit-remaining" in answer.headers
    if kind == "pending":
        assert answer.json()["message"] == "Droplet already has a pending event."
    assert ask(cloud, "GET", f"droplets/{droplet}").status_code == 200, "once only"


def test_429_on_the_second_page(cloud):
    for number in range(30):
        cloud.world.add_droplet(f"d{number}")
    add(cloud, "429-page-2", times=None)
    first = ask(cloud, "GET", "droplets")
    assert first.status_code == 200
    second = cloud.session.get(first.json()["links"]["pages"]["next"], headers=HEADERS, timeout=5)
    assert (second.status_code, second.headers["Retry-After"]) == (429, "1")


@pytest.mark.parametrize("kind", ["cut-before", "cut-after"])
def test_a_connection_that_is_cut(cloud, droplet, kind):
    add(cloud, kind, method="POST")
    with pytest.raises(requests.ConnectionError):
        act(cloud, droplet, "snapshot", name="s")
    assert ("snapshot-start" in kinds(cloud)) is (kind == "cut-after")
    assert cloud.requests[-1].status == 0


@pytest.mark.parametrize("kind", ["hang", "hang-after"])
def test_an_answer_that_never_comes(cloud, droplet, kind):
    add(cloud, kind, method="DELETE")
    with pytest.raises(requests.ReadTimeout):
        ask(cloud, "DELETE", f"droplets/{droplet}", timeout=0.1)
    assert ("destroy" in kinds(cloud)) is (kind == "hang-after")
    began = time.monotonic()
    cloud.stop()
    assert time.monotonic() - began < 1, "it stops while a request hangs"


def test_a_hang_ends_without_an_answer(cloud, droplet):
    add(cloud, "hang", seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        ask(cloud, "GET", "account")


def test_an_answer_byte_by_byte(cloud):
    add(cloud, "drip", seconds=0.001)
    assert ask(cloud, "GET", f"tags/{'x' * 20}").json()["id"] == "not_found"
    add(cloud, "drip")
    answer = cloud.session.get(cloud.url + "account", headers=HEADERS, timeout=5, stream=True)
    assert answer.raw.read(1) == b"{"
    answer.close()


@pytest.mark.parametrize("kind", ["shutdown", "power_off", "reboot", "rename", "snapshot"])
def test_an_action_that_ends_errored(cloud, droplet, kind):
    add(cloud, "errored-action", action=kind)
    assert finished(cloud, act(cloud, droplet, "password_reset")) == "completed", "another action is left alone"
    assert finished(cloud, act(cloud, droplet, kind, name="other")) == "errored"
    shown = ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]
    assert (shown["status"], shown["name"], shown["locked"], shown["snapshot_ids"]) == ("active", "web", False, [])
    wanted = ["snapshot-start", "snapshot-failed"] if kind == "snapshot" else []
    assert kinds(cloud) == ["password_reset", *wanted]


def test_a_creation_and_a_destruction_that_end_errored(cloud, droplet):
    add(cloud, "errored-action", action="create")
    add(cloud, "errored-action", action="destroy")
    body = {"name": "new", "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "fra1"}
    made = ask(cloud, "POST", "droplets", body).json()["droplet"]["id"]
    assert ask(cloud, "DELETE", f"droplets/{droplet}").status_code == 204
    until(lambda: ask(cloud, "GET", f"droplets/{made}").status_code == 404)
    until(lambda: not ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["locked"])
    assert kinds(cloud) == ["create", "create-failed"]


@pytest.mark.parametrize("kind", ["snapshot-absent", "snapshot-empty"])
def test_a_snapshot_that_is_none(cloud, droplet, kind):
    add(cloud, kind)
    assert finished(cloud, act(cloud, droplet, "shutdown")) == "completed"
    assert finished(cloud, act(cloud, droplet, "snapshot", name="s")) == "completed"
    sizes = [each["size_gigabytes"] for each in ask(cloud, "GET", "snapshots").json()["snapshots"]]
    assert sizes == ([0.0] if kind == "snapshot-empty" else [])
    assert cloud.world.truth[-1].kind == "snapshot-failed"
    ask(cloud, "DELETE", f"droplets/{droplet}")
    assert cloud.world.truth[-1].detail["snapshots"] == []


def test_a_snapshot_that_is_listed_late(cloud, droplet):
    add(cloud, "snapshot-late", seconds=0.2)
    assert finished(cloud, act(cloud, droplet, "snapshot", name="s")) == "completed"
    assert ask(cloud, "GET", f"droplets/{droplet}/snapshots").json()["snapshots"] == []
    assert kinds(cloud) == ["snapshot-start"]
    until(lambda: ask(cloud, "GET", f"droplets/{droplet}/snapshots").json()["snapshots"])
    assert kinds(cloud) == ["snapshot-start", "snapshot-ready"]


def test_a_shutdown_that_the_guest_ignores(cloud, droplet):
    add(cloud, "shutdown-ignored")
    assert finished(cloud, act(cloud, droplet, "shutdown")) == "completed"
    assert ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["status"] == "active"
    assert [(each.kind, each.detail) for each in cloud.world.truth] == [("shutdown", {"ignored": True})]
    assert finished(cloud, act(cloud, droplet, "power_off")) == "completed"
    assert kinds(cloud)[-2:] == ["power_off", "off"]


def test_a_status_that_lags(cloud, droplet):
    add(cloud, "status-lag", seconds=0.2)
    assert finished(cloud, act(cloud, droplet, "shutdown")) == "completed"
    assert ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["status"] == "active"
    assert kinds(cloud) == ["shutdown", "off"]
    until(lambda: ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["status"] == "off")


def test_lists_of_a_while_ago(cloud, droplet):
    before = time.monotonic()
    until(lambda: time.monotonic() > before + 0.5)
    assert finished(cloud, act(cloud, droplet, "rename", name="other")) == "completed"
    assert finished(cloud, act(cloud, droplet, "snapshot", name="s")) == "completed"
    new = {"name": "new", "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "fra1"}
    assert ask(cloud, "POST", "droplets", new).status_code == 202
    gone = cloud.world.add_droplet("gone")
    cloud.world.destroy_outside(gone)
    add(cloud, "lag", times=3, seconds=time.monotonic() - before)
    listed = ask(cloud, "GET", "droplets").json()["droplets"]
    assert [(each["name"], each["locked"], each["snapshot_ids"]) for each in listed] == [
        ("web", False, []),
        ("gone", False, []),
    ]
    assert ask(cloud, "GET", "snapshots").json()["snapshots"] == []
    assert ask(cloud, "GET", "actions").json()["actions"] == []
    assert len(ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["snapshot_ids"]) == 1
    assert [each["name"] for each in ask(cloud, "GET", "droplets").json()["droplets"]] == ["other", "new"]


def test_a_next_page_elsewhere(cloud, droplet):
    add(cloud, "foreign-next", host="elsewhere.example")
    assert ask(cloud, "GET", "droplets").json()["links"]["pages"]["next"].startswith("https://elsewhere.example/v2/")
    assert ask(cloud, "GET", "droplets").json()["links"] == {}


def test_droplets_without_networks(cloud, droplet):
    add(cloud, "bare-networks", times=2)
    assert ask(cloud, "GET", "droplets").json()["droplets"][0]["networks"] == {}
    assert ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["networks"] == {}
    assert "v4" in ask(cloud, "GET", f"droplets/{droplet}").json()["droplet"]["networks"]


def test_which_requests_a_fault_means(cloud, droplet):
    add(cloud, "500-before", method="DELETE", path=rf"/droplets/{droplet}$")
    assert ask(cloud, "GET", f"droplets/{droplet}").status_code == 200
    assert ask(cloud, "DELETE", f"droplets/{droplet}").status_code == 500
    add(cloud, "500-before", times=2)
    add(cloud, "429", times=1)
    assert [ask(cloud, "GET", "account").status_code for _ in range(4)] == [500, 500, 429, 200]
    add(cloud, "500-before", times=None)
    cloud.world.faults.clear()
    assert ask(cloud, "GET", "account").status_code == 200
    for wrong in ({"kind": "429", "path": "("}, {"kind": "nothing"}):
        with pytest.raises(ValueError):
            Fault(**wrong)


def test_luck_is_the_seeds():
    def course(seed):
        faults = Faults(random.Random(seed))
        faults.add(Fault("500-before", times=None, probability=0.3))
        occasion = Occasion("GET", "/v2/account", "", 1, False)
        return [faults.befall(occasion).answer is not None for _ in range(200)]

    assert course(1) == course(1) != course(2)
    assert 30 < sum(course(1)) < 90


def test_all_kinds_were_tried():
    if len(TRIED) > 10:
        # Not when one test of this file runs alone.
        assert set(ANSWERS) | set(TWISTS) == TRIED
