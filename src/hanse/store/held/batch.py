"""Small files on their way into the store, many at once: each is on disk before any is named, all are noted in one transaction.

They were had whole and verified before a byte is written, so that nothing of them is ever resumed, and nobody waits for who else
may fetch the same: what comes second is dropped. `PARTIAL/SHA256.RANDOM.small` is one that waits for the others.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.store.durable import storage_errors, write_all
from hanse.store.held.copies import Digests
from hanse.store.held.heldfile import HeldFile

TakeAll = Callable[[Sequence[tuple[Path, Digests]]], dict[Sha256, HeldFile]]
"""Gives complete, flushed files at these paths to the store."""


class Batch:
    """Files that go into the store together; what was not committed when the `with` block ends is removed.

    `add` is safe for threads; `commit` is called by one, once no other adds. Made by `Held.batch`.
    """

    def __init__(self, folder: Path, take: TakeAll) -> None:
        self._folder = folder
        self._take = take
        self._guard = threading.Lock()
        self._staged: dict[Sha256, tuple[Path, Digests]] = {}

    def add(self, data: bytes, sha256: Sha256, xet: XetHash | None, git_oid: GitOid | None) -> None:
        """Write a file to disk whose digests were computed from `data`; raises StorageFull, StorageError."""
        digests = Digests(sha256, xet, git_oid)
        path = self._folder / f"{sha256}.{secrets.token_hex(8)}.small"
        with storage_errors("stage a fetched file"):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o400)
            try:
                write_all(file, data)
                os.fsync(file)
            except OSError:
                path.unlink(missing_ok=True)
                raise
            finally:
                os.close(file)
        with self._guard:
            again = self._staged.setdefault(sha256, (path, digests))[0] != path
        if again:
            path.unlink(missing_ok=True)

    def commit(self) -> dict[Sha256, HeldFile]:
        """Give all that were added to the store, and return them; durable on return. Raises StorageFull, StorageError."""
        found = self._take(list(self._staged.values())) if self._staged else {}
        self._staged.clear()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for path, _digests in self._staged.values():
            path.unlink(missing_ok=True)
