"""Links where somebody finds them: in the line that said them first, else in the first that said them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, exists, func, not_, or_, select

from chanops.core.access import fold
from chanops.services.line_rows import FORGOTTEN, LINE_COLUMNS
from chanops.services.link_rows import Link, joined, link_of, within
from chanops.services.link_titles import OWN, may_be_read, titles_for, titles_there
from chanops.services.reading import A_DAY, number_of
from chanops.services.tables import channels, lines, links, mentions
from chanops.services.visibility import Seen

MOST_WORDS = 8
# Words, tags and people have no index: anybody may ask for some that nobody ever used.
LOOKED_AT = 100_000
LATELY = 20_000
AGAIN = 1_000_000  # above all places of the links that a line said first
BEFORE, EARLIER = mentions.alias("before"), lines.alias("earlier")
Texts = tuple[ColumnElement[str], ColumnElement[str]]


@dataclass(frozen=True)
class Asked:
    """What links somebody wants to see; "" and None ask nothing."""

    words: str = ""
    network: str = ""
    nick: str = ""
    tag: str = ""
    day: date | None = None


@dataclass(frozen=True)
class View:
    """The channels whose lines are meant, and all that the same viewer sees: what is called what, depends on them."""

    seen: Sequence[Seen]
    everywhere: Sequence[Seen]


def find(connection: Connection, view: View, asked: Asked, most: int, before: int = 0) -> list[Link]:
    """The newest links that the database takes for those that are asked for, older than one of them."""
    first, again = said_first(view, asked), said_again(view, asked)
    line = None
    if before:
        place = place_of(connection, first, again, before)
        if place is None:
            return []
        line, number = place
        first = first.where(or_(links.c.line < line, and_(links.c.line == line, links.c.place < number)))
        also = and_(mentions.c.line == line, links.c.id + AGAIN < number)
        again = again.where(mentions.c.line <= line, or_(mentions.c.line < line, also))
    if len(view.seen) == len(view.everywhere) and not asked.nick and asked.day is None:
        again = again.where(mentions.c.line >= lately(line))
    found = [link_of(row) for row in connection.execute(first.limit(most))]
    if len(found) == most:  # what is older than these is not for this page
        again = again.where(mentions.c.line >= found[-1].said.id)
    found += [link_of(row) for row in connection.execute(again.limit(most))]
    return sorted(found, key=order, reverse=True)[:most]


def place_of(connection: Connection, first: Select[Any], again: Select[Any], link: int) -> tuple[int, int] | None:
    """Where in the list a link is; None where it is not in it."""
    for query in (first, again):
        row = connection.execute(query.where(links.c.id == link)).first()
        if row is not None:
            return order(link_of(row))
    return None


def order(link: Link) -> tuple[int, int]:
    """What is greater is shown first."""
    return link.said.id, link.place


def said_first(view: View, asked: Asked) -> Select[Any]:
    """Links in their own lines."""
    titles = titles_there(view.everywhere)
    query = joined(titles).where(within(view.seen), *of_line(lines, view, asked), *of_texts(asked, titles))
    return query.order_by(links.c.line.desc(), links.c.place.desc())


def said_again(view: View, asked: Asked) -> Select[Any]:
    """Links in the first of the lines that are meant, where their own line is none of those."""
    title, fetched = titles_for(view.everywhere)
    own = exists().where(OWN.c.id == links.c.line, within(view.seen, OWN), *of_line(OWN, view, asked)).correlate(links)
    earlier = (
        exists()
        .where(BEFORE.c.link == mentions.c.link, BEFORE.c.line < mentions.c.line, BEFORE.c.line == EARLIER.c.id)
        .where(EARLIER.c.kind != FORGOTTEN, may_be_read(EARLIER, view.seen), *of_line(EARLIER, view, asked))
        .correlate(mentions)
    )
    place = links.c.id + AGAIN
    query = select(links.c.id, links.c.address, title, place, links.c.changed, fetched, *LINE_COLUMNS)
    query = query.select_from(mentions).join(links, mentions.c.link == links.c.id)
    query = query.join(lines, mentions.c.line == lines.c.id).join(channels, lines.c.channel_id == channels.c.id)
    query = query.where(may_be_read(lines, view.seen), lines.c.kind != FORGOTTEN, *of_line(lines, view, asked))
    query = query.where(*of_texts(asked, (title, fetched)), not_(own), not_(earlier))
    return query.order_by(mentions.c.line.desc(), links.c.id.desc())


def of_line(line: FromClause, view: View, asked: Asked) -> list[ColumnElement[bool]]:
    """What is asked of the line: when, and whose."""
    where: list[ColumnElement[bool]] = []
    if asked.day is not None:
        first = number_of(asked.day) * A_DAY
        where.append(line.c.at.between(first, first + A_DAY - 1))
        where.append(line.c.channel_id.in_([each.channel.id for each in view.seen]))  # there is an index of both
    if asked.nick:
        # A database folds other letters than IRC does, or fewer: it finds some too many.
        cases = sorted({fold(asked.nick), asked.nick.lower()})
        where.append(or_(*(func.lower(column).in_(cases) for column in (line.c.nick, line.c.account))))
    return where


def of_texts(asked: Asked, titles: Texts) -> list[ColumnElement[bool]]:
    """What is asked of the texts, as far as they are seen."""
    where: list[ColumnElement[bool]] = []
    texts = *titles, links.c.address, lines.c.text
    for word in asked.words.split()[:MOST_WORDS]:
        where.append(or_(*(column.icontains(word, autoescape=True) for column in texts)))
    if asked.tag:
        tagged = titles[0], lines.c.text
        where.append(or_(*(column.icontains(f"#{asked.tag}", autoescape=True) for column in tagged)))
    return [*where, recent()] if asked.words or asked.tag or asked.nick else where


def lately(until: int | None) -> ColumnElement[int]:
    """The first of the last lines that say links again: where all channels are meant, few of those are shown."""
    query = select(BEFORE.c.line).order_by(BEFORE.c.line.desc()).offset(LATELY).limit(1)
    return func.coalesce((query if until is None else query.where(BEFORE.c.line <= until)).scalar_subquery(), 0)


def recent() -> ColumnElement[bool]:
    newest = select(func.max(links.c.id)).scalar_subquery()
    return links.c.id > newest - LOOKED_AT
