"""What the held store has, for people: files with the revisions that use them, left-overs, and whether bytes are still right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hanse.clock import SystemClock
from hanse.store.durable import storage_errors
from hanse.store.held.copies import Copies, Copy
from hanse.store.held.index import GIVEN, Index
from hanse.store.held.locks import FileLock
from hanse.store.held.partial import BESIDE

KEEP_SECONDS = 7 * 86400
"""How long a file that was fetched in part is kept for whoever goes on with it."""


@dataclass(frozen=True, slots=True)
class Stocked:
    """One file. path: where it lies; size: bytes; used: seconds since 1970; revisions: that use it; pinned: never removed."""

    sha256: str
    path: Path
    size: int
    adopted: bool
    used: int
    revisions: tuple[str, ...]
    pinned: bool


class Stock:
    """The contents of one store. Made by `Held.stock`; raises StorageError where it reads the index."""

    def __init__(self, index: Index, copies: Copies, folder: Path) -> None:
        self._index = index
        self._copies = copies
        self._folder = folder

    def listed(self) -> list[Stocked]:
        """Return every file, the least recently used first."""
        users: dict[str, list[str]] = {}
        for sha256, label in self._index.rows("SELECT DISTINCT sha256, label FROM uses ORDER BY label"):
            if label.startswith(GIVEN):
                continue
            users.setdefault(sha256, []).append(label)
        pins = {row[0] for row in self._index.rows("SELECT name FROM pins")}
        rows = [*self._copies.listed(own=True), *self._copies.listed(own=False)]
        return [self._stocked(one, users.get(one.digests.sha256, []), pins) for one in sorted(rows, key=lambda one: one.used)]

    def _stocked(self, copy: Copy, users: list[str], pins: set[str]) -> Stocked:
        sha256 = copy.digests.sha256
        pinned = sha256 in pins or any(one in pins for one in users)
        return Stocked(sha256, self._copies.where(copy), copy.size, not copy.own, copy.used, tuple(users), pinned)

    def verify(self) -> Iterator[tuple[Path, bool]]:
        """Read every one of the store's own files and yield whether it is what it was; one that is not is forgotten."""
        for copy in self._copies.listed(own=True):
            path = self._copies.where(copy)
            good = self._copies.rehashed(copy) is not None
            if not good:
                with storage_errors("remove a damaged file"):
                    path.unlink(missing_ok=True)
            yield path, good

    def sweep(self, now: float | None = None, *, limit: int | None = None) -> tuple[int, int]:
        """Remove what nobody needs: files without a row, and what was fetched in part long ago; return (things, bytes).

        now: seconds since 1970; limit: bytes that all may take in the end, for which parts go that nobody is fetching.
        """
        owned = self._copies.listed(own=True)
        known = {copy.path for copy in owned}
        count = size = 0
        before = (SystemClock().now() if now is None else now) - KEEP_SECONDS
        for path in sorted([*(self._folder / "files").glob("*/*"), *(self._folder / "partial").glob("*.small")]):
            name = os.fsencode(path.relative_to(self._folder))
            with suppress(FileNotFoundError):
                if name not in known and path.lstat().st_mtime < before:
                    size, count = size + _remove(path), count + 1
        parts = sorted((status.st_mtime, status.st_blocks * 512, path) for path, status in self._parts())
        taken = sum(copy.size for copy in owned) + sum(part for _, part, _ in parts)
        for since, part, path in parts:
            over = limit is not None and taken > limit
            if (since < before or over) and (lock := FileLock.get(path.with_suffix(".lock"))) is not None:
                size, count, taken = size + _remove(path), count + 1, taken - part
                for kind in BESIDE:
                    path.with_suffix(f".{kind}").unlink(missing_ok=True)
                lock.release()
        return count, size

    def _parts(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield what was fetched in part, or is being."""
        for path in (self._folder / "partial").glob("*.data"):
            with suppress(FileNotFoundError):
                yield path, path.lstat()


def _remove(path: Path) -> int:
    with storage_errors("remove a left-over"):
        size = path.lstat().st_blocks * 512
        path.unlink(missing_ok=True)
    return size
