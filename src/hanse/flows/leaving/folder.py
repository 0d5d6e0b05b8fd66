"""An export written as a folder: every file on disk before it has its name, the index last.

While it is written, `export.progress` says which files are there, and there is no `export.json`: a folder without it is no
export. What was exported into the same folder before and did not change is not written again; what no longer belongs to it goes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from hanse.errors import InputError
from hanse.flows.leaving.copying import Copier
from hanse.flows.leaving.progress import Done, Progress
from hanse.model.digest import Sha256
from hanse.model.exportindex import INDEX, SUMS, parse_sums
from hanse.model.staticlayout import StaticPath
from hanse.store.durable import make_directory, storage_errors, sync_directory, sync_file

PROGRESS = "export.progress"
_PART = ".part"
_SYNCING = 8
_BATCH_FILES = 256
_BATCH_BYTES = 512 * 1024 * 1024


class FolderExport:
    """A `Sink` of the layout, into a folder. private: only its owner may read what is written.

    done: what is there by now. Raises InputError for a folder that holds something else, StorageError or StorageFull.
    """

    def __init__(self, root: Path, *, private: bool = False) -> None:
        self.root = root
        self.done: dict[StaticPath, Done] = {}
        self._file_mode, self._folder_mode = (0o600, 0o700) if private else (0o644, 0o755)
        with storage_errors(f"make the folder {root}"):
            make_directory(root, self._folder_mode)
            there = {entry.name for entry in os.scandir(root)}
        if there and not there & {PROGRESS, INDEX}:
            raise InputError(f"{root} holds something else than an export", hint="name a new folder, or one of an earlier export")
        self._known = {one.path: one for one in _before(root)} if INDEX in there else {}
        self._progress = Progress(root / PROGRESS)
        self._known |= {one.path: one for one in self._progress.before}
        with storage_errors(f"begin the export {root}"):
            self._progress.restart(list(self._known.values()))
            (root / INDEX).unlink(missing_ok=True)
            sync_directory(root)
        self._copier = Copier()
        # Each file waits for the disk most of the time, and the disk flushes several at once, and while others are written.
        self._syncing = ThreadPoolExecutor(_SYNCING, thread_name_prefix="export-sync")
        self._synced: list[Future[None]] = []
        self._waiting: list[Done] = []
        self._size = 0
        self._folders: set[Path] = {root}

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether a file that never changes is there with this many bytes, as was recorded."""
        known = self._known.get(path)
        if known is None or known.size != size or not self._there(path, size):
            return False
        self.done[path] = known
        return True

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take a file; see `Sink`."""
        if isinstance(content, bytes) and self.holds(path, len(content)):
            if self.done[path].sha256 == hashlib.sha256(content).hexdigest():
                return False
            del self.done[path]
        target = self.root / path
        self._make(target.parent)
        part = target.with_name(target.name + _PART)
        with storage_errors(f"write {path}"):
            part.unlink(missing_ok=True)
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, self._file_mode)
        try:
            size, digest = self._copier.write(content, file)
        finally:
            os.close(file)
        self._synced.append(self._syncing.submit(sync_file, part))
        self._waiting.append(Done(path, size, digest))
        self._size += size
        if len(self._waiting) >= _BATCH_FILES or self._size >= _BATCH_BYTES:
            self.settle()
        return True

    def settle(self) -> None:
        """Bring what was put to disk, give it its names, and record it; in this order."""
        parts = [(self.root / one.path, self.root / f"{one.path}{_PART}") for one in self._waiting]
        with storage_errors("flush an export"):
            for one in self._synced:
                one.result()
            for target, part in parts:
                part.rename(target)
            list(self._syncing.map(sync_directory, {target.parent for target, _ in parts}))
        if self._waiting:
            self._progress.add(self._waiting)
        self.done |= {one.path: one for one in self._waiting}
        self._synced, self._waiting, self._size = [], [], 0

    def finish(self, sums: bytes, index: bytes) -> None:
        """Remove what does not belong to the export, write the digests and, last of all, the index; durable on return."""
        self.settle()
        for path in _files(self.root):
            name = path.relative_to(self.root).as_posix()
            if name not in self.done and name != PROGRESS:
                with storage_errors(f"remove {name} from the export"):
                    path.unlink()
        self.put(SUMS, sums)
        self.settle()
        self.put(INDEX, index)
        self.settle()
        self._progress.remove()

    def close(self) -> None:
        """Keep what was written for the next try; idempotent."""
        self._copier.close()
        self._syncing.shutdown()
        self._progress.close()

    def _there(self, path: StaticPath, size: int) -> bool:
        try:
            found = (self.root / path).lstat()
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size

    def _make(self, folder: Path) -> None:
        if folder not in self._folders:
            with storage_errors(f"make the folder {folder}"):
                make_directory(folder, self._folder_mode)
            self._folders.add(folder)


def _before(root: Path) -> Iterator[Done]:
    """Yield the files of a whole export that lies in a folder, with the digests that it says."""
    with storage_errors(f"read the export {root}"):
        try:
            with (root / SUMS).open(encoding="ascii", errors="replace") as file:
                listed = parse_sums(line.rstrip("\n") for line in file)
        except FileNotFoundError:
            return
        for path, digest in listed.items():
            try:
                yield Done(path, (root / path).stat().st_size, Sha256(digest))
            except OSError:
                continue


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            yield Path(folder) / name
