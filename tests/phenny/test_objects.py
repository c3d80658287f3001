"""The two objects that phenny's functions are called with, and the bot behind the first."""

import re
from datetime import UTC, datetime

import pytest

from chanops.core.message import Message
from chanops.core.sections import NetworkSettings
from chanops.irc.state import State
from chanops.irc.wire import parse
from chanops.phenny.objects import Bot, Input, Phenny

ROLES = frozenset({"admin", "owner"})
ANYTHING = re.compile(r"(.*)")


class Wire:
    """A network that remembers what is sent to it."""

    def __init__(self):
        self.said = []
        self.raw = []

    def say(self, target, text, *, action=False):
        self.said.append((target, text, action) if action else (target, text))

    def send_raw(self, string):
        self.raw.append(string)


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def bot(wire):
    settings = NetworkSettings(host="irc.example", nick="bot", realname="A bot", channels=("#ops", "#dev"))
    return Bot("test", settings, wire, ".")


def heard(line, pattern=ANYTHING, roles=frozenset()):
    """The object for a line as it comes from a server."""
    state = State("test", "bot", ("#ops", "#dev"))
    message = state.message(parse(line), 0.0, datetime.now(UTC))
    return Input.of(message, pattern.match(message.raw), roles)


def phenny(bot, line=":alice!a@h PRIVMSG #ops :hello"):
    return Phenny(bot, heard(line))


# ---- input


@pytest.mark.parametrize(
    ("line", "text", "sender", "nick", "event", "args"),
    [
        (":alice!a@h PRIVMSG #ops :hello all", "hello all", "#ops", "alice", "PRIVMSG", ("#ops",)),
        (":alice!a@h PRIVMSG bot :psst", "psst", "alice", "alice", "PRIVMSG", ("bot",)),
        (":alice!a@h PRIVMSG BOT :psst", "psst", "alice", "alice", "PRIVMSG", ("BOT",)),
        (":alice!a@h PRIVMSG #ops ::-) ", ":-) ", "#ops", "alice", "PRIVMSG", ("#ops",)),
        (":alice!a@h PRIVMSG #ops :\x02bold\x02", "\x02bold\x02", "#ops", "alice", "PRIVMSG", ("#ops",)),
        (
            ":alice!a@h PRIVMSG #ops :\x01ACTION waves\x01",
            "\x01ACTION waves\x01",
            "#ops",
            "alice",
            "PRIVMSG",
            ("#ops",),
        ),
        (":alice!a@h NOTICE #ops :hear", "hear", "#ops", "alice", "NOTICE", ("#ops",)),
        (":alice!a@h NOTICE bot :hear", "hear", "alice", "alice", "NOTICE", ("bot",)),
        (":alice!a@h JOIN :#ops", "#ops", "#ops", "alice", "JOIN", ()),
        (":alice!a@h PART #ops :bye", "bye", "#ops", "alice", "PART", ("#ops",)),
        (":alice!a@h TOPIC #ops :new topic", "new topic", "#ops", "alice", "TOPIC", ("#ops",)),
        (":alice!a@h KICK #ops bob :out", "out", "#ops", "alice", "KICK", ("#ops", "bob")),
        (":alice!a@h QUIT :gone", "gone", None, "alice", "QUIT", ()),
        (":alice!a@h NICK :alicia", "alicia", None, "alice", "NICK", ()),
        (":alice!a@h INVITE bot :#dev", "#dev", "alice", "alice", "INVITE", ("bot",)),
        (":bot!b@h MODE bot :+i", "+i", "bot", "bot", "MODE", ("bot",)),
        (":irc.example MODE bot :+r", "+r", "irc.example", "irc.example", "MODE", ("bot",)),
        (":irc.example 251 bot :There are 3", "There are 3", "irc.example", "irc.example", "251", ("bot",)),
        (":irc.example 332 bot #ops :topic", "topic", "irc.example", "irc.example", "332", ("bot", "#ops")),
    ],
)
def test_an_input_is_what_was_said_and_where(line, text, sender, nick, event, args):
    given = heard(line)
    assert isinstance(given, str)
    assert (given, given.bytes) == (text, text)
    assert (given.sender, given.nick, given.event, given.args) == (sender, nick, event, args)
    assert (given.admin, given.owner) == (False, False)


def test_an_input_has_the_match_and_its_groups():
    given = heard(":alice!a@h PRIVMSG #ops :.tell bob hi", re.compile(r"\.(\w+) (\S+)( x)?"))
    assert given.group() == ".tell bob"
    assert (given.group(1), given.group(2), given.group(3)) == ("tell", "bob", None)
    assert given.groups() == ("tell", "bob", None)
    assert given.groups("") == ("tell", "bob", "")
    assert given.match.start(2) == 6


def test_an_input_can_be_used_like_any_text():
    given = heard(":alice!a@h PRIVMSG #ops :Hello All")
    assert given.lower().split() == ["hello", "all"]
    assert given == "Hello All"
    assert {given: 1}["Hello All"] == 1
    assert given[:5] == "Hello"


@pytest.mark.parametrize(
    ("roles", "admin", "owner"),
    [((), False, False), (("admin",), True, False), (("owner",), True, True), (("ops",), False, False)],
)
def test_admin_and_owner_are_roles(roles, admin, owner):
    given = heard(":alice!a@h PRIVMSG #ops :x", roles=frozenset(roles))
    assert (given.admin, given.owner) == (admin, owner)


@pytest.mark.parametrize("name", ["user", "host", "account"])
def test_an_input_has_no_more_than_it_had(name):
    assert not hasattr(heard(":alice!a@h PRIVMSG #ops :x"), name)


# ---- phenny


def test_an_answer_goes_where_the_line_was_said(bot, wire):
    for line in (":alice!a@h PRIVMSG #ops :x", ":alice!a@h PRIVMSG bot :x"):
        given = phenny(bot, line)
        given.say("said")
        given.reply("replied")
        given.do("waves")
    assert wire.said == [
        ("#ops", "said"),
        ("#ops", "alice: replied"),
        ("#ops", "waves", True),
        ("alice", "said"),
        ("alice", "alice: replied"),
        ("alice", "waves", True),
    ]


def test_where_nothing_was_said_an_answer_goes_nowhere(bot, wire):
    given = phenny(bot, ":alice!a@h QUIT :gone")
    given.say("farewell")
    given.reply("farewell")
    given.do("cries")
    assert wire.said == []


def test_all_else_is_read_from_the_bot_and_what_is_set_is_lost(bot):
    first, second = phenny(bot), phenny(bot)
    first.mood = "good"
    first.bot.place = "here"
    assert first.mood == "good"
    assert not hasattr(second, "mood")
    assert not hasattr(bot, "mood")
    assert second.place == "here"
    assert second.nick == "bot"
    assert second.bot is bot
    with pytest.raises(AttributeError):
        _ = first.nobody_set_this


def test_whatever_is_said_becomes_text(bot, wire):
    given = phenny(bot)
    for each in ("text", 7, b"caf\xc3\xa9", b"\xff", ["a"], None):
        given.say(each)
    assert [text for _, text in wire.said] == ["text", "7", "café", "\ufffd", "['a']", "None"]


# ---- the bot


def test_the_bot_has_what_modules_read(bot):
    assert (bot.nick, bot.user, bot.name, bot.password) == ("bot", "chanops", "A bot", None)
    assert bot.channels == ["#ops", "#dev"]
    assert (bot.doc, bot.stats, bot.variables, bot.data) == ({}, {}, {}, {})
    assert set(bot.commands) == {"high", "medium", "low"}
    assert len(bot.stack) == 0
    assert bot.verbose
    with bot.sending, bot.sending:
        pass
    for name in ("register", "bind_commands", "setup", "handle_close", "error"):
        assert callable(getattr(bot, name))


def test_the_configuration_has_what_modules_read_but_no_password(bot):
    config = bot.config
    assert (config.nick, config.name, config.host, config.port) == ("bot", "A bot", "irc.example", 6697)
    assert (config.prefix, config.channels) == (r"\.", ["#ops", "#dev"])
    assert (config.owner, config.admins, config.password, config.serverpass) == ("", [], None, None)
    assert (config.limit, config.ignore, config.external, config.timezones) == ({}, [], {}, {})
    assert config.refresh_delay > 0
    assert not hasattr(config, "some_key_of_a_module")
    config.some_key_of_a_module = 1
    assert bot.config.some_key_of_a_module == 1


def test_what_is_said_holds_no_line_end(bot, wire):
    bot.msg("#ops", "a\r\nQUIT :x\nb\rc")
    bot.action("#ops", "a\r\nb")
    bot.msg("#ops\r\nQUIT", "x")
    bot.notice("#ops\r\nQUIT", "a\r\nQUIT")
    bot.write(("PRIVMSG", "#ops\r\nQUIT"), "a\r\nQUIT :x")
    bot.write(("JOIN", "#x\r\nQUIT"))
    bot.proto.join("#x\r\nQUIT")
    bot.proto.quit("a\r\nJOIN #x")
    everything = [*(part for each in wire.said for part in each[:2]), *wire.raw]
    assert len(everything) == 11
    assert not [each for each in everything if "\r" in each or "\n" in each]
    assert wire.said[0] == ("#ops", "aQUIT :xbc")


@pytest.mark.parametrize(
    ("args", "text", "line"),
    [
        (("JOIN", "#x"), None, "JOIN #x"),
        (["JOIN", "#x", "key"], None, "JOIN #x key"),
        (("PRIVMSG", "#x"), "hello all", "PRIVMSG #x :hello all"),
        (("MODE", "#x +o bob"), None, "MODE #x +o bob"),
        (("KICK", "#x bob"), "out with you", "KICK #x bob :out with you"),
        (["KICK", "#x", "bob", ":out with you"], None, "KICK #x bob :out with you"),
        (("QUIT",), "", "QUIT :"),
        (("QUIT",), None, "QUIT"),
        ((b"JOIN", b"#x"), None, "JOIN #x"),
        (("NICK", 7), None, "NICK 7"),
    ],
)
def test_a_line_of_the_protocol_is_written_as_it_is_given(bot, wire, args, text, line):
    phenny(bot).write(args, text)
    assert wire.raw == [line]


@pytest.mark.parametrize(
    ("work", "line"),
    [
        (lambda proto: proto.join("#x"), "JOIN #x"),
        (lambda proto: proto.join(["#x", "#y"], ["k1", "k2"]), "JOIN #x,#y k1,k2"),
        (lambda proto: proto.join("#x", "key"), "JOIN #x key"),
        (lambda proto: proto.part("#x"), "PART #x"),
        (lambda proto: proto.part(["#x", "#y"], "so long"), "PART #x,#y :so long"),
        (lambda proto: proto.nick("other"), "NICK :other"),
        (lambda proto: proto.notice("bob", "so long"), "NOTICE bob :so long"),
        (lambda proto: proto.ping("token"), "PING :token"),
        (lambda proto: proto.pong("token"), "PONG :token"),
        (lambda proto: proto.pass_("secret"), "PASS :secret"),
        (lambda proto: proto.quit(), "QUIT"),
        (lambda proto: proto.quit("so long"), "QUIT :so long"),
        (lambda proto: proto.user("u", "0", "*", "A name"), "USER u 0 * :A name"),
    ],
)
def test_the_verbs_of_the_protocol(bot, wire, work, line):
    work(phenny(bot).proto)
    assert wire.raw == [line]


def test_a_private_message_by_its_verb_is_said_as_any_other(bot, wire):
    bot.proto.privmsg("bob", "hello")
    assert wire.said == [("bob", "hello")]


def test_a_notice_and_an_action(bot, wire):
    phenny(bot).notice("bob", "psst")
    phenny(bot).action("#ops", "waves")
    assert wire.raw == ["NOTICE bob :psst"]
    assert wire.said == [("#ops", "waves", True)]


def said(wire):
    return [text for _, text in wire.said]


def test_what_was_said_five_times_of_eight_becomes_dots_and_then_nothing(bot, wire):
    for _ in range(20):
        bot.msg("#ops", "again")
    assert said(wire) == ["again"] * 5 + ["..."] * 3


def test_other_lines_between_end_the_silence(bot, wire):
    for _ in range(20):
        bot.msg("#ops", "again")
    for number in range(8):
        bot.msg("#ops", f"line {number}")
    bot.msg("#ops", "again")
    assert said(wire)[-9:] == [*(f"line {number}" for number in range(8)), "again"]


def test_what_is_said_four_times_of_eight_is_no_loop(bot, wire):
    for number in range(40):
        bot.msg("#ops", "again" if number % 2 else f"line {number}")
    assert "..." not in said(wire)
    assert said(wire).count("again") == 20


def test_one_line_to_many_is_no_loop(bot, wire):
    for number in range(20):
        bot.msg(f"#channel{number}", "an announcement")
    assert said(wire) == ["an announcement"] * 20


def test_an_error_goes_to_the_log(bot, caplog):
    try:
        raise ValueError("the reason")
    except ValueError:
        bot.error(None)
    assert "the reason" in caplog.text


def test_what_a_module_registers_is_remembered(bot):
    def function(phenny, input):
        """Documented."""

    function.commands = ["x"]
    bot.register({"function": function, "number": 7})
    assert bot.variables == {"function": function}


def test_a_message_of_the_bots_own_has_no_sender():
    given = Input.of(Message(event="start", command="START"), ANYTHING.match(""), ROLES)
    assert (given, given.sender, given.nick, given.event, given.args) == ("", None, "", "START", ())
