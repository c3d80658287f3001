"""Plugins from three places, with equal rights; and what is refused, with the mend."""

import os
import re
import sys

import pytest

from chanops import loader
from chanops.core.errors import Problem

GOOD = 'from chanops import command\n@command("one")\ndef one() -> str:\n    """One."""\n    return "{}"\n'


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "plugins"
    made.mkdir(mode=0o755)
    return made


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def load(*folders, skip=()):
    return loader.load(folders, skip, lambda *_: None, {})


def test_bundled_plugins_are_found_and_can_be_left_out():
    assert [plugin.name for plugin in load().plugins] == ["admin", "help", "links"]
    assert [plugin.name for plugin in load(skip=("links", "help")).plugins] == ["admin"]


def test_a_file_in_a_folder_is_a_plugin_and_some_are_not(folder):
    write(folder, "one.py", GOOD.format(1))
    for name in ("_helper.py", "test_one.py", "conftest.py", "notes.txt"):
        write(folder, name, "this is not Python")
    book = load(folder)
    assert book.by_name["one"].function() == "1"
    assert book.plugins[-1].origin == str(folder / "one.py")


def test_an_installed_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "outsider.py").write_text(GOOD.format("from outside"))
    info = tmp_path / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chanops.plugins]\noutsider = outsider\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    book = load()
    assert book.by_name["one"].function() == "from outside"
    assert next(p for p in book.plugins if p.name == "outsider").origin == "package outsider"
    (tmp_path / "outsider.py").write_text("raise RuntimeError('not today')")
    with pytest.raises(Problem, match=r"plugin outsider \(package outsider.*\): RuntimeError: not today; mend it, or"):
        load()
    sys.modules.pop("outsider", None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def broken(:\n", r"bad \(.*bad\.py, line 1\): SyntaxError: .*; mend it, or leave it out with `skip = bad`"),
        ("\n\nimport nowhere_at_all\n", r"line 3\): ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def f():\n    1 / 0\nf()\n", r"bad\.py, line 2\): ZeroDivisionError"),
        ("from chanops import command\n@command('Bad Name')\ndef f(): ...\n", "a name is lower-case letters"),
        ("from chanops import hears\n@hears('(')\ndef f(): ...\n", "not a regular expression"),
        ("from chanops import cron\n@cron('61 * * * *')\ndef f(): ...\n", "bad minute"),
        ("from chanops import daily\n@daily('9 o clock')\ndef f(): ...\n", "must be a time of day such as 09:00"),
        ("from chanops import every\n@every('soon')\ndef f(): ...\n", "must be a length of time"),
        ("from chanops import command\n@command('x')\ndef f(a: list): ...\n", "no word can become list"),
        ("from chanops import command\n@command('x')\ndef f(a: Missing): ...\n", "name 'Missing' is not defined"),
        ("from chanops import command\n@command('x')\ndef f(*, a): ...\n", "needs a type to be found by"),
        ("from chanops import Rest, command\n@command('x')\ndef f(a: Rest, b: str): ...\n", "can stand after it"),
        ("from chanops import on\n@on('join')\ndef f(nick: str): ...\n", "runs by itself, so nobody types nick"),
        ("from chanops import command\n@command('url')\ndef f(): ...\n", r"command url is in bundled and in .*bad\.py"),
        ("from chanops import settings\n@settings('Bad')\nclass S: ...\n", "a section is lower-case letters"),
    ],
)  # fmt: skip
def test_what_is_broken_is_refused_with_its_name_and_the_mend(folder, text, complaint):
    write(folder, "bad.py", text)
    with pytest.raises(Problem, match=complaint) as raised:
        load(folder)
    assert "bad" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert load(folder, skip=("bad",)).plugins


def test_two_files_with_one_command_are_refused(folder):
    write(folder, "a.py", GOOD.format(1))
    write(folder, "b.py", GOOD.format(2))
    with pytest.raises(Problem, match=r"command one is in .*a\.py and in .*b\.py"):
        load(folder)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(folder, mode):
    path = write(folder, "one.py", GOOD.format(1))
    path.chmod(mode)
    with pytest.raises(Problem, match=f"others can write to it.*chmod go-w {path}"):
        load(folder)


def test_a_folder_or_a_links_target_that_others_may_write_is_refused(folder, tmp_path):
    elsewhere = write(tmp_path, "elsewhere.py", GOOD.format(1))
    (folder / "one.py").symlink_to(elsewhere)
    assert load(folder).by_name["one"]
    elsewhere.chmod(0o666)
    with pytest.raises(Problem, match="others can write"):
        load(folder)
    elsewhere.chmod(0o644)
    folder.chmod(0o777)
    with pytest.raises(Problem, match="others can write"):
        load(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(folder):
    path = write(folder, "one.py", GOOD.format(1))
    os.chown(path, 65534, 65534)
    with pytest.raises(Problem, match="belongs to another user"):
        load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Problem, match=f"there is no folder {tmp_path / 'none'}"):
        load(tmp_path / "none")


def test_loading_again_takes_the_new_text_even_within_one_second(folder):
    for number in range(3):
        path = write(folder, "one.py", GOOD.format(number))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert load(folder).by_name["one"].function() == str(number)


def test_what_fails_to_load_leaves_all_as_it_was(folder):
    write(folder, "one.py", GOOD.format(1))
    old = load(folder)
    module, bundled = sys.modules["chanops_plugins.one"], sys.modules["chanops.plugins.links"]
    write(folder, "one.py", GOOD.format(2))
    write(folder, "two.py", "broken(")
    with pytest.raises(Problem):
        load(folder)
    assert sys.modules["chanops_plugins.one"] is module
    assert sys.modules["chanops.plugins.links"] is bundled
    assert old.by_name["one"].function() == "1"


def test_a_function_is_registered_once_where_it_is_defined(folder):
    write(folder, "one.py", GOOD.format(1) + "again = one\n")
    write(folder, "two.py", "from chanops_plugins.one import one\nfrom chanops.plugins.help import whoami\n")
    book = load(folder)
    assert [len(plugin.commands) for plugin in book.plugins if plugin.name in ("one", "two")] == [1, 0]


def test_future_annotations_dataclasses_and_settings_work(folder):
    write(
        folder,
        "modern.py",
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from chanops import Message, command, settings\n"
        "@settings('modern')\n"
        "class Modern:\n    'Of today.'\n    size: int = 3\n    'How large.'\n"
        "@dataclass(frozen=True)\n"
        "class Thing:\n    size: int\n"
        "@command('thing')\n"
        "def thing(size: int, *, said: Message, modern: Modern) -> str:\n    'A thing.'\n    return str(Thing(size))\n",
    )
    plugin = load(folder).plugins[-1]
    assert list(plugin.sections) == ["modern"]
    assert plugin.commands[0].usage(".") == ".thing SIZE"
    assert re.match("A thing", plugin.commands[0].summary)
