"""Revision 0005: verdicts on whole revisions of repositories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the revision."""
    op.create_table(
        "repository_scans",
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("ruleset", sa.String(64), nullable=False),
        sa.Column("scanner", sa.String(200), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.Column("asked", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "rev", "ruleset", name="pk_repository_scans"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_repository_scans_repo_id"),
    )
