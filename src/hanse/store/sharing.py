"""Giving a file another place with as few bytes written as the file system allows: moved, cloned (reflink), or copied.

A target appears as a whole or not at all, and replaces what was there: it is made beside it under a name that begins with a dot,
flushed, and renamed. A crash leaves at most such a file behind. That the name survives power loss is for the caller, who flushes
a folder once for all that he puts there (`hanse.store.durable.sync_directory`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hanse.store.durable import storage_errors, sync_file

FICLONE = 0x40049409
"""ioctl of Linux: let this file share the blocks of that one until either is written."""
_COPY_BYTES = 1 << 30
_PIECE = 1 << 20
_NOT_HERE = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_NO_LINKS = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP})
_ELSEWHERE = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS})


def move(source: Path, target: Path, mode: int) -> bool:
    """Let `source` become `target` with `mode`; return False if it cannot be moved there, as on another file system.

    Raises StorageError, StorageFull.
    """
    temporary = _beside(target)
    with storage_errors(f"write {target}"):
        try:
            source.rename(temporary)
        except OSError as error:
            if error.errno in _ELSEWHERE:
                return False
            raise
        try:
            with suppress(PermissionError):  # FAT has no modes
                temporary.chmod(mode)
            temporary.replace(target)
        except OSError:
            with suppress(OSError):
                temporary.rename(source)
            raise
    return True


def copy(file: int, size: int, target: Path, mode: int) -> None:
    """Make `target` a file with the `size` bytes of the open file, sharing its blocks where the file system can.

    Raises StorageError, StorageFull; also if the file is shorter.
    """
    temporary = _beside(target)
    with storage_errors(f"write {target}"):
        out = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if not _clone(file, out):
                _copy(file, out, size)
            with suppress(PermissionError):  # FAT has no modes
                os.fchmod(out, mode)
            os.fsync(out)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(out)


def makes_links(folder: Path) -> bool:
    """Tell whether the file system of `folder`, which exists, makes symbolic links, by making one; raises StorageError.

    FAT and exFAT do not, and some network file systems.
    """
    link = _beside(folder / "link")
    with storage_errors(f"write {link}"):
        try:
            link.symlink_to("nowhere")
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        link.unlink()
    return True


def replace_link(target: Path, to: str) -> None:
    """Make `target` a symbolic link to `to`, in place of whatever file or link was there; raises StorageError."""
    with storage_errors(f"link {target}"):
        with suppress(FileExistsError):
            target.symlink_to(to)
            return
        with suppress(OSError):
            if target.readlink() == Path(to):
                return
    _write(target, lambda out: out.symlink_to(to))


def replace_text(target: Path, text: str, *, flushed: bool = False) -> None:
    """Make `target` a file with this text, seen by readers either before or after; raises StorageError, StorageFull.

    flushed: after a power loss, too; otherwise only whoever can do without the file may be its reader.
    """

    def write(out: Path) -> None:
        out.write_text(text, encoding="utf-8")
        if flushed:
            sync_file(out)

    _write(target, write)


def _write(target: Path, write: Callable[[Path], object]) -> None:
    temporary = _beside(target)
    with storage_errors(f"write {target}"):
        try:
            write(temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _clone(file: int, out: int) -> bool:
    try:
        fcntl.ioctl(out, FICLONE, file)
    except OSError:
        return False
    return True


def _copy(file: int, out: int, size: int) -> None:
    """Copy inside the kernel where it can be done, else in pieces of 1 MiB."""
    at = 0
    while at < size:
        try:
            count = os.copy_file_range(file, out, min(size - at, _COPY_BYTES), at, at)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            count = os.pwrite(out, os.pread(file, min(size - at, _PIECE), at), at)
        if not count:
            raise OSError(errno.EIO, "the file became shorter while it was copied")
        at += count


def _beside(target: Path) -> Path:
    name = target.name.encode()[:100].decode(errors="ignore")
    return target.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}.hanse")
