"""Making room: which held files go first, and which never."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from hanse.store.durable import storage_errors
from hanse.store.held.index import Index

GRACE_SECONDS = 60
"""A file that was found so recently may be about to be opened."""
_CANDIDATES = """
SELECT path, size FROM copies
WHERE own = 1 AND NOT used BETWEEN ? AND ? AND sha256 NOT IN (SELECT name FROM pins)
  AND sha256 NOT IN (SELECT sha256 FROM uses WHERE label IN (SELECT name FROM pins))
ORDER BY used, path
"""


@dataclass(frozen=True, slots=True)
class Evicted:
    """What was removed. size: bytes."""

    files: int
    size: int


def evict(index: Index, folder: Path, limit: int, now: int) -> Evicted:
    """Remove the least recently used files until the store's own take at most `limit` bytes, as far as they may go.

    now: seconds since 1970. Raises StorageError.
    """
    total = int(index.rows("SELECT coalesce(sum(size), 0) FROM copies WHERE own = 1")[0][0])
    if total <= limit:
        return Evicted(0, 0)
    files = size = 0
    # What was used in the future was used before the clock was set right.
    for path, length in index.rows(_CANDIDATES, (now - GRACE_SECONDS + 1, now)):
        if total - size <= limit:
            break
        if remove(index, folder, path):
            files, size = files + 1, size + length
    return Evicted(files, size)


def remove(index: Index, folder: Path, name: bytes) -> bool:
    """Remove one of the store's own files unless somebody reads it; tell whether it is gone; raises StorageError."""
    path = folder / os.fsdecode(name)
    with index.transaction() as base, storage_errors("make room in the store"):
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            file = -1
        try:
            if file >= 0:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            base.execute("DELETE FROM copies WHERE path = ?", (name,))
        except BlockingIOError:
            return False
        finally:
            if file >= 0:
                os.close(file)
    return True
