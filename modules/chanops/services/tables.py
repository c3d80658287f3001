"""The tables, as SQLAlchemy knows them; the migrations make them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, text

EPOCH = datetime.fromtimestamp(0, UTC)
MILLISECOND = timedelta(milliseconds=1)

# Numbers that are more than an hour ahead of their time: few, mostly none. A query that says it in these very words
# has an index of them.
AHEAD = "id * 125 > (at - 567990000000) * 2"

metadata = MetaData()
BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only in a column called INTEGER

channels = Table(
    "channels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("network", String, nullable=False),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False),
    Index("channels_by_name", "network", "folded", unique=True),
)

lines = Table(
    "lines",
    metadata,
    Column("id", BIG, primary_key=True, autoincrement=False),
    Column("channel_id", Integer, ForeignKey("channels.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("nick", String, nullable=False),
    Column("account", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("msgid", String),
    Column("public", Boolean, nullable=False),
    Index("lines_by_time", "channel_id", "at"),
    Index(
        "lines_by_msgid",
        "channel_id",
        "msgid",
        unique=True,
        sqlite_where=text("msgid IS NOT NULL"),
        postgresql_where=text("msgid IS NOT NULL"),
    ),
    Index("lines_ahead", "at", "id", sqlite_where=text(AHEAD), postgresql_where=text(AHEAD)),
)

days = Table(
    "days",
    metadata,
    Column("channel_id", Integer, ForeignKey("channels.id"), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("public", Boolean, primary_key=True),
    Column("spoken", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("channel_id", Integer, ForeignKey("channels.id"), primary_key=True),
    Column("nick", String, primary_key=True),
    Column("line", BIG, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("line", BIG, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String, nullable=False),
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
    Column("fetched", Text, nullable=False, server_default=text("''")),
    Column("titled", BigInteger),
    Index("links_by_key", "key", "at"),
    Index("links_by_line", "line", "place", unique=True),
    Index("links_by_change", "changed"),
    Index(
        "links_by_titled",
        "titled",
        sqlite_where=text("titled IS NOT NULL"),
        postgresql_where=text("titled IS NOT NULL"),
    ),
)

mentions = Table(
    "mentions",
    metadata,
    Column("link", Integer, ForeignKey("links.id"), primary_key=True),
    Column("line", BIG, ForeignKey("lines.id"), primary_key=True),
    Index("mentions_by_line", "line"),
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

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("network", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("nick", String, nullable=False),
    Column("account", String, nullable=False),
    Column("line", BIG),
    Column("public", Boolean, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("ended", BigInteger),
    Column("changed", BigInteger, nullable=False),
    Column("owner", String, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("cancelled", String, nullable=False),
    Column("told", Boolean, nullable=False),
    Index("jobs_by_state", "state"),
    Index("jobs_by_change", "changed"),
)

units = Table(
    "units",
    metadata,
    Column("job", Integer, ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("state", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("facts", Text, nullable=False, server_default="{}"),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", Integer, ForeignKey("jobs.id"), nullable=False),
    Column("unit", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("asked", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("began", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Index("steps_by_name", "job", "unit", "name", "attempt", unique=True),
)

output = Table(
    "output",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", Integer, ForeignKey("jobs.id"), nullable=False),
    Column("unit", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("stream", Integer, nullable=False, server_default="0"),
    Index("output_by_job", "job", "id"),
    Index("output_by_unit", "job", "unit", "stream", "id"),
    Index("output_own", "job", "id", sqlite_where=text("stream = 0")),
)

locks = Table(
    "locks",
    metadata,
    Column("key", String, primary_key=True),
    Column("job", Integer, ForeignKey("jobs.id"), nullable=False),
    Column("base", String, nullable=False, server_default=text("''")),
    Index("locks_by_base", "base"),
)

runners = Table(
    "runners",
    metadata,
    Column("token", String, primary_key=True),
    Column("beat", BigInteger, nullable=False),
)

machines = Table(
    "machines",
    metadata,
    Column("provider", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("specification", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("provider", String, primary_key=True),
    Column("image", String, primary_key=True),
    Column("machine", String, nullable=False),
    Column("name", String, nullable=False),
    Column("job", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("snapshots_by_machine", "provider", "machine"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("who", Text, nullable=False),
    Column("job", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("hash", String, nullable=False),
)


access = Table(
    "access",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("channels", Text, nullable=False),
    Column("page_hash", String, nullable=False),
    Column("feed_hash", String, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    Index("access_by_page", "page_hash", unique=True),
    Index("access_by_feed", "feed_hash", unique=True),
)


def stamp(at: datetime) -> int:
    """A time as the tables hold it: milliseconds since 1970, UTC."""
    return (at - EPOCH) // MILLISECOND


def moment(milliseconds: int) -> datetime:
    """A time from the tables."""
    return EPOCH + milliseconds * MILLISECOND
