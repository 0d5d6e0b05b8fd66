"""The store of an olah mirror (block cache, version 10): files in blocks, kept as they come unless compression is switched on.

STORE/files/{models,datasets}/NAMESPACE/NAME/resolve/REV/PATH/meta.bin, blocks/block_00000000.bin, …

Version 9 (olah 0.4) has the same places, version 8 (olah 0.3) one file in the place of each folder; neither is read, which is
said.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hanse.errors import HanseError, TooLarge
from hanse.flows.found import MAX_FILES, FoundRevision, Kind, Said, said_by_name, scan
from hanse.model.digest import GitOid, is_git_oid
from hanse.model.repo import RepoType, parse_path

_PREFIX = struct.Struct("<4sHHIQQBIH8s")
_MAGIC = b"OLAH"
_VERSION, _SANE = 10, 100
_MAX_META = 1 << 20
_MAX_BLOCKS = 131_072
_META, _BLOCKS = "meta.bin", "blocks"


@dataclass(frozen=True, slots=True)
class _Meta:
    """The header of one file: size and block size in bytes, how it is compressed, the upstream's ETag."""

    size: int
    block: int
    algorithm: int
    etag: str


def is_olah(root: Path) -> bool:
    """Tell whether a folder is the store of an olah mirror."""
    return any((root / "files" / kind.plural).is_dir() for kind in RepoType)


def olah_revisions(root: Path) -> Iterator[FoundRevision]:
    """Yield every revision of which the store has a file; raises StorageError, TooLarge."""
    for kind in RepoType:
        base = root / "files" / kind.plural
        for namespace in _folders(base):
            for name in _folders(namespace):
                for rev in _folders(name / "resolve"):
                    if is_git_oid(rev.name):
                        yield _revision(rev, kind, f"{namespace.name}/{name.name}")


def _folders(folder: Path) -> list[Path]:
    return [Path(one.path) for one in scan(folder) if one.is_dir(follow_symlinks=False)] if folder.is_dir() else []


def _revision(root: Path, kind: RepoType, repo: str) -> FoundRevision:
    files: dict[str, Path] = {}
    parts: dict[str, tuple[Path, ...]] = {}
    said: dict[str, Said] = {}
    odd: dict[str, str] = {}
    stack = [""]
    while stack:
        name = stack.pop()
        folder = root / name
        if not (folder / _META).is_file():
            for one in scan(folder):
                within = f"{name}/{one.name}" if name else one.name
                if one.is_dir(follow_symlinks=False):
                    stack.append(within)
                else:
                    odd[within] = _unread(Path(one.path))
            continue
        found = _file(folder)
        if isinstance(found, str):
            odd[name] = found
            continue
        with suppress(HanseError):
            path = parse_path(name)
            meta, pieces = found
            said[path] = replace(said_by_name(meta.etag.strip('"')), size=meta.size)
            if len(pieces) == 1:
                files[path] = pieces[0]
            else:
                parts[path] = pieces
        if len(files) + len(parts) + len(odd) > MAX_FILES:
            raise TooLarge(f"there are more than {MAX_FILES:,} files in {root}")
    return FoundRevision(Kind.OLAH, root, kind, repo, GitOid(root.name), (), files, False, parts=parts, said=said, odd=odd)


def _file(folder: Path) -> tuple[_Meta, tuple[Path, ...]] | str:
    """Return header and blocks of a file that is there as a whole, else why it is not."""
    meta = _read_meta(folder / _META)
    if meta is None:
        return _unread(folder / _META)
    if meta.algorithm:
        return "it is kept compressed"
    count = -(-meta.size // meta.block)
    pieces = tuple(folder / _BLOCKS / f"block_{number:08}.bin" for number in range(count))
    for number, piece in enumerate(pieces):
        try:
            length = os.lstat(piece).st_size
        except OSError:
            return "it is there in part"
        if length != min(meta.block, meta.size - number * meta.block):
            return f"block {number} has {length:,} bytes"
    return (meta, pieces) if pieces else "it is empty"


def _unread(path: Path) -> str:
    """Return why the header at the beginning of a file is none that is read here."""
    with suppress(OSError, struct.error), path.open("rb") as file:
        magic, version = struct.unpack("<4sH", file.read(6))
        if magic == _MAGIC and _VERSION != version < _SANE:
            return f"it is kept in version {version} of olah's form; version {_VERSION} is read, of olah 0.5"
    return "its header cannot be read"


def _read_meta(path: Path) -> _Meta | None:
    with suppress(OSError, struct.error, UnicodeDecodeError), path.open("rb") as file:
        data = file.read(_MAX_META)
        magic, version, _, length, block, size, algorithm, chunk, etag, _ = _PREFIX.unpack_from(data)
        rest = data[:length]
        good = magic == _MAGIC and version == _VERSION and len(rest) == length >= _PREFIX.size + etag + 8 and chunk > 0
        if good and block > 0 and size <= block * _MAX_BLOCKS and zlib.crc32(rest[:-4]) == int.from_bytes(rest[-4:], "little"):
            return _Meta(size, block, algorithm, rest[_PREFIX.size : _PREFIX.size + etag].decode("ascii"))
    return None
