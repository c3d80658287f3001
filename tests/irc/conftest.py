"""For the tests of the connection: a bot in a thread of its own, and a server whose every word a test says."""

import queue
import re
import socket
import ssl
import threading
import time

import pytest

from chanops.core.sections import NetworkSettings
from chanops.irc.client import Connection, Timings
from chanops.irc.reactor import Reactor

HOST = "127.0.0.1"
WITHIN = 10.0
# Real servers need up to a second or two to let anybody in.
TIMINGS = Timings(register_within=8.0, rejoin_after=0.2, rejoin_most=0.8, banned_wait=0.5, settling=0.0, look=0.05)


class Voice:
    """One network of the bot: its connection, and what it has heard."""

    def __init__(self, connection, messages):
        self.connection, self.messages, self.say = connection, messages, connection.say
        self.all = []

    def hears(self, wanted, within=WITHIN):
        """The next message for which `wanted` is true, or whose text it is; those before it are passed over."""
        right = wanted if callable(wanted) else lambda message: message.text == wanted
        deadline = time.monotonic() + within
        while True:
            try:
                message = self.messages.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{wanted!r} was not heard; heard was {self.all[-20:]!r}") from None
            self.all.append(message)
            if right(message):
                return message


class Bot:
    """The loop in a thread of its own, and the networks it serves."""

    def __init__(self):
        self.reactor = Reactor()
        self.voices = []
        self.thread = threading.Thread(target=self.reactor.run, name="loop")
        self.thread.start()

    def connect(self, port, name="net", timings=TIMINGS, **settings):
        """Begin to connect to a network."""
        given = {"host": HOST, "tls": False, "channels": ("#ops",), "reconnect_min": 0.05, "reconnect_max": 0.3}
        messages = queue.Queue()
        networks = NetworkSettings(port=port, **{**given, **settings})
        connection = self.in_loop(lambda: Connection(name, networks, self.reactor, messages.put, timings))
        self.voices.append(Voice(connection, messages))
        self.reactor.call(connection.connect)
        return self.voices[-1]

    def in_loop(self, work):
        """What a function returns that the loop calls."""
        results = queue.Queue()
        self.reactor.call(lambda: results.put(work()))
        return results.get(timeout=WITHIN)

    def stop(self):
        """Leave all networks, wait for the threads that still dial, and end."""
        for voice in self.voices:
            self.in_loop(voice.connection.disconnect)
        for thread in threading.enumerate():
            if thread.name.startswith("dial-"):
                thread.join(WITHIN)
        self.reactor.stop()
        self.thread.join(WITHIN)
        assert not self.thread.is_alive()


class Peer:
    """A connection of the bot, from the server's side. Only CR LF ends a line, and nothing may look like one."""

    def __init__(self, sock):
        self.sock, self.partial, self.lines, self.seen = sock, b"", [], []

    def send(self, *lines):
        data = b"".join(line if isinstance(line, bytes) else line.encode() for line in (f"{x}\r\n" for x in lines))
        self.sock.sendall(data)

    def line(self, within=WITHIN):
        """The next line."""
        deadline = time.monotonic() + within
        while not self.lines:
            self.sock.settimeout(max(0.001, deadline - time.monotonic()))
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"the bot closed; the last lines were {self.seen[-20:]!r}")
            *whole, self.partial = (self.partial + data).split(b"\r\n")
            self.lines += whole
        line = self.lines.pop(0)
        assert len(line) <= 510
        assert not set(line) & set(b"\r\n\0")
        self.seen.append(line.decode())
        return self.seen[-1]

    def expect(self, pattern, within=WITHIN):
        """The next line that matches; those before it are passed over."""
        deadline = time.monotonic() + within
        while True:
            try:
                line = self.line(max(0.001, deadline - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"{pattern!r} did not come; the last were {self.seen[-20:]!r}") from None
            if re.search(pattern, line):
                return line

    def silent(self, seconds):
        """Whether not one line comes in this time."""
        try:
            self.line(seconds)
        except TimeoutError:
            return True
        return False

    def gone(self, within=WITHIN):
        """Wait until the bot has closed the connection."""
        try:
            self.expect(r"(?!)", within)
        except (EOFError, ConnectionError):
            return True
        raise AssertionError("the bot is still there")

    def welcome(self, caps="", nick="chanops", channels=("#ops",)):
        """Let the bot in, with the capabilities it wants of these, and into its channels."""
        self.expect(r"^USER ")
        self.send(f":irc CAP * LS :{caps}")
        if caps:
            self.send(f":irc CAP * ACK :{self.expect('^CAP REQ :').partition(':')[2]}")
        self.expect("^CAP END$")
        self.send(f":irc 001 {nick} :Welcome", f":irc 005 {nick} CASEMAPPING=ascii :are supported")
        for channel in channels:
            self.expect(f"^JOIN {channel}$")
            self.send(f":{nick}!chanops@bot.example JOIN {channel}", f":irc 366 {nick} {channel} :End of NAMES")
        return self

    def reset(self):
        """Close so that the bot sees a connection reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class Scripted:
    """A server that says what a test says, and nothing else."""

    def __init__(self, certificate=None):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.peers, self.context = [], None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate.cert_file, certificate.key_file)

    def accept(self, within=WITHIN):
        """The next connection."""
        self.listener.settimeout(within)
        sock, _ = self.listener.accept()
        sock.settimeout(within)
        try:
            self.peers.append(Peer(self.context.wrap_socket(sock, server_side=True) if self.context else sock))
        except BaseException:
            sock.close()
            raise
        return self.peers[-1]

    def nobody(self, seconds):
        """Whether nobody connects in this time."""
        try:
            self.accept(seconds)
        except TimeoutError:
            return True
        return False

    def close(self):
        self.listener.close()
        for peer in self.peers:
            peer.sock.close()


@pytest.fixture
def logged(caplog):
    """Call it to wait until a text is in the log so many times."""

    def wait(text, times=1):
        deadline = time.monotonic() + WITHIN
        while caplog.text.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} is not in the log:\n{caplog.text}"
            threading.Event().wait(0.01)

    return wait


@pytest.fixture
def bot():
    made = Bot()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def scripted(bot):
    """Call it for a server; with a certificate it speaks TLS. They close before the bot ends."""
    made = []

    def make(certificate=None):
        made.append(Scripted(certificate))
        return made[-1]

    yield make
    for server in made:
        server.close()
