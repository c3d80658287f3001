"""A connection to a host of the open internet: its name is looked up once, and what was judged is what is connected."""

import contextlib
import socket
import ssl
import threading
from functools import cache
from queue import Empty, SimpleQueue

from chanops.core.public_address import is_public
from chanops.services.titles.rules import Deadline, NotFetched, Target

MOST_LOOKUPS = 8  # one that hangs cannot be ended: it is left alone, with its thread, until the system gives up
MOST_ADDRESSES = 4
RECEIVED_AHEAD = 65536  # bytes that the system takes of a page before anybody reads them
lookups = threading.BoundedSemaphore(MOST_LOOKUPS)


@cache
def trust() -> ssl.SSLContext:
    """What the system trusts."""
    return ssl.create_default_context()


def dial(target: Target, deadline: Deadline) -> socket.socket:
    """A connection to the target, in TLS where it says so. Raises NotFetched, or OSError."""
    addresses = looked_up(target, deadline)
    if not target.inside and not all(map(is_public, addresses)):
        raise NotFetched(f"{target.host} is not public: name it in hosts, in [titles], if it may be asked")
    plain = connected(target, addresses[:MOST_ADDRESSES], deadline)
    if target.scheme == "http":
        return plain
    with contextlib.ExitStack() as undo:
        undo.enter_context(plain)
        plain.settimeout(deadline.left())  # which holds for the whole handshake
        secure = trust().wrap_socket(plain, server_hostname=target.host)
        undo.pop_all()
        return secure


def looked_up(target: Target, deadline: Deadline) -> list[str]:
    """All addresses of the target's host, numbers in any spelling included."""
    if not lookups.acquire(blocking=False):
        raise NotFetched("too many names are being looked up: is the name server well?")
    answers = SimpleQueue[list[str]]()

    def look_up() -> None:
        found = list[str]()
        try:
            with contextlib.suppress(OSError, UnicodeError):
                rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
                found = [str(row[4][0]) for row in rows]
        finally:
            lookups.release()
            answers.put(list(dict.fromkeys(found)))

    try:
        threading.Thread(target=look_up, name="title-lookup", daemon=True).start()
    except RuntimeError:  # no more threads
        lookups.release()
        raise NotFetched("the system has no thread left to look a name up") from None
    try:
        addresses = answers.get(timeout=deadline.left())
    except Empty:
        raise NotFetched(f"the address of {target.host} was not found within {deadline.seconds:g} s") from None
    if not addresses:
        raise NotFetched(f"{target.host} has no address")
    return addresses


def connected(target: Target, addresses: list[str], deadline: Deadline) -> socket.socket:
    """A connection to the first of the addresses that takes one; none may use up the time of the others."""
    for number, address in enumerate(addresses):
        left = deadline.left() / (len(addresses) - number)
        with contextlib.ExitStack() as undo, contextlib.suppress(OSError):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            plain = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_AHEAD)
            plain.settimeout(left)
            plain.connect((address, target.port))
            undo.pop_all()
            return plain
    raise NotFetched(f"{target.host} takes no connection on port {target.port}")
