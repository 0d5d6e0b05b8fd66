"""Steps 3 and 4 of `hanse.flows.fsck`: what the catalogue says about files and revisions, against the objects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import UNSET
from sqlalchemy import Row, select

from hanse.content.chunking import Chunker
from hanse.content.gitobjects import commit_id
from hanse.content.hashing import ChunkListBuilder, chunk_hash
from hanse.content.terms import check_against_tables, chunk_list_of, parse_terms
from hanse.db import blobs, xorbs
from hanse.db.batch import BATCH
from hanse.db.blobs import FileRow
from hanse.db.schema import refs, revisions
from hanse.errors import DigestMismatch
from hanse.flows import records
from hanse.flows.fsck_checker import Checker
from hanse.flows.listing import read_listing
from hanse.flows.read import open_file
from hanse.flows.transfers import Tables
from hanse.model.digest import NO_GIT_OID, Sha256
from hanse.model.entry import Entry
from hanse.store.keys import blob_key, chunk_list_key, xorb_key, xorb_table_key
from hanse.tlog.map import MerkleMap, tree_key, tree_value

_PAGE = 500
_READ = 16 * 1024 * 1024
_HELD = ("live", "retired")


def check_files(checker: Checker) -> None:
    """Check every xorb row against its object, then every file row against chunk list, xorbs or blob."""
    for xorb in _all_xorbs(checker):
        checker.count("xorb row")
        size = checker.node.store.size(xorb_key(xorb.hash))
        if size != xorb.stored_size or checker.node.store.size(xorb_table_key(xorb.hash)) is None:
            checker.report("file", f"xorb {xorb.hash}", f"{xorb.stored_size} bytes and a table expected, {size} bytes stored")
    for file in _all_files(checker):
        checker.count("file")
        if not file.erased:
            checker.guard("file", f"file {file.xet}", lambda file=file: _check_file(checker, file))  # type: ignore[misc]


def _all_xorbs(checker: Checker) -> Iterator[xorbs.XorbRow]:
    after = 0
    while True:
        with checker.node.db.read() as conn:
            page = xorbs.all_xorbs(conn, after, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _all_files(checker: Checker) -> Iterator[FileRow]:
    after = 0
    while True:
        with checker.node.db.read() as conn:
            page = blobs.all_files(conn, after, _PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _check_file(checker: Checker, file: FileRow) -> None:
    """Raise unless the file's stored chunks are those of its chunk list, which step 2 checked against its name."""
    store = checker.node.store
    stored_list = store.get(chunk_list_key(file.xet))
    if checker.deep:
        _check_bytes(checker, file, stored_list)
    if file.terms is None:
        if store.size(blob_key(file.sha256)) != file.size:
            raise DigestMismatch(f"file {file.sha256} should be stored whole with {file.size} bytes and is not")
        return
    terms, tables = parse_terms(file.terms), Tables(store, checker.node.transfers.tables)
    check_against_tables(terms, tables)
    if chunk_list_of(terms, tables) != stored_list or sum(term.length for term in terms) != file.size:
        raise DigestMismatch(f"the terms of file {file.xet} lead to other chunks than its own")
    for xorb in {term.xorb for term in terms}:
        if store.size(xorb_key(xorb)) != tables[xorb].stored_size:
            raise DigestMismatch(f"xorb {xorb}, which file {file.xet} needs, is not stored as its table says")


def _check_bytes(checker: Checker, file: FileRow, stored_list: bytes) -> None:
    """Raise unless the file's bytes, read in the way clients get them, have its SHA-256, and its chunks if it is stored whole.

    The chunks of a file in xorbs were compared with their hashes in step 1.
    """
    reader = open_file(checker.node, file)
    state, chunker, chunks = hashlib.sha256(), Chunker(), ChunkListBuilder()
    for start in range(0, file.size, _READ):
        data = reader.read_at(start, _READ)
        state.update(data)
        checker.read += len(data)
        for chunk in chunker.feed(data) if file.terms is None else ():
            chunks.add(chunk_hash(chunk), len(chunk))
    for chunk in chunker.finish():
        chunks.add(chunk_hash(chunk), len(chunk))
    if state.hexdigest() != file.sha256:
        raise DigestMismatch(f"the bytes of file {file.xet} have sha256 {state.hexdigest()}, the catalogue says {file.sha256}")
    if file.terms is None and chunks.encode() != stored_list:
        raise DigestMismatch(f"the bytes of file {file.sha256} make up other chunks than the list of {file.xet}")


def check_revisions(checker: Checker) -> None:
    """Check every held revision's record, and the complete listing of each one that a ref names."""
    heads = _heads(checker)
    for row in _all_revisions(checker):
        name = f"revision {row.rev} of repository {row.repo_id}"
        checker.count("revision")
        full = (row.repo_id, row.rev) in heads
        checker.guard("revision", name, lambda row=row, full=full: _check_revision(checker, row, full=full))  # type: ignore[misc]


def _heads(checker: Checker) -> set[tuple[int, str]]:
    with checker.node.db.read() as conn:
        rows = conn.execute(select(refs.c.repo_id, refs.c.rev).where(refs.c.rev != NO_GIT_OID)).all()
    return {(row.repo_id, row.rev) for row in rows}


def _all_revisions(checker: Checker) -> Iterator[Row[*tuple[Any, ...]]]:
    columns = (revisions.c.id, revisions.c.repo_id, revisions.c.rev, revisions.c.tree, revisions.c.object, revisions.c.state)
    after = 0
    while True:
        query = select(*columns).where(revisions.c.id > after, revisions.c.state.in_(_HELD)).order_by(revisions.c.id).limit(_PAGE)
        with checker.node.db.read() as conn:
            page = conn.execute(query).all()
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _check_revision(checker: Checker, row: Row[*tuple[Any, ...]], *, full: bool) -> None:
    store = checker.node.store
    record = records.load_revision(store, Sha256(row.object))
    if (record.rev, record.tree) != (row.rev, row.tree):
        raise DigestMismatch(f"the record says revision {record.rev} with tree {record.tree}")
    if record.claimed is UNSET and commit_id(record.commit.encode("utf-8")) != record.rev:
        raise DigestMismatch("the record's commit text does not have the revision's id")
    if row.state == "live":  # what a record puts is in its own listing, whatever its base
        _check_entries(checker, [records.entry_of(put) for put in record.puts])
    if not full:
        return
    entries = list(read_listing(store, Sha256(row.object)).directory.entries())
    _check_entries(checker, entries)
    leaves = ((tree_key(entry.path), tree_value(entry.size, entry.sha256, entry.xet)) for entry in entries)
    tree = MerkleMap.empty().apply(leaves).root.hex()
    if tree != row.tree:
        raise DigestMismatch(f"the files make up tree {tree}")


def _check_entries(checker: Checker, entries: list[Entry]) -> None:
    """Raise unless every file of a revision is in the catalogue with the same names, and not erased."""
    for some in _slices(entries):
        with checker.node.db.read() as conn:
            found = blobs.get_by_xet(conn, [entry.xet for entry in some])
        for entry in some:
            file = found.get(entry.xet)
            if file is None or file.erased or (file.sha256, file.size) != (entry.sha256, entry.size):
                raise DigestMismatch(f"{entry.path!r} names file {entry.xet}, which is not held as the revision says")


def _slices(entries: list[Entry]) -> Iterable[list[Entry]]:
    return (entries[at : at + BATCH] for at in range(0, len(entries), BATCH))
