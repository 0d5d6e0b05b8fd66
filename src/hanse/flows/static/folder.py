"""A folder as the place of a static site.

Files are written beside their place and renamed, so that a web server never shows half of one; `settle` makes everything durable
together, which costs far less than waiting for the disk after each file. The folder is marked with the log's origin before
anything else is put, and only a folder with that mark, or an empty one, is written to: what the site does not have is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hanse.errors import Conflict
from hanse.model.repo import Origin
from hanse.model.staticlayout import StaticPath
from hanse.store.durable import storage_errors, sync_directory, sync_file

MARK = ".hanse-static"
_INCOMING = ".hanse-incoming"
_MODE = 0o644


class FolderSink:
    """Writes a site into a folder. mode: of its files."""

    def __init__(self, root: Path, mode: int = _MODE) -> None:
        self.root = root
        self._mode = mode
        self._incoming = root / _INCOMING
        self._made = set[Path]()
        self._fresh = list[Path]()

    @contextmanager
    def claimed(self, origin: Origin) -> Iterator[None]:
        """Keep the folder for this log and this process for the length of a `with` block.

        Raises Conflict for a folder with other things in it, of another log, or in use; StorageError.
        """
        with storage_errors(f"write to {self.root}"):
            self.root.mkdir(parents=True, exist_ok=True)
            mark = self.root / MARK
            if not mark.exists():
                self._require_empty()
                mark.write_text(origin)
            said = mark.read_text()[:300]
            if said != origin:
                raise Conflict(f"{self.root} is of {said!r}, not of {origin}", hint="name another folder")
            lock = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._lock(lock)
            with storage_errors(f"write to {self.root}"):
                self._incoming.mkdir(exist_ok=True)
            yield
        finally:
            os.close(lock)

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another process writes to {self.root} now", hint="wait until it is done") from error

    def _require_empty(self) -> None:
        there = next(self.root.iterdir(), None)
        if there is not None:
            raise Conflict(
                f"{self.root} has other things in it, such as {there.name[:80]!r}",
                hint="name an empty folder: what does not belong to the site is removed from it",
            )

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether a file is there with this many bytes."""
        with suppress(OSError):
            return (self.root / path).stat().st_size == size
        return False

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take a file unless it is there with the same bytes; tell whether it was written. Raises StorageFull or StorageError."""
        target = self.root / path
        with storage_errors(f"write {target}"):
            if isinstance(content, bytes) and self.holds(path, len(content)) and target.read_bytes() == content:
                return False
            staged = self._incoming / str(os.getpid())
            if isinstance(content, bytes):
                staged.write_bytes(content)
            else:
                shutil.copyfile(content, staged)
            staged.chmod(self._mode)
            if target.parent not in self._made:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._made.add(target.parent)
            staged.replace(target)
            self._fresh.append(target)
        return True

    def settle(self) -> None:
        """Make durable what came so far; raises StorageError."""
        with storage_errors(f"write to {self.root}"):
            for target in self._fresh:
                sync_file(target)
            for folder in {parent for target in self._fresh for parent in target.parents if parent.is_relative_to(self.root)}:
                sync_directory(folder)
        self._fresh.clear()

    def prune(self, keep: Collection[StaticPath]) -> int:
        """Remove the files that the site does not have any more; return how many. Raises StorageError."""
        removed, kept = 0, set(keep)
        with storage_errors(f"remove files from {self.root}"):
            for folder, _, names in os.walk(self.root, topdown=False):
                for name in names:
                    path = (Path(folder) / name).relative_to(self.root).as_posix()
                    if path != MARK and path not in kept:
                        (self.root / path).unlink()
                        removed += 1
                if Path(folder) not in (self.root, self._incoming):
                    with suppress(OSError):  # not empty
                        Path(folder).rmdir()
        self._made.clear()
        return removed
