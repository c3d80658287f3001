"""A connection as its server sees it: scripted servers, with every fault that one may have."""

import contextlib
import logging
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chanops.core.sections import NetworkSettings
from chanops.core.settings import Secret
from chanops.core.text import lines_of
from chanops.irc.client import Connection, Timings
from chanops.irc.reactor import Reactor
from chanops.testing import until

ALL = "account-tag message-tags server-time batch cap-notify"
AT_ONCE = 0.5  # far below every time-out of these tests
FAST = {"send_burst": 100_000, "send_interval": 0.0}
QUICK = Timings(ping_after=0.2, dead_after=0.6, register_within=0.4, rejoin_after=0.2, rejoin_most=0.8,
                banned_wait=0.7, settling=0.0, look=0.05)  # fmt: skip
CALM = Timings(register_within=8.0, rejoin_after=0.2, rejoin_most=0.4, banned_wait=0.7, settling=0.0, look=0.05)


@pytest.fixture
def met(bot, scripted):
    """Call it for a voice of the bot and the peer it talks to, online and in its channel."""

    def meet(caps="", timings=CALM, certificate=None, channels=("#ops",), **settings):
        server = scripted(certificate)
        voice = bot.connect(server.port, timings=timings, channels=channels, **settings)
        peer = server.accept().welcome(caps, channels=channels)
        peer.server = server
        return voice, peer

    return meet


def test_what_is_heard_becomes_a_message_and_what_is_said_a_line(met):
    voice, peer = met(ALL)
    peer.send("@account=alice;msgid=x :alice!ali@host PRIVMSG #OPS :.up web1")
    heard = voice.hears(".up web1")
    assert (heard.network, heard.channel, heard.nick, heard.account) == ("net", "#ops", "alice", "alice")
    assert not heard.replayed
    voice.say("#ops", "one\ntwo\r\n\nthree")
    voice.say("alice", "waves", action=True)
    assert [peer.line() for _ in range(4)] == [
        "PRIVMSG #ops :one",
        "PRIVMSG #ops :two",
        "PRIVMSG #ops :three",
        "PRIVMSG alice :\x01ACTION waves\x01",
    ]


def test_our_own_words_that_a_server_echoes_unasked_are_not_heard(met):
    voice, peer = met()
    peer.send(":chanops!chanops@bot.example PRIVMSG #ops :.up web1", ":a!b@c PRIVMSG #ops :.up web2")
    assert voice.hears(lambda message: message.event == "message").text == ".up web2"


def own(voice, until):
    """The texts of our own lines heard up to a line of somebody else's, and of those before."""
    voice.hears(until)
    return [message.text for message in voice.all if message.own]


def test_our_own_words_are_heard_once_as_they_leave_where_they_do_not_come_back(met):
    voice, peer = met(ALL)
    voice.say("#OPS", "one\ntwo \x02bold\x02")
    voice.say("#ops", "waves", action=True)
    voice.connection.send_raw("NOTICE #ops :hear, hear")
    voice.say("alice", "psst")
    voice.say("#other", "elsewhere")
    voice.connection.send_raw("TOPIC #ops :Now")
    peer.expect("^TOPIC #ops :Now$")
    peer.send(":a!b@c PRIVMSG #ops :enough")
    assert own(voice, "enough") == ["one", "two bold", "waves", "hear, hear"]
    heard = [message for message in voice.all if message.own]
    assert [message.event for message in heard] == ["message", "message", "action", "notice"]
    assert {(m.nick, m.user, m.host, m.channel) for m in heard} == {("chanops", "chanops", "bot.example", "#ops")}
    assert not any(message.replayed for message in heard)
    assert all(abs(datetime.now(UTC) - message.at) < timedelta(seconds=10) for message in heard)


def test_our_own_words_are_heard_once_as_they_come_back_where_they_do(met):
    voice, peer = met(f"{ALL} echo-message")
    voice.say("#ops", "one\ntwo")
    voice.say("alice", "psst")
    for line in (peer.line(), peer.line(), peer.line()):
        time = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        peer.send(f"@time={time};msgid=of-{line[-3:]};account=botacc :chanops!chanops@bot.example {line}")
    peer.send(":a!b@c PRIVMSG #ops :enough")
    assert own(voice, "enough") == ["one", "two"]
    assert [(m.msgid, m.account) for m in voice.all if m.own] == [("of-one", "botacc"), ("of-two", "botacc")]


def test_what_waits_is_not_heard_before_it_leaves(met):
    voice, peer = met(send_burst=1, send_interval=60.0)
    voice.say("#ops", "one\ntwo")
    assert peer.line() == "PRIVMSG #ops :one"
    peer.send("PING :x", ":a!b@c PRIVMSG #ops :enough")
    assert own(voice, "enough") == ["one"]


def test_our_own_words_are_heard_as_they_are_sent(met):
    voice, peer = met(**FAST)
    voice.say("#ops", "word " * 300)
    voice.connection.send_raw(f"PRIVMSG #ops :a\rJOIN #evil\n{'é' * 600}")
    peer.expect("éé$")
    peer.send(":a!b@c PRIVMSG #ops :enough")
    assert [f"PRIVMSG #ops :{text}" for text in own(voice, "enough")] == peer.seen[-len(own_lines(peer)) :]
    assert len(own_lines(peer)) > 3


def own_lines(peer):
    return [line for line in peer.seen if line.startswith("PRIVMSG #ops ")]


def test_a_hearer_that_fails_on_our_own_words_does_not_keep_them_from_being_said(met, logged):
    voice, peer = met()

    def fail(message):
        raise ValueError("a full disk")

    voice.connection.hear = fail
    voice.say("#ops", "one\ntwo")
    assert [peer.line(), peer.line()] == ["PRIVMSG #ops :one", "PRIVMSG #ops :two"]
    logged("a full disk", times=2)


def test_a_line_that_is_taken_back_is_heard(met):
    voice, peer = met(f"{ALL} draft/message-redaction")
    peer.send("@account=alice :alice!a@h REDACT #other m1 :no", "@account=alice :alice!a@h REDACT #ops m2 :spam")
    heard = voice.hears(lambda message: message.event == "redact")
    assert (heard.channel, heard.msgid, heard.nick, heard.account) == ("#ops", "m2", "alice", "alice")


def test_who_quits_and_who_changes_the_nick_is_heard_with_the_channels(met):
    voice, peer = met(channels=("#ops", "#dev", "#idle"))
    peer.send(":irc 353 chanops = #ops :@chanops +alice bob", ":irc 353 chanops @ #dev :@chanops @+alice!a@h")
    peer.send(":alice!a@h NICK alice2", ":bob!b@h QUIT :gone", ":alice2!a@h PART #dev", ":alice2!a@h QUIT :gone too")
    assert voice.hears(lambda message: message.event == "nick").channels == ("#ops", "#dev")
    assert voice.hears("gone").channels == ("#ops",)
    assert voice.hears("gone too").channels == ("#ops",)
    peer.send(":chanops!chanops@bot.example NICK chanops_")
    assert voice.hears("chanops_").channels == ("#ops", "#dev", "#idle")


def test_who_was_there_before_the_connection_was_lost_is_forgotten(met):
    voice, peer = met()
    peer.send(":irc 353 chanops = #ops :@chanops alice")
    peer.reset()
    again = peer.server.accept().welcome()
    again.send(":irc 353 chanops = #ops :@chanops bob", ":alice!a@h QUIT :unseen", ":bob!b@h QUIT :seen")
    assert voice.hears("unseen").channels == ()
    assert voice.hears("seen").channels == ("#ops",)


def test_who_is_in_a_channel_with_us_is_known_as_long_as_we_are_there(met):
    voice, peer = met(channels=("#Ops", "#dev"))
    assert not voice.connection.has("#ops", "alice")
    peer.send(":irc 353 chanops = #OPS :@chanops @Alice", ":irc 353 chanops = #dev :chanops", ":a!b@c PRIVMSG #dev :so")
    voice.hears("so")
    assert voice.connection.has("#ops", "aLICE")
    assert not voice.connection.has("#dev", "alice")
    assert not voice.connection.has("#other", "alice")
    peer.send(":x!y@z KICK #ops chanops :out", ":a!b@c PRIVMSG #dev :and now")
    voice.hears("and now")
    assert not voice.connection.has("#Ops", "alice")


def test_nobody_is_with_us_once_the_connection_is_lost(met):
    voice, peer = met()
    peer.send(":irc 353 chanops = #ops :@chanops alice", ":a!b@c PRIVMSG #ops :so")
    voice.hears("so")
    assert voice.connection.has("#ops", "alice")
    peer.reset()
    until(lambda: not voice.connection.has("#ops", "alice"))
    peer.server.accept().welcome()
    assert not voice.connection.has("#ops", "alice")


@pytest.mark.parametrize(
    ("ping", "pong"),
    [
        ("PING :a b", "PONG :a b"),
        ("PING token", "PONG :token"),
        (":irc PING irc token", "PONG :token"),
        ("PING", "PONG :"),
        ("PING ::x", "PONG ::x"),
        (b"PING caf\xe9", "PONG :café"),
    ],
)
def test_a_ping_is_answered_with_what_it_brought(met, ping, pong):
    _, peer = met()
    peer.sock.sendall((ping if isinstance(ping, bytes) else ping.encode()) + b"\r\n")
    assert peer.line() == pong


def test_a_ping_is_answered_at_once_however_much_waits(met):
    voice, peer = met(send_burst=3, send_interval=60.0)
    voice.say("#ops", "\n".join(f"line {number}" for number in range(100)))
    assert [peer.line() for _ in range(3)] == [f"PRIVMSG #ops :line {number}" for number in range(3)]
    start = time.monotonic()
    peer.send("PING :still there?")
    assert peer.line() == "PONG :still there?"
    assert time.monotonic() - start < AT_ONCE
    assert peer.silent(0.1)


def test_on_the_wire_too_a_burst_is_followed_by_one_line_each_interval(met):
    voice, peer = met(send_burst=3, send_interval=0.1)
    start, moments = time.monotonic(), []
    voice.say("#ops", "\n".join("abcdefg"))
    for letter in "abcdefg":
        assert peer.line() == f"PRIVMSG #ops :{letter}"
        moments.append(time.monotonic() - start)
    assert moments[2] < AT_ONCE
    assert all(moment > number * 0.1 - 0.02 for number, moment in enumerate(moments[2:]))


def test_what_was_said_while_offline_is_said_in_the_channel_later(bot, scripted):
    server = scripted()
    voice = bot.connect(server.port)
    voice.say("#ops", "early")
    peer = server.accept().welcome()
    assert peer.line() == "PRIVMSG #ops :early"


def test_of_too_much_to_say_the_first_is_said_and_the_rest_is_counted(met, logged):
    voice, peer = met(send_burst=1, send_interval=60.0)
    voice.say("#ops", "\n".join(str(number) for number in range(1500)))
    assert peer.line() == "PRIVMSG #ops :0"
    logged("lines left unsaid")


TEXTS = st.text(max_size=600) | st.text(st.sampled_from("\r\n\0\x01\x10 ab😀é\u2028\x85:"), max_size=900)


@pytest.mark.parametrize("action", [False, True])
def test_every_text_arrives_in_full_and_as_nothing_but_that_text(met, action):
    voice, peer = met(**FAST)
    before, behind = ("\x01ACTION ", "\x01") if action else ("", "")

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(TEXTS)
    @example("hello\rJOIN #pwned\nQUIT\0")
    @example("😀" * 500)
    @example("word " * 300)
    @example("x" * 2000)
    def check(text):
        voice.say("#ops", text, action=action)
        voice.say("alice", "END")
        said = ""
        while (line := peer.line()) != "PRIVMSG alice :END":
            assert line.startswith(f"PRIVMSG #ops :{before}")
            assert line.endswith(behind)
            relayed = f":chanops!chanops@bot.example {line}\r\n"
            assert len(relayed.encode()) <= 512
            said += line.removeprefix(f"PRIVMSG #ops :{before}").removesuffix(behind)
        assert said == "".join(lines_of(text)).replace("\0", " ")

    check()


@pytest.mark.parametrize(
    "verb",
    [
        lambda c, text: c.privmsg("#ops", text),
        lambda c, text: c.notice("#ops", text),
        lambda c, text: c.topic("#ops", text),
        lambda c, text: c.part("#ops", text),
        lambda c, text: c.kick("#ops", "mallory", text),
        lambda c, text: c.action("#ops", text),
        lambda c, text: c.ctcp_reply("mallory", text),
        lambda c, text: c.join(text),
        lambda c, text: c.mode("#ops", text),
        lambda c, text: c.send_raw(text),
        lambda c, text: c.send_raw(f"PRIVMSG {text} :x"),
        lambda c, text: c.say(text, "x"),
    ],
)
def test_every_verb_is_one_line_whatever_its_words_hold(met, verb):
    voice, peer = met(**FAST)
    for text in ("x\rJOIN #pwned", "x\nJOIN #pwned", "x\r\nQUIT", "\0x\0", "\r\n\0x", "x" * 600, "é😀" * 200):
        with contextlib.suppress(ValueError):  # some of irc's own verbs refuse
            verb(voice.connection, text)
        voice.say("alice", "END")
        lines = []
        while (line := peer.line()) != "PRIVMSG alice :END":
            lines.append(line)
        assert len(lines) <= 1


def test_a_silent_server_and_one_that_never_shakes_hands_keep_no_other_network_waiting(bot, scripted):
    silent, no_tls, good = scripted(), scripted(), scripted()
    bot.connect(silent.port, "silent", QUICK)
    bot.connect(no_tls.port, "no-tls", QUICK, tls=True)
    start = time.monotonic()
    voice = bot.connect(good.port, "good")
    peer = good.accept().welcome()
    assert time.monotonic() - start < AT_ONCE
    first = silent.accept()
    assert first.expect("^CAP LS")
    assert no_tls.accept().sock.recv(2) == b"\x16\x03"
    assert first.gone(5.0)
    again = silent.accept(5.0)
    assert again.line() == "CAP LS 302"
    assert no_tls.accept(5.0).sock.recv(2) == b"\x16\x03"
    for number in range(5):
        start = time.monotonic()
        peer.send(f":a!b@c PRIVMSG #ops :{number}")
        voice.hears(str(number))
        assert time.monotonic() - start < AT_ONCE


def test_a_handshake_that_comes_too_late_is_answered_with_nothing(bot, scripted, tls_certificate):
    server = scripted(tls_certificate)
    bot.connect(server.port, timings=QUICK, tls=True, tls_ca_file=tls_certificate.cert_file, reconnect_min=30.0,
                reconnect_max=30.0)  # fmt: skip
    given_up = time.monotonic() + QUICK.register_within + 0.2
    while time.monotonic() < given_up:
        bot.in_loop(lambda: None)
    late = server.accept()
    assert late.gone()
    assert late.seen == []


def test_a_server_that_cannot_prove_itself_hears_nothing(bot, scripted, tls_certificate, caplog):
    server = scripted(tls_certificate)
    bot.connect(server.port, tls=True, password=Secret("hush"))
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
            server.accept()
    assert "not trusted" in caplog.text


def test_a_server_that_dies_silently_is_found_by_a_ping_of_ours(met, logged):
    _, peer = met(timings=QUICK)
    for _ in range(4):
        assert peer.expect("^PING", 2.0) == "PING :still-there"
        peer.send(":irc PONG irc :still-there")
    start = time.monotonic()
    assert peer.expect("^PING", 2.0) == "PING :still-there"
    assert peer.gone(3.0)
    assert 0.3 < time.monotonic() - start < 2.0
    logged("nothing heard for")
    peer.server.accept().welcome()


@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_connection_that_ends_is_made_again_with_all_that_belongs_to_it(met, way):
    voice, peer = met(ALL, channels=("#ops", "#dev"))
    peer.sock.close() if way == "close" else peer.reset()
    again = peer.server.accept(3.0).welcome("account-tag", "chanops", ("#ops", "#dev"))
    again.send("@account=alice :alice!a@h PRIVMSG #dev :back?")
    assert voice.hears("back?").account == "alice"
    voice.say("#dev", "back")
    assert again.line() == "PRIVMSG #dev :back"


def gaps(server, count):
    """How long the bot stays away, each time that it is sent away at once."""
    waits = []
    server.accept().sock.close()
    for _ in range(count):
        start = time.monotonic()
        server.accept(5.0).sock.close()
        waits.append(time.monotonic() - start)
    return waits


def test_each_wait_before_connecting_again_is_about_twice_the_last_up_to_the_most(bot, scripted):
    server = scripted()
    bot.connect(server.port, reconnect_min=0.1, reconnect_max=0.4)
    for wait, planned in zip(gaps(server, 4), [0.1, 0.2, 0.4, 0.4], strict=True):
        assert 0.8 * planned - 0.02 < wait < 1.2 * planned + 0.25


def test_a_server_that_refuses_connections_is_tried_again_until_it_takes_them(bot, caplog, logged):
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        bot.connect(port)
        logged("cannot connect", 2)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
            listener.settimeout(5.0)
            with listener.accept()[0] as sock:
                assert sock.recv(10) == b"CAP LS 302"
    assert "refused" in caplog.text


def test_after_a_steady_while_the_wait_is_short_again(bot, scripted):
    server, steady = scripted(), Timings(register_within=8.0, steady_after=0.2, look=0.05)
    bot.connect(server.port, timings=steady, reconnect_min=0.1, reconnect_max=30.0)
    assert gaps(server, 3)[-1] > 0.3
    peer = server.accept(5.0).welcome()
    peer.silent(0.5)
    peer.sock.close()
    start = time.monotonic()
    server.accept(5.0)
    assert time.monotonic() - start < 0.4


@pytest.mark.parametrize(
    ("error", "angry"),
    [
        ("ERROR :Closing Link: you are banned from this server", True),
        ("ERROR :Closing link: (chanops@host) [Z-lined: spam]", True),
        ("ERROR :Closing link: (chanops@host) [G-Lined]", True),
        ("ERROR :Your host is trying to (re)connect too fast -- throttled", True),
        ("ERROR :Closing link: [Excess Flood]", False),
        ("ERROR :Server going down", False),
        ("ERROR", False),
    ],
)
def test_a_server_that_is_angry_is_left_alone_for_a_while(met, error, angry):
    _, peer = met()
    peer.send(error)
    peer.sock.close()
    start = time.monotonic()
    peer.server.accept(5.0)
    assert (time.monotonic() - start >= CALM.banned_wait) is angry


def test_the_wait_of_an_angry_server_is_never_shorter_than_it_should_be(bot, scripted):
    server = scripted()
    bot.connect(server.port, timings=Timings(register_within=8.0, banned_wait=0.2))
    waits = []
    for _ in range(6):
        peer = server.accept(5.0)
        if waits:
            waits[-1] = time.monotonic() - waits[-1]
        peer.send("ERROR :banned")
        peer.sock.close()
        waits.append(time.monotonic())
    assert all(wait >= 0.2 for wait in waits[:-1])


def test_who_was_kicked_comes_back_later_and_then_later_still(met):
    _, peer = met()
    for planned in (0.2, 0.4):
        start = time.monotonic()
        peer.send(":op!o@h KICK #ops chanops :out")
        assert peer.expect("^JOIN") == "JOIN #ops"
        assert planned <= time.monotonic() - start < planned + AT_ONCE
        peer.send(":chanops!chanops@bot.example JOIN #ops", ":irc 366 chanops #ops :End")


def test_from_a_channel_that_is_not_ours_we_may_be_kicked_for_good(met):
    _, peer = met()
    peer.send(
        ":chanops!c@h JOIN #elsewhere", ":irc 366 chanops #elsewhere :End", ":op!o@h KICK #elsewhere chanops :out"
    )
    peer.send(":op!o@h KICK #ops alice :not us", ":irc 474 chanops #elsewhere :Cannot join channel (+b)")
    assert peer.silent(0.6)


def test_a_channel_that_does_not_let_us_in_is_tried_again_later(bot, scripted, caplog):
    server = scripted()
    numbers = ("403", "405", "407", "437", "471", "473", "474", "475", "476", "477", "489")
    bot.connect(server.port, timings=CALM, channels=tuple(f"#c{number}" for number in numbers))
    peer = server.accept().welcome(channels=())
    joins = [f"JOIN #c{number}" for number in numbers]
    assert [peer.line() for _ in numbers] == joins
    for planned in (0.2, 0.4):
        start = time.monotonic()
        peer.send(*(f":irc {number} chanops #C{number} :Cannot join channel" for number in numbers))
        assert [peer.line() for _ in numbers] == joins
        assert planned <= time.monotonic() - start < planned + AT_ONCE
    for number in numbers:
        peer.send(f":chanops!c@h JOIN #c{number}", f":irc 366 chanops #c{number} :End")
    assert peer.silent(0.6)
    assert "cannot join #C474: Cannot join channel" in caplog.text


LOGIN = {"sasl_user": "bot", "sasl_password": Secret("secret")}


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            ["CAP * LS :sasl", "CAP * ACK :sasl", "AUTHENTICATE +", "904 * :SASL authentication failed"],
            "login as bot failed",
        ),
        (["CAP * LS :account-tag"], "offers no login"),
        (["421 * CAP :Unknown command", "001 chanops :Welcome"], "knows no login"),
    ],
)
def test_without_the_login_it_was_told_to_make_the_bot_goes_away_and_tries_again_later(
    bot, scripted, script, why, caplog
):
    server = scripted()
    bot.connect(server.port, timings=CALM, **LOGIN)
    peer = server.accept()
    peer.expect("^USER ")
    for line in script[:-1]:
        peer.send(f":irc {line}")
    peer.send(f":irc {script[-1]}")
    start = time.monotonic()
    assert peer.gone()
    assert not [line for line in peer.seen if line.startswith(("JOIN", "CAP END"))]
    server.accept(5.0)
    assert time.monotonic() - start >= CALM.banned_wait
    assert why in caplog.text


def test_neither_secret_is_ever_logged(bot, scripted, caplog):
    caplog.set_level(logging.DEBUG)
    server = scripted()
    bot.connect(server.port, password=Secret("hush-hush"), sasl_user="bot", sasl_password=Secret("secret"))
    peer = server.accept()
    assert peer.expect("^PASS") == "PASS :hush-hush"
    peer.expect("^USER")
    peer.send(":irc CAP * LS :sasl")
    peer.expect("REQ")
    peer.send(":irc CAP * ACK :sasl")
    peer.expect("AUTHENTICATE PLAIN")
    peer.send("AUTHENTICATE +")
    secret = peer.line().split()[1]
    peer.send(":irc 903 * :yes")
    peer.expect("CAP END")
    assert "hush-hush" not in caplog.text
    assert secret not in caplog.text


def test_a_nick_that_is_taken_is_changed_and_known_as_ours(bot, scripted):
    server = scripted()
    voice = bot.connect(server.port)
    peer = server.accept()
    peer.expect("^NICK chanops$")
    peer.send(":irc 433 * chanops :Nickname is already in use")
    assert peer.expect("^NICK") == "NICK chanops_"
    peer.send(":irc CAP * LS :", ":irc 001 chanops_ :Welcome")
    peer.expect("^JOIN")
    peer.send(":a!b@c PRIVMSG chanops_ :psst")
    assert voice.hears("psst").channel == ""


def test_a_server_that_shows_no_accounts_is_warned_of(met, caplog):
    met()
    assert "nobody there has a role" in caplog.text


def test_an_account_counts_only_while_the_server_has_agreed_to_show_it(met):
    voice, peer = met(ALL)
    peer.send(":irc CAP chanops DEL :account-tag", "@account=alice :alice!a@h PRIVMSG #ops :now")
    assert voice.hears("now").account == ""
    peer.send(":irc CAP chanops NEW :account-tag")
    assert peer.expect("^CAP") == "CAP REQ :account-tag"
    peer.send(":irc CAP chanops ACK :account-tag", "@account=alice :alice!a@h PRIVMSG #ops :then")
    assert voice.hears("then").account == "alice"


@pytest.mark.parametrize("caps", [ALL, "account-tag server-time", "batch account-tag", ""])
def test_nothing_that_is_played_back_on_joining_is_ever_new(bot, scripted, caps):
    server, settling = scripted(), Timings(register_within=8.0, settling=0.4, look=0.05)
    voice = bot.connect(server.port, timings=settling)
    peer = server.accept().welcome(caps, channels=())
    peer.expect("^JOIN")
    has = set(caps.split())
    now = datetime.now(UTC)

    def old(text, ago):
        tags = ["account=alice"] if "account-tag" in has else []
        tags += [f"time={(now - timedelta(seconds=ago)).isoformat()}"] if "server-time" in has else []
        tags += ["batch=h"] if "batch" in has else []
        return f"{'@' + ';'.join(tags) + ' ' if tags else ''}:alice!a@h PRIVMSG #ops :{text}"

    peer.send(":chanops!c@h JOIN #ops", old("before the names", 5), ":irc 366 chanops #ops :End")
    peer.send(*([":irc BATCH +h chathistory #ops"] if "batch" in has else []))
    peer.send(old("long ago", 3600), old("just now", 1), old("in this moment", 0))
    peer.send(*([":irc BATCH -h"] if "batch" in has else []), "PING :done")
    assert peer.expect("^PONG")
    for text in ("before the names", "long ago", "just now", "in this moment"):
        assert voice.hears(text).replayed
    peer.silent(0.5)
    peer.send(":alice!a@h PRIVMSG #ops :live")
    assert not voice.hears("live").replayed


def test_clocks_that_differ_are_spoken_of_once(met, caplog):
    voice, peer = met(ALL)
    stamp = (datetime.now(UTC) + timedelta(seconds=100)).isoformat()
    for number in range(3):
        peer.send(f"@time={stamp} :a!b@c PRIVMSG #ops :{number}")
        assert voice.hears(str(number)).replayed
    assert caplog.text.count("clock and ours differ by 100 s") == 1


def test_whoever_hears_may_break_and_the_next_line_is_heard(bot, scripted, caplog):
    server, heard = scripted(), []

    def hear(message):
        heard.append(message.text)
        raise RuntimeError(f"broken on {message.text}")

    voice = bot.connect(server.port)
    voice.connection.hear = hear
    peer = server.accept().welcome()
    peer.send(":a!b@c PRIVMSG #ops :one", ":a!b@c PRIVMSG #ops :two", "PING :done")
    assert peer.expect("^PONG")
    assert heard[-3:] == ["one", "two", "done"]
    assert "broken on one" in caplog.text


@pytest.mark.parametrize("tls", [False, True])
def test_a_server_that_stops_reading_blocks_nobody_and_nothing_is_lost(bot, scripted, tls_certificate, tls):
    stuck, good = scripted(tls_certificate if tls else None), scripted()
    stuck.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    given = {"tls": True, "tls_ca_file": tls_certificate.cert_file} if tls else {}
    slow = bot.connect(stuck.port, "stuck", **FAST, **given)
    peer = stuck.accept().welcome()
    quick = bot.connect(good.port, "good", **FAST)
    other = good.accept().welcome()
    lines = [f"{number:04} {'x' * 400}" for number in range(900)]
    slow.say("#ops", "\n".join(lines))
    for number in range(10):
        start = time.monotonic()
        other.send(f":a!b@c PRIVMSG #ops :{number}")
        quick.hears(str(number))
        quick.say("#ops", "heard")
        assert other.line() == "PRIVMSG #ops :heard"
        assert time.monotonic() - start < AT_ONCE
    assert [peer.line() for _ in lines] == [f"PRIVMSG #ops :{line}" for line in lines]


def test_whoever_leaves_says_so_and_does_not_come_back(met):
    voice, peer = met(send_burst=1, send_interval=60.0)
    voice.say("#ops", "one\ntwo")
    assert peer.line() == "PRIVMSG #ops :one"
    voice.connection.reactor.call(lambda: voice.connection.disconnect("so long"))
    assert peer.line() == "QUIT :so long"
    assert peer.gone()
    assert peer.server.nobody(0.4)


COMMANDS = ("PRIVMSG", "NOTICE", "JOIN", "PART", "KICK", "MODE", "NICK", "QUIT", "TOPIC", "PING", "ERROR", "CAP",
            "AUTHENTICATE", "001", "005", "353", "366", "396", "403", "433", "437", "474", "477", "903",
            "904")  # fmt: skip
WORDS = ("#ops", "chanops", "#other", ":", ":x y", "*", "LS", "ACK", "NEW", "DEL", "+", "PREFIX=", ":sasl batch")
LINES = st.tuples(
    st.sampled_from(("", ":chanops ", ":chanops!c@h ", ":irc ", ":a!b@c ", "@time=x;batch=1 :a ")),
    st.sampled_from(COMMANDS),
    st.lists(st.sampled_from(WORDS), max_size=4),
).map(lambda parts: f"{parts[0]}{parts[1]} {' '.join(parts[2])}")


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES | st.text(max_size=30), max_size=15), st.booleans())
@example(["001", "474", ":x", "437", "PING", "ERROR"], False)
def test_no_line_of_a_server_raises(lines, login):
    heard = []
    given = LOGIN if login else {}
    networks = NetworkSettings(host="127.0.0.1", tls=False, channels=("#ops",), **given)
    with contextlib.closing(Reactor()) as reactor:
        connection = Connection("net", networks, reactor, heard.append)
        for line in lines:
            connection.take_in(line)
        assert not connection.registration.online or not login or connection.registration.logged_in
    assert len(heard) <= len(lines)
