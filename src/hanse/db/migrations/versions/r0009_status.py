"""Revision 0009: how audits of other members went, and which sightings are of manifests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply the revision."""
    op.create_table(
        "audits",
        sa.Column("member", sa.String(255), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("served", sa.BigInteger(), nullable=False),
        sa.Column("failed_row", sa.BigInteger(), nullable=False),
        sa.Column("served_row", sa.BigInteger(), nullable=False),
        sa.Column("failing", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("served_at", sa.BigInteger(), nullable=False),
        sa.Column("logged_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("member", name="pk_audits"),
    )
    op.add_column("sightings", sa.Column("manifest", sa.Boolean(), nullable=False, server_default=sa.true()))
