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
