"""For the tests of machines: a simulated cloud over HTTP, and all that plans for it, without jobs."""

from types import SimpleNamespace

import pytest

from chanops.core.sections import settings_from
from chanops.core.words import targets
from chanops.providers import open_provider
from chanops.services.jobs.work import may_act
from chanops.services.machines.clouds import Cloud, Clouds
from chanops.services.machines.memory import Memory
from chanops.services.machines.planner import Planner
from chanops.services.machines.planner_up import UpPlanner
from chanops.simulator.digitalocean import CloudServer, Delays
from chanops.testing import TOKEN, UNLIMITED


@pytest.fixture(scope="module")
def shared_cloud():
    with CloudServer(token=TOKEN, delays=Delays.quick(), seed=1, limits=UNLIMITED) as made:
        yield made


@pytest.fixture
def cloud(shared_cloud):
    """A cloud as new: nothing here asks it after its test, so that one server does for all."""
    shared_cloud.reset()
    return shared_cloud


@pytest.fixture
def memory(database):
    return Memory(database)


@pytest.fixture
def house(cloud, memory, tmp_path):
    """The planners for a configuration: house({"machine:web": {…}}, accounts=("do",))."""

    def make(sections=None, accounts=("do",), **provider):
        keys = {"kind": "digitalocean", "token": cloud.token, "endpoint": cloud.url.rstrip("/"), **provider}
        given = {f"provider:{name}": keys for name in accounts} | (sections or {})
        settings = settings_from(given, lambda kind, value: value)
        clouds = Clouds(
            {name: Cloud(open_provider(name, each, may_act), each) for name, each in settings.providers.items()}
        )
        planner = Planner(clouds, memory, lambda: settings)
        up = UpPlanner(planner, tmp_path)

        def plan(kind, which, **options):
            return (up if kind == "up" else SimpleNamespace(plan=planned(planner, kind))).plan(targets(which), options)

        return SimpleNamespace(clouds=clouds, settings=lambda: settings, plan=plan, up=up, planner=planner)

    return make


def planned(planner, kind):
    return lambda which, options: planner.plan(kind, which, options)


@pytest.fixture
def changes(cloud):
    """The requests so far that would have changed something."""
    return lambda: [f"{each.method} {each.path}" for each in cloud.requests if each.method != "GET"]
