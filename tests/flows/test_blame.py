"""Last commit of a path: equal to walking every commit, without reading every listing."""

from __future__ import annotations

import itertools
import random

import pytest
from tests.support.nodes import commit, new_repo

from hanse.content.directory import Folder
from hanse.db import revisions
from hanse.db.repos import Repo
from hanse.flows import blame, browse
from hanse.flows.node import Node
from hanse.flows.publish import DeleteFile, Operation, PutBytes
from hanse.model.actor import Actor


def _plain(node: Node, repo: Repo, rev: str, path: str) -> str:
    """Return the newest commit that changed a path, the slow and obvious way."""
    with node.db.read() as conn:
        history = revisions.history(conn, repo.id, rev, 10_000)
    for newer, older in itertools.pairwise(history):
        after = node.listings.get(node.store, newer.object).directory.get(path)
        if node.listings.get(node.store, older.object).directory.get(path) != after:
            return newer.rev
    return history[-1].rev


def test_equal_to_walking_everything(node: Node, alice: Actor) -> None:
    """Over a long random history with snapshots and deltas, files and folders have the commit that really changed them."""
    repo = new_repo(node, alice, "alice/m")
    made = random.Random(5)
    paths = [f"{folder}f{number}" for folder in ("", "a/", "a/b/", "c/") for number in range(4)]
    there: set[str] = set()
    for step in range(90):
        operations: list[Operation] = []
        for path in made.sample(paths, made.choice((1, 1, 2))):
            if path in there and made.random() < 0.3:
                operations.append(DeleteFile(path))
                there.discard(path)
            else:
                operations.append(PutBytes(path, f"{made.choice((0, 1, step))}".encode()))
                there.add(path)
        commit(node, alice, repo, *operations)
    revision, listing = browse.read_revision(node, repo, "main")
    items = list(listing.directory.walk())
    found = blame.last_commits(node, repo, revision, items)
    assert any(isinstance(item, Folder) for item in items)
    assert {item.path: found[item.path].rev for item in items} == {
        item.path: _plain(node, repo, revision.rev, item.path) for item in items
    }
    assert all(one.exact for one in found.values())


def test_the_bound_is_admitted(node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the walk ends before the change, the oldest commit looked at is named and marked."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("old", b"x"))
    for step in range(5):
        commit(node, alice, repo, PutBytes("new", b"%d" % step))
    monkeypatch.setattr(blame, "MAX_COMMITS", 3)
    revision, listing = browse.read_revision(node, repo, "main")
    items = [item for path in ("old", "new") if (item := listing.directory.get(path)) is not None]
    found = blame.last_commits(node, repo, revision, items)
    assert (found["old"].exact, found["new"].exact, found["new"].rev) == (False, True, revision.rev)
