"""A real Chromium without a window, told what to do over a pair of pipes (the DevTools protocol)."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--remote-debugging-pipe",
)
DEADLINE = 20.0


def chromium():
    """Where it is. Skips where it is missing; fails on CI, where a skip would hide it."""
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is missing: apt-get install chromium")
    if found is None:
        pytest.skip("chromium is missing: apt-get install chromium")
    return found


class Browser:
    """One process; its tabs are apart from each other."""

    def __init__(self, folder):
        command = [chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        ends = [*os.pipe(), *os.pipe()]
        # Away from 3, from which it reads, and 4, to which it writes.
        told, self.out, self.inward, says = (fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 100) for each in ends)
        for each in ends:
            os.close(each)
        # No browser outlives tests that were killed themselves.
        line = f'exec setpriv --pdeathsig KILL "$@" 3<&{told} 4>&{says}'
        self.process = subprocess.Popen(
            ["bash", "-c", line, "bash", *command],
            pass_fds=(told, says), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        os.close(told)
        os.close(says)
        self.count, self.rest, self.answers, self.events = 0, b"", {}, []

    def ask(self, method, session=None, **params):
        """What it answers."""
        self.count += 1
        number = self.count
        asked = {"id": number, "method": method, "params": params}
        text = json.dumps(asked | ({"sessionId": session} if session else {}))
        with contextlib.suppress(BrokenPipeError):  # what became of it is seen below
            os.write(self.out, text.encode() + b"\0")
        end = time.monotonic() + DEADLINE
        while number not in self.answers:
            self.read(end)
        answer = self.answers.pop(number)
        assert "error" not in answer, answer
        return answer["result"]

    def read(self, end):
        """Read what it says, until some of it is whole."""
        ready, _, _ = select.select([self.inward], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"chromium says nothing; it ended with {self.process.poll()}"
        data = os.read(self.inward, 1 << 20)
        assert data, f"chromium is gone: {self.process.wait(DEADLINE)}"
        *whole, self.rest = (self.rest + data).split(b"\0")
        for each in map(json.loads, whole):
            if "id" in each:
                self.answers[each["id"]] = each
            else:
                self.events.append(each)

    @contextlib.contextmanager
    def tab(self, width=1280, height=900, dark=False, script=True):
        """A page of its own, with cookies and cache of its own."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        made = Tab(self, session)
        for name in ("Page", "Runtime", "Log", "Network"):
            made.ask(f"{name}.enable")
        made.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        made.ask("Emulation.setEmulatedMedia", features=[scheme])
        if not script:
            made.ask("Emulation.setScriptExecutionDisabled", value=True)
        yield made
        self.ask("Target.closeTarget", targetId=target)
        self.ask("Target.disposeBrowserContext", browserContextId=context)

    def stop(self):
        with contextlib.suppress(OSError, AssertionError):
            self.ask("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.inward)


class Tab:
    """One page."""

    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def ask(self, method, **params):
        return self.browser.ask(method, self.session, **params)

    def open(self, url):
        """Go there, and wait until all of it is loaded."""
        loaded = self.count("Page.loadEventFired")
        answer = self.ask("Page.navigate", url=url)
        assert not answer.get("errorText"), answer
        end = time.monotonic() + DEADLINE
        while self.count("Page.loadEventFired") == loaded:
            self.browser.read(end)

    def count(self, method):
        return len(self.heard(method))

    def heard(self, method):
        """What it told of that kind."""
        return [
            each["params"]
            for each in self.browser.events
            if each["method"] == method and each.get("sessionId") == self.session
        ]

    def run(self, script):
        """The value of an expression there."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script, within=DEADLINE):
        """Wait there until an expression is true, asked whenever the page changes and ten times a second."""
        wait = (
            f"new Promise((yes, no) => {{ const end = Date.now() + {within * 1000}; const look = () => ({script}) ? "
            "yes(true) : Date.now() > end ? no(new Error(document.body.innerText)) : setTimeout(look, 50); look(); })"
        )
        assert self.run(wait)

    @property
    def complaints(self):
        """What stands in the console: errors, warnings, what the policy forbade."""
        logged = [each["entry"] for each in self.heard("Log.entryAdded")]
        found = [each["text"] for each in logged if each["level"] in ("warning", "error")]
        found += [str(each) for each in self.heard("Runtime.exceptionThrown")]
        return found + [str(each["args"]) for each in self.heard("Runtime.consoleAPICalled")]

    def picture(self, whole=False):
        """A PNG of it."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"])
