"""What a serving node does by itself."""

from __future__ import annotations

from sqlalchemy import update
from tests.support.nodes import new_repo

from hanse.db import repos
from hanse.db.schema import repos as repos_table
from hanse.flows.maintenance import Maintenance, tidy
from hanse.flows.node import Node
from hanse.model.actor import Actor


def test_stale_fields_are_brought_up_to_date(node: Node, alice: Actor) -> None:
    """A repository whose derived fields describe another head, as after a crash, is described again."""
    repo = new_repo(node, alice, "alice/m")
    with node.db.write() as conn:
        conn.execute(update(repos_table).where(repos_table.c.id == repo.id).values(indexed="0" * 40))
    tidy(node)
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    assert found.indexed == found.head


def test_counts_are_written_when_it_stops(node: Node, alice: Actor) -> None:
    """Download counts that are still in memory are written before the process ends."""
    repo = new_repo(node, alice, "alice/m")
    maintenance = Maintenance(node)
    maintenance.start()
    node.downloads.count(bytes(32), repo.id, "somebody", node.clock.now())
    maintenance.stop()
    with node.db.read() as conn:
        found = repos.get(conn, repo.id)
    assert found is not None
    assert found.downloads == 1
