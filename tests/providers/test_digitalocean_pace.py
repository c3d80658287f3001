"""How often DigitalOcean is asked, by how many at once, and what is kept."""

import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from chanops.providers.base import Order, ProviderError, RateLimited, Unreachable
from chanops.providers.digitalocean import connections, pace, transport
from chanops.providers.digitalocean.kept import Kept
from chanops.simulator.digitalocean import CloudServer, Delays, Limits
from tests.providers.conftest import until


def most_within(times, seconds):
    """The most of the times that lie in one window."""
    return max(sum(1 for each in times if start <= each < start + seconds) for start in times)


def test_never_more_than_allowed_in_a_window(cloud, opened, monkeypatch):
    """600 requests by eight threads, with a minute of 0.2 seconds."""
    monkeypatch.setattr(pace, "MINUTE", 0.2)
    id = str(cloud.world.add_droplet("web"))
    provider = opened(cloud.url, per_minute=100)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert all(each.name == "web" for each in pool.map(lambda _: provider.machine(id), range(600)))
    assert time.monotonic() - began >= 5 * 0.2
    assert (len(cloud.requests), provider.transport.pace.count) == (600, 600)
    assert most_within(list(provider.transport.pace.sent), 0.2) <= 100


def test_the_hour(monkeypatch):
    monkeypatch.setattr(pace, "HOURLY", 20)
    monkeypatch.setattr(pace, "HOUR", 0.2)
    turns = pace.Pace("do", 1000)
    for _ in range(60):
        turns.take_turn()
    assert most_within(list(turns.sent), 0.2) <= 20
    assert len(turns.sent) <= 40, "what is older than an hour is forgotten"


def test_a_full_window_is_waited_for_shortly_or_refused(monkeypatch):
    turns = pace.Pace("do", 5)
    for _ in range(5):
        turns.take_turn()
    began = time.monotonic()
    with pytest.raises(RateLimited, match="try again in 70 s"):
        turns.take_turn()
    assert time.monotonic() - began < 1
    assert turns.count == 5


def test_a_hold_ends_and_is_an_hour_at_most():
    turns = pace.Pace("do", 0)
    turns.hold(0.1)
    began = time.monotonic()
    turns.take_turn()
    assert 0.1 <= time.monotonic() - began < 2
    turns.hold(10.0**12)
    assert turns.held_until - time.monotonic() <= pace.HOUR


def test_few_requests_left_make_it_slow(opened, monkeypatch):
    monkeypatch.setattr(transport, "SLOWLY", 0.1)
    with CloudServer(delays=Delays.quick(), limits=Limits(minute=1000, hour=102)) as cloud:
        provider = opened(cloud.url)
        for _ in range(2):
            provider.machines()
        began = time.monotonic()
        for _ in range(4):
            provider.machines()
        assert time.monotonic() - began >= 0.3


def test_with_both_limits_the_cloud_never_has_to_refuse(opened):
    with CloudServer(delays=Delays.quick(), limits=Limits(minute=250)) as cloud:
        provider = opened(cloud.url, per_minute=240)
        for _ in range(240):
            provider.machines()
        with pytest.raises(RateLimited):
            provider.machines()
        assert len(cloud.requests) == 240
        assert all(each.status == 200 for each in cloud.requests)


def test_keys_are_asked_for_once_a_minute(cloud, provider):
    for _ in range(50):
        (key,) = provider.keys()
        assert key.name == "demo"
    provider.keys().clear()
    assert len(provider.keys()) == 1, "nobody can change what is kept"
    assert len(cloud.requests) == 1
    assert cloud.request_counts()["exceeded"]["keys"] == 0


def test_sizes_and_regions_are_kept(cloud, provider):
    for _ in range(3):
        assert provider.sizes()
        assert provider.regions()
    assert len(cloud.requests) == 2


def test_a_slow_fetch_of_one_list_does_not_hold_up_another(cloud, provider, fault):
    fault("hang", path="account/keys", seconds=0.6)
    slow = threading.Thread(target=provider.keys)
    slow.start()
    began = time.monotonic()
    assert provider.sizes()
    assert time.monotonic() - began < 0.5
    slow.join()


class Door:
    """A lock that knows who came."""

    def __init__(self):
        self.lock, self.comers = threading.Lock(), []

    def __enter__(self):
        self.comers.append(1)
        return self.lock.__enter__()

    def __exit__(self, *told):
        return self.lock.__exit__(*told)


def test_what_is_kept_is_fetched_once_for_all_who_wait_and_its_error_too():
    entered, go = threading.Event(), threading.Event()
    outcomes = [Unreachable("down"), [1, 2]]
    fetches = []

    def fetch():
        fetches.append(1)
        entered.set()
        go.wait(5)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    kept = Kept(100.0, fetch)
    kept.lock = Door()

    def get():
        try:
            return kept.get()
        except ProviderError as error:
            return str(error)

    with ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(get) for _ in range(10)]
        until(lambda: entered.is_set() and len(kept.lock.comers) == 10)
        go.set()
        assert [each.result() for each in waiting] == ["down"] * 10
        assert len(fetches) == 1
        assert [pool.submit(get).result() for _ in range(10)] == [[1, 2]] * 10
    assert len(fetches) == 2


def test_what_is_kept_grows_old():
    fetches = []
    kept = Kept(0.3, lambda: fetches.append(1) or [len(fetches)])
    assert kept.get() == kept.get() == [1]
    assert until(lambda: kept.get() != [1] and kept.get()) == [2]


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="nothing counts what is open")
def test_twenty_threads_at_once(cloud, opened, fault):
    """Questions, changes and trouble; afterwards no more is open than the connections that are kept."""
    for number in range(20):
        cloud.world.add_droplet(f"web-{number}")
    provider = opened(cloud.url)
    ids = [each.id for each in provider.machines()]
    fault("cut-before", method="GET", times=transport.TRIES - 1)
    before = descriptors()

    def work(number):
        made = [provider.create(Order(f"t{number}-{each}", "s-1vcpu-1gb", "fra1", "debian-12-x64")).id for each in "ab"]
        for _ in range(3):
            assert provider.machine(ids[number]).name == f"web-{number}"
            assert set(ids) <= {each.id for each in provider.machines()}
            assert provider.keys()
            provider.tag(ids[number], [f"t{number}"], [])
        return made

    with ThreadPoolExecutor(20) as pool:
        made = [id for each in pool.map(work, range(20)) for id in each]
    assert len(set(made)) == 40
    assert {each.name: each.tags for each in provider.machines() if each.id in ids} == {
        f"web-{number}": (f"t{number}",) for number in range(20)
    }
    assert len(provider.transport.sessions.idle) <= connections.MOST_IDLE
    until(lambda: descriptors() <= before + 2 * connections.MOST_IDLE)


def test_a_provider_that_is_dropped_leaves_nothing_open(cloud, opened, recwarn):
    provider = opened(cloud.url)
    provider.machines()
    del provider
    gc.collect()
    assert not [each for each in recwarn if issubclass(each.category, ResourceWarning)]


def test_threads_that_watch_end(opened, cloud, provider):
    cloud.world.add_droplet("web")
    for _ in range(20):
        provider.machines()
    until(lambda: not any(isinstance(each, connections.Watch) for each in threading.enumerate()))
