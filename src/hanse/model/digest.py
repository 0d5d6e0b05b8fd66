"""Digests as typed lower-case hex strings: SHA-256, Xet hashes and git object ids.

A Xet hash has two forms: 32 raw bytes, and the *string form* that clients see, in which every group of eight bytes is
reversed (four little-endian u64 printed as %016x; Xet specification, hub-api.md B.4). `XetHash` is always the string form.
"""

from __future__ import annotations

import string
from typing import NewType

from hanse.errors import BadDigest

Sha256 = NewType("Sha256", str)
"""64 lower-case hex digits."""
Blake3 = NewType("Blake3", str)
"""64 lower-case hex digits of a plain BLAKE3 digest."""
XetHash = NewType("XetHash", str)
"""64 lower-case hex digits, Xet string form (of a chunk, xorb or file)."""
GitOid = NewType("GitOid", str)
"""40 lower-case hex digits of a git object id (SHA-1)."""

EMPTY_XET = XetHash("0" * 64)
"""Xet file hash of the empty file."""
NO_GIT_OID = GitOid("0" * 40)
"""All-zero id: a deleted ref."""
NO_SHA256 = Sha256("0" * 64)
"""All-zero digest: a deleted tree, or no previous leaf."""

_HEX = frozenset(string.hexdigits.lower()) - frozenset("ABCDEF")


def _hex(text: str, length: int, what: str) -> str:
    """Return `text` if it is exactly `length` lower-case hex digits.

    Raises BadDigest otherwise.
    """
    if len(text) != length or not _HEX.issuperset(text):
        raise BadDigest(f"{what} must be {length} lower-case hex digits, got {text[:80]!r}")
    return text


def parse_sha256(text: str) -> Sha256:
    """Return the SHA-256 digest written in `text`; raises BadDigest."""
    return Sha256(_hex(text, 64, "a SHA-256 digest"))


def parse_xet(text: str) -> XetHash:
    """Return the Xet hash written in `text` (string form); raises BadDigest."""
    return XetHash(_hex(text, 64, "a Xet hash"))


def parse_git_oid(text: str) -> GitOid:
    """Return the git object id written in `text`; raises BadDigest."""
    return GitOid(_hex(text, 40, "a git object id"))


def is_git_oid(text: str) -> bool:
    """Tell whether `text` looks like a full git object id."""
    return len(text) == 40 and _HEX.issuperset(text)


def xet_to_bytes(value: XetHash) -> bytes:
    """Return the 32 raw bytes of a Xet hash."""
    raw = bytes.fromhex(value)
    return b"".join(raw[at : at + 8][::-1] for at in (0, 8, 16, 24))


def xet_from_bytes(raw: bytes) -> XetHash:
    """Return the string form of 32 raw bytes; raises BadDigest on another length."""
    if len(raw) != 32:
        raise BadDigest(f"a Xet hash has 32 bytes, got {len(raw)}")
    return XetHash("".join(raw[at : at + 8][::-1].hex() for at in (0, 8, 16, 24)))
