"""The web server: one thread with uvicorn; what it serves is handed in."""

import logging
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

from chanops.web.port import Port

log = logging.getLogger(__name__)


class WebServer:
    """Serves those who call a port; `stop` ends it within a second or two."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.server: uvicorn.Server | None = None
        self.thread: threading.Thread | None = None
        self.leave: Callable[[], None] = lambda: None

    def serve_with(self, app: Any, leave: Callable[[], None] = lambda: None) -> None:
        """Serve an application, in a thread; until now callers have waited in the port's queue.

        `leave` is called when it is to end, so that what would go on for long does not.
        """
        self.leave = leave
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
        sockets = [self.port.sock] if self.port.sock else None
        self.thread = threading.Thread(target=self.server.run, args=(sockets,), name="web", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End it."""
        self.leave()
        if self.server is not None:
            self.server.should_exit = True
        if self.thread is not None:
            self.thread.join(timeout=3)
        self.port.close()
