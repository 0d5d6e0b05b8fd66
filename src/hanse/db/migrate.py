"""Schema migrations, run by the node itself at start; forward only.

The revisions lie in `hanse.db.migrations.versions`. All pending ones run in the caller's single transaction, so an
interrupted migration leaves the old schema.
"""

from __future__ import annotations

from importlib import resources

from sqlalchemy import Connection, inspect, text

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
    if is_newest(connection):
        return
    # Nearly every start finds nothing to do, and a witness has no memory to spare for what it does not need.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

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


def is_newest(connection: Connection) -> bool:
    """Tell whether the schema is that of the newest revision, by the number in its file name."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    names = [path.name for path in resources.files("hanse.db.migrations.versions").iterdir()]
    newest = max(name[1:5] for name in names if name.startswith("r0"))
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) == [newest]
