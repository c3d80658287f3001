"""paramiko's transport, with what it lacks: exit signals, news for whoever waits, an end that is at once."""

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import paramiko
from paramiko import SSHException
from paramiko.channel import Channel
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    cMSG_CHANNEL_REQUEST,
)
from paramiko.message import Message
from paramiko.packet import Packetizer

from chanops.core.public_keys import PublicKey
from chanops.ssh.wire import Wire

log = logging.getLogger(__name__)
log.setLevel(logging.CRITICAL)  # what paramiko says of lost connections is said in better words by whoever lost one
# The default puts CTR with HMAC first, which takes one and a half times as long as GCM.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


LONGEST_PACKET = 300_000  # bytes; OpenSSH sends and takes no longer ones than 262,144
NAME = re.compile(r"[A-Za-z0-9@.-]{1,32}\Z")
STUCK = 0.5  # seconds


class News(threading.Event):
    """An event that only its owner clears: two streams share it, and neither may clear the other's news."""

    def clear(self) -> None:
        """Nothing: paramiko clears when one of the streams is empty."""

    def reset(self) -> None:
        """From now on, new news."""
        super().clear()


class Packets(Packetizer):  # type: ignore[misc]
    """Without a thread a connection for the time of the handshake: the watchdog keeps all deadlines."""

    def start_handshake(self, timeout: float) -> None:
        """Nothing."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """So many bytes. paramiko takes any length that a host says, and before its key is checked."""
        if n > LONGEST_PACKET:
            raise SSHException(f"a packet of {n} bytes")
        found: bytes = super().read_all(n, check_rekey)
        return found

    def _log(self, level: int, msg: str) -> None:
        """Nothing: texts that nobody reads cost a tenth of a connection."""


class Transport(paramiko.Transport):  # type: ignore[misc]
    """A connection that is being made, or is made."""

    _active_check_timeout = 5.0  # the usual 0.1 has 200 idle connections take 7 % of a core

    def __init__(self, wire: Any) -> None:
        super().__init__(wire, packetizer_class=Packets, default_max_packet_size=32768)
        self.daemon = True
        self.set_log_channel(log.name)
        self.news: dict[int, News] = {}  # by channel
        self.signals: dict[int, str] = {}
        self.sending = threading.Lock()  # input on its way, or a channel that is closed
        options = self.get_security_options()
        options.ciphers = (*CIPHERS, *(each for each in options.ciphers if each not in CIPHERS))

    def expect_key_types(self, types: frozenset[str], only: bool) -> None:
        """Have the host show a key of one of these types, or of another where not only these; we may not speak some."""
        options = self.get_security_options()
        # An RSA key is known as ssh-rsa, and shown with a newer signature.
        wanted = {*types, *(("rsa-sha2-512", "rsa-sha2-256") if "ssh-rsa" in types else ())}
        known = tuple(each for each in options.key_types if each in wanted)
        if known:
            others = () if only else tuple(each for each in options.key_types if each not in known)
            options.key_types = (*known, *others)

    @property
    def shown_key(self) -> PublicKey:
        """The key that the host has shown, and proven to have."""
        key = self.get_remote_server_key()
        return PublicKey(key.get_name(), key.asbytes())

    def hang_up(self) -> None:
        """End it at once, from any thread; nothing is said to the host."""
        wire: Any = self.sock
        if isinstance(wire, Wire):
            wire.hang_up()
        else:  # a channel through a jump host, to which nothing is sent now: that could block
            with wire.lock:
                wire._set_closed()

    def close(self) -> None:
        """End it, and wait for its thread."""
        wire: Any = self.sock
        if not isinstance(wire, Wire):
            shut(wire)
        self.hang_up()
        if threading.current_thread() is not self and self.ident is not None:
            self.join(1)
        self.active = False
        self.packetizer.close()

    def watch(self, channel: Channel, news: News) -> None:
        """Have `news` set whenever something comes for a channel, or it ends."""
        self.news[channel.chanid] = news
        channel.in_buffer.set_event(news)
        channel.in_stderr_buffer.set_event(news)

    @contextlib.contextmanager
    def open_still(self, channel: Channel) -> Iterator[bool]:
        """Whether a channel is not over; as long as this lasts, its end is not acknowledged.

        sshd ends the whole connection, and all that others run there, where anything comes for a channel that is no
        more; paramiko may send so.
        """
        with self.sending, contextlib.suppress(OSError, SSHException, EOFError):
            yield not channel.closed

    def signal(self, channel: Channel, name: str) -> None:
        """Send a signal to the process group at the other end (RFC 4254, 6.9). paramiko has no call for it."""
        message = Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)
        message.add_string(name)
        with self.open_still(channel) as is_open:
            if is_open:
                self._send_user_message(message)

    def end_input(self, channel: Channel) -> None:
        """There is no more for it to read."""
        with self.open_still(channel) as is_open:
            if is_open:
                channel.shutdown_write()

    def give(self, channel: Channel, data: bytes) -> int:
        """Send some input, and how much of it; -1 where nobody reads any more."""
        sent = -1
        with self.open_still(channel) as is_open:
            if is_open:
                sent = channel.send(data)
        return sent

    def forget(self, channel: Channel) -> None:
        """A channel is over."""
        self.news.pop(channel.chanid, None)
        self.signals.pop(channel.chanid, None)

    def _log(self, level: int, msg: Any, *args: Any) -> None:
        """Nothing; what matters is raised."""

    def _unlink_channel(self, chanid: int) -> None:
        super()._unlink_channel(chanid)
        self.tell(chanid)

    def tell(self, chanid: int) -> None:
        news = self.news.get(chanid)
        if news is not None:
            news.set()


def shut(channel: Channel) -> None:
    """Close a channel, whose connection may be no more."""
    with contextlib.suppress(SSHException, EOFError, OSError):
        channel.close()


def note_request(channel: Channel, message: Message) -> None:
    """An exit status, or a signal, which paramiko takes no note of."""
    copy = Message(message.get_remainder())
    if copy.get_text() == "exit-signal":
        copy.get_boolean()
        name = copy.get_text()
        channel.transport.signals[channel.chanid] = name if NAME.match(name) else "?"
    Channel._handle_request(channel, message)
    channel.transport.tell(channel.chanid)


def note_output(channel: Channel, message: Message) -> None:
    """Output, as much as we have allowed: paramiko would take any amount."""
    Channel._feed(channel, message)
    check_window(channel)


def note_errors(channel: Channel, message: Message) -> None:
    """Output of the other stream."""
    Channel._feed_extended(channel, message)
    check_window(channel)


def check_window(channel: Channel) -> None:
    if len(channel.in_buffer) + len(channel.in_stderr_buffer) > channel.in_window_size + LONGEST_PACKET:
        channel.transport.hang_up()


def note_window(channel: Channel, message: Message) -> None:
    """The host takes more of what is written to it."""
    Channel._window_adjust(channel, message)
    channel.transport.tell(channel.chanid)


def note_close(channel: Channel, message: Message) -> None:
    """The host closes a channel."""
    # Where input waits for new keys, which only this thread can bring, it is not waited for.
    waited = channel.transport.sending.acquire(timeout=STUCK)
    try:
        Channel._handle_close(channel, message)
    finally:
        if waited:
            channel.transport.sending.release()


# Patching Channel would have no effect: the table holds its functions.
Transport._channel_handler_table = {
    **paramiko.Transport._channel_handler_table,
    MSG_CHANNEL_CLOSE: note_close,
    MSG_CHANNEL_DATA: note_output,
    MSG_CHANNEL_EXTENDED_DATA: note_errors,
    MSG_CHANNEL_REQUEST: note_request,
    MSG_CHANNEL_WINDOW_ADJUST: note_window,
}
