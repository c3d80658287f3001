"""A web server on loopback that can be held still."""

import contextlib
import socket
import threading

from chanops.services.titles.rules import Rules

DEADLINE = 20


class Site:
    """A web server on loopback that waits with its answers until it is let go."""

    def __init__(self, host="127.0.0.1") -> None:
        self.listener = socket.create_server((host, 0))
        self.place = f"{host}:{self.listener.getsockname()[1]}"
        self.change = threading.Condition()
        self.open = True
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>%s</title>"
        self.asked: list[str] = []
        self.head = b""
        self.within = self.most_within = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.head = connection.recv(65536)
            path = self.head.split(b" ")[1]
            with self.change:
                self.asked.append(path.decode())
                self.within += 1
                self.most_within = max(self.most_within, self.within)
                self.change.notify_all()
                self.change.wait_for(lambda: self.open, DEADLINE)
                self.within -= 1
            connection.sendall(self.answer.replace(b"%s", path))

    def hold(self) -> None:
        self.open = False

    def let_go(self) -> None:
        with self.change:
            self.open = True
            self.change.notify_all()

    def until(self, number: int) -> None:
        """Wait until that many were asked."""
        with self.change:
            assert self.change.wait_for(lambda: len(self.asked) >= number, DEADLINE), self.asked

    def address(self, path="/") -> str:
        return f"http://{self.place}{path}"

    def rules(self, **more) -> Rules:
        return Rules(hosts=frozenset({self.place}), **more)

    def close(self) -> None:
        self.let_go()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
