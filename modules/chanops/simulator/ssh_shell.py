"""The pretended shell: it runs tools of its own on a disk in memory; nothing of this computer is ever touched."""

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from chanops.simulator.ssh_expansion import fields
from chanops.simulator.ssh_expansion import text as expanded
from chanops.simulator.ssh_files import Disk, absolute
from chanops.simulator.ssh_grammar import parse
from chanops.simulator.ssh_machine import SshMachine, home
from chanops.simulator.ssh_process import Ended, Exit, Leave, Process, encoded, reason
from chanops.simulator.ssh_streams import Kept, Pipe, Streams, redirected
from chanops.simulator.ssh_syntax import (
    Body,
    Chain,
    Command,
    For,
    Garbled,
    Group,
    If,
    Pipeline,
    Script,
    Simple,
    While,
)

_DEEPEST = 20
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = ("sh", "bash", "dash")
MISUSED, NOT_ALLOWED, NOT_FOUND, BY_PIPE = 2, 126, 127, 141


Tool = Callable[["Shell", list[str], Streams], int]


class Shell:
    """Where a text runs: variables, words, folder; what it can do is the table of its tools."""

    def __init__(
        self, machine: SshMachine, user: str, tools: Mapping[str, Tool], process: Process, streams: Streams
    ) -> None:
        self.machine = machine
        self.user = user
        self.tools = tools
        self.process = process
        self.streams = streams
        self.folder = home(user) if machine.disk.has(home(user)) else "/"
        self.name = "sh"
        self.words: list[str] = []
        self.options: set[str] = set()
        self.status = 0
        self.variables = {"HOME": home(user), "USER": user, "LOGNAME": user, "PATH": _PATH, "SHELL": "/bin/bash"}
        self.variables |= {"HOSTNAME": machine.hostname, "PWD": self.folder, "LANG": "C.UTF-8"}
        self._depth = 0
        self._tested = 0

    @property
    def disk(self) -> Disk:
        return self.machine.disk

    def child(self, streams: Streams | None = None, user: str = "") -> "Shell":
        """A shell that begins as this one is, and changes nothing of it."""
        made = Shell(self.machine, user or self.user, self.tools, self.process, streams or self.streams)
        made.variables = {**self.variables, **({"HOME": home(user), "USER": user, "LOGNAME": user} if user else {})}
        made.folder, made.name, made.words, made.options = self.folder, self.name, list(self.words), set(self.options)
        made.status, made._depth, made._tested = self.status, self._depth + 1, self._tested
        return made

    def main(self, text: str) -> int:
        """Run a text to its end, whatever that is; the exit status."""
        try:
            if self._depth > _DEEPEST:
                raise RecursionError
            return self.run(parse(text))
        except Exit as end:
            return end.status
        except Leave:
            return 0
        except Garbled as error:
            self.complain(f"Syntax error: {error}")
        except RecursionError:
            self.complain("Cannot fork")
        return MISUSED

    def script(self, name: str, text: bytes, words: list[str], streams: Streams) -> int:
        """Run a script as a process of its own, if it is one for sh."""
        first = text.partition(b"\n")[0].decode(errors="replace")
        if first.startswith("#!") and not set(first[2:].replace("/", " ").split()) & set(_SHELLS):
            self.complain(f"{name}: not found", streams)
            return NOT_FOUND
        made = self.child(streams)
        made.name, made.words, made.options = name, words, set()
        return made.main(text.decode(errors="surrogateescape"))

    def complain(self, text: str, streams: Streams | None = None) -> None:
        (streams or self.streams).errors(encoded(f"{self.name}: 1: {text}\n"))

    def output_of(self, text: str) -> str:
        """What a command writes; its status is the shell's."""
        kept = Kept()
        try:
            self.status = self.child(replace(self.streams, output=kept.write)).main(text)
        except BrokenPipeError:
            self.status = BY_PIPE
        return kept.content.replace(b"\0", b"").decode(errors="surrogateescape")

    def run(self, script: Script) -> int:
        """Run commands; the status of the last."""
        self.status = 0
        for chain in script:
            if chain.background:
                self._start(chain)
            else:
                self._chain(chain)
        return self.status

    def _start(self, chain: Chain) -> None:
        """In the background, where it reads nothing."""
        shell = self.child(replace(self.streams, input=io.BytesIO()))
        thread = threading.Thread(target=shell.alone, args=([chain],), name="ssh-background", daemon=True)
        chain.background = False
        self.process.background.append(thread)
        thread.start()
        self.status = 0

    def alone(self, script: Script) -> int:
        """Run commands that end nothing but themselves."""
        try:
            return self.run(script)
        except Exit as end:
            return end.status
        except (Ended, Garbled, Leave, RecursionError):
            return BY_PIPE

    def _chain(self, chain: Chain) -> None:
        last = len(chain.links) - 1
        for place, (operator, pipeline) in enumerate(chain.links):
            if (operator == "&&" and self.status) or (operator == "||" and not self.status):
                continue
            tested = place < last or pipeline.negated
            self._tested += tested
            try:
                self.status = self._pipeline(pipeline)
            finally:
                self._tested -= tested
            if self.status and not tested and "e" in self.options and not self._tested:
                raise Exit(self.status)

    def _pipeline(self, pipeline: Pipeline) -> int:
        *others, last = pipeline.commands
        if not others:
            status = self._command(last, self.streams)
            return int(not status) if pipeline.negated else status
        streams, threads = self.streams, []
        for command in others:
            pipe = Pipe(self.process)
            shell = self.child(replace(streams, output=pipe.write))
            thread = threading.Thread(target=shell.feed, args=(command, pipe), name="ssh-pipe", daemon=True)
            thread.start()
            threads.append(thread)
            streams = replace(streams, input=pipe)
        status = self.child(streams).last(last)
        for thread in threads:
            thread.join()
        self.process.check()
        return int(not status) if pipeline.negated else status

    def feed(self, command: Command, pipe: Pipe) -> None:
        """Be a part of a pipeline that another one reads."""
        with suppress(Ended, Garbled, Leave, RecursionError):
            self.last(command)
        pipe.end()

    def last(self, command: Command) -> int:
        """Be the last part of a pipeline, or any: nobody needs to write any more when it is done."""
        try:
            return self._command(command, self.streams)
        except Exit as end:
            return end.status
        except BrokenPipeError:
            return BY_PIPE
        finally:
            if isinstance(self.streams.input, Pipe):
                self.streams.input.leave()

    def _command(self, command: Command, streams: Streams) -> int:
        self.process.check()
        name = ""
        try:
            for each in command.redirections:
                name = expanded(self, each.target)
                streams = redirected(self.disk, self.folder, each, name, streams)
        except OSError as error:
            self.complain(f"cannot open {name}: {reason(error)}")
            return MISUSED
        if isinstance(command.body, Simple):
            return self._simple(command.body, streams)
        before, self.streams = self.streams, streams
        try:
            return self._compound(command.body)
        finally:
            self.streams = before

    def _compound(self, body: Body) -> int:
        if isinstance(body, Group):
            if not body.apart:
                return self.run(body.body)
            try:
                return self.child().run(body.body)
            except Exit as end:
                return end.status
        if isinstance(body, If):
            for condition, consequence in body.arms:
                if self._holds(condition):
                    return self.run(consequence)
            return self.run(body.otherwise)
        return self._loop(body) if isinstance(body, For | While) else 0

    def _holds(self, condition: Script) -> bool:
        self._tested += 1
        try:
            return self.run(condition) == 0
        finally:
            self._tested -= 1

    def _loop(self, body: For | While) -> int:
        status = 0
        values: Iterator[str] = iter(())
        if isinstance(body, For):
            words = self.words if body.words is None else [each for word in body.words for each in fields(self, word)]
            values = iter(words)
        while True:
            self.process.check()
            if isinstance(body, For):
                value = next(values, None)
                if value is None:
                    return status
                self.variables[body.name] = value
            elif self._holds(body.condition) == body.until:
                return status
            try:
                status = self.run(body.body)
            except Leave as leave:
                if leave.loops > 1:
                    raise Leave(leave.loops - 1, leave.again) from None
                if not leave.again:
                    return 0

    def _simple(self, asked: Simple, streams: Streams) -> int:
        words = [each for word in asked.words for each in fields(self, word)]
        values = {name: expanded(self, word) for name, word in asked.values}
        if "x" in self.options:
            self.streams.errors(encoded(f"+ {' '.join([*(f'{a}={b}' for a, b in values.items()), *words])}\n"))
        if not words:
            self.variables |= values
            return self.status if values else 0
        before = self.variables
        if values:
            self.variables = {**before, **values}
        try:
            return self.call(words, streams)
        finally:
            if values:
                self.variables = before

    def call(self, words: list[str], streams: Streams) -> int:
        """Run a tool, or a script on the disk."""
        name = words[0]
        tool = self.tools.get(name.rpartition("/")[2] if name.startswith(("/bin/", "/usr/", "/sbin/")) else name)
        if tool is not None:
            return tool(self, words, streams)
        try:
            if "/" not in name:
                raise FileNotFoundError
            file = self.disk.file(absolute(name, self.folder))
        except FileNotFoundError:
            self.complain(f"{name}: not found", streams)
            return NOT_FOUND
        except OSError as error:
            self.complain(f"{name}: {reason(error)}", streams)
            return NOT_ALLOWED
        if not file.mode & 0o111:
            self.complain(f"{name}: Permission denied", streams)
            return NOT_ALLOWED
        return self.script(name, bytes(file.data), words[1:], streams)
