"""Revision 0010: what is needed to show statements in the logs of others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"


def upgrade() -> None:
    """Apply the revision."""
    op.create_table(
        "foreign_leaves",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(4), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("log", "index", name="pk_foreign_leaves"),
    )
    op.create_index("ix_foreign_leaves_subject", "foreign_leaves", ["log", "kind", "subject", "index"])
    op.create_table(
        "foreign_logs",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", name="pk_foreign_logs"),
    )
    op.create_table(
        "foreign_checkpoints",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log", "size", name="pk_foreign_checkpoints"),
    )
    op.create_table(
        "foreign_bundles",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "index", name="pk_foreign_bundles"),
    )
