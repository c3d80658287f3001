"""The running bot, as a process, on real IRC servers."""

import os
import re
import signal
import socket
import sqlite3

import pytest

from tests.whole.running import RunningBot, eventually, fetch

CHANNEL = "#ops"
PLUGIN = '''
"""For the tests of the running bot."""
import threading
from chanops import Message, Say, command, every, hears

@command("boom")
def boom():
    """Raise."""
    raise RuntimeError("secret token 12345")

@command("hang")
def hang():
    """Never end."""
    threading.Event().wait()

@command("flood")
def flood():
    """Answer 10,000 lines."""
    for number in range(10_000):
        yield f"line {number}"

@command("hello")
def hello(name: str):
    """Greet somebody."""
    return f"hello {name}"

@command("wipe", role="admin", confirm="this wipes the board")
def wipe():
    """Wipe the board."""
    return "wiped"

@command("split")
def split():
    """Say a very long line with what must not leave."""
    return "ä" * 600 + "\\rQUIT :pwned\\x00"

@hears("(?P<word>shibboleth)")
def boom_too(word: str):
    raise RuntimeError("nobody asked")
'''


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def configuration(server, folder, *, tls=False, sasl=True, more=""):
    folder.mkdir(mode=0o700, exist_ok=True)
    plugins = folder / "plugins"
    plugins.mkdir(mode=0o755)
    (plugins / "trouble.py").write_text(PLUGIN)
    (plugins / "trouble.py").chmod(0o644)
    port = free_port()
    login = "sasl_user = chanops\nsasl_password = botpw\n" if sasl else ""
    return (
        port,
        f"""\
[bot]
plugins = plugins
[network:test]
host = {"localhost" if tls else server.host}
port = {server.tls_port if tls else server.port}
tls = {"yes" if tls else "no"}
tls_ca_file = {server.ca_file if tls else ""}
nick = chanops
channels = {CHANNEL}
reconnect_min = 0.3
reconnect_max = 1
send_burst = 50
send_interval = 0.05
{login}
[roles]
admin = alice
[web]
listen = 127.0.0.1:{port}
{more}
""",
    )


def talk(client, text, wanted, within=10.0):
    """Say something and return the bot's answer that matches."""
    client.say(CHANNEL, text)
    return client.expect(rf":chanops!\S+ PRIVMSG {CHANNEL} :{wanted}", within)


@pytest.fixture(scope="module")
def stage(inspircd, tmp_path_factory):
    """A bot on InspIRCd over TLS with SASL, alice logged in, mallory not."""
    folder = tmp_path_factory.mktemp("bot")
    port, text = configuration(inspircd, folder, tls=True)
    with (
        RunningBot(folder, text) as bot,
        inspircd.client("alice", caps=("account-tag",), sasl=("alice", "alicepw")) as alice,
        inspircd.client("mallory") as mallory,
    ):
        bot.wait_for("online as chanops")
        for client in (alice, mallory):
            client.join(CHANNEL)
        eventually(lambda: bot_is_in(alice))
        yield bot, alice, mallory, f"http://127.0.0.1:{port}"


def found_link(client, word, wanted):
    """The answer to .links, if it is the wanted one; a mention is stored soon, not at once."""
    answer = talk(client, f".links {word}", "")
    return answer if re.search(wanted, answer) else None


def bot_is_in(client):
    client.send(f"NAMES {CHANNEL}")
    return "chanops" in client.expect(rf" 353 .*{CHANNEL} ")


def test_a_link_that_was_posted_is_in_the_feed_and_on_its_page(stage):
    _, alice, mallory, pages = stage
    talk(alice, ".url https://example.org/rate-limits How the site limits requests", "kept: How the site limits")
    mallory.say(CHANNEL, "see (https://example.org/wiki/Foo_(bar)), please")
    found = eventually(lambda: found_link(alice, "Foo_", "see .*mallory, .* http://127"))
    page = re.search(r"http://127\S+", found)[0]
    status, _, body = fetch(page)
    assert status == 200
    assert "see (https://example.org/wiki/Foo_(bar)), please" in re.sub(r"<[^>]*>", "", body.decode())
    status, headers, body = fetch(f"{pages}/feed.rss")
    assert status == 200
    assert headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    text = body.decode()
    assert "How the site limits requests" in text
    assert "<link>https://example.org/wiki/Foo_(bar)</link>" in text
    assert "<dc:creator>mallory</dc:creator>" in text
    assert fetch(f"{pages}/feed.rss", **{"If-None-Match": headers["ETag"]})[0] == 304
    assert fetch(f"{pages}/feed.atom")[0] == 200


def test_a_role_belongs_to_the_account_and_never_to_the_nick(stage):
    _, alice, mallory, _ = stage
    assert "roles: admin" in talk(alice, ".whoami", "alice: account alice")
    talk(mallory, ".reload", r"mallory: \.reload: this needs the role admin, and you are not logged in")
    alice.send("NICK somebody")
    alice.expect("NICK :?somebody")
    mallory.send("NICK alice")
    mallory.expect("NICK :?alice")
    talk(mallory, ".reload", r"alice: \.reload: this needs the role admin")
    talk(alice, ".reload", r"reloaded \d+ plugins")
    mallory.send("NICK mallory")
    mallory.expect("NICK :?mallory")
    alice.send("NICK alice")
    alice.expect("NICK :?alice")


def test_a_forged_account_tag_counts_for_nothing(stage):
    _, alice, mallory, _ = stage
    mallory.send("CAP REQ :message-tags")
    mallory.expect("ACK")
    mallory.send(f"@account=alice;+account=alice PRIVMSG {CHANNEL} :.reload")
    alice.expect(r"PRIVMSG #ops :mallory: \.reload: this needs the role admin")


def test_help_errors_and_near_misses(stage):
    _, alice, _, _ = stage
    talk(alice, ".help hello", r"usage: \.hello NAME · Greet somebody")
    talk(alice, ".helo x", r"alice: no \.helo; did you mean \.hello\?")
    talk(alice, ".hello", r"alice: name is missing. Usage: \.hello NAME")
    talk(alice, '.hello "Mr X"', "hello Mr X")


def test_what_needs_confirming_waits_for_its_code(stage):
    _, alice, mallory, _ = stage
    asked = talk(alice, ".wipe", r"alice: this wipes the board: \.wipe\. Say \.confirm (\w{6}) within 60 s")
    code = re.search(r"\.confirm (\w{6})", asked)[1]
    talk(mallory, f".confirm {code}", "mallory: confirming needs a services account")
    talk(alice, f".confirm {code}", "wiped")
    talk(alice, f".confirm {code}", "alice: nothing of yours waits under that code")


def test_a_plugin_that_raises_hangs_or_floods_harms_nobody(stage):
    bot, alice, mallory, _ = stage
    start = len(bot.log)
    said = talk(alice, ".boom", "alice: boom failed: that is a bug in it")
    assert "12345" not in said
    bot.wait_for("RuntimeError: secret token", after=start)
    alice.say(CHANNEL, ".hang")
    alice.say(CHANNEL, "shibboleth")
    talk(mallory, ".hello there", "hello there")
    alice.say(CHANNEL, ".flood")
    more = alice.expect(r"PRIVMSG #ops :… 9,992 more lines: http")
    _, _, page = fetch(re.search(r"http\S+", more)[0])
    assert page.decode().count("line ") >= 10_000
    talk(mallory, ".hello again", "hello again")


def test_a_long_line_arrives_whole_and_nothing_is_smuggled_out(stage):
    _, alice, mallory, _ = stage
    alice.barrier()
    mallory.say(CHANNEL, ".split")
    pieces = []
    while not pieces or "pwned" not in pieces[-1]:
        pieces.append(re.search("PRIVMSG #ops :(.*)", alice.expect(r":chanops!\S+ PRIVMSG #ops :"))[1])
        assert len(pieces) < 9
    assert "".join(pieces[:-1]) == "ä" * 600
    assert pieces[-1].rstrip() == "QUIT :pwned"
    talk(mallory, ".hello still", "hello still")


def test_hostile_bytes_do_not_stop_it(stage):
    _, alice, mallory, _ = stage
    for line in (b"PRIVMSG #ops :caf\xe9 \xff\xfe\x10n.reload", b"PRIVMSG #ops :\x01VERSION\x01", b"PRIVMSG #ops :"):
        mallory.send(line)
    mallory.send(b"PRIVMSG #ops :\x02\x0303,04https://example.org/colour\x0f is \x1dnice\x1d")
    eventually(lambda: found_link(alice, "colour", "https://example.org/colour is nice"))


def test_sighup_reloads_all_or_nothing(stage):
    bot, alice, _, _ = stage
    path = bot.folder / "plugins" / "fresh.py"
    path.write_text('from chanops import command\n@command("fresh")\ndef fresh():\n    "New."\n    return "one"\n')
    start = len(bot.log)
    bot.process.send_signal(signal.SIGHUP)
    bot.wait_for("reloaded .*new: fresh", after=start)
    talk(alice, ".fresh", "one")
    path.write_text("def broken(:\n")
    start = len(bot.log)
    bot.process.send_signal(signal.SIGHUP)
    bot.wait_for("not reloaded, all is as it was: plugin fresh .*line 1.*SyntaxError", after=start)
    talk(alice, ".reload", r"alice: plugin fresh \(.*fresh\.py, line 1\): SyntaxError")
    talk(alice, ".fresh", "one")
    path.unlink()
    talk(alice, ".reload", "reloaded .*gone: fresh")
    talk(alice, ".hello you", "hello you")
    alice.barrier()
    assert sum("hello you" in line and "chanops!" in line for line in alice.lines_seen) == 1


def test_what_runs_at_times_starts_and_ends_with_a_reload(stage):
    bot, alice, mallory, _ = stage
    path = bot.folder / "plugins" / "clock.py"
    path.write_text(
        "from chanops import Message, every, on\n"
        '@every("1s", to="#ops")\ndef tick(): return "tick"\n'
        '@on("part")\ndef gone(*, said: Message): return f"{said.nick} has gone: {said.text}"\n'
    )
    talk(alice, ".reload", "reloaded .*new: clock")
    for _ in range(2):
        alice.expect("PRIVMSG #ops :tick")
    mallory.send("PART #ops :for tea")
    alice.expect("PRIVMSG #ops :mallory has gone: .?for tea")
    mallory.join(CHANNEL)
    path.unlink()
    talk(alice, ".reload", "reloaded .*gone: clock")
    alice.barrier()
    talk(alice, ".hello you", "hello you")
    start = len(alice.lines_seen)
    with pytest.raises(AssertionError, match="did not come"):
        alice.expect("PRIVMSG #ops :tick", within=2.5)
    assert not any("tick" in line for line in alice.lines_seen[start:])


def test_what_was_acknowledged_survives_kill_9(inspircd, tmp_path):
    folder = tmp_path / "bot"
    _, text = configuration(inspircd, folder, more="[channel:#ops]\n")
    bot = RunningBot(folder, text.replace(CHANNEL, "#kill").replace("nick = chanops", "nick = killed"))
    with bot, inspircd.client("carol") as carol:
        bot.wait_for("online as killed")
        carol.join("#kill")
        eventually(lambda: (carol.send("NAMES #kill"), "killed" in carol.expect(" 353 .*#kill "))[1])
        for number in range(20):
            carol.say("#kill", f".url https://example.org/{number}")
            carol.expect(rf"kept: https://example.org/{number}\b")
        bot.kill()
        with sqlite3.connect(folder / "data" / "chanops.db") as database:
            assert database.execute("SELECT count(*) FROM links").fetchone() == (20,)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        bot.start()
        bot.wait_for("online as killed", after=len(bot.log))


def test_an_old_server_gives_links_but_no_roles(ngircd, tmp_path):
    folder = tmp_path / "bot"
    port, text = configuration(ngircd, folder, sasl=False)
    with RunningBot(folder, text) as bot, ngircd.client("dave") as dave:
        bot.wait_for("no account-tag")
        dave.join(CHANNEL)
        eventually(lambda: bot_is_in(dave))
        dave.say(CHANNEL, "old but good: https://example.org/old")
        # Without server-time, lines just after the join might be played back: they are kept, but no commands.
        eventually(lambda: b"example.org/old" in fetch(f"http://127.0.0.1:{port}/feed.rss")[2])

        def answered():
            dave.say(CHANNEL, ".reload")
            return any("this needs the role admin" in line for line in dave.barrier())

        eventually(answered, 25)
        assert bot.stop() == 0
        dave.expect(":chanops!.* QUIT")


def test_it_comes_back_when_the_server_was_restarted_or_frozen(fresh_ngircd, tmp_path):
    server = fresh_ngircd()
    folder = tmp_path / "bot"
    _, text = configuration(server, folder, sasl=False)
    with RunningBot(folder, text) as bot:
        bot.wait_for("online as chanops")
        start = len(bot.log)
        server.kill()
        bot.wait_for("connecting again in", after=start)
        server.start()
        bot.wait_for("online as chanops", after=start)
        with server.client("erin") as erin:
            erin.join(CHANNEL)
            eventually(lambda: bot_is_in(erin))


def test_wrong_password_stays_offline_and_says_so(inspircd, tmp_path):
    folder = tmp_path / "bot"
    _, text = configuration(inspircd, folder, tls=True)
    with RunningBot(folder, text.replace("botpw", "wrong").replace("nick = chanops", "nick = nobot")) as bot:
        bot.wait_for("login as chanops failed")
        assert not any("online as" in line for line in bot.log)
        assert not any("wrong" in line for line in bot.log)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace("nick =", "nik ="), r"config\.ini: \[network:test\] nik: .*did you mean nick\?"),
        (
            lambda text: text.replace("[roles]", "[rolls]"),
            r"\[rolls\]: there is no such section; did you mean \[roles\]",
        ),
        (lambda text: text.replace("plugins = plugins", "plugins = nowhere"), "there is no folder .*nowhere"),
        (lambda text: text + "[feed]\nitems = many\n", r"\[feed\] items: .*integer"),
        (lambda text: text + "stray\n", r"line \d+: neither a \[section\] nor"),
        (lambda text: text.replace("sasl_password =", "sasl_password_file ="), "sasl_password_file: .*No such file"),
    ],
)
def test_bad_configuration_is_one_line_and_exit_2(tmp_path, change, complaint):
    folder = tmp_path / "bot"
    server = type("Server", (), {"host": "127.0.0.1", "port": 1, "tls_port": 1, "ca_file": ""})
    _, text = configuration(server, folder)
    bot = RunningBot(folder, change(text)).start()
    assert bot.process.wait(20) == 2
    line = bot.wait_for("chanops: ")
    assert re.search(complaint, line), line
    eventually(lambda: len(bot.log) == 1)


def test_a_port_in_use_is_one_line_and_exit_2(tmp_path):
    folder = tmp_path / "bot"
    server = type("Server", (), {"host": "127.0.0.1", "port": 1, "tls_port": 1, "ca_file": ""})
    port, text = configuration(server, folder)
    with socket.create_server(("127.0.0.1", port)):
        bot = RunningBot(folder, text).start()
        assert bot.process.wait(20) == 2
    assert f"[web] listen = 127.0.0.1:{port}: Address already in use" in bot.wait_for("chanops: ")


def test_a_configuration_that_others_may_read_is_refused(tmp_path):
    folder = tmp_path / "bot"
    server = type("Server", (), {"host": "127.0.0.1", "port": 1, "tls_port": 1, "ca_file": ""})
    _, text = configuration(server, folder)
    bot = RunningBot(folder, text)
    bot.path.chmod(0o644)
    bot.start()
    assert bot.process.wait(20) == 2
    assert "chmod 600" in bot.wait_for("chanops: ")


def test_it_leaves_within_seconds_though_a_plugin_hangs(stage, inspircd, tmp_path):
    folder = tmp_path / "bot"
    _, text = configuration(inspircd, folder)
    bot = RunningBot(folder, text.replace(CHANNEL, "#leave").replace("nick = chanops", "nick = leaver"))
    with bot, inspircd.client("frank") as frank:
        bot.wait_for("online as leaver")
        frank.join("#leave")
        eventually(lambda: (frank.send("NAMES #leave"), "leaver" in frank.expect(" 353 .*#leave "))[1])
        frank.say("#leave", ".hang")
        frank.say("#leave", ".hello you")
        frank.expect("hello you")
        os.kill(bot.process.pid, signal.SIGTERM)
        frank.expect(":leaver!.* QUIT")
        assert bot.process.wait(10) == 0
