"""What a plugin's author tests with: `pytest_plugins = ["chanops.testing"]` in conftest.py gives these fixtures.

`said` is a line; `links` are links in a database of their own; `bot` is the whole bot, and `bot.say(".hello bob")`
returns what it answers. Whose plugin acts on machines gives the bot a simulated cloud, over real HTTP:

    @pytest.fixture
    def extra_configuration(cloud):
        return provider_section(cloud)

    def test_machines_are_made(bot, cloud):
        assert "up web" in bot.say(".up web size=s-1vcpu-1gb region=fra1 image=debian-13-x64")[0]
        assert job_ended(bot, 1).state == "done"
        assert [each["name"] for each in cloud.world.state()["droplets"]] == ["web"]

`cloud.world` is the truth: `add_droplet` furnishes it, `truth` is what really happened, `faults.add(Fault("hang"))`
has something go wrong; `cloud.requests` is what was asked.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from chanops import configuration
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.offline import Offline
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.jobs.rows import Job
from chanops.services.links import Links
from chanops.simulator.digitalocean import CloudServer, Delays, Limits

T = TypeVar("T")
TOKEN = "the-simulated-cloud-s-token"  # noqa: S105  no secret
PATIENCE = 30.0
UNLIMITED = Limits(minute=1_000_000, hour=1_000_000, keys_minute=1_000_000)
# As patient with the cloud as tests can be: it answers within milliseconds.
IMPATIENT = {"poll": "0.03", "grace": "0.5", "shutdown": "2", "create": "20", "least_snapshot": "20"}
DATABASE = "chanops.db"
CONFIGURATION = """\
[network:test]
host = irc.example.net
channels = #ops
[roles]
admin = alice
ops = alice
[web]
url = http://ops.example
"""


def line(text: str = "", nick: str = "alice", account: str = "alice", channel: str = "#ops") -> Message:
    """A line as it reaches a plugin: said just now, in a channel, by somebody who is logged in."""
    return Message("test", "message", nick, account, channel, text, datetime.now(UTC), text)


@pytest.fixture
def said() -> Message:
    """A line that alice said in #ops, for functions that ask for a Message."""
    return line("hello")


def until(found: Callable[[], T], within: float = PATIENCE) -> T:
    """Wait until something is found that is true, and return it; fails after that many seconds."""
    end = time.monotonic() + within
    while not (result := found()):
        assert time.monotonic() < end, f"not within {within:.0f} s"
        threading.Event().wait(0.01)
    return result


def job_ended(bot: Offline, number: int, within: float = PATIENCE) -> Job:
    """Wait until a job is over, and its end was said in the channel; the job."""
    jobs = bot.app.fleet.jobs
    until(lambda: jobs.find(number).over and number not in jobs.engine.running, within)
    until(lambda: number not in [each.id for each in jobs.journal.untold()], within)
    return jobs.find(number)


def provider_section(cloud: CloudServer, name: str = "do", **keys: str) -> str:
    """The section [provider:NAME] for a simulated cloud, with these keys changed."""
    usual = {"kind": "digitalocean", "token": cloud.token, "endpoint": cloud.url.rstrip("/")}
    lines = [f"{key} = {value}" for key, value in (usual | IMPATIENT | keys).items()]
    return "\n".join([f"[provider:{name}]", *lines, ""])


@pytest.fixture
def cloud() -> Iterator[CloudServer]:
    """A simulated DigitalOcean over real HTTP, with nothing in it; what takes minutes there takes milliseconds."""
    with CloudServer(token=TOKEN, delays=Delays.quick(), seed=1, limits=UNLIMITED) as made:
        yield made


@pytest.fixture(scope="session")
def new_database_url() -> Callable[[], str]:
    """Gives the [database] url of a new database with its tables, each time it is called; "" is SQLite. Override it."""
    return str


@pytest.fixture
def database_url(new_database_url: Callable[[], str]) -> str:
    """The [database] url of `database` and `bot`."""
    return new_database_url()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, made once; tests get copies, since making one takes half a second."""
    path = tmp_path_factory.mktemp("database") / DATABASE
    path.parent.chmod(0o700)
    database = Database(path)
    database.start()
    database.stop()
    return path


@pytest.fixture
def database(tmp_path: Path, empty_database: Path, database_url: str) -> Iterator[Database]:
    """A real database of its own, started."""
    made = Database(private_copy(empty_database, tmp_path / "database") / DATABASE, database_url)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def links(database: Database) -> Links:
    """Links in a real database of their own."""
    return Links(database, History(database), Settings)


@pytest.fixture
def plugin_folders() -> list[str]:
    """The folders whose plugins `bot` loads: `plugins` here, if there is one. Override it in conftest.py."""
    return [str(path.resolve()) for path in (Path("plugins"),) if path.is_dir()]


@pytest.fixture
def extra_configuration() -> str:
    """More of the configuration: sections of the plugin's own. Override it in conftest.py or in a test file."""
    return ""


@pytest.fixture
def bot(
    tmp_path: Path, empty_database: Path, database_url: str, plugin_folders: list[str], extra_configuration: str
) -> Iterator[Offline]:
    """The whole bot without a network: `bot.say(".hello bob")` returns the lines that it answers."""
    folder = private_copy(empty_database, tmp_path / "bot" / "data").parent
    path = folder / "config.ini"
    path.touch(mode=0o600)
    plugins = "".join(f"    {each}\n" for each in plugin_folders)
    where = f"[database]\nurl = {database_url}\n" if database_url else ""
    path.write_text(f"[bot]\nplugins =\n{plugins}{CONFIGURATION}{where}{extra_configuration}", encoding="utf-8")
    with Offline(configuration.read(path)) as made:
        yield made


def private_copy(database: Path, folder: Path) -> Path:
    """A folder that only we can read, with a copy of the database in it."""
    folder.mkdir(mode=0o700, parents=True)
    shutil.copy(database, folder)
    return folder
