"""The plugin machines: what is typed in the channel, and what becomes of it in a simulated cloud."""

import re
import time

import pytest
from stores import all_bytes, refuse

from chanops.core.text import plain
from chanops.services.tables import audit
from chanops.simulator.digitalocean import Fault
from chanops.testing import job_ended, provider_section

NEW = "size=s-1vcpu-1gb region=fra1 image=debian-13-x64"
SECTIONS = """\
[machine:safe]
protect = stop-only
[machine:served]
size = s-1vcpu-1gb
region = fra1
image = debian-13-x64
dns = www.example.org
[machine:lazy]
down = stop
[host:backup]
address = backup.example.org
tags = web
[jobs]
most_jobs = 3
per_minute = 100
"""


@pytest.fixture
def extra_configuration(cloud):
    return provider_section(cloud, keep="2") + SECTIONS


@pytest.fixture
def world(cloud):
    return cloud.world


@pytest.fixture
def do(bot):
    """Says something, confirms it if that is asked for, and waits for the job: it, when it is over."""

    def carry_out(text):
        answers = bot.say(text)
        if ".confirm" in answers[0]:
            answers = bot.say(f".confirm {code_in(answers)}")
        found = re.match(r"job (\d+): ", answers[0])
        assert found, answers
        return job_ended(bot, int(found[1]))

    return carry_out


def code_in(answers):
    return re.search(r"Say \.confirm ([0-9A-Z]{6}) within 60 s", answers[0])[1]


def changes(cloud):
    """The requests so far that would change something."""
    return [f"{each.method} {each.path}" for each in cloud.requests if each.method != "GET"]


def there(world, name):
    """The droplet of that name, as it truly is; None where there is none."""
    found = [each for each in world.state()["droplets"] if each["name"] == name]
    assert len(found) < 2
    return found[0] if found else None


def kinds(world, *wanted):
    """What truly happened, in its order."""
    return [each.kind for each in world.truth if not wanted or each.kind in wanted]


def audited(bot):
    with bot.app.database.read() as connection:
        return [row.kind for row in connection.execute(audit.select().order_by(audit.c.id))]


def refuse_audit(bot):
    refuse(bot.app.database, "INSERT", "audit")


# ---------------------------------------------------------------- what is asked


def test_machines_are_listed_with_state_address_size_region_and_price(bot, world):
    world.add_droplet("web", size="s-2vcpu-4gb", tags=("web",))
    world.add_droplet("db", status="off", region="ams3")
    rows = [plain(row).split() for row in bot.say(".machines")]
    assert [row[:2] for row in rows] == [["backup", "unknown"], ["db", "off"], ["web", "running"]]
    assert [row[3:5] for row in rows[1:]] == [["s-1vcpu-1gb", "ams3"], ["s-2vcpu-4gb", "fra1"]]
    assert rows[2][-1] == "$0.03571/h"
    assert [plain(row).split()[0] for row in bot.say(".machines tag:web,on:do")] == ["web"]
    assert bot.say(".machines wep") == ["nothing matches wep; did you mean web?"]


def test_many_machines_are_cut_and_the_page_is_named(bot, world):
    for number in range(10):
        world.add_droplet(f"web-{number}")
    answers = bot.say(".machines web-*")
    assert len(answers) == 7
    assert answers[-1] == "… and 4 more of 10: http://ops.example/machines"


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (".machines id:1", ["nothing matches id:1"]),
        (".machines on:do", ["nothing matches on:do"]),
        (".snapshots", ["no snapshots yet: .snapshot NAME takes one"]),
        (".snapshots web", ["no snapshots of web"]),
        (".images deb", ["debian-12-x64  debian-13-x64"]),
        (".images zzz", ["alice: no image has zzz"]),
        (".sizes frra1", ["alice: there is no region frra1; did you mean fra1?"]),
        (".regions on=dx", ["alice: there is no provider dx; there are do"]),
    ],
)
def test_questions_are_answered(bot, text, answers):
    assert bot.say(text) == answers


def test_sizes_are_listed_cheapest_first_and_regions_with_what_does_not_work(bot):
    assert bot.say(".sizes syd1")[0].startswith("s-1vcpu-1gb ")
    assert bot.say(".sizes")[0].startswith("s-1vcpu-512mb-10gb ")
    assert "sfo1 (San Francisco 1, NOT NOW)" in bot.say(".regions")[0]
    assert re.match(r"demo · ([0-9a-f]{2}:){15}[0-9a-f]{2} \(id \d+\)", bot.say(".keys")[0])


def test_costs_are_told_and_put_in_the_feed(bot, world):
    world.add_droplet("web", status="off")
    assert bot.say(".cost")[0].startswith("do: 1 machine, 0 running · $0.00893/h, $6.00/month")
    assert bot.say(".cost")[2].startswith("do: off and paid for: web")
    [daily] = [each for each in bot.app.board.running.book.timed if each.function.__name__ == "cost_in_the_feed"]
    bot.app.board.on_time(daily)
    [report] = bot.app.fleet.jobs.newest(8)
    assert (report.state, report.public) == ("done", True)
    assert report.text.splitlines() == bot.say(".cost")


def test_snapshots_are_listed_newest_first_and_those_that_cannot_be_used_are_marked(bot, world):
    web = world.add_droplet("web")
    world.add_snapshot("web-20261120T180204Z-j40", web)
    world.add_snapshot("web-20261121T180204Z-j41", web, size_gb=0)
    rows = bot.say(".snapshots web")
    assert len(rows) == 2
    assert [row.endswith("NOT USABLE") for row in rows].count(True) == 1


COMMANDS = [
    ".up new " + NEW,
    ".down web",
    ".start web",
    ".stop web",
    ".stop web force=yes",
    ".reboot web",
    ".resize web s-2vcpu-4gb",
    ".rename web www",
    ".snapshot web",
    ".restore web",
    ".destroy web",
    ".tag web +a",
]


def test_a_dry_run_says_what_would_be_done_and_sends_nothing_that_changes(bot, cloud, world):
    world.add_snapshot("web-20261120T180204Z-j40", world.add_droplet("web"))
    for command in COMMANDS:
        [first, *_] = bot.say(f"{command} -n")
        assert first.startswith(f"would: {command[1:].split()[0]} "), command
        assert changes(cloud) == [], command
    assert bot.app.fleet.jobs.newest() == []
    assert bot.app.confirmations.waiting == {}


def test_whoever_has_not_the_role_gets_nothing(bot, cloud):
    for command in (*COMMANDS, ".machines", ".cost", ".keys", ".snapshots", ".jobs", ".job 1", ".cancel 1", ".again 1"):
        for account in ("bob", ""):
            [answer] = bot.say(command, nick="bob", account=account)
            assert "needs the role ops" in answer, command
    assert cloud.requests == []


NONSENSE = (
    "x1000",
    "web count=-1",
    "web count=0",
    "web count=1e9",
    "web count=1000000000",
    "web count=٣",
    "web count=1_0",
    "web count=" + "9" * 400,
    "٣",
    "'two words'",
    "a/b",
    "../x",
    "a\x00b",
    "a\u200bb",
    "a\u202eb",
    "wéb",
    "a" * 64,
    "a;reboot",
    "$(reboot)",
    "-a",
    "a-",
    "tag:web",
    "id:5",
    "web-*",
    "web tag='a b'",
    "web on=elsewhere",
    "''",
    "",
)


def test_nonsense_is_refused_without_any_request_to_the_cloud(bot, cloud):
    for words in NONSENSE:
        [answer] = bot.say(f".up {words}")
        assert answer.startswith("alice: "), words
        assert plain(answer).isprintable(), words
    assert cloud.requests == []
    assert bot.app.fleet.jobs.newest() == []


def test_what_was_refused_is_in_the_audit(bot, world):
    world.add_droplet("web")
    bot.say(".down nothing-like-it")
    assert audited(bot) == ["refused"]
    for _ in range(4):
        bot.say(".destroy web")
    assert audited(bot)[1:] == ["asked"] * 4 + ["refused"]  # three may wait for their code


def test_who_asks_twice_gets_one_machine(bot, world):
    answers = [bot.say(f".up web {NEW}")[0] for _ in range(2)]
    assert "(waits for job 1)" in answers[1] or "web is there already" in answers[1]
    assert job_ended(bot, 1).state == "done"
    if "waits" in answers[1]:
        assert "there is one of that name by now" in job_ended(bot, 2).text
    assert there(world, "web")["status"] == "active"


# ---------------------------------------------------------------- what is done


def test_a_machine_is_made_and_its_address_is_told(bot, world, do):
    job = do(f".up web {NEW} tag=scraper,eu")
    droplet = there(world, "web")
    assert (job.state, droplet["status"], droplet["size"]) == ("done", "active", "s-1vcpu-1gb")
    assert {"scraper", "eu", "chanops-job-1"} == set(droplet["tags"])
    assert droplet["address"] in job.text
    assert audited(bot)[:3] == ["job", "claim", "intend"]


def test_several_are_made_at_once_and_their_end_is_said_in_the_channel(bot, world, do):
    do(f".up web {NEW} count=3")
    assert {each["name"] for each in world.state()["droplets"]} == {"web-1", "web-2", "web-3"}
    channel, told = bot.heard.lines[-1]
    assert channel == "#ops"
    assert re.match(r"job 1: done in \d+ s\. web-1 203\.0\.113\.\d+; web-2 .* http://ops\.example/jobs/1$", told)
    bot.app.fleet.jobs.speak()
    assert bot.heard.lines[-1] == (channel, told)


def test_an_answer_that_got_lost_makes_no_second_machine(bot, cloud, world, do):
    world.faults.add(Fault("500-after", method="POST", action="create"))
    assert do(f".up web {NEW}").state == "done"
    assert there(world, "web")["status"] == "active"
    assert [each for each in changes(cloud) if each == "POST /v2/droplets"] == ["POST /v2/droplets"]


def test_down_takes_a_checked_snapshot_before_it_destroys_and_up_brings_the_same_back(bot, world, do):
    volume = world.add_volume("data")
    world.add_droplet("web", size="s-1vcpu-2gb", tags=("web", "eu"), volume_ids=(volume,))
    down = do(".down web")
    assert down.state == "done"
    assert there(world, "web") is None
    assert kinds(world, "off", "snapshot-ready", "destroy") == ["off", "snapshot-ready", "destroy"]
    [snapshot] = world.state()["snapshots"]
    assert re.fullmatch(r"web-\d{8}T\d{6}Z-j1", snapshot["name"])
    assert snapshot["name"] in down.text
    [shown] = bot.say(".up web -n")
    assert f"s-1vcpu-2gb, fra1, from {snapshot['name']}" in shown
    assert do(".up web").state == "done"
    back = there(world, "web")
    assert (back["size"], back["region"], back["volume_ids"]) == ("s-1vcpu-2gb", "fra1", [volume])
    assert set(back["tags"]) == {"web", "eu", "chanops-job-2"}


def test_down_of_several_names_each_with_its_id(bot, world, do):
    ids = [world.add_droplet(name) for name in ("web-1", "web-2", "db")]
    [asked] = bot.say(".down web-*,db")
    assert asked.startswith(
        f"alice: this snapshots, checks and then destroys db (id {ids[2]}, fra1), web-1 (id {ids[0]}, fra1) and "
        f"web-2 (id {ids[1]}, fra1)"
    )
    job_answer = bot.say(f".confirm {code_in([asked])}")
    assert "job 1: down db, web-1, web-2 (do)" in job_answer[0]
    assert job_ended(bot, 1).state == "done"
    assert world.state()["droplets"] == []
    assert len(world.state()["snapshots"]) == 3


def test_down_only_stops_where_it_is_configured_so(world, do):
    world.add_droplet("lazy")
    assert do(".down lazy").text.endswith("lazy is off")
    assert there(world, "lazy")["status"] == "off"
    assert world.state()["snapshots"] == []


def test_a_snapshot_that_failed_keeps_the_machine(world, do):
    number = world.add_droplet("web")
    world.faults.add(Fault("errored-action", action="snapshot"))
    job = do(".down web")
    assert job.state == "failed"
    assert f"its snapshot failed at the cloud; the machine (id {number}) is kept" in job.text
    assert there(world, "web")["status"] == "off"


def test_a_machine_that_does_not_shut_down_loses_its_power(world, do):
    world.add_droplet("web")
    world.faults.add(Fault("shutdown-ignored", times=None))
    assert do(".stop web").text.endswith("web is off")
    assert "power_off" in [each.detail.get("by") for each in world.truth]


@pytest.mark.parametrize(
    ("command", "status", "key", "value", "told"),
    [
        (".start off", "active", "name", "off", "runs at 203.0.113."),
        (".up off", "active", "name", "off", "(was off)"),
        (".start web", "active", "name", "web", "runs at"),
        (".stop web", "off", "name", "web", "is off"),
        (".stop web force=yes", "off", "name", "web", "is off"),
        (".reboot web", "active", "name", "web", "was rebooted"),
        (".resize web s-2vcpu-4gb", "active", "size", "s-2vcpu-4gb", "is s-2vcpu-4gb now, runs at"),
        (".resize off s-2vcpu-4gb disk=yes", "off", "size", "s-2vcpu-4gb", "is s-2vcpu-4gb now, is off"),
        (".rename web www", "active", "name", "www", "is called www now"),
        (".tag web +new -old", "active", "tags", ["keep", "new"], "has the tags keep, new"),
        (".tag web -old -keep", "active", "tags", [], "has no tags"),
    ],
)
def test_a_machine_is_changed_as_was_asked(world, do, command, status, key, value, told):
    world.add_droplet("web", tags=("old", "keep"))
    world.add_droplet("off", status="off")
    job = do(command)
    assert (job.state, told in job.text) == ("done", True), job.text
    [name] = {"web", "off"} & set(command.split())
    droplet = there(world, value if key == "name" else name)
    assert droplet["status"] == status
    assert (sorted(droplet[key]) if key == "tags" else droplet[key]) == value


def test_what_is_remembered_goes_with_a_new_name(bot, world, do):
    world.add_droplet("web")
    do(".snapshot web")
    do(".rename web www")
    assert [each.machine for each in bot.app.fleet.machines.memory.own("do")] == ["www"]


@pytest.mark.parametrize("off", ["no", "yes"])
def test_a_snapshot_is_checked_and_the_machine_runs_afterwards(world, do, off):
    world.add_droplet("web")
    job = do(f".snapshot web off={off}")
    [snapshot] = world.state()["snapshots"]
    assert f"snapshot {snapshot['name']}" in job.text
    assert there(world, "web")["status"] == "active"
    [start] = [each for each in world.truth if each.kind == "snapshot-start"]
    assert start.detail["status"] == ("off" if off == "yes" else "active")


def test_a_machine_is_restored_from_a_snapshot_after_a_confirmation(bot, world, do):
    number = world.add_droplet("web")
    image = world.add_snapshot("web-20261120T180204Z-j40", number)
    asked = bot.say(".restore web")[0]
    assert f"this replaces all that is on web (id {number}, fra1) with web-20261120T180204Z-j40" in asked
    job = do(".restore web")
    assert (job.state, there(world, "web")["id"]) == ("done", number)
    assert [each.detail["image"] for each in world.truth if each.kind == "rebuild"] == [image]


def test_a_machine_is_destroyed_without_a_snapshot_after_a_warning(bot, world, do):
    world.add_droplet("web")
    assert "THERE IS NO SNAPSHOT of web" in bot.say(".destroy web")[0]
    assert do(".destroy web").state == "done"
    assert world.state() == {"droplets": [], "snapshots": []}


def test_old_snapshots_of_our_own_are_deleted_and_nobody_else_s(world, do):
    number = world.add_droplet("web")
    other = world.add_droplet("web-1")
    world.add_snapshot("by hand", number)
    world.add_snapshot("web-1-20261120T180204Z-j40", other)
    world.add_snapshot("web-20200101T000000Z-j7", number)
    for _ in range(4):
        job = do(".snapshot web")
    assert job.text.endswith("; 1 old one deleted")
    ours = [each["name"] for each in world.state()["snapshots"]]
    assert {"by hand", "web-1-20261120T180204Z-j40", "web-20200101T000000Z-j7"} < set(ours)
    assert sorted(int(each.rpartition("-j")[2]) for each in ours if re.search(r"^web-\d{8}T.*-j[1-4]$", each)) == [3, 4]


def test_address_and_dns_record_point_at_the_new_machine(bot, world, do):
    address = world.add_reserved_ip()
    world.add_domain("example.org")
    record = world.add_record("example.org", "A", "www", "192.0.2.7")
    path = bot.app.configured.path
    path.write_text(path.read_text().replace("dns = www", f"reserved_address = {address}\ndns = www"))
    assert bot.say(".reload")[0].startswith("reloaded")
    job = do(".up served")
    droplet = there(world, "served")
    assert job.text.endswith(f"{droplet['address']}, {address} points at it, www.example.org names it")
    assert droplet["reserved_ip"] == address
    assert world.records.get(record).data == droplet["address"]


def test_an_address_that_pointed_at_a_machine_points_at_it_again(world, do):
    address = world.add_reserved_ip(world.add_droplet("web"))
    do(".down web")
    assert do(".up web").state == "done"
    assert there(world, "web")["reserved_ip"] == address


def test_a_machine_is_up_also_where_its_record_cannot_be_changed(world, do):
    job = do(".up served")
    assert job.state == "done"
    assert "but www.example.org does not name it: do serves no domain of www.example.org" in job.text


def test_a_script_is_handed_to_the_new_machine(bot, world, do):
    bot.app.configured.beside("first.sh").write_text("#!/bin/sh\necho hello\n")
    do(f".up web {NEW} script=first.sh")
    assert world.droplets.get(there(world, "web")["id"]).user_data == "#!/bin/sh\necho hello\n"


# ---------------------------------------------------------------- what is refused


def test_what_is_protected_is_only_stopped_and_started(bot, cloud, world, do):
    world.add_snapshot("safe-20261120T180204Z-j40", world.add_droplet("safe"))
    for command in COMMANDS[1:]:
        if not command.startswith((".start", ".stop")):
            assert "safe is protected (stop-only)" in bot.say(command.replace("web", "safe"))[0]
    assert changes(cloud) == []
    assert [do(f"{command} safe").state for command in (".stop", ".start")] == ["done", "done"]


def test_protection_that_came_after_the_question_holds_as_well(bot, cloud, world):
    world.add_droplet("web")
    code = code_in(bot.say(".down web"))
    path = bot.app.configured.path
    path.write_text(path.read_text() + "[machine:web]\nprotect = stop-only\n")
    bot.say(".reload")
    assert "web is protected" in bot.say(f".confirm {code}")[0]
    assert audited(bot) == ["asked", "refused"]
    assert changes(cloud) == []


def test_a_plain_host_is_left_alone(bot, cloud):
    assert "backup is a plain host: no cloud can down it" in bot.say(".down backup")[0]
    assert changes(cloud) == []


def test_a_code_counts_once_in_time_for_the_one_who_asked_where_it_was_asked(bot, cloud, world):
    world.add_droplet("web")
    asked = bot.say(".destroy web")
    confirm = f".confirm {code_in(asked)}"
    for other in ({"nick": "bob"}, {"channel": ""}, {"account": "bob"}, {"account": ""}):
        assert bot.say(confirm, **other)[0].endswith(("counts once", "log in and ask again"))
    assert changes(cloud) == []
    assert bot.say(confirm)[0].startswith("job 1: destroy web")
    assert "nothing of yours waits" in bot.say(confirm)[0]
    assert job_ended(bot, 1).state == "done"


def test_a_code_lapses_after_a_minute(bot, cloud, world):
    world.add_droplet("web")
    code = code_in(bot.say(".destroy web"))
    bot.app.confirmations.clock = lambda: time.monotonic() + 61
    assert "nothing of yours waits" in bot.say(f".confirm {code}")[0]
    assert changes(cloud) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda world, number: world.add_droplet("web-2"),
        lambda world, number: (world.destroy_outside(number), world.add_droplet("web-1")),
        lambda world, number: (world.destroy_outside(number), world.add_droplet("web-1", size="s-1vcpu-2gb")),
    ],
    ids=["one more", "another of that name", "another size"],
)
@pytest.mark.parametrize("command", [".down web-*", ".destroy web-*"])
def test_what_changed_since_it_was_shown_is_not_confirmed(bot, cloud, world, change, command):
    number = world.add_droplet("web-1")
    code = code_in(bot.say(command))
    change(world, number)
    assert "has changed since it was shown: nothing was done" in bot.say(f".confirm {code}")[0]
    assert changes(cloud) == []
    assert audited(bot) == ["asked", "refused"]


def test_an_account_may_have_so_many_unfinished_jobs(bot, world):
    world.faults.add(Fault("shutdown-ignored", times=None))
    for number in range(4):
        world.add_droplet(f"web-{number}")
    answers = [bot.say(f".stop web-{number}")[0] for number in range(4)]
    assert [each[:5] for each in answers] == ["job 1", "job 2", "job 3", "alice"]
    assert "3 of your jobs are not finished: wait for one, or .cancel it" in answers[3]


def test_an_account_may_do_so_much_in_a_minute(bot, world, do):
    path = bot.app.configured.path
    path.write_text(path.read_text().replace("per_minute = 100", "per_minute = 2"))
    bot.say(".reload")
    world.add_droplet("web")
    for _ in range(2):
        do(".tag web +a")
    assert re.search(r"2 commands a minute are the limit: wait \d+ s", bot.say(".tag web +a")[0])


def test_what_cannot_be_written_down_is_not_done(bot, cloud, world):
    world.add_snapshot("web-20261120T180204Z-j40", world.add_droplet("web", tags=("b",)))
    refuse_audit(bot)
    for command in COMMANDS:
        assert "not stored: the database says: disk full" in bot.say(command)[0], command
    assert bot.app.fleet.jobs.newest() == []
    assert bot.app.confirmations.waiting == {}
    assert changes(cloud) == []


def test_what_cannot_be_written_down_after_the_question_is_not_done_either(bot, cloud, world):
    world.add_droplet("web")
    code = code_in(bot.say(".destroy web"))
    refuse_audit(bot)
    assert "not stored" in bot.say(f".confirm {code}")[0]
    assert changes(cloud) == []
    assert there(world, "web")


def test_every_change_has_its_intention_in_the_audit_before_it(bot, cloud, world, do):
    world.add_droplet("web")
    do(".down web")
    assert audited(bot)[:4] == ["asked", "confirmed", "job", "claim"]
    assert audited(bot).count("intend") >= len(changes(cloud))
    assert bot.app.fleet.jobs.audit.verify().broken_at == 0


class TestWithAWrongToken:
    """Every command says which provider and which setting, and never the secret."""

    SECRET = "dop_v1_this-token-is-secret-and-wrong"

    @pytest.fixture
    def extra_configuration(self, cloud):
        return provider_section(cloud, token=self.SECRET) + SECTIONS

    def test_the_setting_is_named_and_the_secret_is_not(self, bot, caplog, capfd):
        caplog.set_level("DEBUG")
        for command in (*COMMANDS, ".machines", ".cost", ".keys", ".sizes", ".regions", ".images x", ".snapshots"):
            answers = " ".join(bot.say(command))
            assert "do refuses the token ([provider:do] token)" in answers, command
            assert "there are no machines" not in answers
        said = [line for _, line in bot.heard.lines]
        assert self.SECRET not in " ".join([*said, caplog.text, *capfd.readouterr()])
        assert self.SECRET.encode() not in all_bytes(bot.app.database)
