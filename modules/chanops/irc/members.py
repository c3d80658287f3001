"""Who is in which of our channels: only a QUIT and a NICK need it, since they name no channel."""

from collections.abc import Callable, Iterable

MOST_IN_ROOM = 20_000


class Members:
    """Pure: the folded nicks of each channel that we are in, and nothing of the others."""

    def __init__(self, fold: Callable[[str], str]) -> None:
        self.fold = fold
        self.rooms: dict[str, set[str]] = {}

    def enter(self, channel: str, nick: str, mine: bool) -> None:
        """Somebody came in; where it is us, the names follow."""
        if mine:
            self.rooms[channel] = set()
        self.add(channel, nick)

    def names(self, channel: str, listed: Iterable[str], signs: str) -> None:
        """A part of the list of names; with multi-prefix several signs stand before a nick, and a mask may be whole."""
        for each in listed:
            self.add(channel, each.lstrip(signs).partition("!")[0])

    def add(self, channel: str, nick: str) -> None:
        room = self.rooms.get(channel)
        if room is not None and nick and len(room) < MOST_IN_ROOM:
            room.add(self.fold(nick))

    def leave(self, channel: str, nick: str, mine: bool) -> None:
        """Somebody went, or was thrown out."""
        if mine:
            self.rooms.pop(channel, None)
        elif channel in self.rooms:
            self.rooms[channel].discard(self.fold(nick))

    def quit(self, nick: str, mine: bool) -> tuple[str, ...]:
        """Somebody left the network: the channels where they were."""
        channels, folded = self.of(nick), self.fold(nick)
        for channel in channels:
            self.rooms[channel].discard(folded)
        if mine:
            self.rooms.clear()
        return channels

    def rename(self, nick: str, new: str) -> tuple[str, ...]:
        """Somebody has another nick: the channels where they are."""
        channels, folded = self.of(nick), self.fold(nick)
        for channel in channels if new else ():
            self.rooms[channel].discard(folded)
            self.add(channel, new)
        return channels

    def has(self, channel: str, nick: str) -> bool:
        """Whether somebody is in a channel; from any thread."""
        return self.fold(nick) in self.rooms.get(channel, ())

    def of(self, nick: str) -> tuple[str, ...]:
        """The channels where a nick is."""
        folded = self.fold(nick)
        return tuple(channel for channel, room in self.rooms.items() if folded in room)
