"""The bytes of a static site: xorbs, the terms of each file, and its chunk list.

1. Which chunks of which xorbs the chosen files need is gathered first, because files share xorbs.
2. A xorb whose chunks are all needed is handed on as it is stored. Of another one only the needed chunks are, as a xorb of its
   own: the rest may belong to somebody whose files are not public.
3. Files that are stored whole get a xorb each.
4. Each file's terms and chunk list follow, so that what they name is there.

What never changes, and is there, is not read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from hanse.content.chunking import split
from hanse.content.hashing import chunk_records, tree_root
from hanse.content.staticterms import HEADER_BYTES, StaticTerm, encode_static
from hanse.content.terms import Term, parse_terms
from hanse.content.xorb import XorbTable
from hanse.content.xorbsubset import ChunkRange, keep_chunks, merge_ranges
from hanse.content.xorbwriter import serialise
from hanse.db.blobs import FileRow
from hanse.flows.node import Node
from hanse.flows.static.output import Output, content_of
from hanse.flows.transfers import Tables
from hanse.model.digest import XetHash, xet_from_bytes
from hanse.model.staticlayout import chunks_path, reconstruction_path, xorb_path
from hanse.store.keys import blob_key, chunk_list_key, xorb_key


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where the needed chunks of a stored xorb are in the site: its name there, and which of its chunks, in order."""

    name: XetHash
    ranges: tuple[ChunkRange, ...]


def write_contents(node: Node, out: Output, files: Iterable[FileRow]) -> None:
    """Write everything that readers need for the bytes of these files; raises BlobNotFound for bytes that are gone."""
    chosen = {row.xet: row for row in files if row.size}
    needed: dict[XetHash, list[ChunkRange]] = {}
    for row in chosen.values():
        for term in () if row.terms is None else parse_terms(row.terms):
            needed.setdefault(term.xorb, []).append((term.start, term.end))
    tables = Tables(node.store, node.transfers.tables)
    kept = {xorb: _xorb(node, out, tables[xorb], needed.pop(xorb)) for xorb in sorted(needed)}
    for xet in sorted(chosen):
        row = chosen[xet]
        terms = _whole(node, out, row) if row.terms is None else _terms(parse_terms(row.terms), kept, tables)
        out.put(reconstruction_path(xet), encode_static(row.size, terms))
        key = chunk_list_key(xet)
        key = chunk_list_key(xet)
        out.put_lasting(chunks_path(xet), node.store.size(key) or 0, partial(content_of, node.store, key))


def _xorb(node: Node, out: Output, table: XorbTable, ranges: Sequence[ChunkRange]) -> _Kept:
    """Write the needed chunks of a stored xorb; return where they are."""
    merged = tuple(merge_ranges(ranges))
    key = xorb_key(table.xorb)
    if merged == ((0, table.count),):
        out.put_lasting(xorb_path(table.xorb), table.stored_size, partial(content_of, node.store, key))
        return _Kept(table.xorb, merged)
    hashes = b"".join(table.hashes_of(first, end) for first, end in merged)
    name = xet_from_bytes(tree_root(hashes, np.concatenate([np.diff(table.raw[first : end + 1]) for first, end in merged])))
    size = sum(end - first for first, end in (table.stored_range(*one) for one in merged))
    out.put_lasting(xorb_path(name), size, lambda: keep_chunks(table, node.store.get(key), merged).stored)
    return _Kept(name, merged)


def _terms(terms: Sequence[Term], kept: Mapping[XetHash, _Kept], tables: Tables) -> Iterator[StaticTerm]:
    """Yield the terms of a file over the xorbs of the site."""
    for term in terms:
        place, table = kept[term.xorb], tables[term.xorb]
        first = at = 0
        for start, end in place.ranges:
            if term.start < end:
                first += term.start - start
                at += int(table.stored[term.start] - table.stored[start])
                break
            first += end - start
            at += int(table.stored[end] - table.stored[start])
        lengths = np.diff(table.raw[term.start : term.end + 1]).tolist()
        stored = np.diff(table.stored[term.start : term.end + 1]).tolist()
        yield StaticTerm(place.name, first, at, lengths, stored)


def _whole(node: Node, out: Output, row: FileRow) -> list[StaticTerm]:
    """Write a file that is stored whole as a xorb of its own, uncompressed; return its one term."""
    records = chunk_records(node.store.get(chunk_list_key(row.xet)))
    lengths = records["length"].astype(np.int64)
    name = xet_from_bytes(tree_root(records["hash"].tobytes(), lengths))
    stored = (lengths + HEADER_BYTES).tolist()
    out.put_lasting(xorb_path(name), sum(stored), lambda: serialise(split(node.store.get(blob_key(row.sha256))))[0])
    return [StaticTerm(name, 0, 0, lengths.tolist(), stored)]
