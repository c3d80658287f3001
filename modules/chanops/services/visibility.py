"""Who may see the lines of which channels: decided here, and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import exists, select

from chanops.core.access import fold
from chanops.core.sections import Settings
from chanops.services.reading import Channel, Reading
from chanops.services.tables import channels, days

PUBLIC = select(channels.c.id).where(exists().where(days.c.channel_id == channels.c.id, days.c.public.is_(True)))


@dataclass(frozen=True)
class Viewer:
    """Somebody who reads: everybody, or the holder of a token, who may see all channels or some."""

    name: str = ""
    every: bool = False
    channels: frozenset[str] = field(default_factory=frozenset)
    """As NETWORK/#channel."""

    def holds(self, network: str, name: str) -> bool:
        """Whether a token opens a channel."""
        return self.every or f"{network}/{fold(name)}" in {
            f"{each.partition('/')[0]}/{fold(each.partition('/')[2])}" for each in self.channels
        }


EVERYBODY = Viewer()


@dataclass(frozen=True)
class Seen:
    """A channel that somebody may see; everything: also what was said while it was private."""

    channel: Channel
    everything: bool


class Visibility:
    """What the settings and a token say together."""

    def __init__(self, reading: Reading, settings: Callable[[], Settings]) -> None:
        self.reading, self.settings = reading, settings

    def channels(self, viewer: Viewer = EVERYBODY) -> list[Seen]:
        """The channels that somebody may see."""
        public = self.public()
        found = (self.judged(viewer, each, public) for each in self.reading.channels())
        return [each for each in found if each is not None]

    def of(self, viewer: Viewer, network: str, name: str) -> Seen | None:
        """One channel, if there is one that this viewer may see."""
        channel = self.reading.channel(network, name)
        return self.judged(viewer, channel, self.public()) if channel is not None else None

    def by_id(self, viewer: Viewer, channel_id: int) -> Seen | None:
        """The same by its number."""
        return next((each for each in self.channels(viewer) if each.channel.id == channel_id), None)

    def line(self, viewer: Viewer, channel_id: int, public: bool) -> Seen | None:
        """The channel of a line, if this viewer may see that line."""
        seen = self.by_id(viewer, channel_id)
        return seen if seen is not None and (public or seen.everything) else None

    def public(self) -> set[int]:
        """The channels of which anything is public; of another one nobody may know that it was ever there."""
        with self.reading.database.read() as connection:
            return set(connection.execute(PUBLIC).scalars())

    def judged(self, viewer: Viewer, channel: Channel, public: set[int]) -> Seen | None:
        if viewer.holds(channel.network, channel.name):
            return Seen(channel, True)
        open_ = channel.id in public and self.settings().channel(channel.network, channel.name).open
        return Seen(channel, False) if open_ else None
