"""Leaf records: the entries of the transparency log, and how they are written and read.

A leaf is one JSON object in the canonical form of RFC 8785, without free text and without personal data. A field that does
not apply is absent, integers stay below 2^53, times are RFC 3339 UTC with whole seconds, hashes are lower-case hex. A
written leaf is never rewritten. `docs/journal.md` shows each kind; the kinds are in `hanse.model.ref_leaf`,
`hanse.model.trust_leaf` and `hanse.model.key_leaf`.

- `v` is 1, or 2 of a `member` leaf that names its federation. A leaf of another version is carried as `UnknownLeaf`, whatever
  its kind, because its fields cannot be trusted to mean the same.
- A kind known here is parsed strictly: a missing or additional field, another value of `must` than its own, or bytes that
  are not canonical, are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hanse.errors import BadFormat
from hanse.model.canonical import parse_canonical
from hanse.model.copies_leaf import CopiesLeaf, parse_copies_leaf
from hanse.model.digest import Sha256
from hanse.model.key_leaf import KeyLeaf, parse_key_leaf
from hanse.model.leaf_fields import (
    LEAF_VERSION,
    MAX_KEY_LEAF_BYTES,
    MAX_LEAF_BYTES,
    MAX_OWN_LEAF_BYTES,
    leaf_bytes,
    optional_text,
    parse_time,
    text,
)
from hanse.model.ref_leaf import RefLeaf, RepoLeaf, parse_ref_leaf, parse_repo_leaf, usual_ref_leaf
from hanse.model.trust_leaf import (
    NAMED_VERSION,
    AdvisoryLeaf,
    AttestLeaf,
    MemberLeaf,
    SnapshotLeaf,
    WithdrawLeaf,
    parse_advisory_leaf,
    parse_attest_leaf,
    parse_member_leaf,
    parse_named_member_leaf,
    parse_snapshot_leaf,
    parse_withdraw_leaf,
)

__all__ = [
    "LEAF_VERSION",
    "MAX_KEY_LEAF_BYTES",
    "MAX_LEAF_BYTES",
    "MAX_OWN_LEAF_BYTES",
    "KnownLeaf",
    "Leaf",
    "UnknownLeaf",
    "encode_leaf",
    "leaf_hash",
    "leaf_id",
    "parse_leaf",
]


@dataclass(frozen=True, slots=True)
class UnknownLeaf:
    """A canonical leaf of a kind or version not known here, carried along byte for byte.

    must: whether "latest" of `repo` (of everything, if repo is None) is undecidable for a reader that does not know the
    kind. origin, type and repo are the leaf's texts as they are, unchecked; raw: the leaf's bytes.
    """

    v: int
    kind: str
    must: bool
    origin: str | None
    type: str | None
    repo: str | None
    raw: bytes


KnownLeaf = RefLeaf | RepoLeaf | AttestLeaf | SnapshotLeaf | AdvisoryLeaf | WithdrawLeaf | MemberLeaf | KeyLeaf | CopiesLeaf
"""A leaf of any kind known here."""
Leaf = KnownLeaf | UnknownLeaf
"""Any leaf record."""

_PARSERS: dict[str, Callable[[dict[str, Any], int], KnownLeaf]] = {
    "advisory": parse_advisory_leaf,
    "attest": parse_attest_leaf,
    "copies": parse_copies_leaf,
    "key": parse_key_leaf,
    "member": parse_member_leaf,
    "ref": parse_ref_leaf,
    "repo": parse_repo_leaf,
    "snapshot": parse_snapshot_leaf,
    "withdraw": parse_withdraw_leaf,
}

_OTHERS: dict[tuple[str, int], Callable[[dict[str, Any], int], KnownLeaf]] = {("member", NAMED_VERSION): parse_named_member_leaf}


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte Merkle tree leaf hash SHA-256(0x00 || data) of RFC 6962, section 2.1."""
    return sha256(b"\x00" + data).digest()


def leaf_id(data: bytes) -> Sha256:
    """Return the leaf hash in hex: what the next leaf of a chain carries as `prev`."""
    return Sha256(leaf_hash(data).hex())


def encode_leaf(leaf: Leaf) -> bytes:
    """Return the canonical bytes of a leaf; `parse_leaf` of them gives an equal leaf.

    Raises TooLarge if a leaf made here does not stay below 2 KiB, or 8 KiB for keys (unknown leaves keep the bytes they came
    with); BadFormat if it names a key that signs and has no signature yet.
    """
    if isinstance(leaf, UnknownLeaf):
        return leaf.raw
    if (isinstance(leaf, RefLeaf) and leaf.key and not leaf.sig) or (isinstance(leaf, KeyLeaf) and leaf.by and not leaf.sig):
        raise BadFormat(f"this {leaf.kind} leaf is not signed yet")
    return leaf_bytes(leaf)


def parse_leaf(data: bytes) -> Leaf:
    """Return the leaf written in `data`.

    Raises TooLarge above 65,535 bytes; BadFormat, BadRepoId or BadDigest unless `data` is RFC 8785 JSON with the fields of
    its kind. A kind or version not known here gives an `UnknownLeaf`.
    """
    usual = usual_ref_leaf(data)
    if usual is not None:
        return usual
    fields = parse_canonical(data, "a leaf", MAX_LEAF_BYTES)
    version, kind, must = fields.get("v"), fields.get("kind"), fields.get("must")
    if type(version) is not int or version < 1 or type(kind) is not str or type(must) is not bool:
        raise BadFormat("a leaf needs v (an integer from 1), kind (a text) and must (true or false)")
    time = parse_time(text(fields, "time"))
    parse = _PARSERS.get(kind) if version == LEAF_VERSION else _OTHERS.get((kind, version))
    if parse is None:
        origin, repo_type, repo = (optional_text(fields, name) for name in ("origin", "type", "repo"))
        return UnknownLeaf(version, kind, must, origin, repo_type, repo, data)
    leaf = parse(fields, time)
    if leaf.must is not must:
        raise BadFormat(f"this {kind} leaf must have must = {str(leaf.must).lower()}")
    return leaf
