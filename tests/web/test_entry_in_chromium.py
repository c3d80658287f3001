"""The entry in a real Chromium: what it says of where a form is from is taken, for our own form and no other."""

import pytest

from tests.feeds.served import ServedFeeds

SHOWN = "document.querySelector('main').innerText"


@pytest.fixture
def served(tmp_path, empty_database):
    made = ServedFeeds(tmp_path / "data", empty_database)
    yield made
    made.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_browser_comes_in_and_goes_out_by_our_own_forms(browser, served, host):
    token = served.access.add("carol").page
    root = f"http://{host}:{served.place.rpartition(':')[2]}"
    with browser.tab() as tab:
        tab.open(f"{root}/enter")
        assert "You read as" not in tab.run(SHOWN)
        tab.do(tab.page.fill, "input[name=token]", token)
        tab.do(tab.page.click, "main form button")
        tab.open(f"{root}/leave")
        assert "You read as carol" in tab.run(SHOWN)
        tab.do(tab.page.click, "main form button")
        tab.open(f"{root}/enter")
        assert "You read as" not in tab.run(SHOWN)
