"""The log in a real Chromium: new lines come by themselves, lines are marked, nothing is forbidden or too wide."""

import pytest

from tests.web.browser import Browser
from tests.web.logged import Logged

DAY = "/log/net/%23ops/2026-11-21"
CHOSEN = "[...document.querySelectorAll('li.chosen')].map((each) => each.id).join(' ')"


@pytest.fixture(scope="module")
def browser():
    made = Browser()
    yield made
    made.stop()


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
