"""Opening a connection, TLS and all, in a thread of its own: names, TCP and handshakes can hang."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

TIMEOUT = 15.0  # seconds for each of: one address' TCP connection, the TLS handshake


@dataclass(frozen=True)
class Server:
    """Where to connect, and by what certificates to know the server."""

    host: str
    port: int
    tls: bool = True
    ca_file: str = ""


@dataclass(frozen=True)
class Dialled:
    """How it went: a socket, or why there is none."""

    sock: socket.socket | None
    problem: str = ""


def dial(server: Server, done: Callable[[Dialled], None]) -> None:
    """Connect in a thread; `done` is called there, once."""
    threading.Thread(target=lambda: done(dialled(server)), name=f"dial-{server.host}", daemon=True).start()


def dialled(server: Server, timeout: float = TIMEOUT) -> Dialled:
    """Connect now; every step has a time-out, and no failure raises."""
    sock = None
    try:
        sock = socket.create_connection((server.host, server.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls:
            sock = context(server.ca_file).wrap_socket(sock, server_hostname=server.host)
        sock.setblocking(False)
        return Dialled(sock)
    except ssl.SSLCertVerificationError as error:
        problem = f"its certificate is not trusted ({error.verify_message}); for a server of your own set tls_ca_file"
    except ssl.SSLError as error:
        problem = f"TLS failed ({error.reason or error}); is the port right, or does it want tls = no?"
    except (OSError, UnicodeError) as error:
        problem = str(error) or type(error).__name__
    if sock is not None:
        sock.close()
    return Dialled(None, problem)


def context(ca_file: str) -> ssl.SSLContext:
    """TLS as it should be: 1.2 or newer, certificate and name checked."""
    try:
        made = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise OSError(f"tls_ca_file {ca_file} cannot be used: {error.strerror or error}") from None
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
