"""Revision 0006: attestations, cosignatures, logs that are witnessed, alarms, notices, keys; leaves without a repository."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply the revision."""
    _attestations()
    _keys()
    _cosignatures()
    _witnessed()
    _contradictions()
    _sightings()
    with op.batch_alter_table("pending") as table:
        table.alter_column("repo_id", existing_type=_KEY, nullable=True)
    keys = sa.text("kind = 'key'")
    op.create_index("ix_pending_keys", "pending", ["index"], sqlite_where=keys, postgresql_where=keys)


def _attestations() -> None:
    op.create_table(
        "attestations",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("tree", sa.String(64), nullable=False),
        sa.Column("predicate", sa.String(200), nullable=False),
        sa.Column("payload", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("sig", sa.LargeBinary(), nullable=False),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("leaf_id", _KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_attestations_repo_id"),
        sa.UniqueConstraint("repo_id", "rev", "payload", "key", name="uq_attestations_repo_id_rev_payload_key"),
    )
    op.create_index("ix_attestations_rev", "attestations", ["repo_id", "rev", "predicate"])
    op.create_index("ix_attestations_payload", "attestations", ["payload"])
    op.create_index("ix_revisions_rev", "revisions", ["rev"])
    op.create_index("ix_revisions_tree", "revisions", ["tree"])


def _keys() -> None:
    op.create_table(
        "log_keys",
        sa.Column("use", sa.String(9), nullable=False),
        sa.Column("namespace", sa.String(96), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("spki", sa.Text(), nullable=False),
        sa.Column("holder", sa.String(8), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("use", "namespace", "key", name="pk_log_keys"),
    )


def _cosignatures() -> None:
    op.create_table(
        "cosigners",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(7), nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "kind", name="pk_cosigners"),
    )
    op.create_table(
        "cosignatures",
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("kind", sa.String(7), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size", "name", "key_id", name="pk_cosignatures"),
    )


def _witnessed() -> None:
    op.create_table(
        "witnessed",
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("origin_hash", sa.String(64), nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("mirrored", sa.BigInteger(), nullable=False),
        sa.Column("mirrored_root", sa.String(64), nullable=False),
        sa.Column("mirror_note", sa.Text(), nullable=False),
        sa.Column("followed_at", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin", name="pk_witnessed"),
        sa.UniqueConstraint("origin_hash", name="uq_witnessed_origin_hash"),
    )


def _contradictions() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("origin", sa.String(255), nullable=False),
        sa.Column("type", sa.String(10), nullable=False),
        sa.Column("repo", sa.String(300), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("digest", name="uq_alarms_digest"),
    )
    op.create_table(
        "notices",
        sa.Column("repo_id", _KEY, nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repo_id", "rev", "kind", "subject", name="pk_notices"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_notices_repo_id"),
    )


def _sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("log", sa.String(255), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(253), nullable=False),
        sa.Column("type", sa.String(8), nullable=False),
        sa.Column("repo", sa.String(193), nullable=False),
        sa.Column("rev", sa.String(40), nullable=False),
        sa.Column("tree", sa.String(64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("log", "index", name="pk_sightings"),
    )
    op.create_index("ix_sightings_rev", "sightings", ["rev"])
    op.create_index("ix_sightings_tree", "sightings", ["tree"])
