"""Download counts: one pull however many requests it takes, written in batches."""

from __future__ import annotations

from tests.support.nodes import new_repo

from hanse.db import repos
from hanse.flows.downloads import FLUSH_SECONDS, WINDOW_SECONDS, Downloads, flush
from hanse.flows.node import Node
from hanse.model.actor import Actor

SECRET = bytes(32)


def test_a_pull_of_many_files_counts_once() -> None:
    """Requests of one caller for one repository within five minutes are one pull; another caller's are another."""
    counts = Downloads()
    for second in range(100):
        counts.count(SECRET, 1, "a", 1000 + second)
    counts.count(SECRET, 1, "b", 1000)
    counts.count(SECRET, 2, "a", 1000)
    counts.count(SECRET, 1, "a", 1000 + WINDOW_SECONDS)
    assert counts.take(2000) == {1: 3, 2: 1}


def test_writing_is_due_once_a_minute() -> None:
    """The first count is written at once, the next ones together a minute later."""
    counts = Downloads()
    assert counts.count(SECRET, 1, "a", 1000)
    counts.take(1000)
    assert not counts.count(SECRET, 1, "b", 1001)
    assert counts.due(1000 + FLUSH_SECONDS)
    assert not Downloads().due(10**9)


def test_counts_add_up_in_the_catalogue(node: Node, alice: Actor) -> None:
    """Written counts are added to what is there, and written once."""
    repo = new_repo(node, alice, "alice/m")
    for caller in ("a", "b"):
        node.downloads.count(SECRET, repo.id, caller, 1000)
    for _ in range(2):
        flush(node.db, node.downloads, node.clock)
    node.downloads.count(SECRET, repo.id, "c", 1000)
    flush(node.db, node.downloads, node.clock)
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    assert found.downloads == 3
