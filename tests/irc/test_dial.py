"""A connection is opened in a thread of its own, its certificate is checked, and no failure raises."""

import contextlib
import queue
import socket
import ssl
import threading
import time

import pytest

from chanops.irc.dial import Server, dial, dialled

HOST = "127.0.0.1"
WITHIN = 10.0


@contextlib.contextmanager
def serving(talk, host=HOST):
    """A port on which one connection is talked to; the results of the talk are in the queue."""
    results = queue.Queue()

    def serve():
        with contextlib.suppress(OSError):
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(WITHIN)
                results.put(talk(sock))

    with socket.create_server((host, 0)) as listener:
        listener.settimeout(WITHIN)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], results
        thread.join(WITHIN)
        assert not thread.is_alive()


def secure(certificate, **limits):
    """A talk that begins with TLS, greets, and gives what the other side has said until it closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    for name, value in limits.items():
        setattr(context, name, value)

    def talk(sock):
        try:
            with context.wrap_socket(sock, server_side=True) as wrapped:
                wrapped.sendall(b"hello")
                return wrapped.version(), wrapped.recv(100)
        except (ssl.SSLError, ConnectionError) as error:
            return type(error).__name__, b""

    return talk


def until_closed(sock):
    with contextlib.suppress(ConnectionError):
        return b"".join(iter(lambda: sock.recv(4096), b""))


def test_a_plain_connection_is_ready_and_does_not_block():
    with serving(until_closed) as (port, results):
        found = dialled(Server(HOST, port, tls=False))
        with found.sock as sock:
            assert found.problem == ""
            assert not sock.getblocking()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.sendall(b"hi")
        assert results.get(timeout=WITHIN) == b"hi"


@pytest.mark.parametrize("name", ["localhost", HOST])
def test_a_certificate_that_is_trusted_for_the_name_is_taken(name, tls_certificate):
    with serving(secure(tls_certificate)) as (port, results):
        found = dialled(Server(name, port, ca_file=tls_certificate.cert_file))
        assert found.problem == ""
        with found.sock as sock:
            assert not sock.getblocking()
            sock.sendall(b"NICK bot")
            assert results.get(timeout=WITHIN) == ("TLSv1.3", b"NICK bot")


def test_a_certificate_nobody_knows_is_refused_before_a_word_is_sent(tls_certificate):
    with serving(secure(tls_certificate)) as (port, results):
        found = dialled(Server(HOST, port))
        assert found.sock is None
        assert "not trusted" in found.problem
        assert "tls_ca_file" in found.problem
        assert results.get(timeout=WITHIN)[1] == b""


def test_a_certificate_for_another_name_is_refused_before_a_word_is_sent(tls_certificate):
    with serving(secure(tls_certificate), "127.0.0.2") as (port, results):
        found = dialled(Server("127.0.0.2", port, ca_file=tls_certificate.cert_file))
        assert found.sock is None
        assert "127.0.0.2" in found.problem
        assert results.get(timeout=WITHIN)[1] == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_old_tls_is_refused(tls_certificate):
    old = ssl.TLSVersion.TLSv1_1
    with serving(secure(tls_certificate, minimum_version=old, maximum_version=old)) as (port, results):
        found = dialled(Server(HOST, port, ca_file=tls_certificate.cert_file))
        assert found.sock is None
        assert "TLS failed" in found.problem
        assert results.get(timeout=WITHIN)[1] == b""


def test_a_server_without_tls_is_told_apart():
    with serving(lambda sock: sock.sendall(b":irc NOTICE * :Looking up your hostname\r\n")) as (port, _):
        found = dialled(Server(HOST, port))
        assert found.sock is None
        assert "tls = no" in found.problem


def test_a_server_that_hangs_up_in_the_handshake_is_a_problem():
    with serving(lambda sock: None) as (port, _):
        found = dialled(Server(HOST, port))
        assert found.sock is None
        assert found.problem


def test_a_handshake_that_never_comes_ends():
    with serving(until_closed) as (port, results):
        start = time.monotonic()
        found = dialled(Server(HOST, port), timeout=0.2)
        assert found.sock is None
        assert "timed out" in found.problem
        assert 0.2 <= time.monotonic() - start < 2.0
        assert results.get(timeout=WITHIN).startswith(b"\x16\x03")


def closed_port():
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (HOST, "refused"),
        ("\0", ""),
        ("a\0b", ""),
        (".", ""),
        ("a..b", ""),
        ("x" * 300, ""),
        ("\ud800", ""),
        ("256.256.256.256", ""),
    ],
)
@pytest.mark.parametrize("tls", [True, False])
def test_a_server_that_is_not_there_is_a_problem_and_no_exception(host, said, tls):
    found = dialled(Server(host, closed_port(), tls))
    assert found.sock is None
    assert found.problem
    assert said in found.problem


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_that_is_none_is_named(content, tmp_path):
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    with serving(until_closed) as (port, results):
        found = dialled(Server(HOST, port, ca_file=str(ca_file)))
        assert found.sock is None
        assert str(ca_file) in found.problem
        assert results.get(timeout=WITHIN) == b""


def test_dialling_happens_in_another_thread_and_is_told_once():
    told = queue.Queue()
    with serving(until_closed) as (port, _):
        dial(Server(HOST, port, tls=False), lambda found: told.put((found, threading.current_thread())))
        found, thread = told.get(timeout=WITHIN)
        assert thread is not threading.current_thread()
        assert thread.daemon
        found.sock.close()
    thread.join(WITHIN)
    assert told.empty()
    dial(Server(HOST, closed_port(), tls=False), lambda found: told.put((found, threading.current_thread())))
    found, thread = told.get(timeout=WITHIN)
    assert found.sock is None
    thread.join(WITHIN)
    assert told.empty()
