"""Which stored bytes a requested range of a file needs: the answer to reconstruction queries and the plan of a plain read.

A file is its terms, a xorb its table. Reconstruction answers are those of hub-api.md B.3: chunk ranges end-exclusive, byte
ranges over the stored xorb end-inclusive, ranges of one xorb merged where they touch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hanse.content.terms import Term
from hanse.content.xorb import XorbTable
from hanse.errors import BadRange
from hanse.model.digest import XetHash

READ_BYTES = 1024 * 1024
MAX_RANGES_PER_URL = 64
"""Ranges that share one URL: a URL is bound to its ranges and has to stay of sane length."""

ByteRange = tuple[int, int]
"""First and last byte, both inclusive, as in HTTP."""
UrlFor = Callable[[XetHash, tuple[ByteRange, ...]], str]
"""Makes the URL under which the given byte ranges of a stored xorb can be fetched."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Chunks [first, end) of a xorb and the stored bytes they lie in: start, and stop exclusive."""

    first: int
    end: int
    start: int
    stop: int

    @property
    def byte_range(self) -> ByteRange:
        """First and last stored byte, inclusive."""
        return self.start, self.stop - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms that cover a requested range, cut to whole chunks, and what has to be fetched for them per xorb.

    skip: bytes of the first term that lie before the range; length: bytes in the range.
    """

    skip: int
    length: int
    terms: tuple[Term, ...]
    fetches: Mapping[XetHash, tuple[Fetch, ...]]


@dataclass(frozen=True, slots=True)
class Read:
    """One step of a plain read: decode chunks [first, end) from stored bytes [start, stop) of a xorb, skip and take."""

    xorb: XetHash
    first: int
    end: int
    start: int
    stop: int
    skip: int
    take: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of one term: chunks [first, end), of whose raw bytes [skip, skip + take) are wanted."""

    xorb: XetHash
    first: int
    end: int
    skip: int
    take: int


def _pieces(terms: Sequence[Term], tables: Mapping[XetHash, XorbTable], start: int, stop: int) -> Iterator[_Piece]:
    """Yield the parts of terms that cover bytes [start, stop) of a file, in order; raises BadRange."""
    ends = list(accumulate(term.length for term in terms))
    size = ends[-1] if ends else 0
    if not 0 <= start < min(stop, size):
        raise BadRange(f"bytes {start} to {stop} do not exist in a file of {size} bytes")
    stop = min(stop, size)
    for number in range(bisect_right(ends, start), len(terms)):
        term, table = terms[number], tables[terms[number].xorb]
        term_start = ends[number] - term.length
        if term_start >= stop:
            break
        base = int(table.raw[term.start])
        low, high = max(start - term_start, 0), min(stop - term_start, term.length)
        first, end = table.locate(base + low), table.locate(base + high - 1) + 1
        yield _Piece(term.xorb, first, end, base + low - int(table.raw[first]), high - low)


def plan_range(terms: Sequence[Term], tables: Mapping[XetHash, XorbTable], start: int, stop: int) -> Plan:
    """Return the plan for bytes [start, stop) of the file made of `terms`; a stop past its end means its end.

    `tables` holds every xorb that the range touches, and the terms were checked against them. Raises BadRange if the range is
    empty or starts at or past the end.
    """
    wanted: list[Term] = []
    chunks: dict[XetHash, list[tuple[int, int]]] = {}
    skip = length = 0
    for piece in _pieces(terms, tables, start, stop):
        if not wanted:
            skip = piece.skip
        length += piece.take
        raw_start, raw_end = tables[piece.xorb].raw_range(piece.first, piece.end)
        wanted.append(Term(piece.xorb, piece.first, piece.end, raw_end - raw_start))
        chunks.setdefault(piece.xorb, []).append((piece.first, piece.end))
    fetches = {
        xorb: tuple(Fetch(first, end, *tables[xorb].stored_range(first, end)) for first, end in _merge(ranges))
        for xorb, ranges in chunks.items()
    }
    return Plan(skip, length, tuple(wanted), fetches)


def _merge(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges sorted, with those that touch or overlap made one."""
    merged: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((first, end))
    return merged


def _terms_json(plan: Plan) -> list[dict[str, Any]]:
    """Return the `terms` member of both versions."""
    return [
        {"hash": term.xorb, "unpacked_length": term.length, "range": {"start": term.start, "end": term.end}}
        for term in plan.terms
    ]


def _batches(plan: Plan, url_for: UrlFor) -> Iterator[tuple[XetHash, str, tuple[Fetch, ...]]]:
    """Yield xorb, URL and the fetches behind it, at most `MAX_RANGES_PER_URL` at a time."""
    for xorb, fetches in plan.fetches.items():
        for at in range(0, len(fetches), MAX_RANGES_PER_URL):
            batch = fetches[at : at + MAX_RANGES_PER_URL]
            yield xorb, url_for(xorb, tuple(fetch.byte_range for fetch in batch)), batch


def _span(start: int, end: int) -> dict[str, int]:
    """Return a range as the wire has it."""
    return {"start": start, "end": end}


def render_v1(plan: Plan, url_for: UrlFor) -> dict[str, Any]:
    """Return the JSON object of `GET /v1/reconstructions`: `fetch_info` has one entry per range."""
    info: dict[str, list[dict[str, Any]]] = {}
    for xorb, url, batch in _batches(plan, url_for):
        info.setdefault(xorb, []).extend(
            {"range": _span(fetch.first, fetch.end), "url": url, "url_range": _span(*fetch.byte_range)} for fetch in batch
        )
    return {"offset_into_first_range": plan.skip, "terms": _terms_json(plan), "fetch_info": info}


def render_v2(plan: Plan, url_for: UrlFor) -> dict[str, Any]:
    """Return the JSON object of `GET /v2/reconstructions`: `xorbs` has one entry per URL with all its ranges."""
    xorbs: dict[str, list[dict[str, Any]]] = {}
    for xorb, url, batch in _batches(plan, url_for):
        ranges = [{"chunks": _span(fetch.first, fetch.end), "bytes": _span(*fetch.byte_range)} for fetch in batch]
        xorbs.setdefault(xorb, []).append({"url": url, "ranges": ranges})
    return {"offset_into_first_range": plan.skip, "terms": _terms_json(plan), "xorbs": xorbs}


def reading_plan(
    terms: Sequence[Term], tables: Mapping[XetHash, XorbTable], start: int, stop: int, read_bytes: int = READ_BYTES
) -> Iterator[Read]:
    """Yield the reads that give bytes [start, stop) of a file, in order, each of at most about `read_bytes` raw bytes.

    A read is at least one chunk. Arguments and BadRange as for `plan_range`; the error comes with the first read.
    """
    for piece in _pieces(terms, tables, start, stop):
        table = tables[piece.xorb]
        first, skip, left = piece.first, piece.skip, piece.take
        while left:
            raw_start = int(table.raw[first])
            end = max(min(table.locate(raw_start + read_bytes), piece.end), first + 1)
            take = min(int(table.raw[end]) - raw_start - skip, left)
            yield Read(piece.xorb, first, end, *table.stored_range(first, end), skip, take)
            first, skip, left = end, 0, left - take
