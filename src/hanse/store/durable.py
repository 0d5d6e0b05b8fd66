"""Writes that survive power loss: what must reach the disk, in which order, and what a failure means.

Expected system calls of one `put` of an object (strace -e trace=%file,%desc), with what each one is for:

    openat(staging/NAME, O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC)   nobody looks for objects here
    write(...)  fsync(file)  close                            the bytes are on disk before the name is
    link(staging/NAME, objects/KEY)                           atomic; EEXIST: somebody else was first, his bytes stay
    openat(parent, O_RDONLY|O_DIRECTORY)  fsync(dir)  close   the name is on disk
    unlink(staging/NAME)                                      not synced: a left-over is purged at a later start

A folder on the way to KEY is made with mkdir and its parent synced before the first object in it is acknowledged. A crash
between two calls leaves either nothing visible or the whole object. A failed fsync is final: the kernel may have dropped
the dirty pages, so the staged file is given up and never synced again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hanse.errors import StorageError, StorageFull

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_HINT = "free space where it is kept (HANSE_HOME, or a node's data folder), or raise its quota, and try again"
_TOO_LARGE_HINT = (
    "the file system takes no file of this size, whatever room it has (FAT: none of 4 GiB or more), or this process may write "
    "none (`ulimit -f`): keep it in a folder on another file system"
)
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_CLOSED_HINT = "whoever runs this may not write there: give him the folder, or name another one"
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP})
_NO_LINKS_HINT = "whoever runs this may not do that there, or the file system makes no links, as FAT: name another folder"
_TAKEN = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ELOOP})
_TAKEN_HINT = "something else is in its place: move that away, or name another place"
_RESTED_NS = 3600 * 10**9
_FEW = 16
_BROKEN_HINT = "see the system's log for disk errors; run `hanse admin fsck`"


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn an OSError of the block into StorageFull (no space, quota or size limit reached) or StorageError.

    what: the act that fails, as it reads after "cannot", such as `store xorbs/00/…`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            full = _TOO_LARGE_HINT if error.errno == errno.EFBIG else _FULL_HINT
            raise StorageFull(f"cannot {what}: {error.strerror}", hint=full) from error
        hint = _CLOSED_HINT if error.errno in _CLOSED else _TAKEN_HINT if error.errno in _TAKEN else _BROKEN_HINT
        if error.filename2 is not None and error.errno in _NO_LINKS:  # of two names: a link, or a move
            hint = _NO_LINKS_HINT
        raise StorageError(f"cannot {what}: {error}", hint=hint) from error


def write_all(file: int, data: bytes | memoryview) -> None:
    """Write all of `data` to the file descriptor; raises OSError."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(file, rest) :]


def sync_file(path: Path) -> None:
    """Flush the content of the file at `path` to disk; raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def sync_directory(path: Path) -> None:
    """Flush the names in the folder `path` to disk; raises OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sync_fresh(file: int, changed_ns: int) -> None:
    """Flush an open file that somebody else wrote, before anybody says what its bytes are; raises OSError.

    changed_ns: when it was last changed (nanoseconds since 1970). One that has rested for an hour is not flushed: the system did
    that long ago (Linux after half a minute).
    """
    if _fresh(changed_ns):
        os.fsync(file)


def sync_all_fresh(found: Iterable[tuple[str, int, int]]) -> None:
    """Do the same for many files at once, each a path, the device it lies on, and when it was last changed; raises OSError.

    Even of files that are on disk already each flush takes time, of which an audit has thousands: beyond a few, each file system
    that they are on is flushed as a whole, where the system knows how (Linux).
    """
    devices = dict[int, list[str]]()
    for path, device, changed_ns in found:
        if _fresh(changed_ns):
            devices.setdefault(device, []).append(path)
    for paths in devices.values():
        whole = _system_flush() if len(paths) > _FEW else None
        for path in paths:
            try:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                continue  # nobody vouches for what is gone
            try:
                if whole is None:
                    os.fsync(file)
                elif whole(file):
                    raise OSError(errno.EIO, "the file system could not be flushed", path)
            finally:
                os.close(file)
            if whole is not None:
                break


def _fresh(changed_ns: int) -> bool:
    return not changed_ns < time.time_ns() - _RESTED_NS


@cache
def _system_flush() -> Callable[[int], int] | None:
    """Return what flushes the file system of an open file and tells 0 for success, None where there is no such thing."""
    import ctypes  # noqa: PLC0415 few commands need it

    return getattr(ctypes.CDLL(None), "syncfs", None)


def make_directory(path: Path, mode: int = 0o750, *, above: int | None = None) -> None:
    """Make the folder `path` and those above it, and flush every name down from the first one made; raises OSError.

    A folder that exists already may have been made a moment ago by another process that has not synced it yet, so the
    folder's own name is flushed in any case. above: mode of those above it, if that is another.
    """
    if not path.is_dir() and path.parent != path:
        if not path.parent.is_dir():
            make_directory(path.parent, mode if above is None else above)
        path.mkdir(mode, exist_ok=True)
    try:
        sync_directory(path.parent)
    except PermissionError:  # it may be entered, and not read: its file system flushes names with what they name, or not at all
        sync_directory(path)


def make_directories(root: Path, below: Iterable[Path], mode: int = 0o777) -> None:
    """Make a folder, and folders anywhere below it, and flush each of their names; raises OSError."""
    folders = dict.fromkeys(below)
    make_directory(root, mode)
    for path in folders:
        path.mkdir(mode, parents=True, exist_ok=True)
    for path in {above for one in folders for above in one.parents if above.is_relative_to(root)}:
        sync_directory(path)


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write `data` to a new file at `path`, durable on return.

    For small files that are written once, in a folder nobody reads meanwhile; objects go through staging instead. Raises
    FileExistsError if the name is taken, other OSError; a file that could not be completed is removed.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def publish(staged: Path, target: Path) -> bool:
    """Give the synced file `staged` the name `target` unless that is taken; tell whether it was given; raises OSError.

    The parent folder is flushed even when the name was taken: the other writer may not have come so far yet, and the
    caller will acknowledge the object either way. `staged` is gone afterwards, unless OSError was raised.
    """
    try:
        os.link(staged, target)
        fresh = True
    except FileExistsError:
        fresh = False
    sync_directory(target.parent)
    staged.unlink(missing_ok=True)
    return fresh
