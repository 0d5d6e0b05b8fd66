"""Files and xorbs of an empty catalogue, from tables, shards, chunk lists and records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.content.hashing import CHUNK_RECORD_BYTES, HASH_BYTES
from hanse.content.shard import FileBlock, parse_shard
from hanse.content.terms import encode_terms, parse_terms, terms_size
from hanse.content.xorb import XorbTable, parse_table
from hanse.db import blobs, revisions, usage, xorbs
from hanse.db.blobs import NewFile
from hanse.db.xorbs import NewXorb
from hanse.errors import HanseError
from hanse.flows.holdings import Named
from hanse.flows.node import Node
from hanse.flows.recordbook import RecordBook
from hanse.flows.xorb_ingest import eligible_chunks
from hanse.model.digest import Sha256, XetHash, parse_xet
from hanse.store.keys import SHARDS, XORB_TABLES, ObjectKey, blob_key, chunk_list_key, xorb_key

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Counts:
    """How many files and xorbs are in the catalogue."""

    files: int
    xorbs: int


def restore_files(node: Node, conn: Connection, book: RecordBook) -> Counts:
    """Record all xorbs and files whose bytes are here; what is damaged is told in `book.problems` and left out."""
    known = _restore_xorbs(node, conn, book)
    found = {new.xet: new for new in _from_shards(node, book, known)}
    whole = 0
    for xet, (digest, size) in book.files.items():
        if xet not in found and node.store.size(blob_key(digest)) == size:
            length = node.store.size(chunk_list_key(xet))
            if length is None:
                book.problems.append(f"the chunk list of file {xet} is missing")
                continue
            found[xet] = NewFile(xet, digest, size, None, length // CHUNK_RECORD_BYTES)
            whole += 1
    listed = list(found.values())
    for at in range(0, len(listed), _BATCH):
        blobs.insert_files(conn, listed[at : at + _BATCH], node.clock.now())
    for new in listed:
        if new.terms:
            first = parse_terms(new.terms)[0]
            start = node.store.get(chunk_list_key(new.xet), 0, HASH_BYTES)
            xorbs.insert_chunks(conn, [(start, known[first.xorb])])
    return Counts(len(listed), len(known))


def _restore_xorbs(node: Node, conn: Connection, book: RecordBook) -> dict[XetHash, int]:
    known: dict[XetHash, int] = {}
    for key in node.store.list(XORB_TABLES):
        try:
            table = _table(node, key)
        except HanseError as error:
            book.problems.append(f"{key}: {error.message}")
            continue
        if table is None:
            book.problems.append(f"{key} describes a xorb that is missing")
            continue
        new = NewXorb(table.xorb, table.stored_size, table.raw_size, table.count)
        row = xorbs.insert_xorbs(conn, [new], node.clock.now())[table.xorb]
        xorbs.insert_chunks(conn, [(value, row.id) for value in eligible_chunks(table)])
        known[table.xorb] = row.id
    return known


def _table(node: Node, key: ObjectKey) -> XorbTable | None:
    """Return the table stored under `key`, None if its xorb is not stored in full; raises if it is not what it says."""
    name = parse_xet(key.rpartition("/")[2])
    table = parse_table(node.store.get(key))
    table.check_name()
    return table if table.xorb == name and node.store.size(xorb_key(name)) == table.stored_size else None


def _from_shards(node: Node, book: RecordBook, known: dict[XetHash, int]) -> Iterator[NewFile]:
    for key in node.store.list(SHARDS):
        try:
            shard = parse_shard(node.store.get(key))
        except HanseError as error:
            book.problems.append(f"{key}: {error.message}")
            continue
        for block in shard.files:
            new = _file(node, book, block)
            if new is not None and all(term.xorb in known for term in block.terms):
                yield new


def _file(node: Node, book: RecordBook, block: FileBlock) -> NewFile | None:
    """Return the file of a shard's block; None if it was erased, or no commit names it and the shard claims no digest."""
    size = terms_size(block.terms)
    digest: Sha256 | None = book.files.get(block.file, (block.sha256, size))[0]
    if digest is None or not block.terms or node.store.size(chunk_list_key(block.file)) is None:
        return None
    count = sum(term.end - term.start for term in block.terms)
    return NewFile(block.file, digest, size, encode_terms(block.terms), count)


def hold_named(conn: Connection, named: Named, repo: int, now: int) -> list[str]:
    """Let a repository hold the files that its revisions name, and return what is missing.

    Retired and withdrawn revisions whose bytes are no longer here were erased before; live ones are damaged.
    """
    problems: list[str] = []
    held: dict[int, blobs.FileRow] = {}
    for row in revisions.all_of(conn, repo, ["live", "retired", "withdrawn"]):
        wanted = sorted(named.files([row.object]))
        found = blobs.get_by_xet(conn, wanted)
        if len(found) < len(wanted):
            if row.state == "live":
                problems.append(f"{len(wanted) - len(found)} files of revision {row.rev} are missing")
            else:
                revisions.set_state(conn, repo, [row.rev], "erased", row.retired_at or now)
                continue
        held |= {file.id: file for file in found.values()}
    usage.hold(conn, repo, list(held.values()), None, now)
    return problems
