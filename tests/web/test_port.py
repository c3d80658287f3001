"""The port of the pages: taken early, refused in words."""

import contextlib
import socket

import pytest

from chanops.core.errors import Problem
from chanops.web.port import Port

DEADLINE = 10


@contextlib.contextmanager
def bound(listen):
    port = Port(listen)
    port.bind()
    try:
        yield port
    finally:
        port.close()


def test_nothing_is_taken_before_bind():
    with bound("127.0.0.1:0") as first:
        second = Port(first.address)
        assert second.sock is None
        assert second.address == first.address


def test_port_0_is_any_that_is_free_and_callers_wait_in_its_queue():
    with bound("127.0.0.1:0") as port:
        host, _, number = port.address.rpartition(":")
        assert (host, number != "0") == ("127.0.0.1", True)
        socket.create_connection((host, int(number)), DEADLINE).close()


def test_an_ipv6_address_stands_in_brackets():
    with bound("[::1]:0") as port:
        assert port.address.startswith("[::1]:")
        assert not port.address.endswith(":0")


def test_a_port_in_use_is_told_with_the_key_to_change():
    with bound("127.0.0.1:0") as first:
        with pytest.raises(Problem) as caught:
            Port(first.address).bind()
        assert str(caught.value).startswith(f"[web] listen = {first.address}: Address already in use")
    assert str(caught.value).endswith(": choose another port, or end what uses it")


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "nowhere.invalid:0", "999.1.1.1:0", "[2001:db8::1]:0"])
def test_an_address_that_is_not_ours_is_told_with_the_key_to_change(listen):
    with pytest.raises(Problem) as caught:
        Port(listen).bind()
    assert str(caught.value).startswith(f"[web] listen = {listen}: ")
    assert "None" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_whoever_calls_gets_each_piece_of_an_answer_at_once(listen):
    with bound(listen) as port:
        caller = socket.create_connection(port.sock.getsockname()[:2], DEADLINE)
        accepted, _ = port.sock.accept()
        with contextlib.closing(caller), contextlib.closing(accepted):
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_port_that_was_closed_can_be_taken_again_at_once():
    with bound("127.0.0.1:0") as first:
        address = first.address
    for _ in range(3):
        with bound(address):
            pass


def test_it_can_be_closed_twice_or_without_having_been_bound():
    Port("127.0.0.1:0").close()
    with bound("127.0.0.1:0") as port:
        port.close()
        assert port.address == "127.0.0.1:0"
