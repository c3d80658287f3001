"""The house as a table: who may import whom, how large a room is, where a broad except may stand."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "modules" / "chanops"
FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}

# A room may import from the rooms in its row, and from itself. "chanops" is the package's front: what plugins import.
ARROWS = {
    "chanops": {"core"},
    "core": set(),
    "irc": {"core"},
    "services": {"core", "providers", "ssh"},
    "ssh": {"core"},
    "providers": {"core"},
    "phenny": {"core"},
    "plugins": {"chanops", "services"},
    "web": {"core", "services", "version"},
    "simulator": {"core"},
    "version": set(),
    "answers": {"core"},
    "workers": set(),
    "configuration": {"core", "services"},
    "loader": {"core", "plugins"},
    "switchboard": {"core", "answers", "workers"},
    "fleet": {"core", "configuration", "providers", "services", "ssh"},
    "archive": {"core", "services"},
    "publishing": {"core", "archive", "fleet", "services", "version", "web"},
    "app": {"core", "archive", "irc", "services", "phenny", "configuration", "fleet", "loader", "logs", "publishing"}
    | {"switchboard", "workers"},
    "offline": {"core", "app", "configuration"},
    "testing": {"core", "services", "configuration", "offline", "simulator"},
    "conversation": {"core", "simulator"},
    "demo": {"core", "app", "configuration", "conversation", "simulator", "ssh"},
    "logs": {"core"},
    "cli_tokens": {"core", "app", "configuration", "services"},
    "cli_logs": {"core", "app", "configuration", "services"},
    "cli": {"core", "app", "cli_logs", "cli_tokens", "configuration", "demo", "loader", "logs", "offline"}
    | {"services", "version"},
    "__main__": {"cli"},
}
# Plugins see of services only what its front offers, as an outsider would.
FRONT_ONLY = {("plugins", "services"), ("plugins", "chanops")}
# Services know what all clouds share, and no cloud.
OF_PROVIDERS = {"chanops.providers.base", "chanops.providers.hosts"}
# And what all engines for SSH share, and no engine.
OF_SSH = {"chanops.ssh.base", "chanops.ssh.known"}
# Imports by name at run time, each for a measured reason: the web frameworks are read while the networks answer;
# the demo's own servers are not read by a bot that runs.
LATE = {
    ("publishing", "chanops.web.pages"),
    ("publishing", "chanops.web.server"),
    ("cli", "chanops.demo"),
    ("cli", "chanops.simulator.digitalocean"),
    ("ssh", "chanops.ssh.engine"),  # so does paramiko
    ("providers", "chanops.providers.digitalocean"),  # an SDK costs 0.1 s and more: only where it is configured
}
OUTSIDE = {
    "alembic": {"services.migrations"},
    "cronsim": {"core.schedule"},
    "cryptography": {"ssh", "simulator.ssh_server"},
    "digitalocean": {"providers.digitalocean"},
    "feedgen": {"services.feed_xml"},
    "irc": {"irc"},
    "jinja2": {"web"},
    "markupsafe": {"web"},
    "paramiko": {"ssh", "simulator.ssh_jobs", "simulator.ssh_server", "simulator.ssh_sftp", "simulator.ssh_terminal"},
    "prometheus_client": {"web"},
    "pydantic": {"core.settings"},
    "pytest": {"testing"},
    "requests": {"providers.digitalocean", "services.feed_hub"},
    "sqlalchemy": {"services"},
    "starlette": {"web"},
    "uvicorn": {"web"},
}
BROAD_EXCEPTS = {
    "loader": 1,  # around loading a plugin
    "workers": 1,  # around a task
    "switchboard": 1,  # around a command, which answers calmly
    "irc.reactor": 1,  # around a turn of the loop that all networks share
    "services.jobs.engine": 2,  # around what is done with one machine, and around the foreman, who must not die
    "ssh.watchdog": 1,  # around one thing of many that are watched
    "services.scribe": 2,  # around lines that can never be written, and around those who show new ones
    "services.writing": 1,  # a task's error belongs to whoever waits for it
    "publishing": 1,  # a bot without pages is better than none
    "demo": 1,  # the bot's thread hands its error to the one that waits
}
MOST_LINES, MOST_FUNCTION, MOST_METHODS = 300, 50, 20
# What holds all parts, and what holds a connection together.
CENTRES = ("chanops.app", "chanops.irc.client")


def trees():
    return {name: ast.parse(path.read_text()) for name, path in FILES.items()}


def room(module):
    """chanops.core.text → core; chanops.app → app; chanops → chanops."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield node, node.module
            if node.module in FILES:
                for alias in node.names:
                    if f"{node.module}.{alias.name}" in FILES:
                        yield node, f"{node.module}.{alias.name}"


@pytest.mark.parametrize("name", FILES)
def test_every_import_follows_an_arrow(name):
    own = room(name)
    assert own in ARROWS, f"{name} is a room without a row in the table"
    for node, target in imports(ast.parse(FILES[name].read_text())):
        if target.split(".")[0] != "chanops" or room(target) == own:
            continue
        if target == "chanops" and any(f"chanops.{alias.name}" in FILES for alias in node.names):
            continue  # `from chanops import configuration`: the room itself comes next
        assert room(target) in ARROWS[own], f"{name}:{node.lineno} imports {target}"
        if (own, room(target)) in FRONT_ONLY:
            assert target in ("chanops", "chanops.services"), f"{name}:{node.lineno} looks behind the front: {target}"
        if own == "services" and room(target) == "providers":
            assert target in OF_PROVIDERS, f"{name}:{node.lineno} knows a cloud: {target}"
        if own == "services" and room(target) == "ssh":
            assert target in OF_SSH, f"{name}:{node.lineno} knows an engine: {target}"


def test_no_plugin_imports_another():
    plugins = {name for name in FILES if name.startswith("chanops.plugins.")}
    for name in plugins:
        targets = {target for _, target in imports(ast.parse(FILES[name].read_text()))}
        assert not targets & plugins, name


def test_there_is_no_circle_among_files():
    after = {name: {t for _, t in imports(tree) if t in FILES and t != name} for name, tree in trees().items()}
    done, path = set(), []

    def visit(name):
        if name in done or name == "chanops":
            return
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        path.append(name)
        for each in sorted(after[name]):
            visit(each)
        done.add(path.pop())

    for name in after:
        visit(name)


def test_each_outside_library_is_imported_in_one_room():
    for name, tree in trees().items():
        for node, target in imports(tree):
            library = target.split(".")[0]
            if library == "chanops" or library in sys.stdlib_module_names:
                continue
            assert library in OUTSIDE, f"{name}:{node.lineno} imports {target}, which the table does not know"
            own = name.removeprefix("chanops.")
            allowed = any(own == each or own.startswith(f"{each}.") for each in OUTSIDE[library])
            assert allowed, f"{name}:{node.lineno} imports {target}"


def test_imports_stand_at_the_top_and_what_comes_late_is_in_the_table():
    for name, tree in trees().items():
        top = set(map(id, tree.body))
        for node, target in imports(tree):
            assert id(node) in top, f"{name}:{node.lineno} imports {target} inside something"
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
                assert isinstance(node.args[0], ast.Constant), f"{name}:{node.lineno} imports what nobody can see"
                assert (room(name), node.args[0].value) in LATE, f"{name}:{node.lineno} imports {node.args[0].value}"


def test_the_core_does_no_input_or_output_and_has_no_clock():
    forbidden = {"os", "io", "socket", "threading", "subprocess", "time", "pathlib", "logging", "asyncio", "sqlite3"}
    for name, tree in trees().items():
        if room(name) == "core":
            for node, target in imports(tree):
                assert target.split(".")[0] not in forbidden, f"{name}:{node.lineno} imports {target}"
            calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            assert not calls & {"open", "print", "datetime.now", "input"}, name


@pytest.mark.parametrize("name", FILES)
def test_a_room_is_small_and_says_what_it_is_for(name):
    text = FILES[name].read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= MOST_LINES, name
    assert ast.get_docstring(tree), name
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < MOST_FUNCTION, f"{name}:{node.lineno}"
        if isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            assert len(methods) <= MOST_METHODS + 5 * (name in CENTRES), f"{name}:{node.lineno}"


def test_a_broad_except_stands_only_where_the_table_says():
    found = {}
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or getattr(node.type, "id", "") == "Exception"
                if broad:
                    found[name.removeprefix("chanops.")] = found.get(name.removeprefix("chanops."), 0) + 1
    assert found == BROAD_EXCEPTS


def test_no_star_imports_and_no_type_checking_blocks():
    for name, path in FILES.items():
        assert "import *" not in path.read_text(), name
        assert "TYPE_CHECKING" not in path.read_text(), name
