"""The Merkle tree hash over a list: the recursive definition, the log's frontier, and proofs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.errors import BadFormat
from hanse.model.leaf import leaf_hash
from hanse.model.merkle import EMPTY_ROOT, merkle_path, merkle_root, node_hash


def defined(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(defined(leaves[:split]), defined(leaves[split:]))


@pytest.mark.parametrize("count", [*range(34), 255, 256, 257])
def test_root(count: int) -> None:
    """The root over any number of leaves is that of the recursive definition."""
    leaves = [bytes([at % 256]) * (at % 3) for at in range(count)]
    assert merkle_root(leaves) == defined(leaves)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_path(leaves: list[bytes], data: st.DataObject) -> None:
    """The path of a leaf leads from its hash to the root."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    at, last, found, path = index, len(leaves) - 1, leaf_hash(leaves[index]), list(merkle_path(leaves, index))
    while last:
        if at % 2:
            found = node_hash(path.pop(0), found)
        elif at < last:
            found = node_hash(found, path.pop(0))
        at, last = at // 2, last // 2
    assert (found, path) == (merkle_root(leaves), [])


def test_no_such_leaf() -> None:
    """There is no path from a leaf that is not there."""
    for index in (-1, 2):
        with pytest.raises(BadFormat, match="2 leaves"):
            merkle_path([b"a", b"b"], index)
