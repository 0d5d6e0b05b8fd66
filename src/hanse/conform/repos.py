"""What an origin has: repositories, revisions and files, read from disk or memory, with every digest that hubs say."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hanse.content.chunking import Chunker
from hanse.content.gitobjects import BlobHasher, lfs_pointer_id
from hanse.content.hashing import ChunkListBuilder, chunk_hash
from hanse.model.digest import GitOid, Sha256, XetHash
from hanse.model.filepin import FilePin
from hanse.model.repo import RepoType

PIECE = 1024 * 1024
LFS_FROM = 1024 * 1024
"""Files from this many bytes on are large files, with a pointer in git; and those with a large file's suffix."""
LFS_SUFFIXES = (".bin", ".safetensors", ".gguf", ".pt", ".pth", ".onnx", ".pkl", ".npz", ".h5")


class Content:
    """Bytes of a file, and what they hash to; hashed once, when somebody asks."""

    def __init__(self, source: bytes | Path, *, flip: int | None = None) -> None:
        self._source = source
        self._flip = flip
        self.size = len(source) if isinstance(source, bytes) else source.stat().st_size

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) in pieces of at most 1 MiB."""
        if isinstance(self._source, bytes):
            pieces: Iterator[bytes] = (self._source[at : min(at + PIECE, end)] for at in range(start, end, PIECE))
        else:
            pieces = _pieces(self._source, start, end)
        at = start
        for piece in pieces:
            yield self._altered(piece, at)
            at += len(piece)

    def _altered(self, piece: bytes, at: int) -> bytes:
        """Return a piece that begins at `at` with the byte to be altered altered."""
        if self._flip is None or not at <= self._flip < at + len(piece):
            return piece
        mine = bytearray(piece)
        mine[self._flip - at] ^= 0x01
        return bytes(mine)

    def altered(self, at: int | None = None) -> Content:
        """Return the same content with one bit of byte `at` (default: the middle) flipped; of an empty file, itself."""
        if not self.size:
            return self
        return Content(self._source, flip=self.size // 2 if at is None else min(at, self.size - 1))

    @cached_property
    def _digests(self) -> tuple[Sha256, GitOid, XetHash, bytes]:
        """Return SHA-256, git blob id, Xet hash and chunk list."""
        sha256, blob, chunker, chunks = hashlib.sha256(), BlobHasher(self.size), Chunker(), ChunkListBuilder()
        for piece in self.read(0, self.size):
            sha256.update(piece)
            blob.update(piece)
            for chunk in chunker.feed(piece):
                chunks.add(chunk_hash(chunk), len(chunk))
        for chunk in chunker.finish():
            chunks.add(chunk_hash(chunk), len(chunk))
        return Sha256(sha256.hexdigest()), blob.finish(), chunks.file_hash(), chunks.encode()

    @property
    def sha256(self) -> Sha256:
        """SHA-256 of the content."""
        return self._digests[0]

    @property
    def blob(self) -> GitOid:
        """Git blob id of the content."""
        return self._digests[1]

    @property
    def xet(self) -> XetHash:
        """Xet hash of the content."""
        return self._digests[2]

    @property
    def chunk_list(self) -> bytes:
        """Chunk list of the content (`hanse.content.hashing`)."""
        return self._digests[3]


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield bytes [start, end) of a file on disk."""
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(PIECE, end - start))):
            start += len(piece)
            yield piece


@dataclass(frozen=True)
class OriginFile:
    """A file of a revision: path, content, and whether git holds a large file's pointer in its place."""

    path: str
    content: Content
    lfs: bool

    def of(self, content: Content) -> OriginFile:
        """Return the file with other content."""
        return OriginFile(self.path, content, self.lfs)

    @property
    def git_oid(self) -> GitOid:
        """Git blob id: of the pointer if large, else of the content."""
        return lfs_pointer_id(self.content.sha256, self.content.size) if self.lfs else self.content.blob

    def pin(self, *, xet: bool = True) -> FilePin:
        """Return the honest pins of the file: as an upstream says them (SHA-256 and Xet hash of large files only)."""
        content = self.content
        sha256, hashed = (content.sha256, content.xet if xet else None) if self.lfs else (None, None)
        return FilePin(self.path, content.size, self.git_oid, self.lfs, sha256, hashed)


@dataclass(frozen=True)
class OriginRevision:
    """A revision: 40 hex digits, its parent, its files by path and when it was made (Unix seconds)."""

    rev: str
    parent: str | None
    files: Mapping[str, OriginFile]
    at: int


@dataclass
class OriginRepo:
    """A repository: revisions in order of making, and refs (`refs/heads/main`) to revisions.

    tokens: who may see it (None: everybody); card: more fields of its info.
    """

    name: str
    type: RepoType = RepoType.MODEL
    revisions: dict[str, OriginRevision] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    tokens: frozenset[str] | None = None
    card: dict[str, object] = field(default_factory=dict)

    def commit(self, files: Mapping[str, OriginFile], *, ref: str, parent: str | None) -> OriginRevision:
        """Add a revision with exactly `files` and lead `ref` to it."""
        at = 1_700_000_000 + 3600 * len(self.revisions)
        said = "\n".join([self.name, parent or "", str(at), *(f"{path} {file.git_oid}" for path, file in sorted(files.items()))])
        rev = hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest()
        made = OriginRevision(rev, parent, dict(sorted(files.items())), at)
        self.revisions[rev] = made
        self.refs[ref] = rev
        return made

    def resolve(self, text: str) -> OriginRevision | None:
        """Return the revision that a commit id, branch, tag or full ref names."""
        rev = next((self.refs[name] for name in (text, f"refs/heads/{text}", f"refs/tags/{text}") if name in self.refs), text)
        return self.revisions.get(rev)

    def history(self, rev: str) -> Iterator[OriginRevision]:
        """Yield a revision and its ancestors, newest first."""
        at: str | None = rev
        while at is not None:
            made = self.revisions[at]
            yield made
            at = made.parent

    @property
    def first(self) -> OriginRevision:
        """The revision made first."""
        return next(iter(self.revisions.values()))

    @property
    def newest(self) -> OriginRevision:
        """The revision made last."""
        return next(reversed(self.revisions.values()))


def read_files(source: Path | Mapping[str, bytes | Path | Content]) -> dict[str, OriginFile]:
    """Return the files below a folder (links are followed), or of a mapping from path to bytes or file on disk."""
    if isinstance(source, Path):
        found: Mapping[str, bytes | Path | Content] = {
            path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()
        }
    else:
        found = source
    contents = {path: item if isinstance(item, Content) else Content(item) for path, item in found.items()}
    return {path: OriginFile(path, content, is_lfs(path, content.size)) for path, content in contents.items()}


def is_lfs(path: str, size: int) -> bool:
    """Tell whether a file is a large one by size or suffix; empty files never are."""
    return size > 0 and (size >= LFS_FROM or path.endswith(LFS_SUFFIXES))


def folders(paths: Mapping[str, OriginFile]) -> list[str]:
    """Return the folders that hold files, deepest last."""
    found = {"/".join(parts[:at]) for parts in (path.split("/") for path in paths) for at in range(1, len(parts))}
    return sorted(found)


def pages(items: list[dict[str, object]], size: int) -> list[list[dict[str, object]]]:
    """Return items in pages of at most `size`, one empty page if there are none."""
    taken = iter(items)
    return list(iter(lambda: list(itertools.islice(taken, size)), [])) or [[]]
