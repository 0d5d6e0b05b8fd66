"""Small files, sent inside commits: stored whole, with the same names and chunk list as any other file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hanse.content.chunking import split
from hanse.content.hashing import CHUNK_RECORD_BYTES, chunk_hash, encode_chunk_list, file_hash_of_chunk_list
from hanse.content.terms import encode_terms
from hanse.db import blobs, xorbs
from hanse.db.blobs import FileRow, NewFile
from hanse.db.repos import Repo
from hanse.errors import TooLarge
from hanse.flows import scans
from hanse.flows.file_writer import FileWriter
from hanse.flows.known_chunks import nothing_known
from hanse.flows.node import Node
from hanse.flows.quota import is_bounded, missing_bytes, require_room
from hanse.flows.transfers import require_stored
from hanse.model.actor import Actor
from hanse.model.digest import Sha256
from hanse.store.keys import ObjectKey, blob_key, chunk_list_key

_WRITERS = 8  # each waits for the disk most of the time, and the disk flushes several files at once


def store_small(node: Node, repo: Repo, actor: Actor, data: bytes) -> FileRow:
    """Store one small file for the repository and return its row; raises TooLarge, StorageFull or StorageError."""
    return store_small_files(node, repo, actor, [data])[0]


def store_small_files(node: Node, repo: Repo, actor: Actor, items: Sequence[bytes]) -> list[FileRow]:
    """Store small files for the repository and return their rows, in order.

    The caller has checked that the actor may write to `repo`. Raises TooLarge for one above the node's bound, QuotaExceeded
    before anything is stored, StorageFull or StorageError; what was stored before belongs to no repository then.
    """
    if any(len(data) > node.limits.max_regular_bytes for data in items):
        raise TooLarge(f"a file inside a commit may have {node.limits.max_regular_bytes} bytes", hint="upload it by Xet or LFS")
    _require_room(node, repo, actor, items)
    scan = scans.SmallScan(node, items)
    if len(items) == 1:
        files = [store_whole(node, items[0])]
    else:
        with ThreadPoolExecutor(_WRITERS, thread_name_prefix="small-files") as pool:
            files = list(pool.map(lambda data: store_whole(node, data), items))
    scan.finish()
    with node.db.write() as conn:
        now = node.clock.now()
        rows = blobs.insert_files(conn, list({file.xet: file for file in files}.values()), now)
        scans.record(node, conn, {file.sha256: file.size for file in files})
        blobs.link_files(conn, repo.id, [row.id for row in rows.values()], actor.account_id, now)
        require_stored(node.store, [key for row in rows.values() for key in _objects(row)])
    return [rows[file.xet] for file in files]


def _require_room(node: Node, repo: Repo, actor: Actor, items: Sequence[bytes]) -> None:
    with node.db.read() as conn:
        if not is_bounded(node, conn, actor, repo):
            return
        sizes = {Sha256(hashlib.sha256(data).hexdigest()): len(data) for data in items}
        adding = missing_bytes(node, conn, repo, sizes, blobs.find_by_sha256(conn, repo.id, list(sizes)))
        if adding:
            require_room(node, conn, actor, repo, adding)


def _objects(row: FileRow) -> list[ObjectKey]:
    return [chunk_list_key(row.xet), *([blob_key(row.sha256)] if row.terms is None else [])]


def store_whole(node: Node, data: bytes) -> NewFile:
    """Store the bytes and the chunk list of one file, which no repository holds yet; raises StorageFull or StorageError."""
    chunk_list = encode_chunk_list((chunk_hash(chunk), len(chunk)) for chunk in split(data))
    xet, size = file_hash_of_chunk_list(chunk_list)
    sha256 = Sha256(hashlib.sha256(data).hexdigest())
    node.store.put(blob_key(sha256), data)
    node.store.put(chunk_list_key(xet), chunk_list)
    return NewFile(xet, sha256, size, None, len(chunk_list) // CHUNK_RECORD_BYTES)


def give_terms(node: Node, repo: Repo, file: FileRow) -> bytes:
    """Store the chunks of a whole-stored file in a xorb too and return its packed terms.

    Needed where content that came inside a commit is also known as an LFS file, which Xet clients fetch by chunks. Raises
    StorageFull or StorageError.
    """
    with FileWriter(node, nothing_known(node)) as writer:
        for chunk in split(node.store.get(blob_key(file.sha256))):
            writer.add(chunk)
        terms = writer.finish()
    packed = encode_terms(terms)
    with node.db.write() as conn:
        now = node.clock.now()
        row = blobs.insert_files(conn, [NewFile(file.xet, file.sha256, file.size, packed, file.chunks)], now)[file.xet]
        used = xorbs.get_xorbs(conn, list({term.xorb for term in terms}), keep=True)
        xorbs.link_xorbs(conn, repo.id, [one.id for one in used.values()])
    return row.terms or packed
