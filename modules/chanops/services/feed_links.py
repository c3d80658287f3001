"""The links of a feed: of the channels that somebody may see, of one person, with one tag."""

from chanops.core.access import fold
from chanops.services.database import Database
from chanops.services.feed_topics import tags_in
from chanops.services.link_places import Asked, View, find
from chanops.services.link_rows import Link

MOST_LIKELY = 1000
WITHIN = 2.0  # seconds for looking through them


class LinksOf:
    """Finds them, newest first by the line they were said in. Those that are looked for may raise TooSlow."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def newest(self, view: View, most: int) -> list[Link]:
        """The newest of these channels."""
        return self.found(view, Asked(), most)

    def by(self, view: View, who: str, most: int) -> list[Link]:
        """Those that were posted by a nick or an account."""
        found = self.found(view, Asked(nick=who), 2 * most, WITHIN)
        return [link for link in found if fold(who) in (fold(link.said.nick), fold(link.said.account))][:most]

    def tagged(self, view: View, tag: str, most: int) -> list[Link]:
        """Those with a #tag in what they are called."""
        found = self.found(view, Asked(tag=tag), MOST_LIKELY, WITHIN)
        return [link for link in found if tag in tags_of(link)][:most]

    def found(self, view: View, asked: Asked, most: int, within: float | None = None) -> list[Link]:
        with self.database.read(within) as connection:
            return find(connection, view, asked, most)


def tags_of(link: Link) -> tuple[str, ...]:
    """The #tags of the title that somebody gave, or of what was said."""
    return tags_in(link.title or link.said.plain)
