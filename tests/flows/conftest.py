"""A node on both kinds of catalogue, whose whole world is checked after every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.flows.foreign.conftest import A, B, C, Template, agree
from tests.support import world
from tests.support.fellows import fellows
from tests.support.nodes import add_user, make_node, new_repo, running
from tests.support.ports import own_port
from tests.support.pulling import FILES, Machine, machine
from tests.support.scanning import a_pool, with_scanner

from hanse.conform.origin import HubOrigin
from hanse.db.engine import Database
from hanse.db.repos import Repo
from hanse.flows.node import Node
from hanse.flows.pull import asking, health
from hanse.jobs.pool import ScanPool
from hanse.model.actor import Actor


@pytest.fixture(name="node")
def _node(database: Database, tmp_path: Path) -> Iterator[Node]:
    """Return a running node; after the test everything it says about itself must be true."""
    made = make_node(database, tmp_path / "data")
    with running(made):
        yield made
    world.check(made)


@pytest.fixture(name="lite")
def _lite(sqlite_url: URL, tmp_path: Path) -> Iterator[Node]:
    """Return a running node on SQLite only, for what no catalogue changes: formats, files, signatures."""
    database = Database(sqlite_url)
    made = make_node(database, tmp_path / "data" / "objects")
    with running(made):
        yield made
    database.close()


@pytest.fixture(name="owner")
def _owner(lite: Node) -> Actor:
    """Return a user of the small node."""
    return add_user(lite, "owner")


@pytest.fixture(name="repo")
def _repo(lite: Node, owner: Actor) -> Repo:
    """Return a public repository of the small node."""
    return new_repo(lite, owner, "owner/repo")


@pytest.fixture(name="alice")
def _alice(node: Node) -> Actor:
    """Return a user with a namespace of her own."""
    return add_user(node, "alice")


@pytest.fixture(name="bob")
def _bob(node: Node) -> Actor:
    """Return another user."""
    return add_user(node, "bob")


@pytest.fixture(name="pool", scope="session")
def _pool() -> Iterator[ScanPool]:
    """Return scan workers that all tests of a session share."""
    with a_pool() as pool:
        yield pool


@pytest.fixture(name="scanned")
def _scanned(node: Node, pool: ScanPool) -> Node:
    """Return the running node with a scanner that holds back `ODD` under the name of a model."""
    return with_scanner(node, pool)


@pytest.fixture(name="home")
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Return the machine of a user who pulls, and who waits for slow sources even where he holds something."""
    monkeypatch.setattr(asking, "HELD_SECONDS", 60.0)
    monkeypatch.setattr(health, "AGAIN_SECONDS", 60.0)
    with machine(tmp_path / "user") as made:
        yield made


@pytest.fixture(name="origin")
def _origin() -> Iterator[HubOrigin]:
    """Return an upstream that has `org/m`."""
    with HubOrigin({"org/m": FILES}, port=own_port()) as made:
        yield made


@pytest.fixture(name="template", scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Return the folders of three members who agree, made once: every test that changes them takes a copy."""
    folder = tmp_path_factory.mktemp("template")
    with fellows(folder, A, B, C) as made:
        return Template(folder, agree(made).at)
