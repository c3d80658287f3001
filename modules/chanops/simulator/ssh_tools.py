"""How the pretended machines' tools are written: a function of one call, which answers the exit status."""

import getopt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chanops.simulator.ssh_files import Disk, absolute
from chanops.simulator.ssh_machine import SshMachine
from chanops.simulator.ssh_process import Exit, encoded, reason
from chanops.simulator.ssh_shell import MISUSED, Shell, Tool
from chanops.simulator.ssh_streams import Streams, reader


@dataclass(frozen=True)
class Call:
    """A tool that runs: its name, its words, where it reads and writes."""

    shell: Shell
    name: str
    words: list[str]
    streams: Streams

    @property
    def disk(self) -> Disk:
        return self.shell.disk

    @property
    def machine(self) -> SshMachine:
        return self.shell.machine

    def say(self, text: str) -> None:
        """A line of output."""
        self.write(encoded(f"{text}\n"))

    def write(self, data: bytes) -> None:
        self.shell.process.check()
        self.streams.output(data)

    def complain(self, text: str, status: int = 1) -> int:
        """A line on the error stream; answers the status."""
        self.streams.errors(encoded(f"{self.name}: {text}\n"))
        return status

    def path(self, word: str) -> str:
        return absolute(word, self.shell.folder)

    def options(self, short: str, mixed: bool = True) -> tuple[dict[str, str], list[str]]:
        """The options by letter, and the other words; `short` as getopt has it. A wrong one ends the tool."""
        try:
            found, rest = (getopt.gnu_getopt if mixed else getopt.getopt)(self.words, short)
        except getopt.GetoptError as error:
            raise Misused(error.msg) from None
        return {name[1:]: value for name, value in found}, rest

    def content(self, word: str) -> bytes:
        """What is in a file; "-" is what the tool reads."""
        return self.streams.input.read() if word == "-" else reader(self.disk, self.path(word)).read()

    def each(self, words: list[str], act: Callable[[str], None]) -> int:
        """Do it with every word; what goes wrong with one is told, and the others come all the same."""
        status = 0
        for word in words:
            try:
                act(word)
            except OSError as error:
                status = self.complain(f"{word}: {reason(error)}")
        return status


class Misused(Exception):
    """A tool was called with words that it does not know."""


def table(tools: Mapping[str, Callable[[Call], int]]) -> dict[str, Tool]:
    """Tools as a shell has them."""
    return {names: _tool(function) for row, function in tools.items() for names in row.split()}


def _tool(function: Callable[[Call], int]) -> Tool:
    def run(shell: Shell, words: list[str], streams: Streams) -> int:
        call = Call(shell, words[0].rpartition("/")[2], words[1:], streams)
        try:
            return function(call)
        except BrokenPipeError:
            raise
        except Misused as error:
            return call.complain(str(error), MISUSED)
        except OSError as error:
            return call.complain(reason(error))

    return run


def whole(text: str, default: int = 0) -> int:
    """A number at the beginning of the words of a tool, such as 10 or 4K; Misused when it is none."""
    if not text:
        return default
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(text[-1].lower(), 1)
    digits = text if factor == 1 else text[:-1]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
        raise Misused(f"invalid number: '{text}'")
    return int(digits) * factor


def leave(call: Call, default: int) -> int:
    """The status that `exit` was given."""
    if call.words and not call.words[0].isdigit():
        call.complain(f"Illegal number: {call.words[0]}")
        raise Exit(MISUSED)
    raise Exit(int(call.words[0][:9]) if call.words else default)
