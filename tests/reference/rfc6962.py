"""The Merkle tree hash of RFC 6962 section 2.1, recursively as the text defines it; nothing of hanse is imported."""

from __future__ import annotations

import hashlib


def reference_root(entries: list[bytes]) -> bytes:
    """Return MTH(entries)."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\x01" + reference_root(entries[:split]) + reference_root(entries[split:])).digest()


def reference_tile(entries: list[bytes], level: int, index: int) -> bytes:
    """Return the widest tile of `level` at `index` by the formula of C2SP tlog-tiles, section Merkle Tree."""
    span = 256**level
    ranges = [(at * span, (at + 1) * span) for at in range(index * 256, (index + 1) * 256)]
    return b"".join(reference_root(entries[low:high]) for low, high in ranges if high <= len(entries))


class ReferenceTree:
    """The recursive definitions of sections 2.1 to 2.1.2 over ranges of leaves; hashes of ranges are kept, to be fast."""

    def __init__(self, entries: list[bytes]) -> None:
        self._entries = entries
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, low: int, high: int) -> bytes:
        """Return MTH(D[low:high])."""
        if (low, high) not in self._known:
            if high - low <= 1:
                self._known[low, high] = reference_root(self._entries[low:high])
            else:
                split = low + _split(high - low)
                pair = self.root(low, split) + self.root(split, high)
                self._known[low, high] = hashlib.sha256(b"\x01" + pair).digest()
        return self._known[low, high]

    def inclusion(self, index: int, low: int, high: int) -> list[bytes]:
        """Return PATH(index, D[low:high]), the index counted from `low`."""
        if high - low == 1:
            return []
        split = low + _split(high - low)
        if index < split - low:
            return [*self.inclusion(index, low, split), self.root(split, high)]
        return [*self.inclusion(index - (split - low), split, high), self.root(low, split)]

    def consistency(self, old: int, size: int) -> list[bytes]:
        """Return PROOF(old, D[size])."""
        return self._subproof(old, 0, size, complete=True)

    def _subproof(self, old: int, low: int, high: int, *, complete: bool) -> list[bytes]:
        if old == high - low:
            return [] if complete else [self.root(low, high)]
        split = low + _split(high - low)
        if old <= split - low:
            return [*self._subproof(old, low, split, complete=complete), self.root(split, high)]
        return [*self._subproof(old - (split - low), split, high, complete=False), self.root(low, split)]


def _split(count: int) -> int:
    split = 1
    while split * 2 < count:
        split *= 2
    return split
