"""The page of machines: what there is and what it costs; asked for seldom, and changed never."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from chanops.core.sections import MachineSettings, Settings
from chanops.core.text import plain, visible
from chanops.simulator.digitalocean import Fault
from chanops.web import looks
from chanops.web.rows import names_by_account
from tests.web.served import PAYLOADS, account
from tests.web.served import cloud as new_cloud

LONG_AGO = datetime.now(UTC) - timedelta(days=40, hours=3, minutes=1)
CONFIGURED = """
[machine:spider]
size = s-1vcpu-1gb
region = fra1
image = debian-12-x64
[machine:build-*]
size = s-1vcpu-1gb
[host:nas]
address = 10.0.0.5
tags = office
[host:pi]
address = 10.0.0.6
"""


def row(page, name):
    """The cells after the one that begins with a name."""
    cells = [" ".join(each.split()) for each in page.cells]
    place = next(place for place, each in enumerate(cells) if each.partition(" ")[0] == name)
    return cells[place : place + 7]


def listings(made):
    return [each for each in made.requests if each.path.partition("?")[0].endswith("/droplets")]


def test_machines_stand_under_their_first_tag_those_without_last(start, cloud):
    machines = {"b": ("web", "db"), "a": ("web",), "c": ("chanops-job-7",), "d": ("chanops-job-1", "db")}
    for name, tags in machines.items():
        cloud.world.add_droplet(name, "s-2vcpu-4gb", "fra1", tags=tags, created_at=LONG_AGO)
    page = start(account(cloud)).page("/machines")
    groups = [" ".join(each.split()) for each in page.cells if each.split()[:1] in (["db"], ["web"], ["untagged"])]
    assert groups == ["db 1", "web 2", "untagged 1"]
    names = [each.split()[0] for each in page.cells if each.split()[:1] in (["a"], ["b"], ["c"], ["d"])]
    assert names == ["d", "a", "b", "c"]
    assert row(page, "b") == ["b db", "running", row(page, "b")[2], "s-2vcpu-4gb", "fra1", "40 d 3 h", "$0.03571/h"]
    assert "chanops-job" not in page.text
    assert "4 machines, 4 running · $0.14284/h, $95.99/month" in page.plain


def test_what_is_off_and_paid_for_is_pointed_out(start, cloud):
    cloud.world.add_droplet("old-db", "s-1vcpu-2gb", status="off")
    cloud.world.add_droplet("web", "s-1vcpu-2gb")
    page = start(account(cloud)).page("/machines")
    assert "Off and paid for: old-db · $0.01786/h" in page.plain
    assert "2 machines, 1 running · $0.03572/h" in page.plain


def test_snapshots_have_their_size_their_price_and_whether_they_can_be_used(start, cloud):
    cloud.world.add_snapshot("web-20261101T120000Z-j12", 99999, 50.0, created_at=LONG_AGO, region="ams3")
    cloud.world.add_snapshot("empty", 99999, 0.0)
    page = start(account(cloud)).page("/machines")
    found = row(page, "web-20261101T120000Z-j12")
    assert found[1:3] == ["usable", "50 GB"]
    assert found[4:6] == ["ams3", "$3.00/month"]
    assert row(page, "empty")[1:3] == ["not usable", "0 GB"]
    assert "2, 50.0 GB · $3.00/month" in page.plain


def test_what_is_down_and_can_come_up_is_said_with_the_command(start, cloud):
    served = start(account(cloud) + CONFIGURED)
    assert ".up spider image debian-12-x64, s-1vcpu-1gb, fra1" in served.page("/machines").plain
    assert served.over(served.say(".up web size=s-1vcpu-2gb region=ams3 image=debian-12-x64")).state == "done"
    cloud.world.add_snapshot("spider-20261101T120000Z-j12", 99999, 2.0)
    page = page_later(served)
    assert ".up web " not in page.plain
    assert ".up spider snapshot spider-20261101T120000Z-j12, s-1vcpu-1gb, fra1" in page.plain
    assert "build-" not in page.text
    answer = served.bot.say(".down web")[0]
    code = answer.partition(".confirm ")[2].split()[0]
    assert served.over(served.say(f".confirm {code}")).state == "done"
    page = page_later(served)
    assert "Down, and can come up" in page.text
    assert ".up web snapshot web-" in page.plain


def page_later(served):
    """The page as it is when what was seen before is too old to be shown."""
    for each in served.app.fleet.clouds.by_name.values():
        for view in (each.machines, each.snapshots):
            with view.change:
                view.taken_at = view.failed_at = float("-inf")
    return served.page("/machines")


def test_plain_hosts_are_shown_and_no_cloud_needs_to_be_there(start):
    page = start(CONFIGURED).page("/machines")
    assert "Plain hosts" in page.text
    assert row(page, "nas")[1] == "10.0.0.5"
    assert "office 1" in page.plain
    assert ".up spider on=PROVIDER" in page.plain


def test_where_nothing_is_configured_it_says_what_to_do(start):
    assert "[provider:NAME]" in start().page("/machines").text


def test_a_cloud_that_cannot_be_asked_is_told_in_a_line_and_the_rest_is_shown(start, cloud, monkeypatch):
    monkeypatch.setattr(looks, "PATIENCE", 0.5)
    cloud.world.add_droplet("web")
    broken = new_cloud()
    broken.start()
    section = account(broken, "gone")
    broken.stop()
    page = start(section + account(cloud) + CONFIGURED).page("/machines")
    assert page.plain.count("Not asked:") == 1
    assert row(page, "web")[1] == "running"
    assert "10.0.0.5" in page.text


def test_a_wrong_token_is_told(start, cloud):
    served = start(account(cloud).replace(cloud.token, "wrong"))
    page = served.page("/machines")
    assert "Not asked:" in page.text
    assert "Down, and can" not in page.text


@pytest.mark.parametrize("broken", [False, True])
def test_however_often_it_is_read_a_cloud_is_asked_once(broken, start, cloud):
    cloud.world.add_droplet("web")
    served = start(account(cloud).replace(cloud.token, "wrong") if broken else account(cloud))
    first = served.page("/machines")
    asked = len(cloud.requests)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(served.ask("/machines").status)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 30
    assert len(cloud.requests) == asked
    assert ("Not asked:" in first.text) == broken


def test_many_first_readers_are_served_by_one_look(start, cloud):
    cloud.world.add_droplet("web")
    served = start(account(cloud))
    threads = [threading.Thread(target=served.ask, args=("/machines",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(listings(cloud)) == 1


def test_a_cloud_that_hangs_holds_up_nobody_and_what_was_seen_before_is_shown(start, cloud, monkeypatch):
    monkeypatch.setattr(looks, "PATIENCE", 0.3)
    cloud.world.add_droplet("web")
    served = start(account(cloud) + CONFIGURED)
    assert row(served.page("/machines"), "web")[1] == "running"
    cloud.world.faults.add(Fault("hang", times=None, seconds=60))
    began = time.monotonic()
    for _ in range(2):
        page = page_later(served)
    assert time.monotonic() - began < 5
    assert "do: no answer yet" in page.text
    assert row(page, "web")[1] == "running"
    assert "10.0.0.5" in page.text
    cloud.stop()  # what hangs is let go


def test_reading_changes_nothing(start, cloud):
    cloud.world.add_droplet("web", tags=("db",))
    cloud.world.add_snapshot("s", 99999)
    served = start(account(cloud))
    for path in ("/machines", "/jobs", "/jobs/1", "/machines?up=web", "/jobs.rss"):
        served.ask(path)
        assert served.ask(path, "POST").status == 405 or path.startswith("/jobs/1")
    assert {each.method for each in cloud.requests} == {"GET"}
    assert not any("account" in each.path for each in cloud.requests)
    assert cloud.world.truth == []


def test_what_clouds_and_people_say_is_text_and_nothing_else(start, cloud):
    sane = start(account(cloud))
    cloud.world.add_droplet("a", tags=("a", "b"))
    cloud.world.add_snapshot("a", 99999)
    expected = page_later(sane).shape
    for payload in PAYLOADS:
        cloud.reset()
        cloud.world.add_droplet(f"n{payload}", tags=(f"t{payload}", f"u{payload}"))
        cloud.world.add_snapshot(f"s{payload}", 99999)
        page = page_later(sane)
        assert page.shape == expected
        assert page.other == []
        for letter in "ntus":
            text = f"{letter}{payload}"
            assert visible(text) in page.text or visible(plain(text)) in page.text


def test_where_machines_are_not_to_be_shown_nothing_of_them_is_there(start, cloud):
    served = start(account(cloud))
    served.jobs.report("secret", "secret")
    assert {"/machines", "/jobs"} <= set(served.page("/").addresses)
    assert served.ask("/jobs/1").status == 200
    path = served.app.configured.path
    path.write_text(path.read_text().replace("[web]\n", "[web]\nmachines = no\n"))
    served.app.reload()
    before = len(cloud.requests)
    for path in ("/machines", "/jobs", "/jobs/1", "/jobs/1/events", "/jobs.rss", "/jobs.atom"):
        answer = served.ask(path)
        assert answer.status == 404
        assert "secret" not in answer.body
    assert "secret" not in served.ask("/feed.rss").body
    assert not {"/machines", "/jobs"} & set(served.page("/").addresses)
    assert len(cloud.requests) == before


class Remembered:
    """A memory of some machines."""

    def __init__(self, *names):
        self.pairs = list(names)

    def names(self):
        return self.pairs


@pytest.mark.parametrize(
    ("machines", "remembered", "accounts", "expected"),
    [
        ({}, [], ["do"], {"": [], "do": []}),
        ({}, [("do", "b"), ("do", "a"), ("other", "x")], ["do"], {"": [], "do": ["a", "b"]}),
        ({"a": ""}, [], ["do"], {"": [], "do": ["a"]}),
        ({"a": ""}, [], ["do", "ec2"], {"": ["a"], "do": [], "ec2": []}),
        ({"a": ""}, [("ec2", "a")], ["do", "ec2"], {"": [], "do": [], "ec2": ["a"]}),
        ({"a": "ec2"}, [("ec2", "a")], ["do", "ec2"], {"": [], "do": [], "ec2": ["a"]}),
        ({"a-*": "do", "a-1": ""}, [], ["do", "ec2"], {"": [], "do": ["a-1"], "ec2": []}),
        ({"?": ""}, [], [], {"": []}),
    ],
)
def test_names_stand_where_they_would_come_up(machines, remembered, accounts, expected):
    settings = Settings(machines={name: MachineSettings(provider=provider) for name, provider in machines.items()})
    assert names_by_account(Remembered(*remembered), settings, accounts) == expected
