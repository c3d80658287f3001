"""Starts the bot or the floor on a server of its own, and ends it."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.ircd import CAPS, BotError, Ircd
from benchmarks.traffic import NICKS

HERE = Path(__file__).resolve().parent
# A child ends by itself after this long, even if we were killed and could not end it.
LIFETIME = 900
CONFIG = """\
[bot]
data_dir = {folder}/data
plugins = {folder}/plugins

[network:bench]
host = 127.0.0.1
port = {port}
tls = no
nick = bot
channels = #ops
send_burst = {burst}
send_interval = {interval}

[web]
listen = 127.0.0.1:{web}
{more}"""
UNTHROTTLED = (1_000_000, 0.0)


@dataclass(frozen=True)
class Contender:
    """A bot to measure: the floor has no command of its own."""

    name: str
    command: str = ""
    caps: str = CAPS

    @property
    def is_floor(self) -> bool:
        return not self.command


@dataclass
class Plan:
    """How much to send; and the feed that the bot served last, for the floor to serve the same."""

    lines: int = 100_000
    feed: bytes = b"x" * 60_000


@dataclass(frozen=True)
class Running:
    """A bot that has joined #ops, and the times of its start and its JOIN."""

    ircd: Ircd
    pid: int
    folder: Path
    web: int
    started: float
    joined: float

    @property
    def database(self) -> Path:
        return self.folder / "data" / "chanops.db"


@contextmanager
def running(
    bot: Contender,
    folder: Path | None = None,
    throttle: tuple[int, float] = UNTHROTTLED,
    more: str = "",
    rate: float = 0,
) -> Iterator[Running]:
    """The bot in its channel; `more` settings and `throttle` are for chanops, `rate` for the floor."""
    with TemporaryDirectory(prefix="bench-") as temporary, Ircd(NICKS, bot.caps) as ircd:
        home = folder or Path(temporary)
        web = free_port()
        if bot.is_floor:
            command = script("floor.py", f"--port={ircd.port}", f"--rate={rate}")
        else:
            config = _configure(home, ircd.port, web, throttle, more)
            command = [word.replace("{config}", str(config)) for word in shlex.split(bot.command)]
        started = time.perf_counter()
        with process(command, home / "log") as child:
            try:
                joined = _wait_for_join(ircd, child)
                yield Running(ircd, child.pid, home, 0 if bot.is_floor else web, started, joined)
            except (BotError, OSError) as error:
                tail = (home / "log").read_text(errors="replace")[-1500:].strip()
                raise BotError(f"{error}; its last words:\n{tail}" if tail else str(error)) from error


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=HERE.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # As on anybody's machine: without bytecode each start would compile the bot, not only load it.
            env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            preexec_fn=lambda: signal.alarm(LIFETIME),
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def script(name: str, *words: str) -> list[str]:
    """The command for one of our own files."""
    return [sys.executable, str(HERE / name), *words]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, timeout: float = 15) -> tuple[bytes, str]:
    """The body and the ETag of a page, as soon as the server is up."""
    end = time.perf_counter() + timeout
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                return body, answer.headers.get("ETag", "")
            why = f"{answer.status} {answer.reason}"
        except (OSError, HTTPException) as error:
            why = str(error)
        finally:
            connection.close()
        if time.perf_counter() > end:
            raise BotError(f"GET {path}: {why}")
        time.sleep(0.05)


def _configure(folder: Path, port: int, web: int, throttle: tuple[int, float], more: str) -> Path:
    """Files with the modes that a careful bot insists on."""
    for name, mode in (("data", 0o700), ("plugins", 0o755)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(mode)
    plugin = folder / "plugins" / "bping.py"
    plugin.write_bytes((HERE / "bping.py").read_bytes())
    plugin.chmod(0o644)
    config = folder / "config.ini"
    config.touch(mode=0o600)
    burst, interval = throttle
    text = CONFIG.format(folder=folder, port=port, burst=burst, interval=f"{interval:g}", web=web, more=more)
    config.write_text(text)
    return config


def _wait_for_join(ircd: Ircd, child: subprocess.Popen[bytes]) -> float:
    end = time.perf_counter() + 30
    while True:
        try:
            return ircd.wait_for(b"JOIN ", 0.5).at
        except BotError as error:
            if child.poll() is not None:
                raise BotError(f"it ended with exit code {child.returncode} and never joined") from error
            if time.perf_counter() > end:
                raise
