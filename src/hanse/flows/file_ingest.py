"""Whole files as streams (LFS): hashed, chunked and deduplicated while they arrive, visible only once they are checked.

1.  Each piece goes through SHA-256 and the chunker; chunks that the actor may refer to already are not stored again.
2.  At the end, size and digest must be those that were declared.
3.  Chunk list and a shard of the node's own become objects, as for files that come by shard.
4.  One transaction makes the file known to the repository.
"""

from __future__ import annotations

import hashlib
from types import TracebackType
from typing import Self

from hanse.content.chunking import Chunker
from hanse.content.hashing import CHUNK_RECORD_BYTES, HASH_BYTES, file_hash_of_chunk_list, range_hash
from hanse.content.shard import FileBlock, Shard, encode_shard
from hanse.content.terms import encode_terms
from hanse.db import blobs, xorbs
from hanse.db.blobs import FileRow, NewFile
from hanse.db.repos import Repo
from hanse.errors import DigestMismatch, TooLarge
from hanse.flows import scans
from hanse.flows.file_writer import FileWriter
from hanse.flows.inspect import show_file
from hanse.flows.known_chunks import KnownChunks, known_chunks
from hanse.flows.node import Node
from hanse.flows.quota import is_bounded, missing_bytes, require_room
from hanse.flows.read import TermSource
from hanse.flows.small_files import store_small
from hanse.flows.transfers import Tables, require_stored
from hanse.flows.xorb_ingest import DAY_SECONDS, eligible_chunks
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.store.keys import chunk_list_key, shard_key, xorb_key


class FileIngest:
    """Takes in one file as its pieces arrive; use as a context manager, which removes what was not accepted.

    sha256, size: as declared by the sender; counted: the quota counts the file already, as an upload in progress; known: where
    its chunks may be stored already, if that was found out. The caller has checked that the actor may write to `repo`. Raises
    TooLarge for a declared size above the node's bound, QuotaExceeded.
    """

    def __init__(
        self,
        node: Node,
        actor: Actor,
        repo: Repo,
        *,
        sha256: Sha256,
        size: int,
        counted: bool = False,
        known: KnownChunks | None = None,
    ) -> None:
        if not 0 <= size <= node.limits.max_file_bytes:
            raise TooLarge(f"a file may have {node.limits.max_file_bytes} bytes, {size} are declared")
        self._node = node
        self._actor = actor
        self._repo = repo
        self._expected = sha256
        self._size = size
        self._received = 0
        self._sha256 = hashlib.sha256()
        self._bounded = not counted and _require_room(node, actor, repo, sha256, size)
        self._chunker = Chunker()
        self._writer = FileWriter(node, known or known_chunks(node, actor, repo, size))

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes; pieces of about 1 MiB are best. Raises DigestMismatch beyond the declared size; StorageError."""
        self._received += len(piece)
        if self._received > self._size:
            raise DigestMismatch(f"{self._size} bytes are declared and more were sent")
        self._sha256.update(piece)
        for chunk in self._chunker.feed(piece):
            self._writer.add(chunk)

    def finish(self) -> FileRow:
        """Check the whole file and make it known to the repository; return its row.

        Raises DigestMismatch if size or digest are not those declared; QuotaExceeded; StorageError. Nothing is visible then.
        """
        digest = Sha256(self._sha256.hexdigest())
        if self._received != self._size or digest != self._expected:
            raise DigestMismatch(
                f"expected {self._size} bytes with sha256 {self._expected}, got {self._received} with {digest}",
                hint="send the file again",
            )
        if not self._size:
            return store_small(self._node, self._repo, self._actor, b"")
        for chunk in self._chunker.finish():
            self._writer.add(chunk)
        return _record(self._node, self._actor, self._repo, self._writer, digest, bounded=self._bounded)

    def close(self) -> None:
        """Remove what was staged and not accepted; idempotent."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _require_room(node: Node, actor: Actor, repo: Repo, sha256: Sha256, size: int) -> bool:
    """Raise QuotaExceeded unless there is room for the file; tell whether to look again when it is there."""
    with node.db.read() as conn:
        if not is_bounded(node, conn, actor, repo):
            return False
        adding = missing_bytes(node, conn, repo, {sha256: size}, blobs.find_by_sha256(conn, repo.id, [sha256]))
        if adding:
            require_room(node, conn, actor, repo, adding)
        return adding > 0


def _record(node: Node, actor: Actor, repo: Repo, writer: FileWriter, digest: Sha256, *, bounded: bool) -> FileRow:
    """Store chunk list and shard of a checked file, then enter it into the catalogue."""
    terms = writer.finish()
    chunk_list = writer.chunks.encode()
    name, size = file_hash_of_chunk_list(chunk_list)
    tables = Tables(node.store, node.transfers.tables)
    ranges = tuple(range_hash([tables[term.xorb].hashes_of(term.start, term.end)]) for term in terms)
    shard = encode_shard(Shard((FileBlock(name, tuple(terms), ranges, digest),), ()))
    shard_digest = Sha256(hashlib.sha256(shard).hexdigest())
    show_file(node, TermSource(node.store, node.transfers.tables, terms), digest)
    node.store.put(chunk_list_key(name), chunk_list)
    node.store.put(shard_key(shard_digest), shard)
    file = NewFile(name, digest, size, encode_terms(terms), len(chunk_list) // CHUNK_RECORD_BYTES)
    with node.db.write() as conn:
        now = node.clock.now()
        row = blobs.insert_files(conn, [file], now)[name]
        scans.record(node, conn, {digest: size})
        blobs.link_files(conn, repo.id, [row.id], actor.account_id, now)
        if bounded:  # others may have come in meanwhile
            require_room(node, conn, actor, repo, 0)
        names = {term.xorb for term in terms}
        used = xorbs.get_xorbs(conn, list(names), keep=True)
        require_stored(node.store, [chunk_list_key(name), *map(xorb_key, names)])
        xorbs.advertise(conn, [one.id for one in used.values()], now // DAY_SECONDS)
        xorbs.link_xorbs(conn, repo.id, [one.id for one in used.values()])
        eligible = [(value, used[xorb].id) for xorb in writer.new for value in eligible_chunks(tables[xorb])]
        xorbs.insert_chunks(conn, [(chunk_list[:HASH_BYTES], used[terms[0].xorb].id), *eligible])
        blobs.insert_shard(conn, repo.id, shard_digest, now)
    return row
