"""One large file of a mirror: it goes on where the last try ended, and is taken in only if it is what was claimed.

The pieces are hashed, chunked and stored while they arrive, and kept beside that until the file is complete; what an earlier try
kept is read first. If the whole is not what was claimed and a part of it was from an earlier try, that part may have been
damaged, or of an upstream that was another one then: once, everything is fetched again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from hanse.content.gitobjects import BlobHasher
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.errors import BlobNotFound, DigestMismatch
from hanse.flows.ingest import FileIngest
from hanse.flows.mirror.patience import Halt, Patience
from hanse.flows.node import Node
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import Sha256
from hanse.model.filepin import FilePin
from hanse.peers.place import Place
from hanse.store.parts import PartFile

_READ = 1024 * 1024


def take_large(node: Node, repo: Repo, pin: FilePin, source: Place | Path, stop: Halt) -> FileRow:
    """Take a file in, from a place or from this machine, and return its row.

    Raises DigestMismatch if it is not what was claimed, BlobNotFound if a file on this machine cannot be read, what a place
    raises, StorageError, TooLarge.
    """
    if isinstance(source, Path):
        digest = pin.sha256 or _digest(pin, _pieces(source))
        return _ingest(node, repo, pin, digest, _pieces(source))
    with PartFile(part_path(node, repo, pin)) as part:
        resumed = part.size > 0
        try:
            row = _from_place(node, repo, pin, source, part=part, stop=stop)
        except DigestMismatch:
            part.reset()
            if not resumed:
                part.remove()
                raise
            row = _from_place(node, repo, pin, source, part=part, stop=stop)
        part.remove()
        return row


def part_path(node: Node, repo: Repo, pin: FilePin) -> Path:
    """Return where the arriving bytes of a file are kept."""
    return mirror_folder(node) / f"{repo.id}-{pin.sha256 or pin.git_oid}.part"


def mirror_folder(node: Node) -> Path:
    """Return the folder of what mirrors have not taken in yet."""
    return node.staging.root / "mirror"


def _from_place(node: Node, repo: Repo, pin: FilePin, place: Place, *, part: PartFile, stop: Halt) -> FileRow:
    if part.size > pin.size:
        part.reset()
    if pin.sha256 is not None:
        return _ingest(node, repo, pin, pin.sha256, _through(part, pin, place, stop))
    # What it will be called is not known before all of it is here.
    digest = _digest(pin, _through(part, pin, place, stop))
    return _ingest(node, repo, pin, digest, part.pieces())


def _through(part: PartFile, pin: FilePin, place: Place, stop: Halt) -> Iterator[bytes]:
    """Yield what an earlier try kept, then what the place gives, which is kept as well."""
    yield from part.pieces()
    for piece in Patience(stop).read(place, pin, part.size):
        part.append(piece)
        yield piece


def _digest(pin: FilePin, pieces: Iterator[bytes]) -> Sha256:
    """Return the SHA-256 of a file whose git blob id (of its content) must be the claimed one; raises DigestMismatch."""
    state, blob, size = hashlib.sha256(), BlobHasher(pin.size), 0
    for piece in pieces:
        state.update(piece)
        blob.update(piece)
        size += len(piece)
    if size != pin.size or (not pin.lfs and blob.finish() != pin.git_oid):
        raise DigestMismatch(f"expected {pin.size} bytes with git blob id {pin.git_oid}, got {size} others")
    return Sha256(state.hexdigest())


def _ingest(node: Node, repo: Repo, pin: FilePin, digest: Sha256, pieces: Iterator[bytes]) -> FileRow:
    with FileIngest(node, ANONYMOUS, repo, sha256=digest, size=pin.size) as ingest:
        for piece in pieces:
            ingest.feed(piece)
        row = ingest.finish()
    if pin.xet is not None and row.xet != pin.xet:
        raise DigestMismatch(f"expected the xet hash {pin.xet}, the bytes have {row.xet}")
    return row


def read_whole(path: Path, size: int) -> bytes:
    """Return a small file of this machine, of at most `size` bytes and one more; raises BlobNotFound."""
    try:
        with path.open("rb") as file:
            return file.read(size + 1)
    except OSError as error:
        raise BlobNotFound(f"{path} cannot be read: {error.strerror}") from error


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(_READ):
                yield data
    except OSError as error:
        raise BlobNotFound(f"{path} cannot be read: {error.strerror}") from error
