"""The port of the pages: taken early, and without the server, which costs 15 ms to import and is not needed yet."""

import socket

from chanops.core.errors import Problem


class Port:
    """Takes its port in `bind`, not before; callers then wait in its queue until somebody serves them."""

    def __init__(self, listen: str) -> None:
        self.listen = listen
        self.sock: socket.socket | None = None

    def bind(self) -> None:
        """Take the port; raises Problem where it cannot be had."""
        host, _, port = self.listen.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self.sock = socket.create_server((host, int(port)), family=family, backlog=512)
            # Those who call inherit it; asyncio sets it only where the protocol's number is known. Without it a page of
            # two pieces takes 40 ms.
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Problem(
                f"[web] listen = {self.listen}: {error.strerror}: choose another port, or end what uses it"
            ) from None

    @property
    def address(self) -> str:
        """HOST:PORT as it really is, also where port 0 was asked for."""
        if self.sock is None:
            return self.listen
        host, port = self.sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Let it go."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
