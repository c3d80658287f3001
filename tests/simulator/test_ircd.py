"""The demo's IRC server, over plain sockets as any client would meet it."""

import base64
import random
import re
import socket
import threading
import time

import pytest

from chanops.simulator.ircd import IrcServer

DEADLINE = 10
ACCOUNTS = {"alice": "wonderland", "long": "x" * 600}
CHANNELS = {"#lobby": "Be kind"}


class Talker:
    """A client of bytes: it sends lines and waits for the one that matches."""

    def __init__(self, address, nick="", caps=""):
        self.socket = socket.create_connection(address, DEADLINE)
        self.until = time.monotonic() + DEADLINE
        self.unread = b""
        self.send(*([f"CAP REQ :{caps}"] if caps else []))
        if nick:
            self.send(f"NICK {nick}", f"USER {nick} 0 * :{nick} the tester", "CAP END")
            self.expect(rf" 376 {nick} ")

    def send(self, *lines):
        self.socket.sendall(b"".join((x if isinstance(x, bytes) else x.encode()) + b"\r\n" for x in lines))

    def line(self):
        while b"\r\n" not in self.unread:
            self.unread += (got := self.socket.recv(65536))
            assert got, self.unread
            assert time.monotonic() < self.until, self.unread
        line, _, self.unread = self.unread.partition(b"\r\n")
        return line

    def expect(self, pattern):
        """The next line that matches; those before it are read and forgotten."""
        while not re.search(pattern.encode("latin-1"), line := self.line()):
            pass
        return line.decode("latin-1")

    def expect_codes(self, *codes):
        for code in codes:
            self.expect(rf"^:irc\.demo {code}")

    def until_pong(self, token):
        """All that comes before the answer to a PING sent now."""
        self.send(f"PING {token}")
        return list(iter(self.line, f":irc.demo PONG irc.demo :{token}".encode()))

    def join(self, channel):
        self.send(f"JOIN {channel}")
        self.expect(rf"(?i) 366 \S+ {channel} ")

    def log_in(self, secret):
        self.send("AUTHENTICATE PLAIN")
        self.expect(r"^AUTHENTICATE \+$")
        word = base64.b64encode(secret).decode()
        self.send(*(f"AUTHENTICATE {word[at : at + 400] or '+'}" for at in range(0, len(word) + 1, 400)))


@pytest.fixture
def server():
    with IrcServer(accounts=ACCOUNTS, channels_keep=CHANNELS) as running:
        yield running


@pytest.fixture
def connect(server):
    talkers = []
    yield lambda *who: talkers.append(Talker(server.address, *who)) or talkers[-1]
    for talker in talkers:
        talker.socket.close()


def test_who_registers_is_welcomed_and_told_what_holds(connect):
    ann = connect()
    ann.send("NICK ann", "JOIN #early", "USER ann 0 * :Ann")
    assert ann.expect(" 451 ") == ":irc.demo 451 ann :You have not registered"
    assert ann.expect(" 001 ").endswith("ann!~ann@127.0.0.1")
    assert "CASEMAPPING=ascii" in ann.expect(" 005 ")
    ann.send("NONSENSE", "JOIN")
    ann.expect_codes("421 ann NONSENSE", "461 ann JOIN")


def test_a_nick_in_use_is_refused_whatever_its_case(connect):
    connect("Ann")
    ben = connect("ben")
    ben.send("NICK aNN", "NICK 9lives", "NICK nickserv", "NICK Ben")
    ben.expect_codes("433 ben aNN", "432 ben 9lives", "433 ben nickserv")
    ben.expect("^:ben!~ben@127.0.0.1 NICK :Ben$")


def test_two_clients_hear_each_other_in_a_channel_and_alone(connect):
    ann, ben = connect("ann"), connect("ben")
    ann.join("#Talk")
    ben.join("#talk")
    ann.expect("^:ben!~ben@127.0.0.1 JOIN #Talk$")
    ben.send("PRIVMSG #talk :hello all", "NOTICE ann :and you")
    ann.expect("^:ben!~ben@127.0.0.1 PRIVMSG #Talk :hello all$")
    ann.expect("^:ben!~ben@127.0.0.1 NOTICE ann :and you$")
    ben.send("QUIT :bye")
    ann.expect("^:ben!~ben@127.0.0.1 QUIT :Quit: bye$")
    ben.expect("^ERROR :")
    assert ben.socket.recv(1) == b""


def test_a_stranger_to_a_channel_cannot_speak_there_until_it_opens(connect):
    ann, ben = connect("ann"), connect("ben")
    ann.join("#in")
    ben.send("PRIVMSG #in :x", "PRIVMSG #none :x", "PRIVMSG nobody :x", "PRIVMSG ann")
    ben.expect_codes("404 ben #in", "403 ben #none", "401 ben nobody", "412 ben")
    ann.send("MODE #in -n")
    ann.expect(" MODE #in -n$")
    ben.send("PRIVMSG #in :now?")
    ann.expect(" PRIVMSG #in :now\\?$")


def test_ops_rule_a_channel_and_others_do_not(connect):
    ann, ben = connect("ann"), connect("ben", "multi-prefix")
    ann.join("#ops")
    ben.join("#ops")
    ben.send("TOPIC #ops :mine", "KICK #ops ann", "MODE #ops +o ben", "MODE #ops b", "MODE #ops")
    ben.expect_codes("482", "482", "482", "368")
    ben.expect(r" 324 ben #ops :\+nt$")
    ann.send("MODE #ops +ov-v+v ben ben ben ben", "TOPIC #ops :ours")
    ben.expect(r" MODE #ops \+o\+v-v\+v ben ben ben ben$")
    ben.expect(" TOPIC #ops :ours$")
    ben.send("NAMES #ops", "KICK #ops ann :out", "WHO #ops %tna,42")
    ben.expect(r" 353 ben = #ops :@ann @\+ben$")
    ben.expect(" KICK #ops ann :out$")
    ben.expect(" 354 ben 42 ben :0$")


def test_a_kept_channel_outlives_its_members(connect):
    ann = connect("ann")
    ann.join("#lobby")
    ann.send("PART #lobby", "LIST")
    ann.expect_codes("322 ann #lobby 0 :Be kind$", "323")


def test_a_line_carries_the_account_of_who_logged_in_and_no_other(connect):
    eve, ann, ben = connect("eve", "account-tag account-notify"), connect("ann", "sasl"), connect("ben")
    for talker in (eve, ann, ben):
        talker.join("#t")
    ann.log_in(b"\0alice\0wonderland")
    ann.expect_codes("900 ann ann!~ann@127.0.0.1 alice", "903 ann")
    eve.expect("^@account=alice :ann!~ann@127.0.0.1 ACCOUNT alice$")
    ann.send("PRIVMSG #t :it is I")
    eve.expect("^@account=alice :ann!~ann@127.0.0.1 PRIVMSG #t :it is I$")
    ben.expect("^:ann!~ann@127.0.0.1 PRIVMSG #t :it is I$")
    ben.send("WHOIS ann")
    ben.expect(" 330 ben ann alice :")
    ben.send("@account=alice;time=2000-01-01T00:00:00.000Z PRIVMSG #t :it is alice")
    eve.expect("^:ben!~ben@127.0.0.1 PRIVMSG #t :it is alice$")


def test_sasl_takes_the_right_password_only(connect):
    ann = connect("", "sasl")
    ann.expect("^:irc.demo CAP \\* ACK :sasl$")
    for wrong in (b"\0alice\0wrong", b"\0nobody\0wonderland", b"bob\0alice\0wonderland", b"\0", b""):
        ann.log_in(wrong)
        ann.expect(" 904 ")
    ann.send("AUTHENTICATE EXTERNAL", "AUTHENTICATE PLAIN", "AUTHENTICATE *")
    ann.expect_codes("908", "904", "906")
    ann.log_in(b"\0alice\0wonderland")
    ann.send("AUTHENTICATE PLAIN")
    ann.expect_codes("900", "903", "907")


def test_sasl_takes_a_secret_of_several_chunks(connect):
    ann = connect("", "sasl")
    ann.log_in(b"\0long\0" + b"x" * 600)
    ann.expect_codes(r"900 \* \S+ long", "903")
    ben = connect("", "sasl")
    ben.send("AUTHENTICATE PLAIN", "AUTHENTICATE " + "A" * 401)
    ben.expect_codes("905")


def test_capabilities_are_taken_all_or_none(connect):
    ann = connect()
    ann.send("CAP LS 302", "CAP REQ :server-time no-such", "CAP LIST", "NICK ann", "USER a 0 * :a")
    assert " sasl=PLAIN " in ann.expect(" CAP \\* LS :")
    ann.expect(" CAP \\* NAK :server-time no-such$")
    ann.expect(" CAP \\* LIST :cap-notify$")
    assert not any(b" 001 " in line for line in ann.until_pong("waiting"))
    ann.send("CAP REQ :server-time -cap-notify", "CAP END")
    ann.expect(r"^@time=\S+Z :irc.demo 001 ann ")


def test_nickserv_logs_in_and_out_and_makes_accounts(connect):
    ann = connect("ann")
    ann.send("PRIVMSG NickServ :IDENTIFY alice wrong", "PRIVMSG nickserv :identify alice wonderland")
    ann.expect("^:NickServ!NickServ@services.irc.demo NOTICE ann :Invalid")
    ann.expect(" 900 ann ann!~ann@127.0.0.1 alice :")
    ann.send("PRIVMSG NickServ :LOGOUT", "PRIVMSG NickServ :REGISTER secret a@b.c")
    ann.expect_codes("901 ann", "900 ann ann!~ann@127.0.0.1 ann :")
    ben = connect()
    ben.send("PASS ann:secret", "NICK ben", "USER b 0 * :b")
    ben.expect(" 900 ben ben!~b@127.0.0.1 ann :")


def test_who_asks_for_echoes_hears_itself_with_the_id_the_others_see(connect):
    ann, ben = connect("ann", "echo-message message-tags"), connect("ben", "message-tags")
    eve = connect("eve")
    for talker in (ann, ben, eve):
        talker.join("#e")
    ann.send("@+typing=active;evil=1 TAGMSG #e", "@+draft/reply=7 PRIVMSG #e :hi")
    ben.expect("^@msgid=[0-9a-f]+;\\+typing=active :ann!~ann@127.0.0.1 TAGMSG #e$")
    heard = ben.expect(" PRIVMSG #e :hi$")
    assert heard == ann.expect(" PRIVMSG #e :hi$")
    assert re.match(r"@msgid=[0-9a-f]{32};\+draft/reply=7 :ann!", heard)
    assert [line for line in eve.until_pong("e") if b"MSG" in line] == [b":ann!~ann@127.0.0.1 PRIVMSG #e :hi"]


def test_a_relayed_line_is_cut_at_512_bytes_after_its_tags(connect):
    ann, ben = connect("ann"), connect("ben", "server-time")
    ann.send("PRIVMSG ben :" + "z" * 490)
    line = re.sub("^@time=[^ ]+Z ", "", ben.expect(" PRIVMSG ben "))
    assert line == ":ann!~ann@127.0.0.1 PRIVMSG ben :zzz".ljust(510, "z")


def test_odd_bytes_are_passed_on_and_line_ends_are_not(connect):
    ann, ben = connect("ann"), connect("ben")
    ann.send(b"PRIVMSG ben :caf\xe9 \xff \x85\xa0\xc3\xa9", b"PRIVMSG ben :\x01nul\0 and \rcr")
    ben.expect("^:ann!~ann@127.0.0.1 PRIVMSG ben :caf\xe9 \xff \x85\xa0\xc3\xa9$")
    ben.expect("^:ann!~ann@127.0.0.1 PRIVMSG ben :\x01nul and cr$")


def test_a_line_without_end_is_thrown_away_and_told_of_once(connect):
    ann = connect("ann")
    ann.send(b"PRIVMSG ann :" + b"x" * 20_000, b"PING after", b"@+a=" + b"t" * 5000 + b" PING tags")
    assert [line.split(b" ")[1] for line in ann.until_pong("end")] == [b"417", b"PONG", b"417"]


def test_lines_may_come_in_halves_and_many_at_once(connect):
    ann = connect("ann")
    for half in (b"PI", b"NG o", b"ne\nPING two\r", b"\n\r\n  \r\n:x\r\nPING three\r\n"):
        ann.socket.sendall(half)
    ann.expect_codes("PONG irc.demo :one$", "PONG irc.demo :two$", "PONG irc.demo :three$")


def test_noise_ends_neither_the_server_nor_a_session(connect, caplog):
    ann, dice = connect("ann"), random.Random(6667)
    ann.join("#noise")
    words = b"CAP MODE #noise WHO %tna : +ov , @ AUTHENTICATE LS JOIN TAGMSG".split()
    for number in range(20):
        eve = connect(f"eve{number}", "sasl message-tags")
        for _ in range(100):
            eve.send(dice.choice([dice.randbytes(dice.randrange(40)), b" ".join(dice.choices(words, k=5))]))
        eve.until_pong("still-there")
    ann.until_pong("still-here")
    assert not caplog.records


def test_a_client_that_does_not_read_is_dropped(connect):
    ann, deaf = connect("ann"), connect("deaf")
    for talker in (ann, deaf):
        talker.join("#flood")
    flood = b"".join(b"PRIVMSG #flood :" + b"y" * 400 + b"\r\n" for _ in range(250))
    while not any(b"QUIT :SendQ exceeded" in line for line in ann.until_pong("more")):
        ann.socket.sendall(flood)


def test_a_silent_client_is_pinged_and_then_dropped():
    with IrcServer(ping_seconds=0.1) as server:
        quiet = Talker(server.address, "quiet")
        quiet.expect("^PING :irc.demo$")
        quiet.expect("^ERROR :.*Ping timeout")
        quiet.socket.close()


def test_the_201st_client_is_turned_away(server, connect):
    for _ in range(200):
        connect()
    connect().expect("^ERROR :.*Too many connections")


def test_stopping_says_goodbye_within_two_seconds(server, connect):
    ann, _deaf = connect("ann"), connect("deaf")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2
    ann.expect("^ERROR :.*Server is stopping")
    assert not [thread for thread in threading.enumerate() if thread.name == "ircd"]


def test_a_taken_port_is_an_error_to_who_starts_and_a_freed_one_is_not(server):
    _, port = server.address
    with pytest.raises(OSError, match="in use"):
        IrcServer(port=port).start()
    server.stop()
    with IrcServer(port=port) as again:
        assert again.address == ("127.0.0.1", port)
