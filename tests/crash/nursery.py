"""Lives of the bot, cheap to begin: a process that has read all modules forks one for each."""

import ctypes
import gc
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.child import Spec, live

ROOT = Path(__file__).parents[2]
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
CONFIGURATION = """\
[network:test]
host = irc.example.net
channels = #ops
[roles]
admin = alice
ops = alice
"""


@dataclass
class Life:
    """A process that runs; `ended` is set when it is gone."""

    pid: int
    handle: int
    ended: threading.Event = field(default_factory=threading.Event)
    status: int = 0

    def signal(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; nothing where it is gone."""
        with suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self.handle, number)

    def kill(self) -> None:
        """Kill, and wait until it is gone."""
        self.signal()
        if not self.ended.wait(20):
            raise TimeoutError(f"process {self.pid} does not die")


class Nursery:
    """Begins lives; from any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lives: dict[int, Life] = {}
        self.orphans: dict[int, int] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answers: list[tuple[int, threading.Event]] = []
        self.born: dict[int, int] = {}
        self.waiting: dict[int, threading.Event] = {}
        self.count = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def begin(self, spec: Spec) -> Life:
        """A new life."""
        arrived = threading.Event()
        with self.lock:
            self.count += 1
            key = self.count
            self.waiting[key] = arrived
            self.process.stdin.write(json.dumps({"key": key, "spec": asdict(spec)}) + "\n")
            self.process.stdin.flush()
        if not arrived.wait(30):
            raise TimeoutError("the nursery does not answer")
        with self.lock:
            return self.lives[self.born.pop(key)]

    def read(self) -> None:
        for line in self.process.stdout:
            told = json.loads(line)
            with self.lock:
                if "born" in told:
                    # It is a child of the nursery, which waits for our word before it lets go of a dead one's number.
                    self.lives[told["born"]] = Life(told["born"], os.pidfd_open(told["born"]))
                    self.born[told["key"]] = told["born"]
                    self.waiting.pop(told["key"]).set()
                    self.process.stdin.write(json.dumps({"seen": told["born"]}) + "\n")
                    self.process.stdin.flush()
                else:
                    life = self.lives.pop(told["ended"])
                    life.status = told["status"]
                    life.ended.set()
                    os.close(life.handle)
                    life.handle = -1

    def close(self) -> None:
        """End all of them."""
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(20)
        self.process.stdout.close()

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def main() -> None:
    """The process that forks; it has one thread only."""
    warm_up()
    gc.collect()
    gc.freeze()
    ended, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    alive: set[int] = set()
    seen: set[int] = set()
    rest = b""
    while True:
        ready, _, _ = select.select([0, ended], [], [], 1.0)
        if ended in ready:
            os.read(ended, 4096)
        if 0 in ready:
            chunk = os.read(0, 1 << 20)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                told = json.loads(line)
                if "seen" in told:
                    seen.add(told["seen"])
                    continue
                pid = fork(Spec(**told["spec"]))
                alive.add(pid)
                tell(key=told["key"], born=pid)
        for pid in [*alive & seen]:
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                alive.discard(pid)
                seen.discard(pid)
                tell(ended=pid, status=status)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    for pid in alive:
        os.waitpid(pid, 0)


def tell(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def fork(spec: Spec) -> int:
    """Fork a life."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        log = os.open(f"{spec.events}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 2)
        os.closerange(3, 256)
        live(spec)
    except BaseException:  # noqa: BLE001  it is told, and this process ends
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


def warm_up() -> None:
    """Have all modules read, the plugins' too."""
    from chanops import configuration
    from chanops.app import App

    folder = Path(tempfile.mkdtemp(prefix="chanops-crash-"))
    try:
        path = folder / "config.ini"
        path.touch(mode=0o600)
        path.write_text(CONFIGURATION)
        App(configuration.read(path)).prepare()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
