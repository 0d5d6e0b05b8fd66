"""Revision 0017: a job may name a suite in a dataset, which is longer than the name of one that ships."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Apply the revision."""
    with op.batch_alter_table("evaluation_jobs") as table:
        table.alter_column("suite", existing_type=sa.String(64), type_=sa.String(300), existing_nullable=False)
