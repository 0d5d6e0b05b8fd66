"""Revision 0008: what members published, and how far it is held here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply the revision."""
    op.create_table(
        "copies",
        sa.Column("origin", sa.String(253), nullable=False),
        sa.Column("type", sa.String(8), nullable=False),
        sa.Column("repo", sa.String(193), nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("tree", sa.String(64), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("licence", sa.String(100)),
        sa.Column("moved", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "type", "repo", "rev", name="pk_copies"),
    )
    op.create_index("ix_copies_state", "copies", ["state", "settled_at"])
