"""The scene of the attacks: a node with alice, bob and their repositories, public, private and gated, full of what bob wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from tests.attacks.scene import Scene, build
from tests.support import postgres
from tests.support.forked import ForkedNode, Mother

from hanse.db.engine import Database, sqlite_url

QUIET = {"HANSE_RATE_API": "0", "HANSE_RATE_TOKENS": "0", "HANSE_LOG_LEVEL": "warning"}


@pytest.fixture(name="scene", scope="module")
def _scene(mother: Mother, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a node on SQLite with its people and repositories."""
    node = ForkedNode(mother, tmp_path_factory.mktemp("scene"), environ=QUIET)
    node.start()
    with closing(Database(sqlite_url(node.data / "hanse.db"))) as database:
        scene = build(node, database)
    yield scene
    node.stop()


@pytest.fixture(name="postgres_scene", scope="module")
def _postgres_scene(
    mother: Mother,
    postgres_admin: tuple[Path, psycopg.Connection],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Return the same on PostgreSQL."""
    folder, admin = postgres_admin
    name = f"attacks_{tmp_path_factory.mktemp('x').parent.name.replace('-', '_')}"
    admin.execute(f"CREATE DATABASE {name}".encode())
    url = postgres.url(folder, name)
    shown = url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    node = ForkedNode(mother, tmp_path_factory.mktemp("scene"), environ={**QUIET, "HANSE_DATABASE": shown})
    node.start()
    with closing(Database(url)) as database:
        scene = build(node, database)
    yield scene
    node.stop()
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
