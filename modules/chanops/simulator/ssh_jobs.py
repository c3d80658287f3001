"""A command on a pretended machine, as a channel of SSH has it: its streams, signals and exit status."""

import threading
from collections.abc import Callable
from contextlib import suppress

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from chanops.simulator.ssh_builtins import BUILTINS
from chanops.simulator.ssh_file_tools import FILES
from chanops.simulator.ssh_files import MOST
from chanops.simulator.ssh_machine import SshMachine
from chanops.simulator.ssh_process import Ended, Process
from chanops.simulator.ssh_runners import RUNNERS
from chanops.simulator.ssh_shell import Shell
from chanops.simulator.ssh_streams import Streams
from chanops.simulator.ssh_system_tools import SYSTEM
from chanops.simulator.ssh_text_tools import TEXT

TOOLS = {**BUILTINS, **RUNNERS, **FILES, **TEXT, **SYSTEM}
_BLOCK = 32768
_LOOK = 0.05  # seconds after which who waits for the client looks whether it has ended
_SIGNALS = {"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"}


# What a channel raises when its connection has ended.
GONE = (OSError, EOFError, paramiko.SSHException)


def hang_up(channel: paramiko.Channel) -> None:
    with suppress(*GONE):
        channel.close()


class Job(threading.Thread):
    """What `exec` or `shell` asked for; it begins with begin().

    All that goes to the channel goes under one lock, so that nothing follows its end: clients hang up on that.
    """

    def __init__(self, channel: paramiko.Channel, machine: SshMachine, user: str, text: str) -> None:
        super().__init__(name="ssh-job", daemon=True)
        self._process = Process()
        self._channel = channel
        self._input = _Incoming(channel, self._process)
        self._shell = Shell(machine, user, TOOLS, self._process, Streams(self._input, self._out, self._err))
        self._text = text
        self._lock = threading.Lock()
        self._signal = ""
        channel.settimeout(_LOOK)

    def begin(self) -> None:
        if self.ident is None:
            self.start()

    def run(self) -> None:
        try:
            self._tell_status(self._shell.main(self._text))
            # As with a real one: what is left in the background holds the channel open.
            for thread in self._process.background:
                thread.join()
        except Ended:
            self._tell_signal()
        finally:
            self._hang_up()

    def signal(self, name: str) -> None:
        """A signal ends it, unless it is ignored or unknown."""
        if name in _SIGNALS and name not in self._process.ignored and not self._process.stopped.is_set():
            self._signal = name
            self.stop()

    def stop(self) -> None:
        """Nobody wants it any more."""
        self._process.stopped.set()

    def _tell_status(self, status: int) -> None:
        with self._lock:
            self._process.check()
            with suppress(*GONE):
                self._channel.send_exit_status(status)

    def _tell_signal(self) -> None:
        if not self._signal:
            return
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("exit-signal")
        message.add_boolean(False)
        message.add_string(self._signal)
        message.add_boolean(False)
        message.add_string("")
        message.add_string("")
        with self._lock, suppress(*GONE):
            self._channel.transport._send_user_message(message)

    def _hang_up(self) -> None:
        self.stop()
        with self._lock:
            hang_up(self._channel)

    def _out(self, data: bytes) -> None:
        self._send(self._channel.send, data)

    def _err(self, data: bytes) -> None:
        self._send(self._channel.send_stderr, data)

    def _send(self, send: Callable[[bytes], int], data: bytes) -> None:
        at = 0
        while at < len(data):
            with self._lock:
                self._process.check()
                try:
                    at += send(data[at : at + _BLOCK])
                except TimeoutError:
                    continue  # the client does not read
                except GONE:
                    raise Ended from None


class _Incoming:
    """What the client sends on its channel."""

    def __init__(self, channel: paramiko.Channel, process: Process) -> None:
        self._channel = channel
        self._process = process

    def read(self, size: int = -1, /) -> bytes:
        if size >= 0:
            return self._some(size)
        found = bytearray()
        while (data := self._some(_BLOCK)) and len(found) <= MOST:
            found += data
        return bytes(found)

    def _some(self, size: int) -> bytes:
        while True:
            self._process.check()
            with suppress(TimeoutError):
                return bytes(self._channel.recv(size))
