"""An export as it is read: its files and their bytes, from a folder or from an archive; nothing in it is believed.

Links, pipes, devices, paths outside the layout and files that are there twice are refused before a byte is used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from hanse.content.tarform import BLOCK, MAX_PAX_BYTES, TarHeader, TarKind, padding, parse_header, pax_path
from hanse.errors import BadFormat, BlobNotFound, InputError, TooLarge
from hanse.model.exportindex import INDEX, MAX_FILES
from hanse.model.staticlayout import StaticPath, parse_static_path
from hanse.store.durable import storage_errors

PIECE = 1024 * 1024


class ExportSource(Protocol):
    """An export. Safe for threads. Close it in the end."""

    @property
    def name(self) -> str:
        """How people call it: the name of its folder or file."""
        ...

    @property
    def sizes(self) -> Mapping[StaticPath, int]:
        """Size in bytes of every file."""
        ...

    def read(self, path: StaticPath, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file, fewer only at its end; raises BlobNotFound, StorageError."""
        ...

    def close(self) -> None:
        """Close what is open; idempotent."""
        ...


def open_export(path: Path) -> FolderSource | ArchiveSource:
    """Return the export at a path: a folder, or a tar archive.

    Raises InputError if there is none, BadFormat or TooLarge for one that is not what `hanse export` writes, StorageError.
    """
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise InputError(f"there is no export at {path}", hint="name the folder or the archive that `hanse export` wrote")
    return ArchiveSource(path)


def is_export(path: Path) -> bool:
    """Tell whether a path looks like an export: a folder with an index (also one that is not whole), or a plain file."""
    return path.is_file() or (path / INDEX).is_file() or (path / "export.progress").is_file()


def pieces(source: ExportSource, path: StaticPath) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces of 1 MiB; raises as `ExportSource.read`."""
    size = source.sizes.get(path)
    if size is None:
        raise BlobNotFound(f"the export has no {path}")
    for start in range(0, size, PIECE):
        yield source.read(path, start, PIECE)


def small(source: ExportSource, path: StaticPath, limit: int) -> bytes:
    """Return a whole file of at most `limit` bytes; raises BlobNotFound, TooLarge, StorageError."""
    size = source.sizes.get(path)
    if size is None:
        raise BlobNotFound(f"the export has no {path}", hint="it is not whole: export again")
    if size > limit:
        raise TooLarge(f"{path} of the export has {size:,} bytes; at most {limit:,} are read")
    return source.read(path, 0, size)


class FolderSource:
    """An export in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.name = root.name or str(root)
        self.sizes: dict[StaticPath, int] = {}
        self._walk(root, "", 0)

    def _walk(self, folder: Path, above: str, depth: int) -> None:
        with storage_errors(f"read the export {self._root}"), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                name = f"{above}{entry.name}"
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode) and depth < 12:
                    self._walk(Path(entry.path), f"{name}/", depth + 1)
                    continue
                if not stat.S_ISREG(found.st_mode):
                    raise BadFormat(f"{name[:200]!r} in the export is no plain file", hint="do not use the export")
                self.sizes[parse_static_path(name)] = found.st_size
                if len(self.sizes) > MAX_FILES:
                    raise TooLarge(f"an export has at most {MAX_FILES:,} files")

    def read(self, path: StaticPath, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file; see `ExportSource`."""
        if path not in self.sizes:
            raise BlobNotFound(f"the export has no {path}")
        with storage_errors(f"read {path} of the export"):
            file = os.open(self._root / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise BadFormat(f"{path} in the export is no plain file any more")
                return _pread(file, self.sizes[path] - start if length is None else length, start)
            finally:
                os.close(file)

    def close(self) -> None:
        """Nothing is kept open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ArchiveSource:
    """An export in a tar archive; its headers are read once, files where they lie in it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.sizes: dict[StaticPath, int] = {}
        self._starts: dict[StaticPath, int] = {}
        with storage_errors(f"read {path}"):
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._length = os.fstat(self._file).st_size
            self._index()
        except BaseException:
            self.close()
            raise

    def _index(self) -> None:
        """Read all headers; raises BadFormat, TooLarge or StorageError."""
        at, named, headers = 0, None, 0
        while (header := parse_header(self._block(at))) is not None:
            start = at + BLOCK
            at = start + header.size + padding(header.size)
            headers += 1
            if at > self._length:
                raise BadFormat(f"{header.path[:120]!r} reaches beyond the end of the archive: it is cut")
            if headers > 2 * MAX_FILES:
                raise TooLarge(f"an export has at most {MAX_FILES:,} files")
            if header.kind is TarKind.PAX:
                named = pax_path(self._pax(start, header.size)) or named
                continue
            self._take(header, named or header.path, start)
            named = None
        self._require_end(at)

    def _block(self, at: int) -> bytes:
        with storage_errors("read an archive"):
            return os.pread(self._file, BLOCK, at)

    def _pax(self, start: int, size: int) -> bytes:
        if size > MAX_PAX_BYTES:
            raise TooLarge(f"a pax header of the archive has more than {MAX_PAX_BYTES} bytes")
        with storage_errors("read an archive"):
            return os.pread(self._file, size, start)

    def _take(self, header: TarHeader, name: str, start: int) -> None:
        path = name.removeprefix("./").removesuffix("/" if header.kind is TarKind.FOLDER else "")
        if header.kind is TarKind.FOLDER:
            if path not in ("", "."):
                parse_static_path(path)
            return
        parsed = parse_static_path(path)
        if parsed in self.sizes:
            raise BadFormat(f"{parsed} is in the archive twice", hint="do not use the archive")
        self.sizes[parsed] = header.size
        self._starts[parsed] = start
        if len(self.sizes) > MAX_FILES:
            raise TooLarge(f"an export has at most {MAX_FILES:,} files")

    def _require_end(self, at: int) -> None:
        """Nothing but zeros may follow the end: a second archive there would be for another reader."""
        with storage_errors("read an archive"):
            while data := os.pread(self._file, PIECE, at):
                if data.count(0) != len(data):
                    raise BadFormat("something follows the end of the archive", hint="do not use the archive")
                at += len(data)

    def read(self, path: StaticPath, start: int = 0, length: int | None = None) -> bytes:
        """Return bytes of a file; see `ExportSource`."""
        if path not in self.sizes:
            raise BlobNotFound(f"the export has no {path}")
        rest = max(0, self.sizes[path] - start)
        with storage_errors(f"read {path} of the archive"):
            return _pread(self._file, rest if length is None else min(length, rest), self._starts[path] + start)

    def close(self) -> None:
        """Close the archive; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _pread(file: int, length: int, start: int) -> bytes:
    """Return bytes at a place, in as many reads as it takes."""
    data = os.pread(file, length, start)
    while 0 < len(data) < length:
        more = os.pread(file, length - len(data), start + len(data))
        if not more:
            break
        data += more
    return data
