"""Pins of files: the ETag by which clients know a content."""

from __future__ import annotations

from hanse.model.digest import GitOid, Sha256
from hanse.model.filepin import FilePin

OID, DIGEST = GitOid("a" * 40), Sha256("b" * 64)


def test_etag() -> None:
    """Large files go by SHA-256, others by git blob id, also where somebody has said their SHA-256."""
    assert FilePin("m.bin", 1, OID, lfs=True, sha256=DIGEST).etag == DIGEST
    assert FilePin("m.bin", 1, OID, lfs=True).etag == OID
    assert FilePin("a.txt", 1, OID, lfs=False, sha256=DIGEST).etag == OID
