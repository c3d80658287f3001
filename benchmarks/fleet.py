"""Hosts to log in to, on loopback: hundreds of cheap ones in one process (fleet.c), and hundreds of real sshd."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.procfs import TICKS

HERE = Path(__file__).resolve().parent
# As benchmarks.chat has it, which reads SQLite and more: what is imported counts as memory.
Figures = dict[str, float]
COUNT = 208
CHEAP_NET, SSHD_NET = "127.10", "127.0.9"
ADDRESSES = 16  # as many as one sshd listens on
# The bad hosts of fleet.c, in its order; the last is made by nobody listening there.
BAD = (
    *("silent", "tarpit", "banner", "reset", "no auth", "no channel", "no exec", "frozen", "lost", "denied"),
    *("other key", "no syn", "refused"),
)
SSHD = """\
Port {port}
{listen}
HostKey {keys}/host
PidFile none
AuthorizedKeysFile {keys}/user.pub
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PrintMotd no
LogLevel ERROR
MaxStartups 1000
# Else bash reads the .bashrc of whoever runs this, which may do anything.
SetEnv SHLVL=2
"""


class Wrong(Exception):
    """What was measured did not do what it had to."""


@dataclass(frozen=True)
class Host:
    """A host; `name` is that by which its key is known."""

    address: str
    port: int
    name: str


class Keys:
    """The hosts' key, another one, and a person's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("host", "other", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
        self.lines = folder / "lines"
        self.lines.write_bytes(b"\n".join([b"x" * 63] * 200_000))

    @property
    def user(self) -> Path:
        return self.folder / "user"

    def known_hosts(self, hosts: Sequence[Host], strangers: int = 0) -> Path:
        """A file that knows these hosts by both their names, after so many others."""
        kind, blob, _ = (self.folder / "host.pub").read_text().split()
        names = [f"hosts/stranger-{number},[127.99.0.1]:{number + 1}" for number in range(strangers)]
        names += [f"{host.name},[{host.address}]:{host.port}" for host in hosts]
        path = self.folder / f"known_hosts-{len(names)}"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name} {kind} {blob}\n" for name in names))
        return path


@dataclass(frozen=True)
class Fleet:
    """Hosts that answer, and the processes that are they."""

    hosts: list[Host]
    pids: list[int]
    bad: dict[str, list[Host]]

    def cpu(self) -> float:
        """Seconds of CPU until now, of children too: waits until none is left."""
        end = time.monotonic() + 10
        while any(children(pid) for pid in self.pids):
            if time.monotonic() > end:
                raise Wrong("sshd has children that do not end")
            time.sleep(0.05)
        return sum(own_and_children(pid) for pid in self.pids)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def own_and_children(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def compiled(folder: Path) -> Path:
    """fleet.c as a program."""
    if shutil.which("gcc") is None:
        raise Wrong("no gcc; make bench-ssh installs it")
    path = folder / "fleet"
    command = ["gcc", "-O2", "-o", path, HERE / "fleet.c", "-lssh", "-lpthread"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        raise Wrong(f"fleet.c: {made.stderr[-500:]} (make bench-ssh installs libssh-dev)")
    return path


@contextlib.contextmanager
def cheap(keys: Keys, bad: int = 20) -> Iterator[Fleet]:
    """Hosts that cost a millisecond each."""
    port = free_port(f"{CHEAP_NET}.0.1")
    files = [keys.folder / name for name in ("host", "other", "user.pub")]
    command = [compiled(keys.folder), *files, str(port), CHEAP_NET, str(COUNT), str(bad)]
    with started([str(word) for word in command], keys.folder / "fleet.log", stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise Wrong(f"the fleet did not start: {(keys.folder / 'fleet.log').read_text()[-500:]}")
        yield Fleet(
            [Host(f"{CHEAP_NET}.0.{number}", port, f"hosts/cheap-{number}") for number in range(1, COUNT + 1)],
            [process.pid],
            {
                kind: [
                    Host(f"{CHEAP_NET}.{net}.{number}", port, f"hosts/bad-{net}-{number}")
                    for number in range(1, bad + 1)
                ]
                for net, kind in enumerate(BAD, 1)
            },
        )


@contextlib.contextmanager
def sshd(keys: Keys) -> Iterator[Fleet]:
    """Real ones: as many masters as it takes."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(program).exists():
        raise Wrong("no sshd; make bench-ssh installs it")
    Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port(f"{SSHD_NET}.1")
    with contextlib.ExitStack() as stack:
        pids = []
        for first in range(1, COUNT + 1, ADDRESSES):
            config = keys.folder / f"sshd-{first}"
            listen = "\n".join(f"ListenAddress {SSHD_NET}.{number}" for number in range(first, first + ADDRESSES))
            config.write_text(SSHD.format(port=port, listen=listen, keys=keys.folder))
            command = [program, "-D", "-e", "-f", str(config)]
            pids.append(stack.enter_context(started(command, keys.folder / "sshd.log")).pid)
        hosts = [Host(f"{SSHD_NET}.{number}", port, f"hosts/sshd-{number}") for number in range(1, COUNT + 1)]
        for host in hosts:
            wait_for(host, keys.folder / "sshd.log")
        yield Fleet(hosts, pids, {})


@contextlib.contextmanager
def started(command: list[str], log: Path, stdout: int | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout or output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def wait_for(host: Host, log: Path) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((host.address, host.port), 1).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise Wrong(f"{host.address} does not answer: {log.read_text()[-500:]}") from error
            time.sleep(0.02)


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
