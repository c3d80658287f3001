"""Jobs with their steps, machines with their snapshots, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """All of them."""
    make_jobs()
    make_parts_of_jobs()
    make_around_jobs()
    make_machines()


def make_jobs() -> None:
    """What is asked for, machine by machine, step by step."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("network", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("nick", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("line", BIG),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("started", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("cancelled", sa.String, nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
    )
    op.create_index("jobs_by_state", "jobs", ["state"])
    op.create_index("jobs_by_change", "jobs", ["changed"])


def make_parts_of_jobs() -> None:
    """Each machine of a job, and each step."""
    op.create_table(
        "units",
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "steps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("unit", sa.Integer, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
    )
    op.create_index("steps_by_name", "steps", ["job", "unit", "name", "attempt"], unique=True)


def make_around_jobs() -> None:
    """What jobs say, what they hold, and who runs them."""
    op.create_table(
        "output",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("unit", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("output_by_job", "output", ["job", "id"])
    op.create_table(
        "locks",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("job", sa.Integer, sa.ForeignKey("jobs.id"), nullable=False),
    )
    op.create_table(
        "runners",
        sa.Column("token", sa.String, primary_key=True),
        sa.Column("beat", sa.BigInteger, nullable=False),
    )


def make_machines() -> None:
    """What is remembered of machines, and the audit."""
    op.create_table(
        "machines",
        sa.Column("provider", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("specification", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "snapshots",
        sa.Column("provider", sa.String, primary_key=True),
        sa.Column("image", sa.String, primary_key=True),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("job", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("snapshots_by_machine", "snapshots", ["provider", "machine"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("job", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
    )
