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


def reference_inclusion(index: int, entries: list[bytes]) -> list[bytes]:
    """Return PATH(index, entries) of section 2.1.1."""
    if len(entries) == 1:
        return []
    split = _split(len(entries))
    if index < split:
        return [*reference_inclusion(index, entries[:split]), reference_root(entries[split:])]
    return [*reference_inclusion(index - split, entries[split:]), reference_root(entries[:split])]


def reference_consistency(old: int, entries: list[bytes]) -> list[bytes]:
    """Return PROOF(old, entries) of section 2.1.2."""
    return _subproof(old, entries, complete=True)


def _subproof(old: int, entries: list[bytes], *, complete: bool) -> list[bytes]:
    if old == len(entries):
        return [] if complete else [reference_root(entries)]
    split = _split(len(entries))
    if old <= split:
        return [*_subproof(old, entries[:split], complete=complete), reference_root(entries[split:])]
    return [*_subproof(old - split, entries[split:], complete=False), reference_root(entries[:split])]


def _split(count: int) -> int:
    split = 1
    while split * 2 < count:
        split *= 2
    return split
