"""Modules as people wrote them for phenny, loaded beside others and driven by lines as servers send them."""

import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chanops import configuration
from chanops.core.errors import Problem
from chanops.core.message import Message
from chanops.irc.state import State
from chanops.irc.wire import parse
from chanops.offline import Heard, Offline
from chanops.testing import DATABASE, private_copy

ONE = "[network:test]\nhost = irc.example\nnick = bot\nchannels = #ops\n[roles]\nadmin = alice\nowner = olivia\n"
TWO = """\
[network:one]
host = irc.one.example
nick = first
channels = #ops
[network:two]
host = irc.two.example
nick = second
channels = #ops
[roles]
admin = one/alice
"""


class Network(Heard):
    """What stands for a network, and remembers the lines of the protocol too."""

    def __init__(self, name, settings):
        super().__init__()
        self.raw = []
        self.state = State(name, settings.nick, settings.channels, caps={"account-tag"}, settling=0.0)
        for channel in settings.channels:
            self.state.learn(parse(f":{settings.nick}!b@h JOIN {channel}"), 0.0)
            self.state.learn(parse(f":irc.example 366 {settings.nick} {channel} :End of /NAMES list."), 0.0)

    def send_raw(self, string):
        self.raw.append(string)


class Bot(Offline):
    """The whole bot, told lines of the protocol."""

    def __enter__(self):
        made = super().__enter__()
        settings = self.app.settings().networks
        self.app.board.voices = {name: Network(name, each) for name, each in settings.items()}
        return made

    def hear(self, line, network=""):
        """What is said on a network when the server sends this."""
        voice = self.app.board.voices[network or self.network]
        before = len(voice.lines)
        self.app.board.heard(voice.state.message(parse(line), 0.0, datetime.now(UTC)))
        assert self.app.workers.finish(10)
        return sorted(text for _, text in voice.lines[before:])

    def told(self, text, nick="bob", account="", network="", target="#ops"):
        """What is said when somebody says this."""
        tag = f"@account={account} " if account else ""
        return self.hear(f"{tag}:{nick}!u@h PRIVMSG {target} :{text}", network)

    def voice(self, network=""):
        return self.app.board.voices[network or self.network]

    def plugin(self, name):
        return next(each for each in self.app.board.running.book.plugins if each.name == name)


@pytest.fixture(autouse=True)
def no_web_of_ours(monkeypatch):
    """The folder of these tests has a package called web, which would be taken for a real one."""
    monkeypatch.setattr(sys, "path", [each for each in sys.path if not (Path(each) / "web").is_dir()])
    for name in ("tools", "web"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def write(tmp_path):
    """Writes a module into the folder of plugins."""
    folder = tmp_path / "modules"
    folder.mkdir(mode=0o755)

    def write(name, text):
        path = folder / f"{name}.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        path.chmod(0o644)
        return path

    return write


@pytest.fixture
def start(tmp_path, empty_database):
    """Starts the bot with what is in the folder."""
    bots = []

    def start(settings=ONE):
        folder = private_copy(empty_database, tmp_path / f"bot{len(bots)}" / "data").parent
        assert (folder / "data" / DATABASE).exists()
        path = folder / "config.ini"
        path.touch(mode=0o600)
        path.write_text(f"[bot]\nplugins = {tmp_path / 'modules'}\n{settings}")
        bots.append(Bot(configuration.read(path)).__enter__())
        return bots[-1]

    yield start
    for bot in bots:
        bot.__exit__(None, None, None)


# ---- commands and rules

BAR = """\
    #!/usr/bin/env python3
    '''
    bar.py - drinks for the channel
    '''

    def drink(phenny, input):
        "Serve a drink."
        phenny.say('one %s' % (input.group(2) or 'water'))
    drink.commands = ['drink', 'pour']
    drink.example = '.drink tea, or $nickname: drink'

    def spell(phenny, input):
        phenny.say('|'.join([input.group(1), str(input.group(2)), input]))
    spell.commands = ['spell']

    def toast(phenny, input):
        phenny.say('toast to ' + input.group(1))
    toast.rule = r'(?i)cheers,? (\\w+)'

    def thirst(phenny, input):
        phenny.say('a beer for ' + input.nick)
    thirst.rule = ('$nick', r'I am thirsty')

    def order(phenny, input):
        phenny.say('ordered %s, %s' % (input.group(1), input.group(2)))
    order.rule = (['order', 'fetch'], r'(\\S+)')

    def close(phenny, input):
        phenny.say('closing %s' % input.group(2))
    close.rule = ('$nick', ['close', 'lock'], r'(\\S+)?')

    def hello(phenny, input):
        phenny.reply('hello yourself')
    hello.rule = r'hello $nickname'
    hello.commands = ['hello']

    if __name__ == '__main__':
        raise SystemExit('this is no program')
    """


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        (".drink", ["one water"]),
        (".pour  tea ", ["one tea "]),
        (".DRINK tea", []),
        (".drin", ["bob: no .drin; did you mean .drink?"]),
        (".spell rest=a b", ["spell|rest=a b|.spell rest=a b"]),
        ('.spell "not closed', ['spell|"not closed|.spell "not closed']),
        ('.spell "a  b"  c', ['spell|"a  b"  c|.spell "a  b"  c']),
        (".spell a\\ b", ["spell|a\\ b|.spell a\\ b"]),
        (".spell \x02bold\x02", ["spell|\x02bold\x02|.spell \x02bold\x02"]),
        ("Cheers, Alice!", ["toast to Alice"]),
        ("and cheers, Alice!", []),
        ("bot: I am thirsty", ["a beer for bob"]),
        ("bot, I am thirsty and tired", ["a beer for bob"]),
        ("bot:I am thirsty", []),
        ("bot I am thirsty", []),
        ("I am thirsty", []),
        (".order cake please", ["ordered order, cake"]),
        (".fetch", ["ordered fetch, None"]),
        (".fetches", []),
        ("bot: close", []),
        ("bot: close ", ["closing None"]),
        ("bot: lock door", ["closing door"]),
        ("hello bot", ["bob: hello yourself"]),
        ("hello robot", []),
        (".hello", ["bob: hello yourself"]),
        (
            ".help drink",
            ["for example: .drink tea, or bot: drink", "usage: .drink [REST…] · Serve a drink."],
        ),
    ],
)
def test_commands_and_the_four_forms_of_rules(write, start, said, answers):
    write("bar", BAR)
    assert start().told(said) == answers


def test_in_private_the_answer_goes_to_who_asked(write, start):
    write("bar", BAR)
    bot = start()
    bot.told(".drink", target="bot")
    bot.told("hello bot", target="bot")
    assert bot.voice().lines == [("bob", "one water"), ("bob", "bob: hello yourself")]


def test_a_module_is_a_plugin_like_any_other(write, start):
    path = write("bar", BAR)
    plugin = start().plugin("bar")
    assert (plugin.name, plugin.origin, plugin.doc.strip()) == ("bar", str(path), "bar.py - drinks for the channel")
    assert [each.name for each in plugin.commands] == ["drink", "pour", "spell", "hello"]
    assert {each.plugin for each in (*plugin.commands, *plugin.listeners)} == {"bar"}


def test_every_function_that_matches_runs(write, start):
    write(
        "many",
        """\
        def both(phenny, input):
            phenny.say('both %d' % len(input.groups()))
        both.rule = r'\\.both'
        both.commands = ['both']

        def too(phenny, input):
            phenny.say('too')
        too.commands = ['both', 'both', 'two']

        also = too
        """,
    )
    write(
        "other",
        """\
        def any(phenny, input):
            phenny.say('other')
        any.rule = r'\\.both'
        """,
    )
    bot = start()
    assert bot.told(".both") == ["both 0", "both 2", "other", "too"]
    assert bot.told(".two") == ["too"]


def test_priority_says_in_which_order(write, start):
    lines = [
        f"def f{number}(phenny, input): pass\nf{number}.rule = 'x'\nf{number}.priority = '{priority}'\n"
        for number, priority in enumerate(["low", "medium", "high", "odd", "low", "high"])
    ]
    write("many", "".join(lines))
    found = [each.function.__name__ for each in start().plugin("many").listeners]
    assert found == ["f2", "f5", "f1", "f3", "f0", "f4"]


def test_a_function_that_wants_no_thread_does_not_stop_the_bot(write, start):
    write(
        "blocking",
        """\
        import threading
        def where(phenny, input):
            phenny.say(threading.current_thread().name.split('-')[0])
        where.commands = ['where']
        where.thread = False
        """,
    )
    assert start().told(".where") == ["worker"]


def test_patterns_among_commands_are_heard(write, start):
    write(
        "dice",
        """\
        def roll(phenny, input):
            phenny.say('%s %s' % (input.group(2), input.group(3)))
        roll.commands = [r'(\\d+)d(\\d+)', 'C++']
        """,
    )
    bot = start()
    assert bot.told(".2d6 x") == ["2 6"]
    assert bot.told(".12d20") == ["12 20"]
    assert bot.told(".d6") == []


# ---- events


WATCH = """\
    def greet(phenny, input):
        phenny.say('%s joined %s' % (input.nick, input.sender))
    greet.event = 'join'
    greet.rule = r'.*'

    def users(phenny, input):
        phenny.msg('#ops', '%s says %s' % (input.sender, input.group(1)))
    users.event = '251'
    users.rule = r'There are (\\d+)'

    def noticed(phenny, input):
        phenny.say('noticed ' + input)
    noticed.event = 'NOTICE'
    noticed.commands = ['note']

    def kicked(phenny, input):
        phenny.say('%s %s %s' % (input.nick, input.args[1], input))
    kicked.event = 'KICK'
    kicked.rule = r'.*'

    def left(phenny, input):
        phenny.say('farewell')
        phenny.msg('#ops', 'gone: ' + input.nick)
    left.event = 'QUIT'
    left.rule = r'.*'
    """


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        (":carol!c@h JOIN #ops", ["carol joined #ops"]),
        (":carol!c@h JOIN :#OPS", ["carol joined #ops"]),
        (":irc.example 251 bot :There are 12 users", ["irc.example says 12"]),
        (":irc.example 252 bot :There are 12 users", []),
        (":irc.example 251 bot :Nobody is here", []),
        (":carol!c@h NOTICE #ops :.note", ["noticed .note"]),
        (":carol!c@h PRIVMSG #ops :.note", []),
        (":carol!c@h KICK #ops dave :rude", ["carol dave rude"]),
        (":carol!c@h QUIT :bye", ["gone: carol"]),
        (":carol!c@h PRIVMSG #ops :anything", []),
        ("@time=2001-01-01T00:00:00.000Z :carol!c@h NOTICE #ops :.note", []),
    ],
)
def test_a_function_may_wait_for_an_event(write, start, line, answers):
    write("watch", WATCH)
    assert start().hear(line) == answers


def test_a_function_may_wait_for_everything_and_is_called_once_for_each(write, start):
    write(
        "all",
        """\
        def every(phenny, input):
            phenny.bot.data.setdefault('seen', []).append((input.event, str(input)))
        every.event = '*'
        every.rule = r'.*'

        def tell(phenny, input):
            phenny.say(repr(phenny.data['seen']))
        tell.commands = ['tell']
        """,
    )
    bot = start()
    for line in (":c!c@h JOIN :#ops", ":s 001 bot :Welcome", ":c!c@h PRIVMSG #ops :x", ":c!c@h NOTICE #ops :y"):
        assert bot.hear(line) == []
    bot.app.board.happen("start")
    bot.app.workers.finish(10)
    seen = [("JOIN", "#ops"), ("001", "Welcome"), ("PRIVMSG", "x"), ("NOTICE", "y")]
    [told] = bot.told(".tell")
    assert told in (repr(seen), repr([*seen, ("PRIVMSG", ".tell")]))


def test_what_is_done_is_heard_with_its_frame(write, start):
    write(
        "done",
        """\
        def done(phenny, input):
            phenny.say(repr(input) + input.event)
        done.rule = r'\\x01ACTION '

        def plain(phenny, input):
            phenny.say('plain')
        plain.rule = r'waves'
        """,
    )
    bot = start()
    assert bot.told("\x01ACTION waves\x01") == ["'\\x01ACTION waves\\x01'PRIVMSG"]
    assert bot.told("waves") == ["plain"]


# ---- what modules keep


def test_what_a_module_keeps_on_its_functions_stays_there(write, start):
    write(
        "counter",
        """\
        def count(phenny, input):
            count.times = getattr(count, 'times', 0) + 1
            phenny.say('%d %s %s %s %s' % (count.times, count.priority, count.thread, count.event, count.name))
        count.commands = ['count', 'tally']
        """,
    )
    bot = start()
    assert bot.told(".count") == ["1 medium True PRIVMSG count"]
    assert bot.told(".tally") == ["2 medium True PRIVMSG count"]


STORE = """\
    def setup({0}):
        {0}.store = ['from ' + {0}.nick]
        {0}.variables['late'] = setup
        {0}.config.mine = 'a key'

    def keep(phenny, input):
        phenny.mood = 'good'
        phenny.store.append(input.group(2))
        phenny.bot.kept = input.group(2)
        phenny.say(' '.join(phenny.store))
    keep.commands = ['keep']

    def show(phenny, input):
        phenny.say('%s %s %s' % (hasattr(phenny, 'mood'), phenny.kept, phenny.config.mine))
    show.commands = ['show']
    """


@pytest.mark.parametrize("argument", ["phenny", "self", "bot", "jenni", "p"])
def test_setup_is_handed_the_bot_and_what_is_set_there_is_kept(write, start, argument):
    write("store", STORE.format(argument))
    bot = start()
    assert bot.told(".keep a") == ["from bot a"]
    assert bot.told(".keep b") == ["from bot a b"]
    assert bot.told(".show") == ["False b a key"]


def test_a_module_may_have_nothing_but_a_setup(write, start):
    write("only", "def setup(phenny):\n    phenny.msg('#ops', 'set up')\n    phenny.write(('JOIN', '#more'))\n")
    bot = start()
    bot.app.board.happen("start")
    bot.app.workers.finish(10)
    assert bot.voice().lines == [("#ops", "set up")]
    assert bot.voice().raw == ["JOIN #more"]


def test_a_setup_in_a_plugin_of_ours_is_an_ordinary_function(write, start):
    write(
        "ours",
        "from chanops import command\n"
        "def setup(bot):\n    raise RuntimeError('not meant')\n"
        "@command('x')\ndef x():\n    return 'fine'\n",
    )
    bot = start()
    assert bot.told(".x") == ["fine"]
    assert bot.plugin("ours").listeners == ()


def test_doc_stats_and_variables_are_what_help_modules_read(write, start):
    write("bar", BAR)
    write(
        "helper",
        """\
        def docs(phenny, input):
            phenny.say(repr((phenny.doc['drink'], 'spell' in phenny.doc)))
            phenny.say(repr(phenny.stats.get(('drink', '#ops'))) + repr(phenny.stats.get(('drink', 'bob'))))
            phenny.say(phenny.variables['drink'].name)
        docs.commands = ['docs']
        docs.name = 'documents'
        docs.__doc__ = 'Show documents.'
        """,
    )
    bot = start()
    bot.told(".drink")
    bot.told(".pour tea", nick="carol")
    expected = (("Serve a drink.", ".drink tea, or bot: drink"), False)
    assert bot.told(".docs") == [repr(expected), "21", "drink"]


# ---- who may do what


WHO = """\
    def who(phenny, input):
        phenny.say('%s %s' % (input.admin, input.owner))
    who.commands = ['who']

    def ruled(phenny, input):
        phenny.say('%s %s' % (input.admin, input.owner))
    ruled.rule = r'who am I'
    """


@pytest.mark.parametrize("said", [".who", "who am I"])
@pytest.mark.parametrize(
    ("nick", "account", "answer"),
    [
        ("alice", "alice", "True False"),
        ("bob", "alice", "True False"),
        ("bob", "ALICE", "True False"),
        ("bob", "olivia", "True True"),
        ("alice", "", "False False"),
        ("olivia", "", "False False"),
        ("alice", "bob", "False False"),
        ("olivia", "bob", "False False"),
    ],
)
def test_admin_and_owner_go_by_the_account_and_never_by_the_nick(write, start, said, nick, account, answer):
    write("who", WHO)
    assert start().told(said, nick, account) == [answer]


def test_an_account_has_its_roles_on_its_own_network_only(write, start):
    write("who", WHO)
    bot = start(TWO)
    assert bot.told(".who", account="alice", network="one") == ["True False"]
    assert bot.told(".who", account="alice", network="two") == ["False False"]


# ---- several networks


def test_each_network_has_its_own_bot(write, start):
    write("store", STORE.format("phenny"))
    write("bar", BAR)
    bot = start(TWO)
    assert bot.told(".keep a", network="one") == ["from first a"]
    assert bot.told(".keep b", network="two") == ["from second b"]
    assert bot.told("first: lock door", network="one") == ["closing door"]
    assert bot.told("first: lock door", network="two") == []
    assert bot.told("second: lock door", network="two") == ["closing door"]
    assert bot.told("hello second", network="one") == []
    assert bot.told("Cheers, Alice", network="one") == ["toast to Alice"]
    assert bot.voice("two").lines == [("#ops", "from second b"), ("#ops", "closing door")]


def test_without_a_network_old_modules_load_and_are_silent(write, start):
    write("store", STORE.format("phenny"))
    write("bar", BAR)
    bot = start("")
    assert "drink" in bot.app.board.running.book.by_name
    bot.app.board.heard(Message("nowhere", text=".drink", raw=".drink", channel="#ops", nick="bob"))
    assert bot.app.workers.finish(10)


# ---- what goes wrong


FAILS = """\
    from tools import GrumbleError

    def grumble(phenny, input):
        raise GrumbleError('no %s today' % input.group(2))
    grumble.commands = ['grumble']

    def ruled(phenny, input):
        raise GrumbleError('not that again')
    ruled.rule = r'that again'

    def fail(phenny, input):
        return {}['missing']
    fail.commands = ['fail']

    def quiet(phenny, input):
        return {}['missing']
    quiet.rule = r'fail quietly'
    """


def test_a_grumble_is_said_and_any_other_error_is_for_the_log(write, start, caplog):
    write("fails", FAILS)
    bot = start()
    assert bot.told(".grumble tea") == ["no tea today"]
    assert bot.told("that again") == ["not that again"]
    assert caplog.text == ""
    assert bot.told(".fail") == ["bob: fail failed: that is a bug in it; the bot's log has the details"]
    assert bot.told("fail quietly") == []
    assert caplog.text.count("KeyError: 'missing'") == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def f(phenny, input): pass\nf.commands = 'word'\n", "f.commands must be a list of words"),
        ("x = 1\ndef f(phenny, input): pass\nf.rule = '('\n", "line 2: f: '(' is no pattern: missing )"),
        ("def f(phenny, input): pass\nf.rule = ('$nick', '[')\n", r"'bot[,:] +[' is no pattern: unterminated"),
        ("def f(phenny, input): pass\nf.commands = ['x(']\n", r"line 1: f: '^\\.(x()(?: +(.*))?$' is no pattern: "),
        (
            "from chanops import command\n@command('new')\ndef new(): pass\n"
            "def old(phenny, input): pass\nold.commands = ['old']\n",
            "old is as for phenny, new as for chanops: make two files of it",
        ),
        ("from tools import no_such\n", "line 1): ImportError: cannot import name 'no_such' from 'tools'"),
        ("print 'Python 2'\n", "line 1): SyntaxError: Missing parentheses"),
        ("import requests_html_nobody_has\n", "line 1): ModuleNotFoundError: "),
    ],
)
def test_a_module_that_cannot_be_used_is_refused(write, start, text, why):
    path = write("old", text)
    with pytest.raises(Problem) as problem:
        start()
    assert str(problem.value).startswith(f"plugin old ({path}")
    assert why in str(problem.value)


def test_a_command_that_two_modules_have_is_refused(write, start):
    for name in "ab":
        write(name, "def f(phenny, input): pass\nf.commands = ['same']\n")
    with pytest.raises(Problem, match=r"command same is in .*a\.py and in .*b\.py: rename one"):
        start()


# ---- loading anew, and what is imported


def test_a_reload_takes_the_new_text_and_nothing_answers_twice(write, start):
    write("bar", BAR)
    write("store", STORE.format("phenny"))
    bot = start()
    bot.told(".keep a")
    write("bar", BAR.replace("one %s", "two %s").replace("toast to", "to"))
    assert bot.told(".reload", account="alice") == ["reloaded 9 plugins"]
    assert bot.app.workers.finish(10)
    assert bot.told(".drink tea") == ["two tea"]
    assert bot.told("Cheers, Alice!") == ["to Alice"]
    assert bot.told(".keep b") == ["from bot b"]
    write("bar", "1 / 0\n")
    [answer] = bot.told(".reload", account="alice")
    assert "bar.py, line 1): ZeroDivisionError" in answer
    assert bot.told(".drink tea") == ["two tea"]


USES_BOTH = """\
    import json
    import tools, web
    from web import get, HTTPError

    @tools.deprecated
    def old(self, origin, match, args):
        self.msg(origin.sender, '%s %s %s %s' % (origin.nick, match.group(2), args, web.quote('a b')))
    old.commands = ['old']

    def whose(phenny, input):
        phenny.say(getattr(web, 'whose', 'ours') + ' ' + web.__name__)
    whose.commands = ['whose']
    """


def test_tools_and_web_can_be_imported_and_are_gone_afterwards(write, start):
    write(
        "uses", USES_BOTH.replace("from web import get, HTTPError", "from web import get, HTTPError, ConnectionError")
    )
    bot = start()
    assert bot.told(".old x") == ["bob x ['.old x', '#ops', '@@'] a%20b"]
    assert bot.told(".whose") == ["ours web"]
    assert not {"tools", "web"} & set(sys.modules)


def test_a_real_package_called_web_wins(write, start, tmp_path, monkeypatch):
    package = tmp_path / "site" / "web"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "whose = 'theirs'\nHTTPError = OSError\ndef get(): pass\ndef quote(x): return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    write("uses", USES_BOTH)
    bot = start()
    assert bot.told(".whose") == ["theirs web"]
    assert sys.modules["web"].whose == "theirs"
    assert "tools" not in sys.modules
    monkeypatch.delitem(sys.modules, "web")


def test_modules_can_speak_from_threads_of_their_own(write, start):
    write(
        "late",
        """\
        import threading
        def later(phenny, input):
            thread = threading.Thread(target=phenny.msg, args=(input.sender, 'later'))
            thread.start()
            thread.join()
        later.commands = ['later']
        """,
    )
    assert start().told(".later") == ["later"]
