"""Where a scan reads bytes from: random access, never the whole file at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

PIECE = 1024 * 1024


class Source(Protocol):
    """Bytes that can be read from anywhere.

    `read_at` returns fewer bytes than asked for only where the source ends; it never raises for an offset past the end.
    """

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        ...


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        return self._data[offset : offset + length] if offset >= 0 and length > 0 else b""


class SliceSource:
    """Part of another source: `size` bytes from `start`, cut where that source ends."""

    def __init__(self, parent: Source, start: int, size: int) -> None:
        self.parent = parent
        self._start = min(max(start, 0), parent.size)
        self.size = max(0, min(size, parent.size - self._start))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        length = min(length, self.size - offset)
        return self.parent.read_at(self._start + offset, length) if offset >= 0 and length > 0 else b""


class SplicedSource:
    """Another source without the bytes [start, end)."""

    def __init__(self, parent: Source, start: int, end: int) -> None:
        self._parent = parent
        self._start = start
        self._gap = end - start
        self.size = max(start, parent.size - self._gap)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`."""
        before = self._parent.read_at(offset, min(length, self._start - offset)) if offset < self._start else b""
        rest = length - len(before)
        return before + self._parent.read_at(max(offset, self._start) + self._gap, rest) if rest > 0 else before


def pieces(source: Source, start: int = 0, end: int | None = None, step: int = PIECE) -> Iterator[bytes]:
    """Yield bytes [start, end) in pieces of `step` bytes; no end: the source's."""
    stop = source.size if end is None else min(end, source.size)
    while start < stop:
        piece = source.read_at(start, min(step, stop - start))
        if not piece:
            return
        yield piece
        start += len(piece)
