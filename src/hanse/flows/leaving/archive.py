"""An export written as one tar archive: one pass, in a fixed order, never a file in memory; the same node makes the same bytes.

It is written to `FILE.part`, with the record of what is in it beside that. An export that was killed is cut behind the last file
of the record and goes on there, for as long as what is put is what was put before; from where it differs, it is written anew.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from hanse.content.tarform import end_bytes, header_bytes, padding
from hanse.errors import StorageError
from hanse.flows.leaving.copying import Copier
from hanse.flows.leaving.progress import Done, Progress
from hanse.model.exportindex import INDEX, SUMS
from hanse.model.staticlayout import StaticPath
from hanse.store.durable import make_directory, storage_errors, sync_directory, write_all

PART = ".part"
PROGRESS = ".progress"
_SYNC_BYTES = 16 * 1024 * 1024
_BATCH_FILES = 256
_BATCH_BYTES = 512 * 1024 * 1024


class ArchiveExport:
    """A `Sink` of the layout, into an archive. private: only its owner may read it.

    done: what is in it by now. Raises StorageError or StorageFull.
    """

    def __init__(self, path: Path, *, private: bool = False) -> None:
        self.path = path
        self.done: dict[StaticPath, Done] = {}
        self._member_mode = 0o600 if private else 0o644
        self._part = path.with_name(path.name + PART)
        with storage_errors(f"write {path}"):
            make_directory(path.parent, 0o755)
            self._file = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600 if private else 0o644)
        self._progress = Progress(path.with_name(path.name + PROGRESS))
        self._ends = self._measure(os.fstat(self._file).st_size)
        self._before = self._progress.before[: len(self._ends) - 1]
        self._next = 0  # of what an earlier try wrote, the first that was not put again yet
        self._end = 0
        self._copier = Copier()
        # What was written goes to disk while more is written, so that the last flush has little to do.
        self._syncing = ThreadPoolExecutor(1, thread_name_prefix="export-sync")
        self._synced: Future[None] | None = None
        self._waiting: list[Done] = []
        self._size = 0
        self._resuming = True

    def _measure(self, size: int) -> list[int]:
        """Return where each file of the record ends, from 0 on, as far as the archive goes."""
        ends = [0]
        for one in self._progress.before:
            end = ends[-1] + len(header_bytes(one.path, one.size, self._member_mode)) + one.size + padding(one.size)
            if end > size:
                break
            ends.append(end)
        return ends

    def holds(self, path: StaticPath, size: int) -> bool:
        """Tell whether this file was the next one that an earlier try wrote; it counts as put then."""
        if not self._resuming or self._next >= len(self._before):
            return False
        known = self._before[self._next]
        if (known.path, known.size) != (path, size):
            return False
        self._skip(known)
        return True

    def put(self, path: StaticPath, content: bytes | Path) -> bool:
        """Take a file; see `Sink`."""
        if self._resuming and self._again(path, content):
            return False
        self._stop_resuming()
        size = len(content) if isinstance(content, bytes) else _size(content)
        header = header_bytes(path, size, self._member_mode)
        with storage_errors(f"write {self.path}"):
            write_all(self._file, header)
        found, digest = self._copier.write(content, self._file)
        if found != size:
            raise StorageError(f"{path} had {size} bytes and gave {found}", hint="run the same command again")
        with storage_errors(f"write {self.path}"):
            write_all(self._file, bytes(padding(size)))
        self._end += len(header) + size + padding(size)
        self._waiting.append(Done(path, size, digest))
        self._size += size
        if size >= _SYNC_BYTES and (self._synced is None or self._synced.done()):
            self._synced = self._syncing.submit(os.fdatasync, self._file)
        if len(self._waiting) >= _BATCH_FILES or self._size >= _BATCH_BYTES:
            self.settle()
        return True

    def settle(self) -> None:
        """Bring what was put to disk, and record it."""
        if self._waiting:
            with storage_errors(f"flush {self.path}"):
                if self._synced is not None:
                    self._synced.result()
                os.fdatasync(self._file)
            self._progress.add(self._waiting)
            self.done |= {one.path: one for one in self._waiting}
        self._waiting, self._size = [], 0

    def finish(self, sums: bytes, index: bytes) -> None:
        """Write the digests, the index and the end of the archive, and give it its name; durable on return."""
        self._stop_resuming()
        self.put(SUMS, sums)
        self.put(INDEX, index)
        with storage_errors(f"finish {self.path}"):
            write_all(self._file, end_bytes(self._end))
            os.fsync(self._file)
            self._part.rename(self.path)
            sync_directory(self.path.parent)
        self._progress.remove()

    def close(self) -> None:
        """Keep what was written for the next try; idempotent."""
        self._copier.close()
        self._syncing.shutdown()
        self._progress.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _again(self, path: StaticPath, content: bytes | Path) -> bool:
        """Tell whether what is put is what an earlier try wrote at this place."""
        size = len(content) if isinstance(content, bytes) else _size(content)
        known = self._before[self._next] if self._next < len(self._before) else None
        if known is None or (known.path, known.size) != (path, size):
            return False
        if isinstance(content, bytes) and hashlib.sha256(content).hexdigest() != known.sha256:
            return False
        self._skip(known)
        return True

    def _skip(self, known: Done) -> None:
        self.done[known.path] = known
        self._next += 1
        self._end = self._ends[self._next]

    def _stop_resuming(self) -> None:
        """From here on everything is written: what an earlier try wrote behind this place is cut off."""
        if self._resuming:
            self._resuming = False
            with storage_errors(f"cut {self._part}"):
                os.ftruncate(self._file, self._end)
                os.lseek(self._file, self._end, os.SEEK_SET)
            self._progress.restart(self._before[: self._next])


def _size(path: Path) -> int:
    with storage_errors(f"export {path.name}"):
        return path.stat().st_size
