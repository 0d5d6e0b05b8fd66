"""Schema migrations, run by the node itself at start; forward only.

The revisions lie in `hanse.db.migrations.versions`. All pending ones run in the caller's single transaction, so an
interrupted migration leaves the old schema.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from hanse.errors import StorageError

_LOCK = 0x48_61_6E_73_65  # "Hanse"; released when the transaction ends


def migrate(connection: Connection) -> None:
    """Bring the schema to the newest revision within the caller's transaction.

    Processes that start together wait for each other: on SQLite by the transaction itself, on PostgreSQL by an advisory
    lock. Raises StorageError if the database was written by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = Config()
    config.set_main_option("script_location", "hanse.db:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(
            f"the catalogue's schema is not one that this version knows: {error}",
            hint="it was written by a newer version of Hanse: upgrade this node, or restore the backup made before the upgrade",
        ) from error
