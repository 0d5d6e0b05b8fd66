"""The Merkle tree hash of RFC 6962 over a list of leaves, and a proof that a leaf is in it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from hanse.errors import BadFormat
from hanse.model.leaf import leaf_hash

EMPTY_ROOT = sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash SHA-256(0x01 || left || right) of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the 32-byte root over leaves given as their bytes (RFC 6962 section 2.1)."""
    row = [leaf_hash(one) for one in leaves]
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        # A node without a right neighbour moves up as it is: the same tree as the recursive definition's.
        row = [node_hash(row[at], row[at + 1]) if at + 1 < len(row) else row[at] for at in range(0, len(row), 2)]
    return row[0]


def merkle_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the hashes beside the way from a leaf to the root, the lowest first (RFC 6962 section 2.1.1).

    Raises BadFormat for an index that no leaf has.
    """
    if not 0 <= index < len(leaves):
        raise BadFormat(f"there are {len(leaves)} leaves, none with the number {index}")
    row, path = [leaf_hash(one) for one in leaves], list[bytes]()
    while len(row) > 1:
        beside = index ^ 1
        if beside < len(row):
            path.append(row[beside])
        row = [node_hash(row[at], row[at + 1]) if at + 1 < len(row) else row[at] for at in range(0, len(row), 2)]
        index //= 2
    return tuple(path)
