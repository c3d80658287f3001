"""Between what is heard and what is said: a whole bot without a network, and plugins that try its patience."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from chanops.core.message import Message

PLUGIN = '''
"""For the tests of the switchboard."""
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import re
import threading

from chanops import Message, Problem, Rest, Say, command, daily, every, hears, on

GATE = threading.Event()
STARTS = []


@command("add", "plus")
def add(first: int, *others: int) -> str:
    """Add numbers."""
    return str(first + sum(others))


@command("pick")
def pick(colour: Literal["red", "green"], wait: timedelta = timedelta(minutes=1)) -> str:
    """Pick a colour."""
    return f"{colour} in {wait.total_seconds():.0f} s"


@command("lines")
def lines(count: int) -> Iterator[str]:
    """Some lines."""
    for number in range(count):
        yield f"line {number}"


@command("wrong")
def wrong() -> int:
    """Return what cannot be said."""
    return 7


@command("mend")
def mend() -> str:
    """Raise what a person can mend."""
    raise Problem("the door is locked: bring a key")


@command("gated")
def gated() -> str:
    """Wait for the gate."""
    GATE.wait(20)
    return "through"


@command("tell")
def tell(where: str, text: Rest, *, say: Say) -> None:
    """Say something elsewhere."""
    say(where, text)


@hears(r"(?P<count>\\d+) apples")
def apples(count: int, *, said: Message, match: re.Match) -> str:
    return f"{said.nick} has {count + 1} with mine ({match[0]})"


@hears("broken")
def broken() -> None:
    raise RuntimeError("nobody asked")


@on("start")
def started() -> None:
    STARTS.append(1)


@on("join")
def joined(*, said: Message) -> str:
    return f"welcome {said.nick}"


@every("1h", to="#ops")
def hourly() -> str:
    return "an hour has passed"


@daily("09:00", to="#ops", zone="Europe/Paris")
def morning() -> str:
    return "good morning"
'''


@pytest.fixture
def plugin_folders(tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    (folder / "patience.py").write_text(PLUGIN)
    return [str(folder)]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (".add 1 2 3", ["6"]),
        (".plus 4", ["4"]),
        (".ADD 1", ["1"]),
        (".add", ["alice: first is missing. Usage: .add FIRST [OTHERS…]"]),
        (".add 1 x", ["alice: others must be a whole number, not 'x'. Usage: .add FIRST [OTHERS…]"]),
        (".pick red", ["red in 60 s"]),
        (".pick wait=1h30m green", ["green in 5400 s"]),
        (
            ".pick gren",
            ["alice: colour must be one of red, green (did you mean green?), not 'gren'. Usage: .pick COLOUR [wait=…]"],
        ),
        (".mend", ["alice: the door is locked: bring a key"]),
        (".wrong", ["alice: wrong failed: that is a bug in it; the bot's log has the details"]),
        ("I have 3 apples and 10 apples", ["alice has 4 with mine (3 apples)", "alice has 11 with mine (10 apples)"]),
        ("all is broken", []),
        ("...", []),
        (".", []),
        (".5 is a number", []),
    ],
)
def test_what_is_said_is_answered(bot, said, answers):
    assert bot.say(said) == answers


def test_eight_lines_are_said_and_more_become_a_head_and_a_page(bot):
    assert bot.say(".lines 8") == [f"line {number}" for number in range(8)]
    answers = bot.say(".lines 9")
    assert answers[:8] == [f"line {number}" for number in range(8)]
    token = answers[8].removeprefix("… 1 more line: http://ops.example/reply/")
    assert bot.app.publishing.replies.find(token).text.splitlines() == [f"line {number}" for number in range(9)]


def test_a_slow_function_holds_up_neither_other_functions_nor_other_channels(bot):
    gate = next(p for p in bot.app.board.running.book.plugins if p.name == "patience")
    gated = next(command for command in gate.commands if command.name == "gated").function
    bot.app.board.heard(line(bot, ".gated"))
    bot.app.board.heard(line(bot, ".add 1 1"))
    wait_for(lambda: ("#ops", "2") in bot.heard.lines)
    assert ("#ops", "through") not in bot.heard.lines
    gated.__globals__["GATE"].set()
    bot.app.workers.finish(10)
    assert ("#ops", "through") in bot.heard.lines


def test_say_reaches_a_channel_by_name_and_refuses_one_that_is_not_there(bot):
    assert bot.say(".tell #ops hello  there", nick="bob") == ["hello  there"]
    assert bot.say(".tell test/#ops hello") == ["hello"]
    assert bot.say(".tell #nowhere hello") == [
        "alice: there is no channel #nowhere: give it to a network under `channels`"
    ]


def test_events_are_answered_where_they_happen(bot):
    bot.app.board.heard(Message("test", "join", "dave", "", "#ops", command="JOIN"))
    bot.app.workers.finish(10)
    assert bot.heard.lines == [("#ops", "welcome dave")]


def test_what_the_bot_says_itself_is_no_command_and_no_plugin_hears_it(bot):
    for text in (".add 1 1", "I have 3 apples"):
        bot.app.board.heard(line(bot, text)._replace(own=True))
        bot.app.workers.finish(10)
    assert bot.heard.lines == []


def test_start_happens_once_at_the_start_and_once_at_a_reload(bot):
    plugin = next(p for p in bot.app.board.running.book.plugins if p.name == "patience")
    before = plugin.listeners[2].function.__globals__["STARTS"]
    assert len(before) == 1
    assert bot.say(".reload") == ["reloaded 8 plugins"]
    plugin = next(p for p in bot.app.board.running.book.plugins if p.name == "patience")
    assert len(plugin.listeners[2].function.__globals__["STARTS"]) == 1
    assert len(before) == 1


def test_what_is_due_is_said_once(bot):
    board = bot.app.board
    now = datetime.now(UTC)
    for timed in board.running.agenda.due(now + timedelta(hours=1, seconds=1)):
        if timed.function.__name__ == "hourly":
            board.on_time(timed)
    assert bot.heard.lines == [("#ops", "an hour has passed")]
    assert 0 < board.tick() <= 30


def test_a_function_that_speaks_where_the_bot_is_not_stops_the_start(bot, plugin_folders):
    path = bot.app.configured.beside(plugin_folders[0]) / "lost.py"
    path.write_text('from chanops import every\n@every("1m", to="#elsewhere")\ndef lost(): return "x"\n')
    assert "lost.lost speaks in #elsewhere, where the bot is not" in bot.say(".reload")[0]
    assert bot.say(".add 1 1") == ["2"]


def test_a_function_that_asks_for_what_nobody_has_stops_the_start(bot, plugin_folders):
    path = bot.app.configured.beside(plugin_folders[0]) / "greedy.py"
    path.write_text("from chanops import command\n@command('g')\ndef g(*, bot: list): return 'x'\n")
    assert "greedy.g asks for bot: list, which nobody can hand over; there are " in bot.say(".reload")[0]


def test_a_busy_function_refuses_once_and_not_for_each_line(bot):
    plugin = next(p for p in bot.app.board.running.book.plugins if p.name == "patience")
    gated = next(command for command in plugin.commands if command.name == "gated").function
    for _ in range(300):
        bot.app.board.heard(line(bot, ".gated"))
    refusals = [text for _, text in bot.heard.lines if "still busy" in text]
    assert refusals == ["alice: gated is still busy with what was asked before: try again later"]
    gated.__globals__["GATE"].set()
    assert bot.app.workers.finish(20)


def line(bot, text):
    return Message("test", "message", "alice", "alice", "#ops", text, datetime.now(UTC), text)


def wait_for(look, within=10.0):
    end = time.monotonic() + within
    while not look():
        assert time.monotonic() < end
        threading.Event().wait(0.005)
