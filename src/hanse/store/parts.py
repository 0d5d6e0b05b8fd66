"""Files that arrive in pieces over a long time, and go on after a crash: staged beside the objects, never served.

What is in a part is unverified and may have been damaged by a power loss: whoever completes it checks the whole content.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hanse.errors import Busy
from hanse.store.durable import make_directory, storage_errors, write_all

_READ = 1024 * 1024


class PartFile:
    """A file that grows at its end; use as a context manager.

    size: bytes that are here. Raises StorageFull or StorageError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with storage_errors("open a file that is being fetched"):
            make_directory(path.parent)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self.size = os.fstat(self._file).st_size

    def append(self, data: bytes | memoryview) -> None:
        """Write `data` at the end."""
        with storage_errors("write a file that is being fetched"):
            os.lseek(self._file, self.size, os.SEEK_SET)
            write_all(self._file, data)
        self.size += len(data)

    def pieces(self) -> Iterator[bytes]:
        """Yield what is here, in pieces of 1 MiB."""
        at = 0
        while at < self.size:
            with storage_errors("read a file that is being fetched"):
                data = os.pread(self._file, min(_READ, self.size - at), at)
            if not data:
                self.reset()
                return
            at += len(data)
            yield data

    def reset(self) -> None:
        """Begin again at nothing."""
        with storage_errors("cut a file that is being fetched"):
            os.ftruncate(self._file, 0)
        self.size = 0

    def remove(self) -> None:
        """Remove the file: its content is elsewhere now."""
        with storage_errors("remove a file that was fetched"):
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep what is here for the next time; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def purge_parts(folder: Path, before: int) -> int:
    """Remove the parts in a folder that were last written before a time (seconds since 1970), and return how many.

    One that somebody has open goes on without its name. Raises StorageError.
    """
    removed = 0
    with storage_errors("purge files that were being fetched"):
        for path in folder.glob("*.part"):
            with suppress(FileNotFoundError):  # it was taken in meanwhile
                if path.lstat().st_mtime < before:
                    path.unlink()
                    removed += 1
    return removed


@contextmanager
def sole(path: Path, what: str) -> Iterator[None]:
    """Be the only process that does this on this machine, until the block ends or the process does; raises Busy."""
    with storage_errors(f"lock {what}"):
        make_directory(path.parent)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Busy(f"another process of this node does it already: {what}", hint="wait until it is done") from error
        yield
    finally:
        os.close(file)
