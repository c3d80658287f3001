"""What is said of jobs in the channel, and how often."""

import threading
import time

import pytest

from chanops.core.sections import Settings
from chanops.services.history import History
from chanops.services.jobs import jobs as speaking
from chanops.services.jobs.jobs import Jobs
from chanops.services.jobs.work import Work
from chanops.services.pages import Pages
from chanops.testing import line, until


class Slow:
    """A kind of work that goes on when it is told to."""

    def __init__(self):
        self.go_on = {name: threading.Event() for name in ("half", "end")}

    def __call__(self, work: Work) -> str:
        work.say("is half done")
        assert self.go_on["half"].wait(20)
        work.say("is nearly done")
        assert self.go_on["end"].wait(20)
        return "is done"


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def there():
    """Whether the bot is in the channel."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def jobs(database, tmp_path, slow, heard, there, monkeypatch):
    monkeypatch.setattr(speaking, "FIRST_NEWS", 0.05)
    made = Jobs(database, History(database), Settings, lambda: Pages("http://ops.example"), {"test": slow})

    def say(network, channel, text):
        if there.is_set():
            heard.append((channel, text))
        return there.is_set()

    made.say = say
    made.start(tmp_path)
    yield made
    for event in slow.go_on.values():
        event.set()
    made.stop()


def begun(jobs, plan, *names):
    jobs.submit(plan(*names), line(".test"))
    until(lambda: any(part.text for part in jobs.whole(1).units))


def spoken(jobs, heard, seconds=0.2):
    """What is said of the jobs within a while."""
    before, end = len(heard), time.monotonic() + seconds
    while time.monotonic() < end:
        jobs.speak()
    return [text for _, text in heard[before:]]


def test_a_line_is_said_when_something_has_changed_and_none_when_nothing_has(jobs, slow, heard, plan):
    begun(jobs, plan, "web")
    assert spoken(jobs, heard) == ["job 1: web is half done"]
    assert spoken(jobs, heard) == []
    slow.go_on["half"].set()
    until(lambda: jobs.whole(1).units[0].text == "is nearly done")
    assert spoken(jobs, heard) == ["job 1: web is nearly done"]


def test_lines_about_one_job_come_less_and_less_often(jobs, slow, heard, plan):
    begun(jobs, plan, "web")
    assert len(spoken(jobs, heard)) == 1
    assert jobs.quiet[1][1] == 2 * 0.05
    slow.go_on["half"].set()
    until(lambda: jobs.whole(1).units[0].text == "is nearly done")
    assert len(spoken(jobs, heard)) == 1
    assert jobs.quiet[1][1] == 4 * 0.05


def test_a_job_with_many_machines_is_summed_up(jobs, slow, heard, plan):
    jobs.submit(plan("a", "b", "c"), line(".test"))
    until(lambda: all(part.text for part in jobs.whole(1).units))
    assert spoken(jobs, heard)[0].startswith("job 1: 0 of 3 done; ")


def test_the_end_is_said_once_and_with_its_page(jobs, slow, heard, plan):
    begun(jobs, plan, "web")
    for event in slow.go_on.values():
        event.set()
    until(lambda: jobs.find(1).over)
    assert spoken(jobs, heard)[-1].startswith("job 1: done in ")
    assert heard[-1][1].endswith("web is done http://ops.example/jobs/1")
    assert spoken(jobs, heard) == []


def test_the_end_waits_until_the_bot_is_in_the_channel(jobs, slow, heard, there, plan):
    there.clear()
    begun(jobs, plan, "web")
    for event in slow.go_on.values():
        event.set()
    until(lambda: jobs.find(1).over)
    assert spoken(jobs, heard) == []
    there.set()
    assert len(spoken(jobs, heard)) == 1


def test_whoever_waits_for_news_is_woken(jobs, slow, heard, plan):
    seen = jobs.wait_for_news(-1, 0)
    jobs.submit(plan("web"), line(".test"))
    assert jobs.wait_for_news(seen, 10) > seen
    assert jobs.wait_for_news(jobs.count, 0.01) == jobs.count
