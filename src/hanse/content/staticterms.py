"""A file of a static site as its terms: which stored bytes of which xorbs make it up, chunk by chunk.

A xorb's table says more than a reader of one file needs, and belongs to the node; this says what one file needs. Numbers only:
whoever reads bytes by them checks the chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hanse.errors import BadFormat, BadRange
from hanse.model.canonical import canonical
from hanse.model.digest import XetHash, parse_xet
from hanse.model.staticlayout import FORMAT
from hanse.model.strictjson import parse_strict

HEADER_BYTES = 8
MAX_CHUNK = 128 * 1024
MAX_STORED = MAX_CHUNK + 1024 + HEADER_BYTES
MAX_XORB_STORED = 65 * 1024 * 1024
MAX_TERMS_BYTES = 64 * 1024 * 1024
"""Longest list of terms that is read: that of a file of about 250 GB."""
_LIST_BYTES = 16 * 1024
_CHUNK_BYTES = 180  # of text that a chunk can cost, if it is a term of its own
_MIN_CHUNK = 8 * 1024


@dataclass(frozen=True, slots=True)
class StaticTerm:
    """Chunks that lie one after the other in a xorb and in the file.

    first: number of the first chunk in the xorb; at: byte at which it begins in the xorb's stored form; raw, stored: bytes of
    each chunk, unpacked and as stored with its header.
    """

    xorb: XetHash
    first: int
    at: int
    raw: Sequence[int]
    stored: Sequence[int]


@dataclass(frozen=True, slots=True)
class StaticRead:
    """One read: chunks whose stored bytes begin at byte `at` of a xorb; skip: raw bytes before the wanted; take: how many."""

    xorb: XetHash
    at: int
    raw: Sequence[int]
    stored: Sequence[int]
    skip: int
    take: int


def encode_static(size: int, terms: Iterable[StaticTerm]) -> bytes:
    """Return the JSON of a file of `size` bytes: the same terms give the same bytes."""
    listed = [
        {"xorb": one.xorb, "first": one.first, "at": one.at, "raw": list(one.raw), "stored": list(one.stored)} for one in terms
    ]
    return canonical({"format": FORMAT, "size": size, "terms": listed})


def static_limit(size: int) -> int:
    """Return how many bytes the terms of a file of `size` bytes are read up to."""
    return min(MAX_TERMS_BYTES, _LIST_BYTES + _CHUNK_BYTES * (size // _MIN_CHUNK + 1))


def parse_static(data: bytes, size: int) -> tuple[StaticTerm, ...]:
    """Return the terms of a file that must have `size` bytes; raises BadFormat, BadDigest or TooLarge."""
    told = parse_strict(data, "the terms of a file", static_limit(size))
    listed = told.get("terms")
    if told.get("format") != FORMAT or type(listed) is not list:
        raise BadFormat(f"the terms of a file are of the format {FORMAT}")
    terms = tuple(_term(one) for one in listed)
    found = sum(sum(one.raw) for one in terms)
    if found != size:
        raise BadFormat(f"the terms make up {found} bytes, the file has {size}")
    return terms


def reads(terms: Sequence[StaticTerm], start: int, end: int) -> Iterator[StaticRead]:
    """Yield the reads that give bytes [start, end) of a file, in order; raises BadRange if it does not have them."""
    sizes = [sum(one.raw) for one in terms]
    if not 0 <= start <= end <= sum(sizes):
        raise BadRange(f"bytes {start} to {end} do not exist in a file of {sum(sizes)} bytes")
    begin = 0
    for term, size in zip(terms, sizes, strict=True):
        low, high = max(start - begin, 0), min(end - begin, size)
        begin += size
        if low < high:
            yield _read(term, low, high)


def _read(term: StaticTerm, low: int, high: int) -> StaticRead:
    ends = list(accumulate(term.raw))
    first = next(at for at, stop in enumerate(ends) if stop > low)
    last = next(at for at, stop in enumerate(ends) if stop >= high) + 1
    before = ends[first - 1] if first else 0
    at = term.at + sum(term.stored[:first])
    return StaticRead(term.xorb, at, term.raw[first:last], term.stored[first:last], low - before, high - low)


def _term(told: Any) -> StaticTerm:
    if type(told) is not dict:
        raise BadFormat("a term is a JSON object")
    xorb, first, at = parse_xet(str(told.get("xorb"))), told.get("first"), told.get("at")
    raw, stored = told.get("raw"), told.get("stored")
    if type(raw) is not list or type(stored) is not list or not 0 < len(raw) == len(stored):
        raise BadFormat("a term has the unpacked and the stored length of each chunk, and at least one chunk")
    if not (_within(raw, 1, MAX_CHUNK) and _within(stored, HEADER_BYTES + 1, MAX_STORED)):
        raise BadFormat(f"a chunk has 1 to {MAX_CHUNK} bytes")
    if type(first) is not int or type(at) is not int or first < 0 or at < 0 or at + sum(stored) > MAX_XORB_STORED:
        raise BadFormat(f"a term lies in the first {MAX_XORB_STORED} bytes of a xorb")
    return StaticTerm(xorb, first, at, tuple(raw), tuple(stored))


def _within(numbers: list[Any], low: int, high: int) -> bool:
    return all(type(one) is int and low <= one <= high for one in numbers)
