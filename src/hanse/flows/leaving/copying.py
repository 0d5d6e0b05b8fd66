"""Copies bytes to an open file and hashes them meanwhile: in a thread of its own, since hashing costs as much as the copy."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from hanse.errors import StorageError
from hanse.model.digest import Sha256
from hanse.store.durable import storage_errors, write_all

_PIECE = 1024 * 1024
_AHEAD = 8
"""Pieces that are written and not hashed yet, at most."""


class Copier:
    """Copies one file after the other; a context manager."""

    def __init__(self) -> None:
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="export-hash")

    def write(self, content: bytes | Path, target: int) -> tuple[int, Sha256]:
        """Append the bytes, or those of a local file, to an open file; return how many they are and their SHA-256.

        Raises StorageFull or StorageError, also if the file grows or shrinks meanwhile.
        """
        state = hashlib.sha256()
        if isinstance(content, bytes):
            with storage_errors("write an export"):
                write_all(target, content)
            state.update(content)
            return len(content), Sha256(state.hexdigest())
        waiting: deque[Future[None]] = deque()
        with storage_errors(f"export {content.name}"), content.open("rb", buffering=0) as file:
            expected, size = os.fstat(file.fileno()).st_size, 0
            while data := file.read(_PIECE):
                waiting.append(self._hashing.submit(state.update, data))
                write_all(target, data)
                size += len(data)
                if len(waiting) > _AHEAD:
                    waiting.popleft().result()
        for one in waiting:
            one.result()
        if size != expected:
            raise StorageError(f"{content.name} had {expected} bytes and gave {size}", hint="run `hanse admin fsck`")
        return size, Sha256(state.hexdigest())

    def close(self) -> None:
        """End the hashing thread; idempotent."""
        self._hashing.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
