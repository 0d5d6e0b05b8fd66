"""Terms: a file as a list of chunk ranges of xorbs, and their packed form for the database."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hanse.content.hashing import HASH_BYTES, MAX_CHUNK_BYTES, range_hash
from hanse.content.xorb import MAX_XORB_CHUNKS, XorbTable
from hanse.errors import BadFormat, DigestMismatch
from hanse.model.digest import XetHash, xet_from_bytes, xet_to_bytes

TERM_BYTES = 44
_NUMBERS = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class Term:
    """Chunks [start, end) of a xorb, `length` bytes unpacked: one stretch of a file."""

    xorb: XetHash
    start: int
    end: int
    length: int


def check_term(term: Term) -> None:
    """Raise BadFormat unless a term's numbers are possible: 0 <= start < end <= 8192, 1 to 128 KiB per chunk."""
    if not 0 <= term.start < term.end <= MAX_XORB_CHUNKS:
        raise BadFormat(f"a term names chunks {term.start} to {term.end}; a xorb has at most {MAX_XORB_CHUNKS}")
    count = term.end - term.start
    if not count <= term.length <= count * MAX_CHUNK_BYTES:
        raise BadFormat(f"a term of {count} chunks cannot have {term.length} bytes")


def encode_terms(terms: Iterable[Term]) -> bytes:
    """Return the packed form: per term xorb hash (32 bytes), chunk start, chunk end and unpacked length (u32 LE each)."""
    return b"".join(xet_to_bytes(term.xorb) + _NUMBERS.pack(term.start, term.end, term.length) for term in terms)


def parse_terms(data: bytes) -> tuple[Term, ...]:
    """Return the terms of a packed form; raises BadFormat."""
    if len(data) % TERM_BYTES:
        raise BadFormat(f"terms have {TERM_BYTES} bytes each, got {len(data)} bytes")
    names: dict[bytes, XetHash] = {}
    terms = []
    for at in range(0, len(data), TERM_BYTES):
        raw = data[at : at + HASH_BYTES]
        if raw not in names:
            names[raw] = xet_from_bytes(raw)
        term = Term(names[raw], *_NUMBERS.unpack_from(data, at + HASH_BYTES))
        check_term(term)
        terms.append(term)
    return tuple(terms)


def terms_size(terms: Iterable[Term]) -> int:
    """Return the size in bytes of the file that `terms` make up."""
    return sum(term.length for term in terms)


def check_against_tables(terms: Iterable[Term], tables: Mapping[XetHash, XorbTable]) -> None:
    """Raise BadFormat unless every term's chunks exist in its xorb and have the declared unpacked length.

    `tables` must hold every xorb that a term names.
    """
    for term in terms:
        table = tables[term.xorb]
        table.check_range(term.start, term.end)
        start, end = table.raw_range(term.start, term.end)
        if end - start != term.length:
            raise BadFormat(
                f"chunks {term.start} to {term.end} of xorb {term.xorb} have {end - start} bytes, the term declares {term.length}"
            )


def check_range_hashes(terms: Sequence[Term], hashes: Sequence[bytes], tables: Mapping[XetHash, XorbTable]) -> None:
    """Raise DigestMismatch unless `hashes` are the verification hashes of `terms`, one each, in order.

    They prove that whoever sent the terms had the chunks' hashes. Run `check_against_tables` first.
    """
    if len(terms) != len(hashes):
        raise BadFormat(f"{len(terms)} terms come with {len(hashes)} range hashes")
    for number, (term, expected) in enumerate(zip(terms, hashes, strict=True)):
        if range_hash([tables[term.xorb].hashes_of(term.start, term.end)]) != expected:
            raise DigestMismatch(
                f"the range hash of term {number} is not that of chunks {term.start} to {term.end} of xorb {term.xorb}"
            )


def chunk_list_of(terms: Iterable[Term], tables: Mapping[XetHash, XorbTable]) -> bytes:
    """Return the chunk list of the file that `terms` make up, from the tables alone (`hashing.file_hash_of_chunk_list`)."""
    return b"".join(tables[term.xorb].chunk_list(term.start, term.end) for term in terms)
