"""The `BlobStore` contract: immutable objects by key, put-if-absent, ranged reads.

Consistency and durability that every implementation gives (tests/contract runs one suite on each):

* `put` and `adopt` return only when the object survives power loss, and never change an object that exists: the first
  writer wins and later ones get False. Concurrent writers of one key are safe.
* An object is visible whole or not at all; after `put` returned, every process sees it.
* `get` returns exactly the bytes that were put. It raises BlobNotFound for a missing key and BadRange for a range that
  starts after the end; a range that ends after the end is cut.
* `delete` is for garbage collection, erasure and quarantine only, and is idempotent.
* `list` yields keys in no particular order; objects put or deleted while it runs may or may not appear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hanse.store.keys import ObjectKey


@dataclass(frozen=True, slots=True)
class FileSlice:
    """A run of bytes inside a local file, which the system can send itself (sendfile, X-Accel-Redirect)."""

    path: Path
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class FileRuns:
    """Runs of bytes of one open file, which the system can send itself one after the other.

    file: descriptor, open until the next piece is asked for; runs: (offset, length) of each.
    """

    file: int
    runs: tuple[tuple[int, int], ...]


class ByteSource(Protocol):
    """Bytes that can be read in pieces from any place."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        ...

    def pieces(self, start: int, length: int) -> Iterator[bytes | memoryview | FileSlice]:
        """Yield exactly `length` bytes from byte `start`, in pieces of about 1 MiB or as slices of local files.

        Raises IntegrityError rather than yielding bytes of another length than was stored.
        """
        ...


class BlobStore(Protocol):
    """Immutable objects by key."""

    def put(self, key: ObjectKey, data: bytes) -> bool:
        """Store `data` under `key` durably unless the key exists; tell whether it was stored.

        Raises StorageFull when there is no space, StorageError otherwise.
        """
        ...

    def adopt(self, key: ObjectKey, staged: Path) -> bool:
        """Move a completely written file of this store's staging area to `key`; tell whether it was stored.

        The staged file is gone afterwards in both cases. Raises StorageFull or StorageError.
        """
        ...

    def get(self, key: ObjectKey, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from byte `start` (all, if None); raises BlobNotFound or BadRange."""
        ...

    def size(self, key: ObjectKey) -> int | None:
        """Return the object's size in bytes, or None if there is none."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectKey]:
        """Yield the keys that start with `prefix` (a whole number of segments, such as `xorbs/`)."""
        ...

    def delete(self, key: ObjectKey) -> None:
        """Remove the object if it exists; durable on return."""
        ...

    def local_path(self, key: ObjectKey) -> Path | None:
        """Return the path of the file that holds exactly this object, for sendfile; None where objects are no files.

        Raises BlobNotFound for a missing key.
        """
        ...
