"""The log in a real Chromium: new lines come by themselves, lines are marked, nothing is forbidden or too wide."""

from datetime import UTC, datetime, timedelta

import pytest

from chanops.services.missed_token import Pass, Span
from tests.web.logged import NOON, Logged
from tests.web.memory import Memory
from tests.web.served import until

DAY = "/log/net/%23ops/2026-11-21"
LIVE = "document.querySelector('#state').textContent === 'Live'"
SPLIT = "irc1.example.net irc2.example.net"
CHOSEN = "[...document.querySelectorAll('li.chosen')].map((each) => each.id).join(' ')"


@pytest.fixture
def logged(database):
    made = Logged(database)
    yield made
    made.stop()


def test_new_lines_come_by_themselves_and_forgotten_ones_go(logged, browser):
    logged.say("before")
    with browser.tab() as tab:
        tab.open(logged.root + DAY)
        tab.until("document.querySelector('#state').textContent === 'Live'")
        number = logged.say("\x02hello\x02 <b>")
        tab.until(f"document.querySelector('#l{number} .fb')?.textContent === 'hello'")
        logged.forgetting.forget([number], "carol")
        tab.until(f"document.querySelector('#l{number}').innerText.includes('a line was removed')")
        assert "hello" not in tab.run("document.body.innerText")
        tab.run("document.querySelector('#pause').click()")
        logged.say("later")
        tab.until("document.querySelector('#news').textContent === '1 new line ↓'")
        assert "later" not in tab.run("document.body.innerText")
        tab.run("document.querySelector('#news').click()")
        tab.until("document.body.innerText.includes('later')")
        assert tab.complaints == []


def test_lines_from_one_to_another_are_marked_and_to_be_had_as_text(logged, browser):
    numbers = [logged.say(f"line {each}") for each in range(9)]
    with browser.tab() as tab:
        tab.open(f"{logged.root}{DAY}#l{numbers[2]}-l{numbers[4]}")
        wanted = " ".join(f"l{each}" for each in numbers[2:5])
        tab.until(f"{CHOSEN} === '{wanted}'")
        assert tab.run("document.querySelector('#as-text').getAttribute('href')") == (
            f"{DAY}.txt?from={numbers[2]}&to={numbers[4]}"
        )
        tab.run(f"document.querySelector('#l{numbers[6]} .at').click()")
        tab.until(f"{CHOSEN} === 'l{numbers[6]}'")
        click = "new MouseEvent('click', {bubbles: true, cancelable: true, shiftKey: true})"
        tab.run(f"document.querySelector('#l{numbers[5]} .at').dispatchEvent({click})")
        tab.until(f"{CHOSEN} === 'l{numbers[5]} l{numbers[6]}'")
        assert tab.run("location.hash") == f"#l{numbers[6]}-l{numbers[5]}"
        tab.run("document.querySelector('#clear').click()")
        tab.until(f"{CHOSEN} === ''")
        assert tab.complaints == []


def test_a_line_that_is_folded_away_is_opened_by_its_address(logged, browser):
    numbers = [logged.say("", "join", nick=f"n{each}") for each in range(4)]
    with browser.tab() as tab:
        tab.open(f"{logged.root}{DAY}#l{numbers[2]}")
        tab.until("document.querySelector('details').open")


def test_who_comes_and_goes_is_folded_while_it_happens(logged, browser):
    logged.say("before")
    with browser.tab() as tab:
        tab.open(logged.root + DAY)
        tab.until("document.querySelector('#state').textContent === 'Live'")
        for nick in ("dan", "erin"):
            logged.say("", "join", nick=nick)
        logged.say("bye", "quit", nick="dan")
        tab.until("document.querySelector('#tail .fold summary')?.textContent === '2 joined, 1 left'")
        assert tab.run("document.querySelectorAll('#tail > li').length") == 1
        logged.say("hello")
        tab.until("document.querySelectorAll('#tail > li').length === 2")
        assert tab.complaints == []


def summaries(tab):
    return tab.run("[...document.querySelectorAll('summary')].map((each) => each.textContent)")


def test_a_netsplit_looks_live_as_it_does_when_the_page_is_loaded_again(logged, browser):
    logged.say("before")
    with browser.tab() as tab:
        tab.open(logged.root + DAY)
        tab.until(LIVE)
        for nick in ("dan", "erin"):
            logged.say("", "join", nick=nick)
        for nick in ("dan", "erin", "frank"):
            logged.say(SPLIT, "quit", nick=nick)
        logged.say("", "join", nick="dan")
        last = logged.say(f"Quit: {SPLIT}", "quit", nick="dan")
        tab.until(f"document.querySelector('#l{last}')")
        live = summaries(tab)
        assert live == ["2 joined", f"netsplit: {SPLIT} — 3 left", "1 joined, 1 left"]
        tab.open(logged.root + DAY)
        assert summaries(tab) == live
        tab.until(LIVE)
        logged.say("", "join", nick="gina")
        tab.until("[...document.querySelectorAll('summary')].at(-1).textContent === '2 joined, 1 left'")
        assert tab.run("document.querySelectorAll('#tail > li').length") == 0
        assert tab.complaints == []


def drop(logged):
    """The connection is lost, as when the bot starts again."""
    logged.days.tail.in_loop(logged.days.tail.end)
    until(lambda: logged.days.tail.count == 0)


def test_what_happened_while_nobody_was_connected_is_made_up(logged, browser):
    logged.say("yesterday", at=NOON - timedelta(days=1))
    with browser.tab() as tab:
        tab.open(logged.root + DAY)
        tab.until(LIVE)
        drop(logged)
        secret = logged.say("said while away")
        tab.until(f"document.querySelector('#l{secret}')")
        tab.until(LIVE)
        drop(logged)
        logged.forgetting.forget([secret], "carol")
        late = logged.say("played back", at=NOON - timedelta(minutes=1), replayed=True)
        assert late < secret
        tab.until(f"document.querySelector('#l{late}')")
        tab.until(f"document.querySelector('#l{secret}').matches('.gone')")
        assert "said while away" not in tab.run("document.body.innerText")
        assert tab.run("document.querySelectorAll('.log > li').length") == 2


def test_a_page_is_live_again_whatever_its_connection_met(logged, browser):
    logged.say("before")
    with browser.tab() as tab:
        met = []

        def fail(route):
            met.append(route.request.url)
            if len(met) > 2:
                route.continue_()
            else:
                route.fulfill(status=502, body="bad gateway")

        tab.open(logged.root + DAY)
        tab.until(LIVE)
        tab.do(tab.page.route, "**/events*", fail)
        drop(logged)
        number = logged.say("meanwhile")
        tab.until(f"document.querySelector('#l{number}')")
        tab.until(LIVE)
        assert len(met) >= 3


def test_the_last_lines_of_a_day_are_on_its_page(logged, browser):
    midnight = NOON + timedelta(hours=12)
    logged.say("before")
    with browser.tab() as tab:
        tab.open(logged.root + DAY)
        tab.until(LIVE)
        drop(logged)
        number = logged.say("last words", at=midnight - timedelta(seconds=1))
        logged.now = midnight + timedelta(hours=8)
        logged.say("good morning", at=midnight + timedelta(hours=8))
        tab.until("document.querySelector('#state a')?.getAttribute('href').endsWith('/2026-11-22')")
        assert tab.run(f"document.querySelector('#l{number}') !== null")
        assert "good morning" not in tab.run("document.body.innerText")


@pytest.mark.parametrize("width", [320, 800, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_no_page_is_wider_than_its_window(logged, browser, width, dark):
    for text in ("x" * 400, "\x0304,01 red \x0f and https://example.org/" + "a" * 300, "short"):
        logged.say(text, nick="a-very-long-nickname-indeed")
    for path in (DAY, "/log/net/%23ops/", "/"):
        with browser.tab(width, dark=dark) as tab:
            tab.open(logged.root + path)
            assert tab.run("document.documentElement.scrollWidth <= innerWidth")
            assert tab.complaints == []


def test_a_reader_elsewhere_sees_his_own_time(logged, browser):
    logged.say("x")
    with browser.tab(zone="Asia/Kolkata") as tab:
        tab.open(logged.root + DAY)
        tab.until("document.querySelector('.at time').textContent === '17:30'")
        assert "UTC+05:30" in tab.run("document.querySelector('#zone').textContent")


@pytest.fixture
def found(database, tmp_path):
    made = Memory(database, tmp_path)
    made.say("zebra")
    yield made
    made.stop()


def test_times_of_hits_and_of_what_was_missed_say_whose_they_are(found, browser):
    begin, end = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    span = Span(found.reading.channel("net", "#ops").id, begin, end)
    missed = found.missed.signer.sign(Pass("bob", (span,)), datetime.now(UTC))
    for path in ("/search?q=zebra", f"/missed/{missed}"):
        url = f"http://{found.port.address}{path}"
        with browser.tab(zone="America/New_York", script=False) as tab:
            tab.open(url)
            assert "Times are UTC." in tab.source
        with browser.tab(zone="America/New_York") as tab:
            tab.open(url)
            tab.until("document.querySelector('.log .at time').textContent === '07:00'")
            assert "Times are yours" in tab.run("document.querySelector('#zone').textContent")
            assert tab.complaints == []
