"""Real SSH servers on loopback for the tests, and all the ways in which a host can fail to be one."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import getpass
import inspect
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pytest
from servers import HOST, find_tool, require_tools, reserve_port

TYPES = ("ed25519", "ecdsa", "rsa")
ADDRESSES = tuple(f"127.0.9.{n}" for n in range(1, 251))
PER_MASTER = 16  # one sshd listens on that many addresses at most
READY = 15.0
CONFIG = """\
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PrintMotd no
PrintLastLog no
UseDNS no
LogLevel VERBOSE
MaxStartups 1000
Subsystem sftp internal-sftp
"""
Made = TypeVar("Made", bound="Host")


class Keys:
    """Keys: of hosts (`host_ed25519`, `host_ecdsa`, `host_rsa`, `other`), and of people (`login`, `stranger`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        types = {f"host_{each}": each for each in TYPES} | dict.fromkeys(("other", "login", "stranger"), "ed25519")
        making = []
        for name, kind in types.items():
            size = ["-b", "2048"] if kind == "rsa" else []
            command = ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", name, "-f", str(folder / name)]
            making.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        assert [each.wait() for each in making] == [0] * len(making)

    def private(self, name: str) -> Path:
        return self.folder / name

    def public(self, name: str) -> str:
        """The line of the .pub file."""
        return (self.folder / f"{name}.pub").read_text().strip()


def family(root: int) -> list[int]:
    """All descendants of a process, which may be in sessions of their own."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue  # it has just gone
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(name))
    found = list(children.get(root, ()))
    for each in found:
        found += children.get(each, ())
    return found


def keep(commands: list[list[str]]) -> None:
    """Start the commands; when standard input ends, end all that came of them."""
    # What loses its parent becomes a child of ours, instead of leaving the family.
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)

    def reap(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass

    signal.signal(signal.SIGCHLD, reap)
    masters = [os.posix_spawn(command[0], command, os.environ) for command in commands]
    print(*masters, flush=True)
    sys.stdin.read()
    while left := family(os.getpid()):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def reserve(addresses: Sequence[str]) -> list[socket.socket]:
    """A port that is free on all of these addresses, held like that of reserve_port."""
    while True:
        held: list[socket.socket] = []
        try:
            for address in addresses:
                held.append(socket.socket())
                held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                held[-1].bind((address, held[0].getsockname()[1]))
        except OSError as error:
            for each in held:
                each.close()
            if error.errno != errno.EADDRINUSE:
                raise
            continue  # somebody listens on one of them
        return held


def state_of(pid: int) -> str:
    """The letter of /proc, "" when there is no such process, or only its exit status is left."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if state in "ZX" else state


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def wait_for(done: Callable[[], object], what: str, within: float = READY) -> None:
    end = time.monotonic() + within
    while not done():
        assert time.monotonic() < end, f"waited in vain for {what}"
        threading.Event().wait(0.005)


class Sshd:
    """Debian's own sshd with a configuration of ours, on one or on many addresses, run as who runs the tests."""

    user = getpass.getuser()

    def __init__(
        self, keys: Keys, *options: str, addresses: Sequence[str] = ADDRESSES[:1], types: Sequence[str] = TYPES
    ) -> None:
        self.keys = keys
        self.addresses = tuple(addresses)
        self.address = self.addresses[0]
        self._reserved = reserve(self.addresses)
        self.port: int = self._reserved[0].getsockname()[1]
        self.folder = Path(tempfile.mkdtemp(prefix="chanops-sshd-"))
        self.folder.chmod(0o711)  # whoever logs in reads the keys that may
        self._log = self.folder / "log"
        self._keeper: subprocess.Popen[bytes] | None = None
        self._masters: list[int] = []
        # A home of its own: shells read what lies at home, and nobody's habits belong into the tests.
        self.home = self.folder / "home"
        self.home.mkdir()
        authorized = self.folder / "authorized_keys"
        authorized.write_text(keys.public("login") + "\n")
        # Whoever is not root may not look whether an account is locked, but may have PAM look.
        files = f"UsePAM {'yes' if os.geteuid() else 'no'}\n"
        files += f"AuthorizedKeysFile {authorized}\nSetEnv HOME={self.home}\n"
        files += "".join(f"HostKey {keys.private(f'host_{each}')}\n" for each in types)
        # The first of several values counts, so the options come first.
        self._config = "\n".join(options) + f"\n{CONFIG}{files}"

    def __enter__(self) -> Sshd:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where the unprivileged part lives
        commands, last, rest = [], [], iter(self.addresses)
        while some := list(islice(rest, PER_MASTER)):
            path = self.folder / f"config{len(commands)}"
            path.write_text(self._config + "".join(f"ListenAddress {each}:{self.port}\n" for each in some))
            commands.append([str(find_tool("sshd")), "-D", "-f", str(path), "-E", str(self._log)])
            last.append(some[-1])
        parts = [inspect.getsource(each) for each in (family, keep)]
        modules = "from __future__ import annotations\nimport contextlib, ctypes, os, signal, sys"
        program = "\n".join([modules, *parts, f"keep({commands!r})"])
        # The keeper ends everything when this pipe ends, which it does when the tests are killed, too.
        with self._log.open("ab") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-ISc", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._keeper.stdout is not None
        self._masters = [int(each) for each in self._keeper.stdout.readline().split()]
        for address in last:
            wait_for(lambda where=address: self._answers(where), f"sshd on {address}")

    def _answers(self, address: str) -> bool:
        assert all(state_of(each) for each in self._masters), self.log()
        with contextlib.suppress(OSError), socket.create_connection((address, self.port), timeout=1.0):
            return True
        return False

    def stop(self) -> None:
        """End it and all that was ever started through it, frozen or not."""
        if self._keeper is not None:
            self._keeper.communicate()
            self._keeper = None

    def close(self) -> None:
        """Stop it for good and leave nothing behind."""
        self.stop()
        for sock in self._reserved:
            sock.close()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def settled(self) -> int:
        """Wait until all that were ever connected are gone; how much has been logged until then."""
        wait_for(lambda: "Connection from" in self.log() and not self.sessions(), "the last to go")
        return len(self.log())

    def _family(self) -> list[int]:
        assert self._keeper is not None
        return family(self._keeper.pid)

    def sessions(self) -> list[int]:
        """The processes of sshd that serve one connection each (two each, unless root logs in)."""
        return [each for each in self._family() if each not in self._masters and name_of(each).startswith("sshd")]

    def commands(self) -> list[int]:
        """The processes of what was run, also of what has been left by its connection."""
        return [each for each in self._family() if not name_of(each).startswith("sshd")]

    def freeze(self, *, commands: bool = True) -> None:
        """Stop it as a hung host does: the kernel still answers, and nothing else."""
        some = [*self._masters, *self.sessions(), *(self.commands() if commands else [])]
        self._signal(signal.SIGSTOP, some)
        wait_for(lambda: all(state_of(each) in ("T", "") for each in some), "sshd to stand still")

    def thaw(self) -> None:
        self._signal(signal.SIGCONT, self._family())

    def kill_sessions(self) -> None:
        """End every connection at once; what was run in them lives on."""
        some = self.sessions()
        self._signal(signal.SIGKILL, some)
        wait_for(lambda: not any(state_of(each) for each in some), "the connections to end")

    @staticmethod
    def _signal(number: int, pids: list[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Host:
    """A listener on loopback which is no SSH server: each kind says less than it should."""

    def __init__(self) -> None:
        self.address = HOST
        self.accepted = 0
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = [self._listener]

    def __enter__(self: Made) -> Made:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes who reads it, which close does not
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name=type(self).__name__, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._over.is_set():
                sock, _ = self._listener.accept()
                self.accepted += 1
                self._sockets.append(sock)
                self._begin(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.serve(sock)

    def serve(self, sock: socket.socket) -> None:
        """What it does with one connection."""
        raise NotImplementedError

    def read(self, sock: socket.socket) -> None:
        """Read what comes until the other side has enough of it."""
        while sock.recv(65536):
            pass


class Silent(Host):
    """It accepts, and says nothing."""

    def serve(self, sock: socket.socket) -> None:
        self.read(sock)


class BannerOnly(Host):
    """It says who it is, and no more."""

    def serve(self, sock: socket.socket) -> None:
        sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.read(sock)


class Tarpit(Host):
    """Endless lines before a banner which never comes, as endlessh sends them."""

    def serve(self, sock: socket.socket) -> None:
        while not self._over.wait(0.05):
            sock.sendall(b"%x\r\n" % time.monotonic_ns())


class Closes(Host):
    """It accepts and hangs up."""

    def serve(self, sock: socket.socket) -> None:
        sock.close()


class Garbage(Host):
    """It says who it is, in colour, and then things which are no packets."""

    def serve(self, sock: socket.socket) -> None:
        sock.sendall(b"SSH-2.0-\x1b[31mred\x07\r\n" + bytes(range(255, 0, -1)) * 200)
        self.read(sock)


class WebServer(Host):
    """It speaks another protocol."""

    def serve(self, sock: socket.socket) -> None:
        sock.recv(1)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class Refused(Host):
    """A port on which nobody listens."""

    def __init__(self) -> None:
        super().__init__()
        self._listener.close()
        # Held, so that nobody else listens there either.
        self._sockets.append(reserve_port())
        self.port = self._sockets[-1].getsockname()[1]

    def __enter__(self: Made) -> Made:
        return self


class Dropped(Host):
    """A host behind a firewall which drops: nothing answers a SYN."""

    def __init__(self) -> None:
        super().__init__()
        self._listener.listen(0)
        # Linux drops what comes when a queue is full, and nobody accepts here.
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((HOST, self.port))
            self._sockets.append(sock)

    def __enter__(self: Made) -> Made:
        return self


BAD_HOSTS: tuple[type[Host], ...] = (
    Silent,
    BannerOnly,
    Tarpit,
    Closes,
    Garbage,
    WebServer,
    Refused,
    Dropped,
)


class Wire:
    """One direction of a connection through a cable."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.ended = self.shut = False
        self.free = 0.0  # when the last byte sent will be through

    def wants(self) -> bool:
        return not self.ended and len(self.waiting) < 64

    def read(self, due: float) -> int:
        data = self.source.recv(65536)
        self.ended = not data
        if data:
            self.waiting.append((due, data))
        return len(data)

    def send(self, now: float, rate: float) -> float | None:
        """Send what is due; how long until there is more to send, if there is."""
        while self.waiting:
            due, data = self.waiting[0]
            wait = max(due, self.free) - now
            if wait > 0:
                return wait
            part = data[: max(1, int(rate / 50))] if rate else data
            try:
                sent = self.target.send(part)
            except BlockingIOError:
                return 0.005
            self.waiting.popleft()
            if data[sent:]:
                self.waiting.appendleft((due, data[sent:]))
            self.free = now + sent / rate if rate else 0.0
        if self.ended and not self.shut:
            self.shut = True
            self.target.shutdown(socket.SHUT_WR)
        return None


class Link:
    """One connection through a cable."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.ends = (near, far)
        self.up, self.down = Wire(near, far), Wire(far, near)
        self.silent = False
        self.bytes = 0
        for each in self.ends:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(False)

    def close(self, *, reset: bool) -> None:
        for each in self.ends:
            if reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()


class Cable:
    """A line to a host which can be slow, long, or cut; it counts what goes through. All is done by one thread."""

    def __init__(
        self, address: str, port: int, *, rtt: float = 0.0, rate: float = 0.0, cut_after: int = 0, reset: bool = False
    ) -> None:
        self.connections = self.bytes = 0
        self.rtt, self.rate, self.cut_after, self.reset = rtt, rate, cut_after, reset
        self._target = (address, port)
        self._links: list[Link] = []
        self._listener = socket.create_server((HOST, 0), backlog=512)
        self.address, self.port = HOST, int(self._listener.getsockname()[1])
        self._listener.setblocking(False)
        self._waker, self._bell = socket.socketpair()
        self._orders: deque[Callable[[], object]] = deque()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="Cable", daemon=True)

    def __enter__(self) -> Cable:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._order(lambda: setattr(self, "_over", True))
        self._thread.join()
        for link in self._links:
            link.close(reset=True)
        for each in (self._listener, self._waker, self._bell):
            each.close()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._links)

    def cut(self, *, reset: bool) -> None:
        """Cut all connections: both ends are told so, or nobody is. New ones go through."""

        self._order(lambda: [self._cut(link, reset=reset) for link in list(self._links)])

    def _cut(self, link: Link, *, reset: bool) -> None:
        if reset:
            self._drop(link, reset=True)
        link.silent = True

    def _order(self, do: Callable[[], object]) -> None:
        done = threading.Event()
        self._orders.append(lambda: (do(), done.set()))
        self._waker.send(b"!")
        assert done.wait(5.0)

    def _drop(self, link: Link, *, reset: bool) -> None:
        link.close(reset=reset)
        self._links.remove(link)

    def _run(self) -> None:
        while not self._over:
            wait = 60.0
            for link in list(self._links):
                wait = min(wait, self._send(link))
            self._look(wait)
            while self._orders:
                self._orders.popleft()()

    def _send(self, link: Link) -> float:
        if link.silent:
            return 60.0
        now = time.monotonic()
        try:
            waits = [wire.send(now, self.rate) for wire in (link.up, link.down)]
        except OSError:
            self._drop(link, reset=True)
            return 60.0
        if link.up.shut and link.down.shut:
            self._drop(link, reset=False)
        return min((each for each in waits if each is not None), default=60.0)

    def _look(self, wait: float) -> None:
        poll = select.poll()
        actions: dict[int, Callable[[], object]] = {
            self._bell.fileno(): lambda: self._bell.recv(65536),
            self._listener.fileno(): self._accept,
        }
        for link in self._links:
            for wire in (link.up, link.down):
                if wire.wants() and not link.silent:
                    actions[wire.source.fileno()] = lambda link=link, wire=wire: self._read(link, wire)
        for number in actions:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(wait * 1000):
            actions[number]()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        self.connections += 1
        try:
            self._links.append(Link(near, socket.create_connection(self._target, timeout=5.0)))
        except OSError:
            near.close()

    def _read(self, link: Link, wire: Wire) -> None:
        if link not in self._links:
            return  # dropped by the other wire in this very turn
        try:
            count = wire.read(time.monotonic() + self.rtt / 2)
        except BlockingIOError:
            return
        except OSError:
            self._drop(link, reset=True)
            return
        self.bytes += count
        link.bytes += count
        if self.cut_after and link.bytes > self.cut_after:
            self._cut(link, reset=self.reset)


@pytest.fixture(scope="session")
def ssh_keys() -> Iterator[Keys]:
    require_tools("ssh-keygen", "sshd", "ssh")
    with tempfile.TemporaryDirectory(prefix="chanops-keys-") as folder:
        yield Keys(Path(folder))


@pytest.fixture(scope="session")
def sshd(ssh_keys: Keys) -> Iterator[Sshd]:
    """A server shared by all tests: do not freeze or stop it, nor end its connections."""
    with Sshd(ssh_keys) as server:
        yield server


@pytest.fixture(scope="session")
def sshd_fleet(ssh_keys: Keys) -> Iterator[Sshd]:
    """Two hundred hosts, shared like sshd."""
    with Sshd(ssh_keys, addresses=ADDRESSES[:200]) as server:
        yield server


@pytest.fixture
def fresh_sshd(ssh_keys: Keys) -> Iterator[Callable[..., Sshd]]:
    """Call it, with lines of configuration, for a server which the test may treat as it likes."""
    with contextlib.ExitStack() as stack:
        yield lambda *options, **more: stack.enter_context(Sshd(ssh_keys, *options, **more))


@pytest.fixture
def cable() -> Iterator[Callable[..., Cable]]:
    """Call it with a server, or its address and port, for a line to it."""
    with contextlib.ExitStack() as stack:

        def lay(server: Sshd, address: str = "", **options: float) -> Cable:
            return stack.enter_context(Cable(address or server.address, server.port, **options))

        yield lay
