"""A real Chromium without a window, told what to do by playwright in a thread of its own."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
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
    """One process; its tabs are apart from each other. It ends with the tests, also where those are killed.

    playwright leaves a running event loop in the thread that calls it; tests are to have none.
    """

    def __init__(self):
        path = chromium()
        self.thread = ThreadPoolExecutor(1, "browser")
        self.playwright = self.do(sync_playwright().start)
        self.process = self.do(self.playwright.chromium.launch, executable_path=path, args=FLAGS)

    def do(self, what, *args, **named):
        """Call something of playwright's."""
        return self.thread.submit(what, *args, **named).result(DEADLINE * 2)

    @contextmanager
    def tab(self, width=1280, height=900, dark=False, script=True, zone="UTC"):
        """A page of its own, with cookies and cache of its own."""
        context = self.do(
            self.process.new_context,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            timezone_id=zone,
        )
        yield Tab(self, context, self.do(context.new_page))
        self.do(context.close)

    def stop(self):
        self.do(self.process.close)
        self.do(self.playwright.stop)
        self.thread.shutdown()


class Tab:
    """One page."""

    def __init__(self, browser, context, page):
        self.browser, self.context, self.page = browser, context, page
        self.asked, self.found = [], []
        page.set_default_timeout(DEADLINE * 1000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", self.heard)
        page.on("pageerror", lambda error: self.found.append(str(error)))

    def do(self, what, *args, **named):
        return self.browser.do(what, *args, **named)

    def heard(self, said):
        """Something came into the console; advice to developers is no complaint."""
        if said.type != "verbose":
            self.found.append(f"{said.type}: {said.text}")

    def open(self, url):
        """Go there, and wait until all of it is loaded."""
        self.do(self.page.goto, url)

    def run(self, script):
        """The value of an expression there."""
        return self.do(self.page.evaluate, script)

    def until(self, script, within=DEADLINE):
        """Wait there until an expression is true, asked twenty times a second."""
        wait = (
            f"new Promise((yes, no) => {{ const end = Date.now() + {within * 1000}; const look = () => ({script}) ? "
            "yes(true) : Date.now() > end ? no(new Error(document.body.innerText)) : setTimeout(look, 50); look(); })"
        )
        assert self.run(wait)

    def know(self, url, name, value):
        """Have a cookie for an address."""
        self.do(self.context.add_cookies, [{"url": url, "name": name, "value": value}])

    @property
    def complaints(self):
        """What stands in the console: what scripts say, errors, warnings, what the policy forbade."""
        self.run("0")  # what came before is heard of by then
        return list(self.found)

    @property
    def source(self):
        """The page as it is now, as HTML."""
        return self.do(self.page.content)

    def picture(self, whole=False):
        """A PNG of it."""
        return self.do(self.page.screenshot, full_page=whole)
