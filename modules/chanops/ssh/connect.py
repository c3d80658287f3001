"""From an address to a connection that is logged in: with the host's key checked before anything of ours is shown."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import paramiko
from paramiko import AuthenticationException, BadAuthenticationType, IncompatiblePeer, SSHException

from chanops.core.public_keys import PublicKey
from chanops.core.text import shorten, visible
from chanops.ssh.base import (
    ChangedKey,
    Halt,
    Halted,
    Known,
    Left,
    Login,
    NoAnswer,
    NotLetIn,
    SshError,
    TurnedAway,
    UnknownKey,
    go_on,
)
from chanops.ssh.transport import Transport
from chanops.ssh.watchdog import Guard, Watchdog

Open = Callable[[float], Any]  # a socket, or a channel through a jump host, within so many seconds
Stop = Callable[[], Halt]
MOST_SAID = 120  # characters of what a host says of itself


def checked(transport: Transport, login: Login, known: Known) -> PublicKey:
    """The host's key, if it is the known one. Raises UnknownKey, ChangedKey."""
    shown = transport.shown_key
    mine = known.keys(login.names)
    if known.revoked(shown.blob):
        raise ChangedKey(f"{login.name} shows the host key {shown.fingerprint}, which is revoked")
    if not mine:
        raise UnknownKey(
            f"the host key of {login.name} is not known ({shown.fingerprint}): .trust {login.name} keeps it, "
            "once it is compared"
        )
    if shown.blob not in mine.get(shown.type, frozenset()):
        was = sorted(PublicKey(kind, blob).fingerprint for kind, blobs in mine.items() for blob in blobs)
        raise ChangedKey(
            f"THE HOST KEY OF {login.name} HAS CHANGED from {', '.join(was)} to {shown.fingerprint}: somebody else may "
            f"answer there; nothing was sent. If it is right, .trust {login.name}"
        )
    return shown


def shake_hands(
    login: Login,
    open_socket: Open,
    known: Known,
    watchdog: Watchdog,
    until: float,
    halt: Stop = go_on,
    check: bool = True,
) -> Transport:
    """A connection with a host, whose key is checked, or only asked for. Raises SshError."""
    wire = open_socket(until - time.monotonic())
    transport = Transport(wire)
    try:
        transport.expect_key_types(frozenset(known.keys(login.names)), only=check)
        with watchdog.over(until, lambda guard: transport.hang_up(), halt) as guard:
            try:
                transport.start_client()
            except IncompatiblePeer as error:
                if not check or "host key" not in str(error):
                    raise no_answer(login, guard, error) from None
                raise ChangedKey(
                    f"{login.name} has no host key of the kind that is known of it: somebody else may answer there; "
                    f"nothing was sent. If it is right, .trust {login.name}"
                ) from None
            except (SSHException, EOFError, OSError) as error:
                raise no_answer(login, guard, error) from None
        if check:
            checked(transport, login, known)
    except BaseException:
        transport.close()
        raise
    return transport


def halted(guard: Guard) -> SshError | None:
    """What to raise where we were told to stop."""
    if guard.halted is Halt.LEAVE:
        return Left("the bot left before it was begun")
    return Halted("not begun") if guard.halted is Halt.END else None


def no_answer(login: Login, guard: Guard, error: BaseException) -> SshError:
    """Why a host that accepted our connection is none to talk to."""
    if (stopped := halted(guard)) is not None:
        return stopped
    if guard.late:
        return NoAnswer(f"no answer from {login.place}: it accepts connections and does not speak SSH in time")
    why = shorten(visible(str(error)), MOST_SAID)
    if isinstance(error, EOFError | OSError) or not why or "banner" in why:
        return TurnedAway(f"no answer from {login.place}: it closes the connection, or does not speak SSH")
    return NoAnswer(f"no answer from {login.place}: {why}")


def log_in(
    transport: Transport,
    login: Login,
    signers: Sequence[paramiko.PKey],
    watchdog: Watchdog,
    until: float,
    halt: Stop = go_on,
) -> None:
    """Log in with the first key that is taken. Raises NotLetIn, NoAnswer."""
    with watchdog.over(until, lambda guard: transport.hang_up(), halt) as guard:
        for signer in signers:
            try:
                left = transport.auth_publickey(login.user, signer)
            except BadAuthenticationType:
                raise NotLetIn(f"{login.name} lets nobody in by key: allow PubkeyAuthentication there") from None
            except AuthenticationException:
                if transport.is_active():
                    continue
                raise closed(login, guard) from None
            except (SSHException, EOFError, OSError):
                raise closed(login, guard) from None
            if not left:
                return
            raise NotLetIn(f"{login.name} wants more than a key of {login.user}: {', '.join(map(visible, left))}")
    raise NotLetIn(
        f"{login.name} does not let {login.user} in with our key: .authorize, or the cloud's keys, put it there"
    )


def closed(login: Login, guard: Guard) -> SshError:
    """Why a host hung up while we logged in."""
    if (stopped := halted(guard)) is not None:
        return stopped
    if guard.late:
        return NoAnswer(f"no answer from {login.place}: it did not let us in in time")
    return NotLetIn(f"{login.name} closed the connection when {login.user} logged in")
