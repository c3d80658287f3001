"""From a line in the channel to the first byte to a host whose connection is kept: the whole bot, and a tap between."""

import itertools
import math
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

from benchmarks.bots import Contender, running
from benchmarks.fleet import Figures, Host, Keys, Wrong

COUNT = 200
PEOPLE = [f"ops{number}" for number in range(10)]  # several: one person's commands are limited to 60 a minute
PAUSE = 0.02
MORE = """
[roles]
ops = {people}

[ssh]
key_file = {keys.user}
known_hosts = {known}

[host:tapped]
address = {host.address}
port = {host.port}
"""


@dataclass
class Tap:
    """Stands before a host and notes when the bot sends something."""

    target: Host
    heard: list[float] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                bot, _ = listener.accept()
                host = socket.create_connection((self.target.address, self.target.port))
                for one, other, noted in ((bot, host, True), (host, bot, False)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self.carry, args=(one, other, noted), daemon=True).start()

    def carry(self, one: socket.socket, other: socket.socket, noted: bool) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                at = time.perf_counter()
                other.sendall(data)
                if noted:
                    with self.news:
                        self.heard.append(at)
                        self.news.notify_all()
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def first(self, since: float) -> float:
        """When the first byte after a time came."""
        end = time.monotonic() + 20
        with self.news:
            while True:
                found = next((at for at in self.heard if at > since), None)
                if found is not None:
                    return found
                if not self.news.wait(end - time.monotonic()):
                    raise Wrong("the bot sent nothing to the host")


@contextmanager
def tapped(target: Host) -> Iterator[tuple[Tap, Host]]:
    tap = Tap(target)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=tap.serve, args=(listener,), daemon=True).start()
        try:
            yield tap, Host("127.0.0.1", listener.getsockname()[1], "hosts/tapped")
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def line(keys: Keys, target: Host) -> Figures:
    """`.run`, again and again, each when the last is over."""
    with tapped(target) as (tap, host):
        known = keys.known_hosts([host])
        text = MORE.format(keys=keys, known=known, host=host, people=" ".join(PEOPLE))
        contender = Contender("chanops", f"{sys.executable} bot.py --config {{config}} run")
        with running(contender, more=text) as bot:
            took = []
            for number, who in zip(range(COUNT + 1), itertools.cycle(PEOPLE), strict=False):
                since = len(bot.ircd.heard)
                word = f"word{number:04}"
                said = f"@account={who} :{who}!~{who}@host.example PRIVMSG #ops :.run tapped echo {word}\r\n"
                tap.heard.clear()
                at = bot.ircd.say(said.encode())
                took.append((tap.first(at) - at) * 1000)
                bot.ircd.wait_for(word.encode(), 20, since)
                time.sleep(PAUSE)
    ordered = sorted(took[1:])  # the first one connects
    return {"first byte": median(ordered), "p99": ordered[math.floor(len(ordered) * 0.99)], "wall": sum(ordered) / 1000}
