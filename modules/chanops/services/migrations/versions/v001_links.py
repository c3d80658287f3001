"""Lines, links, and pages for long answers."""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "lines",
        sa.Column("id", BIG, primary_key=True, autoincrement=False),
        sa.Column("network", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("nick", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("msgid", sa.String),
    )
    op.create_index("lines_by_msgid", "lines", ["network", "channel", "msgid"], unique=True)
    op.create_table(
        "links",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("line", BIG, sa.ForeignKey("lines.id"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_index("links_by_key", "links", ["key", "at"])
    op.create_index("links_by_line", "links", ["line", "place"], unique=True)
    op.create_index("links_by_change", "links", ["changed"])
    op.create_table(
        "mentions",
        sa.Column("link", sa.Integer, sa.ForeignKey("links.id"), primary_key=True),
        sa.Column("line", BIG, sa.ForeignKey("lines.id"), primary_key=True),
    )
    op.create_table(
        "replies",
        sa.Column("token", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("replies_by_time", "replies", ["at"])
