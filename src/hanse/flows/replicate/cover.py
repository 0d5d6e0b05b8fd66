"""Chunks of a coming file that are here already: they are taken from this node's own store and not fetched.

The chunk list of the file is known first, and true: it recomputes to the signed Xet hash. Chunks are looked for in what
everybody may read here, and nowhere else: what is copied will be public, and who signs a list of hashes must not get at bytes
that he could only name. Looked through are the newest xorbs of the repository, xorbs that hold one of the chunks by which
deduplication finds them, with those that came in beside them, and those of files of about the same size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from hanse.content.hashing import CHUNK_RECORD_BYTES, HASH_BYTES
from hanse.content.shard import is_dedup_eligible
from hanse.content.terms import Term, parse_terms
from hanse.db import copies, xorbs
from hanse.db.repos import Repo
from hanse.errors import IntegrityError
from hanse.flows.known_chunks import KnownChunks
from hanse.flows.node import Node
from hanse.flows.pull.layout import Layout
from hanse.flows.read import TermSource
from hanse.flows.scope import readable_scope
from hanse.model.actor import ANONYMOUS
from hanse.model.digest import XetHash
from hanse.store.held.partial import Partial

MAX_XORBS = 8192
"""Xorbs whose chunks are looked through for one file: 16 bytes of memory for each chunk."""
MAX_ASKED = 4096
_NEIGHBOURS = 48
_ALIKE = 16
_RECENT = 1024


@dataclass(frozen=True, slots=True)
class Stretch:
    """Chunks [first, end) of a file that lie one after the other in a stored xorb, there from `index` on."""

    first: int
    end: int
    xorb: XetHash
    index: int


def known_for(node: Node, repo: Repo, size: int, chunk_list: bytes) -> KnownChunks:
    """Return where chunks of a coming file may be stored already, among what everybody may read."""
    scope = readable_scope(ANONYMOUS)
    values = [chunk_list[at : at + HASH_BYTES] for at in range(0, len(chunk_list), CHUNK_RECORD_BYTES)]
    asked = [value for at, value in enumerate(values) if not at or is_dedup_eligible(value)][:MAX_ASKED]
    with node.db.read() as conn:
        found = dict.fromkeys(row.hash for row in xorbs.recent_xorbs(conn, repo.id, _RECENT))
        for value in asked:
            if len(found) < MAX_XORBS:
                found |= dict.fromkeys(_around(conn, value))
        for row in copies.alike(conn, scope, size, _ALIKE):
            if len(found) < MAX_XORBS:
                found |= dict.fromkeys(term.xorb for term in parse_terms(row.terms or b""))
    return KnownChunks(node, scope, list(found)[:MAX_XORBS])


def _around(conn: Connection, value: bytes) -> Iterator[XetHash]:
    """Yield the newest xorb that holds a chunk, and those that came in beside it."""
    scope = readable_scope(ANONYMOUS)
    for row in xorbs.find_chunk(conn, scope, value, 1):
        yield row.hash
        yield from (near.hash for near in xorbs.neighbours(conn, scope, row.id, _NEIGHBOURS))


def stretches(known: KnownChunks, chunk_list: bytes) -> Iterator[Stretch]:
    """Yield which chunks of a file are here, and where, in order of the file."""
    open_: Stretch | None = None
    for number in range(len(chunk_list) // CHUNK_RECORD_BYTES):
        at = number * CHUNK_RECORD_BYTES
        found = known.find(chunk_list[at : at + HASH_BYTES])
        if open_ is not None and found == (open_.xorb, open_.index + number - open_.first):
            open_ = Stretch(open_.first, number + 1, open_.xorb, open_.index)
            continue
        if open_ is not None:
            yield open_
        open_ = None if found is None else Stretch(number, number + 1, *found)
    if open_ is not None:
        yield open_


def fill(node: Node, known: KnownChunks, partial: Partial, layout: Layout, chunk_list: bytes) -> int:
    """Write the chunks that are here into a file on its way; return how many bytes that were.

    What is not stored as it should be is left to be fetched: whoever goes on checks every chunk by its hash.
    """
    filled = 0
    for one in stretches(known, chunk_list):
        start, end = layout.start(one.first), layout.start(one.end)
        if partial.covers(start, end):
            continue
        count = one.end - one.first
        term = Term(one.xorb, one.index, one.index + count, end - start)
        try:
            filled += _copy(node, term, partial, start)
        except IntegrityError:
            continue
    return filled


def _copy(node: Node, term: Term, partial: Partial, start: int) -> int:
    at = start
    for piece in TermSource(node.store, node.transfers.tables, [term]).pieces(0, term.length):
        partial.write(at, piece)
        at += len(piece)
    partial.mark(start, at)
    return at - start
