"""What the documents say is true: commands, settings, types, and the ten minutes to a tested plugin."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import chanops
import chanops.services
from chanops import configuration, loader
from chanops.cli import main
from chanops.core.example import example
from chanops.core.sections import NAMED, SINGLE
from chanops.core.words import CONVERTERS
from chanops.offline import Offline
from chanops.testing import CONFIGURATION as BASE
from chanops.testing import private_copy
from chanops.version import VERSION

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PLUGINS = (ROOT / "docs" / "plugins.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()


@pytest.fixture(scope="module")
def book():
    return loader.load((), (), lambda *_: None, {})


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_example_configuration_is_what_the_code_prints():
    assert (ROOT / "config.example.ini").read_text() == example({})


def test_every_command_is_in_the_readme_with_its_role(book):
    rows = dict(re.findall(r"^\| `\.(\w+)[^|]*\|[^|]*\| *(\w*) *\|$", README, re.MULTILINE))
    assert rows == {command.name: command.role for plugin in book.plugins for command in plugin.commands}


def test_every_command_says_what_it_does(book):
    for plugin in book.plugins:
        assert plugin.doc, plugin.name
        for command in plugin.commands:
            assert command.summary, command.name


def test_every_subcommand_is_in_the_readme(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = re.findall(r"^    ([a-z-]+)  ", capsys.readouterr().out, re.MULTILINE)
    assert shown
    for name in shown:
        assert re.search(rf"^\| `{name}\b", README, re.MULTILINE), name


def test_every_section_is_in_the_configuration_document():
    for name in (*SINGLE, "roles"):
        assert f"`[{name}]`" in CONFIGURATION
    for kind in NAMED:
        assert f"`[{kind}:" in CONFIGURATION


def test_everything_that_a_plugin_may_import_is_in_the_plugins_document():
    for name in (*chanops.__all__, *chanops.services.__all__):
        if name not in ("ago", "shorten", "spoken"):
            assert re.search(rf"\b{name}\b", PLUGINS), name
    for kind in (*(each.__name__ for each in CONVERTERS if isinstance(each, type)), "Url", "Rest"):
        assert f"`{kind}`" in PLUGINS, kind


def test_the_readmes_plugin_works(bot_with):
    bot = bot_with({"greetings.py": next(each for each in blocks(README, "python") if "@hears" in each)})
    assert bot.say(".hello Bob times=2") == ["hello Bob hello Bob"]
    assert bot.say("oh, good morning!") == ["good morning, alice"]
    assert bot.say(".help hello") == ["usage: .hello [name=…] [times=…] · Greet somebody."]


def test_the_plugins_of_the_plugins_document_work(bot_with):
    sources = [each for each in blocks(PLUGINS, "python") if "@command" in each]
    bot = bot_with({f"plugin_{number}.py": each for number, each in enumerate(sources)})
    assert bot.say(".read") == ["nothing new"]
    assert bot.say(".die") == ["6 sides"]
    assert re.fullmatch(r"\d+ \d+ \d+", bot.say(".roll 20 times=3")[0])


@pytest.fixture
def bot_with(tmp_path, empty_database):
    """A bot with these files as plugins."""
    with ExitStack() as stack:

        def make(files):
            folder = private_copy(empty_database, tmp_path / "bot" / "data").parent
            (folder / "plugins").mkdir(mode=0o755)
            for name, text in files.items():
                (folder / "plugins" / name).write_text(text)
            path = folder / "config.ini"
            path.touch(mode=0o600)
            path.write_text(f"[bot]\nplugins = plugins\n{BASE}")
            return stack.enter_context(Offline(configuration.read(path)))

        yield make


def test_the_ten_minutes_to_a_tested_plugin_taken_literally(tmp_path):
    """Each command and file of docs/plugins.md up to the first test, as a reader would type them."""
    folder = tmp_path / "mybot"
    folder.mkdir()
    shell = [block for block in blocks(PLUGINS, "sh") if "pip install" not in block]
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def run(block):
        done = subprocess.run(
            ["sh", "-e"],
            input=block,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    assert shutil.which("chanops", path=environment["PATH"]), "the console command is not installed"
    assert run(shell[0])[0] == 0
    files = re.findall(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)```", PLUGINS, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == ["plugins/dice.py", "tests/conftest.py", "tests/test_dice.py"]
    for name, text in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    code, out, error = run(shell[1])
    assert code == 0, error
    answers = out.splitlines()
    assert 1 <= int(answers[0]) <= 6
    assert "sides must be a whole number, not 'twenty'. Usage: .roll [sides=…] [times=…]" in answers[2]
    assert answers[3].startswith("usage: .roll [sides=…] [times=…] · Roll a die, or several.")
    code, out, error = run(shell[2])
    assert code == 0, out + error
    assert "2 passed" in out


def test_the_changelog_has_this_version():
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()
