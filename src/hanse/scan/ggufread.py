"""GGUF's primitives: numbers, texts and arrays in either byte order, read in large pieces and never past the end."""

from __future__ import annotations

import struct

from hanse.scan.source import Source
from hanse.scan.walk import Malformed, Walk

PIECE = 1024 * 1024
MAX_NESTED = 3
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of each fixed type, by its number."""
_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}


class Reader:
    """A position in a GGUF file. at: offset in bytes; version 1 has 32-bit lengths, later ones 64-bit."""

    def __init__(self, source: Source, walk: Walk, order: str, *, wide: bool) -> None:
        self._source = source
        self._walk = walk
        self._order = order
        self.wide = wide
        self._length = struct.Struct(f"{order}{'Q' if wide else 'I'}")
        self.at = 8
        self._buffer = b""
        self._start = 0

    @property
    def left(self) -> int:
        """Bytes up to the end of the file."""
        return self._source.size - self.at

    def take(self, count: int, what: str) -> bytes:
        """Return the next bytes; raises Malformed if the file ends before."""
        if count > self.left:
            raise Malformed(f"the file ends within {what}", self.at)
        inside = self.at - self._start
        if inside + count > len(self._buffer):
            self._buffer = self._source.read_at(self.at, max(count, PIECE))
            self._start, inside = self.at, 0
            if len(self._buffer) < count:  # a member of an archive may hold less than it declares
                raise Malformed(f"the file ends within {what}", self.at)
        self.at += count
        return self._buffer[inside : inside + count]

    def skip(self, count: int, what: str) -> None:
        """Pass over bytes without reading them; raises Malformed if the file ends before."""
        if count > self.left:
            raise Malformed(f"the file ends within {what}", self.at)
        self.at += count
        if not self._start <= self.at <= self._start + len(self._buffer):
            self._buffer, self._start = b"", self.at

    def length(self, what: str) -> int:
        """Return a count or length; raises Malformed if more is promised than the file could hold at a byte each."""
        value = int(self._length.unpack(self.take(self._length.size, what))[0])
        if value > self._source.size:
            raise Malformed(f"{what} of {value} in a file of {self._source.size} bytes", self.at)
        return value

    def number(self, kind: int, what: str) -> int | float:
        """Return a number of a fixed type."""
        value = struct.unpack(f"{self._order}{_CODES[kind]}", self.take(SIZES[kind], what))[0]
        return value if isinstance(value, int | float) else 0

    def text(self, what: str, limit: int) -> str:
        """Return a text; what is longer than `limit` bytes is cut."""
        length = self.length(f"the length of {what}")
        data = self.take(min(length, limit), what)
        self.skip(length - len(data), what)
        return data.decode("utf-8", "replace")

    def array(self, what: str, limit: int, depth: int = 0) -> tuple[int, int, list[str]]:
        """Pass over an array; return the type and the number of its items, and the first texts in it, up to `limit`."""
        kind = int(self.number(4, f"the type of {what}"))
        count = self.length(f"the number of items of {what}")
        self._walk.budget.spend("operations", 60)
        if kind in SIZES:
            self.skip(count * SIZES[kind], what)
            return kind, count, []
        if kind == STRING:
            first = [self.text(what, 200) for _ in range(min(count, limit))]
            self.skip_texts(count - len(first), what)
            return kind, count, first
        if kind != ARRAY:
            raise Malformed(f"{what} has items of the unknown type {kind}", self.at)
        if depth >= MAX_NESTED:
            raise Malformed(f"{what} is nested too deep", self.at)
        for _ in range(count):
            self.array(what, 0, depth + 1)
        return kind, count, []

    def skip_texts(self, count: int, what: str) -> None:
        """Pass over `count` texts without reading them; raises Malformed if the file ends before.

        A vocabulary has hundreds of thousands, so the buffer is walked directly.
        """
        unpack, size = self._length.unpack_from, self._length.size
        if count * size > self.left:
            raise Malformed(f"the file ends within {what}", self.at)
        self._walk.budget.spend("operations", 2 * count)
        while count:
            piece = self._source.read_at(self.at, PIECE)
            at, end = 0, len(piece) - size
            while count and at <= end:
                at += size + unpack(piece, at)[0]
                count -= 1
                if at > len(piece):
                    break
            if at == 0 or self.at + at > self._source.size:
                raise Malformed(f"the file ends within {what}", self.at)
            self.at += at
        self._buffer, self._start = b"", self.at
