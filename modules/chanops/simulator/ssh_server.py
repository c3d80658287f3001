"""The pretended machines' SSH: who is let in, and what a connection's channels do."""

import io
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_REQUEST,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from chanops.simulator.ssh_jobs import GONE, Job, hang_up
from chanops.simulator.ssh_machine import HOST_KEY, SshMachine, home
from chanops.simulator.ssh_sftp import Files, Sftp
from chanops.simulator.ssh_terminal import Terminal

_LOG = "chanops.simulator.ssh"
_BLOCK = 32768
# Clients that go away are usual here, and no error to tell of.
logging.getLogger(_LOG).setLevel(logging.CRITICAL + 1)

Reach = Callable[[tuple[str, int]], socket.socket | None]


def host_key(machine: SshMachine) -> paramiko.PKey:
    """The key on the machine's disk; a new one where there is none that can be read."""
    try:
        key = paramiko.Ed25519Key(file_obj=io.StringIO(machine.disk.read(HOST_KEY).decode()))
    except (OSError, ValueError, AssertionError, IndexError, paramiko.SSHException):
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        machine.disk.write(HOST_KEY, made, 0o600)
        key = paramiko.Ed25519Key(file_obj=io.StringIO(made.decode()))
    if f" {key.get_base64()} " not in machine.host_key:
        machine.disk.write(f"{HOST_KEY}.pub", f"{key.get_name()} {key.get_base64()} root@{machine.hostname}\n")
    return key


class Access(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko ships no types
    """What one connection may do on a machine; `reach` opens a way to another machine, for those that jump."""

    def __init__(self, machine: SshMachine, reach: Reach) -> None:
        self.machine = machine
        self.user = "root"
        self.channels: dict[int, paramiko.Channel] = {}
        self.jobs: dict[int, Job] = {}
        self.threads: list[threading.Thread] = []
        self.tunnels: dict[int, socket.socket] = {}
        self._terminals: set[int] = set()
        self._reach = reach

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if not self.machine.lets_in(username, key.get_name(), key.get_base64()):
            return int(AUTH_FAILED)
        self.user = username
        with suppress(OSError):  # a full disk
            self.machine.disk.make_folder(home(username), parents=True)
        return int(AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, number: int) -> int:
        return int(OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)

    def check_channel_direct_tcpip_request(
        self, number: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        """Only other machines of ours can be reached from here: this computer's own ports are no part of the play."""
        end = self._reach(destination)
        if end is None:
            return int(OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED)
        self.tunnels[number] = end
        return int(OPEN_SUCCEEDED)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        text = command.decode(errors="surrogateescape")
        return self._prepare(channel, Job(channel, self.machine, self.user, text))

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        if channel.chanid in self._terminals:
            return self._prepare(channel, Terminal(channel, self.machine, self.user))
        return self._prepare(channel, Job(channel, self.machine, self.user, "sh -s"))

    def check_channel_pty_request(self, channel: paramiko.Channel, *about: Any) -> bool:
        self._terminals.add(channel.chanid)
        return True

    def check_channel_window_change_request(self, channel: paramiko.Channel, *about: Any) -> bool:
        return True

    def _prepare(self, channel: paramiko.Channel, job: Job) -> bool:
        """The job begins when the client was told that it may; False when the channel has one."""
        if channel.chanid in self.jobs:
            return False
        self.jobs[channel.chanid] = job
        self.keep(job)
        return True

    def keep(self, thread: threading.Thread) -> None:
        """Somebody will wait for this thread's end. The list is a new one each time, since others may be reading it."""
        self.threads = [*(each for each in self.threads if each.is_alive() or each.ident is None), thread]

    def tunnel(self, channel: paramiko.Channel, end: socket.socket) -> None:
        for name, pump in (("ssh-tunnel-to", _to), ("ssh-tunnel-from", _from)):
            thread = threading.Thread(target=pump, args=(channel, end), name=name, daemon=True)
            self.keep(thread)
            thread.start()


def _to(channel: paramiko.Channel, end: socket.socket) -> None:
    try:
        while data := channel.recv(_BLOCK):
            end.sendall(data)
        end.shutdown(socket.SHUT_RDWR)
    except GONE:
        hang_up(channel)


def _from(channel: paramiko.Channel, end: socket.socket) -> None:
    with end:
        with suppress(*GONE):
            while data := end.recv(_BLOCK):
                channel.sendall(data)
        hang_up(channel)


def _requested(channel: paramiko.Channel, message: paramiko.Message) -> None:
    """A request on a channel; paramiko knows no "signal", and has no place for what begins after its answer."""
    access: Access = channel.transport.server_object
    job = access.jobs.get(channel.chanid)
    start = message.packet.tell()
    if message.get_text() == "signal":
        message.get_boolean()
        if job is not None:
            job.signal(message.get_text())
        return
    message.packet.seek(start)
    paramiko.Channel._handle_request(channel, message)
    job = access.jobs.get(channel.chanid)
    if job is not None:
        job.begin()


def _closed(channel: paramiko.Channel, message: paramiko.Message) -> None:
    access: Access = channel.transport.server_object
    access.channels.pop(channel.chanid, None)
    job = access.jobs.pop(channel.chanid, None)
    paramiko.Channel._handle_close(channel, message)
    if job is not None:
        job.stop()


class Connection(paramiko.Transport):  # type: ignore[misc]  # paramiko ships no types
    """One client's connection, in a thread of its own."""

    _channel_handler_table = {  # noqa: RUF012  as the parent has it
        **paramiko.Transport._channel_handler_table,
        MSG_CHANNEL_REQUEST: _requested,
        MSG_CHANNEL_CLOSE: _closed,
    }

    def __init__(self, sock: socket.socket, machine: SshMachine, key: paramiko.PKey, reach: Reach) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(sock)
        self.name = "ssh-connection"
        self.set_log_channel(_LOG)
        self.add_server_key(key)
        self.set_subsystem_handler("sftp", Sftp, Files)
        self._access = Access(machine, reach)
        self._peer = sock

    def begin(self) -> None:
        """Answer the client, from a thread."""
        self.start_server(threading.Event(), self._access)

    def run(self) -> None:
        try:
            super().run()
        finally:
            # Its timer would outlive a connection that ends early.
            self.packetizer.complete_handshake()
            for job in list(self._access.jobs.values()):
                job.stop()
            for end in self._access.tunnels.values():
                end.close()

    def cut(self) -> None:
        """As when the machine goes: at once."""
        with suppress(OSError):  # the client was faster
            self._peer.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Until all threads of a connection that was cut are gone."""
        until = time.monotonic() + seconds
        for thread in self._threads():
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))

    def lasts(self) -> bool:
        """Whether anything of it still runs."""
        return any(each.is_alive() for each in self._threads())

    def _threads(self) -> list[threading.Thread]:
        return [self, *self._access.threads]

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        """Nobody waits for channels here; they are kept, since one that nobody knows closes by itself."""
        self._access.channels[channel.chanid] = channel
        end = self._access.tunnels.get(channel.chanid)
        if end is not None:
            self._access.tunnel(channel, end)
