"""What is remembered of machines and snapshots, on disk."""

from dataclasses import replace

from stores import environment

from chanops.providers.base import Image, Machine, State
from chanops.services.database import Database
from chanops.services.machines.memory import Memory, Specification, specification

WEB = Specification(
    "s-1", "fra1", "debian", ("a", "b"), "#!/bin/sh\n", ("v1",), "net", True, True, True, ("192.0.2.1",)
)


def snapshot(number):
    return Image(str(number), f"web-{number}")


def test_a_specification_comes_back_as_it_was_and_the_newest_counts(memory, database):
    assert memory.recall("do", "web") is None
    memory.remember("do", "web", WEB)
    assert memory.recall("do", "web") == WEB
    assert memory.recall("eu", "web") is None
    memory.remember("do", "web", replace(WEB, size="s-2"))
    again = Database(database.path, environment(database)["DATABASE_URL"])
    again.start()
    assert Memory(again).recall("do", "web") == replace(WEB, size="s-2")
    again.stop()


def test_a_specification_is_a_machine_s_without_the_tags_of_jobs():
    machine = Machine("do", "1", "web", State.RUNNING, size="s-1", region="fra1", tags=("a", "chanops-job-7"))
    made = specification(machine, "script", ("192.0.2.1",))
    assert (made.size, made.region, made.tags, made.script, made.reserved) == (
        "s-1",
        "fra1",
        ("a",),
        "script",
        ("192.0.2.1",),
    )


def test_names_are_listed_by_name(memory):
    for provider, name in (("do", "web"), ("eu", "db"), ("do", "mail")):
        memory.remember(provider, name, WEB)
    assert memory.names() == [("eu", "db"), ("do", "mail"), ("do", "web")]


def test_own_snapshots_are_listed_newest_first_and_each_once(memory):
    for number in (1, 2, 3):
        memory.note_snapshot("do", "web", snapshot(number), 40 + number)
    memory.note_snapshot("do", "web", snapshot(3), 99)
    memory.note_snapshot("do", "db", snapshot(4), 44)
    memory.note_snapshot("eu", "web", snapshot(1), 45)
    assert [(each.image, each.job) for each in memory.own("do", "web")] == [("3", 43), ("2", 42), ("1", 41)]
    assert [each.image for each in memory.own("do")] == ["4", "3", "2", "1"]
    memory.forget_snapshot("do", "2")
    assert [each.image for each in memory.own("do", "web")] == ["3", "1"]
    assert [each.image for each in memory.own("eu", "web")] == ["1"]


def test_what_is_remembered_goes_with_a_new_name(memory):
    memory.remember("do", "web", WEB)
    memory.remember("eu", "web", WEB)
    memory.note_snapshot("do", "web", snapshot(1), 41)
    memory.rename("do", "web", "www")
    assert memory.recall("do", "web") is None
    assert memory.recall("do", "www") == WEB
    assert memory.recall("eu", "web") == WEB
    assert [each.machine for each in memory.own("do")] == ["www"]
    memory.rename("do", "nobody", "nothing")
    assert memory.recall("do", "nothing") is None
