"""Whoever may not act does not: the cloud never sees a complete request that changes something."""

import inspect
from importlib.metadata import version

import digitalocean
import pytest
from digitalocean.baseapi import BaseAPI

from chanops.core.errors import Problem
from chanops.providers.base import Order
from chanops.providers.digitalocean.changes import OurDroplet, OurImage
from chanops.providers.digitalocean.connections import Guarded
from chanops.providers.digitalocean.transport import Asking
from tests.providers.conftest import reply, until
from tests.providers.test_digitalocean_trouble import CHANGES, ORDER


class Gate:
    """Refuses at the call of that number, and from there on."""

    def __init__(self, refuses_at):
        self.refuses_at, self.calls = refuses_at, 0

    def __call__(self):
        self.calls += 1
        if self.calls >= self.refuses_at:
            raise Problem("another has it now")


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("change", CHANGES)
def test_refused(cloud, opened, asked, change, at):
    id = str(cloud.world.add_droplet("web"))
    with pytest.raises(Problem, match=r"^another has it now$"):
        CHANGES[change](opened(cloud.url, may_act=Gate(at)), id)
    assert not asked
    assert not cloud.requests
    assert not cloud.world.truth


def test_refused_in_the_midst_of_a_long_request(cloud, opened, asked):
    gate = Gate(4)
    with pytest.raises(Problem, match="another has it now"):
        opened(cloud.url, may_act=gate).create(Order(ORDER.name, ORDER.size, "fra1", ORDER.image, script="x" * 60_000))
    assert gate.calls == 4
    assert not asked
    assert not cloud.world.truth


def test_refused_when_the_connection_stands(raw, opened):
    """The headers are out, and then it is asked once more; nothing of the body follows."""
    gate, seen = Gate(2), []
    raw.read = lambda file: seen.append(file.read())
    with pytest.raises(Problem, match="another has it now"):
        opened(raw.url, may_act=gate).destroy("5")
    until(lambda: seen)
    assert seen[0].startswith(b"DELETE /v2/droplets/5 HTTP/1.1\r\n")
    assert b"Content-Length: 2\r\n" in seen[0]
    assert seen[0].endswith(b"\r\n\r\n")


def test_once_all_is_out_nobody_is_asked_any_more():
    calls = []
    body = Guarded(b"0123456789", lambda: calls.append(1))
    assert (body.read(4), body.out) == (b"0123", False)
    assert (body.read(), body.out) == (b"456789", True)
    assert (body.read(), body.read(4)) == (b"", b"")
    assert len(calls) == 2


def test_it_is_asked_again_after_a_429(raw, opened):
    raw.answer, gate = reply(429, b"", Retry_After="0"), Gate(3)
    with pytest.raises(Problem, match="another has it now"):
        opened(raw.url, may_act=gate).start("5")
    assert len(raw.requests) == 1


def test_questions_need_no_leave(cloud, opened):
    provider = opened(cloud.url, may_act=Gate(1))
    cloud.world.add_domain("example.org")
    assert provider.machines() == []
    with pytest.raises(Problem, match="another has it now"):
        provider.point_dns("web.example.org", "192.0.2.1")
    assert {each.method for each in cloud.requests} == {"GET"}


def test_the_library_is_the_one_we_know(monkeypatch, provider, cloud):
    """Whatever its objects send goes by get_data, which is ours; its own way of sending is never taken."""
    assert version("python-digitalocean") == "1.17.0"
    assert list(inspect.signature(BaseAPI.get_data).parameters) == list(inspect.signature(Asking.get_data).parameters)

    def sent(*_):
        raise AssertionError("the library sends by itself")

    monkeypatch.setattr(BaseAPI, "_BaseAPI__perform_request", sent)
    id = str(cloud.world.add_droplet("web"))
    for name in set(CHANGES) - {"create"}:
        try:
            CHANGES[name](provider, id)
        except Problem:
            continue
    for ours, theirs in ((OurDroplet, digitalocean.Droplet), (OurImage, digitalocean.Image)):
        assert ours.get_data is Asking.get_data
        assert issubclass(ours, theirs)
    with pytest.raises(AssertionError):
        digitalocean.Droplet(token="x", id=5).power_on()
