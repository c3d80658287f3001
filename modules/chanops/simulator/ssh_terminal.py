"""Somebody at a terminal on a pretended machine: a prompt, an echo of what is typed, Ctrl-C and Ctrl-D."""

import io
import queue
import threading
from contextlib import suppress

import paramiko

from chanops.simulator.ssh_grammar import parse
from chanops.simulator.ssh_jobs import Job
from chanops.simulator.ssh_machine import SshMachine
from chanops.simulator.ssh_process import Ended, Exit, Leave, Process
from chanops.simulator.ssh_streams import Streams
from chanops.simulator.ssh_syntax import Garbled

_INTERRUPT, _END, _ENTER, _BACK = b"\x03", b"\x04", (b"\r", b"\n"), (b"\x7f", b"\x08")
_LONGEST = 4096


class Terminal(Job):
    """What `shell` asked for together with a terminal; what runs reads nothing."""

    def __init__(self, channel: paramiko.Channel, machine: SshMachine, user: str) -> None:
        super().__init__(channel, machine, user, "")
        self._typed: queue.Queue[bytes] = queue.Queue()
        self._shell.name = "bash"
        self._shell.streams = Streams(io.BytesIO(), self._show, self._show)
        # What Ctrl-C ends; the job's own process ends with the channel.
        self._shell.process = Process()

    def run(self) -> None:
        editor = threading.Thread(target=self._edit, name="ssh-editor", daemon=True)
        editor.start()
        with suppress(Ended):
            while data := self._input.read(1024):
                for key in (bytes([each]) for each in data):
                    if key == _INTERRUPT:
                        self._forget()
                        self._shell.process.stopped.set()
                    self._typed.put(key)
        self.stop()
        self._typed.put(b"")
        editor.join()

    def stop(self) -> None:
        super().stop()
        self._shell.process.stopped.set()

    def _forget(self) -> None:
        """What was typed ahead is of no use after Ctrl-C."""
        with suppress(queue.Empty):
            while True:
                self._typed.get_nowait()

    def _edit(self) -> None:
        """Put the keys together to lines, and run those."""
        line = bytearray()
        with suppress(Ended):
            self._prompt()
            while (key := self._typed.get()) and not (key == _END and not line):
                if key == _INTERRUPT:
                    line.clear()
                    self._shell.process = Process()
                    self._show(b"^C\n")
                    self._prompt()
                elif key in _ENTER:
                    self._show(b"\n")
                    if not self._run_line(line.decode(errors="replace")):
                        break
                    line.clear()
                elif key in _BACK:
                    self._erase(line)
                elif key >= b" " and len(line) < _LONGEST:
                    line += key
                    self._show(key)
            self._tell_status(self._shell.status)
        self._hang_up()

    def _erase(self, line: bytearray) -> None:
        """One letter less, which may have several bytes."""
        if line:
            line[:] = line.decode(errors="ignore")[:-1].encode()
            self._show(b"\b \b")

    def _run_line(self, text: str) -> bool:
        """Whether another line may follow."""
        try:
            self._shell.run(parse(text))
        except Exit as end:
            self._shell.status = end.status
            return False
        except Garbled as error:
            self._shell.complain(f"Syntax error: {error}")
        except (Leave, RecursionError):
            self._shell.status = 2
        except Ended:
            self._process.check()
            # Ctrl-C is the next key, and gives the prompt.
            self._shell.status = 130
            return True
        self._prompt()
        return True

    def _prompt(self) -> None:
        shell = self._shell
        folder = shell.folder.replace(shell.variables.get("HOME", "/root"), "~", 1)
        self._show(f"{shell.user}@{shell.machine.hostname}:{folder}{'#' if shell.user == 'root' else '$'} ".encode())

    def _show(self, data: bytes) -> None:
        self._out(data.replace(b"\n", b"\r\n"))
