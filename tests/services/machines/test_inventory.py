"""Which machines a person means."""

import pytest

from chanops.core.errors import Problem
from chanops.core.words import targets
from chanops.providers.base import Machine, State
from chanops.services.machines.inventory import Inventory, look, one_each
from chanops.simulator.digitalocean import Fault


def machine(id, name, provider="do", *tags):
    return Machine(provider, id, name, State.RUNNING, tags=tags)


SEEN = Inventory(
    [
        machine("1", "web-1", "do", "web"),
        machine("2", "web-2", "do", "web"),
        machine("3", "web-2", "eu", "web"),
        machine("4", "db", "eu", "data"),
        machine("5", "twin", "do"),
        machine("6", "twin", "do"),
    ]
)


@pytest.mark.parametrize(
    ("which", "ids", "missed"),
    [
        ("web-1", "1", []),
        ("web-*", "123", []),
        ("tag:web", "123", []),
        ("id:4", "4", []),
        ("on:eu", "43", []),
        ("web-*,on:eu", "3", []),
        ("on:eu,web-*", "3", []),
        ("tag:web,on:do", "12", []),
        ("on:do,on:eu", "456123", []),
        ("web-1,db", "41", []),
        ("db,on:do", "", ["db"]),
        ("web-1,db,on:do", "1", ["db"]),
        ("web-9", "", ["web-9"]),
        ("web-1,web-9,tag:nothing", "1", ["web-9", "tag:nothing"]),
        ("web-1,on:nowhere", "", ["on:nowhere"]),
        ("WEB-1", "", ["WEB-1"]),
    ],
)
def test_names_globs_tags_ids_and_accounts_mean_machines_and_what_matched_nothing_is_told(which, ids, missed):
    found, nothing = SEEN.meant(targets(which))
    assert ("".join(each.id for each in found), nothing) == (ids, missed)


def test_what_matched_nothing_is_answered_with_the_nearest():
    assert SEEN.nothing("web-11") == "nothing matches web-11; did you mean web-1?"
    assert SEEN.nothing("tag:dat") == "nothing matches tag:dat; did you mean tag:data?"
    assert SEEN.nothing("db") == "db is not there, but elsewhere"
    assert SEEN.nothing("zzzzzz") == "nothing matches zzzzzz"


@pytest.mark.parametrize(
    ("which", "refused"), [("twin", True), ("tw*", False), ("id:5", False), ("web-2,on:do", False)]
)
def test_a_name_that_several_machines_have_is_refused_with_their_ids(which, refused):
    found, _ = SEEN.meant(targets(which))
    if not refused:
        one_each(found, targets(which))
        return
    with pytest.raises(Problem, match=r"2 machines are called twin: say id:5 \(do\) or id:6 \(do\)"):
        one_each(found, targets(which))


def test_all_clouds_and_the_plain_hosts_are_looked_at(house, cloud):
    cloud.world.add_droplet("web", tags=("a", "b"))
    at = house({"host:backup": {"address": "backup.example.org", "tags": "b"}})
    seen = look(at.clouds, at.settings)
    assert [(each.name, each.provider) for each in seen.machines] == [("web", "do"), ("backup", "hosts")]
    assert [each.name for each in seen.meant(targets("tag:b"))[0]] == ["backup", "web"]
    assert [each.name for each in look(at.clouds, at.settings, "hosts").machines] == ["backup"]
    with pytest.raises(Problem, match="there is no provider dx; there are do"):
        look(at.clouds, at.settings, "dx")


def test_a_cloud_that_cannot_be_asked_is_told_of_and_the_others_are_shown(house, cloud):
    at = house({"host:backup": {"address": "backup.example.org"}})
    cloud.world.faults.add(Fault("foreign-next"))
    seen = look(at.clouds, at.settings, age=0.0)
    assert [each.name for each in seen.machines] == ["backup"]
    assert len(seen.troubles) == 1
    assert "do: its answer leads to another host" in seen.troubles[0]
