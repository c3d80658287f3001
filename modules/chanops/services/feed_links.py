"""The links of a feed: of the channels that somebody may see, of one person, with one tag."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from chanops.core.access import fold
from chanops.services.database import Database
from chanops.services.feed_topics import tags_in
from chanops.services.link_rows import Link, joined, link_of, within
from chanops.services.tables import lines, links
from chanops.services.visibility import Seen

# Those of one person and those with a tag are looked for in the newest: no index knows of them, and anybody may ask.
LOOKED_AT = 100_000
MOST_LIKELY = 1000
WITHIN = 2.0  # seconds for looking through them


class LinksOf:
    """Finds them, newest first by the line they were said in. Those that are looked for may raise TooSlow."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def newest(self, seen: Sequence[Seen], most: int) -> list[Link]:
        """The newest of these channels."""
        return self.found(self.query(seen).limit(most))

    def by(self, seen: Sequence[Seen], who: str, most: int) -> list[Link]:
        """Those that were posted by a nick or an account."""
        # A database folds other letters than IRC does, or fewer: it finds some too many.
        cases = sorted({fold(who), who.lower()})
        own = or_(*(func.lower(column).in_(cases) for column in (lines.c.nick, lines.c.account)))
        found = self.found(self.query(seen).where(own, recent()).limit(2 * most), WITHIN)
        return [link for link in found if fold(who) in (fold(link.said.nick), fold(link.said.account))][:most]

    def tagged(self, seen: Sequence[Seen], tag: str, most: int) -> list[Link]:
        """Those with a #tag in what they are called."""
        texts = (links.c.title, lines.c.text)
        likely = or_(*(column.icontains(f"#{tag}", autoescape=True) for column in texts))
        found = self.found(self.query(seen).where(likely, recent()).limit(MOST_LIKELY), WITHIN)
        return [link for link in found if tag in tags_of(link)][:most]

    def query(self, seen: Sequence[Seen]) -> Select[Any]:
        return joined().where(within(seen)).order_by(links.c.line.desc(), links.c.place.desc())

    def found(self, query: Select[Any], within: float | None = None) -> list[Link]:
        with self.database.read(within) as connection:
            return [link_of(row) for row in connection.execute(query)]


def tags_of(link: Link) -> tuple[str, ...]:
    """The #tags of the title that somebody gave, or of what was said."""
    return tags_in(link.title or link.said.plain)


def recent() -> ColumnElement[bool]:
    newest = select(func.max(links.c.id)).scalar_subquery()
    return links.c.id > newest - LOOKED_AT
