"""What lines mean: whose they are, which channel they belong to, and whether they are old ones played back."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chanops.irc.state import REMEMBERED, State, folds
from chanops.irc.wire import parse

NOW = 1000.0
CLOCK = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CAPS = ("account-tag", "message-tags", "server-time", "batch")


def knowing(*lines, caps=CAPS, channels=("#ops", "#Dev[1]"), at=NOW):
    """The state of a connection on which these lines were heard."""
    state = State("net", "bot", channels, set(caps))
    for line in lines:
        state.learn(parse(line), at)
    return state


def heard(state, text, now=NOW, clock=CLOCK):
    """A line as a message; the caps and the rest are the state's."""
    return state.message(parse(text), now, clock)


def supports(tokens):
    return f":irc 005 bot {tokens} :are supported by this server"


@pytest.mark.parametrize(
    ("mapping", "same", "different"),
    [
        ("ascii", [("#OPS", "#ops")], [("#a[", "#a{"), ("#a^", "#a~"), ("É", "é"), ("\u212a", "k")]),
        ("rfc1459", [("#OPS", "#ops"), ("[]\\^", "{}|~")], [("É", "é"), ("\u212aim", "kim"), ("ı", "I"), ("ß", "ss")]),
        ("strict-rfc1459", [("#OPS", "#ops"), ("[]\\", "{}|")], [("^", "~"), ("K", "\u212a")]),
        ("rfc7613", [("A", "a")], [("É", "é")]),
    ],
)
def test_names_are_compared_as_the_server_compares_them(mapping, same, different):
    state = knowing(supports(f"CASEMAPPING={mapping}"))
    assert [state.fold(a) == state.fold(b) for a, b in same] == [True] * len(same)
    assert [state.fold(a) == state.fold(b) for a, b in different] == [False] * len(different)


@pytest.mark.parametrize("mapping", ["ascii", "rfc1459", "strict-rfc1459"])
def test_folding_changes_ascii_only_and_only_once(mapping):
    table = folds(mapping)
    assert all(chr(code) in string.ascii_uppercase + "[]\\^" for code in table)
    everything = "".join(map(chr, range(0x3000)))
    assert everything.translate(table).translate(table) == everything.translate(table)


def test_until_the_server_says_otherwise_it_is_rfc1459():
    state = knowing()
    assert heard(state, ":a!b@c PRIVMSG #dev{1} :hi").channel == "#Dev[1]"
    state.learn(parse(supports("CASEMAPPING=ascii")), NOW)
    assert heard(state, ":a!b@c PRIVMSG #dev{1} :hi") is None
    assert heard(state, ":a!b@c PRIVMSG #DEV[1] :hi").channel == "#Dev[1]"


@pytest.mark.parametrize(
    ("lines", "user", "host"),
    [
        ([], "", ""),
        ([":bot!u@h.example JOIN #ops"], "u", "h.example"),
        ([":BOT!u@h JOIN #ops", ":irc 396 bot cloak.example :is now your displayed host"], "u", "cloak.example"),
        ([":bot!u@h JOIN #ops", ":alice!x@y JOIN #ops"], "u", "h"),
        ([":bot!u@h JOIN #ops", ":bot MODE bot +i"], "u", "h"),
        ([":bot!u@h JOIN #ops", ":irc 396 bot"], "u", "h"),
    ],
)
def test_our_own_mask_is_learnt_from_our_own_lines(lines, user, host):
    state = knowing(*lines)
    assert (state.user, state.host) == (user, host)
    relayed = f":bot!{user or 'x' * 11}@{host or 'x' * 63} PRIVMSG #ops :{'x' * state.room('#ops')}\r\n"
    assert len(relayed) == 512


def test_our_nick_is_what_the_server_says_it_is():
    state = knowing(":bot!u@h NICK helper")
    assert state.nick == "helper"
    assert state.is_me("HELPER")
    assert not state.is_me("bot")
    assert heard(state, ":alice!a@h PRIVMSG helper :psst").channel == ""
    state.learn(parse(":bot!u@h NICK other"), NOW)
    state.learn(parse(":helper!u@h NICK :Helper[2]"), NOW)
    assert state.nick == "Helper[2]"


@pytest.mark.parametrize(
    ("line", "joined"),
    [
        (":bot!u@h PART #ops", []),
        (":bot!u@h PART #OPS :bye", []),
        (":alice!a@h KICK #ops bot :out", []),
        (":alice!a@h KICK #ops BOT", []),
        (":bot!u@h KICK #ops bot :myself", []),
        (":bot!u@h KICK #ops alice :out", ["#ops"]),
        (":alice!a@h KICK #ops mallory :out", ["#ops"]),
        (":alice!a@h PART #ops", ["#ops"]),
        (":alice!a@h KICK", ["#ops"]),
        (":bot!u@h PART", ["#ops"]),
        (":bot!u@h JOIN #OPS", ["#ops"]),
        (":bot!u@h JOIN #other", ["#ops", "#other"]),
    ],
)
def test_where_we_are_is_known(line, joined):
    assert sorted(knowing(":bot!u@h JOIN #ops", line).joined) == joined


def test_a_message_says_who_said_what_where_and_when():
    line = (
        "@time=2026-11-21T11:59:58.500Z;account=alice;msgid=abc;bot;+x=y "
        ":Alice!ali@host.example PRIVMSG #OPS :.up \x02web1\x0f \x0304,01now\x03"
    )
    message = heard(knowing(), line)
    assert message._asdict() == {
        "network": "net",
        "event": "message",
        "nick": "Alice",
        "account": "alice",
        "channel": "#ops",
        "text": ".up web1 now",
        "at": CLOCK - timedelta(seconds=1.5),
        "raw": ".up \x02web1\x0f \x0304,01now\x03",
        "user": "ali",
        "host": "host.example",
        "command": "PRIVMSG",
        "params": ("#OPS",),
        "msgid": "abc",
        "bot": True,
        "replayed": False,
        "channels": (),
        "own": False,
    }


@pytest.mark.parametrize(
    ("line", "event", "text"),
    [
        (":a!b@c PRIVMSG #ops :hi", "message", "hi"),
        (":a!b@c PRIVMSG #ops hi", "message", "hi"),
        (":a!b@c PRIVMSG #ops :", "message", ""),
        (":a!b@c NOTICE #ops :hi", "notice", "hi"),
        (":irc NOTICE * :*** Looking up your hostname", "notice", "*** Looking up your hostname"),
        (":a!b@c PRIVMSG #ops :\x01ACTION waves\x01", "action", "waves"),
        (":a!b@c PRIVMSG #ops :\x01ACTION waves", "action", "waves"),
        (":a!b@c PRIVMSG #ops :\x01ACTION \x01", "action", ""),
        (":a!b@c PRIVMSG #ops :.up\x01", "message", ".up\x01"),
        (":a!b@c JOIN :#ops", "join", "#ops"),
        (":a!b@c PART #ops :bye", "part", "bye"),
        (":a!b@c PART #ops", "part", ""),
        (":a!b@c KICK #ops bob :out", "kick", "out"),
        (":a!b@c KICK #ops bob", "kick", ""),
        (":a!b@c TOPIC #ops :Now", "topic", "Now"),
        (":a!b@c MODE #ops +o bob", "mode", "bob"),
        (":a!b@c QUIT :gone", "quit", "gone"),
        (":a!b@c QUIT", "quit", ""),
        (":a!b@c NICK other", "nick", "other"),
        (":irc 001 bot :Hi", "welcome", "Hi"),
        (":irc 372 bot :- motd", "motd", "- motd"),
    ],
)
def test_every_line_has_an_event(line, event, text):
    message = heard(knowing(), line)
    assert (message.event, message.text) == (event, text)


@pytest.mark.parametrize(
    "line",
    [
        ":bot!u@h PRIVMSG #ops :.up web1",
        ":BOT!u@h NOTICE #ops :said by us",
        ":bot!u@h PRIVMSG bot :to ourselves",
        ":a!b@c PRIVMSG bot :\x01VERSION\x01",
        ":a!b@c PRIVMSG #ops :\x01PING 1\x01",
        ":a!b@c PRIVMSG #ops :\x01action waves\x01",
        ":a!b@c PRIVMSG #ops :\x01ACTION\x01",
        ":a!b@c PRIVMSG #ops :\x01",
        ":a!b@c NOTICE bot :\x01VERSION mIRC\x01",
        ":a!b@c NOTICE #ops :\x01ACTION waves\x01",
        ":a!b@c PRIVMSG #other :.up web1",
        ":a!b@c PRIVMSG #ops\x1d.destroy :hi",
        ":a!b@c PRIVMSG @#ops :.up web1",
        ":a!b@c NOTICE +#ops :psst",
        ":a!b@c PRIVMSG &local :.up web1",
        ":a!b@c JOIN #other",
        ":a!b@c TOPIC #other :x",
        ":a!b@c MODE #other +o b",
        ":a!b@c KICK #other b",
        ":a!b@c INVITE bot #other",
        ":a!b@c INVITE bot #ops\x1d.destroy",
    ],
)
@pytest.mark.parametrize("statusmsg", ["STATUSMSG=@+", "STATUSMSG=", "NETWORK=x"])
def test_echoes_machines_and_other_channels_are_passed_over(line, statusmsg):
    assert heard(knowing(supports(statusmsg)), line) is None


@pytest.mark.parametrize(
    ("line", "channel"),
    [
        (":a!b@c PRIVMSG #OPS :hi", "#ops"),
        (":a!b@c PRIVMSG bot :hi", ""),
        (":a!b@c PRIVMSG Bot :hi", ""),
        (":a!b@c PRIVMSG $$* :hi to all", ""),
        (":a!b@c INVITE bot #ops", "#ops"),
        (":a!b@c MODE bot +i", ""),
        (":a!b@c KICK #ops bob", "#ops"),
        (":a!b@c QUIT :#ops", ""),
        (":irc 332 bot #ops :topic", ""),
        (":a!b@c PRIVMSG", ""),
    ],
)
def test_a_line_belongs_to_a_channel_of_ours_or_to_none(line, channel):
    assert heard(knowing(), line).channel == channel


def test_which_names_are_channels_is_for_the_server_to_say():
    state = knowing(supports("CHANTYPES=+! STATUSMSG=@"), channels=("+ops", "!ops"))
    assert heard(state, ":a!b@c PRIVMSG +OPS :hi").channel == "+ops"
    assert heard(state, ":a!b@c PRIVMSG @+ops :hi") is None
    assert heard(state, ":a!b@c PRIVMSG !other :hi") is None


@pytest.mark.parametrize(
    ("caps", "tags", "account"),
    [
        (CAPS, "account=alice", "alice"),
        (CAPS, "account=Älice\\s2", "Älice 2"),
        (CAPS, "+account=alice", ""),
        (CAPS, "x/account=alice", ""),
        (CAPS, "account", ""),
        (CAPS, "account=;account=alice", ""),
        (CAPS, "account=bob;account=alice", "bob"),
        ((), "account=alice", ""),
        (("message-tags", "server-time", "batch"), "account=alice", ""),
    ],
)
def test_only_the_tag_that_was_agreed_on_makes_an_account(caps, tags, account):
    message = heard(knowing(caps=caps), f"@{tags} :alice!alice@alice PRIVMSG #ops :.up")
    assert message.account == account


def test_an_account_is_of_one_line_only():
    state = knowing()
    assert heard(state, "@account=alice :alice!a@h PRIVMSG #ops :one").account == "alice"
    assert heard(state, ":alice!a@h PRIVMSG #ops :two").account == ""
    state.caps.discard("account-tag")
    assert heard(state, "@account=alice :alice!a@h PRIVMSG #ops :three").account == ""


@pytest.mark.parametrize(
    ("tags", "replayed"),
    [
        ("", False),
        ("@batch=1 ", True),
        ("@batch ", True),
        ("@time=2026-11-21T12:00:00.000Z ", False),
        ("@time=2026-11-21T11:59:31Z ", False),
        ("@time=2026-11-21T12:00:29Z ", False),
        ("@time=2026-11-21T11:59:29Z ", True),
        ("@time=2026-11-21T12:00:31Z ", True),
        ("@time=1970-01-01T00:00:00Z ", True),
        ("@time=2026-11-21T12:00:00+02:00 ", True),
        ("@time=2026-11-21T14:00:00+02:00 ", False),
        ("@time=2026-11-21T12:00:00 ", False),
        ("@time=0001-01-01T00:00:00+23:59 ", False),
        ("@time=9999-12-31T23:59:59-23:59 ", False),
        ("@time=yesterday ", False),
        ("@time= ", False),
        ("@time ", False),
        ("@time=2026-11-21T12:00:00Z;batch=x ", True),
    ],
)
@pytest.mark.parametrize("target", ["#ops", "bot"])
def test_a_line_is_played_back_where_its_batch_or_its_time_says_so(tags, replayed, target):
    assert heard(knowing(), f"{tags}:a!b@c PRIVMSG {target} :.up").replayed is replayed


def test_a_time_that_cannot_be_read_is_now():
    assert heard(knowing(), "@time=0001-01-01T00:00:00+23:59 :a!b@c PRIVMSG #ops :hi").at == CLOCK
    assert heard(knowing(), "@time=2026-11-21T13:00:00+01:00 :a!b@c PRIVMSG #ops :hi").at.utcoffset() == timedelta(0)


def test_a_time_that_is_far_ahead_is_now_and_still_no_reason_to_obey():
    said = heard(knowing(), "@time=2036-11-21T12:00:00Z :a!b@c PRIVMSG #ops :.up")
    assert (said.at, said.replayed) == (CLOCK, True)
    assert heard(knowing(), "@time=2036-11-21T12:00:00Z :a!b@c TOPIC #ops :new").at == CLOCK


def test_how_far_the_clocks_differ_is_noted():
    state = knowing()
    heard(state, "@time=2026-11-21T12:02:00Z :a!b@c PRIVMSG #ops :hi")
    assert state.skew == 120
    heard(state, "@time=2026-11-21T11:59:00Z :a!b@c PRIVMSG #ops :hi")
    assert state.skew == -60


def test_a_message_that_was_heard_before_is_played_back():
    state = knowing()
    first, again, another, without = (
        heard(state, f"{tags}:a!b@c PRIVMSG #ops :hi")
        for tags in ("@msgid=A ", "@msgid=A;time=2026-11-21T12:00:00Z ", "@msgid=a ", "@msgid ")
    )
    assert [m.replayed for m in (first, again, another, without)] == [False, True, False, False]
    assert heard(state, ":a!b@c PRIVMSG #ops :hi").replayed is False


def test_a_message_s_id_is_no_longer_than_a_database_s_index_holds():
    said, gone = (heard(knowing(), f"@msgid={'m' * 8000} :a!b@c {what} #ops :x") for what in ("PRIVMSG", "TOPIC"))
    redacted = heard(knowing(), f":a!b@c REDACT #ops {'m' * 8000} :x")
    assert said.msgid == gone.msgid == redacted.msgid == "m" * 600


def test_only_so_many_message_ids_are_remembered():
    state = knowing()
    ids = [f"@msgid={number} :a!b@c PRIVMSG #ops :hi" for number in range(REMEMBERED + 10)]
    assert not any(heard(state, line).replayed for line in ids)
    assert len(state.msgids) == REMEMBERED
    assert heard(state, ids[-1]).replayed
    assert not heard(state, ids[0]).replayed


@pytest.mark.parametrize(
    ("caps", "at_once"), [((), True), (("server-time",), True), (("batch",), True), (("server-time", "batch"), False)]
)
def test_without_times_and_batches_what_comes_right_after_joining_counts_as_old(caps, at_once):
    state, said = knowing(caps=caps), ":a!b@c PRIVMSG #ops :.up"
    assert heard(state, said, NOW).replayed is at_once
    state.learn(parse(":bot!u@h JOIN #ops"), NOW)
    assert heard(state, said, NOW + 60).replayed is at_once
    state.learn(parse(":irc 366 bot #OPS :End of NAMES"), NOW + 60)
    assert heard(state, said, NOW + 69.9).replayed is at_once
    assert heard(state, said, NOW + 70.1).replayed is False
    state.learn(parse(":a!b@c KICK #ops bot"), NOW + 80)
    state.learn(parse(":bot!u@h JOIN #ops"), NOW + 90)
    assert heard(state, said, NOW + 95).replayed is at_once


def test_a_server_without_times_does_not_play_back_who_comes_and_goes():
    state = knowing(":bot!u@h JOIN #ops", caps=())
    assert not heard(state, ":bot!u@h JOIN #ops").replayed
    assert not heard(state, ":a!b@c PART #ops").replayed
    assert heard(state, "@batch=1 :a!b@c JOIN #ops").replayed


@pytest.mark.parametrize(
    ("line", "params"),
    [
        (":a!b@c KICK #ops bob :out", ("#ops", "bob")),
        (":a!b@c KICK #ops :bob", ("#ops", "bob")),
        (":a!b@c MODE #ops +o bob", ("#ops", "+o", "bob")),
        (":a!b@c MODE #ops +ov bob :carol", ("#ops", "+ov", "bob", "carol")),
        (":a!b@c TOPIC #ops :Now", ("#ops",)),
    ],
)
def test_who_is_meant_is_among_the_parameters_however_it_was_written(line, params):
    assert heard(knowing(), line).params == params


@pytest.mark.parametrize(
    "line",
    [":bot!u@h JOIN #ops", ":bot!u@h PART #ops :bye", ":bot!u@h KICK #ops bob :out", ":bot!u@h NICK helper",
     ":bot!u@h TOPIC #ops :Now", ":bot!u@h MODE #ops +o bob", ":a!b@c KICK #ops bot :out"],
)  # fmt: skip
def test_what_we_do_ourselves_is_heard_like_anything(line):
    state = knowing(":bot!u@h JOIN #ops")
    state.learn(parse(line), NOW)
    message = heard(state, line)
    assert (message.event, message.own) == (line.split()[1].lower(), False)


ECHOING = (*CAPS, "echo-message")


def test_what_a_server_that_was_asked_for_it_sends_back_of_ours_is_our_own():
    line = "@time=2026-11-21T11:59:58Z;account=botacc;msgid=m1 :BOT!u@h.example PRIVMSG #OPS :\x02up\x02"
    message = heard(knowing(caps=ECHOING), line)
    assert (message.own, message.event, message.channel, message.raw) == (True, "message", "#ops", "\x02up\x02")
    assert (message.msgid, message.account, message.at) == ("m1", "botacc", CLOCK - timedelta(seconds=2))
    assert (message.nick, message.user, message.host, message.replayed) == ("BOT", "u", "h.example", False)
    action = heard(knowing(caps=ECHOING), ":bot!u@h NOTICE #ops :psst")
    assert (action.own, action.event) == (True, "notice")


@pytest.mark.parametrize(
    "line",
    [":bot!u@h PRIVMSG alice :psst", ":bot!u@h PRIVMSG bot :to ourselves", ":bot!u@h PRIVMSG #other :hi",
     ":bot!u@h NOTICE @#ops :psst", ":bot!u@h PRIVMSG #ops :\x01VERSION\x01", ":bot!u@h NOTICE alice :psst"],
)  # fmt: skip
def test_what_we_say_elsewhere_is_nobody_s_business(line):
    assert heard(knowing(caps=ECHOING), line) is None
    assert knowing().leaving(line.partition(" ")[2], CLOCK) is None


def test_of_others_nothing_is_our_own():
    assert not heard(knowing(caps=ECHOING), ":a!b@c PRIVMSG #ops :hi").own
    assert not heard(knowing(caps=ECHOING), ":bot2!b@c PRIVMSG #ops :hi").own


@pytest.mark.parametrize(
    ("line", "event", "text"),
    [
        ("PRIVMSG #OPS :hello \x02there", "message", "hello there"),
        ("PRIVMSG #ops hello", "message", "hello"),
        ("PRIVMSG #ops :\x01ACTION waves\x01", "action", "waves"),
        ("NOTICE #ops :hear, hear", "notice", "hear, hear"),
        ("privmsg #ops :in small letters", "message", "in small letters"),
    ],
)
@pytest.mark.parametrize("caps", [CAPS, ()])
def test_what_leaves_is_our_own_where_it_does_not_come_back(line, event, text, caps):
    message = knowing(":bot!u@h.example JOIN #ops", caps=caps).leaving(line, CLOCK)
    assert (message.own, message.event, message.text, message.channel) == (True, event, text, "#ops")
    assert (message.nick, message.user, message.host) == ("bot", "u", "h.example")
    assert (message.at, message.replayed, message.account, message.msgid) == (CLOCK, False, "", "")


@pytest.mark.parametrize("line", ["JOIN #ops", "TOPIC #ops :Now", "PONG :x", "", "PRIVMSG", "@x=y", ":a!b@c", "  "])
def test_what_leaves_and_says_nothing_is_not_heard(line):
    assert knowing().leaving(line, CLOCK) is None


def test_what_comes_back_is_not_heard_as_it_leaves():
    assert knowing(caps=ECHOING).leaving("PRIVMSG #ops :hi", CLOCK) is None


@pytest.mark.parametrize(
    ("line", "msgid", "text"),
    [
        ("@account=alice;msgid=own :a!b@c REDACT #OPS m1 :spam, \x02sorry", "m1", "spam, sorry"),
        ("@account=alice :a!b@c REDACT #ops m1 spam", "m1", "spam"),
        ("@account=alice :a!b@c REDACT #ops m1", "m1", ""),
        ("@account=alice :a!b@c REDACT #ops :m1", "m1", ""),
    ],
)
def test_a_line_that_is_taken_back_is_named_by_its_id(line, msgid, text):
    message = heard(knowing(), line)
    assert (message.event, message.channel, message.msgid, message.text) == ("redact", "#ops", msgid, text)
    assert (message.nick, message.account, message.replayed) == ("a", "alice", False)


@pytest.mark.parametrize("line", ["REDACT #other m1", "REDACT bot m1", "REDACT #ops", "REDACT", "REDACT #ops :"])
def test_what_is_taken_back_elsewhere_or_without_an_id_is_passed_over(line):
    assert heard(knowing(), f":a!b@c {line}") is None


def test_names_asked_for_elsewhere_or_later_do_not_begin_another_wait_elsewhere():
    state = knowing(":bot!u@h JOIN #ops", ":irc 366 bot #ops :End", caps=())
    state.learn(parse(":irc 366 bot #other :End of NAMES"), NOW + 60)
    assert list(state.joined) == ["#ops"]
    assert heard(state, ":a!b@c PRIVMSG #ops :hi", NOW + 61).replayed is False


def test_what_is_said_in_private_needs_no_settling():
    assert heard(knowing(caps=()), ":a!b@c PRIVMSG bot :hi").replayed is False


HOSTILE = ["PREFIX=", "PREFIX=x", "PREFIX", "CHANLIMIT=#&:x", "CHANLIMIT=#", "MAXLIST=:", "TARGMAX=a", "=x", "=", "-",
           "--", "load_feature=1", "LOAD_FEATURE=", "SET=1", "REMOVE=x", "LOAD=1", "-SET", "_parse_other=1",
           "_PARSE_OTHER=1", "__WEAKREF__=1", "__CLASS__=x", "__DICT__=x", "__DOC__=x", "__SETATTR__=1",
           "__GETATTRIBUTE__=1", "CHANTYPES=", "CHANTYPES=5", "STATUSMSG=", "CASEMAPPING=", "CASEMAPPING=7",
           "-CASEMAPPING", "X=²", "X=" + "9" * 5000]  # fmt: skip


@pytest.mark.parametrize("token", HOSTILE)
def test_a_hostile_feature_changes_nothing_but_itself(token):
    state = knowing(supports(f"{token} CASEMAPPING=ascii"), supports("STATUSMSG=! CHANTYPES=#+"))
    assert state.fold("[A") == "[a"
    assert heard(state, ":a!b@c PRIVMSG #ops :hi").channel == "#ops"
    assert heard(state, ":a!b@c PRIVMSG !+ops :hi") is None
    state.learn(parse(supports("-CASEMAPPING -STATUSMSG -CHANTYPES")), NOW)
    assert state.fold("[A") == "{a"


PARAMS = ("#ops", "bot", "#other", "@#ops", "*", "+1", "-1", ":", "::", ":bot", "\x01ACTION x\x01", ":\x01", "", " ",
          "é", "#", "@", *HOSTILE[:20])  # fmt: skip
COMMANDS = ("PRIVMSG", "NOTICE", "JOIN", "PART", "KICK", "MODE", "NICK", "QUIT", "TOPIC", "INVITE", "BATCH", "CAP",
            "REDACT", "001", "005", "353", "366", "396", "900", "999", "TAGMSG", "PING", "ERROR", "X")  # fmt: skip
TIMES = st.from_regex(r"@time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)? ", fullmatch=True)
TAGS = TIMES | st.sampled_from(("", "@ ", "@time=x ", "@time=2026-11-21T12:00:00Z;account=x ", "@msgid=1;batch=2 "))
SOURCES = st.sampled_from(("", ":bot ", ":bot!u@h ", ":irc ", ":a!b@c ", ": ", ":! ", ":@ ", ":a!@ "))
LINES = st.tuples(
    TAGS, SOURCES, st.sampled_from(COMMANDS), st.lists(st.sampled_from(PARAMS) | st.text(max_size=5), max_size=5)
).map(lambda parts: f"{parts[0]}{parts[1]}{parts[2]} {' '.join(parts[3])}")


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES | st.text(max_size=40), max_size=12), st.sets(st.sampled_from(CAPS)))
@example([":irc 005 bot __WEAKREF__=1 :x", "@time=0001-01-01T00:00:00+23:59 :a PRIVMSG #ops :x"], set())
def test_no_line_raises_and_none_gives_anybody_an_account_that_was_not_shown(lines, caps):
    state = knowing(caps=caps)
    for line in filter(None, map(parse, lines)):
        state.learn(line, NOW)
        message = state.message(line, NOW, CLOCK)
        assert state.room("#ops") >= 64
        assert message is None or (message.account == "") or "account-tag" in caps
        assert message is None or message.channel in ("", "#ops", "#Dev[1]")
        assert message is None or set(message.channels) <= {"#ops", "#Dev[1]"}
        assert message is None or not message.own
