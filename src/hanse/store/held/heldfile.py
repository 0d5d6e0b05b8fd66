"""One file that is held: where it lies, what its bytes are, and by what its being unchanged is known."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from hanse.errors import BlobNotFound
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.store.durable import sync_fresh

PIECE = 1 << 20
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Identity(NamedTuple):
    """What stays the same while nobody writes to a file: device, inode, size in bytes, times of last change in nanoseconds."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """Return the identity in a file's status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    @property
    def changed_ns(self) -> int:
        """The later of the times of change."""
        return max(self.mtime_ns, self.ctime_ns)

    def inside(self, other: Identity) -> bool:
        """Tell whether two are the same but for the device, whose number may change with a restart of the machine."""
        return self[1:] == other[1:]


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file whose bytes were hashed here and had these digests.

    path: absolute; size: bytes; xet, git_oid (blob id of the content): None where only the SHA-256 was computed; adopted: it
    lies outside the store, where others may change or remove it.
    """

    path: Path
    size: int
    sha256: Sha256
    xet: XetHash | None
    git_oid: GitOid | None
    adopted: bool
    identity: Identity = field(repr=False)

    def open(self) -> int:
        """Return a descriptor for reading the file, which the caller closes; it is unchanged since it was hashed.

        As long as it is open the store does not remove the file to make room. Raises BlobNotFound if the file is gone or may
        have changed: it is then to be had like one that was never here.
        """
        try:
            file = os.open(self.path, _FLAGS)
        except OSError as error:
            raise BlobNotFound(f"{self.path} is not held any more: {error.strerror}", hint="fetch it again") from error
        status = os.fstat(file)
        found = Identity.of(status)
        same = found == self.identity if self.adopted else found.inside(self.identity)
        if not S_ISREG(status.st_mode) or not same:
            os.close(file)
            raise BlobNotFound(f"{self.path} has changed since it was verified", hint="fetch it again")
        if not self.adopted:
            with suppress(OSError):  # a file system without locks costs no more than a file fetched twice
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return file


def identify(path: Path) -> Identity | None:
    """Return the identity of the regular file at `path`, opened to see that it can be; None if there is none such."""
    try:
        file = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        status = os.fstat(file)
    finally:
        os.close(file)
    return Identity.of(status) if S_ISREG(status.st_mode) else None


def hash_file(path: Path) -> tuple[Sha256, Identity] | None:
    """Return the SHA-256 and the identity of a file that nobody wrote to meanwhile, flushed; None if it cannot be had."""
    try:
        file = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        if not S_ISREG(status.st_mode):
            return None
        before, state, buffer, read = Identity.of(status), hashlib.sha256(), memoryview(bytearray(PIECE)), 0
        while read <= before.size and (count := os.readv(file, [buffer])):
            state.update(buffer[:count])
            read += count
        if read != before.size or Identity.of(os.fstat(file)) != before:
            return None
        sync_fresh(file, before.changed_ns)
        return Sha256(state.hexdigest()), before
    except OSError:
        return None
    finally:
        os.close(file)
