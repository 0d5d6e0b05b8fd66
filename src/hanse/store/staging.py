"""The staging area: files being written, on the same file system as the objects they may become.

Nothing here is ever served or counted. What a crash leaves behind is purged at a later start; files in sub-folders (parts
of multipart uploads) belong to whoever made the folder and are left alone.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Self

from hanse.store.durable import make_directory, storage_errors, write_all

_PREFIX = "staged-"
_KEEP_SECONDS = 86400


class StagedFile:
    """A file being written; removed when its `with` block ends, unless the store adopted it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        with storage_errors("stage a file"):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        self._open = True

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`; unbuffered, so pass pieces of about 1 MiB; raises StorageFull or StorageError."""
        with storage_errors("stage a file"):
            write_all(self._file, data)
        self.size += len(data) if isinstance(data, bytes) else data.nbytes

    def reserve(self, size: int) -> None:
        """Set space for `size` bytes aside, which makes writing them cheaper; cut with `cut` what stays unused; StorageFull."""
        with storage_errors("set space aside for a file"):
            os.posix_fallocate(self._file, 0, size)

    def cut(self, size: int) -> None:
        """Shorten the file to its first `size` bytes; raises StorageError."""
        with storage_errors("cut a staged file"):
            os.ftruncate(self._file, size)
        self.size = min(self.size, size)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes written so far, from `offset`; fewer only at the end; raises StorageError."""
        with storage_errors("read a staged file"):
            return os.pread(self._file, length, offset)

    def finish(self) -> None:
        """Flush everything written to disk; raises StorageFull or StorageError. The file can then be adopted."""
        with storage_errors("flush a staged file"):
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file and remove it, unless it was adopted; idempotent."""
        if self._open:
            self._open = False
            os.close(self._file)
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Staging:
    """The folder of files being written.

    root: DATA/staging, made if it is missing. Raises StorageError.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with storage_errors("make the staging folder"):
            make_directory(self.root)

    def create(self) -> StagedFile:
        """Return a new empty file; raises StorageFull or StorageError."""
        return StagedFile(self.root / f"{_PREFIX}{secrets.token_hex(16)}")

    def purge(self, now: int) -> int:
        """Remove staged files last written more than a day before `now` (seconds since 1970); return how many.

        For the start of a process: a file that another live process is writing is younger than that.
        """
        removed = 0
        with storage_errors("purge the staging folder"), os.scandir(self.root) as entries:
            for entry in entries:
                if entry.name.startswith(_PREFIX) and entry.stat(follow_symlinks=False).st_mtime < now - _KEEP_SECONDS:
                    Path(entry.path).unlink(missing_ok=True)
                    removed += 1
        return removed
