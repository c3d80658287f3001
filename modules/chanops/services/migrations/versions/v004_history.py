"""The log: channels as rows of their own, days, who was seen, what was forgotten, search, and who may read what."""

import sqlalchemy as sa
from alembic import op

from chanops.services.search import language, terms_of_rows

revision = "004"
down_revision = "003"
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
KNOWN = sa.text("msgid IS NOT NULL")
TITLED = sa.text("titled IS NOT NULL")
AHEAD = sa.text("id * 125 > (at - 567990000000) * 2")
SPOKEN = "kind IN ('message', 'action', 'notice')"
AT_ONCE = 1000


def upgrade() -> None:
    """Lines keep their numbers."""
    made()
    channel, nick = folded("channel"), folded("nick")
    op.execute(
        "INSERT INTO channels (network, name, folded)"  # noqa: S608  constants only
        f" SELECT network, max(channel), {channel} FROM lines GROUP BY network, {channel} ORDER BY min(id)"
    )
    op.drop_index("lines_by_msgid", "lines")
    op.add_column("lines", sa.Column("channel_id", sa.Integer, nullable=False, server_default="0"))
    op.add_column("lines", sa.Column("public", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE lines SET channel_id = (SELECT id FROM channels"  # noqa: S608  constants only
        f" WHERE channels.network = lines.network AND channels.folded = {folded('lines.channel')})"
    )
    # One channel, but two spellings of it, so far.
    op.execute(
        "UPDATE lines SET msgid = NULL WHERE msgid IS NOT NULL AND id NOT IN"
        " (SELECT min(id) FROM lines WHERE msgid IS NOT NULL GROUP BY channel_id, msgid)"
    )
    # Of these lines only those of links were kept, and whoever could see the link could see its line.
    op.execute("UPDATE lines SET public = TRUE WHERE id IN (SELECT line FROM links WHERE public)")
    op.execute(
        "UPDATE lines SET public = TRUE WHERE id IN"
        " (SELECT mentions.line FROM mentions JOIN links ON links.id = mentions.link WHERE links.public)"
    )
    with op.batch_alter_table("lines") as batch:
        batch.alter_column("channel_id", server_default=None)
        batch.alter_column("public", server_default=None)
        batch.drop_column("network")
        batch.drop_column("channel")
        batch.create_foreign_key("lines_channel", "channels", ["channel_id"], ["id"])
    op.create_index("lines_by_time", "lines", ["channel_id", "at"])
    op.create_index(
        "lines_by_msgid", "lines", ["channel_id", "msgid"], unique=True, sqlite_where=KNOWN, postgresql_where=KNOWN
    )
    op.create_index("lines_ahead", "lines", ["at", "id"], sqlite_where=AHEAD, postgresql_where=AHEAD)
    more_of_links()
    op.execute(
        "INSERT INTO days (channel_id, day, public, spoken, events, version)"  # noqa: S608  constants only
        f" SELECT channel_id, at / 86400000, public, sum(CASE WHEN {SPOKEN} THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {SPOKEN} THEN 0 ELSE 1 END), 1 FROM lines GROUP BY channel_id, at / 86400000, public"
    )
    op.execute(
        "INSERT INTO seen (channel_id, nick, line)"  # noqa: S608  constants only
        f" SELECT channel_id, {nick}, max(id) FROM lines GROUP BY channel_id, {nick}"
    )
    index()


def more_of_links() -> None:
    """The titles of their pages, and the lines that gave the others."""
    op.add_column("links", sa.Column("fetched", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("links", sa.Column("titled", sa.BigInteger))
    op.create_index("links_by_titled", "links", ["titled"], sqlite_where=TITLED, postgresql_where=TITLED)
    op.create_index("mentions_by_line", "mentions", ["line"])


def folded(column: str) -> str:
    """A name as it is compared: only A to Z are folded, as SQLite's lower does."""
    return f"lower({column})" if op.get_bind().dialect.name == "sqlite" else f'lower({column} COLLATE "C")'


def index() -> None:
    """What lines are found by; taking them out again relies on it."""
    connection = op.get_bind()
    query = sa.text(
        "SELECT id, channel_id, nick, kind, text, public FROM lines WHERE id > :last ORDER BY id LIMIT :most"
    )
    last = -1
    while rows := connection.execute(query, {"last": last, "most": AT_ONCE}).mappings().all():
        last = rows[-1]["id"]
        language(connection).index(connection, terms_of_rows([dict(row) for row in rows]))


def made() -> None:
    """The new tables."""
    op.create_table(
        "channels",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("network", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("folded", sa.String, nullable=False),
    )
    op.create_index("channels_by_name", "channels", ["network", "folded"], unique=True)
    op.create_table(
        "days",
        sa.Column("channel_id", sa.Integer, sa.ForeignKey("channels.id"), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("public", sa.Boolean, primary_key=True),
        sa.Column("spoken", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "seen",
        sa.Column("channel_id", sa.Integer, sa.ForeignKey("channels.id"), primary_key=True),
        sa.Column("nick", sa.String, primary_key=True),
        sa.Column("line", BIG, nullable=False),
    )
    op.create_table(
        "forgotten",
        sa.Column("line", BIG, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String, nullable=False),
    )
    op.create_table(
        "access",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("channels", sa.Text, nullable=False),
        sa.Column("page_hash", sa.String, nullable=False),
        sa.Column("feed_hash", sa.String, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("revoked", sa.BigInteger),
    )
    op.create_index("access_by_page", "access", ["page_hash"], unique=True)
    op.create_index("access_by_feed", "access", ["feed_hash"], unique=True)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE line_words USING fts5(words, content='', columnsize=0, tokenize='ascii')")
    else:
        op.execute("CREATE TABLE line_words (line BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX line_words_by_word ON line_words USING gin (words)")
