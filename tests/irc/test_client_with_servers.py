"""The connection on real servers: they freeze, die and come back, throw the bot out, and play back what is old."""

import itertools
import random
import re
import time
from datetime import datetime

import pytest

from chanops.core.logged import log_text
from chanops.core.settings import Secret
from chanops.irc.client import Timings

TAGS = ("account-tag", "message-tags", "server-time", "batch")
FAST = {"send_burst": 100_000, "send_interval": 0.0}
BOTH = pytest.mark.parametrize("name", ["ngircd", "inspircd"])
QUICK = Timings(ping_after=0.3, dead_after=2.0, register_within=2.5, rejoin_after=0.2, banned_wait=0.3, settling=0.0,
                look=0.05)  # fmt: skip
NUMBERS = itertools.count(1)


@pytest.fixture
def enter(bot):
    """Call it to have the bot come to a server, under a nick and in a channel that no other test has."""

    def come(server, wait=True, tls=False, **settings):
        number = next(NUMBERS)
        given = {"nick": f"chanops{number}", "channels": (f"#ops{number}",), **settings}
        if tls:
            given |= {"tls": True, "tls_ca_file": server.ca_file}
        voice = bot.connect(server.tls_port if tls else server.port, **given)
        voice.nick, voice.channel = given["nick"], given["channels"][0]
        if wait:
            joined(voice)
        return voice

    return come


def joined(voice, within=10.0):
    """Wait until the bot is in its channel."""
    voice.hears(lambda message: message.event == "endofnames" and voice.channel in message.params, within)


@BOTH
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_bot_comes_in_hears_and_is_heard(name, tls, enter, request):
    server = request.getfixturevalue(name)
    voice = enter(server, tls=tls, wait=False)
    with server.client("ann", wait=False) as ann:
        joined(voice)
        ann.wait_welcome().join(voice.channel)
        ann.say(voice.channel, "hello \x02bot\x0f")
        heard = voice.hears("hello bot")
        assert (heard.nick, heard.channel, heard.account, heard.replayed) == ("ann", voice.channel, "", False)
        ann.send(b"PRIVMSG " + voice.channel.encode() + b" :caf\xe9 \x80")
        voice.hears("café €")
        voice.say(voice.channel, "hello ann")
        ann.expect(rf"^:{voice.nick}!\S+ PRIVMSG {voice.channel} :hello ann$")
        voice.say("ann", "psst", action=True)
        ann.expect(rf"^:{voice.nick}!\S+ PRIVMSG ann :\x01ACTION psst\x01$")
        ann.say(voice.nick, "psst too")
        assert voice.hears("psst too").channel == ""


def test_a_real_server_whose_certificate_nobody_knows_is_refused(ngircd, bot, logged):
    voice = bot.connect(ngircd.tls_port, tls=True)
    logged("its certificate is not trusted")
    assert voice.messages.empty()


def test_only_who_is_logged_in_has_an_account_whatever_the_nick(inspircd, enter):
    voice = enter(inspircd, wait=False, sasl_user="chanops", sasl_password=Secret("botpw"))
    with (
        inspircd.client("someone", sasl=("alice", "alicepw"), caps=TAGS, wait=False) as alice,
        inspircd.client("alice", caps=TAGS, wait=False) as mallory,
    ):
        joined(voice)
        for client in (alice, mallory):
            client.wait_welcome().join(voice.channel)
        alice.say(voice.channel, "from the real one")
        mallory.send(f"@account=alice;+account=alice PRIVMSG {voice.channel} :from the false one")
        assert voice.hears("from the real one").account == "alice"
        assert voice.hears("from the false one").account == ""
        alice.send("NICK alice2")
        alice.say(voice.channel, "still me")
        alice.say(voice.nick, "in private")
        assert voice.hears("still me").account == "alice"
        assert voice.hears("in private").account == "alice"
        mallory.send(f"NOTICE {voice.channel} :a notice")
        assert voice.hears("a notice").event == "notice"


def test_a_wrong_password_keeps_the_bot_out(inspircd, bot, logged):
    voice = bot.connect(inspircd.port, timings=QUICK, sasl_user="alice", sasl_password=Secret("wrong"))
    logged("login as alice failed")
    assert not [message for message in voice.messages.queue if message.event in ("welcome", "join")]


def test_without_services_accounts_stay_known_and_no_login_is_made_up(fresh_inspircd, enter, logged):
    server = fresh_inspircd()
    server.register_accounts({"alice": "alicepw", "chanops": "botpw"})
    login = {"sasl_user": "chanops", "sasl_password": Secret("botpw"), "timings": QUICK}
    voice = enter(server, wait=False, **login)
    with (
        server.client("ann", sasl=("alice", "alicepw"), caps=TAGS, wait=False) as alice,
        server.client("alice", caps=TAGS, wait=False) as mallory,
    ):
        joined(voice)
        for client in (alice, mallory):
            client.wait_welcome().join(voice.channel)
        server.kill_services()
        alice.say(voice.channel, "still logged in")
        assert voice.hears("still logged in").account == "alice"
        mallory.say(voice.channel, "never was")
        assert voice.hears("never was").account == ""
        late = enter(server, wait=False, **login)
        logged("the server offers no login by SASL")
        assert not [message for message in late.messages.queue if message.event in ("welcome", "join")]
        server.start_services()
        joined(late)


def test_what_a_channel_plays_back_is_never_new(inspircd, enter):
    with inspircd.client("ann", sasl=("alice", "alicepw"), caps=TAGS, wait=False) as alice:
        alice.wait_welcome().join("#history")
        alice.send("MODE #history +H 20:1h")
        for number in range(5):
            alice.say("#history", f".destroy web{number}")
        alice.barrier()
        voice = enter(inspircd, channels=("#history",))
        alice.say("#history", ".destroy web9")
        live = voice.hears(".destroy web9")
        assert (live.replayed, live.account) == (False, "alice")
        played = [message for message in voice.all if message.text.startswith(".destroy") and message is not live]
        assert [message.text for message in played] == [f".destroy web{number}" for number in range(5)]
        assert all(message.replayed for message in played)
        assert all(message.account == "" for message in played)


@BOTH
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_what_the_bot_says_in_its_channel_is_heard_once(name, tls, enter, request):
    server = request.getfixturevalue(name)
    voice = enter(server, tls=tls, wait=False, **FAST)
    with server.client("ann", wait=False) as ann:
        joined(voice)
        ann.wait_welcome().join(voice.channel)
        for number in range(20):
            voice.say(voice.channel, f"line {number}", action=number % 2 == 1)
        voice.say("ann", "in private")
        ann.expect("in private")
        ann.say(voice.channel, "enough")
        voice.hears("enough")
        own = [message for message in voice.all if message.own]
        assert [message.text for message in own] == [f"line {number}" for number in range(20)]
        assert [message.event for message in own] == ["message", "action"] * 10
        assert {message.channel for message in own} == {voice.channel}
        assert {message.nick for message in own} == {voice.nick}
        assert all(message.host for message in own)
        assert not any(message.replayed for message in own)


def test_what_the_bot_says_has_the_id_the_time_and_the_account_that_others_see(inspircd, enter):
    voice = enter(inspircd, wait=False, sasl_user="chanops", sasl_password=Secret("botpw"))
    with inspircd.client("ann", caps=TAGS, wait=False) as ann:
        joined(voice)
        ann.wait_welcome().join(voice.channel)
        voice.say(voice.channel, "hello")
        seen = ann.expect(rf"PRIVMSG {voice.channel} :hello$")
        tags = dict(tag.split("=") for tag in seen[1:].partition(" ")[0].split(";"))
        own = voice.hears("hello")
        assert (own.own, own.msgid, own.account) == (True, tags["msgid"], "chanops")
        assert own.at == datetime.fromisoformat(tags["time"])


def test_what_the_bot_has_said_is_played_back_to_it_under_the_same_id(inspircd, enter):
    with inspircd.client("ann") as ann:
        ann.join("#ownhistory")
        ann.send("MODE #ownhistory +H 20:1h")
        ann.barrier()
        voice = enter(inspircd, channels=("#ownhistory",))
        voice.say("#ownhistory", "said before")
        first = voice.hears("said before")
        voice.connection.send_raw("PART #ownhistory")
        again = voice.hears("said before")
        assert (first.own, first.replayed) == (True, False)
        assert (again.own, again.replayed, again.msgid) == (True, True, first.msgid)


@BOTH
def test_all_that_happens_in_a_channel_is_heard_with_its_text(name, enter, request):
    server = request.getfixturevalue(name)
    with (
        server.client("op", wait=False) as op,
        server.client("ann", wait=False) as ann,
        server.client("ben", wait=False) as ben,
    ):
        one, two = f"#one{name}", f"#two{name}"
        for client, channels in ((op, (one, two)), (ann, (one, two)), (ben, (two,))):
            client.wait_welcome()
            for channel in channels:
                client.join(channel)
        voice = enter(server, channels=(one, two, f"#three{name}"), wait=False)
        voice.channel = f"#three{name}"
        joined(voice)
        op.send(f"MODE {one} +o ann")
        op.send(f"MODE {one} +m")
        op.send(f"TOPIC {one} :Now \x02this\x02")
        op.barrier()
        ann.send("NICK Ann2")
        ann.expect("NICK :?Ann2")
        op.send(f"KICK {two} ben :out with you")
        op.expect("KICK")
        ben.join(two)
        ben.send(f"PART {two} :so long")
        ben.expect("PART")
        ann.send("QUIT :gone")
        left = voice.hears(lambda message: message.event == "quit")
        things = ("mode", "topic", "nick", "kick", "join", "part", "quit")
        heard = [m for m in voice.all if m.event in things and m.nick in ("op", "ann", "ben", "Ann2")]
        assert [(m.event, m.channel or m.channels, log_text(m)) for m in heard[:-1]] == [
            ("mode", one, "+o ann"),
            ("mode", one, "+m"),
            ("topic", one, "Now \x02this\x02"),
            ("nick", (one, two), "Ann2"),
            ("kick", two, "ben out with you"),
            ("join", two, ""),
            ("part", two, "so long"),
        ]
        assert (left.channels, left.replayed) == ((one, two), False)
        assert "gone" in log_text(left)
        ours = [m for m in voice.all if m.event == "join" and m.nick == voice.nick]
        assert [m.channel for m in ours] == [one, two, f"#three{name}"]


def test_who_is_kicked_comes_back(ngircd, enter):
    with ngircd.client("op") as op:
        op.join("#kicks")
        voice = enter(ngircd, channels=("#kicks",))
        op.send(f"KICK #kicks {voice.nick} :out")
        op.expect(rf"KICK #kicks {voice.nick}")
        op.expect(rf"^:{voice.nick}!\S+ JOIN :?#kicks")
        op.send("MODE #kicks +i")
        op.send(f"KICK #kicks {voice.nick} :and stay out")
        voice.hears("and stay out")
        voice.hears(lambda message: message.command == "473")
        op.send("MODE #kicks -i")
        op.expect(rf"^:{voice.nick}!\S+ JOIN :?#kicks")


def test_a_server_that_was_killed_and_started_again_has_the_bot_in_its_channel_again(fresh_ngircd, enter):
    server = fresh_ngircd()
    voice = enter(server, timings=QUICK)
    server.kill()
    voice.say(voice.channel, "said while it was gone")
    server.start()
    with server.client("ann") as ann:
        ann.join(voice.channel)
        joined(voice)
        ann.send(f"NAMES {voice.channel}")
        ann.expect(rf" 353 .*{voice.nick}")


def test_a_frozen_server_is_found_by_a_ping_of_ours_and_had_back_when_it_thaws(fresh_ngircd, enter, logged):
    server = fresh_ngircd()
    voice = enter(server, timings=Timings(ping_after=0.2, dead_after=0.8, register_within=0.5, look=0.05))
    server.freeze()
    start = time.monotonic()
    logged("nothing heard for")
    assert time.monotonic() - start < 3.0
    logged("not online within")
    server.thaw()
    joined(voice)
    with server.client("ann") as ann:
        ann.join(voice.channel)
        ann.say(voice.channel, "welcome back")
        voice.hears("welcome back")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_frozen_server_holds_up_nobody_and_gets_every_line_when_it_thaws(fresh_ngircd, ngircd, enter, tls):
    server = fresh_ngircd()
    voice, other = enter(server, tls=tls, **FAST), enter(ngircd, **FAST)
    lines = [f"{number:04} {'é' * 150}" for number in range(900)]
    with server.client("ann") as ann, ngircd.client("ben") as ben:
        ann.join(voice.channel)
        ben.join(other.channel)
        server.freeze()
        voice.say(voice.channel, "\n".join(lines))
        for number in range(10):
            start = time.monotonic()
            ben.say(other.channel, f"still there? {number}")
            other.hears(f"still there? {number}")
            other.say(other.channel, f"still here {number}")
            ben.expect(f"still here {number}$")
            assert time.monotonic() - start < 0.5
        server.thaw()
        heard = [ann.expect(rf"PRIVMSG {voice.channel} :").partition(" :")[2] for _ in lines]
        assert heard == lines


ALPHABETS = (
    "abc xyz 0123 :;,.!",
    "äöüßéèÄ ",
    "ελληνικά кириллица ",
    "日本語 中文 한국어",
    "😀🏳️‍🌈👩‍👩‍👧‍👦👍🏽 ",
    "e\u0301a\u0308\u200b\u202e\u2066\ufeff ",
    "\x02\x03\x0f\x1d\x1f\x16 04,01",
    "\x01\x10n\x7f\x85\xa0\u2028\u3000",
)


def some_texts(count):
    """Texts of all lengths and scripts, always the same ones."""
    chance = random.Random(20261121)
    for _ in range(count):
        alphabet = "".join(chance.sample(ALPHABETS, chance.randint(1, 4)))
        length = chance.choice((1, 10, 100, 400, 1000))
        text = "".join(chance.choice(alphabet) for _ in range(chance.randint(1, length)))
        yield text if text.strip() else f"x{text}"


def test_a_burst_of_long_lines_does_not_wait_in_a_server_for_more(ngircd, enter):
    voice = enter(ngircd, tls=True)
    with ngircd.client("ann") as ann:
        ann.join(voice.channel)
        voice.say(voice.channel, "\n".join(f"{number} {'x' * 400}" for number in range(5)))
        for number in range(5):
            ann.expect(f":{number} xxx", within=2.0)


@BOTH
def test_whatever_is_said_arrives_in_full(name, enter, request):
    server = request.getfixturevalue(name)
    voice = enter(server, wait=False, nick="a" * 20 + name, **FAST)
    with server.client("ann", wait=False) as ann:
        joined(voice)
        ann.wait_welcome().join(voice.channel)
        for number, text in enumerate(some_texts(100)):
            voice.say(voice.channel, text)
            voice.say("ann", f"END {number}")
            begins = f" PRIVMSG {voice.channel} :"
            while f"PRIVMSG ann :END {number}" not in (line := ann.expect(r" PRIVMSG ")):
                assert re.match(rf":{voice.nick}!\S+{begins}", line)
                piece = line.split(begins, 1)[1]
                if name == "ngircd" and not text.startswith(piece):
                    text = text.lstrip(" ")  # it takes away the spaces at a line's end
                assert text.startswith(piece)
                text = text.removeprefix(piece)
            assert text.strip(" " if name == "ngircd" else "") == ""
