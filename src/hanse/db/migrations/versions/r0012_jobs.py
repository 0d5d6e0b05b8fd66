"""Revision 0012: evaluations that a node was asked to make."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the revision."""
    op.create_table(
        "evaluation_jobs",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("suite", sa.String(64), nullable=False),
        sa.Column("max_seconds", sa.BigInteger(), nullable=False),
        sa.Column("max_tokens", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_evaluation_jobs_repo_id"),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation_jobs"),
    )
    op.create_index("ix_evaluation_jobs_state", "evaluation_jobs", ["state", "id"])
