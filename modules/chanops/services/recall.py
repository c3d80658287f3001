"""What people ask the bot about the log: lines with words, who was seen, a line's address; and to forget lines."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from chanops.core.access import fold, is_form_of
from chanops.core.errors import Problem, Refused
from chanops.core.logged import LOGGED
from chanops.core.message import Message
from chanops.core.query import Filters, Query, no_days, read
from chanops.services.forget import Forgetting
from chanops.services.line_rows import FORGOTTEN, LINK, Said
from chanops.services.reading import Reading
from chanops.services.search import Search
from chanops.services.visibility import EVERYBODY, Seen, Visibility

MOST_OWN = 100
MOST_LOOKED_AT = 50
QUOTED = re.compile(r"/line/[0-9]+\Z")


@dataclass(frozen=True)
class Found:
    """The newest lines that were found, and whether there are more."""

    lines: list[Said]
    more: bool
    no_days: list[str] = field(default_factory=list)
    """What seemed to name a day and was looked for as words."""


class Recall:
    """Answers about what may be known where the question was asked: there itself, and in open channels."""

    def __init__(
        self,
        reading: Reading,
        visibility: Visibility,
        search: Search,
        forgetting: Forgetting,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self.reading, self.visibility, self.search, self.forgetting = reading, visibility, search, forgetting
        self.settle = settle  # what was said just before is to count

    def here(self, said: Message) -> Seen | None:
        """The channel in which something was said: all of it; of an open one, where all may hear, what was public."""
        channel = self.reading.channel(said.network, said.channel) if said.channel else None
        if channel is None:
            return None
        return Seen(channel, not self.visibility.settings().channel(channel.network, channel.name).open)

    def places(self, said: Message) -> list[Seen]:
        """Where may be looked: first the channel itself, then all open ones."""
        here = self.here(said)
        others = self.visibility.channels(EVERYBODY)
        if here is None:
            return others
        return [here, *(each for each in others if each.channel.id != here.channel.id)]

    def find(self, words: str, said: Message, most: int, but: str, own: str) -> Found:
        """The newest lines that a search finds; not those that asked for them, nor the answers that quote them."""
        found = self.search.find(read(words), self.places(said), most=MOST_LOOKED_AT)
        lines = [
            line
            for line in found.lines
            if not line.plain.startswith(but) and not (QUOTED.search(line.plain) and is_form_of(line.nick, own))
        ]
        return Found(lines[:most], len(lines) > most or bool(found.more), no_days(words))

    def seen(self, nick: str, said: Message) -> Said | None:
        """The last that somebody did where that may be known; of whoever asks, before that."""
        if fold(nick) != fold(said.nick):
            self.settle()
        lines = (self.seen_in(each, nick) for each in self.places(said))
        return max((line for line in lines if line is not None), key=lambda line: line.at, default=None)

    def seen_in(self, seen: Seen, nick: str) -> Said | None:
        """The last that somebody did in a channel; where that is gone, or not to be told, what was before it."""
        line = self.reading.seen(seen.channel.id, nick)
        if line is None or (line.kind not in (FORGOTTEN, LINK) and (line.public or seen.everything)):
            return line
        before = self.search.find(Query(only=Filters((nick,), (), LOGGED)), [seen], most=1).lines
        return before[0] if before else None

    def last(self, said: Message, nick: str, but: str, own: str) -> Said | None:
        """The last line of somebody in a channel, or of anybody but the bot; not one that begins with `but`."""
        self.settle()
        here = self.here(said)
        if here is None:
            return None
        lines = self.reading.last(here.channel.id, nick, MOST_LOOKED_AT, everything=here.everything)
        return next(
            (line for line in lines if not line.plain.startswith(but) and (nick or not is_form_of(line.nick, own))),
            None,
        )

    def forget(self, numbers: list[int], said: Message, master: bool) -> int:
        """Forget lines; whoever is no master only what the same account said. Raises Problem."""
        lines = [self.line(number) for number in numbers]
        if not master and not all(self.is_own(line, said) for line in lines):
            raise Refused("these are not lines of your account: ask somebody with the role ops")
        return self.forgetting.forget([line.id for line in lines], said.account or said.nick)

    def forget_own(self, count: int, said: Message, but: str) -> int:
        """Forget the last lines that an account said here; not those that begin with `but`."""
        self.settle()
        here = self.here(said)
        if not said.channel or here is None:
            raise Problem("say it in the channel where the lines were said, or name a line by its number or address")
        if not said.account:
            raise Refused("a line belongs to an account, and you are not logged in to services here: log in first")
        lines = self.reading.last(here.channel.id, "", MOST_LOOKED_AT * 10, ("message", "action", "notice"))
        own = [line.id for line in lines if self.is_own(line, said) and not line.plain.startswith(but)]
        if not own:
            raise Problem("there is no line of yours to forget")
        return self.forgetting.forget(own[: min(count, MOST_OWN)], said.account)

    def line(self, number: int) -> Said:
        """A line that can be forgotten. Raises Problem."""
        found = self.forgetting.line(number)
        if found is None:
            raise Problem(f"there is no line {number}: copy its address from the log")
        return found

    @staticmethod
    def is_own(line: Said, said: Message) -> bool:
        """Whether a line is of the account that asks."""
        return bool(said.account) and line.network == said.network and line.account == said.account
