"""Revision 0002: catalogue part 2."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply the revision."""
    _pending()
    _pending_indexes()
    _refs()
    _repo_files()
    _repo_files_indexes()
    _repo_tags()
    _repo_tags_indexes()
    _repo_xorbs()
    _repo_xorbs_indexes()
    _revisions()
    _shards()


def _pending() -> None:
    op.create_table(
        "pending",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("rev", sa.String(length=40), nullable=True),
        sa.Column("tree", sa.String(length=64), nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.String(length=64), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_pending_repo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending")),
    )


def _pending_indexes() -> None:
    op.create_index("ix_pending_index", "pending", ["index"], unique=False)
    op.create_index("ix_pending_ref", "pending", ["repo_id", "ref", "seq"], unique=False)


def _refs() -> None:
    op.create_table(
        "refs",
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ref", sa.String(length=300), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("rev", sa.String(length=40), nullable=False),
        sa.Column("tree", sa.String(length=64), nullable=False),
        sa.Column("leaf_hash", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_refs_repo_id")),
        sa.PrimaryKeyConstraint("repo_id", "ref", name=op.f("pk_refs")),
    )


def _repo_files() -> None:
    op.create_table(
        "repo_files",
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_repo_files_account_id")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_repo_files_file_id")),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_repo_files_repo_id")),
        sa.PrimaryKeyConstraint("repo_id", "file_id", name=op.f("pk_repo_files")),
    )


def _repo_files_indexes() -> None:
    op.create_index("ix_repo_files_file", "repo_files", ["file_id"], unique=False)


def _repo_tags() -> None:
    op.create_table(
        "repo_tags",
        sa.Column("tag", sa.String(length=200), nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_repo_tags_repo_id")),
        sa.PrimaryKeyConstraint("tag", "repo_id", name=op.f("pk_repo_tags")),
    )


def _repo_tags_indexes() -> None:
    op.create_index("ix_repo_tags_repo", "repo_tags", ["repo_id"], unique=False)


def _repo_xorbs() -> None:
    op.create_table(
        "repo_xorbs",
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("xorb_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_repo_xorbs_repo_id")),
        sa.ForeignKeyConstraint(["xorb_id"], ["xorbs.id"], name=op.f("fk_repo_xorbs_xorb_id")),
        sa.PrimaryKeyConstraint("repo_id", "xorb_id", name=op.f("pk_repo_xorbs")),
    )


def _repo_xorbs_indexes() -> None:
    op.create_index("ix_repo_xorbs_xorb", "repo_xorbs", ["xorb_id"], unique=False)


def _revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rev", sa.String(length=40), nullable=False),
        sa.Column("tree", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.Column("parent", sa.String(length=40), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=96), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_revisions_repo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revisions")),
        sa.UniqueConstraint("repo_id", "rev", name=op.f("uq_revisions_repo_id_rev")),
    )


def _shards() -> None:
    op.create_table(
        "shards",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_shards_repo_id")),
        sa.PrimaryKeyConstraint("digest", "repo_id", name=op.f("pk_shards")),
    )
