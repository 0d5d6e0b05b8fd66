"""An export as a place of bytes: files put together from the stored chunks of its xorbs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from hanse.content.compression import Scheme, decompress
from hanse.content.staticterms import StaticRead, StaticTerm, parse_static, reads, static_limit
from hanse.content.xorb import HEADER_BYTES, parse_chunk_header
from hanse.errors import DigestMismatch, InputError, NotFoundError
from hanse.flows.leaving.sources import ExportSource, small
from hanse.model.digest import XetHash
from hanse.model.filepin import FilePin
from hanse.model.staticlayout import chunks_path, reconstruction_path, xorb_path
from hanse.peers.chunklists import chunk_list_limit

_GROUP = 1024 * 1024
_KEPT_TERMS = 8


class ExportPlace:
    """The bytes of an export; a `Place`, which is believed nothing."""

    def __init__(self, source: ExportSource) -> None:
        self._source = source
        self._terms = lru_cache(_KEPT_TERMS)(self._read_terms)

    @property
    def name(self) -> str:
        """The export, as people are told it."""
        return self._source.name

    def read(self, pin: FilePin, start: int, end: int) -> Iterator[bytes]:
        """Yield bytes [start, end) of a file, see `Place`; raises DigestMismatch for terms or chunks that cannot be."""
        if start == end:
            return
        if pin.xet is None:
            raise NotFoundError(f"nobody has said under which Xet hash the export has {pin.path[:200]!r}")
        try:
            for one in reads(self._terms(pin.xet, pin.size), start, end):
                yield from self._read_term(one)
        except InputError as error:
            raise DigestMismatch(f"the export cannot give {pin.path[:200]!r}: {error.message}") from error

    def chunk_list(self, pin: FilePin) -> bytes | None:
        """Return the chunk list of a file as the export has it, None if it has none, see `Place`."""
        if pin.xet is None or not pin.size or chunks_path(pin.xet) not in self._source.sizes:
            return None
        return small(self._source, chunks_path(pin.xet), chunk_list_limit(pin.size))

    def _read_terms(self, xet: XetHash, size: int) -> tuple[StaticTerm, ...]:
        return parse_static(small(self._source, reconstruction_path(xet), static_limit(size)), size)

    def _read_term(self, read: StaticRead) -> Iterator[bytes]:
        """Yield the wanted bytes of neighbouring chunks, about 1 MiB at a time."""
        at, first, skip, left = read.at, 0, read.skip, read.take
        while left:
            last, stored = first, 0
            while last < len(read.stored) and (not stored or stored + read.stored[last] <= _GROUP):
                stored += read.stored[last]
                last += 1
            data = self._source.read(xorb_path(read.xorb), at, stored)
            raw = b"".join(_chunks(data, read.raw[first:last], read.stored[first:last]))
            piece = raw[skip : skip + left]
            yield piece
            left -= len(piece)
            at, first, skip = at + stored, last, 0


def _chunks(data: bytes, raw: Sequence[int], stored: Sequence[int]) -> Iterator[bytes | memoryview]:
    """Yield the unpacked chunks in stored bytes; raises BadFormat or DigestMismatch if they are not of these lengths."""
    view, at = memoryview(data), 0
    for length, size in zip(raw, stored, strict=True):
        frame = view[at : at + size]
        header = parse_chunk_header(frame)
        if header.length != length or HEADER_BYTES + header.payload != size or len(frame) != size:
            raise DigestMismatch("a stored chunk has another length than the terms say")
        payload = frame[HEADER_BYTES:]
        yield payload if header.scheme is Scheme.NONE else decompress(payload, header.scheme, length)
        at += size
