"""What is said of a link's page, where titles are said."""

import pytest

from chanops.services.titles.rules import Fetched
from chanops.testing import until

PLAN = "http://example.org/plan"
FOUND = Fetched("The plan", "text/html", None, PLAN)


@pytest.fixture
def extra_configuration():
    return "[channel:#ops]\ntitles = yes\n[titles]\nfetch = no\n"


@pytest.fixture
def mentioned(bot):
    """What was told of the link that alice mentioned."""
    told = []
    bot.app.archive.links.on_kept = lambda number, posted, new: told.append((number, posted))
    bot.say(f"see {PLAN}")
    return until(lambda: told)[0]


def titles_said(bot):
    bot.app.database.wait(lambda connection: None)
    return [text for _, text in bot.heard.lines if text.startswith("\u21b3")]


def test_the_title_of_a_page_is_said_and_kept(bot, mentioned):
    bot.app.archive.title_found(*mentioned, FOUND)
    assert titles_said(bot) == ["\u21b3 The plan"]
    assert [link.named for link in bot.app.archive.links.newest()] == ["The plan"]


def test_no_title_is_said_where_the_link_is_gone(bot, mentioned):
    assert bot.app.archive.forgetting.forget([mentioned[1].line], "alice") == 1
    bot.app.archive.title_found(*mentioned, FOUND)
    assert titles_said(bot) == []


def test_no_title_is_said_where_only_somebody_else_s_mention_is_left(bot, mentioned):
    bot.say(f"again {PLAN}", "bob")
    bot.app.database.wait(lambda connection: None)
    assert bot.app.archive.forgetting.forget([mentioned[1].line], "alice") == 1
    bot.app.archive.title_found(*mentioned, FOUND)
    assert titles_said(bot) == []
    [link] = bot.app.archive.links.newest()
    assert (link.said.nick, link.fetched) == ("bob", "The plan")


def test_links_that_wait_are_stored_when_the_bot_leaves(bot, monkeypatch):
    monkeypatch.setattr(bot.app.archive.links.queue, "scheduled", True)  # as if that were on its way, and is not
    bot.say(f"see {PLAN}")
    assert len(bot.app.archive.links.queue.waiting) == 1
    monkeypatch.undo()
    bot.app.archive.stop()
    assert [link.address for link in bot.app.archive.links.newest()] == [PLAN]
