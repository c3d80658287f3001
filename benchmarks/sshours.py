"""Our engine as a peer: strict about host keys, unless told to be measured without."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.fleet import Host
from benchmarks.sshpeers import USER, Answer, Threaded
from chanops.core.public_keys import public_key
from chanops.ssh.base import End, Known, Limits, Login, Outcome
from chanops.ssh.engine import Engine
from chanops.ssh.keys import identities
from chanops.ssh.known import KnownHosts

TIMEOUT = 120.0
LIMITS = Limits(idle=600.0)


def login(host: Host) -> Login:
    return Login(host.address, host.port, USER, (host.name,))


class Ours(Threaded):
    """chanops. Connections are the engine's own affair: connecting is to run something."""

    connects = False

    def __init__(self, key: Path, known_hosts: Path, limits: Limits = LIMITS) -> None:
        super().__init__(key, known_hosts)
        self.limits = limits
        self.mine = identities(self.key, "", False)
        self.known = self.hosts_known()
        self.engine: Engine | None = None

    def hosts_known(self) -> Known:
        return KnownHosts(self.known_hosts)

    def forget(self) -> None:
        self.known = self.hosts_known()

    def started(self) -> Engine:
        if self.engine is None:
            self.engine = Engine(self.known, lambda: self.mine, self.limits)
        return self.engine

    def connect(self, host: Host) -> Host:
        return host

    def connect_all(self, hosts: Sequence[Host], threads: int) -> None:
        self.started()
        super().connect_all(hosts, threads)
        self.warm("true", threads)

    def run(self, connection: Host, command: str) -> Answer:
        outcome = self.outcome(connection, command)
        assert outcome.end is End.EXITED, f"{connection.address}: {outcome}"
        assert outcome.status is not None
        return outcome.status, outcome.written

    def outcome(self, host: Host, command: str, timeout: float = TIMEOUT) -> Outcome:
        return self.started().run(login(host), command, swallow, timeout=timeout)

    def end(self, connection: Host) -> None:
        """The engine keeps it."""

    def end_all(self) -> None:
        self.open.clear()
        if self.engine is not None:
            self.engine.close()
            self.engine = None


class Trusting:
    """Knows what every host of the fleet shows, without a file: what checking costs is measured against it."""

    def __init__(self, host_key: Path) -> None:
        key = public_key(host_key.read_text())
        self.all = {key.type: frozenset((key.blob,))}

    def keys(self, names: tuple[str, ...]) -> Mapping[str, frozenset[bytes]]:
        return self.all

    def revoked(self, blob: bytes) -> bool:
        return False


class OursTrusting(Ours):
    """The same, believing every host."""

    def hosts_known(self) -> Known:
        return Trusting(self.key.with_name("host.pub"))


def swallow(stream: int, data: bytes) -> None:
    """The engine counts."""
