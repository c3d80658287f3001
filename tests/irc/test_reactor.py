"""The loop turns when it is woken, goes on whatever is raised, and never reads what nobody can take."""

import contextlib
import resource
import selectors
import socket
import sys
import threading
import time

import pytest

from chanops.irc.reactor import LONGEST_WAIT, Reactor

SOON = 5.0  # the longest that any test waits for what must happen
AT_ONCE = 0.3  # far below the second that the loop sleeps when nobody wakes it


@contextlib.contextmanager
def running(busy=lambda: False):
    """A reactor that runs in a thread of its own."""
    reactor = Reactor(busy)
    thread = threading.Thread(target=reactor.run)
    thread.start()
    try:
        yield reactor
    finally:
        reactor.stop()
        thread.join(SOON)
        assert not thread.is_alive()


def in_loop(reactor, work):
    """What a function returns that the loop calls."""
    done, results = threading.Event(), []
    reactor.call(lambda: (results.append(work()), done.set()))
    assert done.wait(SOON)
    return results[0]


class Echo:
    """A reader that keeps what it reads, and may break."""

    def __init__(self, sock, broken=""):
        self.sock, self.broken, self.read = sock, broken, threading.Event()
        self.data, self.flushed = b"", 0
        sock.setblocking(False)

    def ready(self, mask):
        self.data += self.sock.recv(4096)
        self.read.set()
        if self.broken == "ready":
            raise RuntimeError("ready is broken")

    def flush(self):
        self.flushed += 1
        if self.broken == "flush":
            raise RuntimeError("flush is broken")


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_call_from_another_thread_happens_at_once():
    with running() as reactor:
        for _ in range(20):
            done, start = threading.Event(), time.monotonic()
            reactor.call(done.set)
            assert done.wait(SOON)
            assert time.monotonic() - start < AT_ONCE


def test_calls_happen_in_their_order_and_in_the_loops_thread():
    with running() as reactor:
        order, threads = [], set()
        for number in range(100):
            reactor.call(lambda n=number: (order.append(n), threads.add(threading.get_ident())))
        own = in_loop(reactor, threading.get_ident)
        assert order == list(range(100))
        assert threads == {own}


def test_however_many_threads_wake_it_no_call_ever_waits():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with running() as reactor:
            late = []

            def hammer():
                for _ in range(1500):
                    done, start = threading.Event(), time.monotonic()
                    reactor.call(done.set)
                    if not done.wait(SOON) or time.monotonic() - start > 0.8 * LONGEST_WAIT:
                        late.append(time.monotonic() - start)
                        return

            threads = [threading.Thread(target=hammer) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert late == []
    finally:
        sys.setswitchinterval(before)


def test_waking_it_makes_the_connections_send():
    ours, theirs = socket.socketpair()
    with ours, theirs, running() as reactor:
        echo = Echo(ours)
        in_loop(reactor, lambda: reactor.connections.append(echo))
        in_loop(reactor, lambda: None)
        before = echo.flushed
        reactor.wake()
        in_loop(reactor, lambda: None)
        assert echo.flushed > before


def test_timers_go_off_in_their_order_and_not_before_their_time():
    with running() as reactor:
        rang, done = [], threading.Event()

        def plan():
            start = time.monotonic()
            reactor.after(0.15, lambda: (rang.append(("last", time.monotonic() - start)), done.set()))
            reactor.after(0.05, lambda: rang.append(("second", time.monotonic() - start)))
            reactor.after(0.05, lambda: rang.append(("third", time.monotonic() - start)))
            reactor.after(0.0, lambda: rang.append(("first", time.monotonic() - start)))

        in_loop(reactor, plan)
        assert done.wait(SOON)
        assert [name for name, _ in rang] == ["first", "second", "third", "last"]
        assert rang[1][1] >= 0.05
        assert 0.15 <= rang[3][1] < 0.15 + AT_ONCE


def test_a_cancelled_timer_does_not_go_off():
    with running() as reactor:
        rang, done = [], threading.Event()

        def plan():
            reactor.after(0.02, lambda: rang.append("cancelled")).cancelled = True
            reactor.after(0.05, done.set)

        in_loop(reactor, plan)
        assert done.wait(SOON)
        assert rang == []


def test_a_timer_may_set_itself_again():
    with running() as reactor:
        rang, done = [], threading.Event()

        def again():
            rang.append(1)
            if len(rang) == 5:
                done.set()
            else:
                reactor.after(0.0, again)

        in_loop(reactor, again)
        assert done.wait(SOON)


@pytest.mark.parametrize("broken", ["ready", "flush", "call", "timer"])
def test_what_is_raised_is_logged_and_the_loop_goes_on(broken, pair, caplog):
    ours, theirs = pair
    echo, other = Echo(ours, broken), threading.Event()

    def fail():
        raise RuntimeError(f"{broken} is broken")

    with running() as reactor:

        def begin():
            reactor.connections.append(echo)
            reactor.watch(ours, echo, selectors.EVENT_READ)
            if broken == "timer":
                reactor.after(0.0, fail)
            reactor.after(0.05, other.set)

        in_loop(reactor, begin)
        if broken == "call":
            reactor.call(fail)
        theirs.sendall(b"one")
        assert echo.read.wait(SOON)
        echo.read.clear()
        theirs.sendall(b"two")
        assert echo.read.wait(SOON)
        assert other.wait(SOON)
        assert in_loop(reactor, lambda: "alive") == "alive"
        in_loop(reactor, lambda: (reactor.unwatch(ours), reactor.connections.clear()))
    assert echo.data == b"onetwo"
    assert f"{broken} is broken" in caplog.text


def test_while_plugins_are_behind_nothing_is_read_but_calls_and_timers_go_on(pair):
    ours, theirs = pair
    echo, busy = Echo(ours), threading.Event()
    busy.set()
    with running(busy.is_set) as reactor:
        in_loop(reactor, lambda: reactor.watch(ours, echo, selectors.EVENT_READ))
        theirs.sendall(b"too early")
        rang = threading.Event()
        in_loop(reactor, lambda: reactor.after(0.1, rang.set))
        start = time.monotonic()
        for _ in range(10):
            in_loop(reactor, lambda: None)
        assert time.monotonic() - start < AT_ONCE
        assert rang.wait(SOON)
        assert echo.data == b""
        busy.clear()
        reactor.wake()
        assert echo.read.wait(SOON)
        assert echo.data == b"too early"
        in_loop(reactor, lambda: reactor.unwatch(ours))


def test_a_socket_is_watched_for_what_was_asked_last(pair):
    ours, _theirs = pair
    masks, wrote = [], threading.Event()

    class Writer(Echo):
        def ready(self, mask):
            masks.append(mask)
            reactor.watch(ours, self, selectors.EVENT_READ)
            wrote.set()

    with running() as reactor:
        writer = Writer(ours)
        in_loop(reactor, lambda: reactor.watch(ours, writer, selectors.EVENT_READ))
        assert masks == []
        in_loop(reactor, lambda: reactor.watch(ours, writer, selectors.EVENT_READ | selectors.EVENT_WRITE))
        assert wrote.wait(SOON)
        in_loop(reactor, lambda: reactor.unwatch(ours))
    assert masks == [selectors.EVENT_WRITE]


def test_more_descriptors_than_select_knows_are_no_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4000:
        pytest.skip(f"this machine allows {hard} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4000), hard))
    try:
        with contextlib.ExitStack() as stack:
            filler = [stack.enter_context(socket.socket()) for _ in range(1100)]
            ours, theirs = (stack.enter_context(sock) for sock in socket.socketpair())
            assert ours.fileno() > 1100
            echo = Echo(ours)
            reactor = stack.enter_context(running())
            in_loop(reactor, lambda: reactor.watch(ours, echo, selectors.EVENT_READ))
            theirs.sendall(b"far up")
            assert echo.read.wait(SOON)
            in_loop(reactor, lambda: reactor.unwatch(ours))
            assert len(filler) == 1100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_ends_at_once_when_stopped_and_waking_it_later_is_harmless():
    with running() as reactor:
        start = time.monotonic()
    assert time.monotonic() - start < AT_ONCE
    reactor.call(lambda: None)
    reactor.wake()
    reactor.stop()


def test_it_may_be_stopped_by_what_it_calls():
    reactor = Reactor()
    reactor.call(reactor.stop)
    reactor.run()
    assert reactor.stopped.is_set()
