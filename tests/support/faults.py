"""An object store that fails, or kills the process, at a chosen operation."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from hanse.errors import StorageError
from hanse.store.base import BlobStore
from hanse.store.keys import ObjectKey


def fail() -> None:
    """Fail as a disk does."""
    raise StorageError("the disk failed here on purpose")


def kill() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class FaultyStore:
    """A store that does `fault` before or after operation number `at` (from 1) that changes something under `prefix`.

    puts_only: deletions do not count.
    """

    def __init__(
        self,
        inner: BlobStore,
        at: int,
        *,
        fault: Callable[[], None] = fail,
        after: bool = False,
        prefix: str = "log",
        puts_only: bool = False,
    ) -> None:
        self._inner = inner
        self._at = at
        self._fault = fault
        self._after = after
        self._prefix = prefix
        self._puts_only = puts_only
        self.count = 0

    def _run(self, key: str, change: Callable[[], bool]) -> bool:
        if not key.startswith(self._prefix):
            return change()
        self.count += 1
        mine = self.count == self._at
        if mine and not self._after:
            self._fault()
        done = change()
        if mine and self._after:
            self._fault()
        return done

    def put(self, key: ObjectKey, data: bytes) -> bool:
        """See BlobStore."""
        return self._run(key, lambda: self._inner.put(key, data))

    def adopt(self, key: ObjectKey, staged: Path) -> bool:
        """See BlobStore."""
        return self._run(key, lambda: self._inner.adopt(key, staged))

    def get(self, key: ObjectKey, start: int = 0, length: int | None = None) -> bytes:
        """See BlobStore."""
        return self._inner.get(key, start, length)

    def size(self, key: ObjectKey) -> int | None:
        """See BlobStore."""
        return self._inner.size(key)

    def list(self, prefix: str) -> Iterator[ObjectKey]:
        """See BlobStore."""
        return self._inner.list(prefix)

    def delete(self, key: ObjectKey) -> None:
        """See BlobStore."""

        def change() -> bool:
            self._inner.delete(key)
            return True

        if self._puts_only:
            change()
        else:
            self._run(key, change)

    def local_path(self, key: ObjectKey) -> Path | None:
        """See BlobStore."""
        return self._inner.local_path(key)
