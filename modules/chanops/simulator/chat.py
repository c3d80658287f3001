"""Somebody who talks in a channel: a small client over a real socket, for the demo."""

import base64
import queue
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Heard:
    """A line that somebody said in the channel."""

    nick: str
    text: str


class Chat:
    """A person on a network: logged in with a password, a guest without one."""

    def __init__(self, address: tuple[str, int], nick: str, channel: str, password: str = "") -> None:
        self.nick, self.channel = nick, channel
        self.present: set[str] = set()
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.changed = threading.Condition()
        self.sock = socket.create_connection(address, timeout=10)
        self.sock.settimeout(None)
        if password:
            blob = base64.b64encode(b"\0".join(part.encode() for part in (nick, nick, password))).decode()
            self.send("CAP REQ :sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {blob}", "CAP END")
        self.send(f"NICK {nick}", f"USER {nick} 0 * :{nick}", f"JOIN {channel}")
        threading.Thread(target=self.listen, name=f"chat-{nick}", daemon=True).start()

    def send(self, *lines: str) -> None:
        """Send lines of the protocol."""
        self.sock.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def say(self, text: str) -> None:
        """Say something in the channel."""
        self.send(f"PRIVMSG {self.channel} :{text}")

    def listen(self) -> None:
        """Take in what comes, until the connection ends."""
        with self.sock.makefile("rb") as lines:
            for raw in lines:
                self.take(raw.decode("utf-8", "replace").rstrip("\r\n"))

    def take(self, line: str) -> None:
        """One line of the protocol."""
        if line.startswith("PING"):
            self.send(line.replace("PING", "PONG", 1))
            return
        source, _, rest = line.removeprefix(":").partition(" ")
        nick = source.partition("!")[0]
        head, _, text = rest.partition(" :")
        verb = head.split(" ")[0]
        with self.changed:
            if verb == "PRIVMSG" and head.endswith(f" {self.channel}"):
                self.heard.put(Heard(nick, text))
            elif verb == "JOIN":
                self.present.add(nick)
            elif verb == "353":
                self.present.update(name.lstrip("@+") for name in text.split())
            self.changed.notify_all()

    def wait_for(self, nick: str, within: float) -> bool:
        """Whether somebody is in the channel, or comes within that many seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: nick in self.present, within)

    def hear(self, wanted: Callable[[Heard], bool], within: float = 10.0) -> Heard | None:
        """The next line that is wanted, or None if none comes in time."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            try:
                heard = self.heard.get(timeout=left)
            except queue.Empty:
                break
            if wanted(heard):
                return heard
        return None

    def leave(self) -> None:
        """Go."""
        try:
            self.send("QUIT :bye")
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # gone already
        self.sock.close()
