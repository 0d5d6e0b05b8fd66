"""`BlobStore` on a local file system: one file per object under DATA/objects.

Objects are immutable, so readers take no locks and may keep a file open or hand it to sendfile; a delete leaves open files
readable. Put-if-absent is link(2), which is atomic between threads, processes and (on a shared file system) machines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from hanse.errors import BadPath, BadRange, BlobNotFound, StorageError
from hanse.store.durable import make_directory, publish, storage_errors, sync_directory, sync_file
from hanse.store.keys import ObjectKey
from hanse.store.staging import Staging

_SEGMENT = "[a-z0-9_-][a-z0-9._-]{0,127}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{1,11}}")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/){{0,11}}")


class LocalStore:
    """Objects as files under `root`, written by way of the folder `staging` beside it.

    root: DATA/objects; both folders are made if they are missing and must be on one file system. Raises StorageError.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._staging = Staging(root.parent / "staging")
        self._synced: set[Path] = set()  # folders whose names are known to be on disk; grows to a few thousand
        self._ensure(self.root)
        if self.root.stat().st_dev != self._staging.root.stat().st_dev:
            raise StorageError(
                f"{self.root} and {self._staging.root} are on different file systems",
                hint="move or mount the whole data directory, not one folder of it",
            )

    def put(self, key: ObjectKey, data: bytes) -> bool:
        """Store `data` under `key` durably unless the key exists; tell whether it was stored.

        Raises StorageFull or StorageError; nothing half-written is visible then.
        """
        target = self._path(key)
        if target.exists():
            self._flush_name(key, target)
            return False
        with self._staging.create() as staged:
            staged.write(data)
            staged.finish()
            return self._publish(key, staged.path, target)

    def adopt(self, key: ObjectKey, staged: Path) -> bool:
        """Move a completely written file of the staging area to `key`; tell whether it was stored.

        The staged file is gone afterwards in both cases. Raises StorageFull or StorageError; nothing half-written is
        visible then.
        """
        target = self._path(key)
        with storage_errors(f"store {key}"):
            sync_file(staged)
        return self._publish(key, staged, target)

    def get(self, key: ObjectKey, start: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from byte `start` (all, if None), cut at the end of the object.

        Raises BlobNotFound for a missing key; BadRange for a negative number or a start at or after the end (start 0 of an
        empty object is allowed); StorageError.
        """
        path = self._path(key)
        with storage_errors(f"read {key}"):
            try:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise _missing(key) from error
            try:
                size = os.fstat(file).st_size
                wanted = size - start if length is None else length
                if start < 0 or wanted < 0 or (start >= size and start > 0):
                    raise BadRange(f"{key} has {size} bytes; the range from {start} for {length} is outside")
                return _read(file, start, min(wanted, size - start))
            finally:
                os.close(file)

    def size(self, key: ObjectKey) -> int | None:
        """Return the object's size in bytes, or None if there is none; raises StorageError."""
        with storage_errors(f"look for {key}"):
            try:
                return self._path(key).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return None

    def list(self, prefix: str) -> Iterator[ObjectKey]:
        """Yield the keys that start with `prefix`: `` or whole segments such as `xorbs/`; raises BadPath or StorageError.

        Objects are read from one folder at a time. What does not look like a key is passed over; `hanse admin fsck` names it.
        """
        if not _PREFIX.fullmatch(prefix):
            raise BadPath(f"a prefix is whole key segments ending in '/', got {prefix[:120]!r}")
        folders = [prefix]
        while folders:
            folder = folders.pop()
            for name, is_folder in _scan(self.root / folder):
                if is_folder:
                    folders.append(f"{folder}{name}/")
                elif _KEY.fullmatch(f"{folder}{name}"):
                    yield ObjectKey(f"{folder}{name}")

    def delete(self, key: ObjectKey) -> None:
        """Remove the object if it exists; durable on return; raises StorageError."""
        path = self._path(key)
        with storage_errors(f"delete {key}"):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_directory(path.parent)

    def local_path(self, key: ObjectKey) -> Path | None:
        """Return the path of the object's file; raises BlobNotFound for a missing key."""
        path = self._path(key)
        if not path.is_file():
            raise _missing(key)
        return path

    def _path(self, key: ObjectKey) -> Path:
        if not _KEY.fullmatch(key):
            raise BadPath(f"{key[:120]!r} is not an object key")
        return self.root / key

    def _publish(self, key: ObjectKey, staged: Path, target: Path) -> bool:
        self._ensure(target.parent)
        with storage_errors(f"store {key}"):
            return publish(staged, target)

    def _flush_name(self, key: ObjectKey, target: Path) -> None:
        # Another process may have linked the name without having synced the folder yet.
        self._ensure(target.parent)
        with storage_errors(f"store {key}"):
            sync_directory(target.parent)

    def _ensure(self, folder: Path) -> None:
        """Make `folder` durably, once per process; folders are never removed."""
        if folder in self._synced:
            return
        if folder != self.root:
            self._ensure(folder.parent)
        with storage_errors(f"make the folder {folder.name}"):
            make_directory(folder)
        self._synced.add(folder)


def _missing(key: ObjectKey) -> BlobNotFound:
    return BlobNotFound(f"object {key} does not exist")


def _read(file: int, start: int, length: int) -> bytes:
    """Read exactly `length` bytes, or up to the end; pread returns at most about 2 GiB a call."""
    first = os.pread(file, length, start)
    if len(first) == length or not first:
        return first
    pieces = [first]
    at = start + len(first)
    while at < start + length and (piece := os.pread(file, start + length - at, at)):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def _scan(folder: Path) -> list[tuple[str, bool]]:
    """Return (name, is a folder) of what is in `folder`; nothing if it does not exist."""
    with storage_errors(f"list {folder.name}"):
        try:
            with os.scandir(folder) as entries:
                return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []
