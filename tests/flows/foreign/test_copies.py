"""A copy is read as evidence needs it."""

from __future__ import annotations

from tests.flows.foreign.conftest import A, Agreed, B

from hanse.flows.foreign.copies import Copy
from hanse.flows.witness import find_log
from hanse.model.key_leaf import KeyUse
from hanse.model.leaf import leaf_hash
from hanse.model.ref_leaf import RefLeaf
from hanse.model.repo import Origin, RefName, RepoType
from hanse.model.trust_leaf import SnapshotLeaf
from hanse.tlog.map import ref_key
from hanse.tlog.proof import verify_inclusion


def test_leaves_are_found_and_proved(agreed: Agreed) -> None:
    """Keys, positions of a ref, and the newest snapshot at any size; a leaf is proved as the log itself would prove it."""
    home, node = agreed.three[A], agreed.three[B]
    copy = Copy(node.db, node.store, find_log(node, A))
    size = copy.log.mirrored
    assert {leaf.use for _, leaf in copy.keys} == set(KeyUse)
    subject = ref_key(Origin(A), RepoType.MODEL, "alice/m", RefName("refs/heads/main"))
    index, leaf = next(iter(copy.positions(subject, size)))
    assert isinstance(leaf, RefLeaf)
    assert copy.entry(index) == home.log.leaf(index)
    tail = copy.tail(size, 64)
    assert tail is not None
    assert isinstance(copy.leaf(tail.start), SnapshotLeaf)
    assert tail.stop == size
    assert copy.tail(tail.start, 0) is None
    for at in (index, size - 1):
        shown = copy.shown(at, size)
        verify_inclusion(leaf_hash(shown.leaf), at, size, home.log.head(size).root, shown.path)
    assert copy.attest(index) is None
