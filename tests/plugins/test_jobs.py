"""The plugin jobs: what is under way, how it is ended, and how it is asked for again."""

import re

import pytest

from chanops.services.tables import audit
from chanops.simulator.digitalocean import Fault
from chanops.testing import job_ended, provider_section, until

NEW = "size=s-1vcpu-1gb region=fra1 image=debian-13-x64"


@pytest.fixture
def extra_configuration(cloud):
    return provider_section(cloud, shutdown="20")


@pytest.fixture
def stubborn(bot, cloud):
    """A job that goes on until it is cancelled: its machine does not shut down."""
    number = cloud.world.add_droplet("web", tags=("a",))
    cloud.world.faults.add(Fault("shutdown-ignored", times=None))
    assert bot.say(".stop web")[0].startswith("job 1: stop web (do)")
    until(lambda: any(each.kind == "shutdown" for each in cloud.world.truth))
    return number


def changes(cloud):
    return [f"{each.method} {each.path}" for each in cloud.requests if each.method != "GET"]


def test_there_were_no_jobs_yet(bot):
    assert bot.say(".jobs") == ["there were no jobs yet"]
    for command in (".job 1", ".cancel 1", ".again 1"):
        assert bot.say(command) == ["alice: there is no job 1: .jobs lists them"]
    for number in ("0", "-1", "999999999999999999"):
        assert bot.say(f".job {number}") == [f"alice: there is no job {number}: .jobs lists them"]
    assert "number must be a whole number" in bot.say(".job ١")[0]


def test_jobs_under_way_are_listed_first_and_then_the_newest(bot, stubborn, cloud):
    bot.say(f".up db {NEW}", nick="alice")
    job_ended(bot, 2)
    first, second = bot.say(".jobs")
    assert re.match(r"job 1: stop web \(do\) · running · alice, (just now|\d+ s ago)$", first)
    assert re.match(r"job 2: up db .* · done in \d+ s\. db 203\.0\.113\.\d+ · alice, ", second)


def test_a_job_is_told_with_each_machine_its_line_and_its_page(bot, cloud):
    bot.say(f".up web,db {NEW}")
    job_ended(bot, 1)
    head, *machines, page = bot.say(".job 1")
    assert re.match(
        r"job 1: up web, db \(.* · done · \d+ s · asked by alice http://ops\.example/line/\d+$",
        head,
    )
    assert [re.sub(r"[0-9.]+$", "", each) for each in machines] == ["  web: done · ", "  db: done · "]
    assert page == "http://ops.example/jobs/1"


def test_a_running_job_is_cancelled_and_it_is_said_how_things_are(bot, stubborn, cloud):
    [answer] = bot.say(".cancel 1")
    assert re.fullmatch(r"job 1 ends at its next step; now: web (cancelled; )?is shutting down", answer)
    job = job_ended(bot, 1)
    assert job.state == "cancelled"
    assert job.text.endswith("web cancelled; is shutting down")
    assert bot.say(".cancel 1") == ["alice: job 1 is over already (cancelled)"]
    assert [each["status"] for each in cloud.world.state()["droplets"]] == ["active"]
    assert changes(cloud) == [f"POST /v2/droplets/{stubborn}/actions"]


def test_a_second_job_on_a_machine_waits_and_says_so_and_can_be_cancelled(bot, stubborn, cloud):
    for number, command in ((2, ".tag web +b"), (3, f".reboot id:{stubborn}")):
        assert f"(waits for job 1) http://ops.example/jobs/{number}" in bot.say(command)[0]
    assert bot.say(".cancel 2") == ["job 2 is cancelled; nothing had been begun"]
    assert bot.say(".job 2")[1] == "  web: cancelled · not begun"
    assert len(changes(cloud)) == 1
    bot.say(".cancel 1")
    assert job_ended(bot, 3).state == "done"
    assert "reboot" in [each.kind for each in cloud.world.truth]
    assert bot.app.fleet.jobs.find(2).state == "cancelled"


def test_asking_again_is_for_the_machines_that_were_not_done(bot, cloud):
    cloud.world.droplet_limit = 2
    bot.say(f".up web-1,web-2,web-3 {NEW}")
    job = job_ended(bot, 1)
    assert job.state == "failed"
    assert "ask the cloud for more, or take something down" in job.text
    [left] = [part.name for part in bot.app.fleet.jobs.whole(1).units if part.state == "failed"]
    cloud.world.droplet_limit = 3
    assert f"job 2: up {left} (do: " in bot.say(".again 1")[0]
    assert job_ended(bot, 2).state == "done"
    assert sorted(each["name"] for each in cloud.world.state()["droplets"]) == ["web-1", "web-2", "web-3"]


def test_asking_again_for_what_was_done_means_all_of_it_and_what_destroys_is_confirmed_again(bot, cloud):
    number = cloud.world.add_droplet("web")
    bot.say(".tag web +a")
    job_ended(bot, 1)
    assert bot.say(".again 1")[0].startswith("job 2: tag web +a (do)")
    job_ended(bot, 2)
    code = re.search(r"confirm (\w+)", bot.say(".destroy web")[0])[1]
    cloud.world.faults.add(Fault("500-before", method="DELETE", times=None))
    bot.say(f".confirm {code}")
    bot.say(".cancel 3")
    assert job_ended(bot, 3).state == "cancelled"
    assert f"this destroys WITHOUT a new snapshot web (id {number}, fra1)" in bot.say(".again 3")[0]


def test_what_is_not_over_or_is_only_a_report_cannot_be_asked_for_again(bot, stubborn):
    assert bot.say(".again 1") == ["alice: job 1 is not over yet"]
    bot.app.fleet.jobs.report("what the machines cost", "nothing")
    assert bot.say(".again 2") == ["alice: job 2 cannot be asked for again"]


def test_who_cancelled_is_in_the_audit(bot, stubborn):
    bot.say(".cancel 1")
    job_ended(bot, 1)
    with bot.app.database.read() as connection:
        [row] = connection.execute(audit.select().where(audit.c.kind == "cancel")).all()
    assert '"account": "alice"' in row.who
    assert row.job == 1


def test_a_bot_that_is_stopped_amid_a_job_goes_on_with_it_after_the_start(bot, stubborn, cloud):
    bot.app.close()
    assert bot.app.fleet.jobs.engine.running == {}
    cloud.world.faults.clear()
    cloud.world.set_status(stubborn, "off")
    with type(bot)(bot.app.configured) as again:
        job = job_ended(again, 1)
        assert (job.state, job.nick) == ("done", "alice")
        assert job.text.endswith("web is off")
        assert again.heard.lines[-1][1].startswith("job 1: done in ")
    assert changes(cloud) == [f"POST /v2/droplets/{stubborn}/actions"]
