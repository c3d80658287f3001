"""Every page can be used by everybody: axe finds nothing wrong with it, narrow and wide, light and dark."""

import json

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from tests.web.everything import Everything
from tests.web.served import cloud as new_cloud

# All that WCAG 2.2 asks for at level AA, and what else is good.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Nothing is fetched for it: the pages do not let scripts ask for anything.
OPTIONS = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}, "preload": False}
# What is folded, and what the browser has not laid out since nobody has seen it yet.
OPENED = """
for (const each of document.querySelectorAll("details")) each.open = true;
for (const each of document.querySelectorAll(".log")) each.style.contentVisibility = "visible";
"""
LOOKS = [(360, 800, True), (1280, 900, False)]  # sizes do not change colours, nor colours sizes
REFUSED = "Failed to load resource"


@pytest.fixture(scope="module")
def site(tmp_path_factory, empty_database):
    with new_cloud() as cloud:
        made = Everything(tmp_path_factory.mktemp("everything"), empty_database, "", cloud)
        yield made
        made.stop()


def violations(tab):
    """What axe finds: each rule with the elements that break it."""
    tab.run(AXE_SCRIPT)
    found = tab.run(f"axe.run(document, {json.dumps(OPTIONS)})")
    return [
        (each["id"], node["html"], node["failureSummary"]) for each in found["violations"] for node in each["nodes"]
    ]


@pytest.mark.parametrize(("width", "height", "dark"), LOOKS)
def test_nobody_is_kept_out_of_a_page(width, height, dark, site, browser):
    found = {}
    with browser.tab(width, height, dark) as tab:
        for name, path in site.pages.items():
            tab.open(site.root + path)
            tab.run(OPENED)
            found[name] = violations(tab)
            if tab.run("document.documentElement.scrollWidth - innerWidth") > 0:
                found[name].append("it is too wide")
        assert [each for each in tab.complaints if REFUSED not in each] == []
    assert {name: some for name, some in found.items() if some} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nobody_is_kept_out_of_what_only_some_see_or_what_went_wrong(dark, site, browser):
    with browser.tab(dark=dark) as tab:
        tab.open(f"{site.root}/enter")
        tab.do(tab.page.fill, "#token", "no token")
        tab.do(tab.page.click, "main button")
        tab.until("document.querySelector('[role=alert]') !== null")
        assert violations(tab) == []
        tab.know(site.root, "chanops", site.token)
        for name in ("home", "private", "quiet", "enter", "leave", "missed"):
            tab.open(site.root + site.pages[name])
            assert tab.run("document.title") != "Nothing here"
            assert violations(tab) == [], name
        assert [each for each in tab.complaints if REFUSED not in each] == []


def test_nobody_is_kept_out_where_too_many_search(site, browser):
    search = site.site.search
    before, search.waiting = search.waiting, 1000
    try:
        with browser.tab() as tab:
            tab.open(f"{site.root}/search?q=disk")
            assert "too many search" in tab.run("document.querySelector('[role=alert]').textContent")
            assert violations(tab) == []
    finally:
        search.waiting = before


def test_lines_that_come_while_somebody_reads_keep_nobody_out(site, browser):
    with browser.tab() as tab:
        tab.open(site.root + site.pages["today"])
        tab.until("document.querySelector('#state').textContent === 'Live'")
        site.keep(site.message("said just now"), site.message("", "zoe", "join"), site.message("", "zed", "join"))
        tab.until("document.querySelector('#tail .fold') && document.querySelector('#tail b')")
        tab.run("document.querySelector('#pause').click()")
        site.keep(site.message("said later"))
        tab.until("document.querySelector('#news').textContent === '1 new line ↓'")
        tab.run("document.querySelector('#tail .at').click()")
        tab.until("!document.querySelector('#chosen').hidden")
        assert violations(tab) == []
        assert tab.complaints == []


def test_what_keeps_somebody_out_is_found(site, browser):
    with browser.tab() as tab:
        tab.open(f"{site.root}/search")
        tab.run("document.querySelector('label').remove(), document.documentElement.removeAttribute('lang')")
        assert {rule for rule, *_ in violations(tab)} >= {"label", "html-has-lang"}


def test_what_the_policy_forbids_is_a_complaint(site, browser):
    with browser.tab() as tab:
        tab.open(f"{site.root}/search")
        assert tab.complaints == []
        tab.run("document.body.setAttribute('style', 'color: red')")
        [complaint] = tab.complaints
        assert "Content Security Policy" in complaint
