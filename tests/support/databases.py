"""Fixtures that give every test an empty, migrated catalogue of its own, on SQLite and on a real PostgreSQL.

`database` runs the test on both. `postgres_url` and `sqlite_url` give the URL of one kind, for tests that start processes.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL
from tests.support import postgres

from hanse.db.engine import Database, sqlite_url

_FOLDER = pytest.StashKey[Path]()
_numbers = itertools.count(1)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: pytest.FixtureRequest) -> None:
    """Tell a new xdist worker where the session's cluster is."""
    node.workerinput["hanse_pg"] = str(_folder(node.config))  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the session's cluster, in the main process."""
    folder = config.stash.get(_FOLDER, None)
    if folder is not None and not hasattr(config, "workerinput"):
        postgres.stop(folder)


def _folder(config: pytest.Config) -> Path:
    """Return the folder of the session's cluster, which may not run yet."""
    if _FOLDER not in config.stash:
        shared = getattr(config, "workerinput", {}).get("hanse_pg")
        config.stash[_FOLDER] = Path(shared) if shared else postgres.new_folder()
    return config.stash[_FOLDER]


@pytest.fixture(name="postgres_admin", scope="session")
def _postgres_admin(request: pytest.FixtureRequest) -> Iterator[tuple[Path, psycopg.Connection]]:
    """Return (folder of the running cluster, connection to its maintenance database); one connection per worker."""
    folder = _folder(request.config)
    postgres.start(folder, os.getppid() if hasattr(request.config, "workerinput") else os.getpid())
    with postgres.connect(folder) as connection:
        yield folder, connection


@pytest.fixture(name="postgres_template", scope="session")
def _postgres_template(postgres_admin: tuple[Path, psycopg.Connection]) -> str:
    """Return the name of a migrated database that nobody is connected to; one per worker."""
    folder, admin = postgres_admin
    name = f"template_{os.getpid()}"
    admin.execute(f"CREATE DATABASE {name}".encode())
    migrated = Database(postgres.url(folder, name))
    migrated.migrate()
    migrated.close()
    return name


@pytest.fixture(name="sqlite_template", scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated SQLite file that is only ever copied."""
    path = tmp_path_factory.mktemp("template") / "hanse.db"
    migrated = Database(sqlite_url(path))
    migrated.migrate()
    migrated.close()
    return path


@pytest.fixture(name="new_postgres")
def _new_postgres(postgres_admin: tuple[Path, psycopg.Connection], postgres_template: str) -> Iterator[Callable[[], URL]]:
    """Return a function that makes an empty, migrated PostgreSQL database; all are dropped after the test."""
    folder, admin = postgres_admin
    made: list[str] = []

    def make() -> URL:
        made.append(f"test_{os.getpid()}_{next(_numbers)}")
        admin.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {postgres_template} STRATEGY file_copy".encode())
        return postgres.url(folder, made[-1])

    yield make
    for name in made:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(name="postgres_url")
def _postgres_url(new_postgres: Callable[[], URL]) -> URL:
    """Return the URL of an empty, migrated PostgreSQL database."""
    return new_postgres()


@pytest.fixture(name="sqlite_url")
def _sqlite_url(sqlite_template: Path, tmp_path: Path) -> URL:
    """Return the URL of an empty, migrated SQLite database."""
    path = tmp_path / "catalogue.db"
    shutil.copyfile(sqlite_template, path)
    return sqlite_url(path)


@pytest.fixture(name="database_url", params=["sqlite", "postgresql"])
def _database_url(request: pytest.FixtureRequest) -> URL:
    """Return the URL of an empty, migrated database, on SQLite and then on PostgreSQL."""
    found = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    assert isinstance(found, URL)
    return found


@pytest.fixture(name="database")
def _database(database_url: URL) -> Iterator[Database]:
    """Return an empty, migrated catalogue, on SQLite and then on PostgreSQL."""
    database = Database(database_url)
    yield database
    database.close()
