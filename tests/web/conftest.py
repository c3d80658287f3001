"""Bots with pages, for the tests of machines and jobs."""

import pytest

from tests.web import memory, served
from tests.web.browser import Browser


@pytest.fixture(scope="module")
def browser():
    """A real one, for all tests of a file."""
    made = Browser()
    yield made
    made.stop()


@pytest.fixture
def cloud():
    """A simulated cloud."""
    with served.cloud() as made:
        yield made


@pytest.fixture
def start(tmp_path, empty_database, new_database_url):
    """Starts a bot, with more in its configuration."""
    made = []

    def begin(more=""):
        made.append(served.Served(tmp_path / str(len(made)), empty_database, more, new_database_url()))
        return made[-1]

    yield begin
    for each in made:
        each.stop()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, empty_database, new_database_url):
    """A bot without clouds, for all tests of a file."""
    made = served.Served(tmp_path_factory.mktemp("quiet"), empty_database, url=new_database_url())
    yield made
    made.stop()


@pytest.fixture
def remembered(database, tmp_path):
    """Search, links and what was missed, with nothing in them."""
    made = memory.Memory(database, tmp_path)
    yield made
    made.stop()
