"""Plans: what is stored is what comes back, and two are the same where they do the same."""

from dataclasses import replace

import pytest

from chanops.core.plan import Plan, Unit

WEB = Unit("web", "do", "481", {"price": 0.5, "region": "fra1"})
DB = Unit("db", "do", "482", {"price": 1.0, "region": "fra1"})
PLAN = Plan("down", "down web, db", (WEB, DB), True, ("db has 1 volumes",), {"kind": "down", "which": "*"})


def test_a_plan_comes_back_as_it_was_stored():
    assert Plan.read(PLAN.text) == PLAN
    assert Plan.read(PLAN.text).digest == PLAN.digest


@pytest.mark.parametrize(
    "same",
    [
        replace(PLAN, units=(DB, WEB)),
        replace(PLAN, title="other words"),
        replace(PLAN, request={"kind": "down", "which": "web,db"}),
    ],
)
def test_plans_that_do_the_same_have_one_digest(same):
    assert same.digest == PLAN.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, kind="destroy"),
        replace(PLAN, units=(WEB,)),
        replace(PLAN, units=(WEB, replace(DB, id="483"))),
        replace(PLAN, units=(WEB, replace(DB, name="db2"))),
        replace(PLAN, units=(WEB, replace(DB, provider="do2"))),
        replace(PLAN, units=(WEB, replace(DB, facts={"price": 2.0, "region": "fra1"}))),
        replace(PLAN, units=(WEB, DB, DB)),
    ],
)
def test_plans_that_do_something_else_have_another(other):
    assert other.digest != PLAN.digest


@pytest.mark.parametrize(
    ("unit", "keys"),
    [
        (Unit("web", "do"), {"do/web"}),
        (Unit("web", "do", "481"), {"do/web", "do#481"}),
        (Unit("web", "do", "481", {"new_name": "www"}), {"do/web", "do/www", "do#481"}),
        (Unit("web", "do", "", {"new_name": "www"}), {"do/web", "do/www"}),
    ],
)
def test_a_machine_is_locked_by_its_names_and_its_id(unit, keys):
    assert set(unit.keys) == keys


def test_a_warning_that_comes_or_goes_is_another_plan_where_something_is_destroyed():
    assert replace(PLAN, warnings=("think of it",)).digest != replace(PLAN, warnings=()).digest
    kept = replace(PLAN, destroys=False)
    assert replace(kept, warnings=("think of it",)).digest == replace(kept, warnings=()).digest


def test_a_plan_that_cannot_be_read_is_told_as_one():
    assert Plan.read("nonsense").kind == Plan.read("[1, 2]").kind == "unreadable"


def test_a_script_is_shown_as_its_hash():
    facts = {"order": {"script": "#!/bin/sh\nPASSWORD=hunter2\n", "size": "small"}}
    plan = Plan("up", "up web", (Unit("web", "do", "", facts),))
    assert "hunter2" not in plan.shown
    assert "hunter2" in plan.text
