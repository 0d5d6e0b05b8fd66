"""The log as a node shows it: every proof verifies against a checkpoint that the log's key signed."""

from __future__ import annotations

import pytest
from tests.support.nodes import ORIGIN, commit, make_node, new_repo

from hanse.db import cosignatures
from hanse.db.cosignatures import Cosignature
from hanse.errors import BadFormat, BlobNotFound
from hanse.flows.node import Node
from hanse.flows.publish import PutBytes
from hanse.flows.repos import delete_repo, set_visibility
from hanse.model.actor import Actor
from hanse.model.conceal import conceal_value
from hanse.model.leaf import parse_leaf
from hanse.model.repo import Origin, RepoType, Visibility
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.tlog.checkpoint import open_checkpoint
from hanse.tlog.hashing import EMPTY_ROOT, leaf_hash
from hanse.tlog.map import advisory_key, ref_key, ref_value
from hanse.tlog.mapproof import verify_absence, verify_inclusion
from hanse.tlog.proof import verify_consistency
from hanse.tlog.proof import verify_inclusion as verify_leaf

MAIN = "refs/heads/main"


def test_checkpoints_of_every_size(node: Node, alice: Actor) -> None:
    """The log signs any of its sizes, each time the same, and each continues the one before; no size beyond its end."""
    repo = new_repo(node, alice, "alice/m")
    commit(node, alice, repo, PutBytes("a", b"1"))
    before = None
    for size in range(node.log.size + 1):
        note = node.log.checkpoint(size)
        found = open_checkpoint(note, node.log.key).checkpoint
        assert (found.origin, found.size) == (ORIGIN, size)
        assert note == node.log.checkpoint(size)
        if before is not None and before.size:
            verify_consistency(before.size, before.root, size, found.root, node.log.prove_growth(before.size, size))
        before = found
    assert node.log.checkpoint() == node.log.checkpoint(node.log.size)
    assert node.log.head(0).root == EMPTY_ROOT
    with pytest.raises(BlobNotFound):
        node.log.checkpoint(node.log.size + 1)


def test_every_leaf_is_proved(node: Node, alice: Actor) -> None:
    """Each leaf is proved under each checkpoint it is in, and under no smaller one."""
    new_repo(node, alice, "alice/m")
    size = node.log.size
    for index in range(size):
        leaf = leaf_hash(node.log.leaf(index))
        for tree in range(index + 1, size + 1):
            verify_leaf(leaf, index, tree, node.log.head(tree).root, node.log.prove_leaf(index, tree))
        with pytest.raises(BadFormat):
            node.log.prove_leaf(index, index)
    with pytest.raises(BlobNotFound):
        node.log.leaf(size)
    assert node.log.leaves(size - 1, size + 7) == [node.log.leaf(size - 1)]


def test_refs_are_proved_under_the_snapshot_of_their_time(node: Node, alice: Actor) -> None:
    """What a ref was under any checkpoint, or that it was not, is proved against the newest snapshot in it."""
    repo = new_repo(node, alice, "alice/m")
    first = node.log.size
    done = commit(node, alice, repo, PutBytes("a", b"1"))
    second = node.log.size
    delete_repo(node, alice, repo)
    key = ref_key(ORIGIN, RepoType.MODEL, "alice/m", MAIN)
    for size, there in ((first, True), (second, True), (node.log.size, False)):
        snapshot, proof = node.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, size)
        leaf = parse_leaf(snapshot.leaf)
        assert isinstance(leaf, SnapshotLeaf)
        assert (snapshot.index, snapshot.leaf) == (size - 1, node.log.leaf(size - 1))
        if size == second:
            verify_inclusion(bytes.fromhex(leaf.refs), key, ref_value(2, done.rev, done.tree), proof)
        elif not there:
            verify_absence(bytes.fromhex(leaf.refs), key, proof)
        absent = ref_key(Origin("other.example.org"), RepoType.MODEL, "alice/m", MAIN)
        _, missing = node.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, size, Origin("other.example.org"))
        verify_absence(bytes.fromhex(leaf.refs), absent, missing)
        verify_absence(bytes.fromhex(leaf.advisories), advisory_key("A-1"), node.log.prove_advisory("A-1", size)[1])


def test_before_the_first_snapshot_nothing_is_latest(node: Node) -> None:
    """While the log has keys only, there is no snapshot to prove anything against."""
    with pytest.raises(BlobNotFound, match="no snapshot"):
        node.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, node.log.size)


def test_private_refs_are_in_the_map_as_the_leaves_have_them(node: Node, alice: Actor) -> None:
    """A private ref is proved by its concealed names only; made public, its name is there, and gone when private again."""
    repo = new_repo(node, alice, "alice/m", Visibility.PRIVATE)
    assert repo.salt is not None
    hidden = [conceal_value(repo.salt, field, text) for field, text in (("repo", "alice/m"), ("ref", MAIN))]
    assert node.log.prove_ref(RepoType.MODEL, hidden[0], hidden[1], node.log.size)[1].included
    assert not node.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, node.log.size)[1].included
    repo = set_visibility(node, alice, repo, Visibility.PUBLIC)
    assert node.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, node.log.size)[1].included
    set_visibility(node, alice, repo, Visibility.PRIVATE)
    assert not node.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, node.log.size)[1].included


def test_another_process_shows_the_same(node: Node, alice: Actor) -> None:
    """A process that did not sequence gives the same proofs, also for old sizes that it never saw as newest."""
    repo = new_repo(node, alice, "alice/m")
    for number in range(3):
        commit(node, alice, repo, PutBytes("a", b"%d" % number))
    root = getattr(node.store, "root", None)
    assert root is not None
    other = make_node(node.db, root)
    first = next(size for size in range(node.log.size) if parse_leaf(node.log.leaf(size)).kind == "snapshot") + 1
    for size in (node.log.size, first, node.log.size - 1):
        mine, theirs = (one.log.prove_ref(RepoType.MODEL, "alice/m", MAIN, size) for one in (node, other))
        assert (mine[0].index, mine[1]) == (theirs[0].index, theirs[1])
    assert other.log.checkpoint() == node.log.checkpoint()


def test_newest_cosigned_size(node: Node, alice: Actor) -> None:
    """The newest size with enough cosigners of a kind counts, whatever fewer cosigned since."""
    new_repo(node, alice, "alice/m")
    with node.db.write() as conn:
        cosignatures.put(conn, [_cosigned(node, 3, "w1"), _cosigned(node, 3, "w2"), _cosigned(node, 5, "w2")])
    assert [node.log.newest_cosigned("witness", k) for k in (1, 2, 3)] == [5, 3, None]
    assert node.log.newest_cosigned("mirror", 1) is None


def _cosigned(node: Node, size: int, name: str) -> Cosignature:
    return Cosignature(ORIGIN, size, name, "01020304", "witness", node.log.head(size).root.hex(), 5, f"— {name} AQIDBAU=")
