"""First revision: all tables of the catalogue."""

from __future__ import annotations

from alembic import op

from hanse.db.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    metadata.create_all(op.get_bind())
