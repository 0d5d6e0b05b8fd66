"""Revision 0013: leaves about advisories are found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_ADVISORIES = sa.text("kind = 'advisory'")


def upgrade() -> None:
    """Apply the revision."""
    op.create_index("ix_pending_advisories", "pending", ["index"], sqlite_where=_ADVISORIES, postgresql_where=_ADVISORIES)
