"""What people ask about the log."""

import pytest

from chanops.offline import Heard
from chanops.testing import until


@pytest.fixture
def extra_configuration():
    return "[channel:#ops]\nprivate = yes\n"


def told(bot, *lines, nick="bob", **more):
    for text in lines:
        bot.say(text, nick, **more)
    number = bot.app.archive.scribe
    until(lambda: not number.waiting and not number.news.is_set())
    return lines


def in_log(bot, text):
    def look():
        archive = bot.app.archive
        channel = archive.reading.channel(bot.network, bot.channel)
        return channel and any(text in line.text for line in archive.reading.last(channel.id, most=50))

    until(look)


def test_log_finds_lines_with_their_addresses_and_not_the_question(bot):
    told(bot, "the deploy is done", "lunch")
    in_log(bot, "lunch")
    [line] = bot.say(".log deploy", "alice")
    assert "<bob> the deploy is done" in line
    assert bot.say(".log deploy nick:nobody", "alice") == ["no line has deploy nick:nobody"]
    [line] = bot.say('.log "deploy is"', "alice")
    assert "the deploy is done" in line


def test_a_day_that_is_none_is_words_and_it_is_said_how_to_write_one(bot):
    first, second = bot.say(".log after:yesterday deploy", "alice")
    assert first == "no line has after:yesterday deploy"
    assert second == "after:yesterday is no day, and was looked for as words: a day is 2026-11-21"
    assert len(bot.say(".log after:2026-11 deploy", "alice")) == 1


@pytest.mark.parametrize("words", ['"', "AND", "(", "*", "-x", "text:y", "NEAR(", "'; DROP TABLE lines; --", "\x00"])
def test_a_hostile_search_is_just_words(bot, words):
    assert all("failed" not in line for line in bot.say(f".log {words}", "alice"))


def test_seen_tells_when_and_what(bot):
    told(bot, "see you tomorrow")
    in_log(bot, "see you tomorrow")
    [line] = bot.say(".seen BOB", "alice")
    assert line.startswith("bob was seen ")
    assert "saying: see you tomorrow" in line
    assert bot.say(".seen carol", "alice") == ["carol was not seen here"]


def test_line_is_the_address_of_the_last_line_of_somebody(bot):
    told(bot, "first", nick="carol")
    told(bot, "remember this")
    in_log(bot, "remember this")
    [last] = bot.say(".line", "alice")
    [carols] = bot.say(".line carol", "alice")
    assert last.startswith("<bob> remember this")
    assert carols.startswith("<carol> first")


def test_what_the_bot_itself_answered_is_neither_the_last_line_nor_a_hit(bot):
    told(bot, "the deploy is done")
    told(bot, "#ops 2026-11-21 12:00 <bob> the deploy is done https://chat.example/line/7", nick="chanops_")
    in_log(bot, "/line/7")
    [last] = bot.say(".line", "alice")
    assert last.startswith("<bob> the deploy is done")
    [found] = bot.say(".log deploy", "alice")
    assert "<bob> the deploy is done" in found
    [own] = bot.say(".line chanops_", "alice")
    assert own.startswith("<chanops_> ")


def test_missed_answers_in_private_only(bot):
    told(bot, "alice: have a look at this", nick="bob")
    in_log(bot, "have a look")
    before = len(bot.heard.lines)
    bot.say(".missed", "alice")
    assert {where for where, _ in bot.heard.lines[before:]} <= {"alice"}
    assert bot.heard.lines[before:]


class Outside(Heard):
    """A network where nobody is in a channel with the bot."""

    def has(self, channel, nick):
        return False


def test_missed_tells_of_a_private_channel_only_whom_the_bot_sees_there(bot):
    told(bot, "hello", nick="alice")
    told(bot, "alice: have a look at this", nick="bob")
    in_log(bot, "have a look")
    assert "#ops" in bot.say(".missed", "alice", channel="")[0]
    bot.app.board.voices = {bot.network: Outside(bot.heard.lines)}
    assert bot.say(".missed", "alice", channel="") == [
        "I do not know of anything you missed: ask in the channel you mean"
    ]


def test_forget_takes_ones_own_last_line(bot):
    told(bot, "my password is hunter2", nick="bob")
    in_log(bot, "hunter2")
    assert bot.say(".forget", "bob") == ["forgotten: 1 line"]
    assert bot.say(".log hunter2", "alice") == ["no line has hunter2"]


def test_forget_takes_the_line_that_was_said_just_before(bot):
    told(bot, "an older line")
    in_log(bot, "an older line")
    for number in range(5):
        bot.say(f"oops{number} is for another window", "bob")
        assert bot.say(".forget", "bob") == ["forgotten: 1 line"]
        assert bot.say(f".log oops{number}", "alice") == [f"no line has oops{number}"]
    assert len(bot.say(".log older", "alice")) == 1


def test_forget_refuses_the_lines_of_others_without_the_role(bot):
    told(bot, "what bob said", nick="bob")
    in_log(bot, "what bob said")
    channel = bot.app.archive.reading.channel(bot.network, bot.channel)
    number = bot.app.archive.reading.last(channel.id, "bob")[0].id
    assert "not lines of your account" in bot.say(f".forget {number}", "mallory")[0]
    assert "not lines of your account" in bot.say(f".forget {number}", "bob", account="mallory")[0]
    assert "log in" in bot.say(".forget", "bob", account="")[0]
    assert bot.say(f".forget http://x/line/{number}", "alice") == ["forgotten: 1 line"]
    assert bot.app.archive.history.line(number).kind == "forgotten"


def test_forget_says_what_it_takes(bot):
    assert "give a line's number" in bot.say(".forget that one", "alice")[0]
    assert "there is no line 123456" in bot.say(".forget 123456", "alice")[0]


def test_what_was_said_in_a_private_channel_is_not_told_elsewhere(bot):
    told(bot, "the code is 4711zz", nick="bob")
    in_log(bot, "4711zz")
    assert "4711zz" in bot.say(".log code", "alice")[0]
    assert bot.say(".log 4711zz", "alice", channel="#elsewhere") == ["no line has 4711zz"]
    assert bot.say(".log 4711zz", "alice", channel="") == ["no line has 4711zz"]
    assert bot.say(".seen bob", "alice", channel="#elsewhere") == ["bob was not seen here"]
