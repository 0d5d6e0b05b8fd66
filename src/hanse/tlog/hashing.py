"""RFC 6962 tree hashing: leaf hash, node hash, and the frontier from which a log's root is computed as it grows.

A frontier is the compact range of all leaves so far: one hash for each perfect subtree, largest first, that is one for each
1 bit of the size. It is all that is needed to append and to know the root.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hanse.errors import BadFormat
from hanse.model.leaf import leaf_hash
from hanse.model.merkle import EMPTY_ROOT, node_hash

__all__ = ["EMPTY_ROOT", "HASH_BYTES", "MAX_LOG_SIZE", "Frontier", "leaf_hash", "node_hash"]

HASH_BYTES = 32
MAX_LOG_SIZE = 2**53 - 1
"""Sizes travel as JSON integers, too."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """The perfect subtrees of a log of `size` leaves: their 32-byte hashes, largest subtree first.

    Raises BadFormat on construction if the number or length of the hashes does not fit the size.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MAX_LOG_SIZE:
            raise BadFormat(f"a log has 0 to 2^53 - 1 leaves, got {self.size}")
        if len(self.hashes) != self.size.bit_count() or any(len(item) != HASH_BYTES for item in self.hashes):
            raise BadFormat(f"a frontier of size {self.size} has {self.size.bit_count()} hashes of 32 bytes")

    def append(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """Return the frontier after appending leaves, given by their 32-byte leaf hashes in order."""
        size, stack = self.size, list(self.hashes)
        for item in leaf_hashes:
            stack.append(item)
            # Each 1 bit at the low end of the old size is a subtree as large as the one just completed.
            low = size
            while low & 1:
                right = stack.pop()
                stack.append(node_hash(stack.pop(), right))
                low >>= 1
            size += 1
        return Frontier(size, tuple(stack))

    @property
    def root(self) -> bytes:
        """The 32-byte Merkle tree hash of all leaves (RFC 6962 section 2.1)."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def encode(self) -> bytes:
        """Return size as 8 bytes, most significant first, followed by the hashes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @classmethod
    def parse(cls, data: bytes) -> Frontier:
        """Return the frontier written by `encode`; raises BadFormat on any other length or a size out of bounds."""
        if len(data) < 8 or len(data) > 8 + HASH_BYTES * 64 or len(data) % HASH_BYTES != 8:
            raise BadFormat(f"a frontier has 8 bytes and up to 64 hashes of 32 bytes, got {len(data)} bytes")
        hashes = tuple(data[at : at + HASH_BYTES] for at in range(8, len(data), HASH_BYTES))
        return cls(int.from_bytes(data[:8], "big"), hashes)
