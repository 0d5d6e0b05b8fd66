"""The origin's Xet storage: reconstructions and xorbs of large files, made on the fly from the files on disk.

A file becomes xorbs of its own chunks, not compressed. What is altered is altered inside well-formed chunks of the same length,
which clients of Xet do not notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from hanse.conform.repos import Content
from hanse.content.hashing import parse_chunk_list, xorb_hash
from hanse.model.digest import XetHash

_MAX_CHUNKS = 500
_HEADER = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One xorb of a file: name, where its bytes begin in the file, and the raw length of each chunk."""

    name: XetHash
    start: int
    lengths: tuple[int, ...]

    @property
    def size(self) -> int:
        """Raw bytes."""
        return sum(self.lengths)


def parts(content: Content) -> list[Part]:
    """Return the xorbs of a file, in order."""
    chunks = parse_chunk_list(content.chunk_list)
    found = []
    start = 0
    for at in range(0, len(chunks), _MAX_CHUNKS):
        mine = chunks[at : at + _MAX_CHUNKS]
        found.append(Part(xorb_hash(mine), start, tuple(length for _, length in mine)))
        start += found[-1].size
    return found


def xorb(content: Content, part: Part) -> bytes:
    """Return a xorb as it is sent, holding the bytes of `content`, which may differ from those that it is named for."""
    raw = b"".join(content.read(part.start, part.start + part.size))
    pieces = []
    at = 0
    for length in part.lengths:
        size = length.to_bytes(3, "little")
        pieces.append(b"\0" + size + b"\0" + size + raw[at : at + length])
        at += length
    return b"".join(pieces)


def reconstruction(content: Content, base: str, start: int, end: int, *, version: int) -> dict[str, Any]:
    """Return the plan for bytes [start, end) of a file; base: address below which its xorbs are, by number."""
    terms: list[dict[str, Any]] = []
    fetches: dict[str, list[dict[str, Any]]] = {}
    offset = None
    for number, part in enumerate(parts(content)):
        if part.start + part.size <= start or part.start >= end:
            continue
        ends = list(accumulate(part.lengths, initial=0))
        first = max(at for at in range(len(part.lengths)) if at == 0 or part.start + ends[at] <= start)
        last = next((at for at in range(1, len(ends)) if part.start + ends[at] >= end), len(part.lengths))
        if offset is None:
            offset = start - part.start - ends[first]
        chunks = {"start": first, "end": last}
        span = {"start": ends[first] + _HEADER * first, "end": ends[last] + _HEADER * last - 1}
        terms.append({"hash": part.name, "unpacked_length": ends[last] - ends[first], "range": chunks})
        url = f"{base}/{number}"
        one = {"url": url, "range": chunks, "url_range": span}
        two = {"url": url, "ranges": [{"chunks": chunks, "bytes": span}]}
        fetches.setdefault(part.name, []).append(one if version == 1 else two)
    key = "fetch_info" if version == 1 else "xorbs"
    return {"offset_into_first_range": offset or 0, "terms": terms, key: fetches}
