"""Real IRC servers on loopback for the tests, as classes and pytest fixtures."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, NoReturn, TypeVar

import pytest
from wireclient import WireClient

HOST = "127.0.0.1"
TEMPLATES = Path(__file__).with_name("ircd")
ACCOUNTS = {"alice": "alicepw", "bob": "bobpw", "chanops": "botpw"}
Server = TypeVar("Server", bound="IrcServer")


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate, which is its own authority."""

    cert_file: str
    key_file: str


class Daemon:
    """One server process, run as nobody when the tests run as root."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = [find_tool(command[0]) or command[0], *command[1:]]
        self._folder = folder
        self._output = folder / f"{command[0]}.out"
        self._log = folder / f"{command[0]}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None or not self.running:
            raise RuntimeError(f"{self._command[0]} does not run: {self.output()}")
        return self._process.pid

    def start(self) -> None:
        # The death signal: no server outlives tests that were killed themselves.
        user = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            user += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*user, *self._command],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def stop(self) -> None:
        """End it politely, also when it is frozen; by force after five seconds."""
        if self._process is None or not self.running:
            return
        self._process.terminate()
        self.thaw()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        # The signal is not yet the stop: wait until the process really stands.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def output(self) -> str:
        """The end of what it has printed and logged."""
        files = [f for f in (self._output, self._log) if f.exists()]
        return "\n".join(f.read_text(errors="replace")[-2000:] for f in files)


class IrcServer:
    """A server on ports of its own, which stay its own over a restart."""

    host = HOST
    oper = ("oper", "operpass")
    program: str
    options: list[str]

    def __init__(self, certificate: Certificate) -> None:
        self.ca_file = certificate.cert_file
        self._certificate = certificate
        self._ports = [reserve_port() for _ in range(3)]
        self.port, self.tls_port, self.services_port = (sock.getsockname()[1] for sock in self._ports)
        self.folder = Path(tempfile.mkdtemp(prefix=f"chanops-{self.program}-"))
        give_to_server_user(self.folder)
        config = self.render(f"{self.program}.conf")
        self.daemon = Daemon([self.program, *self.options, str(config)], self.folder)

    def __enter__(self: Server) -> Server:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it for good and leave nothing behind."""
        self.stop()
        for sock in self._ports:
            sock.close()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        self.daemon.start()
        wait_until(self.answers, 10.0, f"{self.program} to answer", self.daemon)

    def stop(self) -> None:
        self.daemon.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        self.daemon.kill()

    def freeze(self) -> None:
        self.daemon.freeze()

    def thaw(self) -> None:
        self.daemon.thaw()

    def answers(self) -> bool:
        """Whether both ports of the clients accept connections."""
        try:
            for port in (self.port, self.tls_port):
                socket.create_connection((self.host, port), timeout=1.0).close()
        except OSError:
            return False
        return True

    def client(self, nick: str, *, tls: bool = False, **options: Any) -> WireClient:
        """A client of this server; the options are those of WireClient."""
        if tls:
            options["tls_ca"] = self.ca_file
        port = self.tls_port if tls else self.port
        return WireClient(self.host, port, nick, **options)

    def render(self, template: str) -> Path:
        """Fill in a configuration template and write it into our folder."""
        text = Template((TEMPLATES / template).read_text()).substitute(
            host=self.host,
            port=self.port,
            tls_port=self.tls_port,
            services_port=self.services_port,
            folder=self.folder,
            cert_file=self._certificate.cert_file,
            key_file=self._certificate.key_file,
            oper_name=self.oper[0],
            oper_password=self.oper[1],
            link_password="linkpass",
        )
        path = self.folder / template
        path.write_text(text)
        return path


class NgIRCd(IrcServer):
    """A plain old server: no accounts, no tags, multi-prefix only."""

    program = "ngircd"
    options = ["-n", "-f"]


class InspIRCd(IrcServer):
    """A modern server, with Atheme linked for accounts and SASL."""

    program = "inspircd"
    options = ["--nofork", "--config"]

    def __init__(self, certificate: Certificate) -> None:
        super().__init__(certificate)
        config = self.render("atheme.conf")
        # It prints its log as well, and takes relative paths for its own folder.
        files = ["-D", str(self.folder), "-l", "/dev/null", "-p", f"{config}.pid"]
        command = ["atheme-services", "-n", "-c", str(config), *files]
        self.services = Daemon(command, self.folder)

    def start(self) -> None:
        super().start()
        self.start_services()

    def stop(self) -> None:
        self.services.stop()
        super().stop()

    def start_services(self) -> None:
        """Start Atheme unless it runs, and wait until the server offers SASL."""
        if not self.services.running:
            self.services.start()
        wait_until(self.offers_sasl, 20.0, "the services to link", self.services)

    def kill_services(self) -> None:
        """End Atheme, and wait until the server has noticed."""
        # By SIGTERM: after SIGKILL it would not know the accounts any more.
        self.services.stop()
        # InspIRCd can miss the end of a link when the last line came with it, and
        # then finds out when it next writes there; a login makes it write.
        login = b"CAP REQ :sasl\r\nAUTHENTICATE PLAIN\r\n"
        wait_until(lambda: not self.offers_sasl(login), 10.0, "SASL to go", self.daemon)

    def offers_sasl(self, more: bytes = b"") -> bool:
        """Whether CAP LS has it; more is sent along with the question."""
        offer = b""
        address = (self.host, self.port)
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=2.0) as sock:
            sock.sendall(b"CAP LS 302\r\n" + more)
            while b" LS :" not in offer or not offer.endswith(b"\n"):
                data = sock.recv(4096)
                if not data:
                    break
                offer += data
        return b"sasl=PLAIN" in offer

    def register_account(self, name: str, password: str) -> None:
        self.register_accounts({name: password})

    def register_accounts(self, accounts: Mapping[str, str]) -> None:
        """Register accounts through NickServ, each from a nick of that name."""
        with contextlib.ExitStack() as stack:
            # All together, for InspIRCd welcomes clients once in a second.
            clients = [stack.enter_context(self.client(name, wait=False)) for name in accounts]
            for client in clients:
                client.wait_welcome()
                mail = f"{client.nick}@insp.test"
                client.say("NickServ", f"REGISTER {accounts[client.nick]} {mail}")
                client.expect(r"NOTICE .* now registered")


def reserve_port() -> socket.socket:
    """A free port, held so that only a server with SO_REUSEADDR can take it."""
    # Bound but not listening: Linux lets the server bind it too, and gives it
    # to nobody who asks for any free port, not even while the server is down.
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, 0))
    return sock


def wait_until(done: Callable[[], bool], within: float, what: str, daemon: Daemon) -> None:
    deadline = time.monotonic() + within
    while not done():
        if not daemon.running or time.monotonic() > deadline:
            raise RuntimeError(f"waited in vain for {what}: {daemon.output()}")
        threading.Event().wait(0.02)


def give_to_server_user(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, "nobody", "nogroup")


def make_certificate(folder: Path) -> Certificate:
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    where = ["-keyout", str(key), "-out", str(cert), "-days", "2"]
    subject = ["-subj", "/CN=localhost", "-addext", names]
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *where, *subject],
        check=True,
        capture_output=True,
    )
    give_to_server_user(folder, cert, key)
    return Certificate(str(cert), str(key))


def find_tool(name: str) -> str | None:
    # Debian keeps the servers where the PATH of a user does not look.
    places = ["/usr/sbin", "/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *places]))


def require_tools(*names: str) -> None:
    """Skip when a program is missing; fail on CI, where a skip would hide it."""
    missing = [name for name in names if find_tool(name) is None]
    if missing:
        give_up(f"not installed: {', '.join(missing)}")


def give_up(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def tls_certificate() -> Iterator[Certificate]:
    require_tools("openssl")
    with tempfile.TemporaryDirectory(prefix="chanops-tls-") as folder:
        yield make_certificate(Path(folder))


@pytest.fixture(scope="session")
def ngircd(tls_certificate: Certificate) -> Iterator[NgIRCd]:
    """A server shared by all tests: do not freeze, stop or restart it."""
    require_tools("setpriv", "ngircd")
    with NgIRCd(tls_certificate) as server:
        yield server


@pytest.fixture(scope="session")
def inspircd(tls_certificate: Certificate) -> Iterator[InspIRCd]:
    """A server with ACCOUNTS, shared like ngircd."""
    require_tools("setpriv", "inspircd", "atheme-services")
    with InspIRCd(tls_certificate) as server:
        server.register_accounts(ACCOUNTS)
        yield server


@pytest.fixture
def fresh_ngircd(tls_certificate: Certificate) -> Iterator[Callable[[], NgIRCd]]:
    """Call it for a server which the test may treat as it likes."""
    require_tools("setpriv", "ngircd")
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(NgIRCd(tls_certificate))


@pytest.fixture
def fresh_inspircd(tls_certificate: Certificate) -> Iterator[Callable[[], InspIRCd]]:
    """Like fresh_ngircd; no account is registered."""
    require_tools("setpriv", "inspircd", "atheme-services")
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(InspIRCd(tls_certificate))
