"""From what was typed to a plan, for machines that are there: what is refused, and that planning changes nothing."""

import pytest

from chanops.core.errors import Problem
from chanops.providers.base import Image
from chanops.simulator.digitalocean import Fault

SECTIONS = {
    "machine:db": {"protect": "stop-only"},
    "machine:safe-*": {"protect": "stop-only"},
    "host:backup": {"address": "backup.example.org"},
}


@pytest.fixture
def ids(cloud):
    """Machines in the cloud: name to id."""
    world = cloud.world
    made = {
        "web-1": world.add_droplet("web-1", tags=("web",)),
        "web-2": world.add_droplet("web-2", tags=("web",), size="s-2vcpu-4gb"),
        "db": world.add_droplet("db"),
        "safe-1": world.add_droplet("safe-1"),
        "off": world.add_droplet("off", status="off"),
        "young": world.add_droplet("young", status="new"),
    }
    world.add_droplet("twin")
    world.add_droplet("twin")
    return made


def refused(at, kind, which, **options):
    with pytest.raises(Problem) as caught:
        at.plan(kind, which, **options)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["down", "destroy", "start", "stop", "reboot", "snapshot"])
def test_a_plan_has_each_machine_with_its_id_and_nothing_was_changed(house, ids, changes, kind):
    plan = house(SECTIONS).plan(kind, "tag:web")
    assert [(unit.name, unit.provider, unit.id) for unit in plan.units] == [
        (name, "do", str(ids[name])) for name in ("web-1", "web-2")
    ]
    assert plan.title.startswith(f"{kind} web-1, web-2 (do)")
    assert plan.destroys is (kind in ("down", "destroy"))
    assert changes() == []


@pytest.mark.parametrize(
    ("kind", "which", "options", "said"),
    [
        ("down", "wbe-1", {}, "nothing matches wbe-1; did you mean web-1?"),
        ("down", "web-1,web-9", {}, "nothing matches web-9; did you mean web-"),
        ("start", "tag:wep", {}, "nothing matches tag:wep; did you mean tag:web?"),
        ("down", "zzzzzz", {}, "nothing matches zzzzzz"),
        ("down", "web-1,on:nowhere", {}, "nothing matches on:nowhere"),
        ("down", "twin", {}, "2 machines are called twin: say id:"),
        ("start", "backup", {}, "backup is a plain host: no cloud can start it"),
        ("down", "young", {}, "is still being made: wait for it"),
        ("rename", "tag:web", {"new_name": "www"}, "one machine at a time can be given a new name"),
        ("rename", "web-1", {"new_name": "web-2"}, "there is a web-2 already (id "),
        ("resize", "web-1", {"size": "s-1vcpu-2g"}, "there is no size s-1vcpu-2g; did you mean s-1vcpu-2gb?"),
        ("resize", "web-1", {"size": "s-1vcpu-1gb"}, "web-1 is s-1vcpu-1gb already"),
        ("resize", "web-2", {"size": "s-1vcpu-1gb"}, "s-1vcpu-1gb has 25 GB of disk and web-2 80: disks cannot shrink"),
        ("restore", "web-1", {}, "there is no snapshot of web-1: .snapshot web-1 makes one"),
    ],
)
def test_what_cannot_be_is_refused_and_the_nearest_is_told(house, ids, changes, kind, which, options, said):
    assert said in refused(house(SECTIONS), kind, which, **options)
    assert changes() == []


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        *(
            ("rename", {"new_name": name}, "is no name for a machine: letters, digits, dots and hyphens")
            for name in (
                "two words",
                "a/b",
                "a\x00b",
                "a_b",
                "-a",
                "a-",
                "a" * 64,
                "",
                "ünï",
                "a\u200b",
                "..",
                "a\r\nb",
            )
        ),
        *(
            ("tag", {"add": [tag], "remove": []}, "is no tag: letters, digits, : _ and - make one")
            for tag in ("two words", "a/b", "", "ünï", "a,b", "a" * 256, "a\x00")
        ),
        ("tag", {"add": [], "remove": ["a b"]}, "is no tag"),
        ("tag", {"add": ["chanops-job-7"], "remove": []}, "tags that begin with chanops-job- are chanops' own"),
        ("tag", {"add": [], "remove": []}, "say which tags"),
    ],
)
def test_what_is_wrong_by_itself_is_refused_before_any_cloud_is_asked(house, cloud, kind, options, said):
    found = refused(house(), kind, "web-1", **options)
    assert said in found
    assert found.isprintable()
    assert cloud.requests == []


@pytest.mark.parametrize("name", ["db", "safe-1"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("down", {}),
        ("destroy", {}),
        ("reboot", {}),
        ("resize", {"size": "s-2vcpu-4gb"}),
        ("rename", {"new_name": "x"}),
        ("snapshot", {}),
        ("restore", {}),
        ("tag", {"add": ["x"], "remove": []}),
    ],
)
def test_what_is_protected_can_only_be_stopped_and_started(house, ids, changes, kind, options, name):
    at = house(SECTIONS)
    assert f"{name} is protected (stop-only)" in refused(at, kind, name, **options)
    assert f"{name} is protected (stop-only)" in refused(at, kind, f"id:{ids[name]}", **options)
    assert at.plan("stop", name).units
    assert at.plan("start", name).units
    assert changes() == []


def test_one_protected_machine_keeps_all_that_were_meant_with_it(house, ids):
    assert "db is protected" in refused(house(SECTIONS), "down", "web-1,db")


def test_only_so_many_machines_at_once(house, ids):
    at = house({"jobs": {"most_machines": "1"}})
    assert "that is 2 machines, and at most 1 are allowed at once" in refused(at, "start", "web-*")
    assert at.plan("start", "web-1").units


def test_what_destroys_nothing_goes_on_without_what_matched_nothing_and_says_so(house, ids):
    plan = house(SECTIONS).plan("start", "web-1,web-9,off")
    assert [unit.name for unit in plan.units] == ["off", "web-1"]
    assert [each.partition(";")[0] for each in plan.warnings] == ["nothing matches web-9"]


def test_before_something_is_destroyed_it_says_what_to_think_of(house, cloud):
    volume = cloud.world.add_volume("data")
    droplet = cloud.world.add_droplet("web", volume_ids=(volume,))
    cloud.world.add_reserved_ip(droplet)
    warned = "; ".join(house().plan("destroy", "web").warnings)
    assert "web has 1 volumes, which no snapshot has; they stay" in warned
    assert "web has a reserved address, which costs while it points at nothing" in warned
    assert "THERE IS NO SNAPSHOT of web" in warned
    cloud.world.add_snapshot("web-20261120T180204Z-j40", droplet)
    assert "NO SNAPSHOT" not in "; ".join(house().plan("destroy", "web").warnings)


def test_a_price_is_in_the_title_and_a_change_of_it_makes_another_plan(house, ids):
    at = house(SECTIONS)
    assert "saves $0.04464/h" in at.plan("down", "web-*").title
    assert at.plan("down", "web-1").digest != at.plan("down", "web-*").digest
    assert at.plan("down", "web-1").digest == at.plan("down", f"id:{ids['web-1']}").digest


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", "web-20261120T180204Z-j40"), ("web-20261119T180204Z-j39", "web-20261119T180204Z-j39"), ("mine", "mine")],
)
def test_a_machine_is_restored_from_its_newest_snapshot_or_the_one_that_is_named(house, cloud, wanted, found):
    from_long_ago = cloud.world.add_droplet("elsewhere")
    droplet = cloud.world.add_droplet("web")
    cloud.world.add_snapshot("mine", droplet, tags=())
    cloud.world.add_snapshot("web-20261119T180204Z-j39", from_long_ago)
    cloud.world.add_snapshot("web-20261120T180204Z-j40", droplet)
    cloud.world.add_snapshot("web-20261121T180204Z-j41", droplet, size_gb=0)
    cloud.world.add_snapshot("other-20261122T180204Z-j42", from_long_ago)
    [unit] = house().plan("restore", "web", image=wanted).units
    assert unit.facts["image_name"] == found
    assert "there is no snapshot of web nine; did you mean mine?" in refused(house(), "restore", "web", image="nine")


def test_a_name_whose_snapshots_are_still_there_is_not_given_again(house, ids, memory):
    memory.note_snapshot("do", "old", Image("77", "old-20261120T180204Z-j40"), 40)
    assert "there are snapshots of an earlier old" in refused(house(), "rename", "web-1", new_name="old")


def test_where_one_cloud_cannot_be_asked_it_is_said_why_nothing_matches(house, cloud):
    cloud.world.faults.add(Fault("foreign-next", times=None))
    assert "its answer leads to another host" in refused(house(), "down", "web-1")


def test_only_tags_that_change_something_are_in_the_plan(house, ids):
    [unit] = house().plan("tag", "web-1", add=["web", "new"], remove=["old", "web"]).units
    assert (unit.facts["add"], unit.facts["remove"]) == (["new"], ["web"])
