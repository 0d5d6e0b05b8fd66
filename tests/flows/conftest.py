"""A node on both kinds of catalogue, whose whole world is checked after every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import world
from tests.support.nodes import add_user, make_node, running

from hanse.db.engine import Database
from hanse.flows.node import Node
from hanse.model.actor import Actor


@pytest.fixture(name="node")
def _node(database: Database, tmp_path: Path) -> Iterator[Node]:
    """Return a running node; after the test everything it says about itself must be true."""
    made = make_node(database, tmp_path / "data")
    with running(made):
        yield made
    world.check(made)


@pytest.fixture(name="alice")
def _alice(node: Node) -> Actor:
    """Return a user with a namespace of her own."""
    return add_user(node, "alice")


@pytest.fixture(name="bob")
def _bob(node: Node) -> Actor:
    """Return another user."""
    return add_user(node, "bob")
