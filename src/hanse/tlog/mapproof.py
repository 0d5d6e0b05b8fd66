"""Proofs that a Merkle map has a key with a value, or does not have a key; `docs/merkle-map.md` is the specification.

A proof is the list of sibling hashes from the root down to where the key's path ends, and what is found there: the key's
own leaf (inclusion), an empty subtree, or the leaf of another key with the same prefix (absence).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from hanse.errors import BadFormat, BadProof

HASH_BYTES = 32
EMPTY = bytes(HASH_BYTES)
"""Hash of an empty subtree, and root of the empty map."""
MAX_SIBLINGS = 256
"""A key has 256 bits, so a path has at most as many steps."""
MAX_PROOF_BYTES = 3 + MAX_SIBLINGS * HASH_BYTES + 2 * HASH_BYTES
_INCLUDED, _ABSENT_EMPTY, _ABSENT_OTHER = 0, 1, 2


def map_leaf_hash(key: bytes, value: bytes) -> bytes:
    """Return SHA-256(0x00 || key || value hash), the 32-byte hash of a map leaf."""
    return sha256(b"\x00" + key + value).digest()


@dataclass(frozen=True, slots=True)
class MapProof:
    """Where a key's path through a map ends.

    siblings: hashes beside the path, the root's children first; included: the path ends at the key's own leaf; other: key
    and value hash of the other leaf at which it ends, None if it ends at an empty subtree or `included`.

    Raises BadFormat on construction if a length or count is out of its bounds.
    """

    siblings: tuple[bytes, ...]
    included: bool
    other: tuple[bytes, bytes] | None = None

    def __post_init__(self) -> None:
        if len(self.siblings) > MAX_SIBLINGS or any(len(item) != HASH_BYTES for item in (*self.siblings, *(self.other or ()))):
            raise BadFormat("a map proof has at most 256 siblings, and each hash has 32 bytes")
        if self.included and self.other is not None:
            raise BadFormat("a proof of inclusion has no other leaf")

    def encode(self) -> bytes:
        """Return one byte 0 (included), 1 (absent, empty) or 2 (absent, other leaf), u16 BE count, siblings, other leaf."""
        kind = _INCLUDED if self.included else _ABSENT_EMPTY if self.other is None else _ABSENT_OTHER
        return bytes([kind]) + len(self.siblings).to_bytes(2, "big") + b"".join((*self.siblings, *(self.other or ())))

    @classmethod
    def parse(cls, data: bytes) -> MapProof:
        """Return the proof written by `encode`; raises BadFormat on anything else."""
        if not 3 <= len(data) <= MAX_PROOF_BYTES:
            raise BadFormat(f"a map proof has 3 to {MAX_PROOF_BYTES} bytes, got {len(data)}")
        kind, count = data[0], int.from_bytes(data[1:3], "big")
        tail = 2 if kind == _ABSENT_OTHER else 0
        if kind > _ABSENT_OTHER or len(data) != 3 + (count + tail) * HASH_BYTES:
            raise BadFormat(f"a map proof of kind {kind} with {count} siblings cannot have {len(data)} bytes")
        hashes = tuple(data[at : at + HASH_BYTES] for at in range(3, len(data), HASH_BYTES))
        other = (hashes[-2], hashes[-1]) if tail else None
        return cls(hashes[:count], kind == _INCLUDED, other)


def verify_inclusion(root: bytes, key: bytes, value: bytes, proof: MapProof) -> None:
    """Check that the map with this root has `key` with value hash `value` (each 32 bytes).

    Raises BadProof otherwise.
    """
    _check_lengths(root, key, value)
    if not proof.included:
        raise BadProof("expected a proof of inclusion, got one of absence")
    _check_path(root, key, map_leaf_hash(key, value), proof.siblings)


def verify_absence(root: bytes, key: bytes, proof: MapProof) -> None:
    """Check that the map with this root does not have `key` (each 32 bytes).

    Raises BadProof otherwise, also if the other leaf does not share the walked prefix: it would then stand elsewhere.
    """
    _check_lengths(root, key)
    if proof.included:
        raise BadProof("expected a proof of absence, got one of inclusion")
    if proof.other is None:
        _check_path(root, key, EMPTY, proof.siblings)
        return
    other_key, other_value = proof.other
    if other_key == key:
        raise BadProof("the proof of absence shows the key itself")
    differing = int.from_bytes(key, "big") ^ int.from_bytes(other_key, "big")
    shared = 256 - differing.bit_length()
    if shared < len(proof.siblings):
        raise BadProof(f"the other leaf shares {shared} bits with the key, but the path has {len(proof.siblings)} steps")
    _check_path(root, key, map_leaf_hash(other_key, other_value), proof.siblings)


def _check_path(root: bytes, key: bytes, end: bytes, siblings: tuple[bytes, ...]) -> None:
    # A map never pushes a lone leaf or an empty subtree down beside an empty one: such a proof is of no well-formed map.
    if siblings and siblings[-1] == EMPTY:
        raise BadProof("the last sibling is empty, so the path would have ended one step earlier")
    bits, node = int.from_bytes(key, "big"), end
    for depth in range(len(siblings) - 1, -1, -1):
        right = bits >> (255 - depth) & 1
        pair = siblings[depth] + node if right else node + siblings[depth]
        node = sha256(b"\x01" + pair).digest()
    if node != root:
        raise BadProof(f"the proof leads to root {node.hex()}, expected {root.hex()}", hint="the map or the proof is another one")


def _check_lengths(*hashes: bytes) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise BadProof("root, key and value hash of a map proof have 32 bytes each")
