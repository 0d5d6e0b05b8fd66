"""What an export has written so far: a file beside it, so that one that was killed goes on where it was.

    hanse-export-progress/1
    SHA256 SIZE PATH        in the order of writing; only of files that are on disk by then

A last line that is cut counts for nothing. The file goes when the export is whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import HanseError
from hanse.model.digest import Sha256, parse_sha256
from hanse.model.exportindex import MAX_FILES
from hanse.model.staticlayout import StaticPath, parse_static_path
from hanse.store.durable import storage_errors, sync_directory, write_all

_FORMAT = "hanse-export-progress/1"
_MAX_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Done:
    """A file that was written: its path, size in bytes, and digest."""

    path: StaticPath
    size: int
    sha256: Sha256


class Progress:
    """The record of one export, open for more. Raises StorageError or StorageFull.

    before: what it has from an earlier try, in order.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before: list[Done] = []
        with storage_errors("record the progress of an export"):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            size = os.fstat(self._file).st_size
            data = os.pread(self._file, size, 0) if size <= _MAX_BYTES else b""
        end = data.rfind(b"\n") + 1
        lines = data[:end].decode("ascii", "replace").split("\n")[:-1]
        if lines[:1] != [_FORMAT]:
            self.restart([])
            return
        for line in lines[1 : MAX_FILES + 1]:
            found = parse_line(line)
            if found is None:
                break
            self.before.append(found)
        self.restart(self.before)

    def restart(self, kept: list[Done]) -> None:
        """Begin the record again with what is kept of it."""
        with storage_errors("record the progress of an export"):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            write_all(self._file, b"".join([f"{_FORMAT}\n".encode(), *map(line_of, kept)]))
            os.fsync(self._file)

    def add(self, done: list[Done]) -> None:
        """Record files that are on disk; durable on return."""
        with storage_errors("record the progress of an export"):
            write_all(self._file, b"".join(map(line_of, done)))
            os.fsync(self._file)

    def close(self) -> None:
        """Keep the record for the next try; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Remove the record: the export is whole."""
        self.close()
        with storage_errors("remove the record of an export"):
            self.path.unlink(missing_ok=True)
            sync_directory(self.path.parent)


def line_of(one: Done) -> bytes:
    """Return the line of a record that a file is there."""
    return f"{one.sha256} {one.size} {one.path}\n".encode("ascii")


def parse_line(line: str) -> Done | None:
    """Return what a line of a record says, without its end; None for what is no such line."""
    digest, _, rest = line.partition(" ")
    size, _, path = rest.partition(" ")
    with suppress(HanseError, ValueError):
        return Done(parse_static_path(path), int(size), parse_sha256(digest))
    return None
