"""Revision 0018: a log that a reader saw with more leaves than are held here is read again at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Apply the revision."""
    op.add_column("witnessed", sa.Column("wanted", sa.BigInteger, nullable=False, server_default="0"))
