"""Revision 0011: leaves in the logs of others are found by repository, too; what was looked through is looked through again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply the revision."""
    op.drop_index("ix_foreign_leaves_subject", "foreign_leaves")
    op.drop_table("foreign_leaves")
    op.execute("DELETE FROM foreign_logs")
    op.create_table(
        "foreign_leaves",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(4), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("place", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("log", "index", name="pk_foreign_leaves"),
    )
    op.create_index("ix_foreign_leaves_subject", "foreign_leaves", ["log", "kind", "subject", "index"])
    op.create_index("ix_foreign_leaves_place", "foreign_leaves", ["log", "place", "index"])
