"""Revision 0015: leaves about advisories in a copy of another log are counted where it is noted how far it was looked through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply the revision."""
    op.add_column("foreign_logs", sa.Column("advisories", sa.BigInteger(), nullable=False, server_default="0"))
    known = "SELECT COUNT(*) FROM foreign_leaves WHERE foreign_leaves.log = foreign_logs.log AND foreign_leaves.kind = 'adv'"
    op.execute(f"UPDATE foreign_logs SET advisories = ({known})")  # noqa: S608 a text of this file
