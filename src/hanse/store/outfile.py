"""The file that a command writes at its end: that this can be done is found out before it does anything else.

What is written appears whole or not at all, also after a power loss, and keeps the mode of what it replaces. A link, a pipe, a
device such as `/dev/stdout`, a file that is mounted, or one in a folder where nobody may make another is not replaced but written
into.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISREG

from hanse.errors import StorageError
from hanse.store.durable import sync_file


def require_writable(path: Path | None, *, folders: bool = False) -> None:
    """Make sure that a file can be written later, and leave everything as it is; None is no file.

    folders: those above it that are missing will be made. Raises StorageError.
    """
    if path is None:
        return
    with _told(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = path.parent
        while folders and not os.path.lexists(folder):
            folder = folder.parent
        if _is_written_into(path):
            if path.exists() and not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        else:  # only making a file tells: who may do what, whether anybody may, and whether there is room for a name
            _made(folder / _temporary(path)).unlink()


def replace_file(path: Path, data: bytes) -> None:
    """Write a file as a whole, in place of what was there; raises StorageError."""
    with _told(path):
        if _is_written_into(path):
            path.write_bytes(data)
            return
        part = _made(path.with_name(_temporary(path)))
        try:
            part.write_bytes(data)
            sync_file(part)
            with suppress(FileNotFoundError):
                part.chmod(S_IMODE(path.stat().st_mode))
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}",
            hint="name a file in a folder that is there, where you may write and where there is room",
        ) from error


def _is_written_into(path: Path) -> bool:
    try:
        return not S_ISREG(path.lstat().st_mode) or os.path.ismount(path) or not os.access(path.parent, os.W_OK)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _made(path: Path) -> Path:
    path.unlink(missing_ok=True)  # left by one that was killed
    path.touch(exist_ok=False)
    return path


def _temporary(path: Path) -> str:
    name = path.name.encode()[:100].decode(errors="ignore")
    return f".{name}.{os.getpid()}.part"
