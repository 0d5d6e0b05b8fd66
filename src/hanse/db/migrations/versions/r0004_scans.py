"""Revision 0004: facts of contents, what is to be said about files, and waivers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the revision."""
    _scans()
    _flags()
    _waivers()


def _scans() -> None:
    op.create_table(
        "scans",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("scanner", sa.String(200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("others", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_scans"),
    )


def _flags() -> None:
    op.create_table(
        "flags",
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("path_hash", sa.String(64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("ruleset", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("coverage", sa.String(12), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("executes", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("recalled", sa.Boolean(), nullable=False),
        sa.Column("waived_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("repo_id", "sha256", "path_hash", name="pk_flags"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_flags_repo_id"),
    )
    op.create_index("ix_flags_sha256", "flags", ["sha256"])


def _waivers() -> None:
    op.create_table(
        "waivers",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(96), nullable=False),
        sa.Column("operator", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_waivers"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_waivers_repo_id"),
    )
    op.create_index("ix_waivers_file", "waivers", ["repo_id", "sha256"])
