"""A chanops that runs as a process of its own, for tests; and how they wait for it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

WITHIN = 20.0


class RunningBot:
    """`python -m chanops run` with a configuration in a folder; its log is read as it comes."""

    def __init__(self, folder, text):
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder, self.path = folder, folder / "config.ini"
        self.path.touch(mode=0o600)
        self.path.write_text(text)
        self.log, self.grown = [], threading.Condition()
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "chanops", "--config", str(self.path), "run"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=self.folder)
        threading.Thread(target=self.read, args=(self.process.stderr,), daemon=True).start()
        return self

    def read(self, stream):
        with stream:
            for line in stream:
                with self.grown:
                    self.log.append(line.decode().rstrip())
                    self.grown.notify_all()

    def wait_for(self, pattern, within=WITHIN, after=0):
        """The first line of the log from `after` on that matches."""
        with self.grown:
            found = []

            def look():
                found[:] = [line for line in self.log[after:] if re.search(pattern, line)]
                return bool(found)

            assert self.grown.wait_for(look, within), f"no {pattern!r} in the log:\n" + "\n".join(self.log[-40:])
            return found[0]

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.process.kill()
        return self.process.wait(10) if self.process else None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def resident(self):
        """Megabytes."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def fetch(address, **headers):
    """(status, headers, body) of a page."""
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def eventually(look, within=WITHIN):
    """The first true value that a look gives, within a deadline."""
    end = time.monotonic() + within
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < end, "it did not happen in time"
        pause.wait(0.02)
    return found
