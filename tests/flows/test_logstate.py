"""The replayed log in memory: the same in every process, right at every snapshot, and never half taken in."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.support.leaves import ATTESTED, MEMBER, WITHDRAWN
from tests.support.nodes import ORIGIN, add_user, commit, make_node, new_repo, running

from hanse.db.engine import Database
from hanse.db.schema import pending
from hanse.errors import BlobNotFound, LeaseLost, StorageError
from hanse.flows import logstate
from hanse.flows.logstate import LogState
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import delete_repo
from hanse.model.actor import Actor
from hanse.model.leaf import encode_leaf
from hanse.tlog.replay import Replay


def _busy(node: Node, alice: Actor, rounds: int = 4) -> None:
    repo = new_repo(node, alice, "alice/m")
    for number in range(rounds):
        commit(node, alice, repo, PutBytes("a", b"%d" % number))
    other = new_repo(node, alice, "alice/gone")
    delete_repo(node, alice, other)


def _expected(node: Node, size: int) -> tuple[int, tuple[bytes, bytes]] | None:
    """Return index and roots of the newest snapshot among the first leaves, by a replay from nothing."""
    replay = Replay.start(ORIGIN)
    replay.append(node.log.leaves(0, size))
    if replay.snapshot_index is None:
        return None
    whole = Replay.start(ORIGIN)
    whole.append(node.log.leaves(0, replay.snapshot_index))
    return replay.snapshot_index, (whole.refs.root, whole.advisories.root)


@pytest.mark.parametrize(("page", "bound", "most"), [(3, "KEPT", 3), (4096, "KEPT", 3), (4096, "KEPT_LEAVES", 4)])
def test_snapshots_of_every_size(
    node: Node, alice: Actor, monkeypatch: pytest.MonkeyPatch, page: int, bound: str, most: int
) -> None:
    """Under each size stands the newest snapshot below it, whether seen as it came, read later in pages, or long dropped."""
    _busy(node, alice)
    monkeypatch.setattr(logstate, "_PAGE", page)
    monkeypatch.setattr(logstate, bound, most)
    monkeypatch.setattr(logstate, "_KEPT_OLD", 2)
    states = [node.log.state, LogState(node.db)]
    for size in (node.log.size, *range(1, node.log.size)):
        expected = _expected(node, size)
        for state in states:
            if expected is None:
                with pytest.raises(BlobNotFound):
                    state.snapshot(size)
            else:
                found = state.snapshot(size)
                assert (found.index, found.maps.roots) == expected
                assert found.leaf == node.log.leaf(found.index)


def test_a_batch_ends_in_a_snapshot_only_if_a_map_changed(node: Node, alice: Actor) -> None:
    """Leaves that touch no ref and no advisory bring no snapshot along; others bring exactly one, at the end."""
    _busy(node, alice)
    kinds = [row.split(b'"kind":"')[1].split(b'"')[0].decode() for row in node.log.leaves(0, node.log.size)]
    assert kinds[:5] == ["key"] * 5
    assert kinds[-1] == "snapshot"
    assert ("snapshot", "snapshot") not in pairwise(kinds)


def test_a_list_of_members_ends_in_a_snapshot(node: Node) -> None:
    """Also in a log in which nothing was published: what its member warns of can be shown, if it is nothing."""
    state, size = node.log.state, node.log.size
    assert state.prepare(size, [encode_leaf(MEMBER)], 7).snapshot is not None
    assert state.prepare(size, [encode_leaf(ATTESTED)], 7).snapshot is not None
    assert state.prepare(size, [encode_leaf(WITHDRAWN)], 7).snapshot is None


def test_nothing_is_prepared_on_an_older_log(node: Node, alice: Actor) -> None:
    """A sequencer that slept prepares nothing where another one has gone on, and what it prepared before is not taken in."""
    new_repo(node, alice, "alice/m")
    state, size = LogState(node.db), node.log.size
    batch = state.prepare(size, [], 5)
    assert (batch.leaves, batch.snapshot) == ((), None)
    new_repo(node, alice, "alice/n")
    state.follow(node.log.size)
    state.accept(batch)
    assert state.size == node.log.size
    with pytest.raises(LeaseLost):
        state.prepare(size, [], 5)


def test_a_false_snapshot_stops_the_node(database: Database, tmp_path: Path) -> None:
    """A process that finds a snapshot unlike its refs in the catalogue takes nothing in, and says what to run."""
    with running(make_node(database, tmp_path / "data")) as node:
        _busy(node, add_user(node, "alice"), 1)
    said = node.log.leaves(0, node.log.size)
    index = max(at for at, data in enumerate(said) if b'"snapshot"' in data)
    with database.write() as conn:
        conn.execute(update(pending).where(pending.c.index == index).values(leaf=_other_root(said[index])))
    state = LogState(database)
    for _ in range(2):
        with pytest.raises(StorageError, match="is not what the leaves before it make") as refusal:
            state.follow(node.log.size)
        assert (state.size, refusal.value.hint) == (0, "run hanse admin fsck")


def _other_root(leaf: bytes) -> bytes:
    before, mark, rest = leaf.partition(b'"refs":"')
    return before + mark + b"00" * 32 + rest[64:]


def test_a_missing_leaf_is_told(database: Database, tmp_path: Path) -> None:
    """A catalogue with a gap in the log is refused, with the remedy."""
    with running(make_node(database, tmp_path / "data")) as node:
        new_repo(node, add_user(node, "alice"), "alice/m")
    with database.write() as conn:
        conn.execute(update(pending).where(pending.c.index == 3).values(index=None))
    with pytest.raises(StorageError, match="lacks leaf 3"):
        LogState(database).follow(node.log.size)
