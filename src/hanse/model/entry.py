"""One file of a revision, with every name its bytes have."""

from __future__ import annotations

from dataclasses import dataclass

from hanse.model.digest import GitOid, Sha256, XetHash


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a revision.

    path: exact UTF-8 path; size: bytes; sha256 and xet: of the content; git_oid: git blob id, of the LFS pointer if `lfs`,
    otherwise of the content.
    """

    path: str
    size: int
    sha256: Sha256
    xet: XetHash
    git_oid: GitOid
    lfs: bool
