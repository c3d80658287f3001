"""What the log keeps of an event, and what it must not keep."""

from datetime import UTC, datetime

import pytest

from chanops.core.logged import LOGGED, is_off, log_text
from chanops.core.message import Message
from chanops.irc.state import State
from chanops.irc.wire import parse


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        (":a!b@c PRIVMSG #ops :\x02bold\x02 \x0304,01red", "message", "\x02bold\x02 \x0304,01red"),
        (":a!b@c PRIVMSG #ops hi", "message", "hi"),
        (":a!b@c PRIVMSG #ops :\x01ACTION \x02waves\x02\x01", "action", "\x02waves\x02"),
        (":a!b@c PRIVMSG #ops :\x01ACTION waves", "action", "waves"),
        (":a!b@c NOTICE #ops :\x1dhear\x1d", "notice", "\x1dhear\x1d"),
        (":a!b@c JOIN :#ops", "join", ""),
        (":a!b@c JOIN #ops", "join", ""),
        (":a!b@c PART #ops", "part", ""),
        (":a!b@c PART #ops :#ops", "part", "#ops"),
        (":a!b@c PART :#ops", "part", ""),
        (":a!b@c QUIT", "quit", ""),
        (":a!b@c QUIT :a.example b.example", "quit", "a.example b.example"),
        (":a!b@c KICK #ops bob :out with you", "kick", "bob out with you"),
        (":a!b@c KICK #ops bob", "kick", "bob"),
        (":a!b@c KICK #ops :bob", "kick", "bob"),
        (":a!b@c KICK #ops bob :", "kick", "bob"),
        (":a!b@c NICK :other", "nick", "other"),
        (":a!b@c TOPIC #ops :\x02Now\x02 this", "topic", "\x02Now\x02 this"),
        (":a!b@c TOPIC #ops :", "topic", ""),
        (":a!b@c TOPIC #ops", "topic", ""),
        (":a!b@c MODE #ops +o bob", "mode", "+o bob"),
        (":a!b@c MODE #ops +o :bob", "mode", "+o bob"),
        (":a!b@c MODE #ops +ov-b bob carol *!*@x", "mode", "+ov-b bob carol *!*@x"),
        (":a!b@c MODE #ops :+m", "mode", "+m"),
    ],
)
def test_each_kind_has_its_text(line, kind, text):
    said = State("net", "bot", ("#ops",)).message(parse(line), 0.0, datetime(2026, 11, 21, tzinfo=UTC))
    assert (said.event, log_text(said)) == (kind, text)
    assert kind in LOGGED


def test_a_message_made_by_hand_needs_no_raw_text():
    assert log_text(Message(event="action", text="waves")) == "waves"
    assert log_text(Message(event="kick", params=("#ops", "bob"), text="out")) == "bob out"


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("[off] this is between us", True),
        ("[OFF]this", True),
        ("[NoLog] this", True),
        ("\x02[off]\x02 this", True),
        ("\x0304,01[\x0fnolog\x1f] this", True),
        ("  [off] this", True),
        ("\u200b[off] this", True),
        ("\ufeff [off] this", True),
        ("\x02\u2060\x0304[\u200boff] this", True),
        ("this is [off]", False),
        ("off this", False),
        ("[office] hours", False),
        ("", False),
    ],
)
def test_who_says_so_is_not_kept(text, off):
    assert is_off(text) is off


@pytest.mark.parametrize(
    ("line", "off"),
    [
        (":a!b@c KICK #ops bob :[off] he knows why", True),
        (":a!b@c KICK #ops bob :\u200b[nolog] he knows why", True),
        (":a!b@c KICK #ops bob :not [off]", False),
        (":a!b@c KICK #ops [off]bob :out", False),
        (":a!b@c KICK #ops [off]bob", False),
        (":a!b@c KICK #ops bob", False),
        (":a!b@c PRIVMSG #ops :bob [off] x", False),
        (":a!b@c PRIVMSG #ops :\x01ACTION [off] x\x01", True),
        (":a!b@c PART #ops :[off] x", True),
        (":a!b@c TOPIC #ops :[off] x", True),
    ],
)
def test_every_kind_can_be_off_and_of_a_kick_only_the_reason_tells(line, off):
    said = State("net", "bot", ("#ops",)).message(parse(line), 0.0, datetime(2026, 11, 21, tzinfo=UTC))
    assert is_off(log_text(said), said.event) is off
