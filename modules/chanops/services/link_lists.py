"""Links as the pages list them: some at a time, by day, person, channel, word or tag, and who mentioned them again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from chanops.core.access import fold
from chanops.services.database import Database
from chanops.services.feed_links import tags_of
from chanops.services.line_rows import FORGOTTEN
from chanops.services.link_places import Asked, View, find
from chanops.services.link_rows import Link
from chanops.services.link_titles import may_be_read
from chanops.services.tables import lines, mentions
from chanops.services.visibility import Seen

__all__ = ["Asked", "LinkLists", "LinkPage", "Listed"]

MOST_LIKELY = 1000
MOST_AGAIN = 20
SECONDS = 2.0


@dataclass(frozen=True)
class Listed:
    """A link on a page, with who else mentioned it."""

    link: Link
    tags: tuple[str, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class LinkPage:
    """Some links, newest first, and the link before which there are more, or 0."""

    links: Sequence[Listed] = field(default_factory=tuple)
    more: int = 0


class LinkLists:
    """Reads links; which channels may be seen is told to it. Raises Problem where that takes too long."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def page(
        self,
        seen: Sequence[Seen],
        asked: Asked,
        before: int = 0,
        most: int = 50,
        everywhere: Sequence[Seen] | None = None,
    ) -> LinkPage:
        """The newest links that are asked for, older than one of them; `everywhere` is all that this viewer sees."""
        if asked.nick:
            seen = [each for each in seen if each.channel.network == asked.network]
        view = View(seen, seen if everywhere is None else everywhere)
        wanted = MOST_LIKELY if asked.tag or asked.nick else most + 1
        with self.database.read(within=SECONDS) as connection:
            found = find(connection, view, asked, wanted, before)
        fitting = [each for each in found if fits(each, asked)]
        if len(fitting) <= most:
            more = found[-1].id if len(found) == MOST_LIKELY else 0
        else:
            more = fitting[most - 1].id
        return LinkPage(self.listed(fitting[:most], seen), more)

    def listed(self, found: Sequence[Link], seen: Sequence[Seen]) -> list[Listed]:
        again = self.again([each.id for each in found], seen)
        return [Listed(each, tags_of(each), others(again.get(each.id, []), each)) for each in found]

    def again(self, numbers: Sequence[int], seen: Sequence[Seen]) -> dict[int, list[str]]:
        """Who mentioned links again where that may be seen, in their order."""
        query = (
            select(mentions.c.link, lines.c.nick)
            .join(lines, mentions.c.line == lines.c.id)
            .where(mentions.c.link.in_(numbers), lines.c.kind != FORGOTTEN, may_be_read(lines, seen))
            .order_by(mentions.c.line)
        )
        found: dict[int, list[str]] = {}
        with self.database.read(within=SECONDS) as connection:
            for link, nick in connection.execute(query):
                found.setdefault(link, []).append(nick)
        return found


def fits(link: Link, asked: Asked) -> bool:
    """What only we can tell: databases fold other letters than IRC does."""
    own = fold(link.said.nick), fold(link.said.account)
    return (not asked.nick or fold(asked.nick) in own) and (not asked.tag or asked.tag.lower() in tags_of(link))


def others(nicks: Sequence[str], link: Link) -> tuple[str, ...]:
    """Each who mentioned it again, once, and not who said it first."""
    first = {fold(nick): nick for nick in reversed(nicks) if fold(nick) != fold(link.said.nick)}
    return tuple(dict.fromkeys(first[fold(nick)] for nick in nicks if fold(nick) in first))[:MOST_AGAIN]
