"""Revision 0003: uploads that no commit named yet are found without reading what a repository holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply the revision."""
    staged = sa.text("state = 'staged'")
    op.create_index("ix_repo_files_staged", "repo_files", ["repo_id", "added_at"], sqlite_where=staged, postgresql_where=staged)
