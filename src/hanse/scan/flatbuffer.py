"""FlatBuffers and FlexBuffers read in place: tables, vectors and texts by offset, never outside the file."""

from __future__ import annotations

from collections.abc import Iterator

from hanse.scan.budget import Budget
from hanse.scan.source import Source
from hanse.scan.walk import Malformed

READ_COST = 6
WINDOW = 4096
MAX_TEXT = 4096
FLEX_VECTOR, FLEX_TEXT, FLEX_BLOB, FLEX_KEY = 10, 5, 25, 4


class Flat:
    """Reads little-endian numbers of a source through a small window."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self._source = source
        self._budget = budget
        self._base = 0
        self._window = b""
        self.size = source.size

    def data(self, at: int, length: int) -> bytes:
        """Return bytes; raises Malformed if they are not all in the file."""
        self._budget.spend("operations", READ_COST + length // 64)
        if at < 0 or length < 0 or at + length > self.size:
            raise Malformed("an offset leads out of the file", at)
        begin = at - self._base
        if begin < 0 or begin + length > len(self._window):
            if length > WINDOW:
                return self._source.read_at(at, length)
            self._base, self._window, begin = at, self._source.read_at(at, WINDOW), 0
        return self._window[begin : begin + length]

    def number(self, at: int, size: int) -> int:
        """Return an unsigned number."""
        return int.from_bytes(self.data(at, size), "little")

    def follow(self, at: int) -> int:
        """Return where the offset at a place leads."""
        return at + self.number(at, 4)

    def vector(self, at: int, width: int) -> tuple[int, int]:
        """Return first place and count of the vector whose offset is at a place; raises Malformed if it leaves the file."""
        start = self.follow(at)
        count = self.number(start, 4)
        if start + 4 + count * width > self.size:
            raise Malformed("a vector leads out of the file", start)
        return start + 4, count

    def text(self, at: int) -> str:
        """Return the text whose offset is at a place, cut at MAX_TEXT bytes."""
        start, count = self.vector(at, 1)
        return self.data(start, min(count, MAX_TEXT)).decode("utf-8", "backslashreplace")


class Table:
    """A table. Fields are asked for by number and absent ones are None."""

    def __init__(self, flat: Flat, at: int) -> None:
        self._flat = flat
        self._at = at
        back = int.from_bytes(flat.data(at, 4), "little", signed=True)
        self._fields = at - back
        size = flat.number(self._fields, 2)
        if size < 4 or size % 2:
            raise Malformed("a table without fields", at)
        self._count = (size - 4) // 2

    def place(self, number: int) -> int | None:
        """Return where a field's value is."""
        if number >= self._count:
            return None
        offset = self._flat.number(self._fields + 4 + 2 * number, 2)
        return self._at + offset if offset else None

    def number(self, field: int, size: int, default: int = 0) -> int:
        """Return a field's number."""
        at = self.place(field)
        return default if at is None else self._flat.number(at, size)

    def text(self, field: int) -> str:
        """Return a field's text, empty if it is absent."""
        at = self.place(field)
        return "" if at is None else self._flat.text(at)

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Return first place and count of a field's vector, (0, 0) if it is absent."""
        at = self.place(field)
        return (0, 0) if at is None else self._flat.vector(at, width)

    def tables(self, field: int) -> Iterator[Table]:
        """Yield the tables of a field's vector."""
        start, count = self.vector(field, 4)
        for index in range(count):
            yield Table(self._flat, self._flat.follow(start + 4 * index))


def flex_texts(data: bytes, most: int = 8) -> list[bytes]:
    """Return the first texts and blobs of a FlexBuffer whose root is a vector; empty for anything else."""
    if len(data) < 3:
        return []
    width, kind = data[-1], data[-2] >> 2
    root = len(data) - 2 - width
    if kind != FLEX_VECTOR or width not in {1, 2, 4, 8} or root < 0:
        return []
    inner = 1 << (data[-2] & 3)
    start = root - int.from_bytes(data[root : root + width], "little")
    if start - inner < 0:
        return []
    count = int.from_bytes(data[start - inner : start], "little")
    found = []
    for index in range(min(count, most)):
        place = start + index * inner
        packed = data[start + count * inner + index : start + count * inner + index + 1]
        value = _flex_value(data, place, inner, packed[0]) if packed else None
        if value is not None:
            found.append(value)
    return found


def _flex_value(data: bytes, place: int, width: int, packed: int) -> bytes | None:
    at = place - int.from_bytes(data[place : place + width], "little")
    size = 1 << (packed & 3)
    if at < 0 or packed >> 2 not in {FLEX_TEXT, FLEX_BLOB, FLEX_KEY}:
        return None
    if packed >> 2 == FLEX_KEY:
        return data[at:].split(b"\0", 1)[0]
    if at - size < 0:
        return None
    return data[at : at + int.from_bytes(data[at - size : at], "little")]
