"""Pretended machines that answer SSH on loopback, all in one process: one thread listens for all of them.

with SshFleet() as fleet:
    address = fleet.open(SshMachine("web", authorized=[line]), "127.77.0.9")
"""

import ipaddress
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from chanops.simulator.ssh_machine import SshMachine
from chanops.simulator.ssh_server import Connection, host_key

_BACKLOG = 128
_GOODBYE = 1.0


class _Listener:
    """Where one machine listens, and who is connected to it."""

    def __init__(self, machine: SshMachine, address: tuple[str, int]) -> None:
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise ValueError(f"{address[0]} is no loopback address")
        self.machine = machine
        self.key = host_key(machine)
        self.sock = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind(address)
            self.sock.listen(_BACKLOG)
            self.sock.setblocking(False)
        except OSError:
            self.sock.close()
            raise
        self.address: tuple[str, int] = self.sock.getsockname()[:2]
        self.connections: list[Connection] = []

    def close(self) -> None:
        with suppress(OSError):
            # A poll() under way would keep it listening for a moment more.
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for each in self.connections:
            each.cut()


class SshFleet:
    """Machines by where they listen; any thread may open and close them, while the fleet is started.

    `tick` is called every `every` seconds, in the thread that listens.
    """

    def __init__(self, tick: Callable[[], None] | None = None, every: float = 0.05) -> None:
        self._tick = tick
        self._every = every
        self._lock = threading.Lock()
        self._listeners: dict[int, _Listener] = {}
        self._leaving: list[Connection] = []
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] = (-1, -1)
        self._stopping = False

    def start(self) -> None:
        self._wake = os.pipe()
        os.set_blocking(self._wake[1], False)
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name="ssh-fleet", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything; nothing when it is not started."""
        if self._thread is None:
            return
        self._stopping = True
        self._call_up()
        self._thread.join()
        self._thread = None
        for listener in self._taken(lambda listener: True):
            self._close(listener)
        for end in self._wake:
            os.close(end)
        until = time.monotonic() + _GOODBYE
        for each in self._leaving:
            each.wait(max(0.0, until - time.monotonic()))
        self._leaving.clear()

    def open(self, machine: SshMachine, host: str, port: int = 0) -> tuple[str, int]:
        """Have a machine listen; where it does. OSError when that place is taken."""
        listener = _Listener(machine, (host, port))
        with self._lock:
            self._listeners[listener.sock.fileno()] = listener
        self._call_up()
        return listener.address

    def close(self, machine: SshMachine) -> None:
        """It listens no more, and all connections to it are cut."""
        for listener in self._taken(lambda listener: listener.machine is machine):
            self._close(listener)
        self._call_up()

    def connect(self, address: tuple[str, int]) -> socket.socket | None:
        """A connection to one of the machines; None when nothing of ours listens there."""
        with self._lock:
            if address not in [each.address for each in self._listeners.values()]:
                return None
        with suppress(OSError):
            return socket.create_connection(address, _GOODBYE)
        return None

    def _close(self, listener: _Listener) -> None:
        listener.close()
        with self._lock:
            self._leaving = [each for each in (*self._leaving, *listener.connections) if each.lasts()]

    def _taken(self, wanted: Callable[[_Listener], bool]) -> list[_Listener]:
        """Those listeners, which are forgotten."""
        with self._lock:
            found = {number: each for number, each in self._listeners.items() if wanted(each)}
            for number in found:
                del self._listeners[number]
            return list(found.values())

    def _call_up(self) -> None:
        with suppress(OSError):  # full: it will look anyway
            os.write(self._wake[1], b"!")

    def _listen(self) -> None:
        due = time.monotonic()
        while not self._stopping:
            poll = select.poll()
            poll.register(self._wake[0], select.POLLIN)
            with self._lock:
                numbers = list(self._listeners)
            for number in numbers:
                poll.register(number, select.POLLIN)
            for number, _ in poll.poll(None if self._tick is None else self._every * 1000):
                if number == self._wake[0]:
                    os.read(number, 1024)
                else:
                    self._accept(number)
            if self._tick is not None and time.monotonic() >= due:
                due = time.monotonic() + self._every
                self._tick()

    def _accept(self, number: int) -> None:
        with self._lock:
            listener = self._listeners.get(number)
            if listener is None:
                return
            try:
                sock, _ = listener.sock.accept()
            except OSError:
                return  # it was closed, or the client is gone
            connection = Connection(sock, listener.machine, listener.key, self.connect)
            listener.connections = [each for each in listener.connections if each.lasts()]
            listener.connections.append(connection)
            connection.begin()

    def __enter__(self) -> "SshFleet":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
