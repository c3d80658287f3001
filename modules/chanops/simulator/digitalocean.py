"""The demo's DigitalOcean: a small cloud with the real one's API, on loopback, for the bot and any other client."""

from types import TracebackType
from typing import Protocol

from chanops.simulator.do_faults import Fault
from chanops.simulator.do_http import Listener
from chanops.simulator.do_records import Delays, Event, Limits, Request
from chanops.simulator.do_service import Service
from chanops.simulator.do_store import Ground, Store
from chanops.simulator.do_world import World

__all__ = ["CloudServer", "Delays", "Event", "Fault", "Limits", "Request", "World"]


class Machines(Ground, Protocol):
    """What has the droplets answer SSH: chanops.simulator.ssh_cloud.Ssh, which is read only by those who want it."""

    def possible(self) -> bool:
        """Whether this system can do it."""

    def start(self, store: Store) -> None:
        """Have those that run answer."""

    def stop(self) -> None:
        """Answer nobody."""


class CloudServer:
    """A DigitalOcean in threads of its own; it may be started and stopped from any other, and again.

    The world stays when the server stops: a client sees an outage. With `ssh=Ssh()` the droplets are machines that
    can be logged into, at loopback addresses; where the system has no such addresses, they stay mere records.
    """

    def __init__(
        self,
        port: int = 0,
        token: str = "demo-token",  # noqa: S107  the demo's, and no secret
        delays: Delays | None = None,
        seed: int | None = None,
        limits: Limits | None = None,
        host: str = "127.0.0.1",
        ssh: Machines | None = None,
    ) -> None:
        self.token = token
        self.ssh = ssh if ssh is not None and ssh.possible() else None
        self.world = World(delays or Delays.realistic(), seed, self.ssh)
        self._service = Service(self.world, token, limits or Limits())
        self._asked = (host, port)
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        """Where the API is, with a slash at the end; it must have been started."""
        return f"{self.root}/v2/"

    @property
    def root(self) -> str:
        """Where /v2 and /sim are below, without a slash at the end."""
        if self._listener is None:
            raise RuntimeError("the cloud server is not started")
        return self._listener.root

    @property
    def requests(self) -> list[Request]:
        """All requests below /v2 until now, oldest first."""
        return self._service.requests

    def request_counts(self) -> dict[str, object]:
        """What GET /sim/requests answers."""
        return self._service.summary()

    def reset(self) -> None:
        """As new, and still listening."""
        self.world.reset()
        self._service.reset()

    def start(self) -> None:
        """Listen and return; OSError when the port is taken."""
        if self._listener is not None:
            raise RuntimeError("the cloud server is started already")
        self._listener = Listener(self._asked, self._service)
        if self.ssh is not None:
            self.ssh.start(self.world)

    def stop(self) -> None:
        """Close every connection, also those that hang; nothing when it is not started."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
            if self.ssh is not None:
                self.ssh.stop()

    def __enter__(self) -> "CloudServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
