"""Effects: read back as written, and states that follow the refs."""

from __future__ import annotations

import pytest
from tests.support.nodes import commit, new_repo

from hanse.db import revisions
from hanse.errors import StorageError
from hanse.flows import effects
from hanse.flows.effects import Commit, Create, Delete, Effect, Move, Rename, Visibility
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.model.actor import Actor


@pytest.mark.parametrize(
    "effect",
    [Commit(), Move("m", record="r"), Create(record="r"), Rename("N", "n"), Visibility("private", "ab"), Delete("retired")],
)
def test_round_trip(effect: Effect) -> None:
    """An effect is read back equal."""
    assert effects.parse(effects.encode(effect)) == effect


@pytest.mark.parametrize("text", ["", "{}", '{"type":"other"}', '{"type":"rename"}', "[]"])
def test_other_texts_are_damage(text: str) -> None:
    """What no version wrote is damage of the catalogue."""
    with pytest.raises(StorageError):
        effects.parse(text)


def test_states_follow_refs(node: Node, alice: Actor) -> None:
    """What no ref reaches is retired at that time, what one reaches again is live again; pending ones are left alone."""
    repo = new_repo(node, alice, "alice/m")
    rev = commit(node, alice, repo, PutBytes("a", b"1")).rev
    with node.db.write() as conn:
        found = revisions.get(conn, repo.id, rev)
        assert found is not None
        assert found.parent is not None
        revisions.set_state(conn, repo.id, [found.parent], "retired", 7)
        row = {"repo_id": repo.id, "rev": "a" * 40, "tree": "", "object": "", "parent": rev, "title": "", "message": ""}
        revisions.insert_pending(conn, [row | {"author": "", "created_at": 1, "files": 0, "bytes": 0}])
        revisions.insert_pending(conn, [row | {"rev": "b" * 40, "author": "", "created_at": 1, "files": 0, "bytes": 0}])
        revisions.set_state(conn, repo.id, ["b" * 40], "live", 7)
        effects.settle_states(conn, repo.id, 9)
        states = {row.rev: (row.state, row.retired_at) for row in revisions.all_of(conn, repo.id, ["pending", "live", "retired"])}
        assert states == {
            found.parent: ("live", None),
            rev: ("live", None),
            "a" * 40: ("pending", None),
            "b" * 40: ("retired", 9),
        }
        conn.exec_driver_sql("DELETE FROM revisions WHERE parent = '" + rev + "'")
