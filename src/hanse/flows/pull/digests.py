"""The digests of a whole file, in one pass over its bytes, and whether they are those that were pinned.

One strong digest of the content decides about a large file: content-defined cuts cost many times what SHA-256 costs, so the xet
hash is computed only where it is the one digest that the pin gives, where the file is small, or where everything is asked for.
A digest that was not computed is None and never kept as if it had been.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hanse.content.gitobjects import BlobHasher, lfs_pointer_id
from hanse.errors import DigestMismatch
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin

# What cuts and hashes chunks is loaded with the first file that needs it: most gateways see none.
if TYPE_CHECKING:
    from hanse.content.chunking import Chunker
    from hanse.content.hashing import ChunkListBuilder

SMALL = 1024 * 1024
"""Bytes up to which every digest that a pin gives is computed."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What was computed of a file's content: SHA-256 always; git blob id of regular files; xet hash and chunk list if asked."""

    size: int
    sha256: Sha256
    git_oid: GitOid | None
    xet: XetHash | None
    chunk_list: bytes | None


class WholeFile:
    """Takes the bytes of a file in order and tells what they are.

    thorough: compute every digest that the pin gives; chunked: the xet hash is proved already, chunk by chunk.
    """

    def __init__(self, pin: FilePin, *, thorough: bool = False, chunked: bool = False) -> None:
        self._pin = pin
        self._chunked = chunked
        self._sha256 = hashlib.sha256()
        self._git = None if pin.lfs else BlobHasher(pin.size)
        needed = thorough or pin.sha256 is None or pin.size <= SMALL
        self._chunker: Chunker | None = None
        self._chunks: ChunkListBuilder | None = None
        if needed and pin.xet is not None and not chunked:
            self._chunker, self._chunks = _chunking()
        self._size = 0

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._size += len(piece)
        self._sha256.update(piece)
        if self._git is not None and self._size <= self._pin.size:
            self._git.update(piece)
        if self._chunker is not None:
            self._add(self._chunker.feed(piece))

    def finish(self) -> Digests:
        """Return the digests; raises DigestMismatch unless they are those of the pin, size included."""
        pin = self._pin
        if self._size != pin.size:
            raise DigestMismatch(f"{pin.path!r} has {self._size} bytes, expected {pin.size}")
        if self._chunker is not None:
            self._add(self._chunker.finish())
        sha256 = Sha256(self._sha256.hexdigest())
        oid = None if self._git is None else self._git.finish()
        xet, chunk_list = (pin.xet if self._chunked else None), None
        if self._chunks is not None:
            xet, chunk_list = self._chunks.file_hash(), self._chunks.encode()
            _same(pin, "xet hash", pin.xet, xet)
        if pin.sha256 is not None:
            _same(pin, "SHA-256", pin.sha256, sha256)
        if oid is not None:
            _same(pin, "git blob id", pin.git_oid, oid)
        elif pin.sha256 is None and pin.xet is None:
            _same(pin, "git blob id of the pointer", pin.git_oid, lfs_pointer_id(sha256, pin.size))
        return Digests(pin.size, sha256, oid, xet, chunk_list)

    def _add(self, chunks: list[bytes]) -> None:
        from hanse.content.hashing import chunk_hash  # noqa: PLC0415 see above

        assert self._chunks is not None
        for chunk in chunks:
            self._chunks.add(chunk_hash(chunk), len(chunk))


def _chunking() -> tuple[Chunker, ChunkListBuilder]:
    from hanse.content.chunking import Chunker  # noqa: PLC0415 see above
    from hanse.content.hashing import ChunkListBuilder  # noqa: PLC0415 see above

    return Chunker(), ChunkListBuilder()


def _same(pin: FilePin, what: str, expected: str | None, got: str) -> None:
    if expected != got:
        raise DigestMismatch(f"the {what} of {pin.path!r} is {got}, expected {expected}")
