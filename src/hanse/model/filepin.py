"""What a file must be before a byte of it is used: the pins of one file of a revision, signed or seen first here."""

from __future__ import annotations

from dataclasses import dataclass

from hanse.model.digest import GitOid, Sha256, XetHash


@dataclass(frozen=True, slots=True)
class FilePin:
    """One file of a revision, and the digests that its bytes must have.

    path: exact UTF-8 path; size: bytes; git_oid: git blob id, of the LFS pointer if `lfs`, otherwise of the content; sha256, xet:
    of the content, None where nobody has said it yet (an upstream gives no sha256 of regular files, and not always a xet hash).
    Whatever is given must hold; a file with neither sha256 nor xet is one whose git blob id is of its content.
    """

    path: str
    size: int
    git_oid: GitOid
    lfs: bool
    sha256: Sha256 | None = None
    xet: XetHash | None = None

    @property
    def etag(self) -> str:
        """The ETag by which Hugging Face clients know the content: SHA-256 of large files, git blob id of others."""
        return self.sha256 if self.lfs and self.sha256 is not None else self.git_oid
