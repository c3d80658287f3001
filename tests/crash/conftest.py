"""What the proof's tests share: the process that begins bots, and an empty database."""

import pytest

from tests.crash import trial
from tests.crash.nursery import Nursery
from tests.crash.pair import Pair


@pytest.fixture(scope="session")
def nursery():
    with Nursery() as made:
        yield made


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crash")
    folder.chmod(0o700)
    return trial.template(folder)


@pytest.fixture
def pair(nursery, template):
    made = Pair(nursery, template)
    yield made
    made.close()
