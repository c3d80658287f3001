"""Modules as people wrote them for phenny, loaded unchanged and driven through the whole bot."""

import sys
from datetime import UTC, datetime

import pytest

from chanops.core.message import Message
from chanops.phenny import shims

OLD = '''#!/usr/bin/env python
"""
coffee.py - the coffee module
"""

import re
import web
from tools import GrumbleError, deprecated

def coffee(phenny, input):
    """Brew some coffee."""
    what = input.group(2) or 'black'
    phenny.reply('one %s coffee' % what)
coffee.commands = ['coffee', 'brew']
coffee.priority = 'low'
coffee.example = '.coffee white'
coffee.name = 'kaffee'

def pattern(phenny, input):
    phenny.say('string rule: ' + input.group(1))
pattern.rule = r'I like (\\w+)'

def addressed(phenny, input):
    phenny.say('addressed: ' + input.group(1))
addressed.rule = ('$nick', r'how is (.+)')

def listed(phenny, input):
    phenny.say('listed: %s %s' % (input.group(1), input.group(2)))
listed.rule = (['order', 'fetch'], r'(\\S+)')

def both(phenny, input):
    phenny.say('both: %s %s' % (input.group(1), input.group(2)))
both.rule = ('$nick', ['bring', 'take'], r'(.*)')

def named(phenny, input):
    phenny.say('somebody said my name')
named.rule = r'.*\\b$nickname\\b rocks'
named.thread = False

def joiner(phenny, input):
    phenny.say('%s joined %s' % (input.nick, input.sender))
joiner.event = 'JOIN'
joiner.rule = r'.*'

def luser(phenny, input):
    phenny.msg('#ops', 'numeric %s %s' % (input.event, input))
luser.event = '251'
luser.rule = r'(.*)'

def powers(phenny, input):
    phenny.say('admin=%s owner=%s' % (input.admin, input.owner))
powers.commands = ['powers']

def state(phenny, input):
    phenny.lost = 1
    phenny.bot.kept = getattr(phenny.bot, 'kept', 0) + 1
    phenny.say('%s %s %s' % (hasattr(phenny, 'lost') and 'own' or '-', phenny.kept, phenny.greeting))
state.commands = ['state']

def grumble(phenny, input):
    raise GrumbleError('no more beans')
grumble.commands = ['grumble']

def shape(phenny, input):
    phenny.say(repr((str(input), input.sender, input.nick, input.event, input.bytes, input.args,
                     input.match.group(0), input.groups())))
shape.commands = ['shape']

def speak(phenny, input):
    phenny.do('waves')
    phenny.bot.notice(input.nick, 'psst')
    phenny.write(('PRIVMSG', input.sender), 'raw\\r\\nQUIT :x')
    phenny.proto.join('#other')
speak.commands = ['speak']

def echo(phenny, input):
    phenny.say('same')
echo.commands = ['echo']

def old(self, origin, match, args):
    self.msg(origin.sender, 'deprecated %s %s' % (origin.nick, args[0]))
old = deprecated(old)
old.commands = ['old']

def unescaped(phenny, input):
    phenny.say('pattern: ' + input.group(1))
unescaped.commands = ['c(?:at|ow)']

def setup(self):
    self.greeting = 'set up as ' + self.nick

if __name__ == '__main__':
    print(__doc__.strip())
'''


@pytest.fixture
def plugin_folders(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir(mode=0o755)
    (folder / "coffee.py").write_text(OLD)
    return [str(folder)]


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (".coffee", ["alice: one black coffee"]),
        (".brew  white", ["alice: one white coffee"]),
        (".brewery", ["alice: no .brewery; did you mean .brew?"]),
        (".help coffee", ["usage: .coffee [REST…] · Brew some coffee.", "for example: .coffee white"]),
        ("I like tea", ["string rule: tea"]),
        ("well, I like tea", []),
        ("chanops: how is life", ["addressed: life"]),
        ("chanops, how is life", ["addressed: life"]),
        ("chanops how is life", []),
        (".order cake now", ["listed: order cake"]),
        (".fetch", ["listed: fetch None"]),
        (".fetching", []),
        ("chanops: bring tea", ["both: bring tea"]),
        ("chanops: take ", ["both: take "]),
        ("chanops: take", []),
        ("I say chanops rocks", ["somebody said my name"]),
        (".powers", ["admin=True owner=False"]),
        (".grumble", ["no more beans"]),
        (".old", ["deprecated alice .old"]),
        (".cat", ["pattern: cat"]),
        (".cow", ["pattern: cow"]),
    ],
)
def test_an_old_module_answers(bot, said, answers):
    assert bot.say(said) == answers


def test_admin_and_owner_come_from_the_account_and_never_from_the_nick(bot):
    assert bot.say(".powers", nick="alice", account="") == ["admin=False owner=False"]
    assert bot.say(".powers", nick="mallory", account="alice") == ["admin=True owner=False"]
    assert bot.say(".powers", nick="alice", account="mallory") == ["admin=False owner=False"]


def test_what_is_set_on_the_wrapper_is_lost_and_what_is_set_on_the_bot_is_kept(bot):
    assert bot.say(".state") == ["own 1 set up as chanops"]
    assert bot.say(".state") == ["own 2 set up as chanops"]


def test_the_input_object_is_exactly_what_it_was(bot):
    assert bot.say(".shape a b") == [
        "('.shape a b', '#ops', 'alice', 'PRIVMSG', '.shape a b', ('#ops',), '.shape a b', ('shape', 'a b'))"
    ]


def test_events_reach_old_modules_by_name_and_by_number(bot):
    hear(bot, Message("test", "join", "dave", "", "#ops", command="JOIN", params=("#ops",)))
    assert bot.heard.lines[-1] == ("#ops", "dave joined #ops")
    hear(
        bot, Message("test", "luserclient", "irc.example", raw="There are 3 users", command="251", params=("chanops",))
    )
    assert bot.heard.lines[-1] == ("#ops", "numeric 251 There are 3 users")


def test_an_action_reaches_rules_as_a_privmsg_with_its_frame(bot):
    hear(
        bot,
        Message("test", "action", "alice", "", "#ops", "I like tea", datetime.now(UTC), "\x01ACTION I like tea\x01"),
    )
    assert bot.heard.lines == []
    hear(bot, Message("test", "message", "alice", "", "#ops", "I like tea", datetime.now(UTC), "I like tea"))
    assert bot.heard.lines == [("#ops", "string rule: tea")]


def test_the_same_line_again_and_again_becomes_dots_and_then_nothing(bot):
    said = [bot.say(".echo") for _ in range(12)]
    assert said[:5] == [["same"]] * 5
    assert ["..."] in said
    assert said[-1] == []


def test_each_way_of_speaking_reaches_the_network(bot):
    sent = []
    bot.heard.send_raw = sent.append
    assert bot.say(".speak") == ["* waves"]
    assert sent == ["NOTICE alice :psst", "PRIVMSG #ops :rawQUIT :x", "JOIN #other"]


def test_the_names_that_old_modules_import_are_not_left_behind(bot):
    assert bot.say(".grumble") == ["no more beans"]
    for name, shim in shims.SHIMS.items():
        assert sys.modules.get(name) is not shim


def test_stats_doc_and_variables_are_kept_for_modules_that_read_them(bot):
    bot.say(".coffee")
    plugin = next(p for p in bot.app.board.running.book.plugins if p.name == "coffee")
    assert {command.name for command in plugin.commands} >= {"coffee", "brew", "powers", "old"}
    assert plugin.origin.endswith("coffee.py")


def hear(bot, message):
    bot.app.board.heard(message)
    assert bot.app.workers.finish(10)
