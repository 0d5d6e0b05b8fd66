"""The pieces in which a file is fetched: its chunks, each with its hash, or stretches of one size that nothing vouches for."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hanse.errors import BadFormat, DigestMismatch
from hanse.model.filepin import FilePin

if TYPE_CHECKING:
    from hanse.store.held.partial import Partial

# What hashes chunks is loaded with the first chunk list (numpy takes 0.1 s): most gateways never see one.

_PIECE = 1 << 20
STRETCH = 1 << 18
"""Bytes of a piece when there is no chunk list."""


class Layout:
    """Where the pieces of a file begin, and what each must hash to. Immutable, safe for threads."""

    def __init__(self, starts: array[int], chunk_list: bytes | None) -> None:
        self._starts = starts
        self._list = chunk_list
        self.count = len(starts) - 1
        self.size = starts[-1]

    @property
    def checked(self) -> bool:
        """Whether every piece has a hash that it is checked against."""
        return self._list is not None

    def start(self, number: int) -> int:
        """Return the offset of piece `number`; that of the piece after the last is the size of the file."""
        return self._starts[number]

    def at(self, offset: int) -> int:
        """Return the number of the piece that holds byte `offset`; the number of pieces at the end of the file."""
        return bisect_right(self._starts, offset) - 1

    def true_run(self, first: int, data: memoryview) -> tuple[int, int]:
        """Check the pieces of `data`, which begins with piece `first`, in order.

        Returns the number after the last whole piece that is what it must be, and that after the last whole piece: they are the
        same if all are true.
        """
        bounds = self._bounds(first, len(data))
        end = first + bisect_right(bounds, len(data)) - 1
        if self._list is None:
            return end, end
        from hanse.content.hashing import CHUNK_RECORD_BYTES, HASH_BYTES, chunk_hash  # noqa: PLC0415 see above

        for number in range(first, end):
            at = number - first
            record = CHUNK_RECORD_BYTES * number
            if chunk_hash(data[bounds[at] : bounds[at + 1]]) != self._list[record : record + HASH_BYTES]:
                return number, end
        return end, end

    def _bounds(self, first: int, length: int) -> Sequence[int]:
        """Return offsets of the pieces from `first` on, relative to it, up to the one that holds byte `length`."""
        base = self.start(first)
        last = min(self.at(base + length) + 1, self.count)
        return [one - base for one in self._starts[first : last + 1]]


def plain_layout(size: int) -> Layout:
    """Return the layout of a file of `size` bytes of which no chunk is known."""
    return Layout(array("q", [*range(0, size, STRETCH), size]), None)


def chunk_layout(pin: FilePin, chunk_list: bytes) -> Layout:
    """Return the layout of a file from its chunk list, which is true: it recomputes to the pinned xet hash and size.

    Raises DigestMismatch if it does not, BadFormat if it is no chunk list.
    """
    import numpy as np  # noqa: PLC0415 see above

    from hanse.content.hashing import (  # noqa: PLC0415 see above
        CHUNK_RECORD_BYTES,
        chunk_records,
        file_hash_of_chunk_list,
    )

    if len(chunk_list) > CHUNK_RECORD_BYTES * max(pin.size, 1):
        raise BadFormat(f"a chunk list of {len(chunk_list)} bytes is too long for a file of {pin.size} bytes")
    name, size = file_hash_of_chunk_list(chunk_list)
    if (name, size) != (pin.xet, pin.size):
        raise DigestMismatch(
            f"the chunk list of {pin.path!r} is of another file: expected {pin.xet} with {pin.size} bytes, got {name} with {size}"
        )
    starts = np.zeros(len(chunk_list) // CHUNK_RECORD_BYTES + 1, dtype=np.int64)
    np.cumsum(chunk_records(chunk_list)["length"], out=starts[1:])
    return Layout(array("q", starts.tobytes()), chunk_list)


def true_chunks(partial: Partial, layout: Layout) -> Iterator[int]:
    """Yield the chunks that an earlier run left and that are what they must be: a crash may have left anything."""
    for start, end in partial.done:
        first, last = layout.at(start), layout.at(end)
        if layout.start(first) < start:
            first += 1
        while first < last:
            stop = min(max(layout.at(layout.start(first) + _PIECE), first + 1), last)
            true, _ = layout.true_run(
                first, memoryview(partial.read(layout.start(first), layout.start(stop) - layout.start(first)))
            )
            yield from range(first, true)
            first = stop if true == stop else true + 1
