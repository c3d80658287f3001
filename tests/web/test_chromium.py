"""The pages in a real Chromium: live ones change by themselves, nothing is forbidden, nothing is too wide."""

import re

import pytest

from chanops.simulator.digitalocean import Fault
from tests.web.served import PAYLOADS, Served, account, until
from tests.web.served import cloud as new_cloud

CONFIGURED = """
[machine:spider]
size = s-1vcpu-1gb
region = fra1
image = debian-12-x64
[host:nas]
address = 10.0.0.5
tags = office
"""
STATE = "document.querySelector('#part-state .state').textContent"
# The WCAG contrast of each text with what is behind it; the worst of the page.
CONTRAST = """
(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => parts(text).slice(0, 3).map((each) => each / 255)
    .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = getComputedStyle(each).backgroundColor;
      if (parts(found)[3] !== 0) return found;
    }
  };
  let worst = [99, ""];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim())) continue;
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
    const found = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (found < worst[0]) worst = [found, element.outerHTML];
  }
  return worst;
})()
"""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory, empty_database):
    """A bot with something on each page, and the number of its live job."""
    with new_cloud() as cloud:
        made = Served(tmp_path_factory.mktemp("furnished"), empty_database, account(cloud) + CONFIGURED)
        yield made, furnish(made, cloud)
        made.stop()


def furnish(served, cloud):
    cloud.world.add_droplet("web-1", tags=("web", "a-rather-long-tag-of-somebody-who-likes-them"))
    cloud.world.add_droplet("old-db", status="off", tags=("db",))
    cloud.world.add_snapshot("spider-20261101T120000Z-j12", 99999, 4.2)
    cloud.world.add_snapshot("empty", 99999, 0.0)
    for payload in PAYLOADS:
        cloud.world.add_droplet(f"x{payload}", tags=(payload,))
        cloud.world.add_snapshot(f"x{payload}", 99999)
    served.bot.say(".url https://example.org/" + "long" * 60 + " How the site limits requests")
    served.over(served.say(".up spider"))
    served.jobs.report("what the machines cost", "do: 3 machines, 2 running\ndo: 2 snapshots")
    served.end(served.begin("up web-2", ("web-2",), warnings=("it is late",)), "failed", "no room " + "x" * 200)
    served.end(served.begin("up web-3", ("web-3",)), "needs-attention", "look at it")
    served.end(served.begin("up web-4", ("web-4",)), "cancelled", "nothing had been begun")
    claim = served.begin("up " + ", ".join(PAYLOADS), tuple(f"m{payload}" for payload in PAYLOADS))
    for number, payload in enumerate(PAYLOADS):
        served.jobs.journal.show(claim, number, "running", payload)
        served.jobs.journal.intend(claim, number, payload, 1, None, 0)
    return claim.job


def paths_of(live):
    return ["/", "/machines", "/jobs", "/jobs/1", "/jobs/2", "/jobs/3", f"/jobs/{live}", "/nothing", "/jobs?before=3"]


def test_a_page_that_is_open_shows_the_end_of_its_job_without_being_loaded_again(start, cloud, browser):
    served = start(account(cloud))
    cloud.world.faults.add(Fault("lag", path="droplets$", times=None, seconds=3600))
    number = served.say(".up web size=s-1vcpu-1gb region=fra1 image=debian-12-x64")
    with browser.tab() as tab:
        tab.open(f"{served.root}/jobs/{number}")
        tab.run("window.mark = 'not loaded again'")
        assert tab.run(STATE) in ("running", "waiting")
        tab.until(f"{STATE} === 'running' && document.body.innerText.includes('is being made')")
        tab.until("document.querySelector('#part-times [data-since]').textContent !== '0 s'")
        cloud.world.faults.clear()
        tab.until(f"{STATE} === 'done'")
        text = tab.run("document.body.innerText")
        assert "done in" in text
        assert re.search(r"web\s+●?\s*done\s+do, id \d+\s+203\.0\.113\.", text)
        assert tab.run("document.title").startswith(f"Job {number}: up web")
        assert tab.run("document.title").endswith("· done")
        assert tab.run("window.mark") == "not loaded again"
        until(lambda: served.live.watchers == [])
        assert tab.complaints == []
        assert tab.asked.count(f"{served.root}/jobs/{number}") == 1
        assert tab.asked.count(f"{served.root}/jobs/{number}/events") == 1


def test_what_is_hostile_stays_text_also_where_the_script_puts_it(start, browser):
    served = start()
    claim = served.begin("up " + " ".join(PAYLOADS), tuple(f"m{payload}" for payload in PAYLOADS))
    with browser.tab() as tab:
        tab.open(f"{served.root}/jobs/{claim.job}")
        for number, payload in enumerate(PAYLOADS):
            served.jobs.journal.show(claim, number, "running", f"late {payload}")
        served.end(claim, "failed", "the end " + "".join(PAYLOADS))
        tab.until(f"{STATE} === 'failed'")
        assert tab.run("document.querySelectorAll('h1').length") == 1
        assert tab.run("document.querySelectorAll('main script, main img, main b[onclick], main meta').length") == 0
        rows = tab.run("document.querySelectorAll('#part-machines tbody tr').length")
        assert rows == len(PAYLOADS)
        assert tab.complaints == []


def test_without_a_script_a_page_says_how_it_reloads(start, browser):
    served = start()
    claim = served.begin()
    with browser.tab(script=False) as tab:
        tab.open(f"{served.root}/jobs/{claim.job}")
        assert served.live.watchers == []
        assert 'http-equiv="refresh"' in tab.source
        assert tab.complaints == []
    served.end(claim)


@pytest.mark.parametrize(("width", "height"), [(360, 800), (1280, 900)])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_is_too_wide_or_too_pale_or_does_what_is_forbidden(width, height, dark, furnished, browser):
    served, number = furnished
    with browser.tab(width, height, dark) as tab:
        for path in paths_of(number):
            tab.open(served.root + path)
            assert tab.run("document.documentElement.scrollWidth - innerWidth") <= 0, path
            # Nothing sticks out of what holds it, also where that would only be cut off.
            out = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
            assert tab.run(f"{out}.map(e => e.outerHTML)") == [], path
            worst, where = tab.run(CONTRAST)
            assert worst >= 4.5, (path, worst, where)
            assert len(tab.picture()) > 1000
        # The page that is not there is the only one to complain of.
        assert [each for each in tab.complaints if "404 (Not Found)" not in each] == []
        assert len(tab.complaints) <= 1
