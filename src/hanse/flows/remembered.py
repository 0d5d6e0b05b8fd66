"""What this user verified before: SHA-256 by the identity of a file, so that nothing unchanged is read twice.

One file for each verified folder, `HANSE_HOME/verified/<digest of its path>.json`, mode 0600, replaced as a whole. It is used
only if it belongs to this user and nobody else may write it. A file counts as unchanged while device, inode, size and both of
its change times are the same; one that had changed just before it was hashed is not remembered, because a file system may give
two changes in quick succession the same time. It is flushed first: a power loss may take bytes and leave all these as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any

from hanse.errors import BadDigest
from hanse.model.digest import Sha256, parse_sha256
from hanse.store.durable import make_directory, sync_all_fresh, sync_directory

SETTLED_NS = 2_000_000_000
"""How long a file must have rested before it was hashed: the coarsest file systems note changes every two seconds."""
MAX_REMEMBERED = 200_000
MAX_REMEMBERED_BYTES = 64 * 1024 * 1024
_Identity = tuple[int, int, int, int, int]


class Remembered:
    """SHA-256 by the identity of a file, for one folder. Safe for threads; `save` writes what was added."""

    def __init__(self, path: Path | None = None, clock: Callable[[], int] = time.time_ns) -> None:
        self.clock = clock
        self._path = path
        self._known: dict[_Identity, Sha256] = _load(path) if path else {}
        self._fresh: list[tuple[str, int, int]] = []
        self._lock = threading.Lock()

    @classmethod
    def of(cls, home: Path, folder: Path) -> Remembered:
        """Return what is remembered of `folder` by the user whose HANSE_HOME is `home`."""
        name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
        return cls(home / "verified" / f"{name}.json")

    def find(self, status: os.stat_result) -> Sha256 | None:
        """Return the SHA-256 that the file with this status had when it was hashed, None if it may have changed."""
        return self._known.get(_identity(status))

    def keep(self, status: os.stat_result, sha256: Sha256, started: int, path: Path) -> None:
        """Remember the SHA-256 of the file at `path` if it rested before hashing began at `started` (nanoseconds by `clock`)."""
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if changed + SETTLED_NS <= started:
            with self._lock:
                self._known[_identity(status)] = sha256
                self._fresh.append((str(path), status.st_dev, changed))

    def save(self) -> None:
        """Flush what was added, and write it; a folder that cannot be written is no error, it only costs time."""
        if self._path is None or not self._fresh:
            return
        rows = [[*identity, digest] for identity, digest in list(self._known.items())[-MAX_REMEMBERED:]]
        with suppress(OSError):
            sync_all_fresh(self._fresh)
            write_private(self._path, json.dumps({"v": 1, "files": rows}, separators=(",", ":")).encode())


def write_private(path: Path, data: bytes) -> None:
    """Replace the file at `path` as a whole, mode 0600, in a folder of mode 0700; durable on return; raises OSError."""
    if not path.parent.is_dir():
        make_directory(path.parent, 0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def read_private(path: Path, limit: int) -> bytes | None:
    """Return the bytes of a file of this user's that nobody else may write, None if there is none such.

    Raises OSError if it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022 or status.st_size > limit:
            return None
        return source.read(limit)


def _load(path: Path) -> dict[_Identity, Sha256]:
    known: dict[_Identity, Sha256] = {}
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, BadDigest):
        data = read_private(path, MAX_REMEMBERED_BYTES)
        told: dict[str, Any] = json.loads(data) if data else {"v": 1, "files": []}
        if told["v"] == 1:
            for *identity, digest in told["files"]:
                device, inode, size, mtime, ctime = map(int, identity)
                known[device, inode, size, mtime, ctime] = parse_sha256(digest)
    return known


def _identity(status: os.stat_result) -> _Identity:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
