"""`.keys +NAME`: a team member's keys become an account's, each once, whatever the cloud answers."""

import re

import pytest

from chanops.core.public_keys import public_key
from chanops.services.machines.cloud_keys import fingerprint
from chanops.simulator.digitalocean import Fault
from chanops.testing import job_ended, provider_section

JOBS = "[jobs]\nmost_jobs = 50\nper_minute = 1000\n"


@pytest.fixture
def cloud(shared_cloud):
    shared_cloud.reset()
    return shared_cloud


@pytest.fixture
def alice(ssh_keys):
    return ssh_keys.public("login")


@pytest.fixture
def extra_configuration(cloud, ssh_keys, alice):
    keys = f"[key:alice]\npublic = {alice}\n[key:crew]\nfile = crew.pub\n"
    ssh = f"[ssh]\nkey_file = {ssh_keys.private('login')}\n"
    return provider_section(cloud) + ssh + keys + JOBS


@pytest.fixture
def crew(bot, ssh_keys):
    lines = [ssh_keys.public("stranger"), "# and another", ssh_keys.public("other")]
    bot.app.configured.beside("crew.pub").write_text("\n".join(lines))


@pytest.fixture
def there(cloud):
    """The keys of the account but the one that was there before, as (name, key)."""
    return lambda: [(each.name, each.public_key) for each in cloud.world.keys.values() if each.name != "demo"]


def added(cloud):
    return [each.path for each in cloud.requests if each.method != "GET"]


def do(bot, text):
    [answer] = bot.say(text)
    number = int(re.match(r"job (\d+): key ", answer)[1])
    return job_ended(bot, number)


def test_a_key_is_added_and_listed(bot, cloud, there, alice):
    job = do(bot, ".keys +alice")
    key = public_key(alice)
    assert job.state == "done", job.text
    assert re.search(rf"{re.escape(key.fingerprint)} is a key of new machines \(id \d+\)", job.text)
    assert there() == [("alice", alice)]
    assert any(line.startswith(f"alice · {fingerprint(key)} (id ") for line in bot.say(".keys"))


def test_a_key_that_is_there_is_not_added_again(bot, cloud, there):
    do(bot, ".keys +alice")
    assert bot.say(".keys +alice") == ["alice: do has that already: .keys lists them"]
    assert len(added(cloud)) == 1
    assert len(there()) == 1


def test_all_keys_of_several_people_are_added_each_by_its_name(bot, cloud, crew, there):
    assert do(bot, ".keys +crew +alice").state == "done"
    assert sorted(name for name, _ in there()) == ["alice", "crew-1", "crew-2"]


def test_only_what_is_missing_is_added(bot, cloud, crew, there):
    do(bot, ".keys +alice")
    job = do(bot, ".keys +alice +crew on=do")
    assert job.title == "key crew-1, crew-2 (do)"
    assert len(there()) == 3


def test_a_person_named_twice_is_added_once(bot, cloud, there):
    assert do(bot, ".keys +alice +alice").state == "done"
    assert len(there()) == 1


@pytest.mark.parametrize("kind", ["cut-after", "500-before"])
def test_where_the_answer_is_lost_it_is_added_exactly_once(bot, cloud, there, kind):
    cloud.world.faults.add(Fault(kind, method="POST", path="account/keys", seconds=0.05))
    job = do(bot, ".keys +alice")
    assert job.state == "done", job.text
    assert len(there()) == 1
    assert not cloud.world.faults.waiting()


def test_where_somebody_else_adds_it_meanwhile_it_is_there(bot, cloud, there, alice):
    journal = bot.app.fleet.jobs.journal
    intend = journal.intend

    def meanwhile(*args, **options):
        journal.intend = intend
        cloud.world.add_key("by hand", alice)
        return intend(*args, **options)

    journal.intend = meanwhile
    job = do(bot, ".keys +alice")
    assert job.state == "done", job.text
    assert [name for name, _ in there()] == ["by hand"]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("alice", "say which key to add: .keys +alice adds those of [key:alice]; .keys alone lists all"),
        ("+", "say which key to add"),
        ("+alice bob", "say which key to add"),
        ("+alic", "there is no key of alic; did you mean alice?"),
        ("+bob", "there is no key of bob; an admin adds [key:bob] with public = …"),
        ("+../x", "there is no key of ../x; an admin adds"),
        ("+crew", "[key:crew] file: crew.pub is no file of at most 65536 bytes"),
        ("+alice on=aws", "aws"),
    ],
)
def test_what_cannot_be_added_is_refused(bot, cloud, typed, why):
    [answer] = bot.say(f".keys {typed}")
    assert why in answer
    assert "bug" not in answer
    assert added(cloud) == []


def test_whoever_has_not_the_role_adds_nothing(bot, cloud):
    assert "needs the role ops" in bot.say(".keys +alice", nick="bob")[0]
    assert added(cloud) == []
