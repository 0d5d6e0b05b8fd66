"""Erasure: a deleted repository's bytes go at once, wherever they are shared (DESIGN.md section 7).

1. Every xorb that the repository used loses the chunks that no other repository's files need: it is replaced by one with
   the chunks that they need, their terms and shards are written again, and no deduplication answer names the old one.
2. Files that no other repository holds lose their chunk lists, bytes and scan facts.
3. The repository's shards and the answers of its evaluations go and, if it was not public, what was signed about it and its
   records, and with them the salt: its leaves can no longer be read.
4. Its rows are emptied, and the epoch in CAS addresses changes, so that no client trusts what it remembers;
   running processes follow (`hanse.flows.epochs`).

Each step can be done again; the repository counts as erased only with the last.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Sequence

from sqlalchemy import Connection

from hanse.content.hashing import range_hash
from hanse.content.shard import FileBlock, Shard, encode_shard
from hanse.content.terms import Term, encode_terms, parse_terms
from hanse.content.xorb import parse_table
from hanse.content.xorbsubset import Subset, keep_chunks, merge_ranges
from hanse.db import attestations, evaluation_jobs, garbage, repos, revisions, scans, xorbs
from hanse.db.blobs import FileRow
from hanse.db.repos import Repo
from hanse.db.state import set_state
from hanse.db.xorbs import NewXorb
from hanse.errors import Conflict, NotFoundError
from hanse.flows.advisories.issue import own_leaves
from hanse.flows.holdings import record_names
from hanse.flows.node import KEPT, Node
from hanse.flows.transfers import Tables
from hanse.flows.xorb_ingest import complete_table, eligible_chunks
from hanse.model.digest import Sha256, XetHash, xet_to_bytes
from hanse.store.keys import (
    ATTESTATIONS,
    attestation_key,
    blob_key,
    chunk_list_key,
    revision_key,
    shard_key,
    xorb_key,
    xorb_table_key,
)

_BUNDLES = 500


def erase_repo(node: Node, repo: int) -> None:
    """Erase a deleted repository (row id): its bytes, and if it was not public everything that tells what it was.

    Raises NotFoundError for no such repository, Conflict unless it is deleted.
    """
    with node.db.write() as conn:
        found = _begin(conn, repo, node.clock.now())
    with node.db.write() as conn:
        used = _used_xorbs(conn, repo)
    # 1. Xorbs, one after another, each in a transaction of its own.
    for name in used:
        _repack(node, repo, name)
    # 2. Files.
    with node.db.write() as conn:
        remove_bytes(node, conn, garbage.lock_unheld(conn, [held.file_id for held in garbage.held_files(conn, repo)], repo))
    # 3. Shards and records.
    with node.db.read() as conn:
        shards = garbage.own_shards(conn, repo)
        names = set[Sha256]() if found.public else record_names(conn, repo)
    for digest in shards:
        node.store.delete(shard_key(digest))
    for digest in names:
        node.store.delete(revision_key(digest))
    if not found.public:
        _remove_bundles(node, repo)
    _remove_evaluations(node, repo)
    # 4. Rows.
    with node.db.write() as conn:
        garbage.scrub_repo(conn, repo, public=found.public)
        set_state(conn, "cas_epoch", secrets.token_hex(4))


def _remove_evaluations(node: Node, repo: int) -> None:
    """Remove the answers of evaluations of a repository's revisions, and what was kept of them for others."""
    if node.evaluations is None:
        return
    with node.db.read() as conn:
        folders = [str(number) for number in evaluation_jobs.of_repo(conn, repo)]
        folders += [f"{KEPT}/{row.rev}" for row in revisions.all_of(conn, repo, ["erased"])]
    for name in folders:
        shutil.rmtree(node.evaluations / name, ignore_errors=True)


def _remove_bundles(node: Node, repo: int) -> None:
    """Delete the bundles about a repository that no other one needs, and forget them; then those that nobody ever entered."""
    with node.db.write() as conn:
        attestations.stop_writers(conn)
        for row in attestations.of_repo(conn, repo):
            if not attestations.named_elsewhere(conn, repo, row.payload, row.key):
                node.store.delete(attestation_key(row.payload, row.key))
        attestations.drop(conn, repo)
    sweep_bundles(node)


def sweep_bundles(node: Node) -> int:
    """Delete bundles that no row names and no leaf about an advisory: a process died, or the repository changed meanwhile.

    Return their number.
    """
    stored = [(key, Sha256(key.split("/")[-2]), Sha256(key.split("/")[-1])) for key in node.store.list(ATTESTATIONS)]
    count = 0
    for at in range(0, len(stored), _BUNDLES):
        some = stored[at : at + _BUNDLES]
        with node.db.write() as conn:
            attestations.stop_writers(conn)
            advisories = {(leaf.payload.sha256, leaf.key) for _, leaf in own_leaves(conn)}
            named = attestations.named(conn, [payload for _, payload, _ in some]) | advisories
            gone = [key for key, payload, signer in some if (payload, signer) not in named]
            for key in gone:
                node.store.delete(key)
        count += len(gone)
    return count


def remove_bytes(node: Node, conn: Connection, rows: Sequence[FileRow]) -> None:
    """Delete chunk lists and whole bytes of locked files that nobody may hold on to; their xorbs are not touched."""
    ids = [row.id for row in rows]
    needed = garbage.whole_files(conn, [row.sha256 for row in rows], ids)
    garbage.mark_erased(conn, ids)
    scans.drop(conn, [row.sha256 for row in rows])
    for row in rows:
        node.store.delete(chunk_list_key(row.xet))
        if row.sha256 not in needed:
            node.store.delete(blob_key(row.sha256))


def _begin(conn: Connection, repo: int, now: int) -> Repo:
    """Return a deleted repository; its revisions count as erased from here on, so that it cannot be restored half-way."""
    found = repos.lock(conn, repo)
    if found is None:
        raise NotFoundError(f"there is no repository number {repo}")
    if found.state not in ("withdrawn", "retired") or garbage.count_unsettled(conn, repo):
        raise Conflict(f"{found.repo.path} is {found.state}; only a deleted repository is erased", hint="delete it first")
    kept = [row.rev for row in revisions.all_of(conn, repo, ["retired", "withdrawn"])]
    revisions.set_state(conn, repo, kept, "erased", now)
    return found


def _used_xorbs(conn: Connection, repo: int) -> list[XetHash]:
    """Return the xorbs that the repository uploaded or used, and those of files it is the only one to hold."""
    names = set(garbage.linked_xorbs(conn, repo))
    for row in garbage.lock_unheld(conn, [held.file_id for held in garbage.held_files(conn, repo)], repo):
        names |= {term.xorb for term in parse_terms(row.terms or b"")}
    return sorted(names)


def _repack(node: Node, repo: int, name: XetHash) -> None:
    """Take the chunks out of one xorb that only files of this repository need, or the whole xorb if nobody else needs any."""
    with node.db.write() as conn:
        garbage.stop_file_writers(conn)
        row = xorbs.get_xorbs(conn, [name]).get(name)
        if row is None:
            return
        naming = garbage.terms_naming(conn, xet_to_bytes(name))
        lost = {file.id for file in garbage.lock_unheld(conn, [file.id for file in naming], repo)}
        kept = [(file, parse_terms(file.terms or b"")) for file in naming if file.id not in lost]
        others = [one for one in garbage.xorb_repos(conn, row.id) if one != repo]
        if not kept and others:
            return  # uploaded by others too, who have not named a file yet: theirs to keep or to lose as garbage
        needed = merge_ranges((term.start, term.end) for _, terms in kept for term in terms if term.xorb == name)
        if needed == [(0, row.chunks)]:
            return
        if needed:
            _replace(node, conn, name, needed, kept=kept, others=others)
        garbage.drop_xorbs(conn, [row.id])
        node.store.delete(xorb_key(name))
        node.store.delete(xorb_table_key(name))


def _replace(
    node: Node,
    conn: Connection,
    name: XetHash,
    needed: Sequence[tuple[int, int]],
    *,
    kept: Sequence[tuple[FileRow, tuple[Term, ...]]],
    others: Sequence[int],
) -> None:
    """Store the chunks that are needed as a new xorb, and let the files that need them name that one."""
    old = parse_table(node.store.get(xorb_table_key(name)))
    subset = keep_chunks(old, node.store.get(xorb_key(name)), needed)
    _store(node, subset)
    table = subset.table
    new = NewXorb(table.xorb, parse_table(node.store.get(xorb_table_key(table.xorb))).stored_size, table.raw_size, table.count)
    row = xorbs.insert_xorbs(conn, [new], node.clock.now())[table.xorb]
    for one in others:
        xorbs.link_xorbs(conn, one, [row.id])
    xorbs.insert_chunks(conn, [(value, row.id) for value in eligible_chunks(table)])
    tables = Tables(node.store, node.transfers.tables)
    for file, terms in kept:
        moved = tuple(subset.move(term) if term.xorb == name else term for term in terms)
        garbage.set_terms(conn, file.id, encode_terms(moved))
        ranges = tuple(range_hash([tables[term.xorb].hashes_of(term.start, term.end)]) for term in moved)
        shard = encode_shard(Shard((FileBlock(file.xet, moved, ranges, file.sha256),), ()))
        node.store.put(shard_key(Sha256(hashlib.sha256(shard).hexdigest())), shard)


def _store(node: Node, subset: Subset) -> None:
    if node.store.put(xorb_key(subset.table.xorb), subset.stored):
        node.store.put(xorb_table_key(subset.table.xorb), subset.table.encode())
    else:  # it was here already, perhaps compressed otherwise
        complete_table(node, subset.table.xorb)
