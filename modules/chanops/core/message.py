"""What plugins hear: one thing that happened on a network."""

from datetime import UTC, datetime
from typing import NamedTuple

EPOCH = datetime.fromtimestamp(0, UTC)


class Message(NamedTuple):
    """One thing that happened: mostly a line that somebody said.

    `event` is "message", "action", "notice", "join", "part", "quit", "kick", "nick", "topic", "mode" …,
    or, for a numeric reply, its name ("welcome"). `account` is the services account shown on this very
    line, "" when there is none: the only thing by which anybody is known. `channel` is "" in private.
    `text` is what a person reads; `raw` is the trailing parameter as it came, formatting and all.
    A quit and a nick name no channel: `channels` are those of the bot's where that nick was. `own` is what
    the bot itself said in a channel: it is for the log, and no plugin hears it. With "redact" (somebody took
    a line back), `msgid` is that line's, and `text` the reason.
    """

    # One is made for every line: a NamedTuple costs a sixth of a frozen dataclass.

    network: str = ""
    event: str = "message"
    nick: str = ""
    account: str = ""
    channel: str = ""
    text: str = ""
    at: datetime = EPOCH
    raw: str = ""
    user: str = ""
    host: str = ""
    command: str = "PRIVMSG"
    params: tuple[str, ...] = ()
    msgid: str = ""
    bot: bool = False
    replayed: bool = False
    channels: tuple[str, ...] = ()
    own: bool = False

    @property
    def where(self) -> str:
        """Where an answer goes: the channel, or the nick in private."""
        return self.channel or self.nick
