"""What clients left half-way in a cache is removed before the next program starts.

Older clients go on with such a file, and look at nothing but the length of the whole then: what a crash or somebody else did to
its beginning would be given to a program. All of it is held, so that it is written anew in little time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hanse.flows.found import HALF
from hanse.store.durable import storage_errors


def remove_partial(cache: Path) -> None:
    """Remove the files that no client is at work on: it holds a lock while it is. Raises StorageError."""
    with storage_errors(f"look into the cache {cache}"):
        for entry in _folders(cache):
            for name in _partial(entry / "blobs"):
                etag = name.partition(".")[0]
                locks = (cache / ".locks" / entry.name / f"{etag}.lock", entry / "blobs" / f"{etag}.lock")
                with _taken(*locks) as taken:
                    if taken:
                        (entry / "blobs" / name).unlink(missing_ok=True)


def _folders(cache: Path) -> list[Path]:
    with os.scandir(cache) as entries:
        return [Path(one.path) for one in entries if "--" in one.name and one.is_dir(follow_symlinks=False)]


def _partial(blobs: Path) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(blobs) as entries:
        return [one.name for one in entries if one.name.endswith(HALF)]
    return []


@contextmanager
def _taken(*locks: Path) -> Iterator[bool]:
    """Hold these locks as clients do, as far as they exist, and tell whether nobody else held one of them."""
    with ExitStack() as stack:
        try:
            for lock in locks:
                with suppress(FileNotFoundError):
                    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                    stack.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
