"""Finding plugins: three places with equal rights, what is refused and in which words, and loading anew."""

import importlib.util
import inspect
import marshal
import os
import sys
import textwrap
from types import ModuleType

import pytest

from chanops import Message
from chanops.core.access import Roles
from chanops.core.book import Plugin
from chanops.core.errors import Problem
from chanops.core.schedule import Schedule
from chanops.core.sections import Settings
from chanops.core.supplies import Supplies
from chanops.loader import GROUP, OWN, load
from chanops.switchboard import check

OWN_PLUGINS = {"admin", "help", "history", "jobs", "links", "machines", "run"}
HELLO = '''\
"""Greets."""

from chanops import Message, command, every, hears, on, settings


@settings("hello")
class Hello:
    """How to greet."""

    word: str = "hello"
    """The word."""


@command("hello", "hi")
def hello(name: str = "you", *, mine: Hello) -> str:
    """Greet somebody."""
    return f"{mine.word} {name}"


@hears(r"good (\\w+)")
def answer(what: str) -> str:
    return f"good {what} to you"


@on("join")
def welcome(*, said: Message) -> str:
    return f"welcome {said.nick}"


@every("1h", to="#ops")
def remind() -> str:
    return "an hour has passed"
'''


@pytest.fixture(autouse=True)
def no_trace():
    """Whatever a test loads or puts on the path is gone after it."""
    path, modules = list(sys.path), dict(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    sys.modules.update(modules)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "plugins"
    made.mkdir(mode=0o755)
    return made


def write(path, text, mode=0o644):
    """Write a file whoever may write to it by the umask."""
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    path.chmod(mode)
    return path


def loaded(*folders, skip=(), adapt=lambda *_: None, shims=None):
    return load(tuple(folders), skip, adapt, shims or {})


def refused(*folders, **others):
    """What is said where a plugin cannot be loaded."""
    with pytest.raises(Problem) as problem:
        loaded(*folders, **others)
    assert "\n" not in str(problem.value)
    return str(problem.value)


def install(place, name, module, text, entry=""):
    """A package as pip leaves it: a module, and beside it a dist-info with an entry point."""
    place.mkdir(exist_ok=True)
    write(place / f"{module}.py", text)
    info = place / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(info / "entry_points.txt", f"[{GROUP}]\n{entry or module} = {module}\n")
    sys.path.insert(0, str(place))


def parts(plugin):
    """All that a plugin brings, but for where it comes from."""
    return (
        plugin.name,
        plugin.doc,
        [(each.plugin, each.names, each.doc, each.role, each.confirm) for each in plugin.commands],
        [(each.plugin, each.events, each.pattern, each.replayed, each.raw) for each in plugin.listeners],
        [(each.plugin, each.schedule, each.to) for each in plugin.timed],
        list(plugin.sections),
    )


def plugin_of(book, name):
    [found] = [each for each in book.plugins if each.name == name]
    return found


# ---- three places


def test_without_anything_of_ones_own_the_bundled_plugins_are_there():
    book = loaded()
    assert {each.name for each in book.plugins} == OWN_PLUGINS
    assert {each.origin for each in book.plugins} == {"bundled"}
    assert {"help", "url", "reload", "confirm"} <= set(book.by_name)


def test_a_plugin_is_the_same_from_a_folder_and_from_a_package(tmp_path, folder):
    write(folder / "hello.py", HELLO)
    from_folder = plugin_of(loaded(folder), "hello")
    install(tmp_path / "site", "greeting-plugin", "hello", HELLO)
    from_package = plugin_of(loaded(), "hello")
    assert parts(from_folder) == parts(from_package)
    assert from_folder.origin == str(folder / "hello.py")
    assert from_package.origin == "package greeting-plugin"


def test_all_that_a_plugin_marks_is_found(folder):
    write(folder / "hello.py", HELLO)
    book = loaded(folder)
    plugin = plugin_of(book, "hello")
    assert plugin.doc == "Greets."
    command = book.by_name["hi"]
    assert (command.name, command.summary, command.usage(".")) == ("hello", "Greet somebody.", ".hello [name=…]")
    assert command.function("bob", mine=plugin.sections["hello"](word="hey")) == "hey bob"
    answer, welcome = plugin.listeners
    assert [args for args, _ in answer.finds(Message(text="good morning, good bye"))] == [["morning"], ["bye"]]
    assert welcome.events == ("join",)
    assert [(each.schedule, each.to, each.function()) for each in plugin.timed] == [
        (Schedule.every("1h"), "#ops", "an hour has passed")
    ]


def test_a_package_in_several_files_is_loaded_anew_with_all_of_them(tmp_path):
    package = tmp_path / "site" / "weather"
    package.mkdir(parents=True)
    main = "from chanops import command\nfrom weather.sky import blue\n@command('sky')\ndef sky(): return blue()\n"
    write(package / "__init__.py", main)
    write(package / "sky.py", "def blue(): return 'blue'\n")
    install(tmp_path / "site", "weather-plugin", "unused", "", entry="sky")
    write(tmp_path / "site" / "weather_plugin-1.0.dist-info" / "entry_points.txt", f"[{GROUP}]\nsky = weather\n")
    first = loaded().by_name["sky"].function
    write(package / "sky.py", "def blue(): return 'grey today'\n")
    assert loaded().by_name["sky"].function() == "grey today"
    assert first() == "blue"


@pytest.mark.parametrize(
    "name", ["_private", "__init__", "test_weather", "conftest", ".hidden", ".#lock", "._apple", "skipped"]
)
def test_what_is_no_plugin_is_not_even_read(folder, name):
    write(folder / f"{name}.py", "this is no Python")
    assert {each.name for each in loaded(folder, skip=("skipped",)).plugins} == OWN_PLUGINS


@pytest.mark.parametrize("name", ["readme.txt", "weather.pyc", "weather.py~", "weather.ini"])
def test_only_python_files_are_plugins(folder, name):
    write(folder / name, "this is no Python")
    assert {each.name for each in loaded(folder).plugins} == OWN_PLUGINS


def test_any_plugin_can_be_left_out_wherever_it_comes_from(tmp_path, folder):
    write(folder / "mine.py", "1 / 0")
    install(tmp_path / "site", "theirs", "theirs_module", "1 / 0", entry="theirs")
    book = loaded(folder, skip=("links", "mine", "theirs", "not there at all"))
    assert {each.name for each in book.plugins} == OWN_PLUGINS - {"links"}


def test_a_bundled_plugin_can_be_replaced_by_ones_own(folder):
    write(
        folder / "better.py", "from chanops import command\n@command('help')\ndef mine():\n    return 'help yourself'\n"
    )
    assert loaded(folder, skip=("help",)).by_name["help"].function() == "help yourself"


def test_several_folders_are_read_each_in_the_order_of_names(tmp_path, folder):
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    for place, name in ((folder, "b"), (folder, "a"), (other, "0")):
        write(place / f"{name}.py", f"from chanops import command\n@command('x{name}')\ndef f(): pass\n")
    assert [each.name for each in loaded(folder, other).plugins][-3:] == ["a", "b", "0"]


# ---- what people write


def test_a_plugin_may_have_dataclasses_and_postponed_annotations(folder):
    write(
        folder / "modern.py",
        """\
        from __future__ import annotations

        import enum
        import pickle
        from dataclasses import dataclass, field
        from typing import ClassVar, NamedTuple

        from chanops import Message, Rest, Secret, command, settings

        @dataclass(frozen=True)
        class Point:
            x: int
            y: list[int] = field(default_factory=list)
            kind: ClassVar[str] = "point"

        class Pair(NamedTuple):
            a: Point
            b: int = 2

        class Colour(enum.Enum):
            RED = 1

        @settings("modern")
        class Modern:
            key: Secret = Secret("")
            sides: int = 6

        @command("point")
        def point(x: int, rest: Rest = "", *, said: Message, mine: Modern) -> str:
            pair = Pair(Point(x))
            assert pickle.loads(pickle.dumps(pair)) == pair
            return f"{said.nick} {pair.a} {Colour.RED.name} {mine.sides}"
        """,
    )
    book = loaded(folder)
    plugin = plugin_of(book, "modern")
    [command] = plugin.commands
    assert command.usage(".") == ".point X [REST…]"
    assert dict(command.signature.needs) == {"said": Message, "mine": plugin.sections["modern"]}
    assert (
        command.function(1, said=Message(nick="bob"), mine=plugin.sections["modern"]()) == "bob Point(x=1, y=[]) RED 6"
    )


def test_what_is_imported_from_another_plugin_belongs_to_that_one(folder, tmp_path):
    install(tmp_path / "site", "theirs", "theirs", HELLO)
    write(folder / "mine.py", "from theirs import hello, answer, Hello\nfrom chanops.plugins.links import url\n")
    assert parts(plugin_of(loaded(folder), "mine")) == ("mine", "", [], [], [], [])


def test_a_second_name_for_a_function_is_no_second_command(folder):
    write(folder / "a.py", "from chanops import command\n@command('once')\ndef f(): pass\nb = f\nc = [f]\n")
    assert len(plugin_of(loaded(folder), "a").commands) == 1


def test_a_function_with_two_marks_is_both(folder):
    write(
        folder / "a.py",
        "from chanops import command, every\n@command('now')\n@every('1h', to='#ops')\ndef report(): return 'fine'\n",
    )
    plugin = plugin_of(loaded(folder), "a")
    assert plugin.commands[0].function is plugin.timed[0].function


def test_a_plugin_can_be_read_by_tools_as_any_module(folder):
    path = write(folder / "a.py", "from chanops import command\n@command('x')\ndef f():\n    return 1\n")
    function = loaded(folder).by_name["x"].function
    assert inspect.getsource(function).endswith("    return 1\n")
    module = sys.modules[function.__module__]
    assert (module.__name__, module.__file__) == (f"{OWN}.a", str(path))


def test_names_that_are_no_python_names_are_good_enough_for_files(folder):
    write(folder / "my-plugin 2.py", "from chanops import command\n@command('x')\ndef f(): return 1\n")
    assert plugin_of(loaded(folder), "my-plugin 2").commands[0].function() == 1


# ---- what is refused

BROKEN = {
    "a syntax error": ("x = 1\ndef f(:\n", 2, "SyntaxError: invalid syntax", True),
    "an import of what is not there": ("import os\nimport nobody_has_this\n", 2, "ModuleNotFoundError: ", True),
    "an import of a name that is not there": ("\nfrom chanops import no_such\n", 2, "ImportError: cannot import", True),
    "an exception": ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError: division by zero", True),
    "an exception of several lines": ("raise ValueError('one\\n\\n  two')\n", 1, "ValueError: one two", True),
    "an end of the program": ("import sys\nsys.exit(3)\n", 2, "it ends the program", True),
    "bytes that are no text": ("x = 1\nb = '\udcff'\n", None, "SyntaxError: ", True),
    "a type that no word can become": (
        "from chanops import command\n\n@command('x')\ndef up(what: complex): pass\n",
        3,
        "up: what stands before the *, so a person types it, but no word can become complex; move it behind a *",
        False,
    ),
    "a need without a type": (
        "from chanops import command\n@command('x')\ndef up(*, what): pass\n",
        2,
        "up: what stands after the *, so it needs a type to be found by",
        False,
    ),
    "a type that is not there": (
        "from chanops import command\n@command('x')\ndef up(what: 'Nowhere'): pass\n",
        2,
        "up: its types cannot be read: name 'Nowhere' is not defined",
        False,
    ),
    "a bad pattern": (
        "from chanops import hears\n\n@hears('(')\ndef f(): pass\n",
        3,
        "@hears('('): not a regular expression: missing )",
        False,
    ),
    "a pattern with too few groups": (
        "from chanops import hears\n@hears('(a)(b)')\ndef f(one, two, three, four=4): pass\n",
        2,
        "f: the pattern finds no three: give it a group (…) for each, or give the parameters defaults",
        False,
    ),
    "a bad command name": (
        "from chanops import command\n@command('Up!')\ndef f(): pass\n",
        2,
        "@command('Up!'): a name is lower-case letters",
        False,
    ),
    "a bad alias": (
        "from chanops import command\n@command('up', 'two words')\ndef f(): pass\n",
        2,
        "@command('two words'): a name is lower-case letters",
        False,
    ),
    "a mark without its parentheses": (
        "from chanops import command\n\n@command\ndef f(): pass\n",
        3,
        "TypeError: ",
        True,
    ),
    "a role with a capital": (
        "from chanops import command\n@command('up', role='Ops')\ndef f(): pass\n",
        2,
        "f: role='Ops': a role is lower-case letters",
        False,
    ),
    "a role of two words": (
        "from chanops import command\n\n@command('up', role='ops admin')\ndef f(): pass\n",
        3,
        "f: role='ops admin': a role is lower-case letters",
        False,
    ),
    "several roles": (
        "from chanops import command\n@command('up', role=('ops', 'admin'))\ndef f(): pass\n",
        2,
        "TypeError: ",
        True,
    ),
    "an event with something to type": (
        "from chanops import on\n@on('join')\ndef greet(who, *, what: str = ''): pass\n",
        2,
        "greet runs by itself, so nobody types who: put a * before it, or give it a default",
        False,
    ),
    "a time with something to type": (
        "from chanops import every\n@every('1m')\ndef f(one, two): pass\n",
        2,
        "f runs by itself, so nobody types one, two: put a *",
        False,
    ),
    "a bad time": ("from chanops import every\n@every('soon')\ndef f(): pass\n", 2, "@every('soon'): must be", False),
    "a bad crontab line": (
        "from chanops import cron\n@cron('* * *')\ndef f(): pass\n",
        2,
        "@cron('* * *'): must",
        False,
    ),
    "async": (
        "from chanops import command\n@command('x')\nasync def f(): pass\n",
        2,
        "f is async: write a plain def",
        False,
    ),
    "an async generator": (
        "from chanops import command\n@command('x')\nasync def f(): yield 'x'\n",
        2,
        "f is async: write a plain def",
        False,
    ),
    "a bad section name": (
        "from chanops import settings\n@settings('My Own')\nclass A: pass\n",
        2,
        "@settings(",
        False,
    ),
    "a key that changes": (
        "from chanops import settings\n@settings('a')\nclass A:\n    x: list = []\n",
        2,
        "Value",
        True,
    ),
    "a section of the bot's": (
        "from chanops import settings\n@settings('web')\nclass A: pass\n",
        None,
        "A: [web] is the bot's own section: call yours something else",
        False,
    ),
    "a section that would be the roles": (
        "from chanops import settings\n@settings('roles')\nclass A: pass\n",
        None,
        "A: [roles] is the bot's own section",
        False,
    ),
    "two sections of one name": (
        "from chanops import settings\n@settings('a')\nclass A: pass\n@settings('a')\nclass B: pass\n",
        None,
        "B: [a] is A already: rename one",
        False,
    ),
    "a key of a type that no text can become": (
        "from chanops import settings\nclass Odd: pass\n@settings('a')\nclass A:\n    x: Odd\n",
        None,
        "PydanticSchemaGenerationError: ",
        True,
    ),
}


@pytest.mark.parametrize(("text", "line", "why", "can_be_left_out"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_in_a_file_is_named_with_its_line(folder, text, line, why, can_be_left_out):
    path = folder / "weather.py"
    path.write_bytes(text.encode(errors="surrogateescape"))
    path.chmod(0o644)
    said = refused(folder)
    place = f"plugin weather ({path}, line {line}): " if line else f"plugin weather ({path}"
    assert said.startswith(place), said
    assert said.partition("): ")[2].startswith(why), said
    assert said.endswith("; mend it, or leave it out with `skip = weather` under [bot]") is can_be_left_out
    assert {each.name for each in loaded(folder, skip=("weather",)).plugins} == OWN_PLUGINS


@pytest.mark.parametrize("case", ["a syntax error", "an exception", "a bad pattern", "a need without a type"])
def test_what_is_broken_in_a_package_is_named_with_its_file_and_line(tmp_path, case):
    text, line, why, _ = BROKEN[case]
    install(tmp_path / "site", "weather-plugin", "weather_module", text, entry="weather")
    said = refused()
    place = f"plugin weather (package weather-plugin, {tmp_path}/site/weather_module.py, line {line}): {why}"
    assert said.startswith(place), said
    assert {each.name for each in loaded(skip=("weather",)).plugins} == OWN_PLUGINS


def test_a_package_whose_module_is_gone_is_named(tmp_path):
    install(tmp_path / "site", "weather-plugin", "weather_module", "", entry="weather")
    (tmp_path / "site" / "weather_module.py").unlink()
    assert refused() == (
        "plugin weather (package weather-plugin): ModuleNotFoundError: No module named 'weather_module'; "
        "mend it, or leave it out with `skip = weather` under [bot]"
    )


def test_the_line_is_the_plugins_own_where_a_library_fails(tmp_path, folder):
    place = tmp_path / "site"
    place.mkdir()
    write(place / "broken_library.py", "\n\n\n\n\nx = = 1\n")
    write(place / "failing_library.py", "\n\n\n\n\n1 / 0\n")
    sys.path.insert(0, str(place))
    for library in ("broken_library", "failing_library"):
        write(folder / "weather.py", f"import os\nimport {library}\n")
        assert refused(folder).startswith(f"plugin weather ({folder}/weather.py, line 2): ")


def test_a_long_error_is_shortened(folder):
    write(folder / "weather.py", "raise ValueError('x' * 100_000)\n")
    assert len(refused(folder)) < 600


UP = "from chanops import command\n@command('{}')\ndef up(): pass\n"


def test_two_plugins_with_one_command_are_refused_with_both_places(folder):
    write(folder / "a.py", UP.format("rise"))
    write(folder / "b.py", UP.format("rise"))
    said = refused(folder)
    assert f"command rise is in {folder}/a.py and in {folder}/b.py: rename one, or leave a plugin out" in said
    write(folder / "b.py", UP.format("links"))
    assert f"command links is in bundled and in {folder}/b.py: rename one" in refused(folder)


def test_a_file_with_one_command_twice_is_refused(folder):
    write(folder / "a.py", UP.format("rise") + "@command('sink', 'rise')\ndef down(): pass\n")
    assert f"command rise is in {folder}/a.py and in {folder}/a.py" in refused(folder)


def test_two_plugins_of_one_name_are_refused(tmp_path, folder):
    other = tmp_path / "other"
    other.mkdir(mode=0o755)
    write(folder / "a.py", UP.format("rise"))
    write(other / "a.py", UP.format("sink"))
    assert f"plugin a is in {folder}/a.py and in {other}/a.py: rename one" in refused(folder, other)
    write(folder / "links.py", "")
    assert f"plugin links is in bundled and in {folder}/links.py" in refused(folder)


def test_two_plugins_with_one_section_are_refused(folder):
    for name in "ab":
        write(folder / f"{name}.py", "from chanops import settings\n@settings('mine')\nclass Mine: pass\n")
    assert f"section [mine] is in {folder}/a.py and in {folder}/b.py" in refused(folder)


def test_what_nobody_can_hand_over_is_named(folder):
    write(
        folder / "weather.py",
        "from chanops import command, Message\n"
        "class Clouds: pass\n"
        "@command('sky')\ndef sky(*, said: Message, clouds: Clouds): pass\n",
    )
    book = loaded(folder, skip=tuple(OWN_PLUGINS))
    supplies = Supplies({Settings: Settings(), Roles: Roles.of({}, ())})
    with pytest.raises(Problem, match=r"^weather\.sky asks for clouds: Clouds, which nobody can hand over; there are "):
        check(book, supplies, Settings())


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666, 0o777, 0o620, 0o602])
@pytest.mark.parametrize("what", ["file", "folder", "target", "folder of the target"])
def test_what_others_can_write_to_is_refused(tmp_path, folder, mode, what):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    linked = what in ("target", "folder of the target")
    file = write((elsewhere if linked else folder) / "weather.py", "raise RuntimeError('it was run')\n")
    if linked:
        (folder / "weather.py").symlink_to(file)
    changed = {"file": file, "folder": folder, "target": file, "folder of the target": elsewhere}[what]
    shown = folder / "weather.py" if what == "target" else changed
    changed.chmod(mode | (0o500 if changed.is_dir() else 0))
    assert refused(folder) == (
        f"{shown}: others can write to it, and could so make the bot do anything: chmod go-w {shown}"
    )
    shown.chmod(shown.stat().st_mode & ~0o022)
    assert "it was run" in refused(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_somebody_else_is_refused(folder):
    path = write(folder / "weather.py", "")
    os.chown(path, 12345, 12345)
    assert refused(folder) == f"{path}: it belongs to another user: chown it to the bot's user or to root"


def test_a_link_to_nothing_is_refused(folder):
    (folder / "weather.py").symlink_to(folder / "gone.py")
    assert refused(folder) == f"{folder}/weather.py: No such file or directory"


def test_a_link_to_a_good_file_is_a_plugin(tmp_path, folder):
    write(tmp_path / "real.py", UP.format("rise"))
    tmp_path.chmod(0o755)
    (folder / "weather.py").symlink_to(tmp_path / "real.py")
    assert plugin_of(loaded(folder), "weather").origin == f"{folder}/weather.py"


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_folder_that_is_none_is_refused(tmp_path, kind):
    place = tmp_path / "plugins"
    if kind == "file":
        write(place, "")
    assert refused(place) == f"[bot] plugins: there is no folder {place}"


def test_a_folder_called_like_a_plugin_is_refused(folder):
    (folder / "weather.py").mkdir(mode=0o755)
    assert f"plugin weather ({folder}/weather.py): IsADirectoryError" in refused(folder)


# ---- loading anew


def functions(book):
    return {name: each.function for name, each in book.by_name.items()}


def ours():
    """The plugins' modules as Python knows them."""
    return {name: module for name, module in sys.modules.items() if name.startswith((GROUP, OWN, "theirs"))}


@pytest.mark.parametrize(
    "broken", ["1 / 0\n", "def f(:\n", UP.format("links"), UP.format("Up!"), "import sys\nsys.exit()\n"]
)
def test_where_one_file_is_broken_all_stays_as_it_was(tmp_path, folder, broken):
    text = (
        "import sys\nfrom chanops import command\nN = {1}\n@command('{0}')\ndef f(): return sys.modules[__name__].N\n"
    )
    write(folder / "a.py", text.format("a", 1))
    install(tmp_path / "site", "theirs", "theirs", text.format("t", 1))
    book = loaded(folder)
    old, modules = functions(book), ours()
    write(folder / "a.py", text.format("a", 2222))
    write(tmp_path / "site" / "theirs.py", text.format("t", 2222))
    write(folder / "b.py", text.format("b", 2222))
    write(folder / "c.py", broken)
    refused(folder)
    assert ours() == modules
    assert all(ours()[name] is modules[name] for name in modules)
    assert all(getattr(sys.modules[GROUP], name) is modules[f"{GROUP}.{name}"] for name in OWN_PLUGINS)
    assert functions(book) == old
    assert (old["a"](), old["t"]()) == (1, 1)
    (folder / "c.py").unlink()
    book = loaded(folder)
    assert [book.by_name[name].function() for name in "atb"] == [2222, 2222, 2222]


def test_a_first_load_that_fails_leaves_nothing_behind(folder):
    write(folder / "a.py", "")
    write(folder / "b.py", "1 / 0\n")
    for name in [name for name in sys.modules if name.startswith(OWN)]:
        del sys.modules[name]
    refused(folder)
    assert not [name for name in sys.modules if name.startswith(OWN)]


def test_new_code_is_taken_though_size_and_time_are_the_same(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, same = folder / "a.py", (1_700_000_000, 1_700_000_000)
    for number in range(10, 20):
        write(path, f"from chanops import command\n@command('n')\ndef n():\n    return {number}\n")
        os.utime(path, same)
        assert loaded(folder).by_name["n"].function() == number


def test_nothing_is_written_into_a_folder_of_plugins_nor_old_code_read_from_it(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = write(folder / "a.py", UP.format("old"))
    cached = folder / "__pycache__"
    cached.mkdir()
    stamp = int(path.stat().st_mtime)
    code = compile(UP.format("bad"), str(path), "exec")
    header = (0, stamp, path.stat().st_size)
    pyc = importlib.util.MAGIC_NUMBER + b"".join(n.to_bytes(4, "little") for n in header) + marshal.dumps(code)
    (cached / f"a.{sys.implementation.cache_tag}.pyc").write_bytes(pyc)
    assert "old" in loaded(folder).by_name
    write(folder / "b.py", UP.format("new"))
    loaded(folder)
    assert [each.name for each in cached.iterdir()] == [f"a.{sys.implementation.cache_tag}.pyc"]


def test_what_a_module_remembered_is_forgotten_but_old_functions_keep_theirs(folder):
    write(
        folder / "counter.py",
        "from chanops import command\nseen = []\n"
        "@command('count')\ndef count():\n    seen.append(1)\n    return len(seen)\n",
    )
    first = loaded(folder).by_name["count"].function
    assert (first(), first()) == (1, 2)
    second = loaded(folder).by_name["count"].function
    assert (second(), first()) == (1, 3)


def test_a_file_that_is_gone_is_gone(folder):
    path = write(folder / "a.py", UP.format("rise"))
    assert "rise" in loaded(folder).by_name
    path.unlink()
    assert "rise" not in loaded(folder).by_name
    assert f"{OWN}.a" not in sys.modules


# ---- adapters and shims


def test_a_module_may_be_adapted_and_then_is_not_read_for_marks(folder):
    write(folder / "old.py", UP.format("rise"))
    write(folder / "new.py", UP.format("sink"))
    seen = []

    def adapt(module, name, origin):
        seen.append((module.__name__, name, origin))
        return Plugin(name, origin, "adapted") if name == "old" else None

    book = loaded(folder, adapt=adapt)
    assert seen == [(f"{OWN}.{name}", name, f"{folder}/{name}.py") for name in ("new", "old")]
    assert plugin_of(book, "old").doc == "adapted"
    assert ("rise" in book.by_name, "sink" in book.by_name) == (False, True)


def test_what_goes_wrong_in_an_adapter_names_the_plugin_once(folder):
    write(folder / "old.py", "")

    def adapt(module, name, origin):
        raise Problem("too old")

    assert refused(folder, adapt=adapt) == f"plugin old ({folder}/old.py): too old"


def shim(name):
    made = ModuleType(name)
    made.who = "shim"
    return made


USES = "from chanops import command\nimport sys, oldlib\nwho = oldlib.who\n@command('who')\ndef f(): return who\n"


def test_a_name_that_nobody_has_comes_from_a_shim_and_only_while_files_are_read(folder):
    write(folder / "a.py", USES)
    book = loaded(folder, shims={"oldlib": shim("oldlib")})
    assert book.by_name["who"].function() == "shim"
    assert "oldlib" not in sys.modules
    write(folder / "a.py", USES + "1 / 0\n")
    refused(folder, shims={"oldlib": shim("oldlib")})
    assert "oldlib" not in sys.modules


@pytest.mark.parametrize("place", ["oldlib.py", "oldlib/__init__.py"])
def test_a_real_module_of_that_name_wins(tmp_path, folder, place):
    path = tmp_path / "site" / place
    path.parent.mkdir(parents=True)
    write(path, "who = 'real'\n")
    sys.path.insert(0, str(tmp_path / "site"))
    write(folder / "a.py", USES)
    for _ in range(2):
        assert loaded(folder, shims={"oldlib": shim("oldlib")}).by_name["who"].function() == "real"
    assert sys.modules["oldlib"].who == "real"


def test_a_module_that_was_made_by_hand_wins_too(folder):
    sys.modules["oldlib"] = shim("oldlib")
    sys.modules["oldlib"].who = "by hand"
    write(folder / "a.py", USES)
    assert loaded(folder, shims={"oldlib": shim("oldlib")}).by_name["who"].function() == "by hand"


def test_a_mere_folder_of_that_name_does_not_hide_the_shim(tmp_path, folder):
    (tmp_path / "site" / "oldlib").mkdir(parents=True)
    sys.path.insert(0, str(tmp_path / "site"))
    write(folder / "a.py", USES)
    assert loaded(folder, shims={"oldlib": shim("oldlib")}).by_name["who"].function() == "shim"


def test_packages_get_no_shims(tmp_path):
    install(tmp_path / "site", "theirs", "theirs", USES)
    assert "No module named 'oldlib'" in refused(shims={"oldlib": shim("oldlib")})
