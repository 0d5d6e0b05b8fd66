"""Bringing held files to where they are wanted, as one copy on disk where that can be; the store goes on to find them there.

Folders are flushed, and the store is told, once for many files. A crash before leaves files that are in their place and that the
store finds when the same is pulled again; a row of a file that is not in the store any more is removed by whoever looks for it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hanse.errors import BlobNotFound, StorageError
from hanse.model.filepin import FilePin
from hanse.store.durable import storage_errors, sync_directory
from hanse.store.held.copies import Digests
from hanse.store.held.heldfile import HeldFile, Identity, identify
from hanse.store.held.store import Held
from hanse.store.sharing import copy, move

_TRIES = 3
_TOGETHER = 256
_TOGETHER_BYTES = 64 << 20
"""Files, and bytes of them, after which the store is told where they are: who resumes after a crash hashes these again."""


class Placing:
    """Brings files of one revision to their places.

    files: by path; label: of the revision, as the store has it; again: gets a file once more that has changed.
    """

    def __init__(self, held: Held, files: Mapping[str, HeldFile], label: str, again: Callable[[FilePin], HeldFile]) -> None:
        self._held, self._files, self._again = held, dict(files), again
        pins = set(held.pins())
        self._all_stay, self._stay = label in pins, pins
        self._mode = 0o666 & ~_umask()
        self._real = functools.lru_cache(maxsize=1000)(os.path.realpath)
        self._folders = set[Path]()
        self._placed = list[tuple[str, Digests, Identity]]()
        self._gone = list[HeldFile]()
        self._moved = dict[Path, HeldFile]()
        self._size = 0

    def put(self, wanted: Iterable[tuple[FilePin, Path]]) -> None:
        """Let paths be the files of pins, on disk and known to the store when this returns or raises.

        Raises BlobNotFound, StorageFull, StorageError, and what `again` does.
        """
        try:
            for pin, target in wanted:
                self._put(pin, target)
                if len(self._placed) >= _TOGETHER or self._size >= _TOGETHER_BYTES:
                    self._settle()
        finally:
            self._settle()

    def _put(self, pin: FilePin, target: Path) -> None:
        for _ in range(_TRIES):
            file = self._files[pin.path]
            with suppress(BlobNotFound):
                self._bring(self._moved.get(file.path, file), target)
                return
            self._settle()  # so that the store is not thought to have lost what was only moved
            self._files[pin.path] = self._again(pin)
        raise BlobNotFound(f"{pin.path} changes while it is used", hint="find out what writes to it, and pull again")

    def _bring(self, file: HeldFile, target: Path) -> None:
        """Let `target` be the file. Raises BlobNotFound if it is gone or has changed."""
        descriptor = file.open()
        try:
            real = f"{self._real(target.parent).rstrip('/')}/{target.name}"
            if os.fspath(file.path) == real:
                return
            stays = file.adopted or self._all_stay or file.sha256 in self._stay
            moved = not stays and move(file.path, target, self._mode)
            if not moved:
                copy(descriptor, file.size, target, self._mode)
                if file.adopted:
                    _check_same(file, descriptor)
        finally:
            os.close(descriptor)
        there = self._note(file, target, real)
        if not stays:
            if not moved:  # to another file system: one copy is enough
                file.path.unlink(missing_ok=True)
            self._gone.append(file)
            self._moved[file.path] = there

    def _note(self, file: HeldFile, target: Path, real: str) -> HeldFile:
        """Remember what lies at `target` now, and return it."""
        seen = identify(target)
        if seen is None or seen.size != file.size:
            raise StorageError(f"{target} is not the file of {file.size:,} bytes that was put there", hint="pull again")
        self._folders.add(target.parent)
        self._placed.append((real, Digests(file.sha256, file.xet, file.git_oid), seen))
        self._size += file.size
        return replace(file, path=Path(real), adopted=True, identity=seen)

    def _settle(self) -> None:
        """Flush the folders that got files, and tell the store where they are now."""
        with storage_errors("flush the folders that files were put into"):
            for folder in self._folders:
                sync_directory(folder)
        self._held.adopt_all(self._placed, gone=self._gone)
        self._folders, self._placed, self._gone, self._size = set(), [], [], 0


def _check_same(file: HeldFile, descriptor: int) -> None:
    """Raise BlobNotFound if a file that others may write to was written while it was copied."""
    if Identity.of(os.fstat(descriptor)) != file.identity:
        raise BlobNotFound(f"{file.path} changed while it was copied", hint="fetch it again")


def _umask() -> int:
    """Return the file mode mask of this process, which can be set, but not asked for, without a moment of another one."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.partition(":")[2], 8)
    return 0o022
