"""What a serving node does by itself."""

from __future__ import annotations

import os

from sqlalchemy import update
from tests.support.nodes import new_repo

from hanse.db import repos
from hanse.db.schema import repos as repos_table
from hanse.flows.maintenance import Maintenance, tidy
from hanse.flows.mirror.large import mirror_folder
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


def test_what_came_of_a_file_that_no_mirror_goes_on_with_goes(node: Node) -> None:
    """The part of a mirror that was given up is removed when it is as old as an upload that was."""
    part = mirror_folder(node) / "1-x.part"
    part.parent.mkdir(parents=True)
    part.touch()
    last = node.clock.now() - node.limits.upload_ttl_seconds
    for written, stays in ((last + 60, True), (last - 60, False)):
        os.utime(part, (written, written))
        tidy(node)
        assert part.exists() == stays
