"""For all tests: the real servers of servers.py, sshd.py and pgserver.py, and this folder's modules under their names.

`--database postgresql` gives each test that asks for `database`, `bot` or `database_url` one on a PostgreSQL server.
"""

import sys
from pathlib import Path

import pytest

# Behind all others: the folder irc beside this file must not hide the library of that name.
sys.path.append(str(Path(__file__).parent))
pytest_plugins = ["servers", "sshd", "pgserver", "chanops.testing"]
LONG = tuple(
    f"tests/{each}"
    for each in (
        "crash/",
        "whole/",
        "test_packaging",
        "test_demo",
        "test_docs",
        "web/test_slow",
        "web/test_accessible",
        "irc/test_client",
    )
)


def pytest_addoption(parser):
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="where tests keep things")


def pytest_collection_modifyitems(config, items):
    """What takes long comes first, so that no process is left alone with it; on PostgreSQL, only what it is about."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    if config.getoption("database") == "sqlite":
        return
    chosen, others = [], []
    for item in items:
        uses = getattr(item, "fixturenames", ())
        same = "new_database_url" not in uses or not {"sqlite_only", "browser"}.isdisjoint(uses)
        (others if same else chosen).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


@pytest.fixture(scope="session")
def new_database_url(request):
    if request.config.getoption("database") == "sqlite":
        return str
    return request.getfixturevalue("postgresql").migrated


@pytest.fixture
def database_url(request, new_database_url):
    url = new_database_url()
    server = request.getfixturevalue("postgresql") if url else None
    yield url
    if server is not None:
        server.give_back(url)


@pytest.fixture
def sqlite_only(request):
    """For what is about SQLite, or its file."""
    if request.config.getoption("database") != "sqlite":
        pytest.skip("it is about SQLite's own file")
