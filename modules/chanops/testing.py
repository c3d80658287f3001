"""What a plugin's author tests with: `pytest_plugins = ["chanops.testing"]` in conftest.py gives these fixtures."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chanops import configuration
from chanops.core.message import Message
from chanops.core.sections import Settings
from chanops.offline import Offline
from chanops.services.database import Database
from chanops.services.history import History
from chanops.services.links import Links

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
def links(tmp_path: Path, empty_database: Path) -> Iterator[Links]:
    """Links in a real database of their own."""
    folder = private_copy(empty_database, tmp_path / "links")
    database = Database(folder / DATABASE)
    database.start()
    yield Links(database, History(database), Settings)
    database.stop()


@pytest.fixture
def plugin_folders() -> list[str]:
    """The folders whose plugins `bot` loads: `plugins` here, if there is one. Override it in conftest.py."""
    return [str(path.resolve()) for path in (Path("plugins"),) if path.is_dir()]


@pytest.fixture
def extra_configuration() -> str:
    """More of the configuration: sections of the plugin's own. Override it in conftest.py or in a test file."""
    return ""


@pytest.fixture
def bot(tmp_path: Path, empty_database: Path, plugin_folders: list[str], extra_configuration: str) -> Iterator[Offline]:
    """The whole bot without a network: `bot.say(".hello bob")` returns the lines that it answers."""
    folder = private_copy(empty_database, tmp_path / "bot" / "data").parent
    path = folder / "config.ini"
    path.touch(mode=0o600)
    plugins = "".join(f"    {each}\n" for each in plugin_folders)
    path.write_text(f"[bot]\nplugins =\n{plugins}{CONFIGURATION}{extra_configuration}", encoding="utf-8")
    with Offline(configuration.read(path)) as made:
        yield made


def private_copy(database: Path, folder: Path) -> Path:
    """A folder that only we can read, with a copy of the database in it."""
    folder.mkdir(mode=0o700, parents=True)
    shutil.copy(database, folder)
    return folder
