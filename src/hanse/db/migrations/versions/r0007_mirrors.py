"""Revision 0007: mirrored repositories, what their upstreams claim, and how far it was taken in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the revision."""
    op.add_column("repos", sa.Column("mirrored", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "mirrors",
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("repo_id", name="pk_mirrors"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_mirrors_repo_id"),
    )
    op.create_table(
        "mirror_revisions",
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("pins", sa.LargeBinary(), nullable=False),
        sa.Column("pinned", sa.String(64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("repo_id", "rev", name="pk_mirror_revisions"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_mirror_revisions_repo_id"),
    )
    op.create_table(
        "mirror_contents",
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("git_oid", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("xet", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "git_oid", name="pk_mirror_contents"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_mirror_contents_repo_id"),
    )
