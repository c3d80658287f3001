"""Links as rows: what is asked of the tables, and what is put into them."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, bindparam, cast, func, or_, select, update

from chanops.core.message import Message
from chanops.core.text import shorten
from chanops.services.database import insert_all
from chanops.services.dialects import Each
from chanops.services.line_rows import LINE_COLUMNS, Said, said_from
from chanops.services.tables import channels, lines, links, mentions, moment, stamp
from chanops.services.visibility import Seen

INSERT, NOTE = links.insert(), mentions.insert()
# A batch's values in one parameter: else each number of them would be a statement of its own, and SQLite's driver keeps
# the last hundred, some megabytes.
GIVEN = Each(bindparam("given")).table_valued("value")
# Each by itself: two in one query would be a look at every row.
NEWEST = select(*(select(func.max(column)).scalar_subquery() for column in (links.c.id, links.c.changed)))
PLACES = (
    select(links.c.line, func.max(links.c.place))
    .where(links.c.line.in_(select(cast(GIVEN.c.value, BigInteger))))
    .group_by(links.c.line)
)
ONCE_WITHIN = 86_400_000  # milliseconds
LONGEST_TITLE = 300


@dataclass(frozen=True)
class Link:
    """A link and the line in which it was said first."""

    id: int
    address: str
    title: str
    place: int
    changed: datetime
    fetched: str
    said: Said

    @property
    def named(self) -> str:
        """The title that it was given, else that of the page, else what was said about it, or the address."""
        return self.title or self.fetched or shorten(self.said.plain.strip(), LONGEST_TITLE) or self.address


@dataclass(slots=True)
class Recent:
    """What must be known of a link to see that another is the same."""

    id: int
    line: int
    title: str
    at: int


@dataclass
class Posted:
    """A link on its way into the database."""

    said: Message
    address: str
    title: str
    key: tuple[str, bool]
    """By what two links are the same: the address, and whether everybody may see it."""


def given(values: Collection[int | str]) -> dict[str, str]:
    """The parameter of a statement with GIVEN."""
    return {"given": json.dumps(list(values))}


def places_in(connection: Connection, numbers: Sequence[int]) -> Counter[int]:
    """How many links each of these lines has already."""
    return Counter({row[0]: row[1] for row in connection.execute(PLACES, given(set(numbers)))})


def recent_links(connection: Connection, batch: Sequence[Posted]) -> dict[tuple[str, bool], list[Recent]]:
    """The links of each key that were said within a day of one in the batch, in their order."""
    earliest = stamp(min(posted.said.at for posted in batch)) - ONCE_WITHIN
    query = (
        select(links.c.key, links.c.public, links.c.id, links.c.line, links.c.title, links.c.at)
        .where(links.c.key.in_(select(GIVEN.c.value)), links.c.at > earliest)
        .order_by(links.c.id)
    )
    found = defaultdict(list)
    keys = {posted.key[0] for posted in batch}
    for key, public, *rest in connection.execute(query, given(keys)):
        found[key, public].append(Recent(*rest))
    return found


def write_all(
    connection: Connection, new: list[dict[str, Any]], titled: list[dict[str, Any]], noted: list[dict[str, Any]]
) -> None:
    """The rows of one batch."""
    insert_all(connection, INSERT, new)
    if titled:
        change = update(links).where(links.c.id == bindparam("of"))
        connection.execute(change.values(title=bindparam("title"), changed=bindparam("changed")), titled)
    insert_all(connection, NOTE, noted, "DO NOTHING")


def row_of(link: Recent, place: int, posted: Posted) -> dict[str, Any]:
    return {
        "id": link.id,
        "line": link.line,
        "place": place,
        "key": posted.key[0],
        "address": posted.address,
        "title": link.title,
        "public": posted.key[1],
        "at": link.at,
        "changed": link.at,
        "fetched": "",
    }


def joined() -> Select[Any]:
    """Links with their lines, in the order that `link_of` reads."""
    own = (links.c.id, links.c.address, links.c.title, links.c.place, links.c.changed, links.c.fetched)
    query = select(*own, *LINE_COLUMNS).join(lines, links.c.line == lines.c.id)
    return query.join(channels, lines.c.channel_id == channels.c.id)


def link_of(row: Sequence[Any]) -> Link:
    """A link from a row of the joined tables."""
    return Link(row[0], row[1], row[2], row[3], moment(row[4]), row[5], said_from(row[6:]))


def within(seen: Sequence[Seen]) -> ColumnElement[bool]:
    """The links of these channels, as far as each may be seen."""
    whole = [each.channel.id for each in seen if each.everything]
    open_ = [each.channel.id for each in seen if not each.everything]
    public = and_(lines.c.channel_id.in_(open_), links.c.public.is_(True), lines.c.public.is_(True))
    return or_(lines.c.channel_id.in_(whole), public)
