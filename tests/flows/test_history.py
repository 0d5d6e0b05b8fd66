"""Commit lists, page by page."""

from __future__ import annotations

import pytest
from tests.support.nodes import commit, new_repo

from hanse.errors import RevisionNotFound
from hanse.flows.history import list_commits
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor


def test_pages_follow_each_other(node: Node, alice: Actor) -> None:
    """Starting each page where the last one ended gives every commit once, newest first."""
    repo = new_repo(node, alice, "alice/m")
    made = [commit(node, alice, repo, PutBytes("a", bytes([number]))).rev for number in range(5)]
    seen: list[str] = []
    at: str | None = "main"
    while at is not None:
        found, at = list_commits(node, repo, at, 2)
        seen += [one.rev for one in found]
    assert seen[:5] == made[::-1]
    assert len(seen) == 6
    with pytest.raises(RevisionNotFound):
        list_commits(node, repo, "nope", 2)
