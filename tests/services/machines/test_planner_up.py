"""From `.up NAMES` to a plan: what each machine is made from, what is refused, and that planning changes nothing."""

import pytest

from chanops.core.errors import Problem
from chanops.services.machines.memory import Specification

SAID = {"size": "s-1vcpu-1gb", "region": "fra1", "image": "debian-13-x64"}
SECTION = {"size": "s-2vcpu-4gb", "region": "fra1", "image": "debian-13-x64", "tags": "scraper"}
REMEMBERED = Specification("s-1vcpu-2gb", "ams3", "debian-12-x64", ("old",), "#!/bin/sh\n", (), "", True, True)
MOST = 50


def order(plan, place=0):
    return plan.units[place].facts["order"]


def refused(at, which, **options):
    with pytest.raises(Problem) as caught:
        at.plan("up", which, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("which", "options", "said"),
    [
        ("x1000", {}, "x1000? Say .up NAME count=1000; at most 50 at once"),
        ("web", {"count": 0}, "count must be from 1 to 50, not 0"),
        ("web", {"count": -1}, "count must be from 1 to 50, not -1"),
        ("web", {"count": MOST + 1}, "count must be from 1 to 50, not 51"),
        ("web", {"count": 10**18}, "count must be from 1 to 50"),
        ("a,b", {"count": MOST}, "that is 100 machines, and at most 50 are allowed at once"),
        (",".join(f"w{n}" for n in range(MOST + 1)), {}, "that is 51 machines"),
        ("web_1", {}, "'web_1' is no name for a machine"),
        ("a" * 64, {}, "is no name for a machine"),
        ("a" * 62, {"count": 2}, "is no name for a machine"),
        ("tag:web", {}, "tag:web: name what is to come up"),
        ("id:481", {}, "id:481: name what is to come up"),
        ("on:do", {}, "on=PROVIDER says where"),
        ("web-*", {}, "no machine that was here before fits web-*"),
        ("web", {"like": "a b"}, "is no name for a machine"),
        ("web", {"tag": "a b"}, "is no tag"),
        ("web", {"tag": "a,,b"}, "is no tag"),
        ("web", {"tag": "chanops-job-1"}, "are chanops' own"),
        ("web", {"on": "elsewhere"}, "there is no provider elsewhere; there are do"),
    ],
)
def test_what_is_wrong_by_itself_is_refused_before_any_cloud_is_asked(house, cloud, which, options, said):
    assert said in refused(house(), which, **options)
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": "s-1vcpu-1g"}, "there is no size s-1vcpu-1g; did you mean s-1vcpu-1gb?"),
        ({"region": "fra2"}, "there is no region fra2; did you mean fra1?"),
        ({"region": "sfo1"}, "there is no region sfo1; did you mean sfo3?"),
        ({"image": "debian-13"}, "there is no image debian-13; did you mean debian-13-x64?"),
        ({"image": "\x1b[31mred"}, "there is no image"),
        ({"size": "c-2", "region": "syd1"}, "c-2 is not to be had in syd1"),
        ({"size": "s-1vcpu-512mb-10gb", "image": "docker-20-04"}, "needs 25 GB of disk, and s-1vcpu-512mb-10gb has 10"),
        ({"size": ""}, "web: say size=…, or give [machine:web] a size"),
        ({"region": ""}, "web: say region=…, or give [machine:web] a region"),
        ({"image": ""}, "there is no snapshot of web, and no [machine:web] with an image"),
        ({"script": "../secret"}, "script must be a file below the configuration's folder"),
        ({"script": "/etc/passwd"}, "script must be a file below the configuration's folder"),
        ({"script": "nowhere.sh"}, "script nowhere.sh is no file of at most 65536 bytes"),
        ({"script": "binary"}, "script binary: not UTF-8"),
        ({"script": "long"}, "script long is no file of at most 65536 bytes"),
        ({"script": "config.ini"}, "script config.ini is none: it must begin with #! or #cloud-config"),
        ({"script": "token"}, "script token is none: it must begin with #! or #cloud-config"),
    ],
)
def test_what_cannot_be_had_is_answered_with_the_nearest(house, changes, tmp_path, changed, said):
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "long").write_bytes(b"#!" + b"a" * 65535)
    (tmp_path / "config.ini").write_text("# chanops: every setting\n[bot]\n")
    (tmp_path / "token").write_text("dop_v1_0123456789\n")
    found = refused(house(), "web", **SAID | changed)
    assert said in found
    assert found.isprintable()
    assert changes() == []


def test_keys_that_are_not_there_are_answered_with_the_nearest(house):
    assert refused(house(keys="dema"), "web", **SAID) == "[provider:do] keys: there is no key dema; did you mean demo?"


def test_a_new_machine_is_as_was_said_and_has_all_keys(house, cloud, changes):
    plan = house().plan("up", "web", tag="a,b", **SAID)
    [key] = cloud.world.keys.values()
    assert (plan.units[0].name, plan.units[0].provider, plan.units[0].id) == ("web", "do", "")
    assert {**order(plan), "keys": []} == {
        **SAID,
        "script": "",
        "volumes": [],
        "network": "",
        "ipv6": False,
        "monitoring": False,
        "backups": False,
        "tags": ["a", "b"],
        "keys": [],
    }
    assert order(plan)["keys"] == [str(key.id)]
    assert plan.title == "up web (do: s-1vcpu-1gb, fra1, from debian-13-x64) · $0.00893/h"
    assert changes() == []


def test_a_new_machine_is_as_configured(house, tmp_path):
    (tmp_path / "first.sh").write_text("#!/bin/sh\n")
    made = order(house({"machine:web-*": SECTION | {"script": "first.sh"}}).plan("up", "web-7"))
    assert (made["size"], made["region"], made["image"]) == ("s-2vcpu-4gb", "fra1", "debian-13-x64")
    assert (made["tags"], made["script"]) == (["scraper"], "#!/bin/sh\n")


def test_what_is_said_comes_before_what_is_remembered_and_that_before_what_is_configured(house, memory):
    memory.remember("do", "web", REMEMBERED)
    at = house({"machine:web": SECTION})
    remembered = order(at.plan("up", "web"))
    assert (remembered["size"], remembered["region"], remembered["tags"]) == ("s-1vcpu-2gb", "ams3", ["old"])
    assert (remembered["ipv6"], remembered["monitoring"], remembered["script"]) == (True, True, "#!/bin/sh\n")
    said = order(at.plan("up", "web", size="s-4vcpu-8gb", tag="new"))
    assert (said["size"], said["region"], said["tags"]) == ("s-4vcpu-8gb", "ams3", ["old", "new"])


def test_a_machine_comes_from_its_newest_good_snapshot(house, cloud, memory):
    memory.remember("do", "web", REMEMBERED)
    older = cloud.world.add_snapshot("web-20261119T180204Z-j39", 7, region="ams3")
    newest = cloud.world.add_snapshot("web-20261120T180204Z-j40", 7, region="ams3")
    cloud.world.add_snapshot("web-20261121T180204Z-j41", 7, region="ams3", size_gb=0)
    cloud.world.add_snapshot("web-2-20261122T180204Z-j42", 8, region="ams3")
    plan = house().plan("up", "web")
    assert order(plan)["image"] == str(newest)
    assert "from web-20261120T180204Z-j40" in plan.title
    assert order(house().plan("up", "web", image=str(older)))["image"] == str(older)


def test_a_snapshot_may_be_named_by_its_name(house, cloud):
    number = cloud.world.add_snapshot("golden", 7)
    assert order(house().plan("up", "web", **SAID | {"image": "golden"}))["image"] == str(number)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"region": "nyc3"}, "web-20261120T180204Z-j40 is not in nyc3, but in ams3: say region=…"),
        ({"size": "s-1vcpu-1gb"}, "web-20261120T180204Z-j40 needs 50 GB of disk, and s-1vcpu-1gb has 25"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(house, cloud, memory, changed, said):
    memory.remember("do", "web", REMEMBERED)
    cloud.world.add_snapshot("web-20261120T180204Z-j40", 7, region="ams3", min_disk=50)
    assert said in refused(house(), "web", **changed)


def test_one_like_another_has_all_but_its_volumes_and_addresses(house, cloud, memory):
    volume = cloud.world.add_volume("data", region="ams3")
    memory.remember("do", "scraper", Specification("s-1vcpu-2gb", "ams3", "debian-12-x64", ("s",), "", (volume,)))
    newest = cloud.world.add_snapshot("scraper-20261120T180204Z-j40", 7, region="ams3")
    plan = house().plan("up", "scraper-7", like="scraper")
    assert (order(plan)["image"], order(plan)["volumes"], order(plan)["tags"]) == (str(newest), [], ["s"])
    assert order(house().plan("up", "scraper"))["volumes"] == [volume]


def test_one_like_a_machine_that_runs_is_made_from_the_same(house, cloud):
    cloud.world.add_droplet("live", size="s-2vcpu-4gb", region="ams3", image="ubuntu-24-04-x64", tags=("x",))
    made = order(house().plan("up", "live-2", like="live"))
    assert (made["size"], made["region"], made["image"], made["tags"]) == (
        "s-2vcpu-4gb",
        "ams3",
        "ubuntu-24-04-x64",
        ["x"],
    )


def test_several_are_numbered(house):
    plan = house().plan("up", "web,db", count=2, **SAID)
    assert [unit.name for unit in plan.units] == ["web-1", "web-2", "db-1", "db-2"]
    assert plan.request["options"]["count"] == 1
    assert "· $0.03571/h" in plan.title or "· $0.03572/h" in plan.title


def test_a_pattern_means_what_was_here_before_or_is_configured(house, memory):
    for name in ("web-1", "web-2", "db"):
        memory.remember("do", name, REMEMBERED)
    at = house({"machine:web-3": SECTION, "machine:web-9?": SECTION})
    assert [unit.name for unit in at.plan("up", "web-*").units] == ["web-1", "web-2", "web-3"]
    assert "no machine that was here before fits wob-*; did you mean web-" in refused(at, "wob-*")


def test_a_configured_machine_may_look_like_a_count(house):
    assert [unit.name for unit in house({"machine:x1000": SECTION}).plan("up", "x1000").units] == ["x1000"]


def test_what_is_off_is_started_and_what_is_there_is_left(house, cloud):
    number = cloud.world.add_droplet("off", status="off")
    cloud.world.add_droplet("on")
    plan = house().plan("up", "off,on,new", **SAID)
    assert [(unit.name, unit.id) for unit in plan.units] == [("off", str(number)), ("new", "")]
    assert "on is there already (running, " in plan.warnings[0]
    assert "on is there already" in refused(house(), "on", **SAID)


def test_a_name_that_two_machines_have_is_refused(house, cloud):
    first, second = cloud.world.add_droplet("twin", status="off"), cloud.world.add_droplet("twin")
    assert refused(house(), "twin", **SAID) == f"2 machines are called twin: ids {first}, {second}"


def test_the_account_is_what_was_said_or_configured_or_remembered(house, memory):
    memory.remember("eu", "old", REMEMBERED)
    at = house({"machine:web": SECTION | {"provider": "eu"}}, accounts=("do", "eu"))
    assert at.plan("up", "web").units[0].provider == "eu"
    assert at.plan("up", "web", on="do").units[0].provider == "do"
    assert at.plan("up", "old").units[0].provider == "eu"
    assert refused(at, "new", **SAID) == "say which provider: on=do|eu"


def test_many_machines_need_no_more_questions_than_one(house, cloud):
    house().plan("up", "web", **SAID)
    one = len(cloud.requests)
    house().plan("up", "web", count=MOST, **SAID)
    assert len(cloud.requests) == 2 * one
