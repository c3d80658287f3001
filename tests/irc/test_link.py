"""A socket's two directions: all that comes is heard, all that is said goes out, and neither ever blocks."""

import logging
import queue
import socket
import ssl
import threading
import time

import pytest

from chanops.irc.link import Link
from chanops.irc.outbox import Outbox

WITHIN = 10.0


class Ends:
    """A link in a running loop, and the other end of its socket."""

    def __init__(self, bot, ours, theirs, hear=None):
        self.bot, self.theirs, self.heard, self.closed = bot, theirs, queue.Queue(), queue.Queue()
        self.outbox = Outbox(100_000, 0.0)
        self.outbox.held = False
        self.link = Link("net", bot.reactor, self.outbox, hear or self.heard.put, self.close)
        ours.setblocking(False)
        theirs.settimeout(WITHIN)
        bot.in_loop(lambda: (bot.reactor.connections.append(self.link), self.link.open(ours)))

    def close(self, why):
        self.link.close()
        self.closed.put(why)

    def lines(self, count):
        return [self.heard.get(timeout=WITHIN) for _ in range(count)]

    def read(self, size):
        """So many bytes of what the link sends."""
        data = b""
        while len(data) < size:
            got = self.theirs.recv(65536)
            assert got, f"closed after {len(data)} bytes"
            data += got
        return data

    def let_go(self):
        self.bot.in_loop(self.link.close)
        self.theirs.close()


def tcp_pair():
    """Two ends of TCP with little room between them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ours = socket.create_connection(listener.getsockname())
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return ours, listener.accept()[0]


def tls_pair(certificate):
    ours, theirs = tcp_pair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    made = []
    thread = threading.Thread(target=lambda: made.append(context.wrap_socket(theirs, server_side=True)))
    thread.start()
    ours = ssl.create_default_context(cafile=certificate.cert_file).wrap_socket(ours, server_hostname="localhost")
    thread.join(WITHIN)
    return ours, made[0]


@pytest.fixture(params=["tcp", "tls"])
def ends(request, bot):
    """Call it for ends, once by TCP and once by TLS; whoever hears may be given."""
    made = []

    def make(hear=None):
        pair = tcp_pair() if request.param == "tcp" else tls_pair(request.getfixturevalue("tls_certificate"))
        made.append(Ends(bot, *pair, hear))
        return made[-1]

    yield make
    for each in made:
        each.let_go()


def test_lines_are_heard_as_they_come(ends):
    both = ends()
    both.theirs.sendall(b":irc 001 bot :Hi\r\n\r\n:irc 002 b")
    assert both.lines(1) == [":irc 001 bot :Hi"]
    both.theirs.sendall(b"ot :Yo\r\n")
    assert both.lines(1) == [":irc 002 bot :Yo"]


def test_much_at_once_is_heard_in_full(ends):
    both = ends()
    sent = [f":a!b@c PRIVMSG #ops :{number} {'x' * 400}" for number in range(3000)]
    both.theirs.sendall("".join(f"{line}\r\n" for line in sent).encode())
    assert both.lines(3000) == sent


def test_a_line_on_which_something_breaks_takes_no_other_with_it(ends, caplog):
    heard = queue.Queue()

    def hear(text):
        heard.put(text)
        if text == "two":
            raise RuntimeError("broken on two")

    both = ends(hear)
    both.theirs.sendall(b"one\r\ntwo\r\nthree\r\n")
    assert [heard.get(timeout=WITHIN) for _ in range(3)] == ["one", "two", "three"]
    assert "broken on two" in caplog.text


def test_what_comes_after_the_link_was_closed_is_not_heard(ends):
    def hear(text):
        heard.put(text)
        both.link.close()

    heard = queue.Queue()
    both = ends(hear)
    both.theirs.sendall(b"one\r\ntwo\r\n")
    assert heard.get(timeout=WITHIN) == "one"
    both.bot.in_loop(lambda: None)
    assert heard.empty()


def test_a_server_that_closes_is_told(ends):
    both = ends()
    both.theirs.sendall(b"ERROR :bye\r\n")
    both.theirs.close()
    assert both.lines(1) == ["ERROR :bye"]
    assert both.closed.get(timeout=WITHIN)
    both.bot.in_loop(lambda: None)
    assert both.closed.empty()


def test_a_reset_is_told_once(ends):
    both = ends()
    both.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    both.theirs.close()
    assert both.closed.get(timeout=WITHIN)
    both.outbox.put("PRIVMSG #ops :too late")
    both.bot.reactor.wake()
    both.bot.in_loop(lambda: None)
    assert both.closed.empty()
    assert list(both.outbox.waiting) == ["PRIVMSG #ops :too late"]


def test_a_server_that_does_not_read_blocks_nobody_and_loses_nothing(ends):
    both = ends()
    lines = [f"PRIVMSG #ops :{number:05} {'x' * 480}" for number in range(900)]
    for line in lines:
        both.outbox.put(line)
    both.bot.reactor.wake()
    for _ in range(20):
        start = time.monotonic()
        both.bot.in_loop(lambda: None)
        assert time.monotonic() - start < 0.5
    both.theirs.sendall(b"PING :are you there?\r\n")
    assert both.lines(1) == ["PING :are you there?"]
    assert both.outbox.waiting or both.link.sending, "there was room for all: this tests nothing"
    expected = "".join(f"{line}\r\n" for line in lines).encode()
    assert both.read(len(expected)) == expected


def test_what_is_put_in_by_many_threads_comes_out_whole(ends):
    both = ends()

    def speak(name):
        for number in range(100):
            both.outbox.put(f"PRIVMSG #ops :{name} {number} {'y' * 200}")
            both.bot.reactor.wake()

    threads = [threading.Thread(target=speak, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    size = sum(len(f"PRIVMSG #ops :a {number} {'y' * 200}\r\n") for number in range(100)) * 4
    lines = both.read(size).decode().split("\r\n")[:-1]
    for thread in threads:
        thread.join(WITHIN)
    for name in "abcd":
        own = [line for line in lines if line.startswith(f"PRIVMSG #ops :{name} ")]
        assert own == [f"PRIVMSG #ops :{name} {number} {'y' * 200}" for number in range(100)]


def test_secrets_are_sent_but_not_logged(ends, caplog):
    caplog.set_level(logging.DEBUG)
    both = ends()
    both.outbox.urgent.extend(["PASS :hush", "AUTHENTICATE aHVzaA==", "NICK bot"])
    both.bot.reactor.wake()
    sent = b"PASS :hush\r\nAUTHENTICATE aHVzaA==\r\nNICK bot\r\n"
    assert both.read(len(sent)) == sent
    both.bot.in_loop(lambda: None)
    assert "hush" not in caplog.text
    assert "aHVzaA" not in caplog.text
    assert "NICK bot" in caplog.text
