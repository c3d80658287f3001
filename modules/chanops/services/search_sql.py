"""What a search is in the words of each database; both have the same terms, and so the same lines."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from sqlalchemy import Connection

from chanops.core.logged import LOGGED
from chanops.core.query import Query
from chanops.core.terms import kind_tag, nick_tag
from chanops.services.tables import AHEAD

STEP = 500  # pages of the index that are merged before others may write: about 50 ms
NO_KIND = "none"  # of which no line is
COLUMNS = "lines.id, lines.channel_id, lines.at, lines.nick, lines.account, lines.kind, lines.text, lines.public"


class Sqlite:
    """FTS5 without a copy of the text: what is taken out must be said again, word by word."""

    # id + 0: else both databases look for the greatest number line by line.
    ahead = f"SELECT max(id + 0) FROM lines WHERE {AHEAD} AND at < ?"  # noqa: S608  constants only
    # CROSS: the words first, whatever the planner thinks of the lines.
    find = (
        f"SELECT {COLUMNS} FROM line_words CROSS JOIN lines ON lines.id = line_words.rowid"  # noqa: S608  constants only
        " WHERE line_words MATCH ? AND line_words.rowid >= ? AND line_words.rowid < ?"
        " ORDER BY line_words.rowid DESC LIMIT ?"
    )

    def index(self, connection: Connection, lines: Sequence[tuple[int, list[str]]]) -> None:
        """Take in lines with their terms."""
        rows = [(number, " ".join(terms)) for number, terms in lines]
        connection.exec_driver_sql("INSERT INTO line_words (rowid, words) VALUES (?, ?)", rows)

    def unindex(self, connection: Connection, lines: Sequence[tuple[int, list[str]]]) -> None:
        """Take them out again."""
        rows = [("delete", number, " ".join(terms)) for number, terms in lines]
        connection.exec_driver_sql("INSERT INTO line_words (line_words, rowid, words) VALUES (?, ?, ?)", rows)

    def purge(self, connection: Connection, begin: bool) -> bool:
        """Merge a part of the segments, in which the words that were taken out still are; whether there is more."""
        before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
        pages = -STEP if begin else STEP
        connection.exec_driver_sql("INSERT INTO line_words (line_words, rank) VALUES ('merge', ?)", (pages,))
        # The command itself counts as one.
        return bool(connection.exec_driver_sql("SELECT total_changes()").scalar_one() - before > 1)

    def match(self, query: Query, places: Iterable[str]) -> str:
        """A query, within the places with these tags, in FTS5's language."""
        wanted, unwanted = terms(query, places, self.phrase)
        whole = " AND ".join(f"({' OR '.join(any_of)})" for any_of in wanted)
        return f"({whole}) NOT ({' OR '.join(unwanted)})" if unwanted else whole

    @staticmethod
    def phrase(words: Sequence[str], open: bool = False) -> str:
        """Terms hold no quotes."""
        return f'"{" ".join(words)}"{"*" * open}'


class Postgres:
    """A tsvector with our own positions."""

    ahead = f"SELECT max(id + 0) FROM lines WHERE {AHEAD} AND at < %s"  # noqa: S608  constants only
    find = (
        f"SELECT {COLUMNS} FROM line_words JOIN lines ON lines.id = line_words.line"  # noqa: S608  constants only
        " WHERE line_words.words @@ %s::tsquery AND line_words.line >= %s AND line_words.line < %s"
        " ORDER BY line_words.line DESC LIMIT %s"
    )

    def index(self, connection: Connection, lines: Sequence[tuple[int, list[str]]]) -> None:
        """Take in lines with their terms."""
        rows = [(number, vector(terms)) for number, terms in lines]
        connection.exec_driver_sql("INSERT INTO line_words (line, words) VALUES (%s, %s::tsvector)", rows)

    def unindex(self, connection: Connection, lines: Sequence[tuple[int, list[str]]]) -> None:
        """Take them out again."""
        connection.exec_driver_sql("DELETE FROM line_words WHERE line = %s", [(number,) for number, _ in lines])

    def purge(self, connection: Connection, begin: bool) -> bool:
        """VACUUM does this, and outside of transactions."""
        return False

    def match(self, query: Query, places: Iterable[str]) -> str:
        """A query, within the places with these tags, as a tsquery."""
        wanted, unwanted = terms(query, places, self.phrase)
        parts = [f"({' | '.join(any_of)})" for any_of in wanted]
        return " & ".join(parts + [f"!{each}" for each in unwanted])

    @staticmethod
    def phrase(words: Sequence[str], open: bool = False) -> str:
        return f"({' <-> '.join(map(quoted, words))}{':*' * open})"


Language = Sqlite | Postgres


def terms(query: Query, places: Iterable[str], phrase: Callable[..., str]) -> tuple[list[list[str]], list[str]]:
    """What a line must have, one of each list, and what it must not have."""
    kinds, other_kinds = kinds_of(query)
    tags = [map(nick_tag, query.only.nicks), map(kind_tag, kinds), places]
    never = chain(map(nick_tag, query.never.nicks), map(kind_tag, other_kinds))
    wanted = [[phrase(*each)] for each in query.phrases] + [[phrase([tag]) for tag in any_of] for any_of in tags]
    return [each for each in wanted if each], [phrase(*each) for each in query.without] + [
        phrase([tag]) for tag in never
    ]


def kinds_of(query: Query) -> tuple[list[str], list[str]]:
    """The kinds of which a line must be, or else those of which it must not be: a message has no tag for it."""
    wanted = [kind for kind in query.only.kinds or LOGGED if kind not in query.never.kinds]
    if "message" in wanted:
        return [], [kind for kind in LOGGED if kind not in wanted]
    return wanted or [NO_KIND], []


def is_broad(query: Query) -> bool:
    """Whether a query says nothing that a line must have: it needs the places."""
    return not (query.phrases or query.only.nicks or kinds_of(query)[0])


def vector(terms: Sequence[str]) -> str:
    """A tsvector of terms in this order."""
    places: dict[str, list[str]] = {}
    for place, term in enumerate(terms, 1):
        places.setdefault(term, []).append(str(place))
    return " ".join(f"{quoted(term)}:{','.join(at)}" for term, at in places.items())


def quoted(term: str) -> str:
    """A term as PostgreSQL reads it."""
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
