"""A xorb without some of its chunks: what is left of shared storage when a file must go."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from blake3 import blake3

from hanse.content.hashing import tree_root
from hanse.content.terms import Term
from hanse.content.xorb import XorbTable, make_table
from hanse.errors import BadFormat
from hanse.model.digest import Blake3, xet_from_bytes

ChunkRange = tuple[int, int]
"""Chunks [start, end) of a xorb."""


def merge_ranges(ranges: Iterable[ChunkRange]) -> list[ChunkRange]:
    """Return the same chunks as ascending ranges that neither overlap nor touch."""
    merged: list[ChunkRange] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


@dataclass(frozen=True, slots=True)
class Subset:
    """The new xorb: its stored form and table, and the chunk ranges of the old one that it holds, in order."""

    stored: bytes
    table: XorbTable
    ranges: Sequence[ChunkRange]

    def move(self, term: Term) -> Term:
        """Return the term over the new xorb that has the same chunks; raises BadFormat if they were not kept."""
        starts = [start for start, _ in self.ranges]
        at = bisect_right(starts, term.start) - 1
        if at < 0 or term.end > self.ranges[at][1]:
            raise BadFormat(f"chunks {term.start} to {term.end} of xorb {term.xorb} were not kept")
        before = sum(end - start for start, end in self.ranges[:at])
        start = before + term.start - self.ranges[at][0]
        return Term(self.table.xorb, start, start + term.end - term.start, term.length)


def keep_chunks(table: XorbTable, stored: bytes, ranges: Iterable[ChunkRange]) -> Subset:
    """Return the xorb that has only the chunks of `ranges` (at least one), byte for byte as they are stored.

    stored: the whole stored form of the xorb of `table`. Raises BadFormat for a range that it does not have.
    """
    merged = merge_ranges(ranges)
    for start, end in merged:
        table.check_range(start, end)
    data = b"".join(stored[slice(*table.stored_range(start, end))] for start, end in merged)
    hashes = b"".join(table.hashes_of(start, end) for start, end in merged)
    sizes = np.concatenate([np.diff(table.stored[start : end + 1]) for start, end in merged])
    lengths = np.concatenate([np.diff(table.raw[start : end + 1]) for start, end in merged]).tolist()
    schemes = b"".join(table.schemes[start:end] for start, end in merged)
    name = xet_from_bytes(tree_root(hashes, lengths))
    digest = Blake3(blake3(data).hexdigest())
    return Subset(
        data, make_table(name, digest, hashes, ends=np.cumsum(sizes).tolist(), lengths=lengths, schemes=schemes), merged
    )
