"""The demo's IRC server: a small network with accounts, on loopback, for the bot and any other client."""

import asyncio
import socket
import threading
from collections.abc import Mapping
from types import TracebackType

from chanops.simulator.irc_network import Network
from chanops.simulator.irc_session import Session

PING_SECONDS = 60.0
GOODBYE_SECONDS = 0.5


class IrcServer:
    """An IRC server in a thread of its own; it may be started and stopped from any other."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        name: str = "irc.demo",
        accounts: Mapping[str, str] = {},
        channels_keep: Mapping[str, str] = {},
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._asked = (host, port)
        self._net = Network(name, accounts, channels_keep)
        self._ping_seconds = ping_seconds
        self._lock = threading.Lock()
        self._running: _Running | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens; it must have been started."""
        running = self._running
        if running is None:
            raise RuntimeError("the IRC server is not started")
        return running.address

    def start(self) -> None:
        """Listen and return; OSError when the port is taken."""
        with self._lock:
            if self._running is not None:
                raise RuntimeError("the IRC server is started already")
            self._running = _Running(self._net, self._asked, self._ping_seconds)

    def stop(self) -> None:
        """Close every connection and end the thread; nothing when it is not started."""
        with self._lock:
            if self._running is not None:
                self._running.stop()
                self._running = None

    def __enter__(self) -> "IrcServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Running:
    """One run of the server: its thread, its loop and its sessions."""

    def __init__(self, net: Network, asked: tuple[str, int], ping_seconds: float) -> None:
        self._net = net
        self._ping_seconds = ping_seconds
        self._sessions: set[Session] = set()
        # Bound here and not in the loop's thread, so that a port taken is the caller's OSError.
        family = socket.AF_INET6 if ":" in asked[0] else socket.AF_INET
        self._listener = socket.create_server(asked, family=family, backlog=256)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._in_loop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="ircd", daemon=True)
        self._thread.start()
        self._in_loop.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._in_loop.set()
        server = await self._loop.create_server(self._session, sock=self._listener)
        await self._stopping.wait()
        server.close()
        await self._say_goodbye()

    def _session(self) -> Session:
        return Session(self._net, self._sessions, self._ping_seconds)

    async def _say_goodbye(self) -> None:
        sessions = list(self._sessions)
        for end in (lambda session: session.hang_up("Server is stopping"), Session.abort):
            for session in sessions:
                end(session)
            if sessions:
                await asyncio.wait([session.closed for session in sessions], timeout=GOODBYE_SECONDS)
