"""The web server: one thread with uvicorn; what it serves is handed in."""

import resource
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from chanops.web.port import Port
from chanops.web.slow import MOST_HEAD, Lobby, Patience, watched

OTHER_FILES = 256  # descriptors for all that are no callers: networks, the database, machines, titles
FEWEST = 50


class WebServer:
    """Serves those who call a port; `stop` ends it within a second or two."""

    def __init__(self, port: Port, patience: Patience | None = None, protocol: Any = AutoHTTPProtocol) -> None:
        self.port, self.protocol = port, protocol
        self.lobby = Lobby(patience or affordable(Patience()))
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
            http=watched(self.protocol, self.lobby),
            ws="none",
            log_config=None,
            log_level="error",  # anybody can send what is no request, and fill the log with it
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEAD,
            callback_notify=self.look,
            timeout_notify=0,  # with each turn of a second
        )
        self.server = uvicorn.Server(config)
        sockets = [self.port.sock] if self.port.sock else None
        self.thread = threading.Thread(target=self.server.run, args=(sockets,), name="web", daemon=True)
        self.thread.start()

    async def look(self) -> None:
        """Let those go who are too slow."""
        if self.server is not None:
            self.lobby.look(self.server.server_state.connections)

    def stop(self) -> None:
        """End it."""
        self.leave()
        if self.server is not None:
            self.server.should_exit = True
        if self.thread is not None:
            self.thread.join(timeout=3)
        self.port.close()


def affordable(patience: Patience) -> Patience:
    """With no more connections than there are descriptors for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return patience
    return replace(patience, most=max(FEWEST, min(patience.most, soft - OTHER_FILES)))
