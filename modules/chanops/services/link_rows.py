"""Links as rows: what is asked of the tables, and what is put into them."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    update,
)

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
OF_LINE = lines.c.channel_id, lines.c.public, channels.c.network, channels.c.name
PLACES = func.coalesce(select(func.max(links.c.place)).where(links.c.line == lines.c.id).scalar_subquery(), 0)
HOMES = (
    select(lines.c.id, lines.c.kind, PLACES, *OF_LINE)
    .join(channels, lines.c.channel_id == channels.c.id)
    .where(lines.c.id.in_(select(cast(GIVEN.c.value, BigInteger))))
)
RECENT = (
    select(links.c.id, links.c.line, links.c.title, links.c.at, links.c.key, links.c.public, *OF_LINE)
    .join(lines, links.c.line == lines.c.id)
    .join(channels, lines.c.channel_id == channels.c.id)
    .where(links.c.key.in_(select(GIVEN.c.value)), links.c.at > bindparam("earliest"))
    .order_by(links.c.id)
)
ONCE_WITHIN = 86_400_000  # milliseconds
LONGEST_TITLE = 300
Scope = tuple[int, bool]
"""Who sees a link: the channel, or 0 where that is everybody just now; and whether its line is public."""
Stored = tuple[int, bool]
"""The number of a link, or 0 if its line is forgotten; and whether it is new."""
IsOpen = Callable[[str, str], bool]
"""Whether what is said in a channel of a network is for everybody's eyes."""


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
    key: str
    """By what two addresses are the same."""
    line: int = 0
    """Its number, once it has one."""


@dataclass(slots=True)
class Home:
    """What must be known of a line to put a link there."""

    kind: str
    places: int
    """How many links it has already."""
    scope: Scope


def given(values: Collection[int | str]) -> dict[str, str]:
    """The parameter of a statement with GIVEN."""
    return {"given": json.dumps(list(values))}


def scope_of(row: Sequence[Any], is_open: IsOpen) -> Scope:
    """Of a row with OF_LINE."""
    channel_id, public, network, name = row
    return (0 if public and is_open(network, name) else channel_id, bool(public))


def homes_of(connection: Connection, numbers: Sequence[int], is_open: IsOpen) -> dict[int, Home]:
    """Lines by their numbers."""
    rows = connection.execute(HOMES, given(set(numbers)))
    return {row[0]: Home(row[1], row[2], scope_of(row[3:], is_open)) for row in rows}


def recent_links(
    connection: Connection, batch: Sequence[Posted], is_open: IsOpen
) -> dict[tuple[str, Scope], list[Recent]]:
    """The links that were said within a day of one in the batch, by address and scope, in their order."""
    earliest = stamp(min(posted.said.at for posted in batch)) - ONCE_WITHIN
    keys = {posted.key for posted in batch}
    found = defaultdict(list)
    for row in connection.execute(RECENT, {"earliest": earliest, **given(keys)}):
        channel_id, public, network, name = row[6:]
        scope = scope_of((channel_id, public and row[5], network, name), is_open)
        found[row[4], scope].append(Recent(*row[:4]))
    return found


def write_all(
    connection: Connection, new: list[dict[str, Any]], titled: list[dict[str, Any]], noted: list[dict[str, Any]]
) -> None:
    """The rows of one batch."""
    insert_all(connection, INSERT, new)
    if titled:
        change = update(links).where(links.c.id == bindparam("of"))
        connection.execute(change.values(**{name: bindparam(name) for name in ("title", "titled", "changed")}), titled)
    insert_all(connection, NOTE, noted, "DO NOTHING")


def row_of(link: Recent, home: Home, posted: Posted) -> dict[str, Any]:
    """A new link; its line is its home."""
    return {
        "id": link.id,
        "line": link.line,
        "place": home.places,
        "key": posted.key,
        "address": posted.address,
        "title": link.title,
        "public": home.scope[1],
        "at": link.at,
        "changed": link.at,
        "fetched": "",
        "titled": link.line if link.title else None,
    }


def joined(titles: tuple[ColumnElement[str], ColumnElement[str]] = (links.c.title, links.c.fetched)) -> Select[Any]:
    """Links with their lines, in the order that `link_of` reads."""
    own = (links.c.id, links.c.address, titles[0], links.c.place, links.c.changed, titles[1])
    query = select(*own, *LINE_COLUMNS).join(lines, links.c.line == lines.c.id)
    return query.join(channels, lines.c.channel_id == channels.c.id)


def link_of(row: Sequence[Any]) -> Link:
    """A link from a row of the joined tables."""
    return Link(row[0], row[1], row[2], row[3], moment(row[4]), row[5], said_from(row[6:]))


def within(seen: Sequence[Seen], own: FromClause = lines) -> ColumnElement[bool]:
    """The links of these channels, as far as each may be seen; `own` are their own lines."""
    whole = [each.channel.id for each in seen if each.everything]
    open_ = [each.channel.id for each in seen if not each.everything]
    of = own.c.channel_id + 0  # by no index: links are fewer than lines
    return or_(of.in_(whole), and_(of.in_(open_), links.c.public.is_(True), own.c.public.is_(True)))
