"""Migrations and schema.py describe the same tables, on both systems."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, inspect

from hanse.db.engine import Database, sqlite_url
from hanse.db.schema import metadata
from hanse.errors import StorageError


def test_migrations_and_schema_agree(database: Database) -> None:
    """A migrated database has exactly the tables, columns, types, keys and indexes of schema.py."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    """A database that is up to date stays as it is."""
    with database.read() as connection:
        before = inspect(connection).get_table_names()
    database.migrate()
    with database.read() as connection:
        assert inspect(connection).get_table_names() == before


def test_newer_schema_is_refused(database: Database) -> None:
    """A database that a newer version wrote is left alone, with what to do."""
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="9999") as refusal:
        database.migrate()
    assert "newer version" in refusal.value.hint


def test_failed_migration_leaves_the_old_schema(tmp_path: Path) -> None:
    """All steps run in one transaction: after a failure there is no half schema."""
    database = Database(sqlite_url(tmp_path / "x.db"))
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE pending (x INTEGER)")  # in the way of the first revision
    with pytest.raises(StorageError):
        database.migrate()
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["pending"]
    database.close()


def test_revisions_form_one_line() -> None:
    """There is one newest revision, every one is numbered in order, and none can go back."""
    script = ScriptDirectory(str(resources.files("hanse.db").joinpath("migrations")))
    revisions = [step.revision for step in reversed(list(script.walk_revisions()))]
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    assert not any(hasattr(step.module, "downgrade") for step in script.walk_revisions())


def test_template_is_current(database_url: URL) -> None:
    """The fixtures' databases are migrated by the same code as a node's."""
    database = Database(database_url)
    with database.read() as connection:
        assert MigrationContext.configure(connection).get_current_revision() is not None
    database.close()
