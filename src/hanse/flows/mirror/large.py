"""One large file of a mirror: it goes on where the last try ended, and is taken in only if it is what was claimed.

The pieces are hashed, chunked and stored while they arrive, and kept beside that until the file is complete; what an earlier try
kept is read first. If the whole is not what was claimed and a part of it was from an earlier try, that part may have been
damaged, or of an upstream that was another one then: once, everything is fetched again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
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

Local = Callable[[], Iterator[bytes]]
"""Reads a file of this machine from its start, in pieces of about 1 MiB; raises BlobNotFound if that cannot be done."""
Arrived = Callable[[int], None]
"""Told how many bytes of a file have been taken in; it may begin anew."""
_READ = 1024 * 1024


def take_large(
    node: Node, repo: Repo, pin: FilePin, source: Place | Local, stop: Halt, *, arrived: Arrived = lambda _size: None
) -> FileRow:
    """Take a file in, from a place or from this machine, and return its row.

    Raises DigestMismatch if it is not what was claimed, BlobNotFound if a file on this machine cannot be read, what a place
    raises, StorageError, TooLarge.
    """
    if callable(source):
        digest = pin.sha256 or _digest(pin, _watched(source(), stop))
        return _ingest(node, repo, pin, digest, _watched(source(), stop, arrived))
    with PartFile(part_path(node, repo, pin)) as part:
        resumed = part.size > 0

        def read() -> Iterator[bytes]:
            return _watched(_through(part, pin, source, stop), stop, arrived)

        try:
            row = _from_place(node, repo, pin, part, read)
        except DigestMismatch:
            part.reset()
            if not resumed:
                part.remove()
                raise
            row = _from_place(node, repo, pin, part, read)
        part.remove()
        return row


def part_path(node: Node, repo: Repo, pin: FilePin) -> Path:
    """Return where the arriving bytes of a file are kept."""
    return mirror_folder(node) / f"{repo.id}-{pin.sha256 or pin.git_oid}.part"


def mirror_folder(node: Node) -> Path:
    """Return the folder of what mirrors have not taken in yet."""
    return node.staging.root / "mirror"


def _from_place(node: Node, repo: Repo, pin: FilePin, part: PartFile, read: Callable[[], Iterator[bytes]]) -> FileRow:
    if part.size > pin.size:
        part.reset()
    if pin.sha256 is not None:
        return _ingest(node, repo, pin, pin.sha256, read())
    # What it will be called is not known before all of it is here.
    digest = _digest(pin, read())
    return _ingest(node, repo, pin, digest, part.pieces())


def _through(part: PartFile, pin: FilePin, place: Place, stop: Halt) -> Iterator[bytes]:
    """Yield what an earlier try kept, then what the place gives, which is kept as well."""
    yield from part.pieces()
    for piece in Patience(stop).read(place, pin, part.size):
        part.append(piece)
        yield piece


def _watched(pieces: Iterator[bytes], stop: Halt, arrived: Arrived = lambda _size: None) -> Iterator[bytes]:
    """Yield the pieces, and tell how many bytes they have together; raises Busy if reading was stopped."""
    size = 0
    for piece in pieces:
        if stop.is_set():
            raise stop.stopped()
        size += len(piece)
        arrived(size)
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


def read_whole(local: Local, size: int) -> bytes:
    """Return a small file of this machine, or what is more than `size` bytes of it; raises BlobNotFound."""
    found = bytearray()
    for piece in local():
        found += piece
        if len(found) > size:
            break
    return bytes(found)


def local_file(path: Path) -> Local:
    """Return how to read the file at `path`."""
    return lambda: _pieces(path)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while data := file.read(_READ):
                yield data
    except OSError as error:
        raise BlobNotFound(f"{path} cannot be read: {error.strerror}") from error
