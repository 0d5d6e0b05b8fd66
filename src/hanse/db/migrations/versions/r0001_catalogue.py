"""Revision 0001: catalogue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply the revision."""
    _accounts()
    _claimed_namespaces()
    _files()
    _files_indexes()
    _leases()
    _log_head()
    _node_state()
    _xorbs()
    _chunks()
    _memberships()
    _repos()
    _repos_indexes()
    _tokens()
    _access_requests()
    _discussion_events()
    _discussion_events_indexes()
    _discussions()
    _lfs_uploads()
    _name_fragments()
    _name_fragments_indexes()
    _names()
    _names_indexes()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("folded", sa.String(length=96), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("fullname", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("default_private", sa.Boolean(), nullable=False),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("folded", name=op.f("uq_accounts_folded")),
    )


def _claimed_namespaces() -> None:
    op.create_table(
        "claimed_namespaces",
        sa.Column("folded", sa.String(length=96), nullable=False),
        sa.Column("origin", sa.String(length=253), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.PrimaryKeyConstraint("folded", name=op.f("pk_claimed_namespaces")),
    )


def _files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("xet", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=True),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("xet", name=op.f("uq_files_xet")),
    )


def _files_indexes() -> None:
    op.create_index(op.f("ix_files_sha256"), "files", ["sha256"], unique=False)


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _log_head() -> None:
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("staged", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )


def _node_state() -> None:
    op.create_table(
        "node_state",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_node_state")),
    )


def _xorbs() -> None:
    op.create_table(
        "xorbs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("stored_size", sa.Integer(), nullable=False),
        sa.Column("raw_size", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("advertised_day", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_xorbs")),
        sa.UniqueConstraint("hash", name=op.f("uq_xorbs_hash")),
    )


def _chunks() -> None:
    op.create_table(
        "chunks",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("xorb_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["xorb_id"], ["xorbs.id"], name=op.f("fk_chunks_xorb_id")),
        sa.PrimaryKeyConstraint("hash", "xorb_id", name=op.f("pk_chunks")),
    )


def _memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("org_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name=op.f("fk_memberships_org_id")),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("org_id", "user_id", name=op.f("pk_memberships")),
    )


def _repos() -> None:
    op.create_table(
        "repos",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("origin", sa.String(length=253), nullable=False),
        sa.Column("type", sa.String(length=8), nullable=False),
        sa.Column("namespace", sa.String(length=96), nullable=False),
        sa.Column("name", sa.String(length=96), nullable=False),
        sa.Column("namespace_folded", sa.String(length=96), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("visibility", sa.String(length=10), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=True),
        sa.Column("gated", sa.String(length=6), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("creator_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(length=40), nullable=True),
        sa.Column("indexed", sa.String(length=40), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("pipeline_tag", sa.String(length=96), nullable=True),
        sa.Column("library_name", sa.String(length=96), nullable=True),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("safetensors", sa.Text(), nullable=True),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=True),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["accounts.id"], name=op.f("fk_repos_creator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repos")),
    )


def _repos_indexes() -> None:
    op.create_index("ix_repos_author", "repos", ["type", "namespace_folded"], unique=False)
    op.create_index("ix_repos_created", "repos", ["type", "created_at", "id", "visibility", "state"], unique=False)
    op.create_index("ix_repos_downloads", "repos", ["type", "downloads", "id", "visibility", "state"], unique=False)
    op.create_index("ix_repos_gated", "repos", ["type", "gated"], unique=False)
    op.create_index("ix_repos_library", "repos", ["type", "library_name"], unique=False)
    op.create_index("ix_repos_likes", "repos", ["type", "likes", "id", "visibility", "state"], unique=False)
    op.create_index("ix_repos_parameters", "repos", ["type", "parameters"], unique=False)
    op.create_index("ix_repos_pipeline", "repos", ["type", "pipeline_tag"], unique=False)
    op.create_index("ix_repos_updated", "repos", ["type", "updated_at", "id", "visibility", "state"], unique=False)


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("label", sa.String(length=96), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("robot", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tokens_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )


def _access_requests() -> None:
    op.create_table(
        "access_requests",
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_access_requests_account_id")),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_access_requests_repo_id")),
        sa.PrimaryKeyConstraint("repo_id", "account_id", name=op.f("pk_access_requests")),
        sa.UniqueConstraint("id", name=op.f("uq_access_requests_id")),
    )


def _discussion_events() -> None:
    op.create_table(
        "discussion_events",
        sa.Column("id", sa.String(length=24), nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("num", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("author", sa.String(length=96), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_discussion_events_repo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discussion_events")),
    )


def _discussion_events_indexes() -> None:
    op.create_index("ix_discussion_events_thread", "discussion_events", ["repo_id", "num", "position"], unique=False)


def _discussions() -> None:
    op.create_table(
        "discussions",
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("num", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("pull_request", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("author", sa.String(length=96), nullable=False),
        sa.Column("target", sa.String(length=300), nullable=False),
        sa.Column("base", sa.String(length=40), nullable=True),
        sa.Column("merged", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_discussions_repo_id")),
        sa.PrimaryKeyConstraint("repo_id", "num", name=op.f("pk_discussions")),
    )


def _lfs_uploads() -> None:
    op.create_table(
        "lfs_uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("part_size", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_lfs_uploads_account_id")),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_lfs_uploads_repo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lfs_uploads")),
    )


def _name_fragments() -> None:
    op.create_table(
        "name_fragments",
        sa.Column("fragment", sa.String(length=8).with_variant(sa.String(length=8, collation="C"), "postgresql"), nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_name_fragments_repo_id")),
        sa.PrimaryKeyConstraint("fragment", "repo_id", name=op.f("pk_name_fragments")),
        sqlite_with_rowid=False,
    )


def _name_fragments_indexes() -> None:
    op.create_index("ix_name_fragments_repo", "name_fragments", ["repo_id"], unique=False)


def _names() -> None:
    op.create_table(
        "names",
        sa.Column("origin", sa.String(length=253), nullable=False),
        sa.Column("type", sa.String(length=8), nullable=False),
        sa.Column("folded", sa.String(length=193), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("repo_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name=op.f("fk_names_repo_id")),
        sa.PrimaryKeyConstraint("origin", "type", "folded", name=op.f("pk_names")),
    )


def _names_indexes() -> None:
    op.create_index("ix_names_repo", "names", ["repo_id"], unique=False)
