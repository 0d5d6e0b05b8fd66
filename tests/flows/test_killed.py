"""kill -9 at seeded moments while commits go in: nothing acknowledged is missing, nothing is there twice."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support import world
from tests.support.nodes import add_user, commit, make_node, new_repo, running

from hanse.db import revisions
from hanse.db.engine import Database
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes


def _publisher(url: URL, data: Path, name: str, kill_at: int) -> subprocess.Popen[str]:
    text = url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.publisher", text, str(data), "alice/m", name, str(kill_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def _paths(node: Node, repo: int) -> set[str]:
    with node.db.read() as conn:
        found = revisions.resolve(conn, repo, "main")
    assert found is not None
    return {entry.path for entry in node.listings.get(node.store, found.object).directory.entries()}


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_acknowledged_is_lost(database_url: URL, tmp_path: Path, seed: int) -> None:
    """A publisher that dies at any change of the object store leaves a journal that the next one completes."""
    random_ = random.Random(seed)
    data = tmp_path / "data"
    node = make_node(Database(database_url), data)
    with running(node):
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
    acknowledged: list[str] = []
    for turn in range(3):
        process = _publisher(database_url, data, f"t{turn}", random_.randrange(2, 60))
        output, _ = process.communicate(timeout=120)
        assert process.returncode == -9
        acknowledged += output.split()
    last = make_node(node.db, data)
    with running(last):
        commit(last, alice, repo, PutBytes("last", b"1"))
    assert set(acknowledged) <= _paths(last, repo.id)
    world.check(last)
    node.db.close()


@pytest.mark.soak
def test_one_of_two_is_killed(postgres_url: URL, tmp_path: Path) -> None:
    """Of two processes on one PostgreSQL one is killed at a random moment; the other goes on and nothing is lost."""
    data = tmp_path / "data"
    node = make_node(Database(postgres_url), data)
    with running(node):
        alice = add_user(node, "alice")
        repo = new_repo(node, alice, "alice/m")
    first, second = _publisher(postgres_url, data, "a", 61), _publisher(postgres_url, data, "b", 0)
    output, _ = first.communicate(timeout=120)
    assert second.stdout is not None
    after = [second.stdout.readline().strip() for _ in range(15)]
    second.kill()
    rest, _ = second.communicate()
    last = make_node(node.db, data)
    with running(last):
        commit(last, alice, repo, PutBytes("last", b"1"))
    assert {*output.split(), *after, *rest.split()} <= _paths(last, repo.id)
    world.check(last)
    node.db.close()
