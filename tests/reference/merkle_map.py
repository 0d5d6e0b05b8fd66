"""The map of docs/merkle-map.md written down as naively as possible, from the page alone; nothing of hanse is imported."""

from __future__ import annotations

import hashlib


def reference_root(entries: dict[bytes, bytes]) -> bytes:
    """Return the root of a map from 32-byte keys to 32-byte value hashes."""
    return _subtree({"".join(f"{byte:08b}" for byte in key): (key, value) for key, value in entries.items()})


def _subtree(leaves: dict[str, tuple[bytes, bytes]]) -> bytes:
    """Return the hash of the subtree of leaves, given by the bits of their keys that are still to be walked."""
    if not leaves:
        return b"\x00" * 32
    if len(leaves) == 1:
        ((key, value),) = leaves.values()
        return hashlib.sha256(b"\x00" + key + value).digest()
    left = _subtree({bits[1:]: leaf for bits, leaf in leaves.items() if bits[0] == "0"})
    right = _subtree({bits[1:]: leaf for bits, leaf in leaves.items() if bits[0] == "1"})
    return hashlib.sha256(b"\x01" + left + right).digest()
