"""The test servers and the test client do what the other tests rely on."""

import socket
import ssl

import pytest
from wireclient import WireClient

pytest_plugins = ["servers"]

TAGS = ("account-tag", "message-tags", "server-time", "batch")


def test_two_clients_of_ngircd_hear_each_other(ngircd):
    with ngircd.client("ann") as ann, ngircd.client("ben") as ben:
        ann.join("#hello")
        ben.join("#hello")
        ann.say("#hello", "hello ben")
        assert ben.expect("hello ben").startswith(":ann!")
        ben.say("#hello", "hello ann")
        ann.expect(r"^:ben!\S+ PRIVMSG #hello :hello ann$")


def test_an_account_tag_is_shown_only_for_who_logged_in(inspircd):
    with (
        inspircd.client("alice", caps=TAGS, sasl=("alice", "alicepw"), wait=False) as a,
        inspircd.client("mallory", caps=TAGS, wait=False) as mallory,
        inspircd.client("watcher", caps=TAGS, wait=False) as watcher,
    ):
        for client in (watcher, a, mallory):
            client.wait_welcome()
            client.join("#tags")
        a.say("#tags", "from alice")
        assert "account=alice" in watcher.expect("from alice").split(" ")[0]
        mallory.say("#tags", "I am alice")
        assert "account=" not in watcher.expect("I am alice")


def test_a_wrong_password_does_not_log_in(inspircd):
    with pytest.raises(AssertionError, match="no login as alice"):
        inspircd.client("eve", sasl=("alice", "wrong"))


def test_a_barrier_returns_what_came_before_it(ngircd):
    with ngircd.client("ann") as ann, ngircd.client("ben") as ben:
        ann.say("ben", "early")
        ann.barrier()
        assert any("early" in line for line in ben.barrier())
        assert ben.barrier() == []


@pytest.mark.parametrize("name", ["ngircd", "inspircd"])
def test_a_nick_is_free_as_soon_as_its_client_has_quit(name, request):
    server = request.getfixturevalue(name)
    for _ in range(2):
        with server.client("ann") as ann:
            ann.say("ann", "my last words")


def test_a_line_which_does_not_come_is_an_error_that_shows_the_last_lines(ngircd):
    with ngircd.client("ann") as ann:
        ann.say("ann", "something else")
        with pytest.raises(AssertionError, match=r"'never'.*(?s:.*)something else"):
            ann.expect("never", within=0.2)


def test_a_frozen_server_is_silent_until_it_thaws(fresh_ngircd):
    server = fresh_ngircd()
    with server.client("ann") as ann:
        server.freeze()
        ann.send("PING while-frozen")
        with pytest.raises(AssertionError):
            ann.expect("while-frozen", within=0.3)
        server.thaw()
        ann.expect("PONG.*while-frozen")


def test_a_restarted_server_has_the_same_port_and_new_connections(fresh_ngircd):
    server = fresh_ngircd()
    port = server.port
    with server.client("ann") as ann:
        server.restart()
        with pytest.raises(AssertionError, match="server closed"):
            ann.barrier()
    assert server.port == port
    server.client("ann").quit()


def test_a_killed_server_refuses_connections_until_it_is_started(fresh_ngircd):
    server = fresh_ngircd()
    server.kill()
    with pytest.raises(ConnectionRefusedError):
        server.client("ann")
    server.start()
    server.client("ann").quit()


def test_accounts_outlive_the_services_and_the_server(fresh_inspircd):
    server = fresh_inspircd()
    server.register_account("carol", "carolpw")
    server.kill_services()
    assert not server.offers_sasl()
    server.start_services()
    assert server.offers_sasl()
    server.kill()
    server.start()
    server.restart()
    with server.client("carol", sasl=("carol", "carolpw"), wait=False) as carol:
        assert any(" 900 carol " in line for line in carol.lines_seen)


@pytest.mark.parametrize("name", ["ngircd", "inspircd"])
def test_the_tls_port_is_trusted_by_its_ca_alone(name, request):
    server = request.getfixturevalue(name)
    with server.client("ann", tls=True) as ann:
        ann.barrier()
    strangers = ssl.create_default_context()
    with (
        socket.create_connection((server.host, server.tls_port), timeout=5) as sock,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        strangers.wrap_socket(sock, server_hostname="localhost")
    WireClient("localhost", server.tls_port, "ann", tls_ca=server.ca_file, wait=False).quit()


def test_the_history_of_a_channel_is_replayed_for_who_joins_late(inspircd):
    with (
        inspircd.client("early", wait=False) as early,
        inspircd.client("late", caps=TAGS, wait=False) as late,
    ):
        early.wait_welcome().join("#past")
        early.send("MODE #past +H 10:1h")
        early.say("#past", "you missed this")
        early.barrier()
        late.wait_welcome().join("#past")
        batch = late.expect(r"BATCH \+\S+ chathistory :?#past")
        replayed = late.expect(r":early!\S+ PRIVMSG #past :you missed this")
        name = batch.split("+")[1].split()[0]
        assert f"batch={name}" in replayed
        assert "time=" in replayed
        late.expect(rf"BATCH :?-{name}$")


def test_an_operator_can_be_made(inspircd):
    with inspircd.client("boss") as boss:
        boss.send(f"OPER {' '.join(inspircd.oper)}")
        boss.expect(r"^:\S+ 381 boss ")


def test_a_missing_program_skips_here_but_fails_on_ci(monkeypatch):
    # Not at the top, where it would come before the plugin of the same name.
    from servers import require_tools

    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        require_tools("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        require_tools("no-such-program")
