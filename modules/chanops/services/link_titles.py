"""Whose eyes a link's title is for: those who see the line that gave it, and the line in which the link was said first.

A line that mentions a link may be seen by many who do not see those.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, and_, case, exists, or_

from chanops.services.link_rows import within
from chanops.services.tables import lines, links
from chanops.services.visibility import Seen

OWN, GIVING = lines.alias("own"), lines.alias("giving")


def may_be_read(line: FromClause, seen: Sequence[Seen]) -> ColumnElement[bool]:
    """The lines of these channels, as far as each may be seen."""
    whole = [each.channel.id for each in seen if each.everything]
    open_ = [each.channel.id for each in seen if not each.everything]
    of = line.c.channel_id + 0  # by no index: a channel has more lines than links
    return or_(of.in_(whole), and_(of.in_(open_), line.c.public.is_(True)))


def own_is_seen(seen: Sequence[Seen]) -> ColumnElement[bool]:
    """The links whose own line is seen."""
    return exists().where(OWN.c.id == links.c.line, within(seen, OWN)).correlate(links)


def titles_for(seen: Sequence[Seen]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """The title that somebody gave and the one of the page, each "" where it is not for whoever sees these channels."""
    own, (given, fetched) = own_is_seen(seen), titles_there(seen)
    return case((own, given), else_=""), case((own, fetched), else_="")


def titles_there(seen: Sequence[Seen]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    """The same of links whose own line is seen."""
    giving = exists().where(GIVING.c.id == links.c.titled, may_be_read(GIVING, seen)).correlate(links)
    given = or_(links.c.titled.is_(None), links.c.titled == links.c.line, giving)
    return case((given, links.c.title), else_=""), links.c.fetched
