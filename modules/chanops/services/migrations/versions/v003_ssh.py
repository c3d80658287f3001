"""What commands write, how they ended, and locks that several jobs may share."""

import sqlalchemy as sa
from alembic import op

revision = "003"
down_revision = "002"


def upgrade() -> None:
    """Columns whose defaults are right for all rows that there are."""
    op.add_column("output", sa.Column("stream", sa.Integer, nullable=False, server_default="0"))
    op.create_index("output_by_unit", "output", ["job", "unit", "stream", "id"])
    op.create_index("output_own", "output", ["job", "id"], sqlite_where=sa.text("stream = 0"))
    op.add_column("locks", sa.Column("base", sa.String, nullable=False, server_default=sa.text("''")))
    op.create_index("locks_by_base", "locks", ["base"])
    op.add_column("units", sa.Column("facts", sa.Text, nullable=False, server_default="{}"))
