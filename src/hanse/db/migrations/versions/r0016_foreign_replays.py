"""Revision 0016: the replayed state of a copy of another log is written down, so that a restart replays only what is new."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Apply the revision."""
    op.create_table(
        "foreign_replays",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "part", name="pk_foreign_replays"),
    )
