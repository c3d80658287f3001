"""The web server: one thread with uvicorn; what it serves is handed in."""

import logging
import socket
import threading
from typing import Any

import uvicorn

from chanops.core.errors import Problem

log = logging.getLogger(__name__)


class WebServer:
    """Takes its port in `bind`, not before; `stop` ends it within a second or two."""

    def __init__(self, listen: str) -> None:
        self.listen = listen
        self.server: uvicorn.Server | None = None
        self.sock: socket.socket | None = None
        self.thread: threading.Thread | None = None

    def bind(self) -> None:
        """Take the port; raises Problem where it cannot be had."""
        host, _, port = self.listen.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self.sock = socket.create_server((host, int(port)), family=family, backlog=512)
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

    def serve_with(self, app: Any) -> None:
        """Serve an application, in a thread; until now callers have waited in the port's queue."""
        self.thread = threading.Thread(target=self.serve, args=(app,), name="web", daemon=True)
        self.thread.start()

    def serve(self, app: Any) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
            limit_concurrency=500,
            h11_max_incomplete_event_size=16384,
        )
        self.server = uvicorn.Server(config)
        self.server.run(sockets=[self.sock] if self.sock else None)

    def stop(self) -> None:
        """End it."""
        if self.server is not None:
            self.server.should_exit = True
        if self.thread is not None:
            self.thread.join(timeout=3)
        if self.sock is not None:
            self.sock.close()
