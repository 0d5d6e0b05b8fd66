"""A file on its way into the store: written in any order, resumed after a crash, visible to nobody until it is committed.

Files under STORE/partial, named by the digest that is fetched:

    KEY.data     the bytes, at their places
    KEY.done     which ranges are there, one line `start end` each; replaced as a whole, after the data was flushed (fdatasync)
    KEY.done.new room for the next KEY.done, so that what came before a disk was full can be noted on it
    KEY.chunks   the chunk list by which pieces are checked, if one was had

A flush of the data that failed is final: the system may have dropped what it could not write, and a second flush would say that
all is well. The file is given up then, and fetched anew.

KEY.lock is held by the one thread of all processes that fetches it. What was written and not yet noted in KEY.done is fetched
again after a crash: at most FLUSH_BYTES, or what came in FLUSH_SECONDS.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from hanse.errors import DigestMismatch
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.store.durable import storage_errors, sync_directory, write_all
from hanse.store.held.copies import Digests
from hanse.store.held.heldfile import HeldFile
from hanse.store.held.locks import FileLock
from hanse.store.held.ranges import Range, Ranges

FLUSH_BYTES = 64 << 20
FLUSH_SECONDS = 2.0
MAX_JOURNAL_BYTES = 16 << 20
BESIDE = ("done", "done.new", "chunks", "chunks.new")
"""What the names of files beside the data end in."""
_ROOM = 4096
MAX_CHUNK_LIST_BYTES = 1 << 30
"""36 bytes for each of the chunks of a file of 1 TiB, more or less."""

Take = Callable[[Path, Digests], HeldFile]
"""Gives the complete, flushed file at a path to the store."""


class Partial:
    """One file being fetched. Safe for threads; `commit`, `abandon` and `reset` are called by one, once no other writes.

    pin: what is fetched; path: of the bytes so far; size: in bytes, when complete. Made by `Held.begin`.
    """

    def __init__(self, pin: FilePin, path: Path, lock: FileLock, take: Take) -> None:
        self.pin = pin
        self.path = path
        self.size = pin.size
        self._take = take
        self._lock = lock
        self._guard = threading.Lock()
        self._flushing = threading.Lock()
        self._fresh = 0
        self._lost = False
        self._flushed = time.monotonic()
        with storage_errors("stage a fetched file"):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            fit = os.fstat(self._file).st_size == self.size
            self._ranges = self._load() if fit else Ranges()
            if not fit:
                self._empty()
            self._make_room()

    @property
    def done(self) -> list[Range]:
        """The ranges [start, end) that are there, in order; they neither touch nor overlap."""
        with self._guard:
            return self._ranges.listed()

    @property
    def done_bytes(self) -> int:
        """How many bytes are there."""
        with self._guard:
            return self._ranges.total()

    def covers(self, start: int, end: int) -> bool:
        """Tell whether all of [start, end) is there."""
        with self._guard:
            return self._ranges.covers(start, end)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Write `data` at `offset`; it counts for nothing until `mark`. Raises StorageFull, StorageError."""
        rest = memoryview(data).cast("B")
        if offset < 0 or offset + len(rest) > self.size:
            raise ValueError(f"{len(rest)} bytes at {offset} do not fit a file of {self.size} bytes")
        with storage_errors("stage a fetched file"):
            while rest:
                count = os.pwrite(self._file, rest, offset)
                rest, offset = rest[count:], offset + count

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end; whether they were ever written says `covers`."""
        with storage_errors("read a fetched file"):
            return os.pread(self._file, length, offset)

    def mark(self, start: int, end: int) -> None:
        """Say that [start, end) is written and, if it can be checked by itself, checked. Raises StorageFull, StorageError."""
        if end > self.size:
            raise ValueError(f"a file of {self.size} bytes has no byte {end - 1}")
        with self._guard:
            self._ranges.add(start, end)
            self._fresh += end - start
            due = self._fresh >= FLUSH_BYTES or time.monotonic() - self._flushed >= FLUSH_SECONDS
        if due:
            self.flush()

    def flush(self) -> None:
        """Note on disk what is there, so that it survives a crash; nothing if another thread is at it."""
        if not self._flushing.acquire(blocking=False):
            return
        try:
            with self._guard:
                listed, self._fresh, self._flushed = self._ranges.listed(), 0, time.monotonic()
            lines = "".join(f"{start} {end}\n" for start, end in listed).encode()
            with storage_errors("stage a fetched file"):
                self._sync(os.fdatasync)
                if len(lines) <= MAX_JOURNAL_BYTES:
                    _replace(self._beside("done"), lines)
                    self._make_room()
        finally:
            self._flushing.release()

    @property
    def chunk_list(self) -> bytes | None:
        """The chunk list that was kept, None if there is none; whoever kept it had checked it, the reader does again."""
        with suppress(OSError), self._beside("chunks").open("rb") as file:
            data = file.read(MAX_CHUNK_LIST_BYTES + 1)
            return data if len(data) <= MAX_CHUNK_LIST_BYTES else None
        return None

    def keep_chunk_list(self, data: bytes) -> None:
        """Keep the chunk list for who resumes; raises StorageFull, StorageError."""
        with storage_errors("keep a chunk list"):
            _replace(self._beside("chunks"), data)

    def reset(self) -> None:
        """Forget every byte and the chunk list: somebody lied about what could not be checked piece by piece."""
        with storage_errors("stage a fetched file"):
            self._empty()
        with self._guard:
            self._ranges, self._fresh = Ranges(), 0

    def commit(self, sha256: Sha256, xet: XetHash | None, git_oid: GitOid | None) -> HeldFile:
        """Give the complete file to the store under the digests that were computed from its bytes; durable on return.

        Raises DigestMismatch, and keeps nothing, if these are not what the pin says; StorageFull, StorageError.
        """
        if not self.covers(0, self.size):
            raise RuntimeError(f"{self.pin.path} is committed, but only {self.done_bytes} of {self.size} bytes are marked")
        found = Digests(sha256, xet, git_oid)
        try:
            _check(self.pin, found)
        except DigestMismatch:
            self.reset()
            self.abandon()
            raise
        with storage_errors("store a fetched file"):
            self._sync(os.fsync)
        held = self._take(self.path, found)
        for kind in BESIDE:
            self._beside(kind).unlink(missing_ok=True)
        self._close()
        return held

    def abandon(self) -> None:
        """Stop here; what is done is kept for whoever begins it again. Idempotent, and allowed after `commit`."""
        if self._file >= 0:
            try:
                if not self._lost:
                    self.flush()
            finally:
                self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def _sync(self, sync: Callable[[int], None]) -> None:
        if self._lost:
            raise OSError(errno.EIO, "an earlier flush of this file failed")
        try:
            sync(self._file)
        except OSError:
            self._lost = True
            for path in (*map(self._beside, BESIDE), self.path):
                path.unlink(missing_ok=True)
            raise

    def _close(self) -> None:
        os.close(self._file)
        self._file = -1
        self._lock.release()

    def _beside(self, kind: str) -> Path:
        return self.path.with_suffix(f".{kind}")

    def _make_room(self) -> None:
        """Have room for the next note; on a full disk there is none, and the note may fail."""
        with suppress(OSError):
            file = os.open(self._beside("done.new"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                write_all(file, bytes(_ROOM))
            finally:
                os.close(file)

    def _empty(self) -> None:
        # The note goes first, and durably: it must never speak of bytes that come after it.
        for kind in BESIDE:
            self._beside(kind).unlink(missing_ok=True)
        sync_directory(self.path.parent)
        os.ftruncate(self._file, 0)
        os.ftruncate(self._file, self.size)

    def _load(self) -> Ranges:
        found = Ranges()
        with suppress(FileNotFoundError), self._beside("done").open("rb") as file:
            for line in file.read(MAX_JOURNAL_BYTES).splitlines(keepends=True):
                start, _, end = line.partition(b" ")
                if not line.endswith(b"\n") or not start.isdigit() or not end[:-1].isdigit():
                    break
                if not int(start) <= int(end) <= self.size:
                    break
                found.add(int(start), int(end))
        return found


def _check(pin: FilePin, computed: Digests) -> None:
    """Raise DigestMismatch unless the digests of a file are those that its pin gives."""
    blob = None if pin.lfs else pin.git_oid
    pairs = (("SHA-256", pin.sha256), ("Xet hash", pin.xet), ("git blob id", blob))
    for (what, wanted), found in zip(pairs, computed, strict=True):
        if wanted is not None and found is not None and wanted != found:
            raise DigestMismatch(
                f"{pin.path} must have the {what} {wanted}, what came has {found}",
                hint="fetch it from another place; nothing of it was kept",
            )


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        write_all(file, data)  # over what is there, whose room another writer would take if it were given up first
        os.ftruncate(file, len(data))
        os.fdatasync(file)
    finally:
        os.close(file)
    temporary.replace(path)
