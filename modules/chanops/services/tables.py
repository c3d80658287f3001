"""The tables, as SQLAlchemy knows them; the migrations make them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

EPOCH = datetime.fromtimestamp(0, UTC)
MILLISECOND = timedelta(milliseconds=1)

metadata = MetaData()
BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only in a column called INTEGER

lines = Table(
    "lines",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("network", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("nick", String, nullable=False),
    Column("account", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("msgid", String),
    Index("lines_by_msgid", "network", "channel", "msgid", unique=True),
)

links = Table(
    "links",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("line", BIG, ForeignKey("lines.id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("key", String, nullable=False),
    Column("address", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("public", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Index("links_by_key", "key", "at"),
    Index("links_by_line", "line", "place", unique=True),
    Index("links_by_change", "changed"),
)

mentions = Table(
    "mentions",
    metadata,
    Column("link", Integer, ForeignKey("links.id"), primary_key=True),
    Column("line", BIG, ForeignKey("lines.id"), primary_key=True),
)

replies = Table(
    "replies",
    metadata,
    Column("token", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("asked", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("replies_by_time", "at"),
)


def stamp(at: datetime) -> int:
    """A time as the tables hold it: milliseconds since 1970, UTC."""
    return (at - EPOCH) // MILLISECOND


def moment(milliseconds: int) -> datetime:
    """A time from the tables."""
    return EPOCH + milliseconds * MILLISECOND
