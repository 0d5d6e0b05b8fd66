"""Revision 0014: who asked for an evaluation, what it may cost, and who may fetch what it leaves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_NUMBERS = ("account_id", "max_cost", "price_hour", "price_million")
_TIERS = ("item_table", "transcript")


def upgrade() -> None:
    """Apply the revision."""
    for name in _NUMBERS:
        op.add_column("evaluation_jobs", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("evaluation_jobs", sa.Column("record", sa.String(64), nullable=True))
    for name in _TIERS:
        op.add_column("evaluation_jobs", sa.Column(name, sa.String(10), nullable=False, server_default="member"))
