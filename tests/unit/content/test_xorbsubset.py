"""Xorbs that lose chunks keep the others byte for byte."""

from __future__ import annotations

import random

import pytest

from hanse.content.compression import Scheme
from hanse.content.terms import Term
from hanse.content.xorb import decode_range, parse_xorb
from hanse.content.xorbsubset import keep_chunks, merge_ranges
from hanse.content.xorbwriter import serialise
from hanse.errors import BadFormat

CHUNKS = [random.Random(at).randbytes(50 + at) + bytes(200) for at in range(12)]


@pytest.mark.parametrize("scheme", [Scheme.NONE, None])
def test_kept_chunks_are_the_same(scheme: Scheme | None) -> None:
    """The subset is a valid xorb of exactly the kept chunks, and terms over them lead to the same bytes."""
    stored, table = serialise(CHUNKS, scheme)
    subset = keep_chunks(table, stored, [(8, 10), (1, 3), (2, 4)])
    kept = CHUNKS[1:4] + CHUNKS[8:10]
    read, chunks = parse_xorb(subset.stored, subset.table.xorb)
    assert [chunk.raw for chunk in chunks] == kept
    assert (read.encode(), read.digest) == (subset.table.encode(), subset.table.digest)
    for first, end in ((1, 4), (2, 3), (8, 9), (8, 10)):
        length = sum(map(len, CHUNKS[first:end]))
        moved = subset.move(Term(table.xorb, first, end, length))
        part = subset.stored[slice(*subset.table.stored_range(moved.start, moved.end))]
        assert decode_range(subset.table, moved.start, moved.end, part) == b"".join(CHUNKS[first:end])
        assert (moved.xorb, moved.length) == (subset.table.xorb, length)


@pytest.mark.parametrize(("first", "end"), [(0, 1), (3, 5), (4, 8), (1, 9), (10, 11)])
def test_chunks_that_went_cannot_be_named(first: int, end: int) -> None:
    """A term over chunks that were not all kept together is refused."""
    stored, table = serialise(CHUNKS)
    subset = keep_chunks(table, stored, [(1, 4), (8, 10)])
    with pytest.raises(BadFormat):
        subset.move(Term(table.xorb, first, end, 1000))


def test_ranges_outside_are_refused() -> None:
    """Chunks that the xorb does not have cannot be kept."""
    stored, table = serialise(CHUNKS)
    with pytest.raises(BadFormat):
        keep_chunks(table, stored, [(10, 13)])


def test_merged_ranges() -> None:
    """Overlapping and touching ranges become one; others stay apart, in order."""
    assert merge_ranges([(5, 6), (0, 2), (2, 3), (1, 2), (8, 9)]) == [(0, 3), (5, 6), (8, 9)]
