"""The whole bot without a network: for `chanops say`, and for the tests of plugins."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

from chanops.app import App
from chanops.configuration import Configuration
from chanops.core.message import Message
from chanops.core.text import lines_of

PATIENCE = 60.0


@dataclass
class Heard:
    """What stands for a network: it remembers what is said, as (where, line)."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def say(self, target: str, text: str, *, action: bool = False) -> None:
        """Remember a text."""
        self.lines += [(target, f"* {line}" if action else line) for line in lines_of(text)]

    def is_in(self, channel: str) -> bool:
        """Always."""
        return True

    def has(self, channel: str, nick: str) -> bool:
        """Whoever speaks is there."""
        return True


class Offline:
    """A bot that is told lines instead of hearing them; database, plugins and roles are the real ones."""

    def __init__(self, configured: Configuration) -> None:
        self.app = App(configured)
        self.heard = Heard()
        networks = configured.settings.networks
        self.network = next(iter(networks), "offline")
        self.channel = next((name for each in networks.values() for name in each.channels), "#offline")

    def __enter__(self) -> "Offline":
        self.app.prepare()
        self.app.board.voices = {self.network: self.heard}
        self.app.open()
        self.app.board.happen("start")
        self.app.workers.finish(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.app.close()

    def say(self, text: str, nick: str = "alice", account: str | None = None, channel: str | None = None) -> list[str]:
        """What the bot answers when somebody says this.

        Without an account the nick is one; "" is somebody who is not logged in. Without a channel it is the
        first one of the configuration; "" is in private.
        """
        before = len(self.heard.lines)
        self.app.board.heard(
            Message(
                network=self.network,
                nick=nick,
                account=nick if account is None else account,
                channel=self.channel if channel is None else channel,
                text=text,
                at=datetime.now(UTC),
                raw=text,
                params=(self.channel if channel is None else channel or "chanops",),
            )
        )
        self.app.workers.finish(PATIENCE)
        return [line for _, line in self.heard.lines[before:]]
