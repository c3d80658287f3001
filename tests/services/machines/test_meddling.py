"""Others act on the machines as well, clocks are set, and the configuration changes, all in the midst of jobs."""

import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from chanops.services.jobs import lease
from chanops.services.machines import memory
from chanops.simulator.digitalocean import CloudServer, Delays, Fault
from chanops.testing import TOKEN, UNLIMITED, job_ended, provider_section, until


@pytest.fixture
def extra_configuration(cloud):
    return provider_section(cloud, keep="1", grace="3") + "[jobs]\nmost_jobs = 50\nper_minute = 1000\n"


@pytest.fixture
def do(bot):
    """Has something done, with its code where one is asked for; the job's number."""

    def make(text):
        answer = bot.say(text)[0]
        if ".confirm" in answer:
            answer = bot.say(f".confirm {code_in(answer)}")[0]
        found = re.match(r"job (\d+): ", answer)
        assert found, answer
        return int(found[1])

    return make


@pytest.fixture
def held(bot):
    """Holds a job where a step is about to be taken; call the result to let it go on."""
    journal = bot.app.fleet.jobs.journal
    intend, gates = journal.intend, {}

    def at(step):
        gates[step] = threading.Event(), threading.Event()

        def intending(claim, unit, name, *more):
            made = intend(claim, unit, name, *more)
            if name in gates and not gates[name][0].is_set():
                gates[name][0].set()
                assert gates[name][1].wait(20)
            return made

        journal.intend = intending
        return gates[step]

    yield at
    for _, go in gates.values():
        go.set()


def code_in(answer):
    return re.search(r"\.confirm ([0-9A-Z]{6})", answer)[1]


def panel(cloud, method, path, **body):
    """What somebody does in the cloud's own pages."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.request(method, cloud.url + path, json=body or None, headers=headers, timeout=10)
    assert answer.status_code < 300, answer.text


def configure(bot, change):
    path = bot.app.configured.path
    path.write_text(change(path.read_text()))
    answer = bot.say(".reload")[0]
    assert answer.startswith("reloaded"), answer


def names(cloud, what="droplets"):
    return sorted(each["name"] for each in cloud.world.state()[what])


def kinds(cloud):
    return [each.kind for each in cloud.world.truth]


def test_a_clock_that_was_fast_does_not_make_old_snapshots_the_newest(bot, cloud, do, monkeypatch):
    cloud.world.add_droplet("web")
    real = memory.now
    monkeypatch.setattr(memory, "now", lambda: real() + 3_600_000)
    job_ended(bot, do(".snapshot web"))
    monkeypatch.setattr(memory, "now", real)
    assert job_ended(bot, do(".down web")).state == "done"
    assert [each.endswith("-j2") for each in names(cloud, "snapshots")] == [True]


def test_machines_of_one_name_are_not_snapshotted(bot, cloud):
    first, second = cloud.world.add_droplet("web", tags=("x",)), cloud.world.add_droplet("web", tags=("x",))
    for which in ("tag:x", f"id:{first}", f"id:{second}", "*"):
        for command in (".down", ".snapshot"):
            assert "2 machines are called web" in bot.say(f"{command} {which}")[0]
    assert kinds(cloud) == []


@pytest.mark.parametrize("actions", [("power_on",), ("power_on", "power_off")])
def test_a_machine_that_was_used_after_its_snapshot_is_kept(bot, cloud, do, held, actions):
    number = cloud.world.add_droplet("web")
    reached, go = held("checked")
    job = do(".down web")
    assert reached.wait(10)
    for action, state in zip(actions, ("active", "off"), strict=False):
        panel(cloud, "POST", f"droplets/{number}/actions", type=action)
        until(lambda state=state: cloud.world.state()["droplets"][0]["status"] == state)
    go.set()
    ended = job_ended(bot, job)
    assert ended.state == "needs-attention"
    assert re.search(r"was used after its snapshot \((power_off, )?power_on\)", ended.text)
    assert "destroy" not in kinds(cloud)


@pytest.mark.parametrize("step", ["reserved", "checked"])
def test_a_machine_that_was_renamed_meanwhile_is_kept(bot, cloud, do, held, step):
    configure(bot, lambda text: text + "[machine:spider]\nprotect = stop-only\n")
    number = cloud.world.add_droplet("web")
    reached, go = held(step)
    job = do(".down web")
    assert reached.wait(10)
    panel(cloud, "POST", f"droplets/{number}/actions", type="rename", name="spider")
    until(lambda: names(cloud) == ["spider"])
    go.set()
    ended = job_ended(bot, job)
    assert ended.state in ("failed", "needs-attention")
    assert names(cloud) == ["spider"]


@pytest.mark.parametrize("command", [".reboot web", ".resize web s-2vcpu-4gb disk=yes", ".rename web other"])
def test_protection_that_comes_while_a_job_waits_holds(bot, cloud, do, held, command):
    cloud.world.add_droplet("web")
    reached, go = held("shutdown")
    first = do(".stop web")
    assert reached.wait(10)
    second = do(command)
    configure(bot, lambda text: text + "[machine:web]\nprotect = stop-only\n")
    go.set()
    assert job_ended(bot, first).state == "done"
    ended = job_ended(bot, second)
    assert ended.state == "failed"
    assert "is protected (stop-only)" in ended.text
    assert not {"reboot", "resize", "rename"} & set(kinds(cloud))


def test_a_code_counts_for_nothing_once_the_role_is_gone(bot, cloud):
    cloud.world.add_droplet("web")
    code = code_in(bot.say(".destroy web")[0])
    configure(bot, lambda text: text.replace("ops = alice", "ops = bob"))
    assert "this needs the role ops" in bot.say(f".confirm {code}")[0]
    assert names(cloud) == ["web"]


def test_a_snapshot_that_is_deleted_before_the_code_is_typed_makes_it_another_plan(bot, cloud):
    number = cloud.world.add_droplet("web")
    image = cloud.world.add_snapshot("web-20261120T180204Z-j40", number)
    shown = bot.say(".destroy web")[0]
    assert "NO SNAPSHOT" not in shown
    panel(cloud, "DELETE", f"snapshots/{image}")
    assert "has changed since it was shown" in bot.say(f".confirm {code_in(shown)}")[0]
    assert names(cloud) == ["web"]


def test_a_machine_whose_snapshot_was_deleted_at_the_last_moment_is_kept(bot, cloud, do, held):
    cloud.world.add_droplet("web")
    reached, go = held("checked")
    job = do(".down web")
    assert reached.wait(10)
    image = int(cloud.world.state()["snapshots"][0]["id"])
    panel(cloud, "DELETE", f"snapshots/{image}")
    go.set()
    ended = job_ended(bot, job)
    assert ended.state == "needs-attention"
    assert names(cloud) == ["web"]


def test_a_machine_does_not_come_up_empty_because_its_snapshot_is_not_listed(bot, cloud, do):
    cloud.world.add_droplet("web")
    assert job_ended(bot, do(".down web")).state == "done"
    panel(cloud, "DELETE", f"snapshots/{cloud.world.state()['snapshots'][0]['id']}")
    bot.app.fleet.clouds.of("do").changed()
    assert "is not listed as good" in bot.say(".up web")[0]
    assert job_ended(bot, do(".up web image=debian-13-x64")).state == "done"


def test_the_foreman_outlives_what_goes_wrong_around_him(bot, cloud, do, monkeypatch):
    cloud.world.add_droplet("web")
    engine = bot.app.fleet.jobs.engine
    real, failed = engine.lease.dead, threading.Event()

    def dead():
        if not failed.is_set():
            failed.set()
            raise OSError(24, "Too many open files")
        return real()

    monkeypatch.setattr(engine.lease, "dead", dead)
    engine.wake()
    assert failed.wait(10)
    assert job_ended(bot, do(".stop web")).state == "done"


def test_a_job_that_cannot_be_read_holds_up_no_other(bot, cloud, do):
    cloud.world.add_droplet("web")
    first = do(".stop web")
    job_ended(bot, first)
    change = "UPDATE jobs SET plan = 'nonsense', state = 'waiting' WHERE id = 1"
    bot.app.database.wait(lambda connection: connection.exec_driver_sql(change))
    assert job_ended(bot, do(".start web")).state == "done"


def test_a_provider_that_is_taken_away_meanwhile_is_used_to_the_end_of_the_job(bot, cloud, do, held):
    reached, go = held("running")
    job = do(".up web size=s-1vcpu-1gb region=fra1 image=debian-13-x64")
    assert reached.wait(10)
    configure(bot, lambda text: text[: text.index("[provider:do]")] + "[jobs]\nmost_jobs = 50\n")
    go.set()
    assert job_ended(bot, job).state == "done"
    assert names(cloud) == ["web"]


def test_another_account_under_the_same_name_is_not_taken_for_the_old_one(bot, cloud, do, held, monkeypatch):
    cloud.world.add_droplet("web")
    reached, go = held("shutdown")
    job = do(".stop web")
    assert reached.wait(10)
    waiting = do(".reboot web")
    with CloudServer(token=TOKEN, delays=Delays.quick(), limits=UNLIMITED) as other:
        monkeypatch.setattr(bot.app.fleet.clouds.of("do"), "known_as", "the first account")
        configure(bot, lambda text: text.replace(cloud.url.rstrip("/"), other.url.rstrip("/")))
        monkeypatch.setattr(bot.app.fleet.clouds.of("do"), "known_as", "another account")
        go.set()
        assert job_ended(bot, job).state == "done"
        assert job_ended(bot, waiting).state in ("needs-attention", "failed")
        assert "reboot" not in kinds(cloud) + kinds(other)


def test_what_matched_nothing_is_said_where_something_else_is_done(bot, cloud):
    cloud.world.add_droplet("web")
    assert "; nothing matches wbe; did you mean web?" in bot.say(".stop web,wbe")[0]


def test_a_machine_is_told_to_be_off_where_a_job_was_cancelled_with_it_off(bot, cloud, do, held):
    cloud.world.add_droplet("web")
    cloud.world.faults.add(Fault("snapshot-late", seconds=60))
    reached, go = held("snapshot listed")
    job = do(".down web")
    assert reached.wait(20)
    bot.say(f".cancel {job}")
    bot.app.fleet.jobs.engine.wake()
    until(lambda: bot.app.fleet.jobs.engine.running[job].cancelled)
    go.set()
    ended = job_ended(bot, job)
    assert ended.state == "cancelled"
    assert "is off; its snapshot" in ended.text


def test_volumes_stay_where_they_are(bot, cloud, do):
    volume = cloud.world.add_volume("data", 10, "fra1")
    cloud.world.add_droplet("web", volume_ids=(volume,))
    assert job_ended(bot, do(".down web")).state == "done"
    shown = bot.say(".up -n web region=ams3 image=debian-13-x64")
    assert shown[0].startswith("would: up web")
    assert job_ended(bot, do(".up web region=ams3 image=debian-13-x64")).state == "done"


def test_a_clock_that_jumps_makes_no_second_machine(bot, cloud, do, monkeypatch):
    cloud.world.faults.add(Fault("cut-after", action="create"), Fault("lag", path="droplets$", times=None, seconds=1.0))

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz or UTC) + timedelta(hours=1)

    job = do(".up web size=s-1vcpu-1gb region=fra1 image=debian-13-x64")
    monkeypatch.setattr("chanops.services.jobs.work.datetime", Ahead)
    job_ended(bot, job)
    assert names(cloud) == ["web"]
    assert lease.DEAD > lease.SURE


def test_where_down_means_stop_nothing_is_asked(bot, cloud, do):
    configure(bot, lambda text: text + "[machine:db]\ndown = stop\n")
    for name in ("db", "web"):
        cloud.world.add_droplet(name)
    assert bot.say(".down db")[0].startswith("job 1: down db")
    job_ended(bot, 1)
    assert "destroys web (id" in bot.say(".down web,db")[0]
    assert job_ended(bot, do(".down web,db")).state == "done"
    assert names(cloud) == ["db"]


def test_a_destroyed_machine_is_not_brought_back_by_a_pattern(bot, cloud, do):
    for name in ("w-1", "w-2"):
        cloud.world.add_droplet(name)
    job_ended(bot, do(".down w-1"))
    job_ended(bot, do(".destroy w-2"))
    job_ended(bot, do(".up w-*"))
    assert names(cloud) == ["w-1"]
