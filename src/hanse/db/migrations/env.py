"""Alembic's entry point: runs the revisions on the connection that `hanse.db.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from hanse.db.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
