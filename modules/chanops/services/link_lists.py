"""Links as the pages list them: some at a time, by day, person, channel, word or tag, and who mentioned them again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from chanops.core.access import fold
from chanops.services.database import Database
from chanops.services.feed_links import recent, tags_of
from chanops.services.line_rows import FORGOTTEN
from chanops.services.link_rows import Link, joined, link_of, within
from chanops.services.reading import A_DAY, number_of
from chanops.services.tables import lines, links, mentions
from chanops.services.visibility import Seen

MOST_WORDS = 8
MOST_LIKELY = 1000
MOST_AGAIN = 20
SECONDS = 2.0
NEWEST_FIRST = links.c.line.desc(), links.c.place.desc()


@dataclass(frozen=True)
class Asked:
    """What links somebody wants to see; "" and None ask nothing."""

    words: str = ""
    network: str = ""
    nick: str = ""
    tag: str = ""
    day: date | None = None


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

    def page(self, seen: Sequence[Seen], asked: Asked, before: int = 0, most: int = 50) -> LinkPage:
        """The newest links that are asked for, older than one of them."""
        query = joined().where(within(seen), *conditions(asked)).order_by(*NEWEST_FIRST)
        if before:
            query = query.where(older_than(before))
        found = self.found(query.limit(MOST_LIKELY if asked.tag or asked.nick else most + 1))
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
        open_ = [each.channel.id for each in seen if not each.everything]
        whole = [each.channel.id for each in seen if each.everything]
        query = (
            select(mentions.c.link, lines.c.nick)
            .join(lines, mentions.c.line == lines.c.id)
            .where(mentions.c.link.in_(numbers), lines.c.kind != FORGOTTEN)
            .where(or_(lines.c.channel_id.in_(whole), and_(lines.c.channel_id.in_(open_), lines.c.public.is_(True))))
            .order_by(mentions.c.line)
        )
        found: dict[int, list[str]] = {}
        with self.database.read(within=SECONDS) as connection:
            for link, nick in connection.execute(query):
                found.setdefault(link, []).append(nick)
        return found

    def found(self, query: Select[Any]) -> list[Link]:
        with self.database.read(within=SECONDS) as connection:
            return [link_of(row) for row in connection.execute(query)]


def conditions(asked: Asked) -> list[ColumnElement[bool]]:
    """What is asked, as far as the database can tell."""
    where: list[ColumnElement[bool]] = []
    texts = links.c.title, links.c.fetched, links.c.address, lines.c.text
    for word in asked.words.split()[:MOST_WORDS]:
        where.append(or_(*(column.icontains(word, autoescape=True) for column in texts)))
    if asked.day is not None:
        first = number_of(asked.day) * A_DAY
        where.append(lines.c.at.between(first, first + A_DAY - 1))
    if asked.tag:
        where.append(or_(*(each.icontains(f"#{asked.tag}", autoescape=True) for each in (links.c.title, lines.c.text))))
    if asked.nick:
        cases = sorted({fold(asked.nick), asked.nick.lower()})
        where.append(or_(*(func.lower(column).in_(cases) for column in (lines.c.nick, lines.c.account))))
    # Words, tags and people have no index: anybody may ask for some that nobody ever used.
    return [*where, recent()] if asked.words or asked.tag or asked.nick else where


def fits(link: Link, asked: Asked) -> bool:
    """What only we can tell: databases fold other letters than IRC does."""
    own = fold(link.said.nick), fold(link.said.account)
    return (
        (not asked.nick or fold(asked.nick) in own)
        and (not asked.network or link.said.network == asked.network)
        and (not asked.tag or asked.tag.lower() in tags_of(link))
    )


def older_than(before: int) -> ColumnElement[bool]:
    """Behind a link in the list."""
    line = select(links.c.line).where(links.c.id == before).scalar_subquery()
    place = select(links.c.place).where(links.c.id == before).scalar_subquery()
    return or_(links.c.line < line, and_(links.c.line == line, links.c.place < place))


def others(nicks: Sequence[str], link: Link) -> tuple[str, ...]:
    """Each who mentioned it again, once, and not who said it first."""
    first = {fold(nick): nick for nick in reversed(nicks) if fold(nick) != fold(link.said.nick)}
    return tuple(dict.fromkeys(first[fold(nick)] for nick in nicks if fold(nick) in first))[:MOST_AGAIN]
